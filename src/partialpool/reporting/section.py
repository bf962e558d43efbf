"""The parts of a page: sections of prose, equations, tables and figures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from partialpool.errors import PartialPoolError
from partialpool.plots.style import Image
from partialpool.reporting.reported import Reported
from partialpool.tabulate import TextTable

__all__ = ["Chapter", "Equations", "Note", "Picture", "Section", "refusal", "which_can"]


@dataclass(frozen=True)
class Note:
    """A highlighted paragraph: a good result, a bad result, a remark, or why a question has no answer."""

    text: str
    tone: Literal["good", "bad", "aside", "refused"] = "aside"


@dataclass(frozen=True)
class Equations:
    """Equations as a `math` element, and the same equations as text."""

    mathml: str
    text: str


@dataclass(frozen=True)
class Picture:
    """A figure, its alternative text (its content in words and numbers), and its caption."""

    image: Image
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    """The content of one part of the page, in the order in which it is shown."""

    prose: tuple[str | Note, ...] = ()
    equations: tuple[Equations, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[TextTable, ...] = ()

    @property
    def refusals(self) -> tuple[str, ...]:
        """The reasons why the section has no answer; empty where it has any."""
        notes = [part for part in self.prose if isinstance(part, Note)]
        if self.equations or self.pictures or self.tables or any(note.tone != "refused" for note in notes):
            return ()
        return tuple(note.text for note in notes)


@dataclass(frozen=True)
class Chapter:
    """A heading, and the function that writes the section under it.

    Parameters
    ----------
    title
        The heading.
    write
        Writes the section, or returns None where it does not apply. It may raise an error of the package,
        whose message then states why the question has no answer for this model.
    """

    title: str
    write: Callable[[Reported], Section | None]

    def of(self, reported: Reported) -> Section | None:
        """Write the section, or a note that states why it is not available."""
        try:
            return self.write(reported)
        except PartialPoolError as error:
            return Section(prose=(refusal(error),))


def refusal(error: PartialPoolError, subject: str = "") -> Note:
    """Return an error as a note on the page.

    Examples
    --------
    >>> error = PartialPoolError("a band needs a numeric predictor", got="a category", allowed="numbers", do="name one")
    >>> refusal(error, "sex").text
    'Not available for sex: a band needs a numeric predictor (here: a category; needed: numbers).'
    """
    about = f" for {subject}" if subject else ""
    return Note(f"Not available{about}: {error.wrong} (here: {error.got}; needed: {error.allowed}).", "refused")


def which_can[Answer](
    questions: Iterable[tuple[str, Callable[[], Answer]]],
) -> tuple[tuple[Answer, ...], tuple[Note, ...]]:
    """Return the answers of all questions that have one, and a note for each reason why others have none.

    Parameters
    ----------
    questions
        The subject of each question, and the function that answers it.
    """
    answers: list[Answer] = []
    refused: dict[str, tuple[PartialPoolError, list[str]]] = {}
    for subject, ask in questions:
        try:
            answers.append(ask())
        except PartialPoolError as error:
            refused.setdefault(str(error), (error, []))[1].append(subject)
    return tuple(answers), tuple(refusal(error, ", ".join(subjects)) for error, subjects in refused.values())
