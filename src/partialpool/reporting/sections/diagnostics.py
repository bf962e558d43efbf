"""Diagnostics of the draws: each check, its finding, and a remedy where it failed."""

from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Note, Section
from partialpool.tabulate import TextTable

__all__ = ["diagnostics_section"]


def diagnostics_section(reported: Reported) -> Section:
    """Tabulate the findings of the diagnostics."""
    findings = reported.draws_findings
    failed = [finding for finding in findings if not finding.good]
    notes = [Note(f"{finding.found}. What to do: {finding.cure}.", "bad") for finding in failed]
    good = [Note("Every check passed.", "good")] if not failed else []
    rows = tuple((f.check, "passed" if f.good else "failed", f.found) for f in findings)
    prose = "Checks of the computation: whether the draws describe the posterior, not whether the model is right."
    return Section(
        prose=(prose, *good, *notes), tables=(TextTable(("check", "result", "found"), rows, title="Diagnostics"),)
    )
