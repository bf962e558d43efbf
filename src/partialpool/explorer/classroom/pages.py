"""The questions that were asked and their pages, in memory: no file is written, and equal questions are fitted once."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Final

from partialpool.errors import EngineError, PartialPoolError
from partialpool.explorer.classroom.question import Question

__all__ = ["Asked", "AskedQuestions"]

MOST: Final = 30
"""Questions that are kept, with those that wait. A page has some 2 MB."""


@dataclass(frozen=True)
class Asked:
    """A question with its page or the error of its fit; with neither as long as it waits.

    `levels` is the number of levels, `made` the local time at which the page was ready.
    """

    question: Question
    levels: int = 0
    page: str | None = None
    error: PartialPoolError | None = None
    made: datetime | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is being fitted, or waits for others."""
        return self.page is None and self.error is None


def _fault(fault: Exception) -> EngineError:
    return EngineError(
        "the page could not be made, by a fault of the program or for lack of memory",
        got=type(fault).__name__,
        allowed="a page, or a message about the table",
        do="try again, with fewer rows; the terminal of the server shows the traceback",
    )


class AskedQuestions:
    """The last questions by their keys; one is fitted at a time, in the order in which they were asked.

    Parameters
    ----------
    make
        Fits a question and returns its page, or raises a `PartialPoolError`.
    """

    def __init__(self, make: Callable[[Question], str]) -> None:
        self._make = make
        self._kept: dict[str, Asked] = {}
        self._reading = Lock()
        self._queue: SimpleQueue[tuple[Question, int]] = SimpleQueue()
        Thread(target=self._answer, daemon=True).start()

    def ask(self, question: Question, levels: int) -> str:
        """Let a question wait for its fit, unless it is kept with its page, and return its key.

        Raises
        ------
        EngineError
            Too many wait.
        """
        key = question.key
        with self._reading:
            kept = self._kept.get(key)
            if kept is not None and kept.error is None:
                return key
            if self._count_waiting() >= MOST:
                raise EngineError(
                    "too many tables wait for their fit",
                    got=f"{MOST} that wait",
                    allowed="one fit at a time",
                    do="wait for some of them, then send the table again",
                )
            self._kept.pop(key, None)  # a question that is asked again is the newest
            self._kept[key] = Asked(question, levels)
            answered = [name for name, asked in self._kept.items() if not asked.is_waiting]
            for name in answered[: max(0, len(self._kept) - MOST)]:
                del self._kept[name]
        self._queue.put((question, levels))
        return key

    def get(self, key: str) -> Asked | None:
        """Return the question of a key, None where there is none."""
        with self._reading:
            return self._kept.get(key)

    def count_before(self, key: str) -> int:
        """Return the number of questions that are answered before this one."""
        with self._reading:
            return self._count_waiting([*self._kept].index(key) if key in self._kept else None)

    def pages(self) -> list[Asked]:
        """Return the questions that have a page, the newest first."""
        with self._reading:
            return [asked for asked in reversed(self._kept.values()) if asked.page is not None]

    def _count_waiting(self, before: int | None = None) -> int:
        return sum(asked.is_waiting for asked in [*self._kept.values()][:before])

    def _answer(self) -> None:
        """Answer questions for ever; the thread ends with the program."""
        while True:
            question, levels = self._queue.get()
            try:
                page = self._make(question)
                answered = Asked(question, levels, page=page, made=datetime.now().astimezone())
            except PartialPoolError as error:
                answered = Asked(question, levels, error=error)
            except Exception as fault:  # the thread must live: all later questions wait for it
                traceback.print_exc()
                answered = Asked(question, levels, error=_fault(fault))
            with self._reading:
                self._kept[question.key] = answered
