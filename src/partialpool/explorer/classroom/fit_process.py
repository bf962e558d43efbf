"""One process that answers questions, one after another: a fit neither blocks the server nor outlives it."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Lock, Thread
from typing import Final

from partialpool.errors import EngineError, PartialPoolError
from partialpool.explorer.classroom.question import Question

__all__ = ["LIMIT", "FitProcess"]

LIMIT: Final = 600.0
"""Seconds after which a fit is given up: others wait for it. The first fit on a machine compiles for some minutes."""


class FitProcess:
    """Make pages in another process; called by one thread, and closed by any.

    The process starts at once and stays, so that its imports are done and its kernels loaded before they are needed. It
    can be ended at any moment, which a thread cannot.

    Parameters
    ----------
    limit
        Seconds in which a page must be made; then the process is ended, and the next question starts another.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self._limit = limit
        self._changing = Lock()
        """Held while a process is started or ended: one that is being started is not missed by `close`."""
        self._is_closed = False
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._started()

    def __call__(self, question: Question) -> str:
        """Return the page of a question.

        Raises
        ------
        PartialPoolError
            As `make_page`; or it takes longer than the limit; or the process ended before it answered.
        """
        pipe = self._started()
        try:
            pipe.send(question)
            if not pipe.poll(self._limit):
                self._end()
                raise EngineError(
                    "the fit took too long, and was given up",
                    got=f"no page after {_in_words(self._limit)}",
                    allowed=f"a fit of at most {_in_words(self._limit)}, so that others need not wait for ever",
                    do="send a table with fewer rows or fewer names; if it was the first table on this machine, send "
                    "it again; pp.fit and pp.explore have no such limit",
                )
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise EngineError(
                "the process that fits has ended before it answered",
                got="no page",
                allowed="a model that fits into this machine's memory",
                do="try again, with fewer rows",
            ) from error
        if isinstance(answer, PartialPoolError):
            raise answer
        return str(answer)

    def _started(self) -> Connection:
        """Return the pipe of a process that is alive, the old one or a new one."""
        with self._changing:
            if self._is_closed:
                raise EngineError(
                    "the server is ending",
                    got="a table to fit",
                    allowed="tables as long as the server runs",
                    do="start the server again, and send the table again",
                )
            if self._pipe is None or self._process is None or not self._process.is_alive():
                context = get_context("spawn")
                self._pipe, there = context.Pipe()
                self._process = context.Process(target=_answer_all, args=(there,), daemon=True)
                self._process.start()
                there.close()
            return self._pipe

    def _end(self) -> None:
        """End the process, also in the middle of a fit; the next question starts another."""
        with self._changing:
            process, self._process = self._process, None
            if process is not None:
                process.terminate()
                process.join()

    def close(self) -> None:
        """End the process, and start no other."""
        with self._changing:
            self._is_closed = True
        self._end()


def _in_words(seconds: float) -> str:
    """Write a time in minutes, or a short one in seconds.

    Examples
    --------
    >>> _in_words(600), _in_words(0.5)
    ('10 minutes', '0.5 seconds')
    """
    return f"{seconds / 60:g} minutes" if seconds > 60 else f"{seconds:g} seconds"


def _answer_all(pipe: Connection) -> None:
    """Answer questions until the other end closes."""
    Thread(target=_end_with_the_server, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal: the server ends this one
    from partialpool.explorer.classroom.answer import make_page  # noqa: PLC0415 - the server itself needs no fit

    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        pipe.send(_answered(make_page, question))


def _end_with_the_server() -> None:
    """End this process when that of the server has ended, however it did."""
    server = parent_process()
    if server is not None:
        server.join()
        os._exit(0)


def _answered(make: Callable[[Question], str], question: Question) -> str | PartialPoolError:
    try:
        return make(question)
    except PartialPoolError as error:
        return error
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return EngineError(
            "the fit has stopped with a fault of the program",
            got=type(error).__name__,
            allowed="a page, or a message about the table",
            do="try another table; the terminal of the server shows the traceback, for a report of the fault",
        )
