"""Every teaching notebook runs from a clean kernel, without warnings or a network, and repeats its committed output."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from run_notebooks import AT_ONCE, notebooks, stale

PATHS = {path.stem: path for path in notebooks()}


@pytest.fixture(scope="session")
def runs(request):
    """All notebooks that this session tests, two kernels side by side; each test waits for its own."""
    wanted = [
        item.callspec.params["name"] for item in request.session.items if "runs" in getattr(item, "fixturenames", ())
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(stale, PATHS[name]) for name in wanted}


def test_there_are_notebooks():
    assert PATHS


@pytest.mark.thorough
@pytest.mark.parametrize("name", PATHS)
def test_a_notebook_runs_and_is_not_stale(name, runs):
    wrong = runs[name].result()
    assert not wrong, f"{name}: `make notebooks ONLY={name[:2]}` writes its current output\n" + "\n".join(wrong)
