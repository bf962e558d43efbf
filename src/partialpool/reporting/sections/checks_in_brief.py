"""Checks in brief, for a short report: findings on the draws, the fit to the data and the priors, without figures."""

from partialpool.fitting.convergence import Finding
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Note, Section, which_can
from partialpool.reporting.sections.power_scale import verdict_on_priors
from partialpool.tabulate import TextTable

__all__ = ["checks_in_brief"]


def checks_in_brief(reported: Reported) -> Section:
    """Tabulate every finding in one table, with the remedies of checks that failed, and say whether priors matter."""
    fitted, unfit = which_can([("the fit to the data", lambda: reported.fit_findings)])
    findings = [*reported.draws_findings, *(finding for found in fitted for finding in found)]
    verdict, unscaled = which_can([("sensitivity to the priors", lambda: verdict_on_priors(reported))])
    failed = [Note(f"{f.check}: {f.found}. What to do: {f.cure}.", "bad") for f in findings if not f.good]
    rows = tuple((f.check, _result(f), f.found) for f in findings)
    table = TextTable(("check", "result", "found"), rows, title="Checks of the draws and of the fit to the data")
    return Section(prose=(*failed, *verdict, *unfit, *unscaled), tables=(table,))


def _result(finding: Finding) -> str:
    if not finding.judged:
        return "not judged"
    return "passed" if finding.good else "failed"
