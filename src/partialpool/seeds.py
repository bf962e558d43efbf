"""Seeds of random numbers, and an environment variable that shifts all of them."""

import os

import numpy as np

from partialpool.errors import SpecError

__all__ = ["seed_sequence", "shifted"]

_QUESTIONS = 0x51
"""Branch of the seed that questions use; engines use the first few."""

_STRIDE = 1_000_003
"""Distance between shifts, larger than the range of seeds in use."""


def shifted(seed: int | None) -> int | None:
    """Return the seed for random numbers: the given seed, shifted if PARTIALPOOL_SEED_SHIFT is set.

    With PARTIALPOOL_SEED_SHIFT=1, 2, ... in the environment every seed gives other draws, in this process and in its
    child processes. Statements on estimates must hold under any shift; the tests are run again with other seeds in
    this way (CONTRIBUTING.md). Without the variable, seeds are used unchanged.

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
            "PARTIALPOOL_SEED_SHIFT must be a non-negative integer",
            got=repr(shift),
            allowed="0, 1, 2, ..., or unset",
            do="change the environment variable",
        )
    return int(seed) + _STRIDE * int(shift)


def seed_sequence(seed: int | None) -> np.random.SeedSequence:
    """Return the source of a question's random numbers, a separate stream from that of a fit with the same seed.

    Raises
    ------
    SpecError
        The seed is not a non-negative integer.

    Examples
    --------
    >>> seed_sequence(3).spawn_key
    (81,)
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0):
        raise SpecError(
            "seed must be a non-negative integer", got=repr(seed), allowed="0, 1, 2, ... or None", do="change seed"
        )
    return np.random.SeedSequence(shifted(seed), spawn_key=(_QUESTIONS,))
