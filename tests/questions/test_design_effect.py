"""Kish's design effect against the variance of a mean worked out by matrices."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at


def test_it_is_the_ratio_of_the_variances_of_a_mean():
    g = np.repeat(np.arange(5), [2, 3, 1, 6, 9])
    fit = fit_at("y ~ 1 + (1 | g)", {"y": np.arange(21.0), "g": g}, beta=[0.0], sd_g=[1.5], sigma=2.0)
    found = pp.design_effect(fit).isel(chain=0, draw=0, factor=0)
    v = 1.5**2 * (g[:, None] == g) + 4 * np.eye(21)
    ratio = v.sum() / 21**2 / (v[0, 0] / 21)
    assert float(found["design_effect"]) == pytest.approx(ratio)
    assert float(found["effective_sample_size"]) == pytest.approx(21 / ratio)
    assert float(found["overconfidence"]) == pytest.approx(np.sqrt(ratio))
    assert found.attrs["rows"] == 21


def test_slopes_and_several_factors_by_matrices():
    rng = np.random.default_rng(0)
    g, h, x = np.repeat(np.arange(6), 8), np.tile(np.arange(4), 12), rng.normal(2, 1, 48)
    corr = [[1, 0.4], [0.4, 1]]
    fit = fit_at(
        "y ~ x + (x | g) + (1 | h)", {"y": rng.normal(size=48), "x": x, "g": g, "h": h}, beta=[0.0, 1.0],
        sd_g=[1.5, 0.7], corr_g=corr, sd_h=[0.9], sigma=2.0,
    )  # fmt: skip
    sigma = np.diag([1.5, 0.7]) @ corr @ np.diag([1.5, 0.7])
    z = np.column_stack([np.ones(48), x])
    parts = {"g": (z @ sigma @ z.T) * (g[:, None] == g), "h": 0.81 * (h[:, None] == h)}
    v = sum(parts.values()) + 4 * np.eye(48)
    found = pp.design_effect(fit)["design_effect"].isel(chain=0, draw=0)
    assert float(found.sel(factor="all factors")) == pytest.approx(v.sum() / np.trace(v))
    for name, part in parts.items():
        expected = 1 + (part.sum() - np.trace(part)) / np.trace(v)
        assert float(found.sel(factor=name)) == pytest.approx(expected)


def test_slopes_about_a_centre_cost_the_mean_nothing():
    x = np.tile([-1.0, 0, 1], 6)
    data = {"y": np.arange(18.0), "x": x, "g": np.repeat(np.arange(6), 3)}
    fit = fit_at("y ~ x + (0 + x | g)", data, beta=[0.0, 1.0], sd_g=[3.0], sigma=1.0)
    assert float(pp.design_effect(fit)["design_effect"].squeeze()) == pytest.approx(1 - 2 * 9 * 6 / (2 * 9 * 6 + 18))


def test_another_link_says_its_scale():
    data = pp.load_dataset("contraception")
    fit = fit_at("use ~ urban + (1 | district)", data, family="bernoulli", beta=[-0.7, 0.7], sd_district=[0.5])
    assert pp.design_effect(fit).attrs["scale"] == "latent scale (logit link)"


def test_groups_are_needed():
    with pytest.raises(pp.DataError, match="needs groups"):
        pp.design_effect(fit_at("y ~ x", {"y": [1.0, 2, 3], "x": [0.0, 1, 3]}, beta=[0, 1], sigma=2))
