"""Compilation of several kernels at once, in several processes.

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

import numba.core.config

from partialpool.kernels import awaits_compilation, is_kept_on_disk
from partialpool.workers import cores_allowed, threads_wished

__all__ = ["compile_from", "compiled_elsewhere"]

_numba: Any = numba.core.config
_PATIENCE: Final = 300.0
"""Seconds to wait for a process once this one needs what it compiles."""
_PROGRAM: Final = """
import pickle, sys
sys.path[:], rest = pickle.load(sys.stdin.buffer)
from partialpool.compile_side_by_side import compile_from
compile_from(rest)
"""
"""What a process runs: it imports from where this process does, and from nowhere else."""
Job = tuple[Any, tuple[Any, ...]]
"""A kernel, and numba's types of its arguments."""


@contextmanager
def compiled_elsewhere(*shares: Sequence[Job]) -> Iterator[None]:
    """Compile kernels in other processes while the block runs, each share in one; at its end they are on disk.

    A process spends two seconds on importing the package: small kernels share one. Where other processes are not
    possible nothing is done: a kernel that is not on disk is compiled when it is called.
    """
    running: list[subprocess.Popen[bytes]] = []
    try:
        if _can_help():
            for share in shares:
                waiting = [job for job in share if is_kept_on_disk(job[0]) and awaits_compilation(job[0])]
                if waiting:
                    with suppress(OSError):  # it cannot start, or has ended already
                        _start(waiting, running)
        yield
        with suppress(subprocess.TimeoutExpired):  # the rest is compiled here
            for process in running:
                process.wait(timeout=_PATIENCE)
    finally:
        for process in running:
            process.kill()
            process.wait()


def _can_help() -> bool:
    """Whether other processes of Python can be started, and may use a processor of their own."""
    cores = threads_wished() or cores_allowed()
    return cores > 1 and Path(sys.executable or "").stem.startswith("python")


def _start(jobs: Sequence[Job], running: list[subprocess.Popen[bytes]]) -> None:
    """Start a process that compiles kernels one after the other."""
    named = [(kernel.py_func.__module__, kernel.py_func.__name__, pickle.dumps(types)) for kernel, types in jobs]
    sent = pickle.dumps((sys.path, (_numba.CACHE_DIR, named)))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    running.append(process)
    assert process.stdin is not None
    with process.stdin as pipe:
        pipe.write(sent)


def compile_from(sent: tuple[str, list[tuple[str, str, bytes]]]) -> None:
    """Compile the kernels that the parent process names: numba's folder; module, name and types of the arguments."""
    _numba.CACHE_DIR, jobs = sent
    for module, name, types in jobs:
        getattr(import_module(module), name).compile(pickle.loads(types))
