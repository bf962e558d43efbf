"""A fit as a page reports it: the probability of its intervals, and the verdicts that several sections state."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from partialpool.fitting.convergence import Finding
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import Point
from partialpool.fitting.summary import Digest
from partialpool.intervals import DEFAULT_PROB, central_ends, end_names, percent
from partialpool.labels.labels import Labels
from partialpool.labels.names_shown import NamesShown
from partialpool.plots.axis_units import bracketed
from partialpool.questions.check import check
from partialpool.questions.power_scale import NEAR, ROBUST, PowerScaling, power_scale
from partialpool.reporting.wording import estimate_in_words
from partialpool.tabulate import listed

__all__ = ["SEED", "Reported", "is_predictive"]

SEED: Final = 1
"""Seed of all data that a report simulates: the page of a fit is always the same."""


@dataclass(frozen=True, eq=False)
class Reported:
    """What every section is written from.

    Parameters
    ----------
    fit
        The fit.
    prob
        Probability of all intervals on the page.
    labels
        What to write for names of the model, as in `table`; None writes every name as in the formula.
    claims
        Inequalities whose probabilities the page states, as in `hypothesis`.
    """

    fit: Fit
    prob: float = DEFAULT_PROB
    labels: Labels | None = None
    claims: tuple[str, ...] = ()

    @cached_property
    def names(self) -> NamesShown:
        """Names of the model as the page writes them."""
        return NamesShown(self.fit.design, self.labels)

    @property
    def ends(self) -> tuple[float, float]:
        """Probabilities below the two ends of an interval."""
        return central_ends(self.prob)

    @property
    def end_names(self) -> tuple[str, str]:
        """Headings of the columns with the two ends of an interval."""
        return end_names(self.prob)

    @property
    def percent(self) -> str:
        """The probability of the intervals in per cent."""
        return percent(self.prob)

    @property
    def quantity_with_unit(self) -> str:
        """What predictions are, with the unit of the response where the mean has it and the unit is known."""
        unit = "" if self.fit.spec.family_record.support.mean_is_probability else self.fit.design.axis_units.response
        return f"{self.names.quantity}{bracketed(unit)}"

    @property
    def anyone(self) -> str:
        """Whom predictions for the population are for; empty where the model has no factors."""
        names = [self.names.factor(factor.name) for factor in self.fit.design.grouping]
        whom = f"{'a randomly drawn level' if len(names) == 1 else 'randomly drawn levels'} of {listed(names)}"
        return f"a member of {whom} (group effects integrated out)" if names else ""

    @cached_property
    def digest(self) -> Digest:
        """The tables of the fit's summary."""
        return self.fit.digest.with_prob(self.prob).with_names(self.names.rows)

    def in_words(self, draws: np.ndarray, point: Point | None = None) -> str:
        """Return an estimate with its interval, as `estimate_in_words`."""
        return estimate_in_words(draws, point, prob=self.prob)

    @cached_property
    def fit_findings(self) -> tuple[Finding, ...]:
        """Findings of `check`, except those on draws and effects, which have their own sections."""
        others = {finding.check for finding in self.fit.digest.verdict.findings} | {"effects"}
        return tuple(self.names.finding(f) for f in check(self.fit, seed=SEED).findings if f.check not in others)

    @cached_property
    def draws_findings(self) -> tuple[Finding, ...]:
        """Findings of the diagnostics of the draws."""
        return tuple(map(self.names.finding, self.fit.digest.verdict.findings))

    @cached_property
    def prior_sensitivity(self) -> PowerScaling:
        """Power-scaling sensitivities, by importance weights only (no refits)."""
        return self.names.relabelled(power_scale(self.fit, alphas=()))

    @property
    def moved_answers(self) -> dict[str, str]:
        """Diagnosis of each answer that is not robust to the priors, without those near the threshold."""
        frame = self.prior_sensitivity.frame
        return {str(name): row["diagnosis"] for name, row in frame.iterrows() if row["diagnosis"] not in (ROBUST, NEAR)}

    @property
    def doubtful_answers(self) -> tuple[str, ...]:
        """Answers of which the draws do not say whether they are sensitive to the priors."""
        frame = self.prior_sensitivity.frame
        return tuple(str(name) for name in frame.index[frame["diagnosis"] == NEAR])


def is_predictive(finding: Finding) -> bool:
    """Whether a finding compares the data with simulated data, rather than only describing the table."""
    return finding.check not in ("identified", "categories")
