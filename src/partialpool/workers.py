"""Pieces of work on several threads; kernels release the GIL, and Ctrl-C is handled between pieces."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Lock, Thread
from typing import Any, Final

from threadpoolctl import ThreadpoolController

from partialpool.errors import EngineError

__all__ = ["cores_allowed", "map_pieces", "piece_size", "shielded", "single_lapack", "threads_wished"]

_PIECE_WORK = 2e9
"""Multiplications in a piece: a fraction of a second, so that Ctrl-C is handled soon."""
_LISTEN = 0.1
"""Seconds between checks of the threads' progress."""
_MOST_ITEMS = 512
"""Most items in a piece, so that threads share the work evenly."""


def cores_allowed() -> int:
    """Number of cores on which this process may run."""
    if hasattr(os, "sched_getaffinity"):  # Linux; other systems do not bind a process to cores
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_wished() -> int | None:
    """Number of threads that the environment variable PARTIALPOOL_NUM_THREADS sets; None without it."""
    wish = os.environ.get("PARTIALPOOL_NUM_THREADS", "")
    if not wish:
        return None
    if not (wish.isdecimal() and int(wish) > 0):
        raise EngineError(
            "PARTIALPOOL_NUM_THREADS must be a positive integer",
            got=repr(wish),
            allowed="1, 2, ..., or unset for all cores",
            do="change the environment variable",
        )
    return int(wish)


def piece_size(work: float) -> int:
    """Return the number of items of this much work (multiplications) in a piece."""
    return int(max(1, min(_MOST_ITEMS, _PIECE_WORK / max(work, 1.0))))


def map_pieces[T](
    function: Callable[[T], object],
    pieces: Sequence[T],
    workers: int,
    *,
    done: Callable[[int], object] = lambda count: None,
) -> None:
    """Call `function` on every piece.

    A single thread calls it in order; several threads share the pieces. LAPACK uses one thread in each. An interrupt
    waits for the running pieces, drops the others, and is then raised in the caller.

    Parameters
    ----------
    function
        Stores its result itself; pieces do not overlap.
    pieces
        Arguments, one per call.
    workers
        Number of threads.
    done
        Called with the number of pieces done.

    Raises
    ------
    BaseException
        The exception of the first piece that failed; no new piece is started then.
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


def shielded(work: Callable[[], object]) -> None:
    """Call a function that Ctrl-C must not cut short: an interrupt is raised when it has ended."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # raised again in the calling thread
            errors.append(error)

    thread, is_interrupted = Thread(target=run), False
    thread.start()  # interrupts are raised in the main thread only
    while thread.is_alive():
        try:
            thread.join(_LISTEN)
        except KeyboardInterrupt:
            is_interrupted = True
    if errors:
        raise errors[0]
    if is_interrupted:
        raise KeyboardInterrupt


def _call[T](function: Callable[[T], object], piece: T) -> None:
    """Call in this thread; an interrupt during the entry of a compiled kernel is raised as KeyboardInterrupt."""
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
    """A queue of pieces from which threads take one at a time.

    The caller holds no lock that a worker needs: an interrupt may occur at any of its instructions, also between
    acquiring and releasing a lock. (`concurrent.futures.wait` holds every future's lock, and has hung on Ctrl-C here.)
    """

    def __init__(self, function: Callable[[T], object], pieces: Sequence[T]) -> None:
        self.function = function
        self.waiting = deque(pieces)
        self.finished: deque[None] = deque()
        self.errors: deque[BaseException] = deque()

    def work(self) -> None:
        """Work on pieces until none are left or one fails."""
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
    """Limit the linear-algebra libraries to one thread while any caller works on pieces.

    The limit applies to the process, not to the thread: overlapping callers that each saved and restored it would
    leave it in place.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._callers = 0
        self._limit: Any = None

    @property
    @contextmanager
    def single(self) -> Iterator[None]:
        """Limit to one thread inside the block."""
        with self._lock:
            if self._callers == 0:
                self._limit = _libraries().limit(limits=1)
            self._callers += 1
        try:
            yield
        finally:
            with self._lock:
                self._callers -= 1
                if self._callers == 0:
                    self._limit.restore_original_limits()


_LAPACK: Final = _Lapack()


def single_lapack() -> AbstractContextManager[None]:
    """Limit the linear-algebra libraries to one thread inside the block: more only slow down small matrices."""
    return _LAPACK.single


@cache
def _libraries() -> ThreadpoolController:
    """Find the loaded libraries; cached, because this takes longer than a small model."""
    return ThreadpoolController()
