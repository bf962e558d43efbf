"""Model checks: data simulated from the model against the table, also level by level."""

from functools import partial

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.fitting.convergence import Finding
from partialpool.plots.intervals import bars_in_words
from partialpool.plots.level_statistics import plot_level_statistics
from partialpool.plots.posterior_checks import plot_posterior_checks
from partialpool.plots.style import figure_image
from partialpool.questions.check import judge_response, response_checks
from partialpool.questions.level_statistics import level_statistics
from partialpool.reporting.reported import SEED, Reported, is_predictive
from partialpool.reporting.section import Note, Picture, Section, which_can
from partialpool.tabulate import TextTable, listed

__all__ = ["posterior_checks_section"]

_MOST_FACTORS = 2
_NOT_JUDGED = "not judged"


def posterior_checks_section(reported: Reported) -> Section:
    """Tabulate the predictive checks with remedies; draw the response, and the levels' means, spreads and trends."""
    findings = reported.fit_findings
    failed = [Note(f"{f.check}: {f.found}. What to do: {f.cure}.", "bad") for f in findings if not f.good]
    rows = tuple((f.check, _result(f), f.found) for f in findings)
    tables = (TextTable(("check", "result", "found"), rows, title="Checks of the fit to the data"),)
    factors = reported.fit.design.grouping[:_MOST_FACTORS]
    questions = [
        ("the response", partial(_of_response, reported)),
        *((reported.names.factor(f.name), partial(_picture, reported, f)) for f in factors),
    ]
    pictures, refused = which_can(questions)
    prose = (
        "Data simulated from the fitted model are compared with the table. A small p means that simulated data rarely "
        "look like the observed data in that respect."
    )
    notes = failed or _praise(tuple(row for row, f in zip(rows, findings, strict=True) if is_predictive(f)))
    return Section(prose=(prose, *notes, *refused), pictures=pictures, tables=tables if rows else ())


def _result(finding: Finding) -> str:
    if not finding.judged:
        return _NOT_JUDGED
    return "passed" if finding.good else "failed"


def _praise(rows: tuple[tuple[str, str, str], ...]) -> list[Note]:
    """Name the checks that passed, and those not judged, where none failed."""
    passed = [name for name, result, _ in rows if result != _NOT_JUDGED]
    left = [name for name, result, _ in rows if result == _NOT_JUDGED]
    if not passed:
        return []
    beside = f" Not judged: {listed(left)}." if left else ""
    return [
        Note(
            f"Data simulated from the model look like the observed data in what was checked: {listed(passed)}.{beside}",
            "good",
        )
    ]


def _in_words(data: xr.DataTree | xr.DataArray, name: str) -> str:
    along = data[name].attrs.get("along")
    return name if along is None else f"trend along {along}"


def _of_response(reported: Reported) -> Picture:
    fit = reported.fit
    checks = response_checks(fit, seed=SEED)
    judged = [reported.names.finding(finding) for finding in judge_response(checks)]
    checks = reported.names.relabelled(checks)
    figure = plot_posterior_checks(checks, prob=reported.prob)
    said = "; ".join(finding.found for finding in judged)
    rows = checks["observed_data"].sizes["obs"]
    alt = f"Observed data and data simulated from the model, {rows} rows{': ' if said else ''}{said}."
    caption = (
        "Observed responses (vermilion) against responses simulated from the model (blue), and the statistics that "
        "compare them; the table below lists their values."
    )
    return Picture(figure_image(figure), alt, caption)


def _picture(reported: Reported, factor: FactorEffects) -> Picture:
    names = reported.names
    statistics, named = (
        names.relabelled(level_statistics(reported.fit, factor.name, seed=SEED)),
        names.factor(factor.name),
    )
    data, new = statistics["observed_data"], statistics["posterior_predictive"]
    said = []
    for name in [str(variable) for variable in data.data_vars]:
        seen = data[name].to_numpy()
        defined = np.isfinite(seen)  # a single row has no sd
        drawn = new[name].isel(level=np.flatnonzero(defined))
        low, high = drawn.quantile(reported.ends, ("chain", "draw")).to_numpy()
        inside = np.mean((seen[defined] >= low) & (seen[defined] <= high))
        said.append(f"{_in_words(data, name)} of {100 * inside:.0f} % of levels inside")
    figure = plot_level_statistics(statistics, prob=reported.prob)
    caption = (
        f"Observed levels of {named} (vermilion) against new levels simulated from the model: "
        f"{bars_in_words(reported.prob)}."
    )
    return Picture(
        figure_image(figure), f"{reported.percent} intervals of new levels of {named}: {'; '.join(said)}.", caption
    )
