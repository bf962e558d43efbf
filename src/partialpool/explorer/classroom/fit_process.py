"""One process that answers questions, one after another: a fit neither blocks the server nor outlives it."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Thread

from partialpool.errors import EngineError, PartialPoolError
from partialpool.explorer.classroom.question import Question

__all__ = ["FitProcess"]


class FitProcess:
    """Make pages in another process; called by one thread.

    The process starts at once and stays, so that its imports are done and its kernels loaded before they are needed. It
    can be ended at any moment, which a thread cannot.
    """

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._started()

    def __call__(self, question: Question) -> str:
        """Return the page of a question.

        Raises
        ------
        PartialPoolError
            As `make_page`; or the process ended before it answered.
        """
        pipe = self._started()
        try:
            pipe.send(question)
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            self._process = None
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
        if self._pipe is None or self._process is None or not self._process.is_alive():
            context = get_context("spawn")
            self._pipe, there = context.Pipe()
            self._process = context.Process(target=_answer_all, args=(there,), daemon=True)
            self._process.start()
            there.close()
        return self._pipe

    def close(self) -> None:
        """End the process, also in the middle of a fit."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.join()


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
