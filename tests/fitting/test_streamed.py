"""Tables that are read in batches have the design, the moments, the priors and the posterior of tables in memory."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.model.default_priors import resolve_priors
from checks.streamed import assert_close, assert_same_moments, in_memory, read, table, write

FORMULAS = {
    "slope": "y ~ x + (1 + x | g)",
    "intercepts": "y ~ 1 + (1 | g)",
    "far from zero": "y ~ year + (1 + year | h)",
    "no intercept": "y ~ 0 + x + (0 + x | g)",
    "all categories": "y ~ 0 + arm + (1 | g)",
    "interaction": "y ~ x * arm + (1 + x | g) + (1 | h)",
    "categories": "y ~ arm + told + C(visit) + (1 + arm | g)",
    "categories vary": "y ~ x + (0 + arm | g)",
    "independent": "y ~ x + arm + (1 + x + arm || g)",
    "square": "y ~ x + I(x**2) + (1 + x + I(x**2) | g)",
    "standardised": "y ~ center(x) + scale(w) + (1 + scale(w) | g)",
    "offset": "y ~ x + offset(log(w)) + (1 | g)",
    "nested": "y ~ x + (1 | g/cask)",
    "three columns": "y ~ x + (1 | g:cask:site)",
    "crossed": "y ~ x + (1 + x | g) + (1 | h) + (1 | cask)",
    "transformed response": "log(positive) ~ x + (1 | g)",
    "sums": "y ~ S(arm) * site + (1 | g)",
    "no groups": "y ~ x + arm",
}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=FORMULAS)
def test_moments_and_priors_are_those_of_the_table_in_memory(formula, tmp_path):
    frame = table()
    found, known = read(formula, write(frame, tmp_path, files=3))
    design, expected = in_memory(formula, frame)
    assert found.common.coefs == design.common.coefs
    assert [f.names for f in found.factors] == [f.names for f in design.factors]
    assert [f.levels.labels for f in found.factors] == [f.levels.labels for f in design.factors]
    for mine, theirs in zip(found.factors, design.factors, strict=True):
        assert np.array_equal(mine.counts, theirs.counts)
        assert_close(mine.second_moment, theirs.second_moment)
        assert_close(mine.basis.scale, theirs.basis.scale)
        assert_close(mine.basis.to_zero, theirs.basis.to_zero)
        assert_close(mine.freed_mean_square, theirs.freed_mean_square)
    if design.common.names:
        assert_close(found.common.covariance, design.common.covariance)
    assert_close(known.units.unit, expected.units.unit)
    assert_same_moments(known.moments, expected.moments)
    assert found.categories == design.categories
    texts = [
        {e.parameter: (str(e.prior), e.reason) for e in resolve_priors(one).entries} for one in (found, design)
    ]
    assert texts[0] == texts[1]
