"""Plot of the prior predictive distribution."""

from functools import partial
from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, StrMethodFormatter, SymmetricalLogLocator

from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.families.links import LINKS
from partialpool.families.registry import family_named
from partialpool.families.support import BINARY
from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, column_label, stated_or
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.prior_outlook import draw_level_lines, draw_scatter, drawable
from partialpool.plots.style import GREY, INK, PALETTE, VERMILION, house_style, short, titled
from partialpool.plots.ticks import round_numbers
from partialpool.tabulate import number

__all__ = ["plot_prior_predictive"]

_SHOWN = 60
_BINS = 40
_STEPS = 400
_LETTERS = 30
"""Most characters of names of categories that fit side by side below a panel."""


@draws_answer_of("prior_predictive", attrs=("implausible",))
def plot_prior_predictive(
    tree: xr.DataTree,
    *,
    unit: str | None = None,
    xunit: str | None = None,
    lines: int = 40,
    prob: float = DEFAULT_PROB,
    **own: Unpack[OwnTitle],
) -> Figure:
    """Draw tables simulated from the priors beside the observed one, and the priors' spread and ICC.

    Parameters
    ----------
    tree
        From `prior_predictive`; a group that was dropped from it has no panel. Without `observed_data`, by
        `tree.drop_nodes("observed_data")`, nothing of the data is drawn or stated: where the outcome is not known yet,
        and placeholders stand in its column.
    unit, xunit
        Units of the response and of the predictor along which it is drawn, for the axes.
    lines
        Number of lines of new levels, each from a separate prior draw; at most the number of draws.
    prob
        Probability of the wide band of the sd, and share of the draws between the dashed lines; the narrow band
        contains 50 %.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Distribution functions of 60 replicated tables (grey) and of the data (vermilion); for a response that is 0 or
        1, the share of ones in each table. Where they exist: the prior's sd of a response, its ICC; along a
        predictor, the prior's sd of a response (median, 50 % and `prob` intervals) with that of the data, and lines of
        new levels beside the range of the data, on a log scale under a log link. Lines that leave the axes are cut.

    Raises
    ------
    DataError
        `lines` is not a positive integer.
    SpecError
        `prob` is not between 0 and 1.

    Examples
    --------
    >>> import partialpool as pp
    >>> tree = pp.prior_predictive("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1)
    >>> len(pp.plot_prior_predictive(tree, unit="ms", xunit="days").axes)
    5
    """
    if isinstance(lines, bool) or not isinstance(lines, int | np.integer) or lines < 1:
        raise DataError(
            "lines must be a positive integer",
            got=f"lines={lines!r}",
            allowed="1, 2, ...",
            do="give lines=40",
        )
    units = Units.of_answer(tree.attrs)
    along = tree["outlook"].attrs["along"] if "outlook" in tree.children else ""
    panels = _panels(tree, stated_or(unit, units.linear), stated_or(xunit, units.of(along)), int(lines), prob)
    # Up to three panels in one row; more in two rows, the upper one at least as long.
    upper = len(panels) if len(panels) <= 3 else -(-len(panels) // 2)
    rows = [panels[:upper], panels[upper:]] if len(panels) > upper else [panels]
    with house_style():
        figure = plt.figure(figsize=(1.2 + max(sum(map(_width, row)) for row in rows), 3.6 * len(rows)))
        outer = figure.add_gridspec(len(rows), 1)
        for down, row in enumerate(rows):
            places = outer[down, 0].subgridspec(1, len(row))
            for across, draw in enumerate(row):
                draw(figure.add_subplot(places[0, across]))
        figure.suptitle(_title(tree), x=0.01, ha="left", fontsize=11)
    return figure


def _title(tree: xr.DataTree) -> str:
    """State the share of implausible replicates; without data there is nothing to compare them with."""
    if "observed_data" not in tree.children:
        return f"Before the data: what the priors imply for {titled(tree.attrs['response'])}"
    share = 100 * float(tree.attrs["implausible"])
    return f"Before the data: {number(share, 2)} % of what the priors make are {tree.attrs['implausible_means']}"


def _panels(tree: xr.DataTree, unit: str, xunit: str, lines: int, prob: float) -> list[partial[None]]:
    """Return the functions that draw the panels, in order."""
    derived = tree["derived"].to_dataset() if "derived" in tree.children else xr.Dataset()
    outlook = tree["outlook"].to_dataset() if "outlook" in tree.children else xr.Dataset()
    if "observed_data" not in tree.children:
        outlook = outlook.copy()
        outlook.attrs = {name: told for name, told in outlook.attrs.items() if not name.startswith("observed_")}
    panels: list[partial[None]] = []
    if "prior_predictive" in tree.children:
        panels.append(partial(_tables, tree=tree, unit=unit))
    if "sd" in derived and _known(derived["sd"].to_numpy()).size:
        panels.append(partial(_spread, sds=derived["sd"].to_numpy().ravel(), unit=_unit_of_sd(tree, unit)))
    if "icc" in derived and np.isfinite(derived["icc"]).any():
        panels.append(partial(_alikeness, icc=derived["icc"]))
    if "variance" in outlook:
        panels.append(partial(draw_scatter, outlook=outlook, unit=unit, xunit=xunit, prob=prob))
    if "level_line" in outlook:
        panels.append(partial(draw_level_lines, outlook=outlook, unit=unit, xunit=xunit, lines=lines, prob=prob))
    return panels


def _width(draw: partial[None]) -> float:
    """Return the width in inches; a panel with a legend beside it is wider."""
    return 4.6 if draw.func in (draw_scatter, draw_level_lines) else 3.4


def _tables(panel: Axes, tree: xr.DataTree, unit: str) -> None:
    name = tree.attrs["response"]
    values = _only(tree, "prior_predictive").stack(sample=("chain", "draw")).transpose("sample", ...)
    observed = _only(tree, "observed_data").to_numpy() if "observed_data" in tree.children else None
    panel.set(title="Tables")
    family = family_named(tree.attrs["family"])
    if family.support is BINARY:
        panel.hist(values.to_numpy().mean(axis=1), _BINS, range=(0, 1), color=GREY, alpha=0.6, label="prior")
        if observed is not None:
            panel.axvline(observed.mean(), color=VERMILION, lw=2, label="the data")
        panel.set(xlabel=f"{titled(name)}: share of ones in a table", yticks=[], xlim=(0, 1))
        panel.legend(frameon=False)
        return
    places = np.linspace(0, len(values) - 1, min(_SHOWN, len(values))).round().astype(int)
    chosen = drawable(values[places].to_numpy())
    # With many rows, only some ranks are drawn: a step for each row would make a large file of the same curve.
    rows = values.shape[1]
    ranks = np.unique(np.linspace(0, rows - 1, min(_STEPS, rows)).round().astype(int))
    steps = (ranks + 1) / rows
    for k, replicate in enumerate(chosen):
        panel.step(
            np.sort(replicate)[ranks], steps, where="post", color=GREY, lw=0.6, alpha=0.6, label="_" if k else "prior"
        )
    known = chosen[~np.isnan(chosen)]
    if observed is not None:
        panel.step(np.sort(observed)[ranks], steps, where="post", color=VERMILION, lw=2, label="the data")
    shown = known if observed is None else observed
    low, high = np.quantile(known if observed is None else np.append(known, observed), [0.01, 0.99])
    if observed is not None:
        low, high = min(low, observed.min()), max(high, observed.max())
    panel.set_xlim(low, high)
    in_factors = family.on_log_scale or LINKS[tree.attrs["link"]].coefficients_are_log_ratios
    if "categories" in values.attrs:
        labels = [short(label, 12) for label in values.attrs["categories"]]
        panel.set_xticks(range(len(labels)), labels, rotation=90 if sum(map(len, labels)) > _LETTERS else 0)
    elif shown.min() >= 0 and in_factors:
        _in_factors(panel, shown)
    elif family.picture == "frequencies":
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set(xlabel=f"{column_label(name, unit)}", ylabel="share of rows up to here")
    panel.legend(facecolor="white", edgecolor="none", framealpha=0.9, loc="lower right")


def _only(tree: xr.DataTree, group: str) -> xr.DataArray:
    """Return the response, the only variable of its group."""
    return next(iter(tree.children[group].data_vars.values()))


def _in_factors(panel: Axes, observed: np.ndarray) -> None:
    """Set a logarithmic axis, symmetric-log where the data have zeros."""
    if observed.min() > 0:
        panel.set_xlim(left=max(panel.get_xlim()[0], 1e-100))  # values that underflow to 0 cannot be shown
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(numticks=6))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        panel.set_xscale("symlog", linthresh=1)
        decades = SymmetricalLogLocator(linthresh=1, base=10)
        decades.set_params(numticks=6)
        panel.xaxis.set_major_locator(decades)
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.minorticks_off()


def _unit_of_sd(tree: xr.DataTree, unit: str) -> str:
    """Return the unit of the sd, which is on the scale of the linear predictor."""
    family = family_named(tree.attrs["family"])
    if family.on_log_scale:
        return "log scale"
    link = LINKS[tree.attrs["link"]]
    return unit if link.is_identity else f"{link.name} scale"


def _spread(panel: Axes, sds: np.ndarray, unit: str) -> None:
    known = _known(sds)
    low, high = (float(q) for q in np.quantile(known, [0.005, 0.995]))
    if high < 1.01 * low:  # known standard errors and nothing else
        low, high = low / 2, 2 * high
    panel.hist(known, np.geomspace(low, high, _BINS + 1).tolist(), color=INK, alpha=0.55)
    panel.set_xscale("log")
    ticks = round_numbers(low, high)
    panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    panel.minorticks_off()
    panel.set(xlabel=f"sd of a response{bracketed(unit)}, log axis", yticks=[], ylabel="prior draws")
    panel.set_title("How far responses scatter")


def _known(sds: np.ndarray) -> np.ndarray:
    return sds[np.isfinite(sds) & (sds > 0)]


def _alikeness(panel: Axes, icc: xr.DataArray) -> None:
    for k, factor in enumerate(icc["factor"].to_numpy()):
        values = icc.sel(factor=factor).to_numpy().ravel()
        panel.hist(
            values[np.isfinite(values)], _BINS, range=(0, 1), density=True, histtype="step", lw=1.6,
            color=PALETTE[k % len(PALETTE)], label=short(factor),
        )  # fmt: skip
    panel.set(
        xlabel="ICC", yticks=[], ylabel="density of the prior", xlim=(0, 1), title="How alike members of a group are"
    )
    panel.set_ylim(bottom=0)
    panel.legend(frameon=False)
