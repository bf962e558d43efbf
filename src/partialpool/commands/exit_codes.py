"""The exit codes of the command line."""

from typing import Any

__all__ = ["BAD_INPUT", "BUG", "DIAGNOSTICS_FAILED", "GOOD", "INTERRUPTED", "ended"]

GOOD, DIAGNOSTICS_FAILED, BAD_INPUT, BUG, INTERRUPTED = 0, 1, 2, 70, 130
"""A bug must not look like failed diagnostics: 70 is EX_SOFTWARE of sysexits.h; Python itself would return 1."""


def ended(*fits: Any) -> int:
    """Return the exit code of a command on these fits: whether the diagnostics of all are good."""
    return GOOD if all(fit.digest.verdict.good for fit in fits) else DIAGNOSTICS_FAILED
