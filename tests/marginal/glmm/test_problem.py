"""numba's type of a problem, found once for each form."""

import numba as nb
import numpy as np
import pytest

from partialpool.marginal.glmm.problem import Given, type_of_given

C, F = np.zeros((2, 3)), np.zeros((3, 2)).T
READ_ONLY = np.zeros((2, 3))
READ_ONLY.flags.writeable = False
OTHERS = [F, READ_ONLY, np.zeros((2, 3), np.int64), np.zeros(3), C[:, :2], 1, 1.0, (C,), (C, F)]


def given(value):
    """A `Given` of which only the types of its fields count."""
    return Given(*[value] * len(Given._fields))


@pytest.mark.parametrize("value", OTHERS, ids=range(len(OTHERS)))
def test_the_type_is_numbas_own_whatever_was_asked_before(value):
    assert type_of_given(given(C)) == nb.typeof(given(C))
    assert type_of_given(given(value)) == nb.typeof(given(value)) != nb.typeof(given(C))
    assert type_of_given(given(value)) is type_of_given(given(value))
