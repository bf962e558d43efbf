"""The report: one self-contained HTML page for phone, screen or print."""

import base64
import json
import re
from functools import partial
from pathlib import Path

from partialpool.fitting.fit import Fit
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, Image, printable
from partialpool.reporting.contents import CHAPTERS
from partialpool.reporting.limits import PHONE
from partialpool.reporting.pagemaker import page_environment, write_page
from partialpool.reporting.wording import response_name
from partialpool.tabulate import TextTable

__all__ = ["render", "report"]


def report(fit: Fit, path: str | Path) -> Path:
    """Write a report of a fit as one HTML page: model, priors, diagnostics, estimates and their meaning, with figures.

    The page is self-contained: it includes its figures and styles, has no script and fetches nothing. It can be read
    on a phone and printed. The file appears under its name only when it is complete.

    Parameters
    ----------
    fit
        A fit.
    path
        The file to write, for instance `report.html`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileError
        The folder does not exist or cannot be written to, or the path is a folder, a device or a pipe.

    Examples
    --------
    >>> import tempfile
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> report(fit, Path(tempfile.mkdtemp()) / "report.html").name
    'report.html'
    """
    return write_page(path, partial(render, fit), doing="write the report")


def render(fit: Fit) -> str:
    """Return the page as text."""
    written = [(chapter.title, chapter.of(fit)) for chapter in CHAPTERS]
    sections = [(title, _anchor(title), section) for title, section in written if section is not None]
    environment = page_environment("reporting/templates")
    environment.filters |= {
        "data_uri": _data_uri,
        "filled": _filled,
        "unbroken": lambda text: text.replace(" %", "\N{NO-BREAK SPACE}%"),
    }
    colors = {"blue": BLUE, "vermilion": VERMILION, "ink": INK, "grey": GREY}
    page = environment.get_template("page.html")
    version = json.loads(fit.tree.attrs["versions"])["partialpool"]
    text = page.render(
        response=response_name(fit),
        heading=fit.digest.heading.items(),
        sections=sections,
        colors=colors,
        phone=96 * PHONE,
        version=version,
    )
    return printable(text)


def _anchor(title: str) -> str:
    """Return the anchor of a heading.

    Examples
    --------
    >>> _anchor("Diagnostics of the draws")
    'diagnostics-of-the-draws'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def _data_uri(image: Image) -> str:
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"


def _filled(table: TextTable) -> list[tuple[str, bool]]:
    """Return the cells of the first column with gaps filled from above (as in print), and whether each was a gap."""
    names: list[tuple[str, bool]] = []
    for first, *_ in table.rows:
        names.append((first, False) if first or not names else (names[-1][0], True))
    return names
