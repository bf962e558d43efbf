"""Priors from statements have the stated mass."""

import subprocess
import sys

import pytest
from scipy import stats

import partialpool as pp
from partialpool.distributions.frozen import frozen
from partialpool.spec.priortable import as_prior

STATEMENTS = [
    ("Beta", (0.05, 0.3)),
    ("HalfNormal", (0, 20)),
    ("HalfStudentT", (0, 20)),
    ("HalfCauchy", (0, 20)),
    ("HalfLogistic", (0, 20)),
    ("Exponential", (0, 20)),
    ("PC", (0, 20)),
    ("Gamma", (5, 20)),
    ("LogNormal", (5, 20)),
    ("Normal", (-1, 3)),
    ("StudentT", (-1, 3)),
]


@pytest.mark.parametrize(("distribution", "between"), STATEMENTS)
def test_the_mass_is_where_it_was_stated(distribution, between):
    prior = pp.elicit(distribution, between=between, mass=0.9)
    found = frozen(prior)
    assert found.cdf(between[1]) - found.cdf(between[0]) == pytest.approx(0.9, abs=0.005)


def test_families_of_one_argument_have_closed_forms():
    sigma = pp.elicit("HalfNormal", between=(0, 20), mass=0.95).arguments["sigma"]
    assert sigma == pytest.approx(20 / stats.norm.ppf(0.975), rel=1e-4)
    assert pp.elicit("PC", between=(0, 20), mass=0.95) == pp.Prior("PC", u=20, a=1 - 0.95)
    assert pp.elicit("HalfStudentT", between=(0, 20), mass=0.9).arguments["nu"] == 3


def test_an_lkj_prior_of_two_effects():
    """(r + 1) / 2 ~ Beta(eta, eta): LKJ(2) puts 0.75 (r - r^3 / 3) x 2 between +-r."""
    prior = pp.elicit("LKJ", between=(-0.5, 0.5), mass=0.75 * (0.5 - 0.5**3 / 3) * 2)
    assert prior.arguments["eta"] == pytest.approx(2, rel=1e-6)


def test_a_statement_in_toml_is_the_prior_it_makes():
    text = """
    [model]
    formula = "y ~ 1 + (1 | g)"
    [priors]
    icc = { distribution = "Beta", between = [0.05, 0.3], mass = 0.9 }
    total_sd = { distribution = "PC", u = 10, a = 0.05 }
    """
    spec = pp.ModelSpec.from_toml_text(text)
    assert spec.priors["icc"] == pp.elicit("Beta", between=(0.05, 0.3), mass=0.9)
    assert spec.priors["total_sd"] == pp.Prior("PC", u=10, a=0.05)
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("HalfNormal", (5, 20), 0.9), "no HalfNormal prior satisfies this statement"),
        (("HalfNormal", (20, 5), 0.9), "between must be an interval"),
        (("Beta", (0.5, 1.3), 0.9), "between must be an interval of values that a Beta can take"),
        (("Beta", (0.1, float("nan")), 0.9), "between must be an interval"),
        (("Beta", "ab", 0.9), "between must be an interval"),
        (("Beta", (0.1, 0.2), 1.0), "mass must be a probability"),
        (("Beta", (0.1, 0.2), True), "mass must be a probability"),
        (("PC", (1, 20), 0.9), "has its mode at 0"),
        (("LKJ", (-0.2, 0.5), 0.9), "symmetric about 0"),
        (("LKJ", (-1, 1), 0.9), "no LKJ prior satisfies this statement"),
        (("Dirichlet", (0.1, 0.2), 0.9), "Dirichlet"),
        (("Betta", (0.1, 0.2), 0.9), "unknown distribution"),
    ],
)
def test_a_statement_that_makes_no_prior_is_refused(arguments, what):
    distribution, between, mass = arguments
    with pytest.raises(pp.PriorError, match=what):
        pp.elicit(distribution, between=between, mass=mass)


def test_unused_arguments_are_refused():
    with pytest.raises(pp.PriorError, match="unknown argument of a Beta prior"):
        pp.elicit("Beta", between=(0.1, 0.2), sigma=3)
    with pytest.raises(pp.PriorError, match="every argument of the prior is already given"):
        pp.elicit("HalfNormal", between=(0, 2), sigma=3)
    with pytest.raises(pp.PriorError, match="unknown argument of a PC prior"):
        pp.elicit("PC", between=(0, 2), a=0.2)
    with pytest.raises(pp.PriorError, match="unknown argument"):
        as_prior({"distribution": "Beta", "between": [0.1, 0.2], "mas": 0.9})


def test_numbers_of_numpy_are_accepted():
    import numpy as np

    prior = pp.elicit("HalfNormal", between=np.array([0, 20]), mass=np.float64(0.9))
    assert prior == pp.elicit("HalfNormal", between=(0, 20), mass=0.9)


def test_preliz_is_imported_only_to_elicit():
    code = "import partialpool as pp, sys; pp.Prior('PC', u=1, a=.1); assert 'preliz' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_eliciting_does_not_change_settings_of_matplotlib():
    """PreliZ sets `savefig.bbox` as it is imported."""
    code = """
import matplotlib as mpl, partialpool as pp
before = dict(mpl.rcParams)
pp.elicit("Beta", between=(0.05, 0.3))
changed = {name for name, value in mpl.rcParams.items() if before[name] != value}
assert changed <= {"backend", "interactive"}, changed
"""
    subprocess.run([sys.executable, "-c", code], check=True)
