"""Write the output folder of `partialpool fit`: the fit, its summary table and its figures."""

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from partialpool.files import made_folder
from partialpool.fitting.fit import Fit
from partialpool.intervals import DEFAULT_PROB
from partialpool.labels.labels import checked_labels
from partialpool.plots.group_effects import plot_group_effects
from partialpool.plots.power_scale import plot_power_scale
from partialpool.plots.prior_grid import plot_prior_grid
from partialpool.plots.style import save_figure
from partialpool.questions.group_effects import group_effects
from partialpool.questions.sensitivity_report import SensitivityVerdict
from partialpool.reporting.reported import Reported

__all__ = ["write_bundle", "write_sensitivity"]

_MOST_STUDIES = 4
_LONGEST = 60
"""Characters of a name that are kept in a file name: file systems allow 255 bytes."""


def write_bundle(fit: Fit, folder: str | Path, *, prob: float = DEFAULT_PROB) -> list[Path]:
    """Write `fit.nc`, `summary.csv` and a forest plot per factor (`effects_<factor>.png`).

    Parameters
    ----------
    fit, folder
        The fit, and the folder that is created where it does not exist.
    prob
        Probability of the intervals.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    FileError
        The folder cannot be created.
    """
    folder = _made(folder)
    table = folder / "summary.csv"
    fit.digest.with_prob(prob).frame.to_csv(table, float_format="%.6g")
    written = [fit.save(folder / "fit.nc"), table]
    plain = _plain_names(factor.name for factor in fit.design.grouping)
    shown = Reported(fit, prob, checked_labels([fit], None) if fit.labels else None).names
    for factor in fit.design.grouping:
        picture = folder / f"effects_{plain[factor.name]}.png"
        save_figure(plot_group_effects(shown.relabelled(group_effects(fit, factor.name)), prob=prob), picture)
        written.append(picture)
    return written


def write_sensitivity(verdict: SensitivityVerdict, folder: str | Path, *, prob: float = DEFAULT_PROB) -> list[Path]:
    """Write `power_scaling.csv`, its figure, and a figure of the refits for the (up to four) most sensitive answers.

    `prob` is the probability of the intervals in the figures of the refits.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    FileError
        The folder cannot be created.
    """
    folder = _made(folder)
    table = folder / "power_scaling.csv"
    verdict.power.frame.to_csv(table, float_format="%.6g")
    written = [table, save_figure(plot_power_scale(verdict.power), folder / "power_scaling.png")]
    if verdict.study is not None:
        order = verdict.ranges.sort_values("moves", ascending=False, kind="stable").index[:_MOST_STUDIES]
        for name, plain in _plain_names(map(str, order)).items():
            written.append(save_figure(plot_prior_grid(verdict.study, name, prob=prob), folder / f"study_{plain}.png"))
    return written


def _made(folder: str | Path) -> Path:
    return made_folder(folder, what="the output folder", do="name another --out")


def _plain_names(names: Iterable[str]) -> dict[str, str]:
    """Replace all but letters and digits in each name; number names that then coincide, ignoring case."""
    out: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = "".join(c if c.isalnum() else "_" for c in name).strip("_")[:_LONGEST] or "_"
        free = next(one for n in count(1) if (one := plain if n == 1 else f"{plain}_{n}").casefold() not in taken)
        taken.add(free.casefold())
        out[name] = free
    return out
