"""Every question has a plot function and a line in the documentation."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at

DOCS = (Path(__file__).parents[1] / "docs" / "questions.md").read_text(encoding="utf-8")
PARTNERS = {
    "icc": "plot_icc", "variance_components": "plot_variance_components", "variance_function": "plot_variance_function",
    "recenter": "plot_recenter", "shrinkage": "plot_shrinkage", "level_lines": "plot_level_lines",
    "design_effect": "plot_design_effect", "naive_errors": "plot_naive_errors", "level_effects": "plot_level_effects",
    "level_ranks": "plot_level_ranks", "predict": "plot_predictions", "average_effect": "plot_average_effect",
    "posterior_checks": "plot_posterior_checks", "quantile_residuals": "plot_quantile_residuals",
    "residual_trends": "plot_residual_trends", "singularity": "plot_singularity", "lrt": "plot_lrt",
    "compare": "plot_compare", "level_statistics": "plot_level_statistics", "power_scale": "plot_power_scale",
    "prior_grid": "plot_prior_grid", "level_influence": "plot_level_influence",
    "adjusted_means": "plot_adjusted_means", "across_responses": "plot_across_responses",
}  # fmt: skip
SUPPORT = {"contrast",
    "log_likelihood", "log_prior", "posterior_predictive", "prior_predictive", "summary", "group_effects",
    "sensitivity_report", "datagrid", "check", "to_frame", "draws_frame", "hypothesis", "to_datatree",
    "missing_information",
}  # fmt: skip
"""Functions without a plot: densities, replicates and tables for other tools; reports of several questions."""


def test_every_question_is_listed_with_its_plot():
    stub = (Path(pp.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
    questions = set(re.findall(r"from \.questions\.\w+ import ([a-z]\w*) as", stub)) - SUPPORT
    assert questions == set(PARTNERS)
    drawn = set(re.findall(r"from \.plots\.\w+ import (plot_\w+) as", stub)) - {
        "plot_group_effects",
        "plot_prior_predictive",
    }
    assert drawn == set(PARTNERS.values())


@pytest.mark.parametrize("question", [*PARTNERS, "check", "report", "sensitivity_report"])
def test_a_question_is_documented(question):
    assert f"`{question}(" in DOCS
    if question in PARTNERS:
        assert f"`{PARTNERS[question]}`" in DOCS
    text = inspect.getdoc(getattr(pp, question))
    for section in ("Parameters", "Returns", "Examples"):
        assert re.search(rf"^{section}\n-+$", text, re.M), section


def test_answers_with_plots_have_a_summary(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False)
    answers = {
        "icc": (), "variance_components": (), "variance_function": ({"Days": [0, 9]},), "shrinkage": (), "recenter": (),
        "level_lines": ("Days",), "design_effect": (), "level_effects": ("Days",), "predict": (),
        "level_ranks": ("Days",),
        "average_effect": ("Days",), "residual_trends": ("Days",), "singularity": (),
    }  # fmt: skip
    for question, arguments in answers.items():
        assert {"mean", "sd"} <= set(pp.summary(getattr(pp, question)(fit, *arguments)).columns), question
    with pytest.raises(pp.DataError, match="the dataset contains no draws"):
        pp.summary(pp.naive_errors(fit))


OF_FITS = {
    "icc", "variance_components", "design_effect", "naive_errors", "singularity", "shrinkage", "group_effects",
    "posterior_checks", "level_statistics", "quantile_residuals",
}  # fmt: skip
"""Questions that need nothing else."""
WITH_MORE = {"predict": "needs over=", "power_scale": "so few draws"}
"""Why these have no picture of the fit of one draw."""


@pytest.mark.parametrize(("question", "picture"), [*PARTNERS.items(), ("group_effects", "plot_group_effects")])
def test_a_picture_of_a_fit_is_drawn_or_refused_with_the_question_to_ask(question, picture):
    fit = fit_at(
        "Reaction ~ 1 + (1 | Subject)", pp.load_dataset("sleepstudy"), beta=[300.0], sd_Subject=[30.0], sigma=40.0
    )
    if question in OF_FITS:
        assert getattr(pp, picture)(fit).axes
        return
    with pytest.raises(pp.DataError) as error:
        getattr(pp, picture)(fit)
    if question in WITH_MORE:
        assert WITH_MORE[question] in str(error.value)
    else:
        assert error.value.wrong == "this plot is drawn from an answer, not from a fit"
        assert error.value.do.startswith(f"ask the question first: pp.{picture}(pp.{question}(")


HELD = {
    "shrinkage": (), "recenter": (), "icc": (), "variance_function": (), "datagrid": (), "level_effects": ("Days",),
    "level_ranks": ("Days",), "level_lines": ("Days",), "adjusted_means": ("Days",),
}  # fmt: skip
"""Questions that take places by `at=`, and their arguments before it."""


def test_every_question_with_places_is_listed():
    every = {name: inspect.signature(getattr(pp, name)).parameters for name in [*PARTNERS, *SUPPORT]}
    assert {name for name, parameters in every.items() if "at" in parameters} == set(HELD)


@pytest.mark.parametrize("places", [3, "Days", ["Days"], [("Days", 1)], pp], ids=repr)
@pytest.mark.parametrize("question", HELD)
def test_places_that_are_no_mapping_are_refused(question, places):
    fit = fit_at(
        "Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), beta=[250.0, 10.0],
        sd_Subject=[20.0, 5.0], corr_Subject=np.eye(2), sigma=25.0,
    )  # fmt: skip
    ask, first = getattr(pp, question), HELD[question]
    calls = (
        [lambda: ask(fit, *first, places)]
        if question in ("variance_function", "datagrid")
        else [lambda: ask(fit, *first, at=places)]
    )
    if question == "icc":
        calls += [lambda: ask(fit, at={"Days": 1}, other=places), lambda: ask(fit, other=places)]
    for call in calls:
        with pytest.raises(pp.DataError, match=r"must be given by column|at= must be a mapping") as error:
            call()
        assert error.value.got.startswith(repr(places)[:20])
        assert re.search("dictionary|mapping", error.value.allowed)
