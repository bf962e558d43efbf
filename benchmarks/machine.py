"""The machine that a benchmark ran on, and the memory that a process used."""

import os
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("partialpool", "numba", "numpy", "scipy", "arviz")


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict[str, str]:
    """Describe the machine, without anything that identifies its owner."""
    return {
        "CPU": _cpu(),
        "cores": str(cores()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def peak_gigabytes() -> float:
    """Return the peak memory of this process.

    This is the process's high-water mark on Linux; `getrusage`, used elsewhere, also counts the parent process.
    """
    mark = _high_water(Path("/proc/self/status"))
    if mark is not None:
        return mark
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def peak_gigabytes_of_all() -> float:
    """Return the sum of the peaks of this process and of those that it started and that still run, on Linux.

    Each process has its peak at its own time: the sum is what the machine needs at most.
    """
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    started = children.read_text().split() if children.exists() else []
    marks = [_high_water(Path(f"/proc/{process}/status")) for process in started]
    return peak_gigabytes() + sum(mark for mark in marks if mark is not None)


def _high_water(status: Path) -> float | None:
    """Read the high-water mark of a process in gigabytes; None where there is none."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    marks = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(marks[0]) * 1024 / 1e9 if marks else None
