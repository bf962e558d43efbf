"""Maximum likelihood and REML: the classical fit of the same model, for likelihood-ratio tests and comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.design.psd_root import singular_root
from partialpool.design.table import Missing
from partialpool.errors import EngineError
from partialpool.likelihood.maximise import maximise
from partialpool.likelihood.maximise_generalised import integration_of, maximise_generalised
from partialpool.likelihood.maximise_residual import maximise_residual
from partialpool.likelihood.maximum import EXACT, LAPLACE, Maximum
from partialpool.marginal.gaussian import eligibility as normal
from partialpool.marginal.glmm import eligibility as generalised
from partialpool.model.response import replicate
from partialpool.names import RESIDUAL_CORRELATION, SIGMA
from partialpool.spec.effect_distribution import why_not_normal
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.tabulate import TextTable, estimate_cells, fixed, number

__all__ = ["LikelihoodFit", "check_likelihood", "likelihood_fit", "maximum_likelihood", "why_no_likelihood"]


@dataclass(frozen=True, eq=False, repr=False)
class LikelihoodFit:
    """A maximum-likelihood or REML fit; prints much as lme4 does.

    Attributes
    ----------
    design
        The arrays of the model.
    maximum
        The estimates as arrays.
    reml
        Whether the restricted likelihood was maximised.
    """

    design: Design
    maximum: Maximum
    reml: bool

    @property
    def log_likelihood(self) -> float:
        """Log likelihood of y at the maximum; for REML restricted, comparable only if the fixed effects are equal."""
        return self.maximum.log_likelihood

    @property
    def deviance(self) -> float:
        """-2 log likelihood."""
        return -2 * self.maximum.log_likelihood

    @property
    def n_parameters(self) -> int:
        """Number of parameters estimated: fixed effects, sds, correlations, sigma or the family's own."""
        pairs = sum(len(f.parameter_pairs) for f in self.design.factors)
        sds = sum(len(f.structure.own_sds) for f in self.design.factors)
        own = sum(self.maximum.own[name].size for name in self.maximum.estimated)
        residual = len(self._residual) + (self.maximum.sigma is not None)
        return len(self.design.common.coefs) + sds + pairs + own + residual

    @property
    def singular(self) -> bool:
        """Whether the estimate is on the boundary: an sd of 0, or effects that are combinations of others."""
        return self.maximum.singular

    @property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects: estimate and standard error, one row each."""
        errors = np.sqrt(np.diagonal(self.maximum.covariance))
        index = pd.Index(self.design.common.coefs, name="coef")
        return pd.DataFrame({"estimate": self.maximum.beta, "std_error": errors}, index=index)

    @property
    def variance_components(self) -> pd.DataFrame:
        """Standard deviations and correlations, and the family's own parameters: factor, effects, estimate.

        The correlation of an effect whose sd is 0 is NaN.
        """
        return pd.DataFrame(self._components, columns=["factor", "effect", "with", "estimate"])

    @property
    def _components(self) -> list[tuple[str, str, str, float]]:
        rows: list[tuple[str, str, str, float]] = []
        for factor, sd, corr in zip(self.design.factors, self.maximum.sd, self.maximum.corr, strict=True):
            known = np.where(np.outer(sd, sd) > 0, corr, np.nan)
            effects = factor.names
            rows += [(factor.name, factor.sd_parameters[i], "", float(sd[i])) for i in factor.structure.own_sds]
            rows += [(factor.name, effects[i], effects[j], float(known[i, j])) for i, j in factor.parameter_pairs]
        if self.maximum.sigma is not None:
            rows.append(("residual", "sigma", "", self.maximum.sigma))
        rows += self._residual
        for name, values in self.maximum.own.items():
            names = [name] if values.size == 1 else [f"{name}[{k}]" for k in range(1, values.size + 1)]
            rows += [("family", n, "", float(v)) for n, v in zip(names, values.ravel(), strict=True)]
        return rows

    @property
    def _residual(self) -> list[tuple[str, str, str, float]]:
        """Rows of several residual sds, and of correlations of residuals."""
        residual, found = self.design.residual, self.maximum.residual
        if residual is None:
            return []
        sigma = np.atleast_1d(found[SIGMA])
        rows = [("residual", name, "", float(s)) for name, s in zip(residual.sigma_names, sigma, strict=True)]
        if residual.series is None:
            return rows
        visits, corr = residual.series.visits, found[RESIDUAL_CORRELATION]
        if not visits:
            return [*rows, ("residual", f"corr ({residual.series.kind})", "", float(corr))]
        pairs = [(i, j) for i in range(1, len(visits)) for j in range(i)]
        return rows + [("residual", str(visits[j]), str(visits[i]), float(corr[i, j])) for i, j in pairs]

    def conditional_modes(self, factor: str) -> pd.DataFrame:
        """Return the group effects' conditional modes (BLUPs) of one factor: levels by effects."""
        names = [f.name for f in self.design.factors]
        of = self.design.factors[names.index(factor)]
        index = pd.Index(of.levels.labels, name=factor)
        return pd.DataFrame(self.maximum.modes[names.index(factor)], index=index, columns=list(of.names))

    def draw_response(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a response of the same rows with new group effects, at the estimates; shape (rows,)."""
        design, maximum = self.design, self.maximum
        intercept = [np.ones((design.n_rows, 1))] if design.common.intercept else []
        eta = np.concatenate([*intercept, design.common.values], axis=1) @ maximum.beta
        eta += 0.0 if design.offset is None else design.offset
        for factor, sd, corr in zip(design.factors, maximum.sd, maximum.corr, strict=True):
            half = sd[:, None] * singular_root(corr)
            effects = rng.standard_normal((factor.n_levels, len(sd))) @ half.T
            if factor.root is not None:
                effects = factor.root @ effects
            eta += factor.apply(effects)
        own = maximum.own if maximum.sigma is None else {SIGMA: np.array([maximum.sigma])}
        own = {**own, **{name: values[None] for name, values in maximum.residual.items()}}
        return replicate(design, own_rows(design), eta[None], own, seed=rng)[0]

    def __str__(self) -> str:
        how = "REML" if self.reml else "maximum likelihood"
        heading = (
            f"{self.design.spec}",
            f"{self.design.n_rows} rows; "
            + "; ".join([f"{f.name} {f.how_many}" for f in self.design.grouping] or ["no grouping factor"]),
            f"{how}: log likelihood {fixed(self.log_likelihood, 4)}, deviance {fixed(self.deviance, 4)}, "
            f"{self.n_parameters} parameters",
            *([f"group effects integrated out {self.maximum.method}"] if self.maximum.method != EXACT else []),
        )
        components = tuple(
            (factor, f"corr({effect}, {other})" if other else effect, number(value, digits=4))
            for factor, effect, other, value in self._components
        )
        errors = np.sqrt(np.diagonal(self.maximum.covariance))
        names = self.design.common.coefs
        common = tuple(
            (c, *estimate_cells((b, s), sd=s, digits=4))
            for c, b, s in zip(names, self.maximum.beta, errors, strict=True)
        )
        tables = [
            TextTable(
                ("factor", "effect", "estimate"), components, title="Variance components: random (group-level) effects"
            ),
            TextTable(("", "estimate", "std. error"), common, title="Fixed effects (population-level)"),
        ]
        what = (
            "the residual sd is 0" if self.maximum.no_residual else "some combination of group effects has no variance"
        )
        notes = [f"The fit is singular: {what}."] if self.singular else []
        notes += [
            f"{name} is at the end of its range: the likelihood is as high for all values beyond some value."
            for name in self.maximum.at_end
        ]
        return "\n".join([*heading, *("\n" + str(t) for t in tables if t.rows), *([""] if notes else []), *notes])

    __repr__ = __str__


@explains_keywords
def maximum_likelihood(
    model: ModelSpec | str,
    data: Any,
    *,
    reml: bool = False,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    missing: Missing = "drop",
    laplace: bool = False,
) -> LikelihoodFit:
    """Fit by maximum likelihood, or by restricted maximum likelihood.

    Group effects of a normal response are integrated out exactly. Those of other responses are integrated out by
    quadrature, to errors far below what matters, if there is one grouping factor with at most three effects
    (`marginal/glmm/level_integrals.py`), or two nested factors with one effect each and up to 1,000 rows
    (`marginal/glmm/nested_integrals.py`); otherwise by Laplace's approximation (`likelihood/laplace.py`), as in lme4's
    `glmer` by default. The fit says which.

    Parameters
    ----------
    model, data, family, link, priors, se, cov, missing
        As for `fit`; priors are not used.
    reml
        Whether to maximise the restricted likelihood, which does not favour small variances; for normal responses.
    laplace
        Whether to use Laplace's approximation also where quadrature applies, to compare with other software.

    Returns
    -------
    LikelihoodFit
        Estimates, standard errors, conditional modes, log likelihood, and whether the fit is singular.

    Raises
    ------
    EngineError
        REML for a response that is not normal; a known covariance of the levels with such a response; no maximum at
        finite values.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> print(maximum_likelihood("Yield ~ 1 + (1 | Batch)", load_dataset("dyestuff")))
    Yield ~ 1 + (1 | Batch)   [gaussian]
    30 rows; Batch 6 levels
    maximum likelihood: log likelihood -163.6635, deviance 327.3271, 3 parameters
    <BLANKLINE>
    Variance components: random (group-level) effects
     factor    effect     estimate
     Batch     Intercept     37.26
     residual  sigma         49.51
    <BLANKLINE>
    Fixed effects (population-level)
                estimate  std. error
     Intercept   1527.50       17.69
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov)
    check_likelihood(spec, reml=reml)
    design = build_design(spec, data, missing=missing)
    by_laplace = laplace and design.factors and not design.parameters  # those with predictors have no other
    return likelihood_fit(design, reml=reml, method=LAPLACE if by_laplace else None)


def why_no_likelihood(spec: ModelSpec) -> str:
    """Return why there is no likelihood of a model; empty if there is one.

    Examples
    --------
    >>> why_no_likelihood(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    ''
    """
    if spec.family_record.has_predictors_of_categories:
        return "predictors of categories: their likelihood is not available"
    if spec.parameters and any(group.cov for group in spec.groups):
        return f"a predictor of {' and '.join(spec.parameters)}, and levels with a known covariance"
    if spec.is_normal and not spec.parameters:
        return normal.why_not(spec)
    if heavy := why_not_normal(spec):
        return heavy
    if spec.smooths:
        return "a smooth of a response that is not normal: its effects share an sd, which no integral here allows"
    if any(group.members for group in spec.groups):
        return "a row belongs to several levels: their integrals are available for a normal response"
    return generalised.why_not(spec.with_priors({}))


def check_likelihood(spec: ModelSpec, *, reml: bool = False) -> None:
    """Refuse a model whose group effects cannot be integrated out, and REML of a response that is not normal.

    Raises
    ------
    EngineError
        See `maximum_likelihood`.
    """
    reason = why_no_likelihood(spec)
    if reason:
        raise EngineError(
            "there is no likelihood of this model",
            got=reason,
            allowed="predictors of the mean and of parameters; normal effects; independent levels, or one effect of the "
            "mean of levels with a known covariance; smooths of normal responses",
            do="use pp.fit for its posterior",
        )
    if reml and not (spec.is_normal and not spec.parameters):
        predicted = f", {' and '.join(spec.parameters)} with predictors" if spec.parameters else ""
        raise EngineError(
            "REML is for normal responses",
            got=f"family {spec.family!r}, link {spec.link!r}{predicted}",
            allowed="family 'gaussian' or 'lognormal' with the identity link, and a predictor of the mean alone",
            do="leave out reml=True",
        )


def likelihood_fit(design: Design, *, reml: bool = False, method: str | None = None) -> LikelihoodFit:
    """Fit a design whose model has passed `check_likelihood`.

    Parameters
    ----------
    design, reml
        As for `maximum_likelihood`.
    method
        How group effects of a response that is not normal are integrated out, from `integration_of`; None for the
        design's own method.
    """
    if design.residual is not None:
        return LikelihoodFit(design, maximise_residual(design, reml=reml), reml)
    if design.spec.is_normal and not design.parameters:
        return LikelihoodFit(design, maximise(design, reml=reml), reml)
    return LikelihoodFit(design, maximise_generalised(design, method or integration_of(design)), reml)
