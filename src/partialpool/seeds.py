"""What repeats random draws."""

import numpy as np

from partialpool.errors import SpecError

__all__ = ["seed_sequence"]

_QUESTIONS = 0x51
"""Branch of the seed that questions use; engines use the first few."""


def seed_sequence(seed: int | None) -> np.random.SeedSequence:
    """Return the source of a question's random numbers: a stream of its own, whatever fit had the same seed.

    Raises
    ------
    SpecError
        Not a whole number from 0.

    Examples
    --------
    >>> seed_sequence(3).entropy
    3
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0):
        raise SpecError(
            "seed is a whole number from 0", got=repr(seed), allowed="0, 1, 2, ... or None", do="change seed"
        )
    return np.random.SeedSequence(seed, spawn_key=(_QUESTIONS,))
