"""Likelihood-ratio tests of nested models, in which a variance may be on the boundary of its range."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import scipy

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.nested_models import Additions, find_additions
from partialpool.design.table import Missing
from partialpool.errors import DataError, EngineError, SpecError
from partialpool.fitting.fit import Fit
from partialpool.likelihood.bootstrap import rounding_of, simulate_null, slack_of
from partialpool.likelihood.maximise_generalised import integration_of
from partialpool.likelihood.maximum import EXACT
from partialpool.likelihood.maximum_likelihood import LikelihoodFit, check_likelihood, likelihood_fit
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.tabulate import TextTable, fixed, number

__all__ = ["LikelihoodRatioTest", "lrt"]

_FEWEST: Final = 20
"""Fewest simulations with which p can be below 0.05."""
_SIMULATIONS: Final = 1000
_LEVEL: Final = 0.05
"""The data support the added terms where p is below this."""


@dataclass(frozen=True, eq=False, repr=False)
class LikelihoodRatioTest:
    """A likelihood-ratio test with three null distributions; prints them side by side.

    Attributes
    ----------
    full, reduced
        The two fits.
    added
        What is tested, in words.
    statistic
        Twice the difference of the log likelihoods.
    mixture
        (degrees of freedom, weight) of each chi-square in the asymptotic null: a single one if no variance is
        tested; None if the weights are not known.
    null
        Simulated statistics, (simulations,); empty if none were requested.
    method
        How they were simulated.
    n_failed
        Simulations left out because a maximum was not found.
    """

    full: LikelihoodFit
    reduced: LikelihoodFit
    added: str
    statistic: float
    mixture: tuple[tuple[int, float], ...] | None
    null: np.ndarray
    method: str
    n_failed: int

    @property
    def reml(self) -> bool:
        """Whether restricted likelihoods are compared."""
        return self.full.reml

    @property
    def naive_df(self) -> int:
        """Number of parameters that the full model has in addition."""
        return self.full.n_parameters - self.reduced.n_parameters

    @property
    def p_naive(self) -> float:
        """P-value from chi-square with `naive_df`: too large if a variance is tested."""
        return float(scipy.stats.chi2.sf(self.statistic, self.naive_df))

    @property
    def p_mixture(self) -> float:
        """P-value from the mixture; nan if there is none."""
        if self.mixture is None:
            return float("nan")
        return float(sum(weight * _upper_tail(self.statistic, df) for df, weight in self.mixture))

    @property
    def p_simulated(self) -> float:
        """P-value, (1 + simulated statistics at least as large) / (1 + simulations); nan without simulations."""
        return (1 + self._exceeding) / (1 + len(self.null)) if len(self.null) else float("nan")

    @property
    def p_simulated_error(self) -> float:
        """Monte Carlo standard error of `p_simulated`; nan without simulations."""
        p = self.p_simulated
        return float(np.sqrt(p * (1 - p) / len(self.null))) if len(self.null) else float("nan")

    @property
    def _exceeding(self) -> int:
        return int((self.null >= self.statistic).sum())

    @property
    def conclusion(self) -> str:
        """The result in a sentence: by the simulated null if there is one, else by the mixture or the naive null."""
        if len(self.null) >= _FEWEST:
            source, p = "the simulated null", self.p_simulated
        elif self.mixture is not None:
            source, p = "the asymptotic null", self.p_mixture
        else:
            source, p = "the naive chi-square, conservative for a variance,", self.p_naive
        shown = f"p = {_written(p)}"
        if len(self.null) >= _FEWEST and not self._exceeding:
            shown = f"none of {len(self.null)} statistics is as large"
        error = 2 * self.p_simulated_error if len(self.null) >= _FEWEST else 0.0
        if abs(p - _LEVEL) < error:
            within = f"{shown}, Monte Carlo error {_written(self.p_simulated_error)}"
            return f"{len(self.null)} simulations do not decide whether the data support {self.added} ({within})."
        if p < _LEVEL:
            return f"By {source} the data support {self.added} ({shown})."
        return f"By {source} the data do not require {self.added} ({shown}); this does not show that it is absent."

    @property
    def _tables(self) -> tuple[TextTable, TextTable]:
        how = "REML" if self.reml else "maximum likelihood"
        if self.full.maximum.method != EXACT:
            how += f", group effects integrated out {self.full.maximum.method}"
        fits = [
            (name, fit.design.spec.to_formula(), fixed(fit.log_likelihood, 4), str(fit.n_parameters))
            for name, fit in (("full", self.full), ("reduced", self.reduced))
        ]
        models = TextTable(
            ("", "model", "log likelihood", "parameters"),
            tuple(fits),
            title=f"Likelihood-ratio test of {self.added}\n{how}: statistic {number(self.statistic, 6)}\n",
        )
        interior = self.mixture == ((self.naive_df, 1.0),)
        rows = [(f"chi2_{self.naive_df}" + (" (naive)" if not interior else ""), _written(self.p_naive), "-")]
        if self.mixture is not None and not interior:
            rows.insert(0, (write_mixture(self.mixture), _written(self.p_mixture), "-"))
        if len(self.null):
            error = number(self.p_simulated_error, 2)
            rows.insert(0, (f"{self.method}, {len(self.null)} draws", _written(self.p_simulated), error))
        notes = ("", self.conclusion, *self._remarks)
        return models, TextTable(("null distribution", "p", "MC error"), tuple(rows), notes=notes)

    @property
    def _remarks(self) -> Iterator[str]:
        if self.mixture is None:
            yield "Several variances of one correlated block: the mixture's weights are not known; simulate the null."
        if 0 < len(self.null) < _FEWEST:
            yield f"{len(self.null)} simulations are too few for a p below 0.05: at least {_FEWEST} are needed."
        if self.mixture is not None and sum(df_weight[1] > 0 for df_weight in self.mixture) > 2:
            yield (
                "Several variances at once: the mixture is approximate. Its weights are right if their informations "
                "are orthogonal, which those of nested factors, or of a slope away from its mean, are not; simulate."
            )
        if self.reduced.singular:
            yield "The reduced fit is itself singular: no chi-square mixture is exact; use the simulated null."
        if self.n_failed:
            yield f"{self.n_failed} simulations found no maximum and are left out."

    def __str__(self) -> str:
        models, nulls = self._tables
        return f"{models}\n\n{nulls}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self._tables)


@explains_keywords
def lrt(
    full: ModelSpec | str | Fit,
    reduced: ModelSpec | str | Fit,
    data: Any = None,
    *,
    reml: bool = False,
    simulations: int | None = None,
    seed: int | None = None,
    family: str | None = None,
    link: str | None = None,
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    missing: Missing = "drop",
    progressbar: bool = True,
) -> LikelihoodRatioTest:
    """Test a mixed model against one nested in it, by the ratio of their likelihoods.

    Group effects of both models are integrated out in the same way: exactly for normal responses; by quadrature for
    other responses where that applies to both models, else by Laplace's approximation (`maximum_likelihood`). Effects
    on parameters of the family are tested too: `sigma ~ arm` against one sigma.

    A variance of 0 is on the boundary, where the ratio is not chi-square. Three null distributions are reported:

    - Simulated. If one variance is added to a normal model without others, draws from the exact distribution
      (Crainiceanu & Ruppert 2004, JRSS B 66:165; at least 10000, since they cost almost nothing): see
      `likelihood/exact_rlrt.py`. Otherwise a parametric bootstrap: responses drawn from the reduced fit, both models
      refitted. Its p is (1 + #{simulated >= observed}) / (1 + simulations).
    - Mixture. For one effect added to k correlated ones, chi2_k / 2 + chi2_(k+1) / 2 (Self & Liang 1987, JASA
      82:605; Stram & Lee 1994, Biometrics 50:1171). Fixed effects, and correlations between effects that both models
      have, are interior parameters and add their degrees of freedom. Variances added in different blocks or factors
      convolve (two: 1/4, 1/2, 1/4), which is right if their informations are orthogonal, as for crossed balanced
      factors; nested factors, or a slope away from its predictor's mean, have more weight at 0. For several effects
      added in one correlated block the weights depend on the information, and no mixture is given. The mixture is
      valid for a large number of levels.
    - Naive chi-square, for comparison: if a variance is tested, its p is too large.

    Parameters
    ----------
    full, reduced
        Formulas or specifications, or two fits (whose priors are not used) without `data`.
    data, family, link, se, missing
        As for `fit`.
    reml
        Whether to compare restricted likelihoods: only with the same fixed effects.
    simulations
        Number of simulated statistics; 0 for none. By default 1000, and none where parameters of the family have
        predictors, since both models are then fitted anew in seconds each. Inside `joblib.parallel_config(...)` they
        are made side by side, with `backend="dask"` on the cluster of the current `dask.distributed.Client`.
    seed
        Makes the simulations reproducible.
    progressbar
        Whether to show progress in an interactive session. Ctrl-C keeps the simulations made so far, with a warning.

    Returns
    -------
    LikelihoodRatioTest
        Prints as tables with a sentence; the numbers are its attributes. Log likelihoods are in nats.

    Raises
    ------
    SpecError
        Not nested, or nothing to test; REML with different fixed effects.
    DataError
        The two use different rows or values.
    EngineError
        There is no likelihood (see `maximum_likelihood`); a maximum was missed.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> test = lrt("Yield ~ 1 + (1 | Batch)", "Yield ~ 1", load_dataset("dyestuff"), reml=True, seed=1)
    >>> print(test)
    Likelihood-ratio test of Intercept varying over Batch
    REML: statistic 6.36896
    <BLANKLINE>
              model                    log likelihood  parameters
     full     Yield ~ 1 + (1 | Batch)       -159.8271           3
     reduced  Yield ~ 1                     -163.0116           2
    <BLANKLINE>
     null distribution              p  MC error
     exact, 10000 draws        0.00...   0.000...
     0.5 chi2_0 + 0.5 chi2_1  0.00581         -
     chi2_1 (naive)            0.0116         -
    <BLANKLINE>
    By the simulated null the data support Intercept varying over Batch (p = 0.00...).
    """
    larger, smaller = _designs(
        full, reduced, data, {"family": family, "link": link, "se": se, "cov": cov or None}, missing, reml=reml
    )
    additions = _additions(larger, smaller)
    if simulations is None:
        simulations = 0 if larger.parameters else _SIMULATIONS
    _check_settings(additions, simulations, reml=reml)
    method = integration_of(larger, smaller)
    fits = likelihood_fit(larger, reml=reml, method=method), likelihood_fit(smaller, reml=reml, method=method)
    statistic = _statistic(*fits)
    method, null, n_failed = simulate_null(*fits, simulations, seed, progressbar=progressbar)
    return LikelihoodRatioTest(*fits, str(additions), statistic, _mixture(additions), null, method, n_failed)


def _additions(larger: Design, smaller: Design) -> Additions:
    """Return what the larger model has in addition; refuse models in the wrong order."""
    try:
        return find_additions(larger, smaller)
    except SpecError as error:
        try:
            find_additions(smaller, larger)
        except (SpecError, DataError):
            raise error from None
        raise SpecError(
            "the models are in the wrong order",
            got=f"full {larger.spec.to_formula()}, reduced {smaller.spec.to_formula()}",
            allowed="the larger model first",
            do="exchange them",
        ) from None


def write_mixture(mixture: tuple[tuple[int, float], ...]) -> str:
    """Write a mixture of chi-squares.

    Examples
    --------
    >>> write_mixture(((1, 0.5), (2, 0.5)))
    '0.5 chi2_1 + 0.5 chi2_2'
    """
    return " + ".join(f"{number(weight)} chi2_{df}" if weight < 1 else f"chi2_{df}" for df, weight in mixture)


def _written(p: float) -> str:
    return f"{p:.3g}"


def _upper_tail(value: float, df: int) -> float:
    """P(chi2_df >= value); chi2_0 is 0."""
    return float(scipy.stats.chi2.sf(value, df)) if df else float(value <= 0)


def _designs(
    full: Any, reduced: Any, data: Any, options: dict[str, Any], missing: Missing, *, reml: bool
) -> tuple[Design, Design]:
    fits = [isinstance(model, Fit) for model in (full, reduced)]
    said = ["data"] * (data is not None) + [name for name, value in options.items() if value is not None]
    if any(fits) and (said or not all(fits)):
        raise SpecError(
            "two fits are tested without data or model options",
            got="a fit and a model" if not all(fits) else f"two fits and {', '.join(said)}",
            allowed="two fits alone, or two models with data",
            do="pass fit.spec and data in place of a fit, or leave out what the fits already contain",
        )
    if all(fits):
        designs = full.design, reduced.design
        for design in designs:
            check_likelihood(design.spec, reml=reml)
        return designs
    if data is None:
        raise SpecError(
            "the test needs a table", got="two models and no data", allowed="two models with data, or two fits",
            do="pp.lrt(full, reduced, data)",
        )  # fmt: skip
    specs = [_spec_of(model, options) for model in (full, reduced)]
    for spec in specs:
        check_likelihood(spec, reml=reml)
    larger, smaller = (build_design(spec, data, missing=missing) for spec in specs)
    return larger, smaller


def _spec_of(model: Any, options: dict[str, Any]) -> ModelSpec:
    """Read one of the two models, with the covariances of the factors it has."""
    stated = {name: value for name, value in options.items() if value is not None}
    if isinstance(model, str) and isinstance(stated.get("cov"), Mapping):
        factors = as_spec(model).factors
        stated["cov"] = {name: value for name, value in stated["cov"].items() if name in factors}
    return as_spec(model, **stated)


def _check_settings(additions: Additions, simulations: int, *, reml: bool) -> None:
    if isinstance(simulations, bool) or not isinstance(simulations, int | np.integer) or simulations < 0:
        raise SpecError(
            "simulations must be a non-negative integer",
            got=repr(simulations),
            allowed="0, 1, 2, ...",
            do="start with 1000",
        )
    if reml and additions.common:
        raise SpecError(
            "restricted likelihoods of different fixed effects cannot be compared",
            got=f"{', '.join(additions.common)} in the full model only",
            allowed="the same fixed effects in both models",
            do="leave out reml=True",
        )


def _mixture(additions: Additions) -> tuple[tuple[int, float], ...] | None:
    """Convolve the added parameters: half and half for each variance; its covariances and all others are interior."""
    if any(len(block.effects) > 1 for block in additions.blocks):
        return None
    weights = np.ones(1)
    for block in additions.blocks:
        weights = np.convolve(weights, np.concatenate([np.zeros(len(block.beside)), [0.5, 0.5]]))
    interior = len(additions.common) + len(additions.correlations)
    return tuple((df + interior, float(weight)) for df, weight in enumerate(weights) if weight > 0)


def _statistic(full: LikelihoodFit, reduced: LikelihoodFit) -> float:
    value = reduced.deviance - full.deviance
    if value < -slack_of(full.deviance):
        raise EngineError(
            "the reduced model has the higher likelihood: the full model's maximum was missed",
            got=f"log likelihoods {full.log_likelihood:.6f} (full) and {reduced.log_likelihood:.6f} (reduced)",
            allowed="a full model whose likelihood is at least as high",
            do="centre and scale the predictors, or report this with the data",
        )
    return value if value > rounding_of(full.deviance) else 0.0
