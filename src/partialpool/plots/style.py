"""One style for every picture: colours that survive colour blindness and print, no clutter."""

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

from partialpool.plots.fonts import complete_fonts

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
    "printable",
    "room",
    "save_figure",
    "short",
]

# Okabe & Ito (2008), colours distinguishable under every common kind of colour blindness.
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
INK: Final = "#222222"
GREY: Final = "#808080"
"""Dark enough for lines and marks (4:1 on white); words are in ink."""
PALETTE: Final = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""For several series side by side."""

_STYLE: Final[dict[Any, Any]] = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    # A label such as `$\x$` is a name, not mathematics: what is mathematics says so itself.
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
_LARGEST_SVG: Final = 400_000
"""Bytes above which a figure with many marks is better a bitmap."""
_CLIP: Final = re.compile(r'(?<=["#])p[0-9a-f]{10}(?=[")])')
"""The name of a clip path, where it is given and where it is used."""
_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML or HTML forbid in a text: control characters but tab and line ends, surrogates, noncharacters."""


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
    """Draw in the house style, names in any script included; the user's own settings come back after.

    Those that the style sets, and no others: a notebook may switch to its inline back end meanwhile.
    """
    before = {name: mpl.rcParams[name] for name in _STYLE}
    opened = set(plt.get_fignums())
    mpl.rcParams.update(_STYLE)
    try:
        yield
        for number in plt.get_fignums():
            if number not in opened:
                complete_fonts(plt.figure(number))
    finally:
        mpl.rcParams.update(before)


def printable(text: str) -> str:
    r"""Replace every character that a page or a picture cannot hold, such as control characters.

    Examples
    --------
    >>> printable("a\x07b\tc")
    'a�b\tc'
    """
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def short(label: object, most: int = 30) -> str:
    """Write a label of the data for a picture: on one line, and without its middle where it is long.

    Parameters
    ----------
    label
        A level, a column or whatever else comes from the table.
    most
        Letters at most. What is left out is in the middle: labels often differ at their ends.

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


def room(labels: Iterable[str]) -> float:
    """Return the inches by which long labels beside an axis should widen a figure, so that its panels keep theirs.

    Examples
    --------
    >>> room(["308", "309"]), round(room(["a label of twenty-two"]), 2)
    (0.0, 0.72)
    """
    return 0.08 * max(0, max(map(len, labels), default=0) - 12)


def legend_below(figure: Figure, panels: Iterable[Axes], *, columns: int) -> None:
    """Name every kind of mark in the panels once, under all of them."""
    handles = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles.keys(), frameon=False, loc="outside lower center", ncols=columns, fontsize=9
    )


def save_figure(figure: Figure, path: str | Path, *, colors: int | None = None) -> Path:
    """Write a figure to a file and close it.

    Parameters
    ----------
    figure, path
        What, and where.
    colors
        To how many colours a bitmap is reduced, for fewer bytes; one with a colour bar keeps them all, since there
        every shade means something.
    """
    _write(figure, path)
    graded = any(axes.get_label() == "<colorbar>" for axes in figure.axes)
    plt.close(figure)
    if colors is not None:
        with PIL.Image.open(path) as image:
            plain = image.convert("RGB")
        (plain if graded else plain.quantize(colors)).save(path, optimize=True)
    return Path(path)


def figure_image(figure: Figure, *, widest: float | None = None, largest_svg: int = _LARGEST_SVG) -> Image:
    """Draw a figure into memory and close it: SVG, or PNG where that would be too large.

    Parameters
    ----------
    figure
        What to draw.
    widest
        Inches to which a wider figure is narrowed: its text keeps its size, so that it is legible on a phone.
    largest_svg
        Bytes above which PNG is taken.

    Returns
    -------
    Image
        The same bytes whenever the same figure is drawn.
    """
    if widest is not None:
        figure.set_size_inches(min(widest, figure.get_size_inches()[0]), figure.get_size_inches()[1])
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    stream = io.BytesIO()
    # Ids are hashed with a salt, and a date is written, unless told otherwise: equal figures would differ.
    with mpl.rc_context({"svg.hashsalt": "partialpool", "svg.fonttype": "path"}):
        _write(figure, stream, format="svg", metadata={"Date": None})
    # Every text stands in a comment beside its outlines.
    image = Image("image/svg+xml", printable(_with_counted_clips(stream.getvalue().decode())).encode(), width, height)
    if len(image.data) > largest_svg:
        stream = io.BytesIO()
        _write(figure, stream, format="png", dpi=192)
        image = Image("image/png", stream.getvalue(), width, height)
    plt.close(figure)
    return image


def _with_counted_clips(svg: str) -> str:
    """Number the clip paths: matplotlib names them by their corners' last digits, which a layout leaves to chance."""
    names = {name: f"clip{k}" for k, name in enumerate(dict.fromkeys(_CLIP.findall(svg)))}
    return _CLIP.sub(lambda found: names[found[0]], svg)


def _write(figure: Figure, place: str | Path | io.BytesIO, **options: Any) -> None:
    with warnings.catch_warnings():
        # `complete_fonts` has said it once, and what to do; matplotlib says it for every character.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        figure.savefig(place, **options)
