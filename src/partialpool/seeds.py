"""What repeats random draws, and what shifts all of them at once."""

import os

import numpy as np

from partialpool.errors import SpecError

__all__ = ["seed_sequence", "shifted"]

_QUESTIONS = 0x51
"""Branch of the seed that questions use; engines use the first few."""

_STRIDE = 1_000_003
"""From one shift to the next: further than the seeds that anybody counts through."""


def shifted(seed: int | None) -> int | None:
    """Return the seed that random numbers are made from: the one given, unless PARTIALPOOL_SEED_SHIFT is set.

    With PARTIALPOOL_SEED_SHIFT=1, 2, ... in the environment every seed stands for other draws, in this process and in
    those it starts. What is said of an estimate must hold under any shift: that is how the tests are run again with
    other seeds (CONTRIBUTING.md). Without it, seeds are taken as they are.

    Examples
    --------
    >>> shifted(None) is None
    True
    """
    shift = os.environ.get("PARTIALPOOL_SEED_SHIFT", "")
    if seed is None or not shift:
        return seed
    if not shift.isdecimal():
        raise SpecError(
            "PARTIALPOOL_SEED_SHIFT is a whole number from 0",
            got=repr(shift),
            allowed="0, 1, 2, ..., or unset",
            do="change the environment variable",
        )
    return int(seed) + _STRIDE * int(shift)


def seed_sequence(seed: int | None) -> np.random.SeedSequence:
    """Return the source of a question's random numbers: a stream of its own, whatever fit had the same seed.

    Raises
    ------
    SpecError
        Not a whole number from 0.

    Examples
    --------
    >>> seed_sequence(3).spawn_key
    (81,)
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0):
        raise SpecError(
            "seed is a whole number from 0", got=repr(seed), allowed="0, 1, 2, ... or None", do="change seed"
        )
    return np.random.SeedSequence(shifted(seed), spawn_key=(_QUESTIONS,))
