"""Fixtures shared by all tests, the distribution of tests to workers, and the rule that no test is skipped silently."""

import os
import signal
from collections import Counter

import pytest

import partialpool as pp
from checks import kernels_first

if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has one core: threads of linear algebra would wait for each other
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BUDGET = 240
SHARE = 1 / 15
"""Seconds that the quick tests of one file, or one test of a file of `APART`, may take; longer tests are marked slow.
On a slow or busy machine all tests take longer: a file may take this share of their time if that is more."""
TOGETHER = ("tests/explorer", "tests/reporting")
"""Folders whose files share pages that take long to make: one worker runs them, and makes each page once."""
APART = ("tests/docs/test_pages.py",)
"""Files of tests that share nothing: each test is run by whichever worker is free."""
_seconds: Counter[str] = Counter()
_compilers = []


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Start compilation before the workers start."""
    _compilers.extend(kernels_first.start())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished():
    """No test starts before every worker has collected: wait here for the kernels that all of them need."""
    for process in _compilers:
        process.wait()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Share tests by file, files that make the same pages by folder, and tests that share nothing one by one."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFileOrFolder(LoadFileScheduling):
        def _split_scope(self, nodeid):
            whole = [folder for folder in TOGETHER if nodeid.startswith(f"{folder}/")]
            return whole[0] if whole else unit_of(nodeid)

    return ByFileOrFolder(config, log)


def unit_of(nodeid):
    """Return the tests that one worker must run and whose time is limited: a file, or a test of a file of `APART`."""
    file = nodeid.split("::")[0]
    return nodeid if file in APART else file


def pytest_report_header():
    """Print the settings that change the draws: PARTIALPOOL_SEED_SHIFT, and the BLAS kernel, OPENBLAS_CORETYPE."""
    named = {name: os.environ.get(name) for name in ("PARTIALPOOL_SEED_SHIFT", "OPENBLAS_CORETYPE")}
    return [f"{name}={value}" for name, value in named.items() if value]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Under PARTIALPOOL_NO_SKIP a skipped test is a failed test."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("PARTIALPOOL_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although no test may be skipped: {report.longrepr}"


def pytest_runtest_logreport(report):
    """Add up the time of each file."""
    _seconds[unit_of(report.nodeid)] += report.duration


def over_budget(seconds):
    """Return the files that take longer than they may, given the seconds of all that ran; the longest first."""
    allowed = max(BUDGET, SHARE * sum(seconds.values()))
    return {name: took for name, took in seconds.most_common() if took > allowed}


def pytest_sessionfinish(session):
    """Fail where the quick tests of a file take longer than they may."""
    if "not slow" in session.config.option.markexpr and over_budget(_seconds):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """List the files that take longer than they may."""
    over = over_budget(_seconds)
    if over and "not slow" in config.option.markexpr:
        terminalreporter.section("files or tests over their budget: mark their longest tests as slow", red=True)
        for name, took in over.items():
            terminalreporter.line(f"{name}: {took:.0f} s")


@pytest.fixture(scope="session")
def sleepstudy():
    return pp.load_dataset("sleepstudy")


@pytest.fixture(scope="session")
def sleepstudy_fit(sleepstudy):
    return pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=20, engine="nuts", progressbar=False)


@pytest.fixture
def heeds_interrupts():
    """Let an interrupt raise KeyboardInterrupt, also where tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
