"""Contrasts: differences along a dimension, draw by draw; comparisons of comparisons; refusals."""

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from checks.fixed import fit_at


def answer(values, labels=("a", "b", "c")):
    """Draws of one quantity for each label, (chain 2, draw 3, arm)."""
    draws = np.arange(6.0).reshape(2, 3, 1) * np.arange(1, len(labels) + 1) + np.asarray(values, float)
    return xr.DataArray(draws, dims=("chain", "draw", "arm"), coords={"arm": list(labels)}, name="mean")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("pairwise", {"b - a": 1, "c - a": 5, "c - b": 4}),
        ("reference", {"b - a": 1, "c - a": 5}),
        ("sequential", {"b - a": 1, "c - b": 4}),
    ],
)
def test_differences_are_taken_draw_by_draw(how, expected):
    given = answer([10, 11, 15])
    found = pp.contrast(given, "arm", how=how)["mean"]
    assert found["arm"].to_numpy().tolist() == list(expected)
    for label in expected:
        after, before = label.split(" - ")
        np.testing.assert_array_equal(found.sel(arm=label), given.sel(arm=after) - given.sel(arm=before))
        assert float(found.sel(arm=label)[0, 0]) == expected[label]


def test_the_order_of_the_entries_changes_signs_only():
    given = answer([10, 11, 15])
    forwards = pp.contrast(given, "arm")["mean"].sel(arm="c - a")
    backwards = pp.contrast(given.isel(arm=[2, 1, 0]), "arm")["mean"].sel(arm="a - c")
    np.testing.assert_array_equal(forwards, -backwards)


@pytest.fixture(scope="module")
def interacting():
    rng = np.random.default_rng(1)
    data = {
        "y": rng.normal(size=24),
        "arm": np.tile(["control", "low", "high"], 8),
        "sex": np.repeat(["f", "m"], 12),
        "g": np.tile(np.repeat(["g1", "g2", "g3", "g4"], 3), 2),
    }
    # Columns: low against control is -1, high against control 2; for men 0.5 and 3 more.
    spec = pp.ModelSpec.from_formula("y ~ arm * sex + (1 | g)")
    return fit_at(spec.to_formula(), data, beta=[1.0, 2.0, -1.0, 0.0, 3.0, 0.5], sd_g=[1.0], sigma=1.0)


def effects_of(fit, sex):
    """Coefficients of the fixture by name, whatever the order of the categories."""
    beta = fit.posterior["beta"].isel(chain=0, draw=0)
    found = {"control": 0.0}
    for arm in ("low", "high"):
        found[arm] = float(beta.sel(coef=f"arm[{arm}]")) + (
            float(beta.sel(coef=f"arm[{arm}]:sex[m]")) if sex == "m" else 0.0
        )
    return found


def test_all_pairs_of_a_category_in_one_call(interacting):
    effects = pp.average_effect(interacting, "arm", contrasts="pairwise", by="sex")["population_average"]
    assert effects.dims == ("chain", "draw", "sex", "contrast")
    labels = effects["contrast"].to_numpy().tolist()
    assert len(labels) == 3
    for sex in ("f", "m"):
        own = effects_of(interacting, sex)
        for label in labels:
            after, before = label.split(" against ")
            value = float(effects.sel(sex=sex, contrast=label)[0, 0])
            assert value == pytest.approx(own[after] - own[before])


def test_a_difference_in_differences_is_the_interaction(interacting):
    effects = pp.average_effect(interacting, "arm", values=["control", "high"], by="sex")
    found = pp.contrast(effects, "sex")["population_average"]
    expected = effects_of(interacting, "m")["high"] - effects_of(interacting, "f")["high"]
    assert found["sex"].to_numpy().tolist() == ["m - f"]
    assert float(found.squeeze()) == pytest.approx(expected)
    table = pp.to_frame(found)
    assert table["estimate"].to_numpy() == pytest.approx([expected])


def test_averages_by_category_agree_with_the_average_over_all_rows(interacting):
    by = pp.average_effect(interacting, "arm", by="sex")
    together = pp.average_effect(interacting, "arm")
    # Both categories have as many rows, and the mean is linear.
    np.testing.assert_allclose(by.mean("sex")["population_average"], together["population_average"])


def test_columns_of_a_grid_are_compared_by_their_values(interacting):
    rows = pp.predict(interacting, pp.datagrid(interacting, arm=["control", "low", "high"]), kind="marginal")
    found = pp.contrast(rows["expectation"], "arm")["expectation"]
    assert found["arm"].to_numpy().tolist() == ["low - control", "high - control", "high - low"]
    assert float(found.sel(arm="high - low").squeeze()) == pytest.approx(
        effects_of(interacting, "f")["high"] - effects_of(interacting, "f")["low"]
    )


@pytest.mark.parametrize(
    ("along", "how", "message"),
    [
        ("leg", "pairwise", "no such dimension or column"),
        ("arm", "every", "unknown contrasts"),
    ],
)
def test_what_is_refused(along, how, message):
    with pytest.raises(pp.PartialPoolError, match=message):
        pp.contrast(answer([1, 2, 3]), along, how=how)


def test_one_entry_and_too_many_pairs_are_refused():
    with pytest.raises(pp.DataError, match="two entries or more"):
        pp.contrast(answer([1], labels=("a",)), "arm")
    many = [f"l{k}" for k in range(70)]
    with pytest.raises(pp.DataError, match="too many pairs"):
        pp.contrast(answer(np.zeros(70), labels=many), "arm")
    assert pp.contrast(answer(np.zeros(70), labels=many), "arm", how="reference").sizes["arm"] == 69


def test_entries_with_the_same_value_are_refused(interacting):
    rows = pp.predict(interacting, pp.datagrid(interacting, arm=["low", "high"], sex=["f", "m"]), kind="marginal")
    with pytest.raises(pp.DataError, match="same 'arm'"):
        pp.contrast(rows["expectation"], "arm")


@pytest.mark.parametrize("by", ["g", "y", "nothing"])
def test_by_must_be_a_categorical_predictor(interacting, by):
    with pytest.raises(pp.DataError, match="by= names no categorical predictor"):
        pp.average_effect(interacting, "arm", by=by)


def test_a_ratio_and_its_inverse_have_inverse_estimates():
    herds = pp.load_dataset("cbpp")
    fit = pp.fit(
        "p(incidence, size) ~ period + (1 | herd)", herds, family="binomial", draws=300, seed=1, progressbar=False
    )
    there = pp.average_effect(fit, "period", measure="odds_ratio", values=["1", "4"])
    back = pp.average_effect(fit, "period", measure="odds_ratio", values=["4", "1"])
    tables = [pp.to_frame(effects) for effects in (there, back)]
    assert set(tables[0]["statistic"]) == {"median"}
    np.testing.assert_allclose(tables[0]["estimate"] * tables[1]["estimate"], 1, rtol=1e-6)
    assert "median" in pp.summary(there).columns


def test_differences_of_ratios_are_not_called_ratios(interacting):
    arms = pp.average_effect(interacting, "arm", values=["control", "high"], by="sex")
    arms["population_average"].attrs["estimate"] = "median"
    found = pp.contrast(arms.assign_attrs(measure="ratio"), "sex")
    assert "measure" not in found.attrs
    assert "estimate" not in found["population_average"].attrs
    with pytest.raises(pp.DataError, match="not an answer of"):
        pp.plot_average_effect(found)


def test_rows_of_unseen_categories_are_not_left_out_in_silence(interacting):
    rows = interacting.design.frame.assign(sex=["f", "m", "x"] * 8)
    with pytest.raises(pp.DataError, match="'sex' has categories that the model has not seen"):
        pp.average_effect(interacting, "arm", by="sex", data=rows)
