"""What a fit prints: names of effects."""

import numpy as np
import pandas as pd

import partialpool as pp


def test_a_stated_reference_is_in_the_heading_and_not_in_the_names_of_effects():
    table = pd.DataFrame({"y": np.arange(12.0) % 5, "habitat": list("abc") * 4, "x": np.arange(12.0) % 7})
    fit = pp.fit("y ~ T(habitat, ref='b') * x", table, seed=1, progressbar=False)
    printed = str(fit)
    assert "habitat = b" in printed
    assert "T(" not in "\n".join(printed.splitlines()[1:])
    for name in ("habitat[a]", "habitat[c]", "habitat[a]:x"):
        assert f" {name} " in printed
    assert "T(habitat, ref='b')[a]" in fit.posterior["coef"].to_numpy().tolist()
