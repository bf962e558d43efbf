"""sratio and acat with cutpoints of each row: densities, means and draws row by row, and the compiled kernels."""

import numba as nb
import numpy as np
import pytest
from scipy import integrate, stats

from families.test_row_kernels import NONE, Evaluated, exact
from families.test_steps_of_categories import STEPS, shares_by_hand
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.by_row import EACH_ARGUMENTS, LESS_PREDICTOR, rows_by_row
from partialpool.families.row_kernels.load import load_row_kernels
from partialpool.kernel_address import address_of

OVER = pytest.mark.parametrize(("name", "link"), STEPS)
ROWS, THRESHOLDS = 60, 3


def simulated(name, link, seed=4):
    """Linear predictors (rows,), cutpoints (rows, thresholds) and responses (rows,)."""
    rng = np.random.default_rng(seed)
    eta, cutpoints = rng.normal(0.2, 0.8, ROWS), rng.normal(0, 1.2, (ROWS, THRESHOLDS))
    y = FAMILIES[name].draw(given(link, eta, cutpoints), rng)[0]
    assert len(np.unique(y)) == THRESHOLDS + 1
    return eta, cutpoints, y


def given(link, eta, cutpoints):
    return Given(LINKS[link], eta[None], {"cutpoints": cutpoints[None]})


def shares(name, link, eta, cutpoints):
    """Probabilities written out, row by row, (rows, categories)."""
    return np.array([shares_by_hand(name, link, c, x) for c, x in zip(cutpoints, eta, strict=True)])


class Each:
    """A family's kernel for cutpoints of each row, called once."""

    def __init__(self, name, link, y, eta, cutpoints):
        values = np.ascontiguousarray(np.vstack([eta, np.transpose(cutpoints)]), float)
        self.slopes, self.informations = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        kernels = load_row_kernels(FAMILIES[name], link)
        self.value = kernels.each(np.asarray(y, float), NONE, values, self.slopes, self.informations)


@OVER
def test_densities_tails_and_means_are_those_of_each_row_by_itself(name, link):
    eta, cutpoints, y = simulated(name, link)
    expected, family = shares(name, link, eta, cutpoints), FAMILIES[name]
    of_rows = given(link, eta, cutpoints)
    own = expected[np.arange(ROWS), y.astype(int)]
    assert np.exp(family.log_density(of_rows, y)[0]) == pytest.approx(own, rel=1e-12)
    below, above = family.tails(of_rows, y)
    by_hand = [p[: int(code)].sum() for p, code in zip(expected, y, strict=True)]
    assert below[0] == pytest.approx(by_hand, rel=1e-10, abs=1e-14)
    assert above[0] == pytest.approx(1 - own - by_hand, rel=1e-9, abs=1e-14)
    found = family.mean(LINKS[link], eta[None], None, {"cutpoints": cutpoints[None]})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


@OVER
def test_draws_have_the_probabilities_of_their_row(name, link):
    eta, cutpoints, _ = simulated(name, link)
    many, size = given(link, np.repeat(eta[:3], 4000), np.repeat(cutpoints[:3], 4000, axis=0)), 4000
    drawn = FAMILIES[name].draw(many, np.random.default_rng(1))[0].reshape(3, size)
    for i, p in enumerate(shares(name, link, eta[:3], cutpoints[:3])):
        counts = np.bincount(drawn[i].astype(int), minlength=THRESHOLDS + 1)
        assert stats.chisquare(counts, size * p).pvalue > 1e-4


@OVER
def test_means_over_a_normal_agree_with_adaptive_quadrature(name, link):
    eta, cutpoints, _ = simulated(name, link)
    eta, cutpoints, sd = eta[:3], cutpoints[:3], 1.3
    own, spread = {"cutpoints": cutpoints[None]}, np.full((1, 3), sd**2)
    found = FAMILIES[name].mean(LINKS[link], eta[None], spread, own)[0]
    for i in range(3):
        for k in range(THRESHOLDS + 1):
            p, _ = integrate.quad(
                lambda u, i=i, k=k: stats.norm.pdf(u) * shares_by_hand(name, link, cutpoints[i], eta[i] + sd * u)[k],
                *(-9, 9),
                epsabs=1e-11,
            )
            assert found[i, k] == pytest.approx(p, abs=2e-7)


@OVER
def test_the_kernel_sums_the_log_density_and_its_slopes_are_differences(name, link):
    eta, cutpoints, y = simulated(name, link)
    found, family, h = Each(name, link, y, eta, cutpoints), FAMILIES[name], 1e-5
    log_p = family.log_density(given(link, eta, cutpoints), y)[0]
    assert found.value == pytest.approx(log_p.sum(), rel=1e-12)
    up, down = (family.log_density(given(link, eta + step, cutpoints), y)[0] for step in (h, -h))
    assert found.slopes[0] == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-6)
    for k in range(THRESHOLDS):
        moved = [cutpoints + step * np.eye(THRESHOLDS)[k] for step in (h, -h)]
        up, down = (family.log_density(given(link, eta, c), y)[0] for c in moved)
        assert found.slopes[1 + k] == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-6)


@OVER
def test_single_rows_are_those_of_exact_arithmetic_also_far_out(name, link):
    far = {"logit": [-600.0, -40, 40, 600], "probit": [-30.0, -9, 9, 30], "cloglog": [-5.0, 30, 300, 600]}[link]
    for own in ([-1.0, 0.2, 1.1], [1.5, -0.3, -2.0], [-20.0, 30.0, 1.0], [0.4]):
        for k in range(len(own) + 1):
            for eta in [*far, -1.0, 0.5]:
                found = Each(name, link, [k], [eta], [own])
                log_p = float(exact.log_density(name, link, k, None, eta, own))
                assert found.value == pytest.approx(log_p, rel=1e-12, abs=1e-60)
                row = (name, link, k, None, eta, own)
                assert found.slopes[0, 0] == pytest.approx(float(exact.slope(*row)), rel=1e-12, abs=1e-11)
                assert found.slopes[1:, 0] == pytest.approx(
                    np.array(exact.own_slopes(*row), float), rel=1e-11, abs=1e-14
                )
                assert np.isfinite(found.informations).all()
                assert (found.informations > 0).all()


@OVER
def test_equal_cutpoints_give_what_the_kernel_of_the_same_in_all_rows_gives(name, link):
    eta, cutpoints, y = simulated(name, link)
    found = Each(name, link, y, eta, np.repeat(cutpoints[:1], ROWS, axis=0))
    same = Evaluated(FAMILIES[name], link, y, eta, cutpoints[0])
    assert found.value == pytest.approx(same.value, rel=1e-12)
    assert found.slopes[0] == pytest.approx(same.slope, rel=1e-11, abs=1e-13)
    assert found.informations[0] == pytest.approx(same.information, rel=1e-11)
    assert found.slopes[1:].sum(axis=1) == pytest.approx(same.own_slope, rel=1e-10, abs=1e-11)


@OVER
def test_informations_are_expected_squares_of_the_slopes_over_responses(name, link):
    """Where an information is the observed one, its mean is compared."""
    eta, cutpoints, _ = simulated(name, link)
    for i in range(4):
        each = [Each(name, link, [k], eta[i : i + 1], cutpoints[i : i + 1]) for k in range(THRESHOLDS + 1)]
        p = shares(name, link, eta[i : i + 1], cutpoints[i : i + 1])[0]
        squares = sum(share * one.slopes[:, 0] ** 2 for share, one in zip(p, each, strict=True))
        informations = sum(share * one.informations[:, 0] for share, one in zip(p, each, strict=True))
        assert informations == pytest.approx(squares, rel=1e-10)


@OVER
def test_values_that_are_no_numbers_are_impossible(name, link):
    for place in range(THRESHOLDS + 1):
        for bad in (np.nan, np.inf, -np.inf):
            eta, cutpoints, y = simulated(name, link)
            if place == 0:
                eta[7] = bad
            else:
                cutpoints[7, place - 1] = bad
            assert Each(name, link, y, eta, cutpoints).value == -np.inf


@OVER
def test_cutpoints_less_a_predictor_have_the_slopes_of_both(name, link):
    """The kernel of several predictors: predictors of thresholds add to that of the mean, and cutpoints are shared."""
    eta, effects, y = simulated(name, link)
    own, rows = np.array([0.3, -0.5, 0.9]), len(y)
    whole = np.concatenate([eta, effects.T.ravel()])
    slope, information, own_slope = np.empty_like(whole), np.empty_like(whole), np.empty(THRESHOLDS)
    each = address_of(load_row_kernels(FAMILIES[name], link).each, EACH_ARGUMENTS, nb.types.float64)
    codes = np.full(THRESHOLDS, LESS_PREDICTOR)
    value = rows_by_row(each, codes, y, NONE, whole, own, slope, information, own_slope)
    by_row = Each(name, link, y, eta, own - effects)
    assert value == by_row.value
    assert slope[:rows] == pytest.approx(by_row.slopes[0])
    assert slope[rows:].reshape(THRESHOLDS, rows) == pytest.approx(-by_row.slopes[1:])
    assert information.reshape(-1, rows) == pytest.approx(by_row.informations)
    assert own_slope == pytest.approx(by_row.slopes[1:].sum(axis=1))
