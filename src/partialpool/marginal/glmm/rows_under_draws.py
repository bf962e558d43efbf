"""Rows of a model as its family's row kernels read them, given draws of all that they depend on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.families.helmert import differences_of_contrasts
from partialpool.marginal.glmm.level_under_draws import LevelUnderDraws, log_integrals
from partialpool.marginal.glmm.posterior import Response
from partialpool.model.predictor import Draws
from partialpool.names import SIGMA

__all__ = ["RowsUnderDraws", "as_contrasts"]


def as_contrasts(design: Design, differences: np.ndarray, *, axis: int) -> np.ndarray:
    """Turn what belongs to differences of categories to the first into what belongs to the contrasts of the kernels.

    Parameters
    ----------
    design
        A model of categories without an order.
    differences
        Predictors, or their columns, (predictors x rows,) along `axis`, the mean's rows first, which are not read.
    axis
        The dimension.
    """
    predictors = 1 + len(design.parameters)
    whole = np.moveaxis(differences, axis, 0)
    parts = whole.reshape(predictors, -1, *whole.shape[1:])
    turn = np.linalg.inv(differences_of_contrasts(predictors))
    found = np.concatenate([parts[:1], np.tensordot(turn, parts[1:], axes=1)])
    return np.moveaxis(found.reshape(whole.shape), 0, axis)


@dataclass(frozen=True, eq=False)
class RowsUnderDraws:
    """Some rows of a design.

    Attributes
    ----------
    response
        Their response.
    base
        Linear predictors of the mean, then of each parameter that has one, (draws, predictors x rows).
    own
        The family's parameters, (draws, parameters); those with a predictor are not read.
    """

    response: Response
    base: np.ndarray
    own: np.ndarray

    @classmethod
    def of(cls, design: Design, response: Response, eta: Mapping[str, np.ndarray], draws: Draws) -> "RowsUnderDraws":
        """Collect what the kernels read.

        Parameters
        ----------
        design
            The model.
        response
            The response of some of its rows.
        eta
            Linear predictors, of the mean under '', and of parameters under their names, (draws, rows).
        draws
            Posterior variables, chains stacked.
        """
        total = len(eta[""])
        own = [np.zeros((total, 0))]
        for name in design.parameter_names:
            if name in design.parameters:
                own.append(np.ones((total, 1)))
            elif not (name == SIGMA and design.se is not None):  # the kernel reads standard errors as `known`
                own.append(draws[name].reshape(total, -1))
        stacked = np.concatenate([eta[""], *(eta[name] for name in design.parameters)], axis=1)
        if design.spec.family_record.has_predictors_of_categories:
            stacked = as_contrasts(design, stacked, axis=1)
        return cls(
            response,
            np.ascontiguousarray(stacked),
            np.ascontiguousarray(np.concatenate(own, axis=1)),
        )

    def integrals(self, columns: np.ndarray, roots: np.ndarray, *, is_concave: bool) -> tuple[np.ndarray, np.ndarray]:
        """Integrate effects out.

        Parameters
        ----------
        columns
            Of the effects, (predictors x rows, effects).
        roots
            Cholesky factors of their covariances, (draws, effects, effects).
        is_concave
            Whether every log density is concave in the effects.

        Returns
        -------
        tuple of numpy.ndarray
            Log densities, -inf where a row has none; bounds of their errors; (draws,).
        """
        y, known = self.response.y, self.response.known
        effects, roots = np.ascontiguousarray(columns.T), np.ascontiguousarray(roots)
        given = LevelUnderDraws(y, known, effects, is_concave, self.base, roots, self.own)
        values, errors = log_integrals(self.response.row_density, given)
        return values + self.response.constant, errors
