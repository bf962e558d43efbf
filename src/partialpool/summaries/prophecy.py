"""Predictions for rows of a table: for these levels, for a typical one, for the population."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import Design
from partialpool.design.held import is_number, offset_in_words
from partialpool.design.rows import NewLevels, Rows, new_rows, own_rows
from partialpool.errors import SpecError, nearest
from partialpool.fitting import Fit
from partialpool.names import OBS, answer_name
from partialpool.observe.expectation import expectation
from partialpool.observe.predictor import linear_predictor
from partialpool.observe.response import replicate
from partialpool.seeds import seed_sequence
from partialpool.variance.spread import spread_of_rows

__all__ = ["predict"]

Kind = Literal["conditional", "typical", "marginal"]
_MEANING = {
    "conditional": "given each row's level",
    "typical": "group effects zero",
    "marginal": "group effects integrated out",
}


def predict(
    fit: Fit,
    data: Any = None,
    *,
    kind: Kind | Mapping[str, Kind] = "conditional",
    new_levels: NewLevels = "error",
    seed: int | None = None,
) -> xr.Dataset:
    """Predict the mean and a new response for every row, per posterior draw.

    With eta = offset + X beta and u = sum_f z' b_f, inverse link m:

    - `conditional`: E(y | b) = m(eta + u), b the level's own: these pupils, this school;
    - `typical`: m(eta), all b zero: the middle level. Under a link that bends it is not the mean of any population;
    - `marginal`: E_b m(eta + u), b ~ N(0, Sigma) integrated out exactly or to 1e-8 (`observe.expectation`): a member of
      a level drawn at random, the average over the population of levels.

    All three agree in the mean for normal responses with the identity link. Under a logit link marginal probabilities
    lie nearer to 1/2 than typical ones: by about 1 / sqrt(1 + 0.346 Var(u)) on the logit scale (Zeger, Liang & Albert
    1988, Biometrics 44:1049).

    Parameters
    ----------
    fit
        A fit by any engine.
    data
        A table with the predictors, passed through the same specification; the fit's own rows if left out. Factors that
        are not conditional need no column.
    kind
        One of the three; or one per factor, `{"batch": "conditional", "batch:cask": "marginal"}`: factors that are not
        named are conditional.
    new_levels
        What a level is that the model has not seen, where it is conditional: `error` refuses it, `sample` draws its
        effects from the population, independently for each new level, `population` sets them to zero. New levels with
        relatives among the model's (`cov`) are drawn given those, together, or set to what those say on average.
    seed
        Repeats the draws of new levels and responses.

    Returns
    -------
    xarray.Dataset
        On the scale of the response but where said otherwise. The predictors are coordinates along obs; one that is
        called like a dimension or a variable here has `_column` added to its name. Where some row is of a cell of
        crossed categories that no row of the data informs, the coordinate `unobserved_cell` says which.
        `attrs["offset"]` says what the offset of the rows is, where the model has one.

        - `expectation` (chain, draw, obs), the mean; for a binomial response that of one trial, a probability; for an
          ordinal one (chain, draw, obs, category), the probability of each category;
        - `linear_predictor` (chain, draw, obs), on the scale of the link: offset + X beta + u, where u leaves out what
          is typical or integrated out;
        - `response` (chain, draw, obs), new responses: counts of successes; codes of categories. Marginal responses of
          two rows are of two different levels.

    Raises
    ------
    DataError
        A predictor is missing; a level or category is new; a marginal mean under the inverse link.
    SpecError
        Another kind; a factor the model does not have.

    Warns
    -----
    DataWarning
        A row of a cell that no row of the data informs: its coefficients were left out of the model.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> new = pp.predict(fit, {"Days": [0, 9], "Subject": ["308", "somebody else"]}, new_levels="sample", seed=1)
    >>> new["expectation"].std(("chain", "draw")).values.round(-1)
    array([10., 70.])
    """
    kinds = _kinds(fit.design, kind)
    known = [name for name, how in kinds.items() if how == "conditional"]
    rows = (
        own_rows(fit.design).with_levels_of(known)
        if data is None
        else new_rows(fit.design, data, new_levels=new_levels, factors=known)
    )
    draws = fit.stacked()
    effects_seed, integrated_seed, response_seed = seed_sequence(seed).spawn(3)
    eta = linear_predictor(fit.design, rows, draws, seed=effects_seed)
    spread = spread_of_rows(fit.design, rows, draws, [name for name, how in kinds.items() if how == "marginal"])
    mean = expectation(fit.design, eta, spread, draws)
    # Under an identity link the mean is eta itself, and would change with it.
    mean = mean.copy() if np.shares_memory(mean, eta) else mean
    eta_of_response = eta
    if spread is not None:
        eta_of_response = eta + np.sqrt(spread) * np.random.default_rng(integrated_seed).standard_normal(eta.shape)
    response = replicate(fit.design, rows, eta_of_response, draws, seed=response_seed)
    return _labelled(fit, rows, {"expectation": mean, "linear_predictor": eta, "response": response}, kinds)


def _kinds(design: Design, kind: Kind | Mapping[str, Kind]) -> dict[str, Kind]:
    """What becomes of each factor."""
    names = [factor.name for factor in design.factors]
    given = dict(kind) if isinstance(kind, Mapping) else dict.fromkeys(names, kind)
    for name in given:
        if name not in names:
            raise SpecError(
                "no such grouping factor",
                got=repr(name),
                allowed=nearest(str(name), names),
                do="name the model's factors in kind=",
            )
    for how in (*given.values(), *([] if isinstance(kind, Mapping) else [kind])):
        if how not in get_args(Kind):
            raise SpecError(
                "unknown kind of prediction",
                got=repr(how),
                allowed=nearest(str(how), get_args(Kind)),
                do="name one of these, or one per factor",
            )
    return {name: given.get(name, "conditional") for name in names}


def _labelled(fit: Fit, rows: Rows, found: Mapping[str, np.ndarray], kinds: Mapping[str, Kind]) -> xr.Dataset:
    posterior = fit.posterior
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    dims = ("chain", "draw", OBS)
    categories = fit.design.response.categories if found["expectation"].ndim == 3 else ()
    variables = {
        name: ((*dims, "category")[: values.ndim + 1], values.reshape(*lead, *values.shape[1:]))
        for name, values in found.items()
    }
    coords: dict[str, Any] = {"chain": posterior["chain"], "draw": posterior["draw"], OBS: rows.index}
    coords |= {"category": list(categories)} if categories else {}
    for name in rows.frame.columns:
        values = rows.frame[name]
        number = pd.api.types.is_numeric_dtype(values)
        free = answer_name(name, {*coords, *variables, "category", "unobserved_cell"})
        # Numbers that the formula reads as categories make no curve.
        about = {"long_name": name} | ({} if is_number(fit.design, name) else {"kind": "category"})
        coords[free] = (OBS, values.to_numpy() if number else values.astype(object).to_numpy(), about)
    if rows.unobserved is not None:
        coords["unobserved_cell"] = (OBS, rows.unobserved)
    attrs = {
        "kind": "; ".join(f"{name}: {_MEANING[how]}" for name, how in kinds.items()) or "no groups",
        "response": fit.spec.response,
        "expectation": _meaning_of_mean(fit.design),
    }
    offset = offset_in_words(fit.design, rows.offset)
    attrs |= {"offset": offset} if offset else {}
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _meaning_of_mean(design: Design) -> str:
    """What the expectation is of, in words."""
    kind, categories = design.spec.family_record.kind, design.response.categories
    if kind == "binary":
        return f"probability of {design.response.name} = {categories[1]}"
    return {"ordinal": "probability of each category", "successes": "probability of success in one trial"}.get(
        kind, "mean of the response"
    )
