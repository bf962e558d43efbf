"""The command line, `partialpool <command>`: one file per command in `commands/`.

Exit codes: 0 good; 1 the fit's diagnostics, or checks asked for, failed; 2 bad input; 70 a bug, with its traceback;
130 interrupted.
"""

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, Final

from partialpool import __version__
from partialpool.commands import (
    check,
    classroom,
    compare,
    demo,
    explore,
    fit,
    plot,
    predict,
    report,
    sensitivity,
    table,
)
from partialpool.commands import (
    compile as compile_kernels,
)
from partialpool.commands.exit_codes import BAD_INPUT, BUG, INTERRUPTED
from partialpool.commands.output import say
from partialpool.errors import PartialPoolError, PartialPoolWarning

__all__ = ["main"]

_COMMANDS: Final = (
    demo,
    fit,
    check,
    table,
    predict,
    plot,
    compare,
    sensitivity,
    report,
    explore,
    classroom,
    compile_kernels,
)
"""In the order in which `--help` lists them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("always", PartialPoolWarning)
        try:
            options = _parser().parse_args(arguments)
            return options.run(options)
        except PartialPoolError as error:
            say(f"error: {error}", sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            say("interrupted: nothing was written", sys.stderr)
            return INTERRUPTED
        except Exception:
            traceback.print_exc()
            return BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partialpool", description="Bayesian hierarchical models from a grouping specification."
    )
    parser.add_argument("--version", action="version", version=f"partialpool {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")
    for command in _COMMANDS:
        command.add(commands)
    return parser


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, PartialPoolWarning):
        say(f"warning: {message}", sys.stderr)
