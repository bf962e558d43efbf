"""Fixtures shared by all tests, and the two rules that keep them honest: no silent skips, calibrated Monte Carlo."""

import os
from collections import Counter
from pathlib import Path

import pytest

import partialpool as pp

SHARED = Path(__file__).parent / "reference"
BUDGET = 240
"""Seconds that the quick tests of one file may take, on a busy machine too; what takes longer is a slow test."""
_seconds: Counter[str] = Counter()


def pytest_report_header():
    """Say what draws this run has, and on which BLAS kernel: PARTIALPOOL_SEED_SHIFT and OPENBLAS_CORETYPE."""
    named = {name: os.environ.get(name) for name in ("PARTIALPOOL_SEED_SHIFT", "OPENBLAS_CORETYPE")}
    return [f"{name}={value}" for name, value in named.items() if value]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Under PARTIALPOOL_NO_SKIP a skipped test is a failed test."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("PARTIALPOOL_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where skipping is refused: {report.longrepr}"


def pytest_runtest_logreport(report):
    """Add up the time of each file."""
    _seconds[report.nodeid.split("::")[0]] += report.duration


def pytest_sessionfinish(session):
    """Fail where the quick tests of a file take longer than they may."""
    if "not slow" in session.config.option.markexpr and any(seconds > BUDGET for seconds in _seconds.values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """Name the files that take longer than they may."""
    over = [f"{name}: {seconds:.0f} s" for name, seconds in _seconds.most_common() if seconds > BUDGET]
    if over and "not slow" in config.option.markexpr:
        terminalreporter.section(f"files over their budget of {BUDGET} s: mark what takes longest as slow", red=True)
        for line in over:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def sleepstudy():
    return pp.load_dataset("sleepstudy")


@pytest.fixture(scope="session")
def sleepstudy_fit(sleepstudy):
    return pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=20, engine="nuts", progressbar=False)
