"""The compiled row kernels of every family and link equal its log density, and exact arithmetic out to the extremes."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import special

from families import decimal_density as exact
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_row_kernels
from partialpool.families.twin import TensorGiven

NONE = np.empty(0)
OWN = {
    "sigma": [0.7],
    "nu": [6.0],
    "alpha": [2.5],
    "phi": [7.0],
    "zi": [0.3],
    "hu": [0.3],
    "lam": [3.0],
    "tau": [0.9],
    "zoi": [0.3],
    "coi": [0.4],
    "cutpoints": [-1.0, 0.2, 1.1],
}
CASES = [
    (family, link) for family in FAMILIES.values() if not family.has_predictors_of_categories for link in family.links
]


def over(cases):
    return pytest.mark.parametrize(("family", "link"), cases, ids=[f"{family.name}-{link}" for family, link in cases])


EVERY = over(CASES)
WITH_SIGMA = over([(family, link) for family, link in CASES if family.takes_se or family.name == "lognormal"])
NOT_CONCAVE = over([(family, link) for family, link in CASES if link not in family.log_concave_links])


class Evaluated:
    """A family's kernels called once."""

    def __init__(self, family, link, y, eta, own=None, known=NONE):
        y, eta, known = (np.asarray(array, float) for array in (y, eta, known))
        own = np.array(own_of(family) if own is None else own, float)
        kernels = load_row_kernels(family, link)
        self.slope, self.information, self.own_slope = np.empty(len(y)), np.empty(len(y)), np.empty(len(own))
        self.value = kernels.rows(y, known, eta, own, self.slope, self.information, self.own_slope)
        self.constant = kernels.constant(y, known)

    @property
    def log_density(self):
        return self.value + self.constant


def own_of(family):
    return [value for name, _ in family.parameters for value in OWN[name]]


def given(family, link, eta, known=NONE):
    own = {name: np.array([OWN[name]]) for name, _ in family.parameters}
    if len(known) and family.kind != "successes":
        own["sigma"] = known[None]  # standard errors of the rows
    return Given(LINKS[link], eta[None], own, known if len(known) and family.kind == "successes" else None)


def simulated(family, link, rows=400, seed=1):
    """Linear predictors, known trials and responses of a data set."""
    rng = np.random.default_rng(seed)
    eta = rng.gamma(3.0, 0.5, rows) if link == "inverse" else rng.normal(0.3, 0.7, rows)
    known = rng.integers(0, 30, rows).astype(float) if family.kind == "successes" else NONE
    y = family.draw(given(family, link, eta, known), rng)[0]
    return eta, known, np.clip(y, 1e-6, 1 - 1e-6) if family.kind == "proportion" else y


def exactly(what, family, link, y, eta, own, known=NONE):
    known = known if len(known) > 0 else [None] * len(y)
    return np.array([what(family.name, link, *row, own) for row in zip(y, known, eta, strict=True)])


def assert_exact(family, link, y, eta, own=None, known=NONE, digits=1e-13, slack=1e-300):
    """Compare one data set with exact arithmetic, row by row and in sum.

    `digits` is the allowed error of the sum, relative to the sum of absolute values; `slack` is the allowed absolute
    error of slopes, whose terms may cancel.
    """
    own = own_of(family) if own is None else own
    y, eta, known = np.asarray(y, float), np.asarray(eta, float), np.asarray(known, float)
    found = Evaluated(family, link, y, eta, own, known)
    log_p = exactly(exact.log_density, family, link, y, eta, own, known)
    assert found.log_density == pytest.approx(log_p.sum(), rel=0, abs=digits * np.abs(log_p).sum() + 1e-60)
    slope = exactly(exact.slope, family, link, y, eta, own, known)
    assert found.slope == pytest.approx(slope, rel=1e-12, abs=slack)
    assert np.isfinite(found.information).all()
    assert (found.information > 0).all()
    if link in family.log_concave_links:
        curvature = exactly(exact.curvature, family, link, y, eta, own, known)
        assert found.information == pytest.approx(np.maximum(curvature, 1e-300), rel=1e-9, abs=1e-40)
    if own:
        slopes = exactly(exact.own_slopes, family, link, y, eta, own, known)
        assert found.own_slope == pytest.approx(
            slopes.sum(axis=0), rel=0, abs=100 * digits * np.abs(slopes).sum() + 2e-15 * len(y)
        )


def test_a_family_without_kernels_is_refused_with_what_to_write():
    class Undeclared(type(FAMILIES["poisson"])):
        name = "undeclared"
        row_kernels = ""

    for family, link in [(Undeclared(), "log"), (FAMILIES["poisson"], "identity")]:
        with pytest.raises(NotImplementedError, match=f"no compiled row kernel of the {link} link: write rows_{link}"):
            load_row_kernels(family, link)


@EVERY
def test_the_sum_is_that_of_the_family_s_log_density(family, link):
    eta, known, y = simulated(family, link)
    log_p = family.log_density(given(family, link, eta, known), y)[0]
    found = Evaluated(family, link, y, eta, known=known)
    assert found.log_density == pytest.approx(log_p.sum(), rel=1e-12)


@EVERY
def test_slopes_are_differences_of_the_family_s_log_density(family, link):
    eta, known, y = simulated(family, link)
    found = Evaluated(family, link, y, eta, known=known)
    up, down = (family.log_density(given(family, link, eta + h, known), y)[0] for h in (1e-5, -1e-5))
    assert found.slope == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-6)


@EVERY
def test_value_slopes_and_information_are_those_of_exact_arithmetic(family, link):
    eta, known, y = simulated(family, link, rows=12)
    assert_exact(family, link, y, eta, known=known)


@WITH_SIGMA
def test_known_standard_errors_take_the_place_of_sigma(family, link):
    eta, _, y = simulated(family, link, rows=8)
    assert_exact(family, link, y, eta, own_of(family)[1:], np.linspace(0.2, 3.0, 8))


@pytest.mark.parametrize(
    ("name", "link"),
    [("binomial", "cloglog"), ("negative_binomial", "log"), ("beta", "logit"), ("cumulative", "logit")],
)
def test_the_sum_is_that_of_the_pymc_model(name, link):
    import pymc as pm
    import pytensor.tensor as pt

    family = FAMILIES[name]
    eta, known, y = simulated(family, link, rows=30)
    own = {key: pt.constant(np.array(OWN[key] if key == "cutpoints" else OWN[key][0])) for key, _ in family.parameters}
    with pm.Model(coords={"row": np.arange(len(y))}) as model:
        trials = pt.constant(known) if len(known) > 0 else None
        family.register(TensorGiven("y", "row", y, LINKS[link], pt.constant(eta), own, pm, pt, trials))
    log_p = float(model.logp().eval())
    assert Evaluated(family, link, y, eta, known=known).log_density == pytest.approx(log_p, rel=1e-10)


def expectation(family, link, eta):
    """E (d log p / d eta)^2 by summation over counts, or by quadrature over quantiles."""
    if family.kind == "successes":
        y, width = np.arange(9.0), 1.0
    elif family.is_continuous:
        steps = np.arange(-30, 30, 0.01)
        y = {"positive": np.exp, "real": np.sinh}.get(family.kind, special.expit)(steps)
        width = np.gradient(y)
    else:
        y, width = np.arange(400.0), 1.0
    at, known = np.full(len(y), eta), np.full(len(y), 8.0) if family.kind == "successes" else NONE
    p = np.exp(family.log_density(given(family, link, at, known), y)[0]) * width
    return (p * Evaluated(family, link, y, at, known=known).slope ** 2).sum() / p.sum()


@NOT_CONCAVE
def test_information_is_the_expected_square_of_the_slope_where_the_density_is_not_concave(family, link):
    known = [8.0] if family.kind == "successes" else NONE
    for eta in (-0.5, 0.3) if family.support.mean_is_probability else (0.7, 1.3):
        found = Evaluated(family, link, [1.0 if len(known) else 0.5], [eta], known=known).information[0]
        near = 0.05 if family.name == "beta_binomial" else 1e-3  # a sum over all outcomes, which its kernel spares
        assert found == pytest.approx(expectation(family, link, eta), rel=near)


def test_families_import_no_compiler():
    code = (
        "import sys; import partialpool.spec.model, partialpool.families.registry, "
        "partialpool.families.row_kernels.load; print('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


FAR = np.array([-700.0, -300, -36, -30, -9, -1e-3, 0, 1e-9, 0.4, 8, 25, 36, 300, 700])
"""Linear predictors; at the extremes one of the outcomes is certain."""


@pytest.mark.parametrize("link", FAMILIES["bernoulli"].links)
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_bernoulli_is_exact_far_out_and_where_an_outcome_is_certain(link, y):
    likely = {"logit": 700, "probit": 36, "cloglog": 6}[link]  # beyond, 1 - P is not representable
    for eta in FAR[(likely > FAR) if y else (FAR > -700)]:
        if not (link == "probit" and y == 0 and eta < -36):
            assert_exact(FAMILIES["bernoulli"], link, [y], [eta])
    assert Evaluated(FAMILIES["bernoulli"], link, [y], [700.0 if y else -700.0]).log_density == pytest.approx(0)


@pytest.mark.parametrize("link", FAMILIES["binomial"].links)
def test_binomial_is_exact_from_no_trials_to_a_thousand_million(link):
    for y, trials in [(0, 0), (0, 10), (10, 10), (4e8, 1e9), (1e9, 1e9), (1.0, 1e9)]:
        eta = [-8.0, -2, 0, 0.5, 2, 3.2]
        assert_exact(FAMILIES["binomial"], link, [y] * 6, eta, known=[trials] * 6, slack=1e-15 * y)


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("link", ["log", "sqrt"])
def test_counts_are_exact_from_0_to_a_thousand_million(name, link):
    for y in (0.0, 1.0, 7.0, 3e4, 1e9):
        middle = np.log(max(y, 1)) + np.array([-3.0, -1e-4, 1e-7, 0.3])
        eta = np.array([*middle, -40, -5, 20] if y < 1e4 else middle)
        for own in [[]] if name == "poisson" else [[1e-3], [2.5], [1e4], [1e8]]:
            # log Gamma(y + alpha) of two large numbers loses 1e-16 of their sum.
            lost = y * own[0] / (y + own[0]) if own else 0.0
            digits = 1e-13 + 1e-16 * lost
            slack = 1e-14 * max(y, 1)
            assert_exact(
                FAMILIES[name],
                link,
                [y] * len(eta),
                np.exp(eta / 2) if link == "sqrt" else eta,
                own,
                NONE,
                digits,
                slack,
            )
    none = Evaluated(FAMILIES[name], "log", [3.0, 0, 1e9], [-700.0, -700, 600], own=[2.5] if name != "poisson" else [])
    assert np.isfinite(none.slope).all()


@pytest.mark.parametrize("name", ["zero_inflated_poisson", "zero_inflated_negative_binomial"])
def test_extra_zeros_are_exact_for_every_probability_of_them(name):
    for zi in (1e-12, 0.3, 1 - 1e-12):
        for y in (0.0, 1.0, 7.0, 3e4, 1e9):
            middle = np.log(max(y, 1)) + np.array([-3.0, -1e-4, 1e-7, 0.3])
            eta = np.array([*middle, -700, -40, -5, 3, 20] if y < 1e4 else middle)
            for own in [[zi]] if name == "zero_inflated_poisson" else [[1e-3, zi], [2.5, zi], [1e8, zi]]:
                lost = y * own[0] / (y + own[0]) if len(own) == 2 else 0.0
                digits, slack = 1e-13 + 1e-16 * lost, 1e-14 * max(y, 1)
                assert_exact(FAMILIES[name], "log", [y] * len(eta), eta, own, NONE, digits, slack)
        far = Evaluated(FAMILIES[name], "log", [0.0, 0.0], [700.0, 730.0], own=own)
        assert np.isfinite([far.value, *far.slope, *far.own_slope]).all()


@pytest.mark.parametrize("name", ["hurdle_poisson", "hurdle_negative_binomial"])
def test_truncated_counts_are_exact_from_certain_ones_to_a_thousand_million(name):
    for hu in (1e-12, 1 - 1e-12):
        for y in (0.0, 1.0, 2.0, 7.0, 3e4, 1e9):
            middle = np.log(max(y, 1)) + np.array([-3.0, -1e-4, 1e-7, 0.3])
            eta = np.array([*middle, -700, -40, -5, 3, 20] if y < 1e4 else middle)
            for own in [[hu]] if name == "hurdle_poisson" else [[1e-3, hu], [2.5, hu], [1e8, hu]]:
                lost = y * own[0] / (y + own[0]) if len(own) == 2 else 0.0
                digits, slack = 1e-13 + 1e-16 * lost, 1e-14 * max(y, 1)
                assert_exact(FAMILIES[name], "log", [y] * len(eta), eta, own, NONE, digits, slack)


@pytest.mark.parametrize("link", FAMILIES["beta_binomial"].links)
@pytest.mark.parametrize("phi", [1e-3, 1.0, 50.0, 1e8])
def test_beta_binomial_is_exact_from_no_trials_to_a_thousand_million(link, phi):
    for y, trials in [(0, 0), (0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (4e8, 1e9), (1e9, 1e9), (1.0, 1e9)]:
        eta = [-35.0, -8, -2, 0, 0.5, 2] if link == "probit" else [-700.0, -30, -2, 0, 0.5, 2]
        slack = 1e-14 * (phi + y)
        assert_exact(FAMILIES["beta_binomial"], link, [y] * 6, eta, [phi], [trials] * 6, 1e-12, slack)


@EVERY
def test_impossible_values_have_density_zero_and_never_nan(family, link):
    eta, known, y = simulated(family, link, rows=20)
    for bad in (np.nan, np.inf, -np.inf):
        beyond = eta.copy()
        beyond[7] = bad
        value = Evaluated(family, link, y, beyond, known=known).value
        assert value == -np.inf or (np.isfinite(value) and not np.isnan(bad))
        for k in range(len(own_of(family))):
            own = own_of(family)
            own[k] = bad
            assert Evaluated(family, link, y, eta, own, known).value == -np.inf
    if family.parameters and not family.has_cutpoints:
        for bad in (0.0, -1.0):
            assert Evaluated(family, link, y, eta, [bad, *own_of(family)[1:]], known).value == -np.inf


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_a_positive_count_of_mean_zero_is_impossible(name):
    """Under the square root link; with mean 0 a count of 0 is certain."""
    assert Evaluated(FAMILIES[name], "sqrt", [1.0], [0.0]).value == -np.inf
    none = Evaluated(FAMILIES[name], "sqrt", [0.0], [0.0])
    assert (none.log_density, none.slope[0]) == (0.0, 0.0)


def test_a_mean_that_overflows_is_impossible():
    assert Evaluated(FAMILIES["poisson"], "log", [3.0], [720.0]).value == -np.inf


@pytest.mark.parametrize("link", ["log", "inverse"])
@pytest.mark.parametrize("name", ["gamma", "exponential"])
def test_positive_responses_are_exact_from_tiny_to_huge_means_and_shapes(name, link):
    family = FAMILIES[name]
    for own in [[1e-3], [2.5], [1e8]] if name == "gamma" else [[]]:
        for y in (1e-200, 1e-3, 1.0, 4e5):
            near = np.log(y) + np.array([-2.0, -1e-4, 1e-6, 0.5])
            eta = np.array([*near, -300.0, 200.0])
            at = np.exp(-eta) if link == "inverse" else eta
            for value in at:
                # alpha (y / mean - 1) has the rounding errors of y / mean.
                slack = 1e-13 * (own[0] if own else 1.0) * (1 / value if link == "inverse" else 1.0)
                assert_exact(family, link, [y], [value], own, digits=1e-12, slack=slack)
    if link == "inverse":
        for impossible in (0.0, -1.0, 1e-200):
            assert Evaluated(family, link, [1.0], [impossible]).value == -np.inf


@pytest.mark.parametrize("nu", [1e-3, 1.0, 30.0, 1e8])
def test_student_t_is_exact_from_no_moments_to_the_normal(nu):
    for eta in (-700.0, -3.0, 1.0 - 1e-9, 1.5, 700.0):
        assert_exact(FAMILIES["student_t"], "identity", [1.0], [eta], [0.7, nu], digits=1e-12)
        assert_exact(FAMILIES["student_t"], "log", [1.0], [eta], [0.7, nu], digits=1e-12)


@pytest.mark.parametrize("link", FAMILIES["beta"].links)
def test_beta_is_exact_for_every_precision_and_for_means_that_underflow(link):
    for phi in (1e-3, 1.0, 50.0, 1e8):
        for y in (1e-9, 0.3, 1 - 1e-9):
            for eta in (-700.0, -30.0, -2.0, 0.4, 1.5, 3.0) if link != "probit" else (-35.0, -8.0, -2.0, 0.4, 1.5, 8.0):
                assert_exact(FAMILIES["beta"], link, [y], [eta], [phi], digits=1e-12, slack=1e-14 * phi)


@pytest.mark.parametrize("link", FAMILIES["cumulative"].links)
def test_categories_are_exact_when_narrow_wide_or_far_out(link):
    far = {"logit": [-700.0, -40, 40, 600], "probit": [-30.0, -9, 9, 30], "cloglog": [-5.0, 30, 300, 600]}[link]
    for own in ([-1.0, 0.2, 1.1], [0.0, 1e-9, 1e-3, 0.02], [-20.0, 30.0], [0.4]):
        for k in range(len(own) + 1):
            for eta in [*far, -1.0, 0.5, 1.0]:
                assert_exact(FAMILIES["cumulative"], link, [k], [eta], own, digits=1e-12, slack=1e-11)


@pytest.mark.parametrize("link", FAMILIES["cumulative"].links)
def test_outer_categories_are_unbounded(link):
    """Also at linear predictors larger than any sampler should propose."""
    for eta, category, log_p in [(2e5, 2, 0.0), (-2e5, 0, 0.0), (-2e5, 2, -np.inf if link == "cloglog" else None)]:
        found = Evaluated(FAMILIES["cumulative"], link, [category], [eta], [-1.0, 1.0])
        expected = {"logit": eta - 1.0, "probit": -0.5 * (eta - 1.0) ** 2}.get(link) if log_p is None else log_p
        assert found.value == pytest.approx(expected, rel=1e-9)


def test_cutpoints_that_do_not_ascend_are_impossible():
    for own in ([0.0, 0.0], [1.0, 0.5]):
        assert Evaluated(FAMILIES["cumulative"], "logit", [0.0], [0.3], own).value == -np.inf


STEPS = [(name, link) for name in ("sratio", "acat") for link in FAMILIES[name].links]


@pytest.mark.parametrize(("name", "link"), STEPS)
def test_steps_are_exact_at_cutpoints_in_any_order_and_far_out(name, link):
    far = {"logit": [-700.0, -40, 40, 600], "probit": [-30.0, -9, 9, 30], "cloglog": [-5.0, 30, 300, 600]}[link]
    for own in ([-1.0, 0.2, 1.1], [1.5, -0.3, -2.0, 0.4], [0.0, 0.0], [-20.0, 30.0], [30.0, -20.0], [0.4]):
        for k in range(len(own) + 1):
            for eta in [*far, -1.0, 0.5, 1.0]:
                assert_exact(FAMILIES[name], link, [k], [eta], own, digits=1e-12, slack=1e-11)


@pytest.mark.parametrize(("name", "link"), STEPS)
def test_sums_over_more_rows_than_a_block_are_those_of_its_rows(name, link):
    eta, _, y = simulated(FAMILIES[name], link, rows=1300)
    whole = Evaluated(FAMILIES[name], link, y, eta)
    parts = [Evaluated(FAMILIES[name], link, y[i : i + 100], eta[i : i + 100]) for i in range(0, 1300, 100)]
    assert whole.value == pytest.approx(sum(part.value for part in parts), rel=1e-12)
    assert whole.slope == pytest.approx(np.concatenate([part.slope for part in parts]), rel=1e-13)
    assert whole.own_slope == pytest.approx(sum(part.own_slope for part in parts), rel=1e-11)
