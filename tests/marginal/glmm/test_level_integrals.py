"""Levels integrated out by quadrature, compared with brute-force integration of the explicit density."""

import numpy as np
import pytest
from scipy import integrate, special

from checks.responses import RESPONSES, counts_successes
from marginal.glmm.test_density import CASES
from partialpool.design.build import build_design
from partialpool.families.given import Given
from partialpool.marginal.glmm.level_integrals import integrate_levels
from partialpool.marginal.glmm.level_rows import LevelRows
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import read_response
from partialpool.model.default_priors import resolve_priors
from partialpool.spec.model import ModelSpec

ROOTS = {1: np.array([[0.7]]), 2: np.array([[0.6, 0.0], [0.3, 0.5]])}


class Case:
    """Four levels of a family under a link, with one coefficient and q effects: arrays, and the explicit density."""

    def __init__(self, family, link, q, *, seed=1, levels=4):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(2, 7, levels)
        n = sizes.sum()
        frame = {"y": RESPONSES[family](rng, n), "x": rng.normal(size=n), "g": np.repeat(np.arange(levels), sizes)}
        response = "y"
        if counts_successes(family):
            response, frame["trials"] = "p(y, trials)", np.full(n, 7)
        spec = ModelSpec.from_formula(f"{response} ~ x + (1 | g)", family=family, link=link)
        self.design = build_design(spec, frame)
        self.response, self.own = read_response(self.design), own_priors(self.design, resolve_priors(self.design))
        self.values = self.own.values(self.own.start)
        base = 2.0 if link == "inverse" else float(np.mean(self.response.start))
        self.rows = LevelRows(
            self.response.y,
            self.response.known,
            np.full(n, base),
            0.3 * frame["x"][None],
            np.vstack([np.ones(n), frame["x"]])[:q],
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            link in spec.family_record.log_concave_links,
        )
        self.q = q

    def integrate(self, root, beta, own, rows=None):
        """The values of the levels, the gradient, and what the kernel returns."""
        rows = self.rows if rows is None else rows
        values = np.empty(len(rows.first) - 1)
        slopes = np.full(root.shape, 9.0), np.full(beta.shape, 9.0), np.full(own.shape, 9.0)
        density = self.response.row_density
        return values, slopes, integrate_levels(density, rows, root, beta, own, values, *slopes)

    def log_density(self, j, v, root, beta):
        """log p(y_j | v) + log N(v; 0, I), by the family's own density."""
        here = slice(*self.rows.first[j : j + 2])
        eta = self.rows.start[here] + beta @ self.rows.columns[:, here] + (root @ v) @ self.rows.effects[:, here]
        spec, response = self.design.spec, self.design.response
        names = [name for name, _ in spec.family_record.parameters]
        own = {name: np.array([[value]]) for name, value in zip(names, self.values, strict=False)}
        if spec.family_record.has_cutpoints:
            own = {"cutpoints": self.values[None]}
        trials = None if response.trials is None else response.trials[here]
        given = Given(spec.link_record, eta[None], own, trials)
        with np.errstate(all="ignore"):
            each = spec.family_record.log_density(given, response.values[here])
        total = each.sum() - 0.5 * v @ v - 0.5 * len(v) * np.log(2 * np.pi)
        return total if np.isfinite(total) else -np.inf


def brute_force(case, j, root, beta):
    """log int p(y_j, v) dv by SciPy's adaptive rules, scaled by the largest value on a grid."""
    ends, grid = 9.0, np.linspace(-9, 9, 37 if case.q == 2 else 181)
    points = np.stack(np.meshgrid(*[grid] * case.q), axis=-1).reshape(-1, case.q)
    heights = [case.log_density(j, v, root, beta) for v in points]
    top, at = max(heights), points[int(np.argmax(heights))]
    if case.q == 1:
        value, _ = integrate.quad(
            lambda v: np.exp(case.log_density(j, np.array([v]), root, beta) - top),
            -ends, ends, points=[at[0]], epsabs=0, epsrel=1e-11, limit=500,
        )  # fmt: skip
        return np.log(value) + top
    found = integrate.cubature(
        lambda points: np.exp([case.log_density(j, v, root, beta) - top for v in points]),
        [-ends, -ends], [ends, ends], rtol=1e-9, atol=0, max_subdivisions=4000,
    )  # fmt: skip
    return np.log(found.estimate) + top


@pytest.mark.parametrize(("family", "link"), [case for case in CASES if case[1] != "inverse"])
def test_a_level_equals_brute_force(family, link):
    case, beta = Case(family, link, 1), np.array([0.4])
    values, _, (total, error, nodes) = case.integrate(ROOTS[1], beta, case.values)
    constant = case.response.constant
    expected = sum(brute_force(case, j, ROOTS[1], beta) for j in range(4))
    assert total + constant == pytest.approx(expected, abs=1e-8)
    assert values.sum() == pytest.approx(total, abs=1e-10)
    assert error < 1e-8
    assert nodes >= 25


@pytest.mark.parametrize("family", ["exponential", "gamma"])
def test_the_inverse_link_is_integrated_where_it_has_a_density(family):
    """The integrand ends at a linear predictor of 0, where it is not smooth: the rule converges more slowly."""
    case, beta = Case(family, "inverse", 1), np.array([0.1])
    root = np.array([[0.4]])
    _, _, (total, _, _) = case.integrate(root, beta, case.values)
    expected = sum(brute_force(case, j, root, beta) for j in range(4))
    assert total + case.response.constant == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("family", "link"), [("bernoulli", "logit"), ("poisson", "log")])
def test_two_effects_equal_brute_force(family, link):
    case, beta = Case(family, link, 2, levels=2), np.array([0.4])
    _, _, (total, _, _) = case.integrate(ROOTS[2], beta, case.values)
    expected = sum(brute_force(case, j, ROOTS[2], beta) for j in range(2))
    assert total + case.response.constant == pytest.approx(expected, abs=2e-8)


def test_two_effects_of_levels_with_equal_outcomes_and_large_sds():
    """The integrand is a normal density on one side of a line, and 0 on the other: most of it is off the axes."""
    case, root = Case("bernoulli", "logit", 2, levels=2), np.array([[10.0, 0.0], [1.5, 2.6]])
    y = np.repeat([1.0, 0.0], np.diff(case.rows.first))
    case.rows.y[:] = y
    values, _, (_, error, _) = case.integrate(root, np.array([0.4]), case.values)
    grid = np.linspace(-9, 9, 1201)
    v = np.stack(np.meshgrid(grid, grid, indexing="ij"))
    shift = np.tensordot(root, v, axes=1)
    for j in range(2):
        here = slice(case.rows.first[j], case.rows.first[j + 1])
        log_p = -0.5 * (v**2).sum(axis=0) - np.log(2 * np.pi) + 2 * np.log(grid[1] - grid[0])
        for start, columns, z in zip(
            case.rows.start[here], case.rows.columns[0, here], case.rows.effects[:, here].T, strict=True
        ):
            eta = start + 0.4 * columns + np.tensordot(z, shift, axes=1)
            log_p += special.log_expit(eta if y[here][0] else -eta)
        assert values[j] == pytest.approx(special.logsumexp(log_p), abs=1e-8)
    assert error < 1e-8


def test_three_effects_with_equal_columns_equal_one_effect():
    """Effects whose columns and roots are equal have the sum of the variances."""
    case = Case("poisson", "log", 1)
    three = case.rows._replace(effects=np.ones((3, len(case.rows.y))))
    beta, own = np.array([0.4]), case.values
    _, _, (whole, _, _) = case.integrate(np.array([[0.7]]), beta, own)
    _, _, (parts, _, _) = case.integrate(0.7 / np.sqrt(3) * np.eye(3), beta, own, three)
    assert parts == pytest.approx(whole, abs=1e-8)


SLOPES = [(*case, 1) for case in CASES if case[1] != "inverse"] + [("bernoulli", "logit", 2), ("gamma", "log", 2)]


@pytest.mark.parametrize(("family", "link", "q"), SLOPES)
def test_the_gradient_is_that_of_differences(family, link, q):
    case, root, beta, own = Case(family, link, q), ROOTS[q], np.array([0.4]), 1.0 * Case(family, link, q).values
    _, (of_root, of_beta, of_own), _ = case.integrate(root, beta, own)

    def total(*moved):
        return case.integrate(*moved)[2][0]

    h = 1e-5
    for at, slope in ((root, of_root), (beta, of_beta), (own, of_own)):
        for place in np.ndindex(at.shape):
            kept = at[place]
            at[place] = kept + h
            ahead = total(root, beta, own)
            at[place] = kept - h
            behind = total(root, beta, own)
            at[place] = kept
            assert slope[place] == pytest.approx((ahead - behind) / (2 * h), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("sd", [1e-8, 3.0, 30.0])
@pytest.mark.parametrize("offset", [-20.0, 0.0, 20.0])
def test_levels_with_equal_outcomes_and_extreme_predictors(sd, offset):
    """All 0 or all 1, a sd near 0 or 30: the integrand is far from a normal density."""
    case = Case("bernoulli", "logit", 1)
    y = np.repeat([0.0, 1.0, 0.0, 1.0], np.diff(case.rows.first))
    case.design.response.values[:] = y
    case.rows.y[:] = y
    case.rows.start[:] = offset
    root, beta = np.array([[sd]]), np.array([0.0])
    values, _, _ = case.integrate(root, beta, case.values)
    for j in range(4):
        assert values[j] == pytest.approx(brute_force(case, j, root, beta), abs=1e-7)


def test_large_counts_with_one_row_per_level_have_the_normal_limit():
    case = Case("poisson", "log", 1)
    n = len(case.rows.y)
    y = np.round(10.0 ** np.linspace(0, 8, n))
    case.design.response.values[:] = y
    rows = case.rows._replace(y=y, start=np.log(y) + 0.2, first=np.arange(n + 1))
    case.rows = rows
    root, beta = np.array([[0.5]]), np.array([0.0])
    values, _, (total, _, _) = case.integrate(root, beta, case.values)
    assert np.isfinite(total)
    # With many counts y is eta + N(0, 1 / y) given eta: log p(y) = log N(0.2; 0, .25 + 1 / y) + log(1 / y).
    large = y > 1e6
    expected = -0.5 * (np.log(2 * np.pi * 0.25) + 0.2**2 / 0.25) - np.log(y[large])
    constants = np.array([case.response.kernels.constant(y[k : k + 1], np.zeros(0)) for k in np.flatnonzero(large)])
    assert values[large] + constants == pytest.approx(expected, abs=1e-5)


def test_the_log_integral_is_minus_infinity_where_there_is_no_density():
    case = Case("exponential", "inverse", 1)
    case.rows.start[:] = -1.0
    assert case.integrate(np.array([[1e-6]]), np.array([0.0]), case.values)[2][0] == -np.inf
