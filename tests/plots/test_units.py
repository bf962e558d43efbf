"""Every axis of a column, of the response or of an effect has the unit of one's data."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp
from plots.conftest import PICTURES, QUESTIONS

UNITS = {"Reaction": "ms", "Days": "d"}
COUNTED = {
    "compare": r"difference, log units",
    "design_effect": r"design effect|independent rows",
    "icc": r"correlation of two|^Days \(d\)$",
    "level_influence": r"in posterior sds",
    "level_ranks": r"^rank of",
    "lrt": r"likelihood-ratio statistic",
    "naive_errors": r"in units of the naive one",
    "power_scale": r"power-scaling sensitivity",
    "variance_components": r"share of the variance",
}
"""Pictures whose axes have no unit of the data: what the axes say."""
MEASURED = r"\((ms|d)\)|\(ms/d\)|^ms(/d)?$|\(ms\) per d$|\(ms\), log axis"
NEITHER = "|".join(
    (
        r"^$|density|Subject$|^arm$|probability|quantile|^(largest|skewness|change)|share of rows|prior draws|ICC",
        r"correlation|sum of squared trends|^residuals along the expected|quantile residual",
    )
)


@pytest.fixture(scope="module")
def answers():
    data = pp.load_dataset("sleepstudy").assign(arm=np.resize(["a", "b"], 180))
    options = {"draws": 500, "seed": 1, "progressbar": False, "units": UNITS}
    slopes = pp.fit("Reaction ~ Days + arm + (Days | Subject)", data, **options)
    levels = pp.fit("Reaction ~ Days + arm + (1 | Subject)", data, **options)
    rows = {"Days": [0.0, 7.0] * 2, "arm": ["a"] * 4, "Subject": ["308", "308", "309", "309"]}
    tried = {"sd_Subject": [pp.Prior("HalfNormal", sigma=s) for s in (10, 40)]}
    quiet = {"draws": 500, "seed": 1, "progressbar": False}
    return {
        "adjusted_means": [pp.adjusted_means(slopes, "arm", "Days", at={"Days": [0, 7]})],
        "average_effect": [pp.average_effect(slopes, "arm"), pp.average_effect(slopes, "Days", measure="slope")],
        "compare": [pp.compare({"slopes": slopes, "levels": levels})],
        "design_effect": [pp.design_effect(levels)],
        "group_effects": [pp.group_effects(slopes)],
        "icc": [pp.icc(levels), pp.icc(slopes, at={"Days": [0, 1, 2]})],
        "level_effects": [
            pp.level_effects(slopes, "Days"),
            pp.level_effects(slopes, "Intercept", at={"arm": "a"}),
        ],
        "level_influence": [pp.level_influence(levels, progressbar=False, seed=1)],
        "level_lines": [pp.level_lines(slopes, "Days", points=3, at={"arm": "a"})],
        "level_ranks": [pp.level_ranks(slopes, "Days")],
        "level_statistics": [pp.level_statistics(slopes, seed=1)],
        "lrt": [pp.lrt(slopes.spec, levels.spec, data, simulations=20, seed=1, progressbar=False)],
        "naive_errors": [pp.naive_errors(slopes)],
        "posterior_checks": [pp.posterior_checks(slopes, seed=1)],
        "power_scale": [pp.power_scale(levels)],
        "predict": [pp.predict(slopes, rows)],
        "prior_grid": [pp.prior_grid(levels.spec, data, tried, jobs=1, **quiet)],
        "prior_predictive": [pp.prior_predictive(slopes.spec, data, draws=50, seed=1)],
        "quantile_residuals": [pp.quantile_residuals(slopes, seed=1)],
        "recenter": [pp.recenter(slopes, Days=[0, 1, 2])],
        "residual_trends": [pp.residual_trends(slopes, "Days", seed=1)],
        "shrinkage": [pp.shrinkage(slopes), pp.shrinkage(levels)],
        "singularity": [pp.singularity(slopes)],
        "variance_components": [pp.variance_components(slopes)],
        "variance_function": [pp.variance_function(slopes, {"Days": [0, 1, 2], "arm": ["a"]}).isel(arm=0)],
    }


MORE = {
    "predict": {"over": "Days", "by": "Subject"},
    "quantile_residuals": {"along": "Days"},
    "level_influence": {"quantity": "sigma"},
    "prior_grid": {"quantity": "sigma"},
}


@pytest.mark.parametrize("picture", [name for name in PICTURES if QUESTIONS[name] != "across_responses"])
def test_every_axis_of_a_measured_quantity_has_its_unit(picture, answers):
    question = QUESTIONS[picture]
    for answer in answers[question]:
        figure = getattr(pp, picture)(answer, **MORE.get(question, {}))
        labels = [label for axes in figure.axes for label in (axes.get_xlabel(), axes.get_ylabel())]
        labels += [text.get_text() for text in (figure._supxlabel, figure._supylabel) if text is not None]
        labels = [label.replace("\n", " ") for label in labels]
        plt.close(figure)
        measured = [label for label in labels if re.search(MEASURED, label)]
        others = [label for label in labels if label not in measured and not re.search(NEITHER, label)]
        if question in COUNTED:
            others = [label for label in others if not re.search(COUNTED[question], label)]
        else:
            assert measured
        assert others == []
        assert not any(re.search(r"\(d\).*\(d\)|\(ms\).*\(ms\)", label) for label in labels)
