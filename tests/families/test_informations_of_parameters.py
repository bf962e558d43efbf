"""Informations of rows about the parameters that differ from row to row."""

import numpy as np
import pytest

from families.test_row_kernels import NONE, OWN, given
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_row_kernels

CASES = [
    (family, link)
    for family in FAMILIES.values()
    for link in family.links
    if load_row_kernels(family, link).each is not None
    and not (family.has_predictors_of_categories or family.has_cutpoints)
]
EVERY = pytest.mark.parametrize(("family", "link"), CASES, ids=[f"{family.name}-{link}" for family, link in CASES])


def evaluate(family, link, y, known, values):
    slopes, informations = np.empty_like(values), np.empty_like(values)
    kernels = load_row_kernels(family, link)
    log_p = kernels.each(y, known, values, slopes, informations)
    return log_p + kernels.constant(y, known), slopes, informations


@EVERY
def test_the_informations_of_the_parameters_are_near_the_expected_squares_of_their_slopes(family, link):
    """Within a factor of three: they serve coordinates only."""
    at = np.repeat(given(family, link, np.array([0.9])).eta[0], 200_000)
    own = np.array([OWN[name][0] for name, _ in family.parameters])
    known = np.full(len(at), 8.0) if family.kind == "successes" else NONE
    y = family.draw(given(family, link, at, known), np.random.default_rng(5))[0]
    values = np.vstack([at, np.repeat(own[:, None], len(at), axis=1)])
    _, slopes, informations = evaluate(family, link, y, known, values)
    ratio = informations[1:].mean(axis=1) / (slopes[1:] ** 2).mean(axis=1)
    assert ((ratio > 1 / 3) & (ratio < 3)).all()
