"""The common style of all figures: colours distinguishable under colour blindness and in print, no clutter."""

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
import PIL.Image
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.files import whole_file
from partialpool.plots.fonts import complete_fonts
from partialpool.plots.room_above import leave_room_above
from partialpool.plots.shown_once import show_once
from partialpool.plots.wrapped_texts import wrap_texts
from partialpool.tabulate import printable

__all__ = [
    "BLUE",
    "GREY",
    "INK",
    "PALETTE",
    "VERMILION",
    "Image",
    "figure_image",
    "house_style",
    "legend_below",
    "room",
    "save_figure",
    "short",
    "titled",
]

# Okabe & Ito (2008), colours distinguishable under every common kind of colour blindness.
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
INK: Final = "#222222"
GREY: Final = "#808080"
"""Dark enough for lines and marks (4:1 on white); texts are in INK."""
PALETTE: Final = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""For several series side by side."""

_STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    # A label such as `$\x$` is a name, not mathematics; texts with mathematics turn parsing on.
    "text.parse_math": False,
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
_MOST_IN_TITLES: Final = 56
_LARGEST_SVG: Final = 400_000
"""Bytes above which a figure is written as a bitmap."""
_CLIP: Final = re.compile(r'(?<=["#])p[0-9a-f]{10}(?=[")])')
"""The name of a clip path, at its definition and where it is used."""


@dataclass(frozen=True)
class Image:
    """A figure as the bytes of an image file.

    Attributes
    ----------
    mime
        `image/svg+xml` or `image/png`.
    data
        The file's content.
    width, height
        Natural size, in CSS pixels (1/96 inch).
    """

    mime: str
    data: bytes
    width: int
    height: int


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style, with fonts for names in any script; restore the user's settings afterwards.

    Only the settings that the style changes are restored: a notebook may switch to its inline back end meanwhile.
    """
    before = {name: mpl.rcParams[name] for name in _STYLE}
    opened = set(plt.get_fignums())
    mpl.rcParams.update(_STYLE)
    try:
        yield
        for number in plt.get_fignums():
            if number not in opened:
                complete_fonts(plt.figure(number))
                show_once(plt.figure(number))
                leave_room_above(plt.figure(number))
    finally:
        mpl.rcParams.update(before)


def short(label: object, most: int = 30) -> str:
    """Return a label for a figure: on one line, and shortened in the middle where it is long.

    Parameters
    ----------
    label
        A level, a column or any other text from the table.
    most
        Greatest number of characters. The middle is left out, because labels often differ at their ends.

    Examples
    --------
    >>> short("Subject 308")
    'Subject 308'
    >>> short("a very long name of a level, number 12", most=20)
    'a very long n…ber 12'
    """
    text = printable(re.sub(r"[\t\r\n\u2028\u2029]+", " ", str(label)))
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return f"{text[: most - 1 - end].rstrip()}\N{HORIZONTAL ELLIPSIS}{text[len(text) - end :].lstrip()}"


def titled(label: object) -> str:
    """Return a name for a title or beside an axis, where it may take two lines (`wrap_texts`).

    Examples
    --------
    >>> titled("Systolic blood pressure at the first visit")
    'Systolic blood pressure at the first visit'
    """
    return short(label, _MOST_IN_TITLES)


def room(labels: Iterable[str]) -> float:
    """Return the inches by which long labels beside an axis should widen a figure, so that its panels keep their width.

    Examples
    --------
    >>> room(["308", "309"]), round(room(["a label of twenty-two"]), 2)
    (0.0, 0.72)
    """
    return 0.08 * max(0, max(map(len, labels), default=0) - 12)


def legend_below(figure: Figure, panels: Iterable[Axes], *, columns: int) -> None:
    """Draw one legend below all panels, with every label once."""
    handles = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), frameon=False, loc="outside lower center", ncols=columns, fontsize=9
    )


def save_figure(figure: Figure, path: str | Path, *, colors: int | None = None) -> Path:
    """Write a figure to a file, which appears when it is complete, and close it.

    Parameters
    ----------
    figure, path
        The figure, and the file to write.
    colors
        Number of colours to which a bitmap is reduced, for a smaller file; a figure with a colour bar keeps them all,
        since every shade there has a meaning.
    """
    graded = any(axes.get_label() == "<colorbar>" for axes in figure.axes)
    with whole_file(path, doing="write the picture") as temporary:
        _write(figure, temporary, format=Path(path).suffix.lower().removeprefix("."))
        plt.close(figure)
        if colors is not None:
            with PIL.Image.open(temporary) as image:
                plain = image.convert("RGB")
            (plain if graded else plain.quantize(colors)).save(temporary, format="PNG", optimize=True)
    return Path(path)


def figure_image(figure: Figure, *, widest: float | None = None, largest_svg: int = _LARGEST_SVG) -> Image:
    """Draw a figure into memory and close it: SVG, or PNG where that would be too large.

    Parameters
    ----------
    figure
        The figure to draw.
    widest
        Inches to which a wider figure is narrowed; its text keeps its size, so that it is legible on a phone.
    largest_svg
        Bytes above which PNG is used.

    Returns
    -------
    Image
        The image; equal figures give equal bytes.
    """
    if widest is not None:
        figure.set_size_inches(min(widest, figure.get_size_inches()[0]), figure.get_size_inches()[1])
        wrap_texts(figure)
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    stream = io.BytesIO()
    # By default ids are hashed with a random salt and a date is written, so that equal figures would differ.
    with mpl.rc_context({"svg.hashsalt": "partialpool", "svg.fonttype": "path"}):
        _write(figure, stream, format="svg", metadata={"Date": None})
    # Every text is also in a comment beside its outlines, so it must be printable.
    image = Image("image/svg+xml", printable(_with_counted_clips(stream.getvalue().decode())).encode(), width, height)
    if len(image.data) > largest_svg:
        stream = io.BytesIO()
        _write(figure, stream, format="png", dpi=192)
        image = Image("image/png", stream.getvalue(), width, height)
    plt.close(figure)
    return image


def _with_counted_clips(svg: str) -> str:
    """Number the clip paths: matplotlib's names depend on the last digits of their corners, which are not stable."""
    names = {name: f"clip{k}" for k, name in enumerate(dict.fromkeys(_CLIP.findall(svg)))}
    return _CLIP.sub(lambda found: names[found[0]], svg)


def _write(figure: Figure, place: str | Path | io.BytesIO, **options: Any) -> None:
    with warnings.catch_warnings():
        # `complete_fonts` has warned once, with advice; matplotlib would warn for every character.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(place, **options)
