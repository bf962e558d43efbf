"""`partialpool compile`: compile the numerical kernels, so that the first fit starts at once."""

import argparse
from typing import Any

from partialpool.commands.exit_codes import GOOD
from partialpool.commands.options import add_command
from partialpool.commands.output import say

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    kernels = add_command(
        commands, "compile", run, "compile the numerical kernels, so that the first fit starts at once"
    )
    kernels.add_argument("--quiet", action="store_true", help="no progress line")


def run(options: argparse.Namespace) -> int:
    """Compile them, for this user on this machine."""
    from partialpool.fitting.compile_kernels import compile_kernels  # noqa: PLC0415 - keeps `--help` fast

    compile_kernels(progressbar=not options.quiet)
    say("the numerical kernels are compiled, for this user on this machine")
    return GOOD
