"""A user's own title and axis labels, in place of those that a plot writes."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, get_args

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from partialpool.errors import SpecError
from partialpool.plots.fonts import complete_fonts
from partialpool.plots.held import HELD
from partialpool.plots.style import INK
from partialpool.tabulate import printable

__all__ = ["OwnLabels", "OwnTitle", "check_labels", "put_labels", "with_labels"]


class OwnTitle(TypedDict, total=False):
    """Keywords of every public plot function, which its decorator takes: see `put_labels`."""

    title: str | None


class OwnLabels(OwnTitle, total=False):
    """Keywords of plot functions whose figures have one panel, or panels that share their axes."""

    xlabel: str | None
    ylabel: str | None


def with_labels(signature: inspect.Signature) -> inspect.Signature:
    """Return a plot function's signature with the keywords of `**own: Unpack[OwnLabels]` written out.

    Examples
    --------
    >>> from typing import Unpack
    >>> def plot(answer, *, unit="", **own: Unpack[OwnTitle]): ...
    >>> str(with_labels(inspect.signature(plot)))
    "(answer, *, unit='', title: str | None = None)"
    """
    kept = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    (taken,) = (p for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD)
    (names,) = get_args(taken.annotation)
    own = [inspect.Parameter(n, taken.KEYWORD_ONLY, default=None, annotation=str | None) for n in names.__annotations__]
    return signature.replace(parameters=[*kept, *own])


def check_labels(labels: Mapping[str, Any]) -> None:
    """Refuse a label that is no text."""
    for name, text in labels.items():
        if not (text is None or isinstance(text, str)):
            raise SpecError(
                f"{name}= must be a text",
                got=f"{name}={text!r}"[:60],
                allowed="a text; the empty text for none; None for the one that the plot writes",
                do=f"write for instance {name}='Reaction time (ms)'",
            )


def put_labels(figure: Figure, labels: Mapping[str, str | None]) -> None:
    """Put labels in place of those of a figure; None leaves the figure's own.

    The title is that of the figure; titles of panels stay. Labels of axes are those of the one panel, or those that
    panels share. As in matplotlib, texts between dollar signs are mathematics if the user's settings say so. The values
    at which the figure's title holds other predictors are written below the horizontal axis where the title is another.
    """
    held = _held(figure) if labels.get("title") is not None else ""
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for name, text in labels.items():
        if text is None:
            continue
        if name == "title":
            written = figure.suptitle(printable(text), x=0.01, ha="left", fontsize=11)
        elif name == "xlabel":
            shared = figure.get_supxlabel()
            written = figure.supxlabel(text, fontsize=10) if shared else panels[0].xaxis.get_label()
        else:
            shared = figure.get_supylabel()
            written = figure.supylabel(text, fontsize=10) if shared else panels[0].yaxis.get_label()
        _write(written, text)
    if held:
        written = _below(figure, panels)
        _write(written, f"{written.get_text()}\n{held}".strip())


def _held(figure: Figure) -> str:
    """Return the lines of the figure's title that say at which values other predictors are held; empty if none do."""
    _, begins, values = f"\n{figure.get_suptitle()}".partition(f"\n{HELD}")
    return f"{begins.strip()} {values.strip()}" if begins else ""


def _below(figure: Figure, panels: Sequence[Axes]) -> Text:
    """Return the text below the horizontal axis: of the one panel, or of all."""
    if len(panels) == 1 and not figure.get_supxlabel():
        return panels[0].xaxis.get_label()
    return figure.supxlabel(figure.get_supxlabel(), fontsize=10)


def _write(written: Text, text: str) -> None:
    written.set_text(printable(text))
    written.set(color=INK, parse_math=mpl.rcParams["text.parse_math"])
    complete_fonts(written)
