"""Effects of levels that occur in one set of rows only, such as all effects of a subject in the subject's rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors, joined_members
from partialpool.design.newdata import Rows
from partialpool.marginal.glmm.posterior import Response, read_response
from partialpool.model.covariance import correlation_root
from partialpool.model.predictor import Draws, linear_predictor, of_predictor
from partialpool.names import across_name, corr_name, predictor_name, sd_name

__all__ = ["EffectsOfSet", "SetsOfRows", "covariance_root"]


@dataclass(frozen=True, eq=False)
class EffectsOfSet:
    """Effects of one level, of one predictor or correlated across several.

    Attributes
    ----------
    columns
        (predictors x rows of the set, effects), the mean's rows first; 0 in rows of other levels.
    sds, corr
        Names of the variables that state their covariance; `corr` is empty where the effects are uncorrelated.
    on_parameters
        Whether there are effects on parameters of the family.
    """

    columns: np.ndarray
    sds: tuple[str, ...]
    corr: str
    on_parameters: bool


def covariance_root(effects: Sequence[EffectsOfSet], draws: Draws) -> np.ndarray:
    """Return L with block-diagonal covariance L L', (draws, effects, effects)."""
    total = len(next(iter(draws.values())))
    width = sum(one.columns.shape[1] for one in effects)
    root, at = np.zeros((total, width, width)), 0
    for one in effects:
        q = one.columns.shape[1]
        sd = np.concatenate([draws[name] for name in one.sds], axis=1)
        half = correlation_root(draws[one.corr]) if one.corr else np.eye(q)
        root[:, at : at + q, at : at + q] = sd[:, :, None] * half
        at += q
    return root


@dataclass(frozen=True, eq=False)
class SetsOfRows:
    """A partition of a design's rows.

    Attributes
    ----------
    design
        The model.
    sets
        Set of each row, (rows,).
    """

    design: Design
    sets: np.ndarray

    @cached_property
    def predictors(self) -> dict[str, Design]:
        """The predictor of the mean, '', and those of parameters."""
        return {"": self.design, **self.design.parameters}

    @cached_property
    def elsewhere(self) -> dict[str, list[np.ndarray]]:
        """By predictor and factor, whether each level occurs in several sets, (levels,)."""
        return {name: [f.is_split_by(self.sets) for f in one.factors] for name, one in self.predictors.items()}

    @cached_property
    def response(self) -> Response:
        """The response as the family's row kernels read it."""
        return read_response(self.design)

    def rest(self, rows: Rows, draws: Draws) -> dict[str, np.ndarray]:
        """Return the linear predictors of rows of a set without the effects that occur only there, (draws, rows)."""
        found = {}
        for name, one in self.predictors.items():
            # Values are set to zero, not effects: a copy of all effects for each set would be quadratic in the levels.
            here, own = (rows.parameters[name], of_predictor(self.design, name, draws)) if name else (rows, draws)
            pairs = zip(here.groups, self.elsewhere[name], strict=True)
            kept = replace(here, groups=tuple(group.restricted_to(split) for group, split in pairs))
            found[name] = linear_predictor(one, kept, own)
        return found

    def effects_of(self, index: np.ndarray) -> list[EffectsOfSet]:
        """Return the effects of levels that occur only in the rows of a set.

        Raises
        ------
        DataError
            Levels with a known covariance, or effects that have a Student t distribution.
        """
        joined = {one.factor: one for one in joined_factors(self.design)}
        of_joined: dict[tuple[str, int], list[tuple[int, np.ndarray]]] = {}
        found = []
        for place, (name, one) in enumerate(self.predictors.items()):
            for factor, split in zip(one.factors, self.elsewhere[name], strict=True):
                for level in factor.levels_in(index):
                    if split[level]:
                        continue
                    factor.check_unrelated("leaving a level out")
                    factor.check_normal("leaving a level out")
                    columns = factor.columns_of(level, index)
                    if factor.name in joined:
                        of_joined.setdefault((factor.name, int(level)), []).append((place, columns))
                        continue
                    shown = predictor_name(name, factor.name) if name else factor.name
                    corr = corr_name(shown) if factor.correlated else ""
                    stacked = self._stacked([(place, columns)])
                    found.append(EffectsOfSet(stacked, (sd_name(shown),), corr, bool(name)))
        for (name, _), parts in of_joined.items():
            members = joined_members(joined[name], self.design)
            sds = tuple(one.sd for one in members)
            found.append(EffectsOfSet(self._stacked(parts), sds, across_name(name), on_parameters=True))
        return found

    def _stacked(self, parts: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """Put columns of predictors, (rows, effects), side by side, each 0 in the rows of other predictors."""
        rows = len(parts[0][1])
        whole = np.zeros((len(self.predictors) * rows, sum(columns.shape[1] for _, columns in parts)))
        at = 0
        for place, columns in parts:
            whole[place * rows : (place + 1) * rows, at : at + columns.shape[1]] = columns
            at += columns.shape[1]
        return whole
