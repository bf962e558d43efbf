"""Axes that one far level does not rule, and what stands at their ends."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.axis_limits import AxisLimits, mark_beyond, robust_limits

NONE = np.empty(0)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def schools():
    """Forty-five schools of a few pupils, and one whose two pupils hardly differ in ses (its own slope is 10,000)."""
    rng, rows = np.random.default_rng(24), []
    for school in range(45):
        intercept, slope = rng.normal(size=2) * [8, 1]
        for _ in range(rng.integers(1, 15)):
            ses = rng.normal()
            rows.append((school, ses, 500 + intercept + (3 + slope) * ses + 20 * rng.normal()))
    rows += [(99, 0.100, 480.0), (99, 0.105, 530.0)]
    return pd.DataFrame(rows, columns=["school", "ses", "score"])


@pytest.fixture(scope="module")
def fit(schools):
    return pp.fit("score ~ ses + (ses | school)", schools, seed=1, draws=500, progressbar=False)


def test_every_value_has_its_place_unless_some_are_far():
    rng = np.random.default_rng(1)
    assert robust_limits(NONE, rng.normal(size=1000)) is None
    assert robust_limits(NONE, np.full(5, 3.0)) is None
    assert robust_limits(np.arange(3.0), np.array([np.nan, np.inf])) is None
    assert robust_limits(np.array([5000.0]), np.array([0.0, 1.0, 2.0, 5000.0])) is None  # it must be shown


def test_neither_units_nor_order_matter():
    rng = np.random.default_rng(2)
    shown, others = rng.normal(size=20), np.append(rng.normal(size=40) * 3, [400.0, -7000.0])
    limits = robust_limits(shown, others)
    assert limits is not None
    assert limits.low <= min(shown.min(), others[:-2].min())
    assert max(shown.max(), others[:-2].max()) <= limits.high < 400
    other = robust_limits(rng.permutation(shown) * -1000 + 7, rng.permutation(others) * -1000 + 7)
    assert other is not None
    np.testing.assert_allclose([other.high, other.low], [limits.low * -1000 + 7, limits.high * -1000 + 7])


def test_what_lies_beyond_stands_at_the_edge_with_its_value():
    axes = plt.subplots()[1]
    x, y = np.array([0.5, 7.0, -9.0, np.nan]), np.array([0.5, 0.2, 40.0, 50.0])
    ends = (AxisLimits(0.0, 1.0), AxisLimits(-1.0, 2.0))
    np.testing.assert_array_equal(mark_beyond(axes, (x, y), ends, "k"), [False, True, True, False])
    assert [text.get_text() for text in axes.texts] == ["7", "\N{MINUS SIGN}9, 40"]
    assert [(line.get_marker(), *line.get_xydata()[0]) for line in axes.lines] == [(">", 1.0, 0.2), ("<", 0.0, 2.0)]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 1.0), (-1.0, 2.0))


def test_one_school_does_not_rule_the_picture_of_shrinkage(fit):
    axes = pp.plot_shrinkage(pp.shrinkage(fit)).axes[0]
    assert np.ptp(axes.get_ylim()) < 60  # 11,078 with the school whose two pupils hardly differ
    assert any(text.get_text().endswith(("10000", "9999", "10001")) for text in axes.texts)


def test_one_school_does_not_rule_the_picture_of_statistics(fit):
    panel = pp.plot_level_statistics(pp.level_statistics(fit, seed=1)).axes[-1]
    assert panel.get_title(loc="left") == "trend along ses"
    assert np.ptp(panel.get_ylim()) < 400
    assert "10000" in [text.get_text() for text in panel.texts]


def test_one_level_does_not_rule_the_picture_of_a_single_effect(schools):
    far = pd.concat([schools, pd.DataFrame({"school": [98], "ses": [0.0], "score": [90_000.0]})])
    fit = fit_at("score ~ 1 + (1 | school)", far, beta=[500.0], sd_school=[0.8], sigma=500.0)
    axes = pp.plot_shrinkage(pp.shrinkage(fit)).axes[0]
    assert np.ptp(axes.get_xlim()) < 1000
    assert "90000" in [text.get_text() for text in axes.texts]
