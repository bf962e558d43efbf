"""Posterior-predictive checks of the response, family by family: dispersion, zeros, extremes, ends, categories."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.newdata import own_rows
from partialpool.design.units import UNITS
from partialpool.fitting.answer import AnswerTree
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.model.chunks import pieces_of
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import given_of, replicate
from partialpool.sampling.pack import label_observed, label_responses
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import TextTable, number, p_value

__all__ = ["posterior_checks"]

_BINS: Final = 10
"""Number of classes of rows by their expected response, of equal size."""
_FEWEST: Final = 5
"""Fewest rows in each class."""
_MOST_JUDGED: Final = 100_000_000
"""Most numbers in all new responses, unless that would leave fewer draws than the next constant."""
_FEWEST_JUDGED: Final = 1000
_KEPT: Final = 400
"""Most draws whose new responses are kept: plots do not show more."""
_MOST_KEPT: Final = 20_000_000
"""Most numbers in the kept responses, unless that would leave fewer draws than the next constant."""
_FEWEST_KEPT: Final = 20
_LARGEST_WHOLE: Final = 2.0**53
_SMALLEST_VARIANCE: Final = 1e-300
_NEAR: Final = 0.02
"""A proportion this close to 0 or 1 is at an end."""

_Statistic = Callable[["_Rows", np.ndarray], np.ndarray]


class _Rows:
    """Means and variances of the response given the draws, (draws, rows), relative to which statistics are computed."""

    def __init__(self, design: Design, mean: np.ndarray, variance: np.ndarray, classes: np.ndarray) -> None:
        self.mean, self.variance, self.classes = mean, variance, classes
        self.trials = design.response.trials
        self.log = design.spec.family_record.has_residuals_of_logs
        self.n_categories = len(design.response.categories or ())

    def standardised(self, y: np.ndarray) -> np.ndarray:
        """Return (y - E y) / sd(y), (draws, rows); 0 where a response cannot vary and does not."""
        away = (np.log(y) if self.log else y) - self.mean
        return away / np.sqrt(np.maximum(self.variance, _SMALLEST_VARIANCE)) * (away != 0)


def _dispersion(rows: _Rows, y: np.ndarray) -> np.ndarray:
    """Pearson's chi-square over the number of rows."""
    return (rows.standardised(y) ** 2).mean(axis=1)


def _skewness(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return (rows.standardised(y) ** 3).mean(axis=1)


def _tails(rows: _Rows, y: np.ndarray) -> np.ndarray:
    """Return the largest absolute residual, in sds."""
    return np.abs(rows.standardised(y)).max(axis=1)


def _spread_with_mean(rows: _Rows, y: np.ndarray) -> np.ndarray:
    """Return the covariance of squared standardised residuals with the mean, relative to the spread of the means."""
    centred = rows.mean - rows.mean.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=1))
    squares = rows.standardised(y) ** 2
    return (squares * centred).mean(axis=1) / np.maximum(scale, _SMALLEST_VARIANCE)


def _fitted(rows: _Rows, y: np.ndarray) -> np.ndarray:
    """Sum over classes of rows, by their expected response, of squared standardised sums of residuals."""
    member = rows.classes[:, None] == np.arange(rows.classes.max() + 1)
    away = ((np.log(y) if rows.log else y) - rows.mean) @ member
    return (away**2 / np.maximum(rows.variance @ member, _SMALLEST_VARIANCE)).mean(axis=1)


def _zeros(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return (y == 0).mean(axis=1)


def _ones(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return (y == 1).mean(axis=1)


def _largest(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return y.max(axis=1)


def _smallest(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return y.min(axis=1)


def _none_or_all(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return ((y == 0) | (y == rows.trials)).mean(axis=1)


def _ends(rows: _Rows, y: np.ndarray) -> np.ndarray:
    return ((y < _NEAR) | (y > 1 - _NEAR)).mean(axis=1)


def _category_share(k: int) -> _Statistic:
    return lambda rows, y: (y == k).mean(axis=1)


_STATISTICS: Final[Mapping[str, _Statistic]] = MappingProxyType(
    {
        "dispersion": _dispersion,
        "zeros": _zeros,
        "ones": _ones,
        "none_or_all": _none_or_all,
        "ends": _ends,
        "smallest": _smallest,
        "largest": _largest,
        "skewness": _skewness,
        "tails": _tails,
        "spread": _spread_with_mean,
        "fitted": _fitted,
    }
)
"""Statistics by name; each family lists those that its models most often fail (`Family.checks`)."""


class ResponseChecks(AnswerTree):
    """The answer of `posterior_checks`, which prints as a table of its statistics."""

    def table(self) -> TextTable | None:
        """Return each statistic: its mean over draws in the data and in new responses, and its two-sided p."""
        if not {"data", "new", "p_value"} <= set(self["checks"].data_vars if "checks" in self.children else ()):
            return None
        found = self["checks"].to_dataset()
        means = {name: found[name].mean([dim for dim in found[name].dims if dim != "statistic"]) for name in found}
        rows = tuple(
            (str(name).replace("_", " "), *(number(float(means[v].sel(statistic=name))) for v in ("data", "new")),
             p_value(float(found["p_value"].sel(statistic=name))).removeprefix("p ").removeprefix("= "))
            for name in found["statistic"].to_numpy()
        )  # fmt: skip
        family, response = self.attrs.get("family"), self.attrs.get("response")
        title = f"{response}, {family}: statistics of the data and of new responses" if family else ""
        return TextTable(("statistic", "data", "new", "p"), rows, title=title)


@explains_keywords
@of_first_table
def posterior_checks(fit: Fit, *, seed: int | None = None) -> xr.DataTree:
    """Compare the response with new responses of the same rows, by statistics that models of its family often miss.

    Parameters
    ----------
    fit
        A fit by any engine.
    seed
        Makes the new responses reproducible.

    Returns
    -------
    xarray.DataTree
        - `checks`: `data` and `new` (chain, draw, statistic), each statistic T of the data and of a new response given
          the same parameters; `p_value` (statistic), 2 min(P(T(new) >= T(y)), P(T(new) <= T(y))), at most 1
          (posterior-predictive checks of realised discrepancies: Gelman, Meng & Stern 1996, Statistica Sinica 6:733).
          Effects are those of the existing levels; such p-values are drawn towards the middle of their range, so that
          a small one can be taken at face value;
        - `posterior_predictive` (chain, draw, obs) and `observed_data` (obs): the responses, in the form that ArviZ's
          `plot_ppc_dist`, `plot_ppc_rootogram` and others take, named as in `fit.tree`. New responses are kept for
          400 draws, evenly spaced among all; for fewer, down to 20, if they would be more than 20 million numbers.
          Statistics are computed for every draw; for fewer, down to 1,000 evenly spaced ones, if these responses would
          be more than 100 million numbers. The labels of category codes are in `attrs["categories"]`.

        Statistics, e = (y - E(y | b)) / sd(y | b) (lognormal: of log y; student_t: in units of sigma):

        - poisson, negative_binomial, zero-inflated or with a hurdle too: `dispersion`, mean of e^2 (1 where the
          family holds); `zeros`, their share; `largest`; `fitted`;
        - hurdle_gamma, hurdle_lognormal: `zeros`, `largest`, `spread`, `fitted`;
        - binomial, beta_binomial: `dispersion`, `none_or_all` (share of rows without a failure or without a success)
          where any row has several trials; `fitted`; bernoulli: `fitted`;
        - gaussian, skew_normal, lognormal: `skewness`, mean of e^3; `tails`, the largest e, either way; `spread`, mean
          of e^2 times the standardised mean; `fitted`;
        - student_t, gamma, weibull, inverse_gaussian: `smallest`, `largest`, `spread`, and `fitted` of all but the
          first; exgaussian: these and `skewness`; beta: `ends`, the share below 0.02 or above 0.98, `spread`, `fitted`;
          zero_one_inflated_beta: `zeros`, `ones`, `spread`, `fitted`;
        - categories: `category_<k>`, the share of each category.

        `fitted`: rows in ten classes by their posterior mean of the linear predictor, without factors that have fewer
        than two rows per level; the mean over classes of the squared sum of residuals over its variance. Curvature that
        the model does not include shows here (as in Hosmer & Lemeshow 1980, Communications in Statistics A9:1043, here
        as a discrepancy).

        attrs: `family`, `response`; `categories` of a binary or ordinal one.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> tree = pp.posterior_checks(fit, seed=1)
    >>> tree["checks"]["statistic"].values.tolist()
    ['skewness', 'tails', 'spread', 'fitted']
    """
    fit.design.check_all_seen(
        "posterior_checks",
        because="new responses are not censored, and data that are cannot be compared with them",
        do="use pp.quantile_residuals, which counts censored rows as what is known of them",
    )
    design, judged = fit.design, _judged(fit)
    kept = _kept_draws(judged)
    statistics = _statistics_of(design)
    classes = _classes(fit) if "fitted" in statistics else np.zeros(design.n_rows, int)
    observed = design.response.values
    real: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
    new: dict[str, list[np.ndarray]] = {name: [] for name in statistics}
    responses, at = [], 0
    for rows, y in _replicates(judged, classes, seed):
        for name, statistic in statistics.items():
            real[name].append(np.broadcast_to(statistic(rows, observed[None]), len(y)))
            new[name].append(statistic(rows, y))
        responses.append(y[np.flatnonzero(kept[at : at + len(y)])])
        at += len(y)
    found = {name: (np.concatenate(real[name]), np.concatenate(new[name])) for name in statistics}
    tree = ResponseChecks.from_dict(
        {"checks": _labelled_checks(judged, found), **_labelled_responses(judged, kept, np.concatenate(responses))}
    )
    tree.attrs = {
        "family": design.spec.family,
        "response": design.response.name,
        UNITS: design.axis_units.as_text(),
    }
    if design.response.categories:
        tree.attrs["categories"] = [str(label) for label in design.response.categories]
    return tree


def _judged(fit: Fit) -> Fit:
    """Return the fit with the draws for which statistics are computed: equally many of each chain, evenly spaced."""
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    most = max(_MOST_JUDGED // fit.design.n_rows, _FEWEST_JUDGED)
    if chains * draws <= most:
        return fit
    chosen = np.linspace(0, draws - 1, -(-most // chains)).round().astype(int)
    return replace(fit, tree=xr.DataTree.from_dict({"posterior": fit.posterior.isel(draw=chosen)}))


def _kept_draws(fit: Fit) -> np.ndarray:
    """Return which draws have their new responses kept, boolean (draws,): equally many of each chain, evenly spaced."""
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    most = int(np.clip(_MOST_KEPT // fit.design.n_rows, _FEWEST_KEPT, _KEPT))
    chosen = np.linspace(0, draws - 1, min(draws, -(-most // chains))).round().astype(int)
    return np.tile(np.isin(np.arange(draws), chosen), chains)


def _labelled_checks(fit: Fit, found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> xr.Dataset:
    posterior = fit.posterior
    shape = (len(found), posterior.sizes["chain"], posterior.sizes["draw"])
    dims = ("statistic", "chain", "draw")
    values = {
        "data": (dims, np.array([t for t, _ in found.values()]).reshape(shape)),
        "new": (dims, np.array([t for _, t in found.values()]).reshape(shape)),
        "p_value": (("statistic",), np.array([_two_sided(*pair) for pair in found.values()])),
    }
    coords = {"chain": posterior["chain"], "draw": posterior["draw"], "statistic": list(found)}
    return xr.Dataset(values, coords=coords).transpose("chain", "draw", "statistic")


def _labelled_responses(fit: Fit, kept: np.ndarray, responses: np.ndarray) -> dict[str, xr.Dataset]:
    """Label the kept new responses and the data as ArviZ does."""
    design, posterior = fit.design, fit.posterior
    chains = posterior.sizes["chain"]
    of_chain = kept.reshape(chains, -1)[0]
    # ArviZ distinguishes counts and categories from measurements by their type.
    discrete = design.spec.family_record.support.is_whole and responses.max() < _LARGEST_WHOLE
    kind = int if discrete else float
    predicted = label_responses(design, responses.astype(kind).reshape(chains, of_chain.sum(), -1), design.rows)
    predicted = predicted.assign_coords(chain=posterior["chain"], draw=posterior["draw"][of_chain])
    return {"posterior_predictive": predicted, "observed_data": label_observed(design).astype(kind)}


def _statistics_of(design: Design) -> dict[str, _Statistic]:
    found = {name: _STATISTICS[name] for name in design.spec.family_record.checks}
    if not design.spec.family_record.has_mean:
        return {f"category_{label}": _category_share(k) for k, label in enumerate(design.response.categories or ())}
    trials = design.response.trials
    if trials is not None and not (trials > 1).any():
        found = {"fitted": _fitted}
    if design.n_rows < _BINS * _FEWEST:
        found.pop("fitted", None)
    return found


def _two_sided(real: np.ndarray, new: np.ndarray) -> float:
    return min(1.0, 2 * min(float((new >= real).mean()), float((new <= real).mean())))


def _classes(fit: Fit) -> np.ndarray:
    """Return the class of each row by its expected response, (rows,); rows of equal value are in one class.

    The mean is over every draw of the fit: by few draws, rows near the edges would change classes, and with them the
    statistic of the data.

    An effect of a single row follows this row's own response: high responses would be in high classes, above their
    expectations, although the model is right. Factors with fewer than two rows per level are left out.
    """
    total = np.zeros(fit.design.n_rows)
    shared = [factor.name for factor in fit.design.grouping if factor.n_levels <= fit.design.n_rows / 2]
    rows = own_rows(fit.design).with_levels_of(shared)
    for some, _ in pieces_of(fit.stacked(), fit.design.n_rows, 0):
        total += linear_predictor(fit.design, rows, some).sum(axis=0)
    edges = np.unique(np.quantile(total, np.arange(1, _BINS) / _BINS))
    return np.unique(np.searchsorted(edges, total), return_inverse=True)[1]


def _replicates(fit: Fit, classes: np.ndarray, seed: int | None) -> Iterator[tuple[_Rows, np.ndarray]]:
    design, rows = fit.design, own_rows(fit.design)
    for some, child in pieces_of(fit.stacked(), design.n_rows, seed):
        eta = linear_predictor(design, rows, some)
        y = replicate(design, rows, eta, some, seed=child)
        moments = design.spec.family_record.residual_moments(given_of(design, rows, eta, some))
        yield _Rows(design, *moments, classes), y
