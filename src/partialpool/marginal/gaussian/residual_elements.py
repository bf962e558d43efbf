"""The residuals' parameters in theta, where residuals have several standard deviations or are correlated."""

from collections.abc import Iterator

import numpy as np

from partialpool.design.residual_rows import ResidualRows
from partialpool.distributions.density_kernel import encode, encode_partial
from partialpool.marginal.gaussian.standardise import Units
from partialpool.model.prior_set import PriorSet
from partialpool.names import RESIDUAL_CORRELATION

__all__ = ["residual_elements"]


def residual_elements(
    residual: ResidualRows, priors: PriorSet, units: Units
) -> Iterator[tuple[str, tuple[int, int, np.ndarray]]]:
    """Yield the names of the residuals' parameters in theta, and the codes of their priors."""
    for name in residual.sigma_names:
        yield name, encode(priors[name].in_units_of(units.residual))
    series = residual.series
    if series is not None and series.kind == "unstr":
        eta, visits = priors[RESIDUAL_CORRELATION].arguments["eta"], series.visits
        for i in range(1, len(visits)):
            for j in range(i):
                name = f"{RESIDUAL_CORRELATION}[{visits[j]}, {visits[i]}]"
                yield name, encode_partial(eta + (len(visits) - 2 - j) / 2)
    elif series is not None:
        yield RESIDUAL_CORRELATION, encode(priors[RESIDUAL_CORRELATION])
