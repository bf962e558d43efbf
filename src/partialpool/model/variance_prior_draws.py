"""The joint prior of the ICC, the total sd and the shares, on arrays: draws, densities, and implied priors of sds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from partialpool.design.design import Design
from partialpool.distributions.frozen import frozen
from partialpool.model.predictor import Draws
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import Decomposition, decompose
from partialpool.names import ICC, SHARES, TOTAL_SD

if TYPE_CHECKING:
    from scipy import stats

__all__ = ["ImpliedSd", "decomposed_density", "draw_decomposed", "implied_sd"]


def draw_decomposed(design: Design, priors: PriorSet, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw every `sd_<f>`, (size, effects), and `sigma` where the model has one, (size,)."""
    parts = decompose(design)
    icc, shares, total = _draw(parts, priors, size, rng)
    return parts.parameters(total[:, None], icc[:, None], shares)


def decomposed_density(design: Design, priors: PriorSet, draws: Draws) -> dict[str, np.ndarray]:
    """Evaluate the log density of `icc`, `total_sd` and `shares` at each draw, each (draws,).

    Densities are those of these three, not of the implied sds. Without any variance between groups the shares are
    undefined, and their log density is minus infinity.
    """
    parts = decompose(design)
    total, icc, shares = parts.parts(draws)
    found = {ICC: frozen(priors[ICC]).logpdf(icc)}
    if parts.residual is None:
        found[TOTAL_SD] = frozen(priors[TOTAL_SD]).logpdf(total)
    if parts.is_split:
        a = _concentrations(parts, priors)
        # A share that rounds to 0 counts as a tiny one; undefined shares stay undefined.
        logs = np.log(np.maximum(shares, np.finfo(float).tiny))
        density = logs @ (a - 1) + special.gammaln(a.sum()) - special.gammaln(a).sum()
        found[SHARES] = np.where(np.isfinite(density), density, -np.inf)
    return found


@dataclass(frozen=True, eq=False)
class ImpliedSd:
    """The implied prior of one sd: total_sd c, averaged over draws of c = sqrt(icc share / m)."""

    total: "stats.rv_continuous | None"
    factors: np.ndarray
    """c of each draw, (draws,); where the residual is known, the sd itself."""

    def cdf(self, x: np.ndarray | float) -> np.ndarray:
        """Return P(sd <= x), in the shape of x."""
        at = np.asarray(x, float)[..., None]
        below = at >= self.factors if self.total is None else self.total.cdf(at / self.factors)
        return below.mean(axis=-1)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Return the density at each x, (points,): exact given c; from a histogram where total_sd follows from icc."""
        if self.total is not None:
            return (self.total.pdf(np.asarray(x)[:, None] / self.factors) / self.factors).mean(axis=1)
        heights, edges = np.histogram(self.factors, bins=200, range=(0.0, float(np.max(x))))
        return np.interp(x, (edges[1:] + edges[:-1]) / 2, heights / (len(self.factors) * np.diff(edges)))


def implied_sd(design: Design, priors: PriorSet, parameter: str, *, size: int = 4000, seed: int = 0) -> ImpliedSd:
    """Return the prior of one sd, `sd_<f>[effect]`, that a joint prior implies."""
    parts = decompose(design)
    icc, shares, total = _draw(parts, priors, size, np.random.default_rng(seed))
    place = parts.sds.index(parameter)
    factors = np.sqrt(icc * shares[:, place] / parts.mean_squares[place])
    if parts.residual is not None:
        return ImpliedSd(None, total * factors)
    return ImpliedSd(frozen(priors[TOTAL_SD]), np.maximum(factors, np.finfo(float).tiny))


def _draw(
    parts: Decomposition, priors: PriorSet, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw icc (size,), shares (size, components) and total_sd (size,)."""
    # Draws of a Beta with mass near 1 may round to 1; a residual variance of 0 has no density.
    icc = np.minimum(frozen(priors[ICC]).rvs(size=size, random_state=rng), 1 - np.finfo(float).epsneg)
    shares = rng.dirichlet(_concentrations(parts, priors), size) if parts.is_split else np.ones((size, 1))
    if parts.residual is not None:
        return icc, shares, parts.total(icc)
    return icc, shares, np.asarray(frozen(priors[TOTAL_SD]).rvs(size=size, random_state=rng))


def _concentrations(parts: Decomposition, priors: PriorSet) -> np.ndarray:
    return np.array([priors[name].arguments["a"] for name in parts.shares])
