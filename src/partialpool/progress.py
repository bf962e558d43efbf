"""A progress line for runs longer than a second in a terminal or a notebook; elsewhere a line of text for long runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Timer
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["ProgressLine", "progress_line"]

PATIENCE: Final = 1.0
"""Seconds before the line appears."""
LONG: Final = 8.0
"""Seconds after which a run whose output is a file or a pipe states what it is doing, once."""


@dataclass(frozen=True)
class ProgressLine:
    """One line with a progress bar; its methods may be called often, and show nothing without a bar."""

    _bar: Progress | None
    _task: TaskID

    def say(self, what: str) -> None:
        """Name the stage."""
        if self._bar is not None:
            self._bar.update(self._task, description=what)

    def count(self, done: int, total: int) -> None:
        """Show how much is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress_line(what: str, *, shown: bool) -> Iterator[ProgressLine]:
    """Show one line of progress on standard error while the block runs.

    Parameters
    ----------
    what
        The first stage.
    shown
        Whether to show anything. If the output is a file or a pipe, the stage is written once, and only of a long run.
    """
    if not shown:
        yield ProgressLine(None, TaskID(0))
        return
    console = Console(stderr=True)
    # Without ipywidgets a notebook would show a warning instead of the line.
    visible = find_spec("ipywidgets") is not None if console.is_jupyter else console.is_terminal
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not visible)
    task = bar.add_task(what, total=None)

    def write_stage() -> None:
        sys.stderr.write(f"{bar.tasks[0].description} ...\n")

    plain = not console.is_jupyter and not console.is_terminal
    # A timer, because the first step of a run may take the longest.
    appear = Timer(LONG, write_stage) if plain else Timer(PATIENCE, bar.start)
    appear.daemon = True
    appear.start()
    try:
        yield ProgressLine(bar, task)
    finally:
        appear.cancel()
        appear.join()
        bar.stop()
