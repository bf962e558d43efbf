"""Children integrated out inside their parents, compared with a fixed fine grid on the explicit density."""

import numpy as np
import pytest

from checks.responses import RESPONSES, counts_successes
from marginal.glmm.test_density import CASES
from partialpool.design.build import build_design
from partialpool.families.given import Given
from partialpool.families.registry import FAMILIES
from partialpool.marginal.glmm.level_integrals import integrate_levels
from partialpool.marginal.glmm.level_rows import LevelRows, NestedRows, rows_by_parent
from partialpool.marginal.glmm.nested_integrals import integrate_parents
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import read_response
from partialpool.marginal.glmm.weighted_rows import Rows
from partialpool.model.default_priors import resolve_priors
from partialpool.spec.model import ModelSpec

CONCAVE = [(family, link) for family, link in CASES if link in FAMILIES[family].log_concave_links]
"""Families and links under which the integrands have one mode."""
ROOTS, BETA = np.array([0.7, 0.5]), np.array([0.4])
NODES = np.linspace(-8.5, 8.5, 281)
WEIGHTS = (NODES[1] - NODES[0]) * np.exp(-0.5 * NODES**2) / np.sqrt(2 * np.pi)


class Case:
    """Three parents with one to three children of a family under a link."""

    def __init__(self, family, link, *, seed=1):
        rng = np.random.default_rng(seed)
        children = np.array([1, 3, 2])
        sizes = rng.integers(1, 5, children.sum())
        n = sizes.sum()
        frame = {"y": RESPONSES[family](rng, n), "x": rng.normal(size=n), "g": np.repeat(np.arange(len(sizes)), sizes)}
        response = "y"
        if counts_successes(family):
            response, frame["trials"] = "p(y, trials)", np.full(n, 7)
        spec = ModelSpec.from_formula(f"{response} ~ x + (1 | g)", family=family, link=link)
        self.design = build_design(spec, frame)
        self.response, own = read_response(self.design), own_priors(self.design, resolve_priors(self.design))
        self.own = own.values(own.start)
        children_rows = LevelRows(
            self.response.y,
            self.response.known,
            np.full(n, float(np.mean(self.response.start))),
            0.3 * frame["x"][None],
            1 + 0.2 * rng.normal(size=(1, n)),
            np.append(0, np.cumsum(sizes)).astype(np.int64),
            link in spec.family_record.log_concave_links,
        )
        self.rows = NestedRows(
            children_rows,
            1 + 0.2 * rng.normal(size=n),
            np.append(0, np.cumsum(children)).astype(np.int64),
        )
        self.density = self.response.row_density

    def integrate(self, roots=ROOTS, beta=BETA, own=None, rows=None):
        """The values of the parents, the gradient, and what the kernel returns."""
        rows, own = self.rows if rows is None else rows, self.own if own is None else own
        values = np.empty(len(rows.parents) - 1)
        slopes = np.full(2, 9.0), np.full(beta.shape, 9.0), np.full(own.shape, 9.0)
        return values, slopes, integrate_parents(self.density, rows, roots, beta, own, values, *slopes)

    def on_a_grid(self, j):
        """log p(y_j) by the trapezoidal rule over the parent's effect and each child's."""
        rows, spec, response = self.rows, self.design.spec, self.design.response
        names = [name for name, _ in spec.family_record.parameters]
        own = {name: np.array([[value]]) for name, value in zip(names, self.own, strict=False)}
        if spec.family_record.has_cutpoints:
            own = {"cutpoints": self.own[None]}
        total, level = np.zeros(len(NODES)), rows.children
        for k in range(rows.parents[j], rows.parents[j + 1]):
            here = slice(*level.first[k : k + 2])
            base = level.start[here] + BETA @ level.columns[:, here]
            of_parent = ROOTS[1] * NODES[:, None, None] * rows.above[here]
            eta = base + of_parent + ROOTS[0] * NODES[:, None] * level.effects[0, here]
            trials = None if response.trials is None else response.trials[here]
            with np.errstate(all="ignore"):
                given = Given(spec.link_record, eta.reshape(len(NODES) ** 2, -1), own, trials)
                each = spec.family_record.log_density(given, response.values[here]).sum(axis=1)
            each = np.where(np.isfinite(each), each, -np.inf).reshape(len(NODES), len(NODES))
            with np.errstate(divide="ignore"):
                total += np.log(np.exp(each - each.max()) @ WEIGHTS) + each.max()
        return np.log(np.exp(total - total.max()) @ WEIGHTS) + total.max()


@pytest.mark.parametrize(("family", "link"), CONCAVE)
def test_parents_equal_a_fine_grid(family, link):
    case = Case(family, link)
    values, _, (total, error, _) = case.integrate()
    expected = sum(case.on_a_grid(j) for j in range(len(values)))
    assert total + case.response.constant == pytest.approx(expected, abs=1e-7)
    assert total == pytest.approx(values.sum(), rel=1e-12)
    assert error < 1e-7


@pytest.mark.parametrize(("family", "link"), CONCAVE)
def test_the_gradient_is_that_of_differences(family, link):
    case = Case(family, link, seed=3)
    _, slopes, _ = case.integrate()
    at, h = [ROOTS, BETA, case.own], 1e-4
    for part, slope in enumerate(slopes):
        for k, step in enumerate(h * np.eye(len(at[part]))):
            beside = []
            for sign in (1, -1):
                moved = list(at)
                moved[part] = at[part] + sign * step
                beside.append(case.integrate(*moved)[2][0])
            assert slope[k] == pytest.approx((beside[0] - beside[1]) / (2 * h), rel=2e-5, abs=2e-5)


def test_without_variance_among_parents_the_children_are_independent():
    case = Case("bernoulli", "logit")
    alone = case.rows.children
    values, slopes = np.empty(len(alone.first) - 1), (np.empty((1, 1)), np.empty(1), np.empty(0))
    expected, *_ = integrate_levels(case.density, alone, ROOTS[:1, None], BETA, case.own, values, *slopes)
    found = case.integrate(np.array([ROOTS[0], 0.0]))
    assert found[2][0] == pytest.approx(expected, abs=1e-9)
    assert found[1][0][0] == pytest.approx(slopes[0][0, 0], abs=1e-7)


@pytest.mark.parametrize("shape", [1.0, 1e4, 1e8])
def test_without_variance_among_children_the_parents_have_one_effect(shape):
    """Rows that carry very much information, too: the integrand is then far narrower than the prior."""
    case = Case("gamma", "log")
    level, own = case.rows.children, np.array([shape])
    first = level.first[case.rows.parents]
    parents = level._replace(effects=case.rows.above[None], first=first)
    values, slopes = np.empty(3), (np.empty((1, 1)), np.empty(1), np.empty(1))
    total, *_ = integrate_levels(case.density, parents, ROOTS[1:, None], BETA, own, values, *slopes)
    found, (of_roots, of_beta, of_own), (value, error, _) = case.integrate(np.array([0.0, ROOTS[1]]), own=own)
    np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-9)
    assert value == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert error < 1e-6
    # The rules bound the error of values; that of slopes is about its square root.
    assert of_roots[1] == pytest.approx(slopes[0][0, 0], rel=1e-4)
    np.testing.assert_allclose(of_beta, slopes[1], rtol=1e-4)
    np.testing.assert_allclose(of_own, slopes[2], rtol=1e-4)


@pytest.mark.parametrize("sd", [1e-3, 3.0])
@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_parents_with_equal_outcomes(sd, outcome, monkeypatch):
    """Children and parents whose rows are all alike."""
    case, roots = Case("bernoulli", "logit"), np.array([sd, sd])
    level = case.rows.children
    case.response.y[:] = outcome
    case.design.response.values[:] = outcome
    case.rows = case.rows._replace(children=level._replace(y=np.full(len(level.y), outcome)))
    monkeypatch.setattr("marginal.glmm.test_nested_integrals.ROOTS", roots)
    _, _, (total, error, _) = case.integrate(roots)
    assert total + case.response.constant == pytest.approx(sum(case.on_a_grid(j) for j in range(3)), abs=1e-7)
    assert error < 1e-6


def test_rows_are_sorted_by_parent_and_child_in_any_order():
    rng = np.random.default_rng(2)
    child = np.repeat(np.arange(7), 3)
    parent = np.array([2, 0, 1, 1, 0, 2, 1])[child]
    shuffled = rng.permutation(len(child))
    child, parent = child[shuffled], parent[shuffled]
    n = len(child)
    rows = Rows(
        np.arange(n, dtype=float),
        np.zeros(0),
        np.arange(n) + 0.5,
        np.arange(n, dtype=float)[None],
        np.stack([child, parent]).astype(float)[:, None],
        np.stack([child, 7 + parent]),
        np.array([1, 1]),
        np.array([1, 1]),
        np.array([7, 3]),
    )
    found = rows_by_parent(rows, is_concave=True)
    level = found.children
    assert level.first.tolist() == list(range(0, n + 1, 3))
    assert found.parents.tolist() == [0, 2, 5, 7]
    for j in range(3):
        here = slice(level.first[found.parents[j]], level.first[found.parents[j + 1]])
        assert set(found.above[here]) == {float(j)}
    for k in range(7):
        here = slice(*level.first[k : k + 2])
        assert len(set(level.effects[0, here])) == 1
    at = level.y.astype(int)
    assert sorted(at.tolist()) == list(range(n))
    np.testing.assert_array_equal(level.start, at + 0.5)
    np.testing.assert_array_equal(level.effects[0], child[at])
