"""Whether the data determine the sd: the same verdict on every page of a table, and not the same for all tables."""

import re

import numpy as np
import pytest

import partialpool as pp
from partialpool.explorer.page import render_explorer
from partialpool.explorer.studies import PriorChoice


def throws(pupils, each, sd):
    rng = np.random.default_rng(1)
    chance = 1 / (1 + np.exp(-rng.normal(0, sd, pupils)))
    names = [f"p{k}" for k in range(pupils)]
    return {"pupil": names, "hits": rng.binomial(each, chance), "throws": [each] * pupils}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("pupils", "each", "sd", "expected"),
    [
        (5, 6, 0.5, "With 5 pupils the data alone do not determine it: the prior is influential."),
        (14, 10, 1.0, "With 14 pupils a wider prior hardly changes it: only a narrower prior is influential."),
        (80, 200, 0.5, "With 80 pupils the data determine it: none of these three priors is influential."),
    ],
)
def test_the_verdict_depends_on_the_table_and_not_on_the_grid_of_priors(pupils, each, sd, expected):
    data = throws(pupils, each, sd)
    fit = pp.fit("p(hits, throws) ~ 1 + (1 | pupil)", data, family="binomial", seed=1, progressbar=False)
    said = []
    for places in (5, 9):  # those of the classroom, and of pp.explore
        page = render_explorer(fit, progressbar=False, choice=PriorChoice(("half-normal",), places))
        said += re.findall(r"With the scales .*?(?=</li>)", page)
    assert said[0] == said[1]
    assert said[0].endswith(f", in log odds. {expected}")
