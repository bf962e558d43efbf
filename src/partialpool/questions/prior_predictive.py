"""Prior predictive distributions: parameters, responses, and their course along a predictor."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.design.path import Along, read_course
from partialpool.design.table import Missing
from partialpool.design.units import UNITS
from partialpool.errors import DataError, DataWarning, SpecError, warn
from partialpool.fitting.answer import AnswerTree, table_of_draws
from partialpool.memory import check_fits
from partialpool.model.chunks import pieces_of
from partialpool.model.default_priors import resolve_priors
from partialpool.model.distribution import check_finite_variance
from partialpool.model.partition import partition_over_rows
from partialpool.model.path_predictions import outlook_along
from partialpool.model.predictor import Draws, linear_predictor
from partialpool.model.prior import draw_prior
from partialpool.model.prior_set import PriorSet
from partialpool.model.response import replicate
from partialpool.sampling.pack import label_draws, label_observed, label_responses
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec
from partialpool.tabulate import TextTable

__all__ = ["MOST", "prior_predictive", "prior_predictive_of"]

MOST = 0.5
"""Share of implausible replicates above which a warning is given."""
_OF_LEVELS: Final = ("b_", "z_")
"""How the names of group effects begin, which are too many to print."""


class PriorPredictive(AnswerTree):
    """The answer of `prior_predictive`, which prints as a table of what the prior implies."""

    def table(self) -> TextTable | None:
        """Return the parameters under the prior, with sd and ICC of a response, and the share that is implausible."""
        if "prior" not in self.children or "implausible" not in self.attrs:
            return None
        prior = self["prior"].to_dataset()
        few = prior[[name for name in prior.data_vars if not str(name).startswith(_OF_LEVELS)]]
        if "derived" in self.children:
            derived = self["derived"].to_dataset()
            few = few.assign({f"{name} of a response" if name == "sd" else name: v for name, v in derived.items()})
        share, means = self.attrs["implausible"], self.attrs["implausible_means"]
        known = "observed_data" in self.children
        notes = (f"{100 * share:.0f} % of new responses are implausible: {means}",) if known else ()
        return table_of_draws(few, title=f"{self.attrs['formula']}: draws from the prior", notes=notes)


@explains_keywords
def prior_predictive(
    model: ModelSpec | str,
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    units: Mapping[str, str] = MappingProxyType({}),
    along: Along = None,
    draws: int = 1000,
    seed: int | None = None,
    missing: Missing = "drop",
) -> xr.DataTree:
    """Draw parameters, group effects, responses, and their course along a predictor, from the prior.

    Parameters
    ----------
    model, data, family, link, priors, se, cov, units, missing
        As for `fit`.
    along
        The numeric predictor along which to compute the variance of a response and the lines of new levels: a column,
        `"Days"`, for 25 values over its range in the rows; or values, `{"Days": [0, 5, 9]}`, with one value for each
        other predictor that is to be fixed elsewhere, `{"Days": [0, 5, 9], "sex": "F"}`. Numeric predictors that are
        not named are fixed at their means, categories at the first one; the offset follows from its columns, so that
        `{"Days": [0, 5, 9], "exposure": 1}` gives results per unit of exposure. By default, the numeric predictor whose
        slope varies over groups, if there is exactly one. `{}`: none.
    draws
        Number of draws.
    seed
        Makes the draws reproducible.

    Returns
    -------
    xarray.DataTree
        Groups, with one chain:

        - `prior`: the variables of a posterior; `prior_predictive`: the response; `observed_data`; codes of categories
          have their labels in `attrs["categories"]`;
        - `derived`: `icc` (chain, draw, factor) and `sd` (chain, draw), of responses given the fixed effects, averaged
          over the rows, under the prior (left out if the response has no variance);
        - `outlook`, if there is a predictor to follow: `variance` (chain, draw, predictor), Var(y | x) in squared
          units of the linear predictor, defined as in `variance_function` (left out if there is none);
          `level_line` (chain, draw, predictor), the mean of the response at a new level of every factor, drawn with
          the parameters of that draw; `typical_line`, the same at a level whose effects are 0; for an ordinal response
          lines are the linear predictor. Its attrs state the values of other predictors, and the offset.

        attrs: `implausible`, the share of replicates that are implausible for data of this kind, and
        `implausible_means`, what that means. A share above one half gives a warning.

    Raises
    ------
    DataError
        The table does not fit the model; `along` names a column that the model does not use, or a categorical one.
    EngineError
        The draws of all rows do not fit into memory.

    Examples
    --------
    >>> import partialpool as pp
    >>> tree = pp.prior_predictive("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1)
    >>> tree.attrs["implausible"] < 0.05
    True
    >>> sd = tree["outlook"]["variance"].median("draw").squeeze() ** 0.5
    >>> sd.sel(Days=[0, 9]).round(-2).values
    array([100., 100.])
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov, units=units)
    design = build_design(spec, data, missing=missing)
    tree = prior_predictive_of(design, resolve_priors(design), along=along, draws=draws, seed=seed)
    share, means = tree.attrs["implausible"], tree.attrs["implausible_means"]
    if share > MOST:
        warn(
            f"the priors put {100 * share:.0f} % of their mass on {means}: check pp.priors(...), and tighten them",
            DataWarning,
        )
    return tree


def prior_predictive_of(
    design: Design, priors: PriorSet, *, along: Along = None, draws: int = 1000, seed: int | None = None
) -> xr.DataTree:
    """Return `prior_predictive` for an existing design, without the warning."""
    _check_size(design, draws)
    course = read_course(design, along)
    parameter_seed, response_seed, level_seed = seed_sequence(seed).spawn(3)
    stacked = draw_prior(design, priors, draws, seed=parameter_seed)
    replicates, share, means = _replicates(design, stacked, response_seed)
    prior = label_draws(design, {k: v[None] for k, v in stacked.items()})
    groups = {
        "prior": prior,
        "prior_predictive": label_responses(design, replicates[None], design.rows),
        "observed_data": label_observed(design),
    }
    derived = _derived(prior, design)
    if derived is not None:
        groups["derived"] = derived
    if course is not None:
        groups["outlook"] = outlook_along(design, prior, course, seed=level_seed)
    tree = PriorPredictive.from_dict(groups)
    tree.attrs = {
        "formula": design.spec.to_formula(),
        "family": design.spec.family,
        "link": design.spec.link,
        "response": design.response.name,
        UNITS: design.axis_units.as_text(),
        "implausible": share,
        "implausible_means": means,
    }
    return tree


def _check_size(design: Design, draws: int) -> None:
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 1:
        raise SpecError("draws must be a positive integer", got=repr(draws), allowed="1, 2, ...", do="change draws")
    effects = sum(factor.n_levels * len(factor.names) for factor in design.factors)
    check_fits(
        8.0 * draws * (design.n_rows + effects),
        wrong="the draws of responses and group effects do not fit into memory",
        got=f"{draws} draws x ({design.n_rows} rows + {effects} effects)",
        do="use fewer draws: they take draws x (rows + effects) x 8 bytes",
    )


def _replicates(design: Design, draws: Draws, seed: np.random.SeedSequence) -> tuple[np.ndarray, float, str]:
    """Draw responses, (draws, rows), some draws at a time; return also the implausible share, and what it means."""
    rows, rng, support = own_rows(design), np.random.default_rng(seed), design.spec.family_record.support
    total = len(next(iter(draws.values())))
    out, share, means, at = np.empty((total, design.n_rows)), 0.0, "", 0
    # A wide prior on a log scale may overflow, which counts as implausible.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # One stream for all pieces: what is drawn does not depend on their size.
        for piece, _ in pieces_of(draws, design.n_rows, None):
            eta = linear_predictor(design, rows, piece)
            if not design.spec.link_record.takes_any_predictor:  # a mean below 0 has no response
                eta[eta <= 0] = np.nan
            values = replicate(design, rows, eta, piece, seed=rng)
            own, means = support.implausible_share(design.response.values, values, design.response.trials)
            own += float(np.isnan(values).mean())
            out[at : at + len(values)] = values
            share, at = share + own * len(values) / total, at + len(values)
    return out, share, means


def _derived(prior: xr.Dataset, design: Design) -> xr.Dataset | None:
    """Return ICC and sd of a response, per prior draw; None if there are none."""
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            check_finite_variance(design, prior)
            partition = partition_over_rows(prior, design)
            total = partition.total[..., 0]
            shares = [values[..., 0] / total for values in partition.factors.values()]
    except DataError:
        return None
    variables: dict[str, Any] = {"sd": (("chain", "draw"), np.sqrt(total))}
    if shares:
        variables["icc"] = (("chain", "draw", "factor"), np.stack(shares, axis=-1))
    coords = {"chain": prior["chain"], "draw": prior["draw"], "factor": list(partition.factors)}
    return xr.Dataset(variables, coords=coords if shares else {n: coords[n] for n in ("chain", "draw")})
