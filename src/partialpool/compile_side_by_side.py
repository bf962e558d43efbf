"""Compilation of several kernels at once, each in a process of its own.

The first fit on a machine waits for its kernels. numba compiles one at a time in a process; but a kernel that another
process has compiled is read from disk.
"""

import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from partialpool.kernels import awaits_compilation, is_kept_on_disk
from partialpool.workers import cores_allowed

__all__ = ["compiled_elsewhere"]

_PATIENCE: Final = 300.0
"""Seconds to wait for a process once this one needs what it compiles."""
Job = tuple[Any, tuple[Any, ...]]
"""A kernel, and numba's types of its arguments."""


@contextmanager
def compiled_elsewhere(jobs: Sequence[Job]) -> Iterator[None]:
    """Compile kernels in other processes while the block runs; at its end they are on disk.

    Where that is not possible nothing is done: a kernel that is not on disk is compiled when it is called.
    """
    running: list[subprocess.Popen[bytes]] = []
    try:
        if _can_help():
            running.extend(_start(*job) for job in jobs if is_kept_on_disk(job[0]) and awaits_compilation(job[0]))
        yield
        with suppress(subprocess.TimeoutExpired):  # the rest is compiled here
            for process in running:
                process.wait(timeout=_PATIENCE)
    finally:
        for process in running:
            process.kill()
            process.wait()


def _can_help() -> bool:
    """Whether other processes of Python can be started, and have a processor to run on."""
    return cores_allowed() > 1 and Path(sys.executable or "").stem.startswith("python")


def _start(kernel: Any, arguments: tuple[Any, ...]) -> subprocess.Popen[bytes]:
    """Start the compilation of a kernel."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(pickle.dumps((kernel.py_func.__module__, kernel.py_func.__name__, arguments)))
    return process


def _compile() -> None:
    """Compile the kernel that the parent process names."""
    module, name, arguments = pickle.load(sys.stdin.buffer)
    getattr(import_module(module), name).compile(arguments)


if __name__ == "__main__":
    _compile()
