"""A progress line per run, in a terminal or a notebook; silence elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["ProgressLine", "progress_line"]


@dataclass(frozen=True)
class ProgressLine:
    """One line with a bar; every method is safe to call often."""

    _bar: Progress
    _task: TaskID

    def say(self, what: str) -> None:
        """Name the stage."""
        self._bar.update(self._task, description=what)

    def count(self, done: int, total: int) -> None:
        """Show how far it is."""
        self._bar.update(self._task, completed=done, total=total)


@contextmanager
def progress_line(what: str, *, shown: bool) -> Iterator[ProgressLine]:
    """Show one line of progress on standard error while the block runs.

    Parameters
    ----------
    what
        The first stage.
    shown
        Whether to show anything; nothing is shown where nobody looks (a file, a pipe).
    """
    console = Console(stderr=True)
    visible = shown and (console.is_terminal or console.is_jupyter)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not visible) as bar:
        yield ProgressLine(bar, bar.add_task(what, total=None))
