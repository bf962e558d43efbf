"""How every kernel is compiled: once per machine, without the interpreter's lock, with IEEE division."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb

__all__ = ["awaits_compilation", "kernel", "part"]

_ROOMS = ("distributions", "families", "marginal", "likelihood", "sampling")
_SOURCES = tuple(
    (path.relative_to(Path(__file__).parent).as_posix(), path.stat().st_mtime_ns, path.stat().st_size)
    for room in _ROOMS
    for path in sorted(Path(__file__).with_name(room).rglob("*.py"))
)
"""Every file a kernel may be made of. numba looks at the kernel's own file only, and would go on using a compiled
kernel whose callee in another file has changed."""


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that Python calls.

    Kernels and their parts keep to loops over plain arrays: slices and array expressions compile slowly.
    """
    return _compile(function, called_by_python=True)


def part(function: Callable[..., Any]) -> Any:
    """Compile a function that kernels call: without the way in from Python, which for many arrays compiles slowly."""
    return _compile(function, called_by_python=False)


def _compile(function: Callable[..., Any], *, called_by_python: bool) -> Any:
    njit: Any = nb.njit  # its type hints do not know the wrappers' options
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    options["no_cpython_wrapper"] = not called_by_python
    try:
        compiled = njit(cache=True, **options)(function)
    except RuntimeError:  # no folder numba may write to: every process compiles for itself
        return njit(**options)(function)
    file: Any = getattr(compiled._cache, "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = _SOURCES
    return compiled


def awaits_compilation(compiled: Any) -> bool:
    """Whether a kernel's next call compiles it: it has no version in this process, nor a current one on disk."""
    file: Any = getattr(compiled._cache, "_cache_file", None)
    on_disk: Any = getattr(file, "_load_index", dict)()
    return not (compiled.signatures or on_disk)
