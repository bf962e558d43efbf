"""Maximum likelihood and REML: the classical fit of the same model, for likelihood-ratio tests and comparison."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import joined_factors
from partialpool.design.table import Missing
from partialpool.errors import EngineError
from partialpool.likelihood.draw_response import draw_response
from partialpool.likelihood.maximise import maximise
from partialpool.likelihood.maximise_generalised import integration_of, laplace_of, maximise_generalised
from partialpool.likelihood.maximise_residual import maximise_residual
from partialpool.likelihood.maximum import EXACT, QUADRATURE, Maximum, OfPredictor
from partialpool.marginal.gaussian import eligibility as normal
from partialpool.marginal.glmm import eligibility as generalised
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
        each = (self.design, *self.design.parameters.values())
        effects = sum(len(one.common.coefs) + sum(map(_size, one.factors)) for one in each)
        across = sum(len(one.pairs) for one in joined_factors(self.design))
        own = sum(self.maximum.own[name].size for name in self.maximum.estimated)
        residual = len(self._residual) + (self.maximum.sigma is not None)
        return effects + across + own + residual

    @property
    def singular(self) -> bool:
        """Whether the estimate is on the boundary: an sd of 0, or effects that are combinations of others."""
        return self.maximum.singular

    @property
    def coefficients(self) -> pd.DataFrame:
        """Fixed effects: estimate and standard error, one row each; those of a parameter as `sigma: Days`."""
        rows = list(self._coefficients)
        index = pd.Index([name for name, _, _ in rows], name="coef")
        return pd.DataFrame([values for _, *values in rows], index=index, columns=["estimate", "std_error"])

    @property
    def _coefficients(self) -> Iterator[tuple[str, float, float]]:
        for before, design, found in self._predictors:
            errors = np.sqrt(np.diagonal(found.covariance))
            for coef, estimate, error in zip(design.common.coefs, found.beta, errors, strict=True):
                yield f"{before}{coef}", float(estimate), float(error)

    @property
    def _predictors(self) -> list[tuple[str, Design, Maximum | OfPredictor]]:
        """What is written before the names of each predictor, its design and its estimates."""
        others = [(f"{name}: ", other, self.maximum.parameters[name]) for name, other in self.design.parameters.items()]
        return [("", self.design, self.maximum), *others]

    @property
    def variance_components(self) -> pd.DataFrame:
        """Standard deviations and correlations, and the family's own parameters: factor, effects, estimate.

        The correlation of an effect whose sd is 0 is NaN.
        """
        return pd.DataFrame(self._components, columns=["factor", "effect", "with", "estimate"])

    @property
    def _components(self) -> list[tuple[str, str, str, float]]:
        rows: list[tuple[str, str, str, float]] = []
        for before, design, found in self._predictors:
            for factor, sd, corr in zip(design.factors, found.sd, found.corr, strict=True):
                known, name = np.where(np.outer(sd, sd) > 0, corr, np.nan), factor.name
                own, effects = factor.sd_parameters, [f"{before}{effect}" for effect in factor.names]
                rows += [(name, f"{before}{own[i]}", "", float(sd[i])) for i in factor.structure.own_sds]
                rows += [(name, effects[i], effects[j], float(known[i, j])) for i, j in factor.parameter_pairs]
        for one in joined_factors(self.design):
            corr = self.maximum.across[one.factor]
            shown = one.shown
            rows += [(one.factor, shown[j], shown[i], float(corr[i, j])) for i, j in one.pairs]
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

    def conditional_modes(self, factor: str, *, parameter: str | None = None) -> pd.DataFrame:
        """Return the group effects' conditional modes (BLUPs) of one factor: levels by effects.

        Parameters
        ----------
        factor
            The factor.
        parameter
            The parameter whose predictor the effects are part of; left out for the mean.
        """
        design = self.design.predictor_named(parameter)
        found = self.maximum if parameter is None else self.maximum.parameters[parameter]
        names = [f.name for f in design.factors]
        of = design.factors[names.index(factor)]
        index = pd.Index(of.levels.labels, name=factor)
        return pd.DataFrame(found.modes[names.index(factor)], index=index, columns=list(of.names))

    def draw_response(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a response of the same rows with new group effects, at the estimates; shape (rows,)."""
        return draw_response(self.design, self.maximum, rng)

    @property
    def _has_error(self) -> bool:
        """Whether there is an integral that is not exact."""
        return self.maximum.method != EXACT and bool(self._integrated)

    @property
    def _integrated(self) -> str:
        """What is integrated out: group effects, curves or both."""
        smooth = {factor.is_smooth for _, design, _ in self._predictors for factor in design.factors}
        return " and ".join(["group effects"] * (False in smooth) + ["curves"] * (True in smooth))

    @property
    def _grouping(self) -> list[str]:
        """The grouping factors of all predictors with their numbers of levels."""
        each = (factor for _, design, _ in self._predictors for factor in design.grouping)
        return list(dict.fromkeys(f"{factor.name} {factor.how_many}" for factor in each))

    def __str__(self) -> str:
        how = "REML" if self.reml else "maximum likelihood"
        heading = (
            f"{self.design.spec}",
            f"{self.design.n_rows} rows; " + "; ".join(self._grouping or ["no grouping factor"]),
            f"{how}: log likelihood {fixed(self.log_likelihood, 4)}, deviance {fixed(self.deviance, 4)}, "
            f"{self.n_parameters} parameters",
            *([f"{self._integrated} integrated out {self.maximum.method}"] if self._has_error else []),
        )
        components = tuple(
            (factor, f"corr({effect}, {other})" if other else effect, number(value, digits=4))
            for factor, effect, other, value in self._components
        )
        common = tuple((c, *estimate_cells((b, s), sd=s, digits=4)) for c, b, s in self._coefficients)
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


def _size(factor: FactorEffects) -> int:
    """Return the number of sds and correlations of a factor."""
    return len(factor.structure.own_sds) + len(factor.parameter_pairs)


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
    quadrature, to errors far below what matters, if there is no smooth, and one grouping factor with at most three
    effects, those on all categories counted (`marginal/glmm/level_integrals.py`), or two nested factors with one effect
    each and up to 1,000 rows (`marginal/glmm/nested_integrals.py`); otherwise by Laplace's approximation
    (`likelihood/laplace.py`), as in lme4's `glmer` by default. The fit says which.

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
    by_laplace = laplace and integration_of(design) == QUADRATURE
    return likelihood_fit(design, reml=reml, method=laplace_of(design) if by_laplace else None)


def why_no_likelihood(spec: ModelSpec) -> str:
    """Return why there is no likelihood of a model; empty if there is one.

    Examples
    --------
    >>> why_no_likelihood(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    ''
    """
    if spec.is_normal and not spec.parameters:
        return normal.why_not(spec)
    reasons = (
        (heavy := why_not_normal(spec), heavy),
        (
            any(group.members for group in spec.groups),
            "a row belongs to several levels: their integrals are available for a normal response",
        ),
    )
    found = next((reason for applies, reason in reasons if applies), "")
    return found or generalised.why_not(spec.with_priors({}))


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
            allowed="normal effects on the mean and on parameters of the family; independent levels, or one effect of "
            "levels with a known covariance",
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
