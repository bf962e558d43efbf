"""Fixtures shared by all tests, and the two rules that keep them honest: no silent skips, calibrated Monte Carlo."""

import os
from pathlib import Path

import pytest

import partialpool as pp

SHARED = Path(__file__).parent / "reference"


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


@pytest.fixture(scope="session")
def sleepstudy():
    return pp.load_dataset("sleepstudy")


@pytest.fixture(scope="session")
def sleepstudy_fit(sleepstudy):
    return pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=20, engine="nuts", progressbar=False)
