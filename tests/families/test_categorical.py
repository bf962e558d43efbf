"""The categorical family: density, replicates and compiled rows, against a softmax that is written out."""

import numpy as np
import pytest
from scipy import special, stats

from partialpool.families.given import Given
from partialpool.families.helmert import helmert
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_row_kernels

FAMILY = FAMILIES["categorical"]
NONE = np.empty(0)


def evaluated(y, contrasts):
    """Value, slopes and informations of the kernel at contrasts (rows, categories - 1)."""
    values = np.ascontiguousarray(np.vstack([np.zeros(len(y)), np.transpose(contrasts)]))
    slopes, informations = np.empty(values.shape), np.empty(values.shape)
    value = load_row_kernels(FAMILY, "logit").each(np.array(y, float), NONE, values, slopes, informations)
    return value, slopes[1:].T, informations[1:].T


def written_out(y, contrasts):
    utilities = contrasts @ helmert(contrasts.shape[1] + 1).T
    return special.log_softmax(utilities, axis=1)[np.arange(len(y)), y]


@pytest.mark.parametrize("categories", [2, 3, 8])
def test_the_kernel_is_the_softmax_of_utilities(categories):
    rng = np.random.default_rng(categories)
    y, contrasts = rng.integers(0, categories, 50), rng.normal(0, 2, (50, categories - 1))
    value, slopes, informations = evaluated(y, contrasts)
    assert value == pytest.approx(written_out(y, contrasts).sum(), rel=1e-12)
    for j in range(categories - 1):
        step = 1e-5 * np.eye(categories - 1)[j]
        difference = (written_out(y, contrasts + step) - written_out(y, contrasts - step)) / 2e-5
        assert slopes[:, j] == pytest.approx(difference, abs=1e-8)
    h, p = helmert(categories), special.softmax(contrasts @ helmert(categories).T, axis=1)
    expected = p @ h**2 - (p @ h) ** 2
    assert informations == pytest.approx(np.maximum(expected, 1e-300), rel=1e-9, abs=1e-14)


def test_far_out_a_category_is_certain_and_never_nan():
    for far in (-700.0, 700.0, 1e6):
        value, slopes, informations = evaluated([0, 1, 2], np.full((3, 2), far))
        assert np.isfinite([value]).all()
        assert np.isfinite(slopes).all()
        assert (informations > 0).all()
    for bad in (np.nan, np.inf):
        assert evaluated([0], np.array([[bad, 0.0]]))[0] == -np.inf


def test_new_categories_follow_their_probabilities():
    eta = np.zeros((20_000, 1))
    own = {"bus": np.full_like(eta, 0.7), "walk": np.full_like(eta, -1.2)}
    given = Given(LINKS["logit"], eta, own)
    p = FAMILY.mean(given.link, eta, None, own)[0, 0]
    assert p == pytest.approx(special.softmax([0, 0.7, -1.2]))
    drawn = FAMILY.draw(given, np.random.default_rng(1))[:, 0]
    assert stats.chisquare(np.bincount(drawn.astype(int)), len(drawn) * p).pvalue > 1e-4
    for code in range(3):
        below, above = FAMILY.tails(given, np.array([float(code)]))
        assert [below[0, 0], above[0, 0]] == pytest.approx([p[:code].sum(), p[code + 1 :].sum()])
        assert np.exp(FAMILY.log_density(given, np.array([float(code)])))[0, 0] == pytest.approx(p[code])
