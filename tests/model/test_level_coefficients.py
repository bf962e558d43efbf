"""The coefficients of a level are those of its own predictions, for any coding of the columns."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at

RNG = np.random.default_rng(11)
LEVELS = 12
ROWS = 6 * LEVELS
OWN = RNG.normal(size=(LEVELS, 3))


def growth():
    """Children's ages and sexes; a weight that varies within children, a birth weight that does not."""
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {"child": np.repeat([f"c{k:02d}" for k in range(LEVELS)], 6), "age": np.tile(np.arange(8.0, 14), 12)}
    )
    table["sex"] = np.repeat(["girl"] * 5 + ["boy"] * 7, 6)
    table["male"] = (table["sex"] == "boy").astype(float)
    table["birth"] = np.repeat(rng.normal(3.4, 0.5, LEVELS), 6)
    return table.assign(weight=rng.normal(40, 5, ROWS), y=rng.normal(24, 2, ROWS))


def slopes_of(fit, table, columns, name="age"):
    """Slopes from predictions at each child's own covariates."""
    first = table.groupby("child").first().reset_index()[["child", *columns]]
    here, there = (pp.predict(fit, first.assign(**{name: x}))["expectation"] for x in (8.0, 9.0))
    return (there - here).to_numpy()[0, 0]


SLOPES = {"sd_child": [1.0, 0.2], "corr_child": np.eye(2), "sigma": 1.0, "b_child": OWN[:, :2]}


def test_a_slope_is_that_of_the_levels_own_predictions():
    table = growth()
    fit = fit_at("y ~ age * sex + (age | child)", table, beta=[10.0, 0.9, 3.0, -0.4], **SLOPES)
    found = pp.level_effects(fit, "age", threshold=0.7)
    expected = slopes_of(fit, table, ["sex"])
    assert found["effect"].to_numpy()[0, 0] == pytest.approx(expected)
    girls = np.repeat([True, False], [5, 7])
    assert found["population"].to_numpy()[0, 0] == pytest.approx(np.where(girls, 0.5, 0.9))
    assert found["above"].to_numpy() == pytest.approx((expected > 0.7).astype(float))
    assert found.attrs["held"] == "sex (each level's own)"
    pulls = pp.shrinkage(fit)
    own = [np.polyfit(d["age"], d["y"], 1)[0] for _, d in table.groupby("child")]
    assert pulls["no_pooling"].sel(effect="age").to_numpy() == pytest.approx(own)
    assert pulls["partial_pooling"].sel(effect="age").to_numpy()[0, 0] == pytest.approx(expected)
    mean = table["age"].mean()  # zero is far from the ages
    for sex, rows in table.groupby("sex"):
        line = np.polyfit(rows["age"] - mean, rows["y"], 1)[::-1]
        of_sex = pulls["complete_pooling"].to_numpy()[girls == (sex == "girl")]
        assert of_sex == pytest.approx(np.tile(line, (len(of_sex), 1)))


def test_coding_and_the_order_of_categories_change_nothing():
    """The same line of each sex: as text in either order, as 0 and 1, without an intercept."""
    table = growth()
    reversed_ = table.assign(sex=pd.Categorical(table["sex"], ["girl", "boy"]))
    fits = [
        fit_at("y ~ age * sex + birth + (age | child)", table, beta=[10.0, 0.9, 3.0, -0.4, 2.0], **SLOPES),
        fit_at("y ~ age * sex + birth + (age | child)", reversed_, beta=[13.0, 0.5, -3.0, 0.4, 2.0], **SLOPES),
        fit_at("y ~ age * male + birth + (age | child)", table, beta=[13.0, 0.5, -3.0, 0.4, 2.0], **SLOPES),
    ]
    questions = (
        lambda f: pp.level_effects(f, "age")["effect"],
        lambda f: pp.level_effects(f, "Intercept")["effect"],
        lambda f: pp.shrinkage(f)["no_pooling"],
        lambda f: pp.shrinkage(f)["complete_pooling"],
        lambda f: pp.level_lines(f, "age", points=3)["partial_pooling"],
    )
    for question in questions:
        first, *others = (question(fit).to_numpy() for fit in fits)
        for other in others:
            assert other == pytest.approx(first)


def test_a_predictor_without_interactions_is_at_its_mean_for_all_levels():
    table = growth()
    fit = fit_at("y ~ birth + sex + (1 | child)", table, beta=[10.0, 2.0, 3.0], sd_child=[1.0], sigma=1.0)
    mean = 10 + 2 * table["birth"].mean() + 3 * (table["sex"] == "girl").mean()
    pulls = pp.shrinkage(fit)
    assert pulls["partial_pooling"].to_numpy().ravel() == pytest.approx(np.full(LEVELS, mean))
    x = np.column_stack([np.ones(ROWS), table["birth"], table["sex"] == "girl"])
    assert pulls["complete_pooling"].to_numpy() == pytest.approx(
        [table["y"].mean()]
    )  # least squares go through the means
    rest = table["y"] - x @ [10, 2, 3] + mean
    assert pulls["no_pooling"].to_numpy()[:, 0] == pytest.approx(rest.groupby(table["child"]).mean().to_numpy())
    assert pulls.attrs["held"] == f"birth={table['birth'].mean():.4g} (mean), sex (averaged over the rows)"
    boys = pp.shrinkage(fit, at={"sex": "boy", "birth": 3.0})
    assert boys["partial_pooling"].to_numpy().ravel() == pytest.approx(np.full(LEVELS, 16.0))
    assert pp.level_effects(fit, "Intercept", at={"birth": 3.0, "sex": "girl"})["population"].item() == pytest.approx(
        19
    )


def test_effects_of_cell_means_are_means_of_cells():
    rng = np.random.default_rng(13)
    table = pd.DataFrame(
        {"s": np.repeat(np.arange(8), 9), "cond": np.tile(list("abc"), 24), "y": rng.normal(10, 2, 72)}
    )
    cells = rng.normal(size=(8, 3))
    apart = cells - np.outer(cells[:, 0], [0, 1, 1])
    beta = {"beta": [10.0, 3.0, -1.0], "sigma": 1.0, "sd_s": np.ones(3), "corr_s": np.eye(3)}
    zero = fit_at("y ~ cond + (0 + cond | s)", table, b_s=cells, **beta)
    one = fit_at("y ~ cond + (cond | s)", table, b_s=apart, **beta)
    means = np.array([10.0, 13.0, 9.0])
    for k, cond in enumerate("abc"):
        found = pp.level_effects(zero, f"cond[{cond}]")
        assert found["effect"].to_numpy()[0, 0] == pytest.approx(means[k] + cells[:, k])
        assert found["population"].item() == pytest.approx(means[k])
    assert pp.level_effects(one, "cond[b]")["effect"].to_numpy()[0, 0] == pytest.approx(3 + apart[:, 1])
    pulls = pp.shrinkage(zero)
    by_cell = table.groupby(["s", "cond"])["y"].mean().unstack().to_numpy()
    assert pulls["no_pooling"].to_numpy() == pytest.approx(by_cell)
    assert pulls["complete_pooling"].to_numpy() == pytest.approx(table.groupby("cond")["y"].mean().to_numpy())
    # The reverse: cell means as fixed effects, and differences that vary.
    cell = fit_at("y ~ 0 + cond + (cond | s)", table, b_s=apart, **(beta | {"beta": means}))
    assert pp.level_effects(cell, "cond[b]")["effect"].to_numpy()[0, 0] == pytest.approx(3 + apart[:, 1])


def test_a_predictor_that_varies_within_levels_is_named_and_can_be_set():
    table = growth()
    fit = fit_at("y ~ age * weight + (age | child)", table, beta=[10.0, 0.9, 0.1, 0.02], **SLOPES)
    found = pp.level_effects(fit, "age")
    assert found.attrs["varies_within"] == "weight"
    assert found.attrs["held"] == f"weight={table['weight'].mean():.4g} (mean)"
    assert found["effect"].to_numpy()[0, 0] == pytest.approx(0.9 + 0.02 * table["weight"].mean() + OWN[:, 1])
    at_50 = pp.level_effects(fit, "age", at={"weight": 50})
    assert at_50["effect"].to_numpy()[0, 0] == pytest.approx(0.9 + 1 + OWN[:, 1])
    assert at_50.attrs["varies_within"] == "nothing"
    # A category that changes within one child is averaged for this child; other children have their own.
    table.loc[0, "sex"] = "boy"
    switched = fit_at("y ~ age * sex + (age | child)", table, beta=[10.0, 0.9, 3.0, -0.4], **SLOPES)
    share = (table["sex"] == "girl").mean()
    expected = np.concatenate([[0.9 - 0.4 * share], np.full(4, 0.5), np.full(7, 0.9)]) + OWN[:, 1]
    assert pp.level_effects(switched, "age")["effect"].to_numpy()[0, 0] == pytest.approx(expected)


def test_a_square_contributes_its_average_slope_for_any_origin():
    table = growth()
    curve = fit_at("y ~ age + I(age**2) + (age | child)", table, beta=[10.0, 2.0, -0.05], **SLOPES)
    age = table["age"]
    line = np.polyfit(age, 10 + 2 * age - 0.05 * age**2, 1)[0]
    assert pp.level_effects(curve, "age")["population"].item() == pytest.approx(line)
    moved = fit_at("y ~ I(age - 11) + I((age - 11)**2) + (I(age - 11) | child)", table,
                   beta=[10 + 22 - 0.05 * 121, 2 - 0.1 * 11, -0.05], **SLOPES)  # fmt: skip
    assert pp.level_effects(moved, "I(age - 11)")["population"].item() == pytest.approx(line)


def test_without_a_varying_intercept_a_slope_is_a_slope():
    table = growth()
    fit = fit_at("y ~ age + sex + (0 + age | child)", table, beta=[10.0, 0.9, 3.0], sd_child=[0.2], sigma=1.0)
    found = pp.level_effects(fit, "age")
    assert found["population"].item() == pytest.approx(0.9)
    assert pp.shrinkage(fit)["complete_pooling"].item() == pytest.approx(
        np.linalg.lstsq(np.column_stack([np.ones(ROWS), table["age"], table["sex"] == "girl"]), table["y"])[0][1]
    )


def test_within_and_between_are_of_each_levels_own_mean():
    table = growth()
    fit = fit_at("y ~ within(weight, child) + between(weight, child) + (within(weight, child) | child)", table,
                 beta=[5.0, 0.2, 0.4], **SLOPES)  # fmt: skip
    found = pp.level_effects(fit, "within(weight, child)")
    assert found["effect"].to_numpy()[0, 0] == pytest.approx(0.2 + OWN[:, 1])
    heights = pp.level_effects(fit, "Intercept")["effect"].to_numpy()[0, 0]
    means = table.groupby("child")["weight"].mean().to_numpy()
    assert heights == pytest.approx(5 + 0.4 * means + OWN[:, 0])


def test_an_offset_is_at_the_mean_of_its_columns():
    table = growth().assign(count=np.arange(ROWS) % 4)
    fit = fit_at("count ~ 1 + offset(log(weight)) + (1 | child)", table, family="poisson", beta=[-3.0], sd_child=[0.3])
    found = pp.level_effects(fit, "Intercept")
    assert found["population"].item() == pytest.approx(-3 + np.log(table["weight"].mean()))
    assert pp.level_effects(fit, "Intercept", at={"weight": 1})["population"].item() == pytest.approx(-3)


def test_if_zero_is_far_away_levels_are_stated_at_the_mean_of_the_predictor():
    table = growth()
    table["year"] = table["age"] + 2000
    mean = table["year"].mean()
    # Effects at year 0 of lines with moderate effects at the mean.
    b = np.column_stack([OWN[:, 0] - OWN[:, 1] * mean, OWN[:, 1]])
    corr = np.array([[1, -0.99], [-0.99, 1]])
    values = {"sd_child": [400.0, 0.2], "corr_child": corr, "sigma": 1.0, "b_child": b}
    far = fit_at("y ~ year + (year | child)", table, beta=[24 - 0.5 * mean, 0.5], **values)
    pulls = pp.shrinkage(far)
    assert pulls["partial_pooling"].sel(effect="Intercept").to_numpy()[0, 0] == pytest.approx(24 + OWN[:, 0])
    assert pulls["partial_pooling"].sel(effect="year").to_numpy()[0, 0] == pytest.approx(0.5 + OWN[:, 1])
    own = [np.polyfit(d["year"] - mean, d["y"], 1)[::-1] for _, d in table.groupby("child")]
    assert pulls["no_pooling"].to_numpy() == pytest.approx(np.array(own))
    assert pulls.attrs["origin"] == f"year={mean:.4g} (mean)"
    # B = Sigma Z' V^-1 Z, the same map in the coordinates at the mean.
    z = np.column_stack([np.ones(6), table["year"][:6] - mean])
    turn = np.array([[1, mean], [0, 1]])
    sigma = turn @ (np.outer([400, 0.2], [400, 0.2]) * corr) @ turn.T
    dense = sigma @ z.T @ np.linalg.inv(z @ sigma @ z.T + np.eye(6)) @ z
    assert pulls["weight"].isel(level=0).to_numpy()[0, 0] == pytest.approx(dense, rel=1e-6)
    near = fit_at("y ~ I(age - 8) + (I(age - 8) | child)", table, beta=[24.0, 0.5], **SLOPES)
    assert pp.shrinkage(near).attrs["origin"] == "zero"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ({"age": 9}, "is the predictor that varies here"),
        ({"height": 9}, "does not read this column"),
        ({"sex": ["boy", "girl"]}, "fixed at one value"),
        ({"sex": "other"}, "has not seen"),
    ],
)
def test_invalid_places_are_refused(at, text):
    fit = fit_at("y ~ age * sex + (age | child)", growth(), beta=[10.0, 0.9, 3.0, -0.4], **SLOPES)
    with pytest.raises(pp.DataError, match=text):
        pp.level_effects(fit, "age", at=at)
    with pytest.raises(pp.DataError, match=text):
        pp.shrinkage(fit, at=at)
