"""Two figures: cost against rows, cost against levels."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from benchmarks.section import Result
from matplotlib.axes import Axes
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
