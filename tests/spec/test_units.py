"""Units of a model's columns: stated in any form, carried by fits, files and answers, and shown on axes."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.design.build import build_design

UNITS = {"Reaction": "ms", "Days": "nights"}
FORMULA = "Reaction ~ Days + (Days | Subject)"
TOML = """
[model]
formula = "Reaction ~ Days + (Days | Subject)"

[units]
Reaction = "ms"
Days = "nights"
"""


def test_the_three_forms_of_a_model_agree():
    spec = pp.ModelSpec.from_formula(FORMULA, units=UNITS)
    assert spec == pp.ModelSpec.from_toml_text(TOML) == pp.ModelSpec.from_toml_text(spec.to_toml())
    assert dict(spec.units) == UNITS
    assert hash(spec) == hash(pp.ModelSpec.from_formula(FORMULA, units=dict(reversed(UNITS.items()))))
    assert spec != pp.ModelSpec.from_formula(FORMULA)


def test_units_are_kept_where_the_model_is_changed():
    spec = pp.ModelSpec.from_formula(FORMULA, units=UNITS)
    assert dict(spec.with_priors({"sigma": pp.Prior("HalfNormal", sigma=1)}).units) == UNITS
    assert dict(spec.with_terms(common=[], groups=[pp.Group("Subject")]).units) == {"Reaction": "ms"}


@pytest.mark.parametrize(
    ("units", "message"),
    [({"Days": 3}, "by column"), ("ms", "by column")],
)
def test_wrong_units_are_refused(units, message):
    with pytest.raises(pp.SpecError, match=message):
        pp.ModelSpec.from_formula(FORMULA, units=units)


def test_units_are_of_columns_of_the_table():
    table = pp.load_dataset("sleepstudy")
    with pytest.raises(pp.SpecError, match="a column that the table does not have"):
        pp.fit(FORMULA, table, units={"Dais": "days"})
    less = pp.fit("Reaction ~ 1 + (1 | Subject)", table, units=UNITS, draws=50, seed=1, progressbar=False)
    assert less.design.axis_units.response == "ms"


@pytest.mark.parametrize("make", [dict, pl.DataFrame, pa.table])
def test_units_are_known_in_every_kind_of_table(make):
    columns = {"y": [1.0, 2, 3, 5], "g": ["a", "a", "b", "b"], "z": [1, 2, 3, 4]}
    spec = pp.ModelSpec.from_formula("y ~ 1 + (1 | g)", units={"y": "m", "z": "s"})
    assert build_design(spec, make(columns)).axis_units.response == "m"
    with pytest.raises(pp.SpecError, match="a column that the table does not have"):
        build_design(spec.from_formula("y ~ 1 + (1 | g)", units={"w": "m"}), make(columns))


def test_a_fit_with_units_of_unused_columns_can_be_read_again(tmp_path):
    table = pp.load_dataset("sleepstudy")
    fit = pp.fit("Reaction ~ 1 + (1 | Subject)", table, units=UNITS, draws=50, seed=1, progressbar=False)
    assert pp.load_fit(fit.save(tmp_path / "fit.nc")).design.axis_units.response == "ms"


@pytest.fixture(scope="module")
def fit():
    return pp.fit(FORMULA, pp.load_dataset("sleepstudy"), units={"Days": "nights"}, seed=1, progressbar=False)


def test_stated_units_replace_those_of_the_table(fit):
    assert pp.load_dataset("sleepstudy").attrs["units"]["Days"] == "days"
    assert fit.design.axis_units.of("Days") == "nights"
    assert fit.design.axis_units.response == "ms"
    assert dict(fit.design.axis_units.of_effects(["Days"])) == {"Days": "ms/night"}


def test_a_saved_fit_keeps_its_units(fit, tmp_path):
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.design.units == fit.design.units
    assert again.spec == fit.spec


def test_every_answer_shows_units_without_being_told(fit):
    grid = pp.datagrid(fit, Days=[0, 4, 9])
    figures = {
        "predict": pp.plot_predictions(pp.predict(fit, grid), "Days"),
        "group_effects": pp.plot_group_effects(pp.group_effects(fit, "Subject")),
        "level_lines": pp.plot_level_lines(pp.level_lines(fit, "Days")),
        "variance_function": pp.plot_variance_function(pp.variance_function(fit, {"Days": [0, 4, 9]})),
        "shrinkage": pp.plot_shrinkage(pp.shrinkage(fit)),
        "slope": pp.plot_average_effect(pp.average_effect(fit, "Days", measure="slope")),
        "checks": pp.plot_posterior_checks(pp.posterior_checks(fit, seed=1)),
    }
    for name, figure in figures.items():
        texts = " ".join(text.get_text() for text in figure.findobj(plt.Text))
        assert re.search(r"\bms\b", texts), name
        plt.close(figure)


def test_a_unit_that_the_name_states_is_not_repeated():
    table = pd.DataFrame({"ms": [1.0, 2, 3, 4], "Days": [0.0, 1, 0, 1], "g": list("aabb")})
    table.attrs["units"] = {"ms": "ms", "Days": "days"}
    fit = fit_at("ms ~ Days + (1 | g)", table, beta=[1.0, 1.0], sd_g=[1.0], sigma=1.0)
    figure = pp.plot_predictions(pp.predict(fit, pp.datagrid(fit, Days=[0, 1])), "Days")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Days", "ms")
    plt.close(figure)


def test_an_empty_unit_switches_units_off(fit):
    figure = pp.plot_predictions(pp.predict(fit, pp.datagrid(fit, Days=[0, 9])), "Days", unit="", xunit="")
    assert "(ms)" not in figure.axes[0].get_ylabel()
    plt.close(figure)


TIME = {"Reaction": "seconds", "Days": "nights"}


def test_units_are_stated_after_a_fit_and_shown_on_every_axis(fit):
    before = {name: values.to_numpy().copy() for name, values in fit.posterior.data_vars.items()}
    stated = fit.with_units({"Reaction": "seconds"})
    assert dict(stated.design.axis_units.of_effects(["Intercept", "Days"])) == {
        "Intercept": "seconds", "Days": "seconds/night",
    }  # fmt: skip
    assert (fit.design.axis_units.response, fit.spec.units.get("Reaction")) == ("ms", None)
    for name, values in stated.posterior.data_vars.items():
        np.testing.assert_array_equal(values, before[name])
    assert str(stated.priors) == str(fit.priors)
    grid = pp.datagrid(stated, Days=[0, 4, 9])
    figures = [
        pp.plot_predictions(pp.predict(stated, grid), "Days"),
        pp.plot_group_effects(pp.group_effects(stated, "Subject")),
        pp.plot_level_lines(pp.level_lines(stated, "Days")),
        pp.plot_shrinkage(pp.shrinkage(stated)),
        pp.plot_level_effects(pp.level_effects(stated, "Days")),
        pp.plot_posterior_checks(pp.posterior_checks(stated, seed=1)),
        pp.plot_residual_trends(pp.residual_trends(stated, "Days", seed=1)),
        pp.plot_recenter(pp.recenter(stated, Days=[0, 4, 9])),
    ]
    for figure in figures:
        texts = " ".join(text.get_text() for text in figure.findobj(plt.Text))
        assert "second" in texts
        assert not re.search(r"\bms\b", texts)
        plt.close(figure)


def test_units_stated_after_a_fit_are_saved_with_it(fit, tmp_path):
    stated = fit.with_units(TIME)
    again = pp.load_fit(stated.save(tmp_path / "fit.nc"))
    assert dict(again.design.units) == dict(stated.design.units)
    assert again.design.axis_units.response == "seconds"
    assert again.spec == stated.spec
    assert dict(again.spec.units) == TIME


def test_units_stated_after_a_fit_equal_those_stated_before():
    table = pp.load_dataset("sleepstudy")
    options = {"seed": 1, "draws": 50, "chains": 2, "progressbar": False}
    before, after = (
        pp.fit(FORMULA, table, units=TIME, **options),
        pp.fit(FORMULA, table, **options).with_units(TIME),
    )
    assert before.tree.attrs["spec"] == after.tree.attrs["spec"]
    assert before.tree.attrs["units"] == after.tree.attrs["units"]
    assert before.spec == after.spec


def test_units_of_columns_that_the_model_does_not_use_are_refused_after_a_fit(fit):
    with pytest.raises(pp.SpecError) as error:
        fit.with_units({"Dayz": "days"})
    assert str(error.value) == (
        "units are stated for a column that the table does not have\n"
        "  got:     'Dayz': 'days'\n"
        "  allowed: 'Days' (nearest), 'Reaction', 'Subject'\n"
        "  do:      name columns of the table"
    )
    with pytest.raises(pp.SpecError, match="units must be given by column"):
        fit.with_units({"Days": ""})
