"""The report: one self-contained HTML page for phone, screen or print."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final

from markupsafe import Markup, escape

from partialpool.errors import SpecError, nearest
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import first_table_is_said
from partialpool.intervals import DEFAULT_PROB
from partialpool.labels.labels import checked_labels
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, Image
from partialpool.questions.hypothesis import hypothesis
from partialpool.reporting.contents import BRIEF, CHAPTERS, CLAIMS, SHORT
from partialpool.reporting.limits import PHONE
from partialpool.reporting.pagemaker import page_environment, write_page
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Chapter
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import TextTable, printable

__all__ = ["render", "report"]

_LAST: Final = ("Engine", "Log evidence")
"""Lines of the heading of a fit that stand at the end of the page."""
_TOGETHER: Final = re.compile(r" %|\bp [=<] (?=\d)")
"""Text that would be hard to read with the end of a line in it."""
_INTERVAL: Final = re.compile(r"\([-\N{MINUS SIGN}\d.]+ to [-\N{MINUS SIGN}\d.]+\)")
_MINUS: Final = re.compile(r"(?<![^\s(\[{|])-(?=\.?\d)")
"""A hyphen before a number at the beginning of a word, or of what is in brackets."""
_CODE: Final = ("~", "pp.")
"""Marks of formulas and code, which keep their hyphens, so that they can be copied."""


@explains_keywords
def report(
    fit: Fit,
    path: str | Path,
    *,
    prob: float = DEFAULT_PROB,
    title: str = "",
    author: str = "",
    sections: str | Sequence[str] | None = None,
    claims: str | Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Path:
    """Write a report of a fit as one HTML page: effects, predictions, variances, model, priors, checks, with figures.

    The page is self-contained: it includes its figures and styles, has no script and fetches nothing. It can be read
    on a phone, in the dark and on paper. The file appears under its name only when it is complete.

    Parameters
    ----------
    fit
        A fit.
    path
        The file to write, for instance `report.html`.
    prob
        Probability of all intervals.
    title, author
        Heading of the page, and who wrote it; without a title, the name of the response.
    sections
        Titles of the sections to include, in the page's order; all of them if left out: "Summary", "Predictions" (with
        average effects), "Estimates", "Intraclass correlation", "Variance components", "Design effect", "Variance along
        the predictors", "Predictions by level", "Group effects", "Shrinkage", "Fitted lines by level", "Support for the
        varying effects", "The model", "Statistical methods" (paragraphs for a paper), "Priors", "Sensitivity to the
        priors", "Diagnostics of the draws", "Model checks", "Software and settings", "Glossary". `"short"` stands for
        "Summary", "Predictions", "Statistical methods" and "Checks in brief", which has the findings of the three
        chapters on draws, checks and sensitivity in one table; it can be combined with titles: `["short", "Priors"]`.
    claims
        Inequalities, as in `hypothesis`: `["Days > 5", "sd_Subject[Days] > 2"]`. The section "Claims" states their
        posterior probabilities.
    labels
        What to write for a column, a coefficient, a factor, a parameter or a category, as in `table`: `{"Days": "Days
        awake", "Subject": "Participant", "Reaction": "Reaction time"}`. All sections have the labels, except the
        formula, the equations and advice in code; "The model" lists them beside the names of the model. They come
        before those of the fit itself (`Fit.with_labels`, `[labels]` of a model file).

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    FileError
        The folder does not exist or cannot be written to, or the path is a folder, a device or a pipe.
    SpecError
        `prob` is not between 0 and 1; no such section; a claim that is not an inequality of known quantities; a label
        for a name that the model does not have.

    Examples
    --------
    >>> import tempfile
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> report(fit, Path(tempfile.mkdtemp()) / "report.html", sections=["Summary", "Estimates"]).name
    'report.html'
    """
    stated = (claims,) if isinstance(claims, str) else tuple(claims)
    if stated:
        hypothesis(fit, *stated)  # a claim that is not understood is an error, not a section without an answer
    chapters = None if sections is None else _chosen(sections, stated)
    shown = None if labels is None and not fit.labels else checked_labels([fit], labels)
    write = partial(render, Reported(fit, prob, shown, stated), title=title, author=author, chapters=chapters)
    return write_page(path, write, doing="write the report")


def render(reported: Reported, *, title: str = "", author: str = "", chapters: Sequence[Chapter] | None = None) -> str:
    """Return the page as text; sections that have no answer for this fit are only named, with the reason."""
    fit = reported.fit
    with first_table_is_said():  # of several completed tables, below "Statistical methods"
        written = [(chapter.title, chapter.of(reported)) for chapter in (CHAPTERS if chapters is None else chapters)]
    there = [(name, section) for name, section in written if section is not None]
    shown = [(name, _anchor(name), section) for name, section in there if not section.refusals]
    left_out = [(name, section.refusals) for name, section in there if section.refusals]
    if chapters is not None:  # a section that was asked for is not left out in silence
        left_out += [(name, ("It does not apply to this model.",)) for name, section in written if section is None]
    environment = page_environment("reporting/templates")
    environment.filters |= {
        "data_uri": _data_uri,
        "filled": _filled,
        "unbroken": _unbroken,
        "cell": _cell,
    }
    colors = {"blue": BLUE, "vermilion": VERMILION, "ink": INK, "grey": GREY}
    page = environment.get_template("page.html")
    heading = _heading(reported)
    version = json.loads(fit.tree.attrs["versions"])["partialpool"]
    text = page.render(
        title=title or reported.names.response,
        author=author,
        heading=[(name, told) for name, told in heading.items() if name not in _LAST],
        record=[(name, told) for name, told in heading.items() if name in _LAST],
        date=date.today().isoformat(),
        sections=shown,
        left_out=left_out,
        colors=colors,
        phone=96 * PHONE,
        version=version,
    )
    return printable(text)


def _heading(reported: Reported) -> dict[str, str]:
    """Return the lines about model, data and engine, with the labels; the formula keeps the names of the model."""
    design, names = reported.fit.design, reported.names
    found = dict(reported.fit.digest.heading)
    for factor in design.grouping:
        sizes = f" {factor.how_many}"
        found["Data"] = found["Data"].replace(f"; {factor.name}{sizes}", f"; {names.factor(factor.name)}{sizes}")
    if design.references:
        found["Reference categories"] = names.references
    return found


def _chosen(sections: str | Sequence[str], claims: Sequence[str]) -> tuple[Chapter, ...]:
    """Return the chapters with these titles and that of the claims, in the page's order; `short` stands for several."""
    chapters = (*CHAPTERS, BRIEF)
    titles = [chapter.title for chapter in chapters]
    asked = [sections] if isinstance(sections, str) else list(sections)
    wanted = [title for name in asked for title in (SHORT if name == "short" else [name])]
    for name in wanted:
        if name not in titles:
            raise SpecError(
                "the report has no such section",
                got=repr(name),
                allowed=nearest(str(name), ["short", *titles]),
                do="name one of these, 'short' for a short report, or leave sections out to have all",
            )
    if CLAIMS.title in wanted and not claims:
        raise SpecError(
            "no claims are stated for the report",
            got=f"sections with {CLAIMS.title!r}, without claims",
            allowed="inequalities between quantities of the model",
            do="state them: claims=['Days > 0']",
        )
    wanted += [CLAIMS.title] if claims else []
    return tuple(chapter for chapter in chapters if chapter.title in wanted)


def _anchor(title: str) -> str:
    """Return the anchor of a heading.

    Examples
    --------
    >>> _anchor("Diagnostics of the draws")
    'diagnostics-of-the-draws'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def _unbroken(text: str) -> str:
    r"""Keep a number and its per cent sign, and a p-value, on one line; write negative numbers with the minus sign.

    Examples
    --------
    >>> _unbroken("95 % interval: p = 0.2")
    '95\xa0% interval: p\xa0=\xa00.2'
    >>> _unbroken("-1.77 (-2.27 to -1.28), no-U-turn, pages 1593-1623"), _unbroken("y ~ x -1")
    ('−1.77 (−2.27 to −1.28), no-U-turn, pages 1593-1623', 'y ~ x -1')
    """
    if not any(mark in text for mark in _CODE):
        text = _MINUS.sub("\N{MINUS SIGN}", text)
    return _TOGETHER.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), text)


def _cell(text: str) -> Markup:
    r"""Return a cell of a table: its interval is on one line on a screen, and broken on paper where there is no room.

    Examples
    --------
    >>> _cell("0.31 (0.25 to 0.37)"), _cell("<b>")
    (Markup('0.31 <span class="kept">(0.25 to 0.37)</span>'), Markup('&lt;b&gt;'))
    """
    return Markup(_INTERVAL.sub(r'<span class="kept">\g<0></span>', escape(_unbroken(text))))


def _data_uri(image: Image) -> str:
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode()}"


def _filled(table: TextTable) -> list[tuple[str, bool]]:
    """Return the cells of the first column with gaps filled from above (as in print), and whether each was a gap."""
    names: list[tuple[str, bool]] = []
    for first, *_ in table.rows:
        names.append((first, False) if first or not names else (names[-1][0], True))
    return names
