"""Independent pieces of work side by side, by joblib: in processes here, or on the cluster of a Dask client.

Inside `joblib.parallel_config(...)` the backend that it names is used: with `backend="dask"` the cluster of the current
`dask.distributed.Client`. A piece that is lost with its worker is given out again.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import Any, Final

import joblib
from joblib.parallel import get_active_backend

__all__ = ["are_wanted", "quiet", "side_by_side"]

_ATTEMPTS: Final = 3
"""How often work is given out if a worker process ends before it is done."""
_LOST: Final = frozenset({"TerminatedWorkerError", "FutureCancelledError", "KilledWorker", "CommClosedError"})
"""Errors of joblib's processes, and of Dask: what joblib sent to a worker of a cluster is lost with it."""


def are_wanted() -> bool:
    """Whether the caller is inside `joblib.parallel_config(...)` with workers: work that runs here otherwise.

    Examples
    --------
    >>> are_wanted()
    False
    >>> with joblib.parallel_config(n_jobs=2):
    ...     are_wanted()
    True
    """
    backend, jobs = get_active_backend()
    return backend.effective_n_jobs(jobs) > 1


def side_by_side[T](
    function: Callable[..., T], pieces: Sequence[tuple[Any, ...]], *shared: Any, jobs: int | None = None
) -> Iterator[tuple[int, T]]:
    """Call `function(*piece, *shared)` for every piece, and yield position and result in the order of completion.

    Parameters
    ----------
    function
        Can be sent to another process.
    pieces, shared
        What each call receives, and what all receive. Dask sends a large array or table once if it is an argument of
        its own.
    jobs
        Number of workers: -1 one per core; 1 none, whatever else is set; None those of `joblib.parallel_config`, none
        without it.

    Raises
    ------
    Exception
        The first of a piece that failed; that of a worker, where pieces were lost again and again. What was yielded
        before is complete.

    Examples
    --------
    >>> sorted(side_by_side(divmod, [(7,), (8,)], 2))
    [(0, (3, 1)), (1, (4, 0))]
    """
    done: set[int] = set()
    here = {"backend": "sequential"} if jobs == 1 else {}
    for attempt in range(_ATTEMPTS):
        work = (
            joblib.delayed(_numbered)(at, function, *piece, *shared)
            for at, piece in enumerate(pieces)
            if at not in done
        )
        try:
            with joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", **here) as pool:
                for at, result in _without_replacements(pool(work)):
                    done.add(at)
                    yield at, result
            return
        except Exception as error:
            if attempt == _ATTEMPTS - 1 or not _is_loss(error):
                raise


@contextmanager
def quiet(message: str = "") -> Iterator[None]:
    """Suppress warnings that begin so, each of which would be given once per piece; all by default.

    A thread other than the main one leaves the filters of its process alone.
    """
    if current_thread() is not main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message)
        yield


def _without_replacements[T](results: Iterator[T]) -> Iterator[T]:
    """Yield the results; suppress joblib's warning that a process was replaced (idle, or grown by 300 MB).

    Its pieces are done and none is lost. The filter is set while a result is waited for, not while it is used.
    """
    while True:
        with quiet("A worker stopped while some jobs were given"):
            try:
                result = next(results)
            except StopIteration:
                return
        yield result


def _numbered[T](at: int, function: Callable[..., T], *arguments: Any) -> tuple[int, T]:
    return at, function(*arguments)


def _is_loss(error: BaseException) -> bool:
    """Whether an error says that a worker ended before its work was done; joblib and Dask are loaded where they run."""
    return any(kind.__name__ in _LOST for kind in type(error).__mro__)
