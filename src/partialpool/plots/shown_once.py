"""Figures in a notebook: shown once, whether or not they are the value of a cell."""

from functools import partial
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

__all__ = ["show_once"]


def show_once(figure: Figure) -> None:
    """Let a notebook show a figure once.

    The inline back end shows every open figure at the end of a cell, and IPython shows the value of the cell's last
    line: a figure that a plot function returns there would appear twice. IPython calls `_ipython_display_` of a value
    instead, where it exists: here it shows the figure and closes it, so that the back end does not show it again.
    """
    figure.__dict__["_ipython_display_"] = partial(_display, figure)


def _display(figure: Figure) -> None:
    from IPython import get_ipython  # noqa: PLC0415 - only a notebook calls this, and has it
    from IPython.display import publish_display_data  # noqa: PLC0415

    shell: Any = get_ipython()
    formatters = shell.display_formatter.formatters
    found = {mime: write(figure) for mime, write in formatters.items()}
    publish_display_data({mime: data for mime, data in found.items() if data is not None})
    plt.close(figure)
