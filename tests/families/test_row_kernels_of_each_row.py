"""The kernels for parameters of each row equal the log density with these parameters, and those for the same in all."""

import numpy as np
import pytest

from families.test_row_kernels import NONE, OWN, Evaluated, exact, over, simulated
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.families.row_kernels.load import load_row_kernels

WITH_EACH = [
    (family, link)
    for family in FAMILIES.values()
    for link in family.links
    if load_row_kernels(family, link).each is not None
    and not (family.has_predictors_of_categories or family.has_cutpoints)
]
EVERY = over(WITH_EACH)
BOUNDED = {"zoi", "coi", "zi", "hu"}
"""Probabilities."""


class Each:
    """A family's kernel for parameters of each row, called once."""

    def __init__(self, family, link, y, values, known=NONE):
        y, values = np.asarray(y, float), np.ascontiguousarray(values, float)
        kernels = load_row_kernels(family, link)
        self.slopes, self.informations = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        self.value = kernels.each(y, known, values, self.slopes, self.informations)
        self.constant = kernels.constant(y, known)

    @property
    def log_density(self):
        return self.value + self.constant


def parameters_of(family, rows, seed=2):
    """Parameters that differ from row to row, (parameters, rows)."""
    rng = np.random.default_rng(seed)
    columns = []
    for name, _ in family.parameters:
        middle = OWN[name][0]
        spread = rng.uniform(-0.5, 0.5, rows)
        columns.append(np.clip(middle + spread * middle, 0, 1) if name in BOUNDED else middle * np.exp(spread))
    return np.array(columns).reshape(-1, rows)


def density_of(family, link, values, known, y):
    """Log density of each row by the class."""
    own = {name: column[None] for (name, _), column in zip(family.parameters, values[1:], strict=True)}
    trials = known if len(known) > 0 else None
    return family.log_density(Given(LINKS[link], values[:1], own, trials), y)[0]


@pytest.fixture(params=WITH_EACH, ids=[f"{family.name}-{link}" for family, link in WITH_EACH])
def case(request):
    family, link = request.param
    eta, known, y = simulated(family, link, rows=200)
    return family, link, np.vstack([eta, parameters_of(family, len(eta))]), known, y


def test_the_value_is_that_of_the_family_s_log_density(case):
    family, link, values, known, y = case
    log_p = density_of(family, link, values, known, y)
    assert Each(family, link, y, values, known).log_density == pytest.approx(log_p.sum(), rel=1e-11)


def test_slopes_are_differences_of_the_family_s_log_density(case):
    family, link, values, known, y = case
    found = Each(family, link, y, values, known)
    for k in range(len(values)):
        step = 1e-5 * np.maximum(np.abs(values[k]), 0.1)
        up, down = values.copy(), values.copy()
        up[k] += step
        down[k] -= step
        differences = density_of(family, link, up, known, y) - density_of(family, link, down, known, y)
        assert found.slopes[k] == pytest.approx(differences / (2 * step), rel=1e-5, abs=2e-6)


def test_slopes_of_single_rows_are_those_of_exact_arithmetic(case):
    family, link, values, known, y = case
    found = Each(family, link, y, values, known)
    for i in range(6):
        row = (family.name, link, y[i], known[i] if len(known) > 0 else None, values[0, i], list(values[1:, i]))
        assert found.slopes[0, i] == pytest.approx(exact.slope(*row), rel=1e-11, abs=1e-13)
        assert found.slopes[1:, i] == pytest.approx(np.array(exact.own_slopes(*row)), rel=1e-11, abs=1e-12)


def test_informations_are_positive_and_finite(case):
    family, link, values, known, y = case
    found = Each(family, link, y, values, known)
    assert np.isfinite(found.informations).all()
    assert (found.informations > 0).all()


def test_equal_parameters_give_what_the_kernel_of_the_same_in_all_rows_gives(case):
    family, link, values, known, y = case
    values[1:] = values[1:, :1]
    found = Each(family, link, y, values, known)
    same = Evaluated(family, link, y, values[0], values[1:, 0], known)
    assert found.value == pytest.approx(same.value, rel=1e-12)
    assert found.slopes[0] == pytest.approx(same.slope, rel=1e-12, abs=1e-14)
    assert found.informations[0] == pytest.approx(same.information, rel=1e-12)
    scale = np.abs(found.slopes[1:]).sum(axis=1)
    assert np.abs(found.slopes[1:].sum(axis=1) - same.own_slope) == pytest.approx(
        0 * scale, abs=1e-12 * scale.max(initial=1)
    )


@EVERY
def test_values_out_of_their_domain_are_impossible_and_never_nan(family, link):
    eta, known, y = simulated(family, link, rows=20)
    usual = np.vstack([eta, parameters_of(family, 20)])
    links = family.parameter_links
    for k, name in enumerate(["", *(name for name, _ in family.parameters)]):
        impossible = [np.nan, np.inf, -np.inf]
        if k > 0 and links.get(name, "log") != "identity":
            impossible += [0.0, -1.0]
        if k > 0 and links.get(name) == "logit":
            impossible += [1.0, 2.0]
        for bad in impossible:
            values = usual.copy()
            values[k, 7] = bad
            value = Each(family, link, y, values, known).value
            assert value == -np.inf or (k == 0 and not np.isnan(bad) and np.isfinite(value))


def test_the_information_about_the_mean_is_that_of_the_row_s_own_parameters(case):
    """A row by itself has what it has among the others."""
    family, link, values, known, y = case
    found = Each(family, link, y, values, known)
    for i in (0, 5):
        alone = Each(family, link, y[i : i + 1], values[:, i : i + 1], known[i : i + 1])
        assert alone.informations[:, 0] == pytest.approx(found.informations[:, i], rel=1e-12)


def expected_squares(family, link, values):
    """E (d log p / d value)^2 for the family's draws at one row's values, with standard errors."""
    rows = 40_000
    many = np.repeat(values, rows, axis=1)
    own = {name: column[None] for (name, _), column in zip(family.parameters, many[1:], strict=True)}
    y = family.draw(Given(LINKS[link], many[:1], own, None), np.random.default_rng(3))[0]
    squares = Each(family, link, y, many).slopes ** 2
    return squares.mean(axis=1), squares.std(axis=1) / np.sqrt(rows)


@pytest.mark.parametrize(("name", "link"), [("student_t", "identity"), ("beta", "logit")])
def test_informations_about_parameters_are_near_the_expected_ones(name, link):
    """Within a factor of 2.5, sigma's of the Student t exactly."""
    family = FAMILIES[name]
    for factor in (0.3, 1.0, 4.0):
        values = np.array([[0.3], *([factor * OWN[own][0]] for own, _ in family.parameters)])
        expected, error = expected_squares(family, link, values)
        found = Each(family, link, [0.4], values).informations[:, 0]
        assert (found[1:] < 2.5 * (expected + 5 * error)[1:]).all()
        assert (found[1:] > (expected - 5 * error)[1:] / 2.5).all()
        if name == "student_t":
            assert abs(found[1] - expected[1]) < 5 * error[1]


@pytest.mark.parametrize("link", ["identity", "log"])
def test_known_standard_errors_of_a_student_t_take_the_place_of_sigma(link):
    family = FAMILIES["student_t"]
    eta, _, y = simulated(family, link, rows=30)
    known, nu = np.linspace(0.2, 3.0, 30), np.linspace(2.0, 30.0, 30)
    found = Each(family, link, y, np.vstack([eta, nu]), known)
    whole = Each(family, link, y, np.vstack([eta, known, nu]))
    assert found.log_density == pytest.approx(whole.log_density, rel=1e-12)
    assert found.slopes == pytest.approx(whole.slopes[[0, 2]], rel=1e-12)
