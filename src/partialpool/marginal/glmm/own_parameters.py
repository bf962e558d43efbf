"""The family's own parameters, on the real line: scalars such as a shape or a scale, or cutpoints; nu of effects."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.distributions.density_kernel import encode, placed, unplaced
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.marginal.glmm.cutpoints import NO_CUTPOINTS, as_cutpoints, cutpoints_prior, starting_cutpoints
from partialpool.marginal.glmm.own_priors import OwnPriors
from partialpool.names import SIGMA, nu_name

__all__ = ["Own", "own_priors"]


@dataclass(frozen=True, eq=False)
class Own:
    """The family's own parameters, and after them the degrees of freedom of effects with a Student t distribution.

    Attributes
    ----------
    all
        Names of the family's, in the order of the row kernels.
    names
        Names of those that are estimated; the others are fixed. Cutpoints have one name together.
    priors
        Their priors as the kernels read them.
    start
        Where all those estimated begin on the real line: the medians of their priors, cutpoints at the observed shares.
    predicted
        Names of those that have predictors: the row kernels do not read their values.
    nu, nu_names, nu_priors
        Names of the degrees of freedom, by factor; of those estimated; and their priors. The rows do not depend on
        them.
    """

    all: tuple[str, ...]
    names: tuple[str, ...]
    priors: OwnPriors
    start: np.ndarray
    predicted: frozenset[str]
    nu: tuple[str, ...]
    nu_names: tuple[str, ...]
    nu_priors: OwnPriors

    @property
    def estimated(self) -> int:
        """How many places on the real line there are."""
        return self.priors.estimated + self.nu_priors.estimated

    def values(self, at: np.ndarray) -> np.ndarray:
        """Map places on the real line (..., estimated) to the family's parameters (..., parameters)."""
        own = at[..., : self.priors.estimated]
        if self.priors.cutpoints.number:
            return as_cutpoints(self.priors.cutpoints, own)
        return _values(self.all, self.names, self.priors, own)

    def named(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Return the family's parameters, (draws,), cutpoints (draws, cutpoints), from places (draws, estimated)."""
        values = self.values(at)
        if self.priors.cutpoints.number:
            return {self.all[0]: values}
        return {name: values[:, k] for k, name in enumerate(self.all) if name not in self.predicted}

    def named_nu(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Return the degrees of freedom by name, (draws,), from places (draws, estimated)."""
        values = _values(self.nu, self.nu_names, self.nu_priors, at[..., self.priors.estimated :])
        return {name: values[:, k] for k, name in enumerate(self.nu)}


def _values(every: tuple[str, ...], names: tuple[str, ...], priors: OwnPriors, at: np.ndarray) -> np.ndarray:
    """Map places of estimated scalars (..., estimated) to all of them (..., parameters)."""
    columns = []
    for k, name in enumerate(every):
        if name in names:
            place = at[..., names.index(name)]
            columns.append(priors.lower[k] + placed(int(priors.coordinates[k]), priors.arguments[k], place))
        else:
            columns.append(np.full(at.shape[:-1], priors.fixed[k]))
    return np.stack(columns, axis=-1) if columns else np.zeros((*at.shape[:-1], 0))


def own_priors(design: Design, priors: Mapping[str, Prior]) -> Own:
    """Collect the priors of a family's own parameters and of effects' degrees of freedom.

    Known standard errors leave sigma out.
    """
    predicted = frozenset(design.parameters)
    names = tuple(
        name
        for name in design.parameter_names
        if name in predicted or (name in priors and not (name == SIGMA and design.se is not None))
    )
    nu = tuple(nu_name(factor.name) for factor in design.factors if factor.is_heavy)
    nu_names, of_nu, nu_start = _scalars(nu, priors, frozenset())
    if design.spec.family_record.has_cutpoints:
        start, nothing = starting_cutpoints(design), _scalars((), priors, frozenset())[1]
        prior = nothing._replace(estimated=len(start), cutpoints=cutpoints_prior(design, priors[names[0]]))
        return Own(names, names, prior, np.concatenate([start, nu_start]), frozenset(), nu, nu_names, of_nu)
    estimated, prior, start = _scalars(names, priors, predicted)
    return Own(names, estimated, prior, np.concatenate([start, nu_start]), predicted, nu, nu_names, of_nu)


def _scalars(
    names: tuple[str, ...], priors: Mapping[str, Prior], predicted: frozenset[str]
) -> tuple[tuple[str, ...], OwnPriors, np.ndarray]:
    """Return the names of those estimated, the priors, and the places of their medians on the real line."""
    estimated = tuple(name for name in names if name not in predicted and priors[name].support != "fixed")
    codes = [_encode(priors[name]) if name in estimated else (0, 0, np.zeros(4), 0.0) for name in names]
    start = [
        unplaced(coordinate, arguments, float(frozen(priors[name]).ppf(0.5)) - lower)
        for name, (_, coordinate, arguments, lower) in zip(names, codes, strict=True)
        if name in estimated
    ]
    fixed = [
        np.nan if name in estimated else 1.0 if name in predicted else float(frozen(priors[name]).ppf(0.5))
        for name in names
    ]
    prior = OwnPriors(
        np.array([c[0] for c in codes], np.int64),
        np.array([c[1] for c in codes], np.int64),
        np.array([c[2] for c in codes], float).reshape(-1, 4),
        np.array(fixed, float),
        np.array([c[3] for c in codes], float),
        len(estimated),
        NO_CUTPOINTS,
    )
    return estimated, prior, np.array(start, float)


def _encode(prior: Prior) -> tuple[int, int, np.ndarray, float]:
    """Return the code of a prior, normalised above the bound at which it is truncated, and the bound."""
    kind, coordinate, arguments = encode(prior)
    if prior.lower is None:
        return kind, coordinate, arguments, 0.0
    whole = Prior(prior.distribution, **prior.arguments)
    arguments[3] -= np.log1p(-float(frozen(whole).cdf(prior.lower)))
    return kind, coordinate, arguments, prior.lower
