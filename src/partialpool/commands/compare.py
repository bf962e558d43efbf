"""`partialpool compare`: compare saved fits by how well they predict."""

import argparse
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.options import a_path, add_command
from partialpool.commands.output import say
from partialpool.commands.saved_fits import named_fits

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    compare = add_command(
        commands, "compare", run, "compare saved fits of the same rows by how well they predict rows and levels"
    )
    compare.add_argument("fits", type=a_path, nargs="+", metavar="fit", help="two or more files written by fit.save()")
    compare.add_argument("--names", nargs="+", help="names of the models; default: those of the files or folders")
    compare.add_argument("--factor", help="the factor whose levels are left out; optional if there is only one")
    compare.add_argument(
        "--refit",
        action="store_true",
        help="fit again without each row and level whose score is uncertain: exact, slow",
    )
    compare.add_argument("--seed", type=int, help="seed of the refits")
    compare.add_argument("--quiet", action="store_true", help="no progress line")


def run(options: argparse.Namespace) -> int:
    """Print the comparison, with the formulas of the models above it."""
    from partialpool.questions.compare import compare  # noqa: PLC0415 - keeps `--help` fast

    fits = named_fits(options.fits, options.names)
    found = compare(fits, factor=options.factor, refit=options.refit, seed=options.seed, progressbar=not options.quiet)
    say("\n".join(f"{name}: {fit.spec}" for name, fit in fits.items()) + f"\n\n{found}")
    return ended(*fits.values())
