"""How much of a simulated truth the intervals of one fit hold."""

from scipy import stats

from checks.coverage import central

_SHARE_ALONE = 0.25
"""Levels of one fit share its parameters, so that the number held varies more than that of independent intervals."""


def held(fit, truth, effects):
    """How many truths the 90 % intervals hold, and of how many: parameters, and effects that levels were given.

    Parameters
    ----------
    fit
        A fit.
    truth
        Parameters, under the names of a fit.
    effects
        By variable (`b_patient`), a table with a row per level and a column per effect.
    """
    frame = fit.digest.frame
    inside = [bool(frame.loc[name, "q5"] <= value <= frame.loc[name, "q95"]) for name, value in truth.items()]
    for name, given in effects.items():
        b = fit.posterior[name].stack(sample=("chain", "draw")).transpose("sample", ...)
        low, high = central(b.to_numpy(), 0.9)
        levels, kinds = (b[dim].to_numpy() for dim in b.dims[1:])
        value = given.loc[levels, kinds].to_numpy()
        inside += ((low <= value) & (value <= high)).ravel().tolist()
    return sum(inside), len(inside)


def check_held(fit, truth, effects, *, false_alarm=1e-3):
    """Assert that the intervals hold as many truths as they should, as if one in four told something of its own."""
    found, count = held(fit, truth, effects)
    alone = round(_SHARE_ALONE * count)
    lowest = stats.binom.ppf(false_alarm, alone, 0.9) / alone
    assert found / count >= lowest, (found, count, lowest)
