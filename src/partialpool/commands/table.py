"""`partialpool table`: a table of saved fits for a paper, models side by side."""

import argparse
from pathlib import Path
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.options import a_path, add_command, add_interval_option, split_pairs
from partialpool.commands.output import say
from partialpool.commands.saved_fits import check_other_file, named_fits
from partialpool.errors import FileError
from partialpool.intervals import DEFAULT_PROB

__all__ = ["add"]

_FIT = ".nc"


def add(commands: Any) -> None:
    """Add the command."""
    table = add_command(commands, "table", run, "write or print a table of saved fits for a paper, models side by side")
    table.add_argument(
        "files",
        type=a_path,
        nargs="+",
        metavar="file",
        help="files written by fit.save(), out/fit.nc, and last the table to write: .docx, .tex, .html, .md or .csv; "
        "without one the table is printed",
    )
    table.add_argument("--names", nargs="+", help="names of the models; default: those of the files or folders")
    table.add_argument(
        "--labels", nargs="+", metavar="NAME=LABEL", help="what to write for a column, a factor or a category"
    )
    table.add_argument("--digits", type=int, default=2, help="significant digits of the posterior sd; default: 2")
    table.add_argument("--exponentiate", action="store_true", help="show ratios under a logit or log link")
    table.add_argument(
        "--rows", nargs="+", metavar="NAME", help="rows to show: blocks, predictors, factors, parameters"
    )
    table.add_argument("--title", default="", help="title of the table")
    add_interval_option(table)


def run(options: argparse.Namespace) -> int:
    """Make the table, and write it where a file was named."""
    from partialpool.reporting.table import table  # noqa: PLC0415 - keeps `--help` fast

    labels = split_pairs(options.labels or (), option="--labels", example="Subject=Participant")
    paths, out = _split(options.files)
    if out is not None:
        for path in paths:
            check_other_file(out, path, wrong="the table would replace a fit", option="")
    fits = named_fits(paths, options.names)
    shown = fits if len(fits) > 1 or options.names else next(iter(fits.values()))
    about = {name: getattr(options, name) for name in ("digits", "exponentiate", "rows", "title")}
    prob = DEFAULT_PROB if options.prob is None else options.prob
    made = table(shown, out, prob=prob, labels=labels or None, **about)
    say(f"wrote {made}" if out else str(made))
    return ended(*fits.values())


def _split(files: list[Path]) -> tuple[list[Path], Path | None]:
    """Return the fits and the table's file, the last one unless it is a fit too."""
    fits, out = (files, None) if files[-1].suffix.lower() == _FIT else (files[:-1], files[-1])
    if not fits:
        raise FileError(
            "a table shows fits",
            got=f"{out} and no fit",
            allowed=f"one or more files written by fit.save(), which end in {_FIT}, then the table's file",
            do="name the fits first, for instance: partialpool table out/fit.nc table.docx",
        )
    return fits, out
