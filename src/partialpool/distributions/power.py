"""Priors raised to a power: most families stay in the family, so that a fit under a scaled prior is a plain fit.

The formulas are those of `distributions/table.py`. The Dirichlet of an ordinal model is a prior of the categories'
probabilities, and that of shares one of shares: those densities are raised to the power, not the ones of cutpoints or
sds that follow.
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
        One whose table entry has a power: not Logistic, HalfLogistic or Weibull.
    alpha
        Above 0: below 1 the prior says less, above it says more.

    Raises
    ------
    PriorError
        The power is no density of a known family: of a Logistic, HalfLogistic or Weibull; a tail that no longer ends.

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
    except PriorError as error:  # an argument out of range: said in the words of the question
        raise _no_power(prior, alpha) from error


def _no_power(prior: Prior, alpha: float) -> PriorError:
    known = ", ".join(name for name, entry in DISTRIBUTIONS.items() if entry.power is not None)
    return PriorError(
        "this prior to this power is no prior of a known family",
        got=f"{prior} to the power {alpha:g}",
        allowed=f"a positive power of {known} that has a finite integral",
        do="compare priors by name instead, by pp.prior_grid",
    )
