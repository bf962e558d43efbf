"""`partialpool classroom`: serve a form for a table, which shows the explorer's page of its fit."""

import argparse
from typing import Any

from partialpool.commands.exit_codes import GOOD
from partialpool.commands.options import add_command
from partialpool.commands.output import say

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    classroom = add_command(
        commands, "classroom", run, "serve a form for a table, which shows the explorer's page of its fit"
    )
    classroom.add_argument("--host", default="127.0.0.1", help="the address; 0.0.0.0 lets devices in the network in")
    classroom.add_argument("--port", type=int, default=8000, help="the port; 0 for a free one; default: 8000")


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from partialpool.explorer.classroom.server import serve_classroom  # noqa: PLC0415 - keeps `--help` fast

    serve_classroom(options.host, options.port, say)
    return GOOD
