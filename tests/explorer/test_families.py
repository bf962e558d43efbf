"""The explorer has every family that `shrinkage` knows, and refuses the others for the same reason."""

import warnings

import numpy as np
import pytest

import partialpool as pp
from checks.responses import RESPONSES, counts_successes
from partialpool.explorer import studies

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("family", [*RESPONSES, "categorical"])
def test_the_families_of_the_explorer_are_those_of_shrinkage(family, tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "FAMILIES", dict(list(studies.FAMILIES.items())[:1]))
    rng, n = np.random.default_rng(3), 120
    y = RESPONSES[family](rng, n) if family in RESPONSES else rng.choice(["p", "q", "r"], n)
    table = {"y": y, "g": np.arange(n) % 8, "trials": np.full(n, 7)}
    response = "p(y, trials)" if counts_successes(family) else "y"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.PartialPoolWarning)  # of the draws, which are few
        fit = pp.fit(f"{response} ~ 1 + (1 | g)", table, family=family, draws=200, seed=1, progressbar=False)
        said = []
        for ask in (lambda: pp.shrinkage(fit), lambda: pp.explore(fit, tmp_path / "page.html", progressbar=False)):
            try:
                ask()
                said.append(None)
            except pp.DataError as error:
                said.append(str(error))
    assert (said[0] is None) == (said[1] is None), said
    assert (tmp_path / "page.html").exists() == (said[0] is None)
