"""What a page is made of: sections of prose, equations, tables and pictures."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from partialpool.errors import PartialPoolError
from partialpool.fitting.fit import Fit
from partialpool.plots.style import Image
from partialpool.tabulate import TextTable

__all__ = ["Chapter", "Equations", "Note", "Picture", "Section", "refusal", "which_can"]


@dataclass(frozen=True)
class Note:
    """A paragraph that stands out: good news, bad news, or an aside."""

    text: str
    tone: Literal["good", "bad", "aside"] = "aside"


@dataclass(frozen=True)
class Equations:
    """Mathematics as a `math` element, and the same as text."""

    mathml: str
    text: str


@dataclass(frozen=True)
class Picture:
    """A figure, what is seen in it in words and numbers, and how to read it."""

    image: Image
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    """What one part of the page holds, in the order in which it is shown."""

    prose: tuple[str | Note, ...] = ()
    equations: tuple[Equations, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[TextTable, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A heading, and the function that writes what stands under it.

    Parameters
    ----------
    title
        The heading.
    write
        Makes the section from a fit; None where it does not apply. An error of the package's own tells why a
        question has no answer for this model.
    """

    title: str
    write: Callable[[Fit], Section | None]

    def of(self, fit: Fit) -> Section | None:
        """Write the section, or say why it cannot be written."""
        try:
            return self.write(fit)
        except PartialPoolError as error:
            return Section(prose=(refusal(error),))


def refusal(error: PartialPoolError, subject: str = "") -> Note:
    """Write an error as a line of the page.

    Examples
    --------
    >>> error = PartialPoolError("a fan needs a number", got="a category", allowed="numbers", do="name one")
    >>> refusal(error, "sex").text
    'Not available for sex: a fan needs a number (here: a category; needed: numbers).'
    """
    about = f" for {subject}" if subject else ""
    return Note(f"Not available{about}: {error.wrong} (here: {error.got}; needed: {error.allowed}).")


def which_can[Answer](
    questions: Iterable[tuple[str, Callable[[], Answer]]],
) -> tuple[tuple[Answer, ...], tuple[Note, ...]]:
    """Answer every question that has an answer; a line for each reason says which others have none, and why.

    Parameters
    ----------
    questions
        What each is about, and the call that answers it.
    """
    answers: list[Answer] = []
    refused: dict[str, tuple[PartialPoolError, list[str]]] = {}
    for subject, ask in questions:
        try:
            answers.append(ask())
        except PartialPoolError as error:
            refused.setdefault(str(error), (error, []))[1].append(subject)
    return tuple(answers), tuple(refusal(error, ", ".join(subjects)) for error, subjects in refused.values())
