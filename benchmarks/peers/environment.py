"""A separate environment for a peer whose dependencies conflict with ours."""

import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import HERE, NotMeasured, say


def python_with(name: str, requirement: str) -> str:
    """Return the interpreter of the environment `.peers/<name>`, which is created first unless it is complete."""
    folder = HERE / ".peers" / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    if stamp.exists() and stamp.read_text() == requirement and python.exists():
        return str(python)
    say(f"creating an environment with {requirement} (a minute or two, once)")
    shutil.rmtree(folder, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(folder))
    _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement)
    Path(stamp).write_text(requirement)
    return str(python)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")
        raise NotMeasured(f"its environment could not be created: `{' '.join(command[1:4])}` failed")
