"""How many simulated true values the intervals of one fit contain."""

from scipy import stats

from checks.coverage import central

_SHARE_ALONE = 0.25
"""Share of intervals that count as independent: levels of one fit share its parameters, so that errors correlate."""


def contained(fit, truth, effects):
    """Count the true values, of parameters and of simulated effects, inside their 90 % intervals, and all true values.

    Parameters
    ----------
    fit
        A fit.
    truth
        True parameter values, under the names of a fit.
    effects
        True effects by variable (`b_patient`): a table with a row per level and a column per effect.
    """
    frame = fit.digest.with_prob(0.9).frame
    inside = [
        bool(frame.loc[name, "conf_low"] <= value <= frame.loc[name, "conf_high"]) for name, value in truth.items()
    ]
    for name, given in effects.items():
        b = fit.posterior[name].stack(sample=("chain", "draw")).transpose("sample", ...)
        low, high = central(b.to_numpy(), 0.9)
        levels, kinds = (b[dim].to_numpy() for dim in b.dims[1:])
        value = given.loc[levels, kinds].to_numpy()
        inside += ((low <= value) & (value <= high)).ravel().tolist()
    return sum(inside), len(inside)


def check_held(fit, truth, effects, *, false_alarm=1e-3):
    """Assert that enough intervals contain the true value: a binomial bound, as if one in four were independent."""
    found, count = contained(fit, truth, effects)
    alone = round(_SHARE_ALONE * count)
    lowest = stats.binom.ppf(false_alarm, alone, 0.9) / alone
    assert found / count >= lowest, (found, count, lowest)
