"""`partialpool fit`: fit a formula to a table, or a model file, and print the fit."""

import argparse
from pathlib import Path
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.from_formula import fit_of_formula, is_formula, refuse_options_of_formula
from partialpool.commands.options import (
    OF_FILE,
    a_path,
    add_command,
    add_interval_option,
    add_sampling_options,
    add_table_options,
    interval_of_file,
    sampling_overrides,
)
from partialpool.commands.output import say
from partialpool.intervals import DEFAULT_PROB

__all__ = ["add", "add_output_folder", "finish"]


def add(commands: Any) -> None:
    """Add the command."""
    fit = add_command(commands, "fit", run, "fit a formula to a table, or a model file, and print the fit")
    fit.add_argument("model", help="a formula, 'count ~ habitat + (1 | site)', or a TOML file, models/sleepstudy.toml")
    add_table_options(fit)
    add_output_folder(fit, None)
    add_sampling_options(fit)
    add_interval_option(fit, more=OF_FILE)


def add_output_folder(command: argparse.ArgumentParser, out: Path | None) -> None:
    """Add the folder into which a fit is written."""
    wrote = "folder for fit.nc, summary.csv and a forest plot per factor"
    command.add_argument(
        "--out", type=a_path, default=out, help=wrote if out else f"{wrote}; default: nothing is saved"
    )


def run(options: argparse.Namespace) -> int:
    """Fit, print, and write the output folder if one was named."""
    if is_formula(options.model):
        return finish(fit_of_formula(options), options, DEFAULT_PROB if options.prob is None else options.prob)
    return finish(_fit_of_file(options), options, interval_of_file(options, options.model))


def finish(fit: Any, options: argparse.Namespace, prob: float) -> int:
    """Print the fit, write its output folder if there is one, and return the exit code."""
    from partialpool.reporting.bundle import write_bundle  # noqa: PLC0415 - keeps `--help` fast

    say(str(fit.digest.with_prob(prob)))
    if options.out is None:
        return ended(fit)
    written = write_bundle(fit, options.out, prob=prob)
    say("\nwrote " + "\n      ".join(str(path) for path in written))
    return ended(fit)


def _fit_of_file(options: argparse.Namespace) -> Any:
    from partialpool.fitting.model_files import fit_file  # noqa: PLC0415

    refuse_options_of_formula(
        options,
        wrong="a model file names its own table, family and link",
        do="write them into the file, or give a formula",
    )
    return fit_file(a_path(options.model), **sampling_overrides(options))
