"""The form of the classroom: a table, and choices of what its columns mean."""

from typing import Final

from partialpool.errors import PartialPoolError
from partialpool.explorer.classroom.guess import guessed
from partialpool.explorer.classroom.pages import Asked
from partialpool.explorer.classroom.pasted import MOST_COLUMNS, MOST_ROWS, read_pasted
from partialpool.explorer.classroom.question import KINDS, MOST_LEVELS, MOST_TITLE, Question
from partialpool.explorer.words import Words, pupil_word
from partialpool.plots.style import BLUE, INK, PALETTE, VERMILION
from partialpool.reporting.pagemaker import page_environment

__all__ = ["EXAMPLE", "render_form", "render_refusal", "render_waiting"]

_EXAMPLE_ROWS: Final = (
    "Ada 2 3, Ben 0 4, Cem 5 5, Dora 3 8, Eli 6 10, Finn 4 12, Gül 11 15, Hana 5 20, Ivo 13 20, Jan 10 25, Kai 22 30, "
    "Lea 14 40, Mia 31 50"
)
EXAMPLE: Final = Question(
    "name,hits,shots\n" + "".join(",".join(row.split()) + "\n" for row in _EXAMPLE_ROWS.split(", "))
)
"""The free throws of an invented class, as on the page of `shrinkage`."""


def render_form(question: Question, *, made: list[Asked], error: PartialPoolError | None = None) -> str:
    """Return the page with the form.

    Parameters
    ----------
    question
        What was submitted: the table is shown as it was typed. Choices that name no column are guessed.
    made
        The pages that can be opened.
    error
        What is wrong with the question.
    """
    columns: list[str] = []
    try:
        table = read_pasted(question.text, set())
        columns, question = list(table.columns), guessed(question, table)
    except PartialPoolError as unread:
        error = error or unread
    return _rendered(
        "classroom.html",
        question=question,
        columns=columns,
        kinds=tuple(KINDS.values()),
        made=[(asked, Words(pupil_word(asked.question.who)).ones) for asked in made],
        error=error,
        most_rows=MOST_ROWS,
        most_columns=MOST_COLUMNS,
        most_levels=MOST_LEVELS,
        most_title=MOST_TITLE,
    )


def render_waiting(question: Question, before: int) -> str:
    """Return the page that is shown during a fit, and asks for itself again; `before` is the number of earlier fits."""
    return _rendered(
        "classroom_waiting.html", question=question, before=before, ones=Words(pupil_word(question.who)).ones
    )


def render_refusal(error: PartialPoolError) -> str:
    """Return a page that says why a request is refused, with a link to the form."""
    return _rendered("classroom_refusal.html", error=error)


def _rendered(template: str, **content: object) -> str:
    colors = {"blue": BLUE, "vermilion": VERMILION, "ink": INK, "green": PALETTE[2]}
    return page_environment("explorer/templates").get_template(template).render(**content, colors=colors, thumb=24)
