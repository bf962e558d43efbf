"""Rubin's rules for draws of several completed tables: variance within and between tables, missing information.

Rubin (1987), Multiple Imputation for Nonresponse in Surveys, section 3.3. With Q_k and U_k the posterior mean and
variance of a quantity from table k of m,

    within W = mean U_k,  between B = sum (Q_k - mean Q)^2 / (m - 1),  total T = W + (1 + 1/m) B.

The draws of all tables together have the variance W + (1 - 1/m) B: they do not have the part 2 B / m, which is due to
the mean of m tables in place of infinitely many.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Pooled", "pool"]


@dataclass(frozen=True, eq=False)
class Pooled:
    """What Rubin's rules say of each quantity, (quantities,) each.

    Attributes
    ----------
    estimate
        Mean over tables.
    within, between
        Variance of the draws of a table, averaged over tables; variance of the tables' means.
    tables
        Number of tables.
    """

    estimate: np.ndarray
    within: np.ndarray
    between: np.ndarray
    tables: int

    @property
    def std_error(self) -> np.ndarray:
        """Square root of Rubin's total variance."""
        return np.sqrt(self.within + (1 + 1 / self.tables) * self.between)

    @property
    def increase(self) -> np.ndarray:
        """Relative increase of the variance due to missing values, r = (1 + 1/m) B / W."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.between > 0, (1 + 1 / self.tables) * self.between / self.within, 0.0)

    @property
    def degrees_of_freedom(self) -> np.ndarray:
        """Degrees of freedom of Rubin's t distribution, (m - 1) (1 + 1/r)^2."""
        with np.errstate(divide="ignore"):
            return (self.tables - 1) * np.square(1 + 1 / self.increase)

    @property
    def missing_information(self) -> np.ndarray:
        """Fraction of the information on each quantity that is missing, (r + 2 / (df + 3)) / (1 + r)."""
        increase = self.increase
        finite = (increase + 2 / (self.degrees_of_freedom + 3)) / (1 + increase)
        return np.where(np.isinf(increase), 1.0, finite)

    @property
    def too_narrow(self) -> np.ndarray:
        """Share by which the sd of all draws together is below Rubin's standard error; less with more tables."""
        mixed = self.within + (1 - 1 / self.tables) * self.between
        return 1 - np.sqrt(mixed) / np.where(self.std_error > 0, self.std_error, 1.0)


def pool(draws: np.ndarray, tables: int) -> Pooled:
    """Apply Rubin's rules.

    Parameters
    ----------
    draws
        (chains, draws, quantities), the chains of each table one after the other, as many of each.
    tables
        Number of tables, at least two.

    Examples
    --------
    >>> import numpy as np
    >>> tables = np.array([[0.0, 2.0], [4.0, 6.0]])[:, :, None]  # means 1 and 5
    >>> pooled = pool(tables, 2)
    >>> pooled.estimate, pooled.within, pooled.between
    (array([3.]), array([2.]), array([8.]))
    """
    each = draws.reshape(tables, -1, draws.shape[-1])
    means = each.mean(axis=1)
    return Pooled(means.mean(axis=0), each.var(axis=1, ddof=1).mean(axis=0), means.var(axis=0, ddof=1), tables)
