"""How kernels are compiled and cached."""

import sys

import numba as nb
import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from partialpool.kernel_address import address_of, by_address
from partialpool.kernels import _SOURCES, addressed, awaits_compilation, kernel, part
from partialpool.marginal.gaussian.given_theta import nested_given_theta


def double(x):
    return 2.0 * x


def test_a_changed_kernel_file_is_compiled_anew():
    """Numba checks the kernel's own file only; we check every file that a kernel may include."""
    assert nested_given_theta._cache._cache_file._source_stamp == _SOURCES
    assert {
        "families/row_kernels/poisson.py",
        "marginal/gaussian/dense.py",
        "likelihood/maximise.py",
        "sampling/mixture.py",
    } <= {name for name, _, _ in _SOURCES}


@part
def halved(x):
    if x < 0.0:
        raise ValueError("negative")
    return 0.5 * x


@part
def quartered(x):
    return halved(halved(x))


def eighth(x):
    return quartered(halved(x))


def test_a_part_becomes_machine_code_only_inside_its_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    whole = kernel(eighth)
    assert whole(4.0) == 0.5
    with pytest.raises(ValueError, match="negative"):
        whole(-1.0)
    inner = quartered.overloads[quartered.signatures[0]]
    assert inner.library.get_pointer_to_function(inner.fndesc.llvm_func_name) == 0
    assert kernel(eighth)(8.0) == 1.0  # from disk
    assert len(list(tmp_path.rglob("*.nbi"))) == 1


@part
def summed(pair):
    first, second = pair
    total = 0.0
    for i in range(len(first)):
        total += first[i] + second[1:][i]
    return total


@part
def passed_on(x):
    return x


@part
def doubled(x):
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = 2.0 * x[i]
    return out


@part
def borrowed_from_made(x, longer):
    return summed((doubled(x), doubled(longer)))


def use_parts(x, longer):
    return summed((passed_on(x), longer)) + summed((doubled(x), longer)) + borrowed_from_made(x, longer)


def test_only_a_part_that_returns_what_it_was_given_counts_more_references(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    whole, x, longer = kernel(use_parts), np.arange(3.0), np.arange(4.0)
    expected = (3.0 + 6.0) + (6.0 + 6.0) + (6.0 + 12.0)
    _nrt_python.memsys_enable_stats()
    try:
        before, references = rtsys.get_allocation_stats(), (sys.getrefcount(x), sys.getrefcount(longer))
        assert [whole(x, longer) for _ in range(50)] == [expected] * 50
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free >= 150
    assert (sys.getrefcount(x), sys.getrefcount(longer)) == references
    counts = {
        each: "call void @NRT_incref" in str(each.overloads[each.signatures[0]].library._final_module)
        for each in (summed, passed_on, doubled, borrowed_from_made)
    }
    assert counts == {summed: False, passed_on: True, doubled: False, borrowed_from_made: False}


def view_of_made(x, other):
    made = doubled(x)
    view = made[1:]
    return passed_on(view)[0] + view[1] + x[0]


def given_or_made(x, other):
    chosen = x if other[0] > 0.5 else doubled(x)
    if other[0] > 2.0:
        chosen = other
    return chosen[1] + chosen[2]


def name_used_again(x, other):
    first = x[1]
    x = doubled(x)
    x = doubled(x)
    return first + x[1] + other[1]


def given_then_made(x, other):
    y = x
    for _ in range(3):
        y = doubled(y)
    return y[2]


def returned_as_given(x, other):
    y = x[1:]
    if other[0] > 0.5:
        return other
    return y


def pair_of_given_and_made(x, other):
    pair = (x, doubled(other))
    kept = pair
    return kept


def in_a_loop(x, other):
    total, last = 0.0, other
    for k in range(4):
        row = last if k < 2 else x
        last = doubled(row)[:3]
        total += last[k % 3]
    return total


@pytest.mark.parametrize("first", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    "function",
    [
        view_of_made,
        given_or_made,
        name_used_again,
        given_then_made,
        returned_as_given,
        pair_of_given_and_made,
        in_a_loop,
    ],
)
def test_arrays_live_as_long_as_they_are_used_and_no_longer(function, first, tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    x, other = np.arange(1.0, 4.0), np.array([first, 5.0, 7.0])
    with monkeypatch.context() as plain:
        for each in (summed, passed_on, doubled):
            plain.setitem(globals(), each.py_func.__name__, each.py_func)
        expected = function(x, other)
    inner = part(function)
    compiled = kernel(lambda x, other: inner(x, other))
    _nrt_python.memsys_enable_stats()
    try:
        before, references = rtsys.get_allocation_stats(), (sys.getrefcount(x), sys.getrefcount(other))
        for whole in (compiled, kernel(function)) * 20:
            np.testing.assert_array_equal(whole(x, other), expected)
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc == after.free - before.free
    assert (sys.getrefcount(x), sys.getrefcount(other)) == references


def test_awaits_compilation_states_whether_a_call_will_compile(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    fresh = kernel(double)
    assert awaits_compilation(fresh)
    assert fresh(np.pi) == 2 * np.pi
    assert not awaits_compilation(fresh)
    assert not awaits_compilation(kernel(double))  # on disk


def test_without_a_folder_to_write_to_every_process_compiles(monkeypatch):
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    uncached = kernel(double)
    assert awaits_compilation(uncached)
    assert uncached(np.pi) == 2 * np.pi
    assert not awaits_compilation(uncached)


def test_an_index_that_cannot_be_read_is_compiled_anew(tmp_path, monkeypatch):
    """The index names a class that does not exist, as one of another version of the package may."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    kernel(double)(np.pi)
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:20] + b"cpartialpool.kernels\nGone\n.")
    again = kernel(double)
    assert awaits_compilation(again)
    assert again(np.pi) == 2 * np.pi


@part
def raised(x, power):
    out = 1.0
    for _ in range(power):
        out *= x
    return out


def squares_and_cubes(x):
    return raised(x, 2) + raised(x, power=3)


def test_a_part_is_compiled_once_whatever_numbers_its_callers_write_out(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    assert kernel(squares_and_cubes)(2.0) == 12.0
    assert len(raised.signatures) == 1


def tripled(x):
    return 3.0 * x


def test_an_addressed_kernel_is_called_by_its_address_and_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    number = nb.types.float64
    call = by_address(number, (number,))

    @kernel
    def caller(address, x):
        return call(address, (x,))

    address = address_of(addressed(tripled), (number,), number)
    assert caller(address, 2.0) == 6.0
    again = addressed(tripled)
    address_of(again, (number,), number)
    assert list(again.stats.cache_hits.values()) == [1]
    with pytest.raises(TypeError, match="tripled returns float64, not int64"):
        address_of(again, (number,), nb.types.int64)
