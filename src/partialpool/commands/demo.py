"""`partialpool demo`: fit a random-slope model of real data and show its posterior."""

import argparse
from pathlib import Path
from typing import Any

from partialpool.commands.fit import add_output_folder, finish
from partialpool.commands.options import add_command, add_interval_option, add_sampling_options, sampling_overrides
from partialpool.commands.output import say
from partialpool.intervals import DEFAULT_PROB

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    demo = add_command(commands, "demo", run, "fit a random-slope model of real data and show its posterior")
    add_output_folder(demo, Path("out/demo"))
    add_sampling_options(demo)
    add_interval_option(demo)


def run(options: argparse.Namespace) -> int:
    """Fit the sleep study, print the fit and write its folder."""
    from partialpool.datasets.load import load_dataset  # noqa: PLC0415 - keeps `--help` fast
    from partialpool.fitting.fit import fit  # noqa: PLC0415

    table = load_dataset("sleepstudy")
    say(f"{table.attrs['about']}\n  ({table.attrs['source']})\n")
    overrides = {"seed": 1} | sampling_overrides(options)
    found = fit("Reaction ~ Days + (Days | Subject)", table, **overrides)
    return finish(found, options, DEFAULT_PROB if options.prob is None else options.prob)
