"""Maximum likelihood and REML: the classical fit of the same model, for likelihood-ratio tests and comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.psd_root import singular_root
from partialpool.design.table import Missing
from partialpool.errors import EngineError
from partialpool.likelihood.maximise import Maximum, maximise
from partialpool.marginal.gaussian.eligibility import why_not
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.tabulate import TextTable, estimate_cells, fixed, number

__all__ = ["LikelihoodFit", "check_likelihood", "likelihood_fit", "maximum_likelihood"]


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
        """Number of parameters estimated: fixed effects, sds, correlations, sigma."""
        pairs = sum(len(b) * (len(b) - 1) // 2 for f in self.design.factors for b in f.blocks)
        sds = sum(len(f.names) for f in self.design.factors)
        return len(self.design.common.coefs) + sds + pairs + (self.maximum.sigma is not None)

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
        """Standard deviations and correlations: factor, effects, estimate."""
        return pd.DataFrame(self._components, columns=["factor", "effect", "with", "estimate"])

    @property
    def _components(self) -> list[tuple[str, str, str, float]]:
        rows: list[tuple[str, str, str, float]] = []
        for factor, sd, corr in zip(self.design.factors, self.maximum.sd, self.maximum.corr, strict=True):
            rows += [(factor.name, e, "", float(s)) for e, s in zip(factor.names, sd, strict=True)]
            for block in factor.blocks:
                rows += [
                    (factor.name, factor.names[i], factor.names[j], float(corr[i, j]))
                    for n, j in enumerate(block)
                    for i in block[:n]
                ]
        if self.maximum.sigma is not None:
            rows.append(("residual", "sigma", "", self.maximum.sigma))
        return rows

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
        y = np.concatenate([*intercept, design.common.values], axis=1) @ maximum.beta
        y += 0.0 if design.offset is None else design.offset
        for factor, sd, corr in zip(design.factors, maximum.sd, maximum.corr, strict=True):
            half = sd[:, None] * singular_root(corr)
            effects = rng.standard_normal((factor.n_levels, len(sd))) @ half.T
            if factor.root is not None:
                effects = factor.root @ effects
            y += factor.apply(effects)
        noise = np.asarray(maximum.sigma if design.se is None else design.se, float)
        y += rng.standard_normal(design.n_rows) * noise
        return np.exp(y) if design.spec.family_record.on_log_scale else y

    def __str__(self) -> str:
        how = "REML" if self.reml else "maximum likelihood"
        heading = (
            f"{self.design.spec}",
            f"{self.design.n_rows} rows; "
            + "; ".join([f"{f.name} {f.how_many}" for f in self.design.factors] or ["no grouping factor"]),
            f"{how}: log likelihood {fixed(self.log_likelihood, 4)}, deviance {fixed(self.deviance, 4)}, "
            f"{self.n_parameters} parameters",
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
        note = ["", f"The fit is singular: {what}."] if self.singular else []
        return "\n".join([*heading, *("\n" + str(t) for t in tables if t.rows), *note])

    __repr__ = __str__


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
) -> LikelihoodFit:
    """Fit by maximum likelihood, or by restricted maximum likelihood.

    Parameters
    ----------
    model, data, family, link, priors, se, cov, missing
        As for `fit`; priors are not used.
    reml
        Whether to maximise the restricted likelihood, which does not favour small variances.

    Returns
    -------
    LikelihoodFit
        Estimates, standard errors, conditional modes, log likelihood, and whether the fit is singular.

    Raises
    ------
    EngineError
        The group effects cannot be integrated out exactly (a family other than gaussian and lognormal, another link).

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
    check_likelihood(spec)
    return likelihood_fit(build_design(spec, data, missing=missing), reml=reml)


def check_likelihood(spec: ModelSpec) -> None:
    """Refuse a model whose group effects cannot be integrated out exactly.

    Raises
    ------
    EngineError
        A family other than gaussian and lognormal, or another link.
    """
    reason = why_not(spec)
    if reason:
        raise EngineError(
            "there is no exact likelihood for this model",
            got=reason,
            allowed="family 'gaussian' or 'lognormal' with the identity link",
            do="use pp.fit for its posterior",
        )


def likelihood_fit(design: Design, *, reml: bool = False) -> LikelihoodFit:
    """Fit a design whose model has passed `check_likelihood`."""
    return LikelihoodFit(design, maximise(design, reml=reml), reml)
