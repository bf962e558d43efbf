"""The family's own parameters, on the real line: scalars such as a shape or a scale, or cutpoints."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.distributions.density_kernel import encode, placed, unplaced
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.marginal.glmm.cutpoints import NO_CUTPOINTS, as_cutpoints, cutpoints_prior, starting_cutpoints
from partialpool.marginal.glmm.problem import OwnPriors
from partialpool.names import SIGMA

__all__ = ["Own", "own_priors"]


@dataclass(frozen=True, eq=False)
class Own:
    """The family's own parameters.

    Attributes
    ----------
    all
        Names, in the order of the row kernels.
    names
        Names of those that are estimated; the others are fixed. Cutpoints have one name together.
    priors
        Their priors as the kernels read them.
    start
        Where those estimated begin on the real line: the medians of their priors, cutpoints at the observed shares.
    predicted
        Names of those that have predictors: the row kernels do not read their values.
    """

    all: tuple[str, ...]
    names: tuple[str, ...]
    priors: OwnPriors
    start: np.ndarray
    predicted: frozenset[str] = frozenset()

    def values(self, at: np.ndarray) -> np.ndarray:
        """Map places on the real line (..., estimated) to all parameters (..., parameters)."""
        if self.priors.cutpoints.number:
            return as_cutpoints(self.priors.cutpoints, at)
        columns = []
        for k, name in enumerate(self.all):
            if name in self.names:
                place = at[..., self.names.index(name)]
                columns.append(placed(int(self.priors.coordinates[k]), self.priors.arguments[k], place))
            else:
                columns.append(np.full(at.shape[:-1], self.priors.fixed[k]))
        return np.stack(columns, axis=-1) if columns else np.zeros((*at.shape[:-1], 0))

    def named(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters by name, (draws,), cutpoints (draws, cutpoints), from places (draws, estimated)."""
        values = self.values(at)
        if self.priors.cutpoints.number:
            return {self.all[0]: values}
        return {name: values[:, k] for k, name in enumerate(self.all) if name not in self.predicted}


def own_priors(design: Design, priors: Mapping[str, Prior]) -> Own:
    """Collect the priors of a family's own parameters; known standard errors leave sigma out."""
    predicted = frozenset(design.parameters)
    names = tuple(
        name
        for name in design.parameter_names
        if name in predicted or (name in priors and not (name == SIGMA and design.se is not None))
    )
    if design.spec.family_record.has_cutpoints:
        start, codes_of_none = starting_cutpoints(design), np.zeros(0, np.int64)
        cutpoints = cutpoints_prior(design, priors[names[0]])
        prior = OwnPriors(codes_of_none, codes_of_none, np.zeros((0, 4)), np.zeros(0), len(start), cutpoints)
        return Own(names, names, prior, start)
    estimated = tuple(name for name in names if name not in predicted and priors[name].support != "fixed")
    nothing = (0, 0, np.zeros(4))
    codes = [encode(priors[name]) if name in estimated else nothing for name in names]
    medians = [
        unplaced(coordinate, arguments, float(frozen(priors[name]).ppf(0.5)))
        for name, (_, coordinate, arguments) in zip(names, codes, strict=True)
        if name in estimated
    ]
    fixed = [
        np.nan if name in estimated else 1.0 if name in predicted else float(frozen(priors[name]).ppf(0.5))
        for name in names
    ]
    return Own(
        names,
        estimated,
        OwnPriors(
            np.array([c[0] for c in codes], np.int64),
            np.array([c[1] for c in codes], np.int64),
            np.array([c[2] for c in codes], float).reshape(-1, 4),
            np.array(fixed, float),
            len(estimated),
            NO_CUTPOINTS,
        ),
        np.array(medians, float),
        predicted,
    )
