"""A look across the responses of `fit_many`: how ICCs are distributed among them, and how sure the signs are."""

from typing import Final

import numpy as np
import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting.answer import Answer
from partialpool.sampling.icc_population import population_of_iccs
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords

__all__ = ["across_responses"]

_THRESHOLDS: Final = (0.01, 0.05, 0.1, 0.2)


@explains_keywords
def across_responses(many: xr.Dataset, *, seed: int | None = None) -> xr.Dataset:
    """Return the distribution of the ICCs of many responses, and false-sign rates of their coefficients.

    The estimates of many responses vary more than the ICCs themselves, since each has an error of its own; so do draws
    from their posteriors, taken one by one. Here ICCs are draws from one population, G, whose distribution is unknown
    too (a hierarchical model over the responses): log G is a cubic spline in the root of the ICC, with six coefficients
    that are Normal(0, 1) for columns with an sd of 1 (Efron 2016, Biometrika 103:1), in steps of 0.02. Given its ICC,
    each response keeps the prior of its own fit for all else: the likelihood of a step is the posterior probability
    that the response's fit gave it, over the prior one.

    Parameters
    ----------
    many
        From `fit_many`.
    seed
        Makes the draws of the population reproducible.

    Returns
    -------
    xarray.Dataset
        For models with groups, by `factor`: `population_below` (chain, draw, factor, cut), draws of the share of
        responses with an ICC below each cut under G; `each_below` (factor, cut), the mean over responses of their own
        probabilities, without G; `icc` (response, factor), the mean of each ICC under G, which is drawn towards the
        others'. By coefficient: `false_sign` (response, coef), the probability of the sign that is not the
        likelier one (the local false sign rate of Stephens 2017, Biostatistics 18:275, under the response's own prior);
        `above_0`, whether the likelier one is +; `s_value`, the mean false-sign rate of this response and all with a
        smaller one: the share of wrong signs to expect if one states the signs of all of these; `stated` (coef,
        s_below), how many responses have an s-value of at most that. Responses without a fit are missing values. Where
        sds or sigma have priors that a user stated, which mean something else for each response's ICC, there is no
        `population_below` and no `icc`.

    Raises
    ------
    DataError
        Not from `fit_many`; no response was fitted.

    Warns
    -----
    SamplingWarning
        The draws of the population are not reliable.

    Examples
    --------
    >>> import numpy as np
    >>> import partialpool as pp
    >>> table = pp.load_dataset("penicillin")
    >>> noise = np.random.default_rng(1).normal(size=(len(table), 20))
    >>> zones = table["diameter"].to_numpy()[:, None] + noise
    >>> many = pp.fit_many("y ~ 1 + (1 | plate) + (1 | sample)", zones, table, seed=1, jobs=1, draws=250)
    >>> look = pp.across_responses(many, seed=1)
    >>> look["stated"].sel(coef="Intercept", s_below=0.05).item()
    20
    """
    _check(many)
    fitted = many["fitted"].to_numpy().astype(bool)
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    coords = {name: many[name].to_numpy() for name in ("response", "factor", "cut", "coef") if name in many.coords}
    if "icc_below" in many:
        below = many["icc_below"].transpose("response", "factor", "cut").to_numpy()[fitted]
        variables["each_below"] = (("factor", "cut"), below.mean(axis=0))
        if "icc_prior_below" in many:
            prior = many["icc_prior_below"].transpose("factor", "cut").to_numpy()
            streams = seed_sequence(seed).spawn(len(prior))
            found = [
                population_of_iccs(below[:, f], prior[f], coords["cut"], stream) for f, stream in enumerate(streams)
            ]
            variables["population_below"] = (
                ("chain", "draw", "factor", "cut"),
                np.stack([g for g, _ in found], axis=2),
            )
            means = np.full((len(fitted), len(prior)), np.nan)
            means[fitted] = np.stack([mean for _, mean in found], axis=1)
            variables["icc"] = (("response", "factor"), means)
    if "beta_above_0" in many:
        coords["s_below"] = np.array(_THRESHOLDS)
        variables |= _signs(many["beta_above_0"].transpose("response", "coef").to_numpy())
    attrs = {
        "response": many.attrs.get("response", "y"),
        "formula": many.attrs.get("formula", ""),
        "fitted": int(fitted.sum()),
        "responses": len(fitted),
        "sentence": f"{int(fitted.sum())} of {len(fitted)} responses were fitted",
    }
    return Answer(variables, coords=coords, attrs=attrs)


def _check(many: object) -> None:
    if not isinstance(many, xr.Dataset) or not {"fitted", "response", "seed"} <= set(many.variables):
        raise DataError(
            "this is not an answer of pp.fit_many",
            got=f"{type(many).__name__}",
            allowed="what pp.fit_many returns, or xarray.open_zarr of its path",
            do="fit the responses first: pp.across_responses(pp.fit_many(model, responses, data))",
        )
    if not many["fitted"].any():
        raise DataError(
            "no response was fitted",
            got=f"{many.sizes['response']} responses without answers",
            allowed="one response or more with answers",
            do="see many['reason']",
        )


def _signs(above: np.ndarray) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return false-sign rates and s-values from probabilities above 0, (responses, coefs)."""
    wrong = np.minimum(above, 1 - above)
    s_values = np.full_like(wrong, np.nan)
    for coef in range(wrong.shape[1]):
        known = np.isfinite(wrong[:, coef])
        own = wrong[known, coef]
        ordered = np.sort(own)
        count = np.searchsorted(ordered, own, side="right")  # responses with equal rates are stated together
        s_values[known, coef] = ordered.cumsum()[count - 1] / count
    stated = (s_values[:, :, None] <= np.array(_THRESHOLDS)).sum(axis=0)
    return {
        "false_sign": (("response", "coef"), wrong),
        "above_0": (("response", "coef"), np.where(np.isnan(above), np.nan, above > 0.5)),
        "s_value": (("response", "coef"), s_values),
        "stated": (("coef", "s_below"), stated),
    }
