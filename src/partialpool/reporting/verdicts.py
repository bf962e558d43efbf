"""Verdicts that several sections state, computed once: on the fit to the data and on the priors."""

from weakref import WeakKeyDictionary

from partialpool.fitting.convergence import Finding
from partialpool.fitting.fit import Fit
from partialpool.questions.check import check
from partialpool.questions.power_scale import ROBUST, PowerScaling, power_scale

__all__ = ["SEED", "fit_findings", "is_predictive", "listed", "moved_answers", "prior_sensitivity"]

SEED = 1
"""Seed of the simulated data that a report compares with the table."""
_checks: WeakKeyDictionary[Fit, tuple[Finding, ...]] = WeakKeyDictionary()
_priors: WeakKeyDictionary[Fit, PowerScaling] = WeakKeyDictionary()


def fit_findings(fit: Fit) -> tuple[Finding, ...]:
    """Return the findings of `check`, except those on draws and effects, which have their own sections."""
    if fit not in _checks:
        others = {finding.check for finding in fit.digest.verdict.findings} | {"effects"}
        _checks[fit] = tuple(f for f in check(fit, seed=SEED).findings if f.check not in others)
    return _checks[fit]


def is_predictive(finding: Finding) -> bool:
    """Whether a finding compares the data with simulated data, rather than only describing the table."""
    return finding.check not in ("identified", "categories")


def prior_sensitivity(fit: Fit) -> PowerScaling:
    """Return power-scaling sensitivities, by importance weights only (no refits)."""
    if fit not in _priors:
        _priors[fit] = power_scale(fit, alphas=())
    return _priors[fit]


def moved_answers(fit: Fit) -> dict[str, str]:
    """Return the diagnosis of each answer that is not robust to the priors."""
    frame = prior_sensitivity(fit).frame
    return {str(name): row["diagnosis"] for name, row in frame.iterrows() if row["diagnosis"] != ROBUST}


def listed(names: list[str]) -> str:
    """Write names as a list in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])
