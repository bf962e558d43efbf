"""The known covariance among a factor's levels, matched by name, and its Cholesky factor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from partialpool.design.psd_root import singular_root
from partialpool.errors import DataError
from partialpool.spec.relationship import Relationship

__all__ = ["Kinship", "Label", "match_levels"]

Label = str | int | float | bool


@dataclass(frozen=True, eq=False)
class Kinship:
    """Known covariance among the levels of one factor: b ~ N(0, K (x) Sigma), K as it was stated.

    An sd is that of a level whose diagonal entry is 1, as in brms and MCMCglmm. Averages over rows (shares of variance,
    R2) and default priors use the diagonal entry of each level.

    Attributes
    ----------
    known
        The stated covariance; it may have levels that the data do not have.
    labels
        The data's levels, (levels,).
    root
        Lower Cholesky factor L of their covariance K = L L', (levels, levels).
    """

    known: Relationship
    labels: tuple[Label, ...]
    root: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """Diagonal entries K_jj, (levels,): the variance of each level's effects relative to Sigma."""
        return np.square(self.root).sum(axis=1)

    @property
    def covariance(self) -> np.ndarray:
        """K, the covariance of the data's levels, (levels, levels)."""
        place = {label: k for k, label in enumerate(self.known.levels)}
        chosen = [place[str(label)] for label in self.labels]
        return _written_out(self.known)[np.ix_(chosen, chosen)]

    @property
    def is_diagonal(self) -> bool:
        """Whether all levels are unrelated."""
        return not np.tril(self.root, -1).any()

    def kept(self, alive: np.ndarray) -> "Kinship":
        """Return the covariance among some levels, by index: a part of a normal vector is normal."""
        if len(alive) == len(self.labels):
            return self
        part = (self.root @ self.root.T)[np.ix_(alive, alive)]
        return Kinship(self.known, tuple(self.labels[k] for k in alive), np.linalg.cholesky(part))

    def without_relatives(self, labels: Sequence[Label]) -> list[str]:
        """Return those of the levels that have no row in the matrix, as text."""
        known = set(self.known.levels)
        return [str(label) for label in labels if str(label) not in known]

    def given_levels(self, labels: Sequence[Label]) -> tuple[np.ndarray, np.ndarray]:
        """Return the regression of new levels on the data's levels, K_no K_oo^-1, (new, levels), and a root.

        The root, (new, new), is that of the conditional covariance K_nn - K_no K_oo^-1 K_on.
        """
        matrix = _written_out(self.known)
        place = {label: k for k, label in enumerate(self.known.levels)}
        old, new = ([place[str(label)] for label in some] for some in (self.labels, labels))
        cross = matrix[np.ix_(old, new)]
        mean = linalg.cho_solve((self.root, True), cross).T
        left = matrix[np.ix_(new, new)] - mean @ cross
        # The conditional variance of a level that its relatives determine fully is zero, up to rounding.
        return mean, singular_root((left + left.T) / 2)


def match_levels(known: Relationship, factor: str, labels: tuple[Label, ...]) -> Kinship:
    """Find a factor's levels in a stated covariance, by `str` of their labels, and compute its Cholesky factor.

    Raises
    ------
    DataError
        A level of the data that the matrix does not have; a matrix that is not positive definite.
    """
    place = {label: k for k, label in enumerate(known.levels)}
    absent = [str(label) for label in labels if str(label) not in place]
    if absent:
        raise DataError(
            f"levels of {factor} have no row in their covariance",
            got=", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else ""),
            allowed="every level of the data in the matrix; it may have more",
            do="add their rows and columns, or correct the labels",
        )
    chosen = [place[str(label)] for label in labels]
    matrix = _written_out(known)[np.ix_(chosen, chosen)]
    try:
        root = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        root = np.zeros_like(matrix)
    rounding = np.sqrt(np.finfo(float).eps * np.diagonal(matrix).max(initial=0.0))
    if not np.diagonal(root).min(initial=np.inf) > rounding:
        values, vectors = np.linalg.eigh(matrix)
        two = np.sort(np.argsort(-np.abs(vectors[:, 0]), stable=True)[:2])
        raise DataError(
            f"the covariance among the levels of {factor} is not positive definite",
            got=f"smallest eigenvalue {values[0]:.2g}, mostly in {' and '.join(str(labels[k]) for k in two)}",
            allowed="a positive definite matrix",
            do="merge levels that are copies of each other (clones), or add a little to the diagonal",
        )
    return Kinship(known, labels, root)


def _written_out(known: Relationship) -> np.ndarray:
    """Return the whole matrix, (levels, levels), in the order of its own labels."""
    n = len(known.levels)
    matrix = np.zeros((n, n))
    matrix[np.tril_indices(n)] = known.lower
    return matrix + np.tril(matrix, -1).T
