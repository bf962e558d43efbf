"""The total variance and its parts, on which a joint prior of the ICC and the total sd is stated.

With v_k = sd_k^2 m_k the average variance that effect k contributes to a row, m_k the mean square of its column (1 for
an intercept), and s^2 the residual variance, with sds and columns as in `design/effect_basis.py`,

    total_sd^2 = sum_k v_k + s^2,    icc = sum_k v_k / total_sd^2,    share_k = v_k / sum_k v_k,

so that sd_k = total_sd sqrt(icc share_k / m_k) and sigma = total_sd sqrt(1 - icc). Priors: icc ~ Beta, total_sd ~ any
positive distribution, shares ~ Dirichlet(a), independent. Where the Beta's first argument is sum a_k, this is the
Dirichlet on all shares including that of the residual, and each factor's own ICC is Beta too (Fuglstad, Hem, Knight,
Rue & Riebler 2020, Bayesian Analysis 15:1109, call such priors hierarchical decompositions). Covariances between
effects of one factor are left out: the ICC is that of uncorrelated effects.

A binary or ordinal response has a latent residual of known variance; then total_sd follows from icc.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from partialpool.design.design import Design
from partialpool.distributions.prior import Prior
from partialpool.names import ICC, SIGMA, sd_name, share_name

__all__ = ["Decomposition", "decompose", "is_decomposed"]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """The parts of the variance of a row.

    Attributes
    ----------
    sds
        Parameter of each group sd, `sd_<f>[effect]`, (components,).
    shares
        Name of each share, `share_<f>[effect]`, (components,).
    factors
        Components of each factor, by the name `sd_<f>`.
    mean_squares
        m of each component, (components,).
    residual
        Residual variance where it is known; None where `sigma` is a parameter.
    inverse_precision
        Mean over the rows of 1 / w, where the residual variance is sigma^2 / w; else 1.
    """

    sds: tuple[str, ...]
    shares: tuple[str, ...]
    factors: Mapping[str, slice]
    mean_squares: np.ndarray
    residual: float | None
    inverse_precision: float = 1.0

    @property
    def is_split(self) -> bool:
        """Whether there is more than one share."""
        return len(self.sds) > 1

    def total(self, icc: Any) -> Any:
        """Return total_sd where the residual variance is known."""
        return (self.residual / (1 - icc)) ** 0.5

    def parameters(self, total: Any, icc: Any, shares: Any) -> dict[str, Any]:
        """Return `sd_<f>` by name, shape (..., effects), and `sigma`; for NumPy arrays or PyTensor variables.

        Parameters
        ----------
        total, icc
            Shape (..., 1).
        shares
            Shape (..., components), summing to 1.
        """
        sds = total * (icc * shares / self.mean_squares) ** 0.5
        found = {name: sds[..., part] for name, part in self.factors.items()}
        return (
            found
            if self.residual is not None
            else found | {SIGMA: (total * ((1 - icc) / self.inverse_precision) ** 0.5)[..., 0]}
        )

    def parts(self, draws: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Convert draws of sds and sigma to total_sd and icc, each (draws,), and shares (draws, components)."""
        sds = np.concatenate([draws[name] for name in self.factors], axis=1)
        between = sds**2 * self.mean_squares
        residual = draws[SIGMA] ** 2 * self.inverse_precision if self.residual is None else self.residual
        groups = between.sum(axis=1)
        with np.errstate(invalid="ignore"):  # without any variance between groups the shares are undefined
            return np.sqrt(groups + residual), groups / (groups + residual), between / groups[:, None]


def decompose(design: Design) -> Decomposition:
    """Decompose the variance of a design's rows; the design must have groups and a constant residual variance."""
    sds: list[str] = []
    shares: list[str] = []
    factors: dict[str, slice] = {}
    for factor in design.factors:
        factors[sd_name(factor.name)] = slice(len(sds), len(sds) + len(factor.names))
        sds += [f"{sd_name(factor.name)}[{effect}]" for effect in factor.names]
        shares += [f"{share_name(factor.name)}[{effect}]" for effect in factor.names]
    squares = np.concatenate([factor.basis.mean_square for factor in design.factors])
    known = design.spec.family_record.latent_variance(design.spec.link_record)
    return Decomposition(tuple(sds), tuple(shares), factors, squares, known, design.mean_inverse_precision)


def is_decomposed(priors: Mapping[str, Prior]) -> bool:
    """Whether resolved priors are for the ICC and the total sd instead of each sd."""
    return ICC in priors
