"""Plot of observed and simulated responses, drawn by ArviZ, and of their statistics."""

import warnings
from typing import Any, Unpack

import arviz_plots as azp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from partialpool.design.units import Units
from partialpool.families.registry import family_named
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import column_label, stated_or
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, VERMILION, house_style, room, short, titled
from partialpool.plots.ticks import round_numbers
from partialpool.questions.check_advice import statistic_in_words
from partialpool.questions.posterior_checks import posterior_checks
from partialpool.tabulate import p_value

__all__ = ["plot_posterior_checks"]

_MOST_COUNTS = 100
"""The largest count up to which each count has its own mark."""
_BINS = 30
_FINEST = 1000
"""Number of possible values of a count or share above which bins are not aligned with them."""
_THIN = 0.02
"""Half the width of the bar of a statistic that does not vary."""
_HARMLESS = ("binary", "single value", "Found chain dimension to be longer")
"""Harmless ArviZ warnings: counts that are all 0 or 1; simulated tables that do not vary; fewer than four counts."""
_SMALLEST = np.finfo(float).tiny
"""Lower bound of responses on a logarithmic axis, for those that round to 0."""
_NARROWEST = 6.2
"""Least width in inches, so that the title fits."""
_SAMPLES = 50
_BEYOND = 0.5
"""How far beyond the data new responses are shown, as a share of the range of the data."""

_LEAST_DISTINCT = 0.5
"""Share of distinct values below which numbers count as coarsely rounded."""


@draws_answer_of("posterior_checks", "checks", "posterior_predictive", "observed_data", ask=posterior_checks)
def plot_posterior_checks(
    checks: xr.DataTree, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnTitle]
) -> Figure:
    """Draw the response over responses simulated from the model, and the statistics that are compared.

    Parameters
    ----------
    checks
        From `posterior_checks`; or a fit, for which `posterior_checks` is then called without other arguments.
    unit
        Unit of the response, for the axis; by default the one that the model or the table states.
    prob
        Probability of the intervals of new responses; densities and distribution functions have none.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        The data are vermilion, new responses of the model blue. Left, depending on the family: for counts, the
        frequency of each with the interval of probability `prob` of new responses, on a square-root scale
        (`arviz_plots.plot_ppc_rootogram`); for binary responses, their share along the predicted probability,
        calibrated by monotone regression, with an interval of probability `prob` (`plot_ppc_pava`); for ordered
        categories, the frequency of each with the interval of new responses; for other numbers, densities of 50 new
        tables, or their distribution functions where the family has a long tail or the numbers are coarsely rounded
        (`plot_ppc_dist`). Right: each statistic in the data and in new responses, one value per draw, with its
        two-sided p; a statistic that does not depend on parameters is a line.
    """
    unit = stated_or(unit, Units.of_answer(checks.attrs).response)
    of_categories = family_named(checks.attrs["family"]).picture == "categories"
    statistics = [] if of_categories else checks["checks"]["statistic"].to_numpy().tolist()
    with house_style():
        figure, axes = _overlay(checks, unit, prob)
        columns = -(-len(statistics) // 2)
        figure.set_size_inches(max(_NARROWEST, 4.6 + 2.4 * columns), figure.get_size_inches()[1])
        grid = figure.add_gridspec(2, 1 + columns, width_ratios=(2.0, *[1.1] * columns))
        axes.set_subplotspec(grid[:, 0])
        alone = len(statistics) == 1
        for k, name in enumerate(statistics):
            place = grid[:, 1] if alone else grid[k // columns, 1 + k % columns]
            _statistic(figure.add_subplot(place), checks["checks"].to_dataset().sel(statistic=name), name)
        figure.suptitle(
            f"{titled(checks.attrs['response'])}: the data (vermilion) and new responses of the model (blue)",
            x=0.01,
            ha="left",
            fontsize=11,
        )
    return figure


def _overlay(checks: xr.DataTree, unit: str, prob: float) -> tuple[Figure, Axes]:
    picture, response = family_named(checks.attrs["family"]).picture, titled(checks.attrs["response"])
    largest = _only(checks["observed_data"].to_dataset()).max()
    if picture == "categories":
        return _categories(checks, prob)
    if picture == "calibration":
        return _calibration(checks, response, prob)
    label = column_label(checks.attrs["response"], unit)
    if picture == "frequencies" and largest <= _MOST_COUNTS:
        return _frequencies(checks, label, prob)
    return _distributions(checks, label)


def _only(responses: xr.Dataset) -> np.ndarray:
    """Return the values of the only variable."""
    (values,) = responses.data_vars.values()
    return values.to_numpy()


def _by_arviz(draw: Any, checks: xr.DataTree, **options: Any) -> tuple[Figure, Axes]:
    with warnings.catch_warnings():
        for harmless in _HARMLESS:
            warnings.filterwarnings("ignore", message=f".*{harmless}", category=UserWarning)
        drawn = draw(checks, backend="matplotlib", figure_kwargs={"figsize": (9.2, 4.2)}, **options)
    (axes,) = (values.item() for values in drawn.viz["plot"].data_vars.values())
    return drawn.viz["figure"].item(), axes


def _frequencies(checks: xr.DataTree, label: str, prob: float) -> tuple[Figure, Axes]:
    data, new = (checks[name].to_dataset() for name in ("observed_data", "posterior_predictive"))
    _, high = _shown(data, new)
    # Counts beyond the picture are set to one value, so that ArviZ has few distinct counts.
    shown = {"observed_data": data.astype(int), "posterior_predictive": new.clip(max=int(high) + 3).astype(int)}
    figure, axes = _by_arviz(
        azp.plot_ppc_rootogram,
        xr.DataTree.from_dict(shown),
        ci_prob=prob,
        visuals={
            "predictive_markers": {"color": BLUE, "marker": "_", "size": 30, "width": 2},
            "credible_interval": {"color": BLUE},
            "observed_markers": {"color": VERMILION, "marker": "o", "size": 22},
            "grid": False,
            "title": False,
        },
    )
    axes.set_xlim(-1, high + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel=label, ylabel="rows (square-root scale)")
    axes.set_title(f"Frequency of each count, {percent(prob)} intervals")
    axes.grid(visible=False)
    return figure, axes


def _calibration(checks: xr.DataTree, response: str, prob: float) -> tuple[Figure, Axes]:
    figure, axes = _by_arviz(
        azp.plot_ppc_pava,
        checks,
        data_type="binary",
        ci_prob=prob,
        visuals={
            "lines": {"color": VERMILION, "width": 2},
            "credible_interval": {"color": BLUE},
            "reference_line": {"color": GREY},
            "title": False,
        },
    )
    success = short(checks.attrs["categories"][1], 14)
    axes.set(xlabel=f"predicted probability of {response} = {success}", ylabel="share in the data")
    axes.set_title(f"Calibration, {percent(prob)} interval")
    return figure, axes


def _distributions(checks: xr.DataTree, label: str) -> tuple[Figure, Axes]:
    """Draw densities (log axis for positive responses), or distribution functions.

    Those of long tails, large counts and coarsely rounded numbers.
    """
    family = family_named(checks.attrs["family"])
    observed = _only(checks["observed_data"].to_dataset())
    # Values that were rounded coarsely have spikes in a density, whose width depends on the rounding.
    rounded = len(np.unique(observed)) < observed.size * _LEAST_DISTINCT
    density, logarithmic = family.picture == "densities" and not rounded, family.logarithmic_axis
    names = ("posterior_predictive", "observed_data")
    values = {name: checks[name].to_dataset().astype(float) for name in names}
    values = {name: one.clip(min=_SMALLEST).map(np.log10) for name, one in values.items()} if logarithmic else values
    low, high = _shown(values["observed_data"], values["posterior_predictive"])
    # A grid up to the farthest value would be too coarse for the others.
    beyond = high - low if density else 0.0
    values = {name: one.clip(low - beyond, high + beyond) for name, one in values.items()}
    samples = min(_SAMPLES, int(np.prod([values["posterior_predictive"].sizes[d] for d in ("chain", "draw")])))
    figure, axes = _by_arviz(
        azp.plot_ppc_dist,
        xr.DataTree.from_dict(values),
        kind="kde" if density else "ecdf",
        num_samples=samples,
        visuals={
            "predictive_dist": {"color": BLUE, "alpha": 0.25},
            "observed_dist": {"color": VERMILION, "width": 2},
            "remove_axis": False,
            "title": False,
        },
    )
    axes.set_xlim(low, high)
    if logarithmic:
        ticks = round_numbers(10**low, 10**high)
        axes.set_xticks(np.log10(ticks), [f"{tick:g}" for tick in ticks])
    axes.set(
        xlabel=f"{label}, logarithmic axis" if logarithmic else label,
        ylabel="density" if density else "share of rows up to it",
        title=f"The data and {samples} new tables",
    )
    if density:
        axes.set_yticks([])
    return figure, axes


def _shown(data: xr.Dataset, new: xr.Dataset) -> tuple[float, float]:
    """Return the range of the data, extended to new responses by at most half of it on each side."""
    y, drawn = _only(data), _only(new)
    reach, rim = _BEYOND * np.ptp(y), 0.03 * np.ptp(y)
    low, high = max(drawn.min(), y.min() - reach), min(drawn.max(), y.max() + reach)
    return float(min(low, y.min()) - rim), float(max(high, y.max()) + rim)


def _categories(checks: xr.DataTree, prob: float) -> tuple[Figure, Axes]:
    labels = [short(label, 14) for label in checks.attrs["categories"]]
    new, data = (_only(checks[name].to_dataset()) for name in ("posterior_predictive", "observed_data"))
    codes = np.arange(len(labels))
    seen = (data[:, None] == codes).sum(axis=0)
    counts = np.array([(new == k).sum(axis=-1).ravel() for k in codes])
    lower, upper = central_ends(prob)
    low, middle, high = np.quantile(counts, [lower, 0.5, upper], axis=1)
    figure, axes = plt.subplots(figsize=(9.2, 4.2 + room(labels)))
    axes.vlines(codes, low, high, color=BLUE, alpha=0.4, lw=8)
    axes.plot(codes, middle, "_", color=BLUE, ms=14, mew=2)
    axes.plot(codes, seen, "o", color=VERMILION, ms=6)
    crowded = sum(map(len, labels)) > 40
    axes.set_xticks(codes, labels, rotation=90 if crowded else 0)
    axes.set(
        xlabel=titled(checks.attrs["response"]),
        ylabel="rows",
        ylim=(0, 1.08 * max(high.max(), seen.max())),
        xlim=(-0.6, len(labels) - 0.4),
        title=f"Frequency of each category, {percent(prob)} intervals",
    )
    axes.grid(visible=True, axis="y")
    axes.grid(visible=False, axis="x")
    return figure, axes


def _statistic(axes: Axes, checks: xr.Dataset, name: str) -> None:
    real, new = checks["data"].to_numpy().ravel(), checks["new"].to_numpy().ravel()
    bins = _edges(np.concatenate([real, new]))
    axes.hist(new, bins, density=True, color=BLUE, alpha=0.55)
    if np.ptp(real) > 0:
        axes.hist(real, bins, density=True, color=VERMILION, alpha=0.55)
    else:
        axes.axvline(real[0], color=VERMILION, lw=2)
    if len(bins) == 2:
        axes.set_xlim(bins[0] - 1, bins[1] + 1)
    axes.set_yticks([])
    axes.set_xlabel(_wrapped(statistic_in_words(name)), fontsize=8.5)
    axes.set_title(f"{name.replace('_', ' ')}: {p_value(float(checks['p_value']))}", fontsize=9.5)


def _edges(values: np.ndarray) -> list[float]:
    """Return edges of about thirty bins; for counts and shares each bin has the same number of possible values."""
    found = np.unique(values)
    if len(found) == 1:
        return [found[0] - _THIN, found[0] + _THIN]
    step = np.diff(found).min()
    places = (found - found[0]) / step
    if places[-1] > _FINEST or np.abs(places - places.round()).max() > 1e-6:
        return np.linspace(found[0], found[-1], _BINS + 1).tolist()
    width = step * np.ceil((places[-1] + 1) / _BINS)
    return (found[0] - step / 2 + width * np.arange(np.ceil((places[-1] + 1) * step / width) + 1)).tolist()


def _wrapped(text: str, most: int = 26) -> str:
    """Break a long text into two lines, at the space nearest to its middle."""
    spaces = [k for k, letter in enumerate(text) if letter == " "]
    if len(text) <= most or not spaces:
        return text
    at = min(spaces, key=lambda k: abs(k - len(text) / 2))
    return f"{text[:at]}\n{text[at + 1 :]}"
