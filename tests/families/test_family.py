"""Every family is consistent: density, tails, draws, mean and variance agree; its description names its parameters."""

import numpy as np
import pytest
from scipy import integrate

from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.questions.check_advice import statistic_in_words

OWN = {"sigma": 0.7, "nu": 6.0, "alpha": 2.5, "phi": 7.0, "zi": 0.3, "hu": 0.3}
OWN |= {"lam": 3.0, "tau": 0.9, "zoi": 0.3, "coi": 0.4}
CUTPOINTS = np.array([[-1.0, 0.2, 1.1]])
CASES = [
    (family, link) for family in FAMILIES.values() if not family.has_predictors_of_categories for link in family.links
]
IDS = [f"{family.name}-{link}" for family, link in CASES]
EVERY = pytest.mark.parametrize(("family", "link"), CASES, ids=IDS)


def given(family, link, eta):
    """The linear predictor of rows under one draw; five trials where the family counts successes."""
    eta = np.atleast_2d(np.asarray(eta, float))
    own = {name: np.full((len(eta), 1), OWN[name]) for name, _ in family.parameters if name in OWN}
    own |= {"cutpoints": CUTPOINTS} if family.has_cutpoints else {}
    trials = np.full(eta.shape[1], 5.0) if family.kind == "successes" else None
    return Given(LINKS[link], eta, own, trials)


def values(family):
    """Whole numbers with all but 1e-9 of the mass, for the discrete families."""
    return np.arange({"binary": 2, "successes": 6, "ordinal": 4}.get(family.kind, 400), dtype=float)


def ends(family):
    low = 0.0 if family.kind in ("positive", "not_negative", "proportion", "closed_proportion") else -np.inf
    return low, 1.0 if family.kind.endswith("proportion") else np.inf


def expect(family, here, function):
    """E function(y) given one linear predictor, by summation or quadrature."""
    if not family.is_continuous:
        y = values(family)
        p = np.exp([family.log_density(here, np.array([v]))[0, 0] for v in y])
        return float(p @ function(y))
    density = lambda v: float(np.exp(family.log_density(here, np.array([v]))[0, 0]))  # noqa: E731
    low, high = ends(family)
    middle = 0.5 if high == 1 else 1.0
    pieces = [(low, middle), (middle, high)]
    at_atoms = sum(density(v) * float(function(np.array(v))) for v in family.support.atoms)
    return at_atoms + sum(
        integrate.quad(lambda v: density(v) * float(function(np.array(v))), *p, limit=500)[0] for p in pieces
    )


def variance_of(family, here):
    """Var(y) at one linear predictor, of all trials; the formula of the family is that of one trial."""
    if here.trials is not None:
        return family.residual_moments(here)[1][0, 0]
    own = {name: value[0, 0] for name, value in here.parameters.items()}
    return family.variance(family.mean(here.link, here.eta[:, :1], None, here.parameters), own)[0, 0]


@EVERY
def test_the_density_integrates_to_one_and_has_the_stated_mean_and_variance(family, link):
    here = given(family, link, [[0.6]])
    assert expect(family, here, np.ones_like) == pytest.approx(1, abs=1e-6)
    if not family.has_mean:
        p = family.mean(here.link, here.eta, None, here.parameters)[0, 0]
        assert p == pytest.approx([np.exp(family.log_density(here, np.array([v]))[0, 0]) for v in values(family)])
        return
    trials = 1.0 if here.trials is None else here.trials[0]
    mean = family.mean(here.link, here.eta, None, here.parameters)
    assert expect(family, here, lambda y: y) == pytest.approx(trials * mean[0, 0], rel=1e-5)
    variance = expect(family, here, lambda y: (y - trials * mean[0, 0]) ** 2)
    assert variance == pytest.approx(variance_of(family, here), rel=1e-4)


@EVERY
def test_tails_add_up(family, link):
    here = given(family, link, [[0.6]])
    if family.is_continuous:
        for y in (0.2, 0.7):
            below, above = family.tails(here, np.array([y]))
            assert below[0, 0] + above[0, 0] == pytest.approx(1)
            low = max(ends(family)[0], -60.0)
            density = lambda v: float(np.exp(family.log_density(here, np.array([v]))[0, 0]))  # noqa: E731
            at_atoms = sum(density(v) for v in family.support.atoms if v < y)
            inside = integrate.quad(density, low, y, limit=500)[0]
            assert below[0, 0] == pytest.approx(at_atoms + inside, rel=1e-6, abs=1e-9)
        for y in family.support.atoms:
            below, above = family.tails(here, np.array([y]))
            at = np.exp(family.log_density(here, np.array([y])))
            assert below[0, 0] + at[0, 0] + above[0, 0] == pytest.approx(1, abs=1e-14)
        return
    y = values(family)[:6]
    p = np.exp([family.log_density(here, np.array([v]))[0, 0] for v in y])
    for k, value in enumerate(y):
        below, above = family.tails(here, np.array([value]))
        assert below[0, 0] == pytest.approx(p[:k].sum(), abs=1e-12)
        assert below[0, 0] + p[k] + above[0, 0] == pytest.approx(1)


@EVERY
def test_draws_have_the_mean_and_the_variance(family, link):
    """Within five standard errors of 40,000 draws."""
    size = 40_000
    here = given(family, link, np.full((1, size), 0.6))
    y = family.draw(here, np.random.default_rng(2))
    assert y.shape == (1, size)
    assert family.support.contains(y).all()
    if not family.has_mean:
        p = family.mean(here.link, here.eta[:, :1], None, here.parameters)[0, 0]
        shares = np.array([(y == k).mean() for k in range(4)])
        assert (np.abs(shares - p) < 5 * np.sqrt(p * (1 - p) / size)).all()
        return
    trials = 1.0 if here.trials is None else 5.0
    mean = trials * family.mean(here.link, here.eta[:, :1], None, here.parameters)[0, 0]
    assert abs(y.mean() - mean) < 5 * y.std() / np.sqrt(size)
    squares = (y - mean) ** 2
    variance = variance_of(family, here)
    assert abs(squares.mean() - variance) < 5 * squares.std() / np.sqrt(size)


CONCAVE = [(family, link) for family, link in CASES if link in family.log_concave_links]


@pytest.mark.parametrize(("family", "link"), CONCAVE, ids=[f"{family.name}-{link}" for family, link in CONCAVE])
def test_claimed_concavity_holds(family, link):
    """Second differences of the log density along the linear predictor are not positive."""
    eta = np.linspace(-2, 2, 81)[None]  # further out, differences of category densities are rounding error
    here = given(family, link, eta)
    for y in values(family)[:4] if not family.is_continuous else [0.3, 2.0]:
        log_p = family.log_density(here, np.full(81, y))[0]
        assert np.diff(log_p, 2).max() < 1e-9


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_the_description_names_the_parameters(family):
    own = {name for name, _ in family.parameters}
    if family.notation is not None:
        named = {what for _, what in family.notation.arguments}
        assert own <= named <= own | {"location", "trials"}
    assert family.has_cutpoints == (family.notation is None)
    assert all(not statistic_in_words(name).startswith("share of category") for name in family.checks)
    assert {statistic for statistic, _ in family.advice} <= set(family.checks)
    assert family.has_mean == bool(family.variance_formula)
    assert family.log_concave_links <= set(family.links)
