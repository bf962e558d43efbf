"""Pieces of work on several threads; kernels release the GIL, and Ctrl-C is heard between pieces."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Lock, Thread
from typing import Any, Final

from threadpoolctl import ThreadpoolController

__all__ = ["map_pieces", "piece_size", "single_lapack"]

_PIECE_WORK = 2e9
"""Multiplications in a piece: a fraction of a second, so that Ctrl-C is heard."""
_LISTEN = 0.1
"""Seconds between looks at how far the threads are."""
_MOST_ITEMS = 512
"""Items in a piece, so that threads share the work evenly."""


def piece_size(work: float) -> int:
    """How many items of this much work (multiplications) make a piece."""
    return int(max(1, min(_MOST_ITEMS, _PIECE_WORK / max(work, 1.0))))


def map_pieces[T](
    function: Callable[[T], object],
    pieces: Sequence[T],
    workers: int,
    *,
    done: Callable[[int], object] = lambda count: None,
) -> None:
    """Call `function` on every piece.

    One thread calls it in order, more share it; LAPACK keeps to one thread in each. An interrupt waits for the pieces
    that run, drops the others, and goes on to the caller.

    Parameters
    ----------
    function
        Writes its result where it belongs: pieces do not overlap.
    pieces
        What to call it with.
    workers
        Threads.
    done
        Told how many pieces are done.

    Raises
    ------
    BaseException
        What the first piece that failed raised; no new piece is begun then.
    """
    with _LAPACK.single:
        if workers == 1 or len(pieces) == 1:
            for count, piece in enumerate(pieces, 1):
                _call(function, piece)
                done(count)
            return
        queue = _Queue(function, pieces)
        threads = [Thread(target=queue.work, daemon=True) for _ in range(min(workers, len(pieces)))]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LISTEN)
                    done(len(queue.finished))
        finally:
            queue.waiting.clear()
            for thread in threads:
                if thread.is_alive():
                    thread.join()
        if queue.errors:
            raise queue.errors[0]
        done(len(pieces))


def _call[T](function: Callable[[T], object], piece: T) -> None:
    """Call in this thread; an interrupt that struck while a compiled kernel was entered is an interrupt still."""
    try:
        function(piece)
    except SystemError as error:
        cause: BaseException | None = error
        while isinstance(cause, SystemError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


class _Queue[T]:
    """Pieces that threads take one by one.

    The caller holds no lock that a worker needs: an interrupt may strike at any of its instructions, also between
    acquiring and releasing one. (`concurrent.futures.wait` holds every future's lock, and has hung on Ctrl-C here.)
    """

    def __init__(self, function: Callable[[T], object], pieces: Sequence[T]) -> None:
        self.function = function
        self.waiting = deque(pieces)
        self.finished: deque[None] = deque()
        self.errors: deque[BaseException] = deque()

    def work(self) -> None:
        """Take pieces until none are left, or one fails."""
        while True:
            try:
                piece = self.waiting.popleft()
            except IndexError:
                return
            try:
                self.function(piece)
            except BaseException as error:  # raised again in the calling thread
                self.errors.append(error)
                self.waiting.clear()
                return
            self.finished.append(None)


class _Lapack:
    """Thread pools of the linear-algebra libraries: kept to one thread while pieces are worked on, by whichever caller.

    A limit is the process's, not the thread's: overlapping callers that each saved and restored it would leave it on.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._callers = 0
        self._limit: Any = None

    @property
    @contextmanager
    def single(self) -> Iterator[None]:
        """Keep to one thread inside."""
        try:
            with self._lock:
                self._callers += 1
                if self._callers == 1:
                    self._limit = _libraries().limit(limits=1)
            yield
        finally:
            with self._lock:
                self._callers -= 1
                if self._callers == 0:
                    self._limit.restore_original_limits()


_LAPACK: Final = _Lapack()


def single_lapack() -> AbstractContextManager[None]:
    """Keep the linear-algebra libraries to one thread inside: for small matrices more of them only wait."""
    return _LAPACK.single


@cache
def _libraries() -> ThreadpoolController:
    """Find the libraries loaded, which takes longer than a small model."""
    return ThreadpoolController()
