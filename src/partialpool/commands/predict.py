"""`partialpool predict`: predictions of a saved fit, for chosen values of its predictors or for the rows of a table."""

import argparse
from collections.abc import Mapping
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.options import (
    a_path,
    add_command,
    add_interval_option,
    add_reading_options,
    reading_options,
    split_pairs,
)
from partialpool.commands.output import say
from partialpool.commands.saved_fits import check_other_file, read_fit
from partialpool.errors import FileError, SpecError
from partialpool.intervals import DEFAULT_PROB, end_names

__all__ = ["add"]

_SUFFIX = ".csv"
_DOING = "write the predictions"


def add(commands: Any) -> None:
    """Add the command."""
    predict = add_command(
        commands,
        "predict",
        run,
        "predict from a saved fit: for the rows of a table, or at chosen values of predictors with the others at their "
        "mean or first category",
    )
    predict.add_argument("fit", type=a_path, help="a file written by fit.save(), for instance out/fit.nc")
    predict.add_argument("newdata", type=a_path, nargs="?", help="a table to predict for, read as by partialpool fit")
    predict.add_argument(
        "--at", nargs="+", metavar="NAME=VALUES", help="without a table: values of predictors, Days=0,5,9 habitat=wood"
    )
    predict.add_argument(
        "--by", nargs="+", metavar="NAME", help="without a table: one prediction per category or level of these columns"
    )
    predict.add_argument(
        "--kind",
        choices=("conditional", "typical", "marginal"),
        help="for the levels that the rows name, for a level whose effects are zero, or averaged over levels; default: "
        "conditional for factors whose columns are given, else marginal",
    )
    predict.add_argument(
        "--new-levels",
        choices=("error", "sample", "population"),
        default="error",
        help="levels that are not in the fit: refuse them, draw their effects, or set these to zero; default: error",
    )
    predict.add_argument("--out", type=a_path, help="a CSV file for the unrounded numbers; default: they are printed")
    add_reading_options(predict, before="with a table: ")
    predict.add_argument("--draws", type=int, help="how many posterior draws to predict from; default: all")
    predict.add_argument("--seed", type=int, help="makes new responses and new levels reproducible")
    add_interval_option(predict)


def run(options: argparse.Namespace) -> int:
    """Print the predictions, or write them to a file."""
    from partialpool.files import check_place, whole_file  # noqa: PLC0415 - keeps `--help` fast
    from partialpool.questions.predict import predict  # noqa: PLC0415
    from partialpool.questions.to_frame import to_frame  # noqa: PLC0415

    out = options.out
    if out is not None:
        _check_out(options)
        check_place(out, doing=_DOING)
    fit = read_fit(options.fit)
    rows = _rows(fit, options)
    found = predict(fit, rows, kind=options.kind, new_levels=options.new_levels, draws=options.draws, seed=options.seed)
    prob = DEFAULT_PROB if options.prob is None else options.prob
    frame = to_frame(found, prob=prob)
    if out is None:
        say(_printed(frame, found.attrs, prob))
        return ended(fit)
    with whole_file(out, doing=_DOING) as temporary:
        frame.to_csv(temporary, index=False)
    say(f"wrote {out}: {len(frame)} rows")
    return ended(fit)


def _check_out(options: argparse.Namespace) -> None:
    if options.out.suffix.lower() != _SUFFIX:
        raise FileError(
            "predictions are written as CSV",
            got=f"--out {options.out}",
            allowed=f"a file that ends in {_SUFFIX}",
            do=f"for instance --out {options.out.with_suffix(_SUFFIX)}",
        )
    for read in (options.fit, options.newdata):
        if read is not None:
            check_other_file(options.out, read, wrong="the predictions would replace a file that they are made from")


def _rows(fit: Any, options: argparse.Namespace) -> Any:
    """Return the table to predict for: the file's, or the grid of the values that were named."""
    from partialpool.fitting.model_files import columns_of_factors  # noqa: PLC0415
    from partialpool.fitting.table_file import read_table_file  # noqa: PLC0415
    from partialpool.questions.datagrid import datagrid  # noqa: PLC0415

    stated = split_pairs(options.at or (), option="--at", example="Days=0,5,9")
    if options.newdata is None:
        return datagrid(fit, _values(fit, stated), by=options.by or ())
    if stated or options.by:
        raise SpecError(
            "a table has its own values",
            got=f"{options.newdata} with {'--at' if stated else '--by'}",
            allowed="a table, or values and categories for which to make one",
            do="leave out one of them",
        )
    return read_table_file(options.newdata, columns_of_factors(fit.spec), **reading_options(options))


def _values(fit: Any, stated: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the values of each column, as numbers where the fit's table has numbers."""
    import pandas as pd  # noqa: PLC0415

    found: dict[str, list[Any]] = {}
    for name, text in stated.items():
        values: list[Any] = text.split(",")
        if name in fit.design.frame and pd.api.types.is_numeric_dtype(fit.design.frame[name]):
            try:
                values = [int(v) if v.strip().lstrip("+-").isdigit() else float(v) for v in values]
            except ValueError as error:
                raise SpecError(
                    f"the values of {name!r} must be numbers",
                    got=repr(text),
                    allowed="numbers with commas between them",
                    do=f"for instance --at {name}=0,1.5",
                ) from error
        found[name] = values
    return found


def _printed(frame: Any, about: Mapping[str, Any], prob: float) -> str:
    """Return the predicted means and responses as a table, rounded by their spread, with what they are below."""
    from partialpool.tabulate import TextTable, estimate_cells, number  # noqa: PLC0415

    low, high = end_names(prob)
    numbers = ("estimate", "std_error", "conf_low", "conf_high")
    shown = frame[frame["term"] != "linear_predictor"]
    # A column in which every row of a term is missing says nothing of it.
    where = [c for c in shown.columns if c not in (*numbers, "statistic") and shown[c].notna().any()]
    rows = []
    for row in shown.to_dict("records"):
        cells = [number(row[c], 6) if isinstance(row[c], float) else str(row[c]) for c in where]
        rows.append((*cells, *estimate_cells([row[c] for c in numbers], row["std_error"])))
    notes = [f"group effects: {about['kind']}", *([_exposure(shown, about)] if "offset" in about else [])]
    notes += [f"no new responses: {about['no_response']}"] if "no_response" in about else []
    if "statistic" in shown and (shown["statistic"] == "median").any():
        notes.append("medians where a few draws decide the mean")
    return str(
        TextTable(
            (*where, "mean", "sd", low, high), tuple(rows), title=f"Predicted {about['response']}", notes=tuple(notes)
        )
    )


def _exposure(shown: Any, about: Mapping[str, Any]) -> str:
    """Say at which exposure the predictions are, with its unit where it is known."""
    from partialpool.design.held import exposure_in_words, place_in_words, with_units  # noqa: PLC0415
    from partialpool.design.units import Units  # noqa: PLC0415

    single = {str(c): shown[c].dropna().unique().tolist() for c in shown.columns}
    units = Units.of_answer(about)
    places = {c: with_units(place_in_words(c, v[0]), units) for c, v in single.items() if len(v) == 1}
    return exposure_in_words(about["offset"], places)
