"""Pieces of work on several threads; kernels release the GIL, and Ctrl-C is heard between pieces."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["map_pieces", "piece_size"]

_PIECE_WORK = 2e9
"""Multiplications in a piece: a fraction of a second, so that Ctrl-C is heard."""
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
    """
    with _libraries().limit(limits=1):
        if workers == 1 or len(pieces) == 1:
            for count, piece in enumerate(pieces, 1):
                function(piece)
                done(count)
            return
        with ThreadPoolExecutor(workers) as pool:
            waiting = {pool.submit(function, piece) for piece in pieces}
            try:
                while waiting:
                    finished, waiting = wait(waiting, timeout=0.1)
                    for future in finished:
                        future.result()
                    done(len(pieces) - len(waiting))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


@cache
def _libraries() -> ThreadpoolController:
    """Thread pools of the libraries loaded: finding them takes longer than a small model."""
    return ThreadpoolController()
