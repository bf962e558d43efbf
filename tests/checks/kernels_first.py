"""Compile kernels once, while the workers collect tests: otherwise each worker would compile the same kernels."""

import os
import subprocess
import sys
from pathlib import Path

import partialpool

LAST_OF_EACH = ("level_under_draws.integrate_under_draws", "compiled_density._density")
"""The kernels that are compiled last."""


def are_kept() -> bool:
    """Return whether machine code on disk is newer than every source file: a guess, without importing the kernels."""
    package = Path(partialpool.__file__).parent
    kept = Path(os.environ.get("NUMBA_CACHE_DIR") or package)
    newest = max(path.stat().st_mtime for path in package.rglob("*.py"))
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    return all(
        any(index.stat().st_mtime > newest for index in kept.rglob(f"{name}-*.{version}.nbi")) for name in LAST_OF_EACH
    )


def start() -> list[subprocess.Popen]:
    """Start to compile the kernels that are not on disk."""
    if are_kept():
        return []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-W", "ignore", "-m", "partialpool", "compile", "--quiet"]
    return [subprocess.Popen(command, env=os.environ, **quiet)]
