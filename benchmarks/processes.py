"""Run other programs: each receives a request as a JSON file and writes its answer to another."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PATIENCE = 1800
"""Seconds after which a program is stopped."""


class NotMeasured(Exception):
    """A peer is not installed or did not work; the text states why, in words for the results."""


class RanOut(Exception):
    """A program exceeded its limit of processor time."""


def say(text: str) -> None:
    """Report progress."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def ask(command: Sequence[str], request: Mapping[str, Any], *, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a program on a request and return its answer, with the seconds its process took as `process_seconds`."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        question, answer = Path(folder, "request.json"), Path(folder, "answer.json")
        question.write_text(json.dumps(dict(request)))
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [*command, str(question), str(answer)],
                cwd=HERE.parent,
                env={**os.environ, **(env or {})},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{command[-1]} was stopped after {PATIENCE} s") from error
        seconds = time.perf_counter() - started
        if done.returncode == -signal.SIGXCPU:
            raise RanOut(command[-1])
        if done.returncode != 0 or not answer.exists():
            raise RuntimeError(f"{command[-1]} ended with code {done.returncode}\n{done.stderr[-3000:]}")
        return {**json.loads(answer.read_text()), "process_seconds": seconds}


def ask_python(module: str, request: Mapping[str, Any], *, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run one of the benchmark modules on a request, in a fresh process."""
    return ask([sys.executable, "-m", f"benchmarks.{module}"], request, env=env)


def ask_r(script: str, packages: Sequence[str], request: Mapping[str, Any]) -> dict[str, Any]:
    """Run an R script on a request; raise NotMeasured where R or one of the packages is missing."""
    for package in packages:
        if not _r_has(package):
            raise NotMeasured(f"{package} is not installed in R" if shutil.which("Rscript") else "R is not installed")
    return ask(["Rscript", "--vanilla", str(HERE / "peers" / script)], request)


@cache
def _r_has(package: str) -> bool:
    if shutil.which("Rscript") is None:
        return False
    code = f'quit(status = if (requireNamespace("{package}", quietly = TRUE)) 0 else 1)'
    return subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, check=False).returncode == 0
