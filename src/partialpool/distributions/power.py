"""Priors raised to a power: in most families the result is in the same family, so that any engine can use it.

The formulas are those of `distributions/table.py`. The Dirichlet prior of an ordinal model is one of the
categories' probabilities, and that of shares is one of shares: these densities are raised to the power, not the implied
ones of cutpoints or sds.
"""

from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.errors import PriorError

__all__ = ["power_prior"]


def power_prior(prior: Prior, alpha: float) -> Prior:
    """Return the prior whose density is proportional to another's to the power alpha.

    Parameters
    ----------
    prior
        A prior whose table entry has a power: not Logistic, HalfLogistic or Weibull.
    alpha
        Above 0: below 1 the prior becomes less informative, above 1 more informative.

    Raises
    ------
    PriorError
        The power is not a density of a known family: for a Logistic, HalfLogistic or Weibull prior, or a tail that
        is no longer integrable.

    Examples
    --------
    >>> power_prior(Prior("HalfNormal", sigma=2), 4.0)
    Prior('HalfNormal', sigma=1)
    """
    power = DISTRIBUTIONS[prior.distribution].power
    if power is None or not alpha > 0:
        raise _no_power(prior, alpha)
    name, arguments = power(alpha, **prior.arguments)
    cut = {} if prior.lower is None else {"lower": prior.lower}
    try:
        return Prior(name, **arguments, **cut)
    except PriorError as error:  # an argument out of range: raised as an error about the power
        raise _no_power(prior, alpha) from error


def _no_power(prior: Prior, alpha: float) -> PriorError:
    known = ", ".join(name for name, entry in DISTRIBUTIONS.items() if entry.power is not None)
    return PriorError(
        "this prior to this power is not a prior of a known family",
        got=f"{prior} to the power {alpha:g}",
        allowed=f"a positive power of {known} that has a finite integral",
        do="compare named priors instead, with pp.prior_grid",
    )
