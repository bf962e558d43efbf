"""Installation: an old Python is told so, and a wheel in an environment of its own runs what the pages begin with."""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OLD = "import sys, collections; V = collections.namedtuple('V', 'major minor micro releaselevel serial'); "


def build_under(version):
    """Import the build backend as a Python of another version would."""
    pretend = f"{OLD}sys.version_info = V({version[0]}, {version[1]}, 0, 'final', 0); import build_backend"
    return subprocess.run(
        [sys.executable, "-c", pretend], cwd=ROOT / "tools", capture_output=True, text=True, check=False
    )


def test_an_old_python_is_told_what_to_install():
    done = build_under((3, 11))
    assert done.returncode == 1
    for part in (
        "does not run on this Python",
        "got:     Python",
        "allowed: Python 3.12 or newer",
        "python3.13 -m venv",
    ):
        assert part in done.stderr


def test_the_oldest_python_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "OLDEST = (3, 12)" in (ROOT / "tools/build_backend.py").read_text()
    assert project["requires-python"] == ">=3.12"
    assert "(3, 12) <= sys.version_info" in (ROOT / "tools/find-python.sh").read_text()
    assert re.search(r"Python 3\.12 or newer", (ROOT / "docs/install.md").read_text())


@pytest.mark.slow
def test_a_wheel_in_a_bare_environment_fits_reports_and_explores(tmp_path):
    """Installs 1 GB from the package index."""
    venv.create(tmp_path / "venv", with_pip=True)
    run = tmp_path / "venv/bin"

    def call(*command):
        done = subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call(run / "pip", "wheel", "--no-deps", "-w", "dist", ROOT)
    call(run / "pip", "install", *tmp_path.glob("dist/*.whl"))
    table = [
        "pupil,hits,shots",
        *(f"{name},{hits},10" for name, hits in zip("ABCDEFGH", [0, 2, 5, 5, 7, 4, 9, 6], strict=True)),
    ]
    (tmp_path / "throws.csv").write_text("\n".join(table))
    call(run / "partialpool", "demo", "--quiet")
    formula = "p(hits, shots) ~ 1 + (1 | pupil)"
    call(
        run / "partialpool",
        "fit",
        formula,
        "throws.csv",
        "--family",
        "binomial",
        "--seed",
        1,
        "--out",
        "fit",
        "--quiet",
    )
    call(run / "partialpool", "report", "fit/fit.nc")
    call(run / "partialpool", "explore", "fit/fit.nc", "--quiet")
    assert {"fit.nc", "report.html", "explorer.html"} <= {path.name for path in (tmp_path / "fit").iterdir()}
