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


class OutOfTime(RuntimeError):
    """A program was stopped: what it had answered until then, and the seconds since that."""

    def __init__(self, text: str, answer: dict[str, Any], seconds: float) -> None:
        super().__init__(text)
        self.answer, self.seconds = answer, seconds


def say(text: str) -> None:
    """Report progress."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def ask(
    command: Sequence[str],
    request: Mapping[str, Any],
    *,
    env: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> dict[str, Any]:
    """Run a program on a request and return its answer, with the seconds its process took as `process_seconds`.

    After `patience` seconds the program is stopped, with the processes that it started: OutOfTime.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        question, answer = Path(folder, "request.json"), Path(folder, "answer.json")
        question.write_text(json.dumps(dict(request)))
        started = time.perf_counter()
        program = subprocess.Popen(
            [*command, str(question), str(answer)],
            cwd=HERE.parent,
            env={**os.environ, **(env or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            complaint = program.communicate(timeout=patience)[1]
        except BaseException as error:
            os.killpg(program.pid, signal.SIGKILL)
            program.communicate()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            written = answer.exists()
            since = time.time() - answer.stat().st_mtime if written else patience
            text = f"{command[-1]} was stopped after {patience:.0f} s"
            raise OutOfTime(text, json.loads(answer.read_text()) if written else {}, since) from error
        seconds = time.perf_counter() - started
        if program.returncode == -signal.SIGXCPU:
            raise RanOut(command[-1])
        if program.returncode != 0 or not answer.exists():
            raise RuntimeError(f"{command[-1]} ended with code {program.returncode}\n{complaint[-3000:]}")
        return {**json.loads(answer.read_text()), "process_seconds": seconds}


def ask_python(
    module: str, request: Mapping[str, Any], *, env: Mapping[str, str] | None = None, patience: float = PATIENCE
) -> dict[str, Any]:
    """Run one of the benchmark modules on a request, in a fresh process."""
    return ask([sys.executable, "-m", f"benchmarks.{module}"], request, env=env, patience=patience)


def ask_r(
    script: str, packages: Sequence[str], request: Mapping[str, Any], *, patience: float = PATIENCE
) -> dict[str, Any]:
    """Run an R script on a request; raise NotMeasured where R or one of the packages is missing."""
    for package in packages:
        if not _r_has(package):
            raise NotMeasured(f"{package} is not installed in R" if shutil.which("Rscript") else "R is not installed")
    return ask(["Rscript", "--vanilla", str(HERE / "peers" / script)], request, patience=patience)


@cache
def _r_has(package: str) -> bool:
    if shutil.which("Rscript") is None:
        return False
    code = f'quit(status = if (requireNamespace("{package}", quietly = TRUE)) 0 else 1)'
    return subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, check=False).returncode == 0
