"""Three figures: cost against rows, cost against levels, time and memory of whole fits."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from benchmarks.section import Result
from benchmarks.sections.curves import CURVES, last_exponent
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FuncFormatter

from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, save_figure

GREEN = "#009E73"  # of Okabe & Ito, like the package's other colours


def draw_rows(result: Result, path: Path) -> None:
    """Draw the cost per table and the cost per draw against rows."""
    with house_style():
        figure, axes = plt.subplots(figsize=(7.2, 4.2))
        _line(axes, result, "design", color=GREY, marker="s", label="build the design")
        _line(axes, result, "moments", color=BLUE, marker="o", label="one pass: moments")
        _line(axes, result, "draw", color=GREEN, marker="D", label="then: one draw\nof all effects")
        _line(axes, result, "evaluation", color=VERMILION, marker="^", label="then: one evaluation")
        _frame(axes, "rows", f"Cost against rows: y ~ x + (x | g), {result['levels']:,} levels")
        save_figure(figure, path)


def draw_levels(result: Result, path: Path) -> None:
    """Draw the cost of evaluations and draws against levels, with a line proportional to the levels."""
    with house_style():
        figure, axes = plt.subplots(figsize=(7.2, 4.2))
        x = np.array([size["levels"] for size in result["sizes"]])
        _line(axes, result, "draw", color=GREEN, marker="D", label="one draw\nof all effects")
        _line(axes, result, "evaluation", color=VERMILION, marker="^", label="one evaluation")
        guide = result["sizes"][0]["evaluation"] / 3 * x / x[0]
        axes.plot(x, guide, color=GREY, linestyle="--", linewidth=1)
        _label(axes, x[-1], guide[-1], "in proportion\nto the levels", INK)
        _frame(axes, "levels", f"Cost against levels: y ~ x + (x | g), {result['rows_each']} rows per level on average")
        save_figure(figure, path)


def draw_curves(result: Result, path: Path) -> None:
    """Draw time and peak memory of whole fits against sizes of every kind, ours and lme4's, one column for each."""
    with house_style():
        figure, axes = plt.subplots(2, len(CURVES), figsize=(13, 5.6), sharey="row", layout="constrained")
        for column, curve in enumerate(CURVES):
            found = result["curves"][curve.by]
            for row, (step, unit) in enumerate((("seconds", "s"), ("peak_gigabytes", "B"))):
                own = axes[row, column]
                scale = 1e9 if unit == "B" else 1.0
                for program, color, marker in (("lme4", GREY, "s"), ("ours", BLUE, "o")):
                    x = [size[curve.by] for size in found[program]]
                    y = [size[step] * scale for size in found[program]]
                    own.plot(x, y, color=color, marker=marker, markersize=5, linewidth=1.6)
                power = last_exponent(found["ours"], curve.by, step)
                own.set_title(f"last exponent {power:.2f}", fontsize=9, color=INK, loc="left")
                own.set(xscale="log", yscale="log", xticks=curve.sizes, xlabel=curve.title if row else "")
                own.minorticks_off()
                own.grid(visible=True, axis="both")
                own.xaxis.set_major_formatter(FuncFormatter(_short))
                own.yaxis.set_major_formatter(EngFormatter(unit=unit))
        axes[0, 0].set_ylabel("time of the call")
        axes[1, 0].set_ylabel("peak memory of the process")
        handles = [
            Line2D([], [], color=BLUE, marker="o", label="ours: the whole posterior"),
            Line2D([], [], color=GREY, marker="s", label="lme4: the ML estimate"),
        ]
        figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False)
        save_figure(figure, path)


def _short(value: float, _: object) -> str:
    """Write a size in a narrow place: 10k, 1M."""
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.0f}{suffix}"
    return f"{value:.0f}"


def _line(axes: Axes, result: Result, step: str, *, color: str, marker: str, label: str) -> None:
    x = [size["rows" if "rows" in size else "levels"] for size in result["sizes"]]
    y = [size[step] for size in result["sizes"]]
    axes.plot(x, y, color=color, marker=marker, markersize=5, linewidth=1.6)
    _label(axes, x[-1], y[-1], label, color if color != GREY else INK)


def _label(axes: Axes, x: float, y: float, text: str, color: str) -> None:
    axes.annotate(text, (x, y), xytext=(8, 0), textcoords="offset points", va="center", color=color, fontsize=9)


def _frame(axes: Axes, across: str, title: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel="time", title=title)
    axes.grid(visible=True, axis="both")
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(EngFormatter(unit="s"))
    axes.margins(x=0.04)
    low, high = np.log10(axes.get_ylim())
    axes.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))
