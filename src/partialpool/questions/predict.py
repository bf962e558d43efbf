"""Predictions for rows of a table: for their own levels, for a typical level, or for the population."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.held import is_number, offset_in_words
from partialpool.design.labels import mean_in_words
from partialpool.design.new_levels import NewLevels, check_new_levels
from partialpool.design.newdata import Rows, new_rows, own_rows
from partialpool.design.table import column_names
from partialpool.design.units import UNITS
from partialpool.errors import SpecError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.memory import check_fits
from partialpool.model.chunks import pieces_of
from partialpool.model.marginal_effects import (
    check_marginal_mean,
    draw_marginal_effects,
    marginal_parameters,
    population_mean,
)
from partialpool.model.parameter_values import threshold_effects
from partialpool.model.predictor import linear_predictor, with_new_levels
from partialpool.model.residual_covariance import fitted_series
from partialpool.model.response import draw_each
from partialpool.names import CUTPOINT, OBS, answer_name
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.terms import factor_columns

__all__ = ["predict"]

Kind = Literal["conditional", "typical", "marginal"]
_MEANING = {
    "conditional": "given each row's level",
    "typical": "group effects zero",
    "marginal": "group effects integrated out",
}


_THRESHOLD_EFFECTS: Final = "threshold_effects"


@explains_keywords
def predict(
    fit: Fit,
    data: Any = None,
    *,
    kind: Kind | Mapping[str, Kind] | None = None,
    new_levels: NewLevels = "error",
    draws: int | None = None,
    seed: int | None = None,
) -> xr.Dataset:
    """Predict the mean and a new response for every row, per posterior draw.

    With eta = offset + X beta and u = sum_f z' b_f, inverse link m:

    - `conditional`: E(y | b) = m(eta + u), b the effects of the row's own level: these pupils, this school;
    - `typical`: m(eta), all b zero: the middle level. Under a nonlinear link it is not the mean of any population;
    - `marginal`: E_b m(eta + u), b ~ N(0, Sigma) integrated out exactly or to 1e-8 (`model.expectation`): a member of
      a level drawn at random, the average over the population of levels.

    All three agree in the mean for normal responses with the identity link. Under a logit link marginal probabilities
    are nearer to 1/2 than typical ones: by about 1 / sqrt(1 + 0.346 Var(u)) on the logit scale (Zeger, Liang & Albert
    1988, Biometrics 44:1049).

    Parameters
    ----------
    fit
        A fit by any engine.
    data
        A table with the predictors, passed through the same specification; by default the fit's own rows. Factors that
        are not conditional need no column. Without the columns of known standard errors or of trials, no new responses
        are drawn.
    kind
        One of the three; or one per factor, `{"batch": "conditional", "batch:cask": "marginal"}`: factors that are not
        named are conditional. By default factors are conditional, except those whose columns are absent from a table
        that has only columns of the model, as `datagrid` makes it: these are marginal. `attrs["kind"]` states it.
    new_levels
        How to treat a level that is not in the fit, for conditional factors: `error` refuses it, `sample` draws its
        effects from the population, independently for each new level, `population` sets them to zero. New levels that
        are related to levels of the fit (`cov`) are drawn jointly given those, or set to their conditional mean.
    draws
        How many posterior draws to predict from, evenly spaced within each chain; all by default. For many rows a few
        hundred are enough.
    seed
        Makes the draws of new levels and responses reproducible.

    Returns
    -------
    xarray.Dataset
        On the scale of the response unless stated otherwise. The predictors are coordinates along obs; one that has the
        name of a dimension or a variable here has `_column` added to its name. If a row is in a cell of crossed
        categories without any observation, the coordinate `unobserved_cell` marks it. `attrs["offset"]` states the
        offset of the rows, if the model has one.

        - `expectation` (chain, draw, obs), the mean; for a binomial response that of one trial, a probability; for an
          ordinal one (chain, draw, obs, category), the probability of each category; of a truncated response, the mean
          within its bounds, marginal that of the levels' means;
        - `linear_predictor` (chain, draw, obs), on the scale of the link: offset + X beta + u, where u leaves out
          factors that are typical or marginal, and effects of single thresholds (`cs(x)`);
        - `response` (chain, draw, obs), new responses: counts of successes; codes of categories, from 0, whose labels
          are in its `attrs["categories"]`, in the order of the codes. Marginal responses of two rows are of two
          different levels. They are never censored, and within the bounds of a truncated response. It is left out if a
          new response would need a known standard error or a number of trials that the table does not have, as stated
          in `attrs["no_response"]`;
        - each parameter of the family that has a predictor, such as `sigma` (chain, draw, obs): its value for the row's
          levels; marginal, its mean over the population of levels;
        - `threshold_effects` (chain, draw, obs, cutpoint), where thresholds have coefficients of their own (`cs(x)`):
          what these add to the linear predictor at each.

    Draws are computed some at a time; the result takes 8 bytes x draws x rows x variables.

    Raises
    ------
    DataError
        A predictor is missing; a level or category is new; a marginal mean under the inverse link, or of a truncated
        response whose other parameters vary over the levels.
    SpecError
        An unknown kind; a factor the model does not have; a number of draws that the fit does not have.
    EngineError
        The draws of all rows do not fit into memory.

    Warns
    -----
    DataWarning
        A row is in a cell without any observation: its coefficients were left out of the model.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> new = pp.predict(fit, {"Days": [0, 9], "Subject": ["308", "somebody else"]}, new_levels="sample", seed=1)
    >>> new["expectation"].std(("chain", "draw")).values.round(-1)
    array([10., 60.])
    """
    check_new_levels(new_levels)
    kinds = _kinds(fit.design, _kinds_of_table(fit.design, data) if kind is None else kind)
    observed = not isinstance(kind, str) or kind == "conditional"
    return _of_rows(
        fit if draws is None else _thinned(fit, draws), data, kinds, new_levels, seed=seed, observed=observed
    )


@over_tables
def _of_rows(
    fit: Fit, data: Any, kinds: Mapping[str, Kind], new_levels: NewLevels, *, seed: int | None, observed: bool
) -> xr.Dataset:
    """Predict rows; `observed` is whether residuals of a known series may be given those that were observed."""
    known = [name for name, how in kinds.items() if how == "conditional"]
    rows = (
        own_rows(fit.design).with_levels_of(known)
        if data is None
        else new_rows(fit.design, data, new_levels=new_levels, factors=known, responses=False)
    )
    # Residuals are known where all group effects are those of the rows' own levels.
    observed = observed and "marginal" not in kinds.values() and all(group.play_a_part for group in rows.groups)
    marginal = [name for name, how in kinds.items() if how == "marginal"]
    found = _predicted(fit, rows, marginal, seed, observed=observed)
    said = _residuals_in_words(fit.design, rows, observed=observed)
    return _labelled(fit, rows, found, kinds, said)


def _residuals_in_words(design: Design, rows: Rows, *, observed: bool) -> str:
    """Say what correlated residuals of new responses are given; empty where residuals are independent."""
    if design.residual is None or design.residual.series is None:
        return ""
    series = design.residual.series
    new = None if rows.residual is None else rows.residual.series
    if observed and new is not None and (fitted_series(series, new) >= 0).any():
        again = "" if series.kind == "cosy" else "; at a time that was observed, a new residual"
        return f"residuals of a known {series.stated.gr}: given the observed ones{again}"
    return f"residuals: of a new {series.stated.gr}"


def _predicted(
    fit: Fit, rows: Rows, marginal: Collection[str], seed: int | None, *, observed: bool
) -> dict[str, np.ndarray]:
    """Draw every variable, (draws, rows, ...), some draws at a time."""
    design, draws = fit.design, fit.stacked()
    total, n = len(next(iter(draws.values()))), len(rows.index)
    categories = 1 if design.spec.family_record.has_mean else len(design.response.categories)
    lacking = _lacking(design, rows)
    check_fits(
        8.0 * total * n * (1 + categories + (not lacking) + len(design.parameters)),
        wrong="the draws of the predictions do not fit into memory",
        got=f"{total} draws x {n} rows x {1 + categories + (not lacking)} numbers",
        do="use fewer draws by draws=, or predict for some of the rows at a time",
    )
    shapes = {"expectation": (total, n, categories) if categories > 1 else (total, n), "linear_predictor": (total, n)}
    shapes |= {} if lacking else {"response": (total, n)}
    if design.thresholds:
        shapes[_THRESHOLD_EFFECTS] = (total, n, len(design.thresholds))
    else:
        shapes |= dict.fromkeys(design.parameters, (total, n))
    check_marginal_mean(design, marginal)
    found = {name: np.empty(shape) for name, shape in shapes.items()}
    # One stream for all pieces, and independent streams for effects and responses.
    effects, integrated, responses = (np.random.default_rng(child) for child in seed_sequence(seed).spawn(3))
    at = 0
    for some, _ in pieces_of(draws, n * categories, None):
        whole = with_new_levels(design, rows, some, seed=effects)
        eta = linear_predictor(design, rows, whole)
        place, at = slice(at, at + len(eta)), at + len(eta)
        parameters = marginal_parameters(design, rows, whole, marginal)
        found["linear_predictor"][place] = eta
        found["expectation"][place] = population_mean(design, rows, eta, whole, marginal)
        if design.thresholds:
            found[_THRESHOLD_EFFECTS][place] = threshold_effects(design, rows, whole)
        for name, values in parameters.items():
            found[name][place] = values
        if lacking:
            continue
        added = draw_marginal_effects(design, rows, whole, marginal, integrated)
        new = eta + added.pop("", 0.0)
        found["response"][place] = draw_each(
            design, rows, new, whole, seed=responses, conditional=observed, added=added
        )
    return found


def _thinned(fit: Fit, draws: int) -> Fit:
    """Return the fit with so many of its draws, the same number of each chain."""
    sizes = fit.posterior.sizes
    chains, most = sizes["chain"], sizes["chain"] * sizes["draw"]
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or not 1 <= draws <= most:
        raise SpecError(
            "draws must be the number of posterior draws to predict from",
            got=repr(draws),
            allowed=f"an integer from 1 to {most}",
            do="leave it out for all of them",
        )
    chosen = np.linspace(0, sizes["draw"] - 1, -(-int(draws) // chains)).round().astype(int)
    tree = xr.DataTree.from_dict({"posterior": fit.posterior.isel(draw=chosen)})
    tree.attrs = fit.tree.attrs
    return replace(fit, tree=tree)


def _lacking(design: Design, rows: Rows) -> str:
    """Return what the rows lack that a new response needs; empty if nothing."""
    if design.spec.se and rows.se is None:
        return f"known standard errors, column {design.spec.se!r}"
    if design.spec.precision and rows.precision is None:
        return f"precisions of the residual variance, column {design.spec.precision!r}"
    if design.residual is not None and rows.residual is None:
        return f"columns of the residual sds, {', '.join(design.residual.by)}"
    if design.spec.response_term.trials and rows.trials is None:
        return f"numbers of trials, {design.spec.response_term.trials}"
    return ""


def _kinds_of_table(design: Design, data: Any) -> dict[str, Kind]:
    """Return the kinds that a table implies; a column that is not the model's may be a factor's with another name."""
    names = set(column_names(data))
    if data is None or not names <= set(design.spec.columns):
        return {}
    lacking = [name for name in design.grouping_names if not names.issuperset(factor_columns(name))]
    return dict.fromkeys(lacking, "marginal")


def _kinds(design: Design, kind: Kind | Mapping[str, Kind]) -> dict[str, Kind]:
    """Return the kind of prediction for each factor."""
    names = list(design.grouping_names)
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


def _mean_in_words(design: Design) -> str:
    """Describe the mean, which of a truncated response is that within its bounds."""
    if design.response.truncation is None:
        return mean_in_words(design)
    return f"{design.spec.family_record.support.mean_in_words} within its bounds, trunc({design.spec.trunc})"


def _labelled(
    fit: Fit, rows: Rows, found: Mapping[str, np.ndarray], kinds: Mapping[str, Kind], residuals: str
) -> xr.Dataset:
    posterior = fit.posterior
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    dims = ("chain", "draw", OBS)
    categories = fit.design.response.categories if found["expectation"].ndim == 3 else ()
    last = {_THRESHOLD_EFFECTS: CUTPOINT}
    variables = {
        name: ((*dims, last.get(name, "category"))[: values.ndim + 1], values.reshape(*lead, *values.shape[1:]))
        for name, values in found.items()
    }
    coords: dict[str, Any] = {"chain": posterior["chain"], "draw": posterior["draw"], OBS: rows.index}
    coords |= {"category": list(categories)} if categories else {}
    coords |= {CUTPOINT: list(fit.design.threshold_labels)} if fit.design.thresholds else {}
    for name in rows.frame.columns:
        values = rows.frame[name]
        number = pd.api.types.is_numeric_dtype(values)
        free = answer_name(name, {*coords, *variables, "category", "unobserved_cell"})
        # Numbers that the formula treats as categories are not drawn as a curve.
        about = {"long_name": name} | ({} if is_number(fit.design, name) else {"kind": "category"})
        about |= {"kind": "trials"} if name == fit.spec.response_term.trials else {}
        coords[free] = (OBS, values.to_numpy() if number else values.astype(object).to_numpy(), about)
    if rows.unobserved is not None:
        coords["unobserved_cell"] = (OBS, rows.unobserved)
    by_kind: dict[Kind, list[str]] = {}
    for name, how in kinds.items():
        by_kind.setdefault(how, []).append(name)
    said = [residuals] if residuals else []
    attrs = {
        "kind": "; ".join([*(f"{', '.join(names)}: {_MEANING[how]}" for how, names in by_kind.items()), *said])
        or "no groups",
        "response": fit.design.response.name,
        UNITS: fit.design.axis_units.as_text(),
        "expectation": _mean_in_words(fit.design),
    }
    lacking, offset = _lacking(fit.design, rows), offset_in_words(fit.design, rows.offset)
    attrs |= {"no_response": f"no {lacking}"} if lacking else {}
    attrs |= {"offset": offset} if offset else {}
    answer = Answer(variables, coords=coords, attrs=attrs)
    if "response" in answer:
        answer["response"].attrs |= fit.design.response.attrs
    return answer
