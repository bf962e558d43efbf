"""One style for every picture: colours that survive colour blindness and print, no clutter."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

__all__ = ["BLUE", "GREY", "INK", "PALETTE", "VERMILION", "house_style", "save_figure"]

# Okabe & Ito (2008), colours distinguishable under every common kind of colour blindness.
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
INK: Final = "#222222"
GREY: Final = "#999999"
PALETTE: Final = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""For several series side by side."""

_STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "x",
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style; the user's own settings come back after."""
    with mpl.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure to a file and close it."""
    figure.savefig(path)
    plt.close(figure)
    return Path(path)
