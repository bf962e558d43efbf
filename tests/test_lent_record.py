"""Records lent to kernels: fields are those of the tuple, and no references to arrays are counted."""

import sys
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import pytest

from partialpool.kernel_address import address_of, by_address
from partialpool.kernels import addressed, kernel, part
from partialpool.lent_record import Lent, lend, lent_type, pointer_to


class Inner(NamedTuple):
    """Two truth values side by side, and fields of all kinds behind them."""

    first: bool
    second: bool
    n: float
    x: np.ndarray
    pair: tuple[np.ndarray, np.ndarray]


class Outer(NamedTuple):
    """A record within a record."""

    flag: bool
    inner: Inner
    rows: int
    matrix: Any


@part
def read_inner(inner, i):
    pair = inner.pair
    return inner.n + 10.0 * inner.x[i] + 100.0 * pair[0][i] + 1000.0 * pair[1][i] + inner.first + 2 * inner.second


@kernel
def read(record, i):
    if record.flag:
        return -1.0
    return read_inner(record.inner, i) + 1e4 * record.rows + 1e5 * record.matrix[i, 0] + len(record.matrix)


def record_of(matrix, *, flag=False, first=False, second=True):
    inner = Inner(first, second, 0.5, np.array([1.0, 2.0]), (np.array([3.0, 4.0]), np.array([5.0, 6.0])))
    return Outer(flag, inner, 7, matrix)


C, F = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2).T
READ_ONLY = np.arange(6.0).reshape(2, 3)
READ_ONLY.flags.writeable = False
MATRICES = [C, F, READ_ONLY, C.astype(np.int64), np.arange(12.0).reshape(2, 6)[:, ::2], C[:, :0].reshape(0, 3)]


@pytest.mark.parametrize("matrix", MATRICES, ids=["C", "Fortran", "read only", "integers", "strided", "no rows"])
@pytest.mark.parametrize(("first", "second"), [(False, True), (True, False)])
def test_fields_are_those_of_the_tuple(matrix, first, second):
    value = record_of(matrix, first=first, second=second)
    lent = lend(value)
    assert lent.kind.kind == nb.typeof(value)
    for i in range(len(matrix)):
        expected = read_inner.py_func(value.inner, i) + 1e4 * 7 + 1e5 * matrix[i, 0] + 2
        assert read(lent, i) == expected
    assert read(lend(record_of(matrix, flag=True)), 0) == -1.0


def test_arrays_are_the_records_own_and_no_references_to_them_are_counted():
    value = record_of(C.copy())
    lent = lend(value)
    held = [sys.getrefcount(x) for x in (value.matrix, value.inner.x, *value.inner.pair)]
    before = read(lent, 1)
    value.matrix[1, 0] += 1.0
    assert [read(lent, 1) - before for _ in range(5)] == [1e5] * 5
    assert [sys.getrefcount(x) for x in (value.matrix, value.inner.x, *value.inner.pair)] == held


def test_a_type_is_found_once_for_each_form_and_distinguishes_all_that_numba_does():
    kinds = [lent_type(record_of(matrix)) for matrix in MATRICES[:5]]
    assert len(set(kinds)) == len({str(kind) for kind in kinds}) == 5
    assert lent_type(record_of(C.copy())) is kinds[0]
    assert Lent(nb.typeof(record_of(C))) == kinds[0]


def test_what_kernels_cannot_read_is_refused():
    with pytest.raises(TypeError, match="a str cannot be lent to kernels"):
        lend(Outer(True, Inner(True, True, 0.0, C[0], (C[0], C[1])), 1, "text"))
    read_nothing = kernel(lambda record: record.nothing)
    lent = lend(record_of(C))
    with pytest.raises(nb.TypingError, match="nothing"):
        read_nothing(lent)


@addressed
def first_of(record):
    return record.inner.x[0]


call_first = by_address(nb.types.float64, (nb.types.voidptr,))


def test_a_record_is_passed_on_by_its_pointer():
    lent = lend(record_of(C))
    address = address_of(first_of, (lent.kind,), nb.types.float64)

    @kernel
    def call(address, record):
        return call_first(address, (pointer_to(record),))

    assert call(address, lent) == 1.0
