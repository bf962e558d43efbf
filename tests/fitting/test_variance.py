"""Variances and ICC by closed forms."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from partialpool.design.build import build_design
from partialpool.fitting.variance import group_variance, intraclass_correlation
from partialpool.spec.model import ModelSpec


def table(n=60):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "b": rng.integers(0, 2, n),
            "x": rng.normal(1, 2, n),
            "s": 1.0,
            "g": np.arange(n) % 6,
            "h": np.arange(n) % 5,
        }
    )


def posterior(**values):
    dims = {"sd_g": ["g_effect"], "sd_h": ["h_effect"], "corr_g": ["g_effect", "g_effect_bis"]}
    return xr.Dataset(
        {
            k: (["chain", "draw", *dims.get(k, [])], np.broadcast_to(v, (2, 3, *np.shape(v))).copy())
            for k, v in values.items()
        }
    )


def icc(formula, draws, **options):
    return intraclass_correlation(draws, build_design(ModelSpec.from_formula(formula, **options), table()))


def test_the_worked_case():
    """sd_u^2 = 12 and sigma^2 = 48 give an ICC of 0.20."""
    shares, scale = icc("y ~ x + (1 | g)", posterior(sd_g=[np.sqrt(12)], sigma=np.sqrt(48)))
    assert shares["g"] == pytest.approx(np.full((2, 3), 0.2))
    assert scale == ""


def test_crossed_factors_share_one_total():
    shares, _ = icc("y ~ 1 + (1 | g) + (1 | h)", posterior(sd_g=[1.0], sd_h=[2.0], sigma=3.0))
    assert shares["g"] == pytest.approx(np.full((2, 3), 1 / 14))
    assert shares["h"] == pytest.approx(np.full((2, 3), 4 / 14))


def test_random_slopes_are_averaged_over_the_rows():
    data, sd, r = table(), np.array([1.5, 0.4]), -0.3
    corr = np.array([[1, r], [r, 1]])
    design = build_design(ModelSpec.from_formula("y ~ x + (x | g)"), data)
    draws = posterior(sd_g=sd, corr_g=corr, sigma=1.0)
    z = np.column_stack([np.ones(len(data)), data["x"]])
    expected = np.mean([row @ (sd[:, None] * corr * sd) @ row for row in z])
    assert group_variance(draws, design.factors[0]) == pytest.approx(np.full((2, 3), expected))


@pytest.mark.parametrize(("link", "latent"), [("logit", np.pi**2 / 3), ("probit", 1.0), ("cloglog", np.pi**2 / 6)])
def test_binary_families_use_the_latent_scale(link, latent):
    shares, scale = icc("b ~ x + (1 | g)", posterior(sd_g=[2.0]), family="bernoulli", link=link)
    assert shares["g"] == pytest.approx(np.full((2, 3), 4 / (4 + latent)))
    assert scale == "latent scale"


def test_student_t_counts_its_tails_and_has_no_share_without_a_variance():
    draws = posterior(sd_g=[1.0], sigma=2.0, nu=4.0)
    shares, _ = icc("y ~ x + (1 | g)", draws, family="student_t")
    assert shares["g"] == pytest.approx(np.full((2, 3), 1 / (1 + 4 * 4 / 2)))
    shares, _ = icc("y ~ x + (1 | g)", posterior(sd_g=[1.0], sigma=2.0, nu=1.5), family="student_t")
    assert shares["g"] == pytest.approx(np.zeros((2, 3)))


def test_no_single_number_is_one_with_known_errors_or_counts():
    assert icc("y | se(s) ~ 1 + (1 | g)", posterior(sd_g=[1.0])) is None
    assert icc("b ~ 1 + (1 | g)", posterior(sd_g=[1.0]), family="poisson") is None
