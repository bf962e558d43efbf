"""How kernels are compiled and kept."""

import numpy as np
import pytest

from partialpool.kernels import _SOURCES, awaits_compilation, kernel, part
from partialpool.marginal.gaussian.density import evaluate


def double(x):
    return 2.0 * x


def test_a_changed_kernel_file_is_compiled_anew():
    """Numba would watch the kernel's own file only: ours watch every file a kernel may be made of."""
    assert evaluate._cache._cache_file._source_stamp == _SOURCES
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


def test_it_is_known_whether_a_call_will_compile(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    fresh = kernel(double)
    assert awaits_compilation(fresh)
    assert fresh(np.pi) == 2 * np.pi
    assert not awaits_compilation(fresh)
    assert not awaits_compilation(kernel(double))  # on disk


def test_without_a_folder_to_write_to_every_process_compiles(monkeypatch):
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl._locator_classes", [])
    homeless = kernel(double)
    assert awaits_compilation(homeless)
    assert homeless(np.pi) == 2 * np.pi
    assert not awaits_compilation(homeless)


def test_an_index_that_cannot_be_read_is_compiled_anew(tmp_path, monkeypatch):
    """Another version of the package left it: a class it names is gone."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    kernel(double)(np.pi)
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:20] + b"cpartialpool.kernels\nGone\n.")
    again = kernel(double)
    assert awaits_compilation(again)
    assert again(np.pi) == 2 * np.pi
