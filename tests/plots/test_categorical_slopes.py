"""Effects of categories that vary over levels block no picture and no chapter of a report."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from plots.conftest import PICTURES, QUESTIONS

OPTIONS = {"draws": 400, "seed": 1, "progressbar": False}
ASKED = {
    "adjusted_means": lambda fit: pp.adjusted_means(fit, "dose"),
    "average_effect": lambda fit: pp.average_effect(fit, "dose"),
    "compare": lambda fit: pp.compare({"a": fit, "b": fit}),
    "icc": lambda fit: pp.icc(fit, at={"dose": ["none", "low", "high"]}),
    "level_effects": lambda fit: pp.level_effects(fit, "dose[low]"),
    "level_influence": lambda fit: pp.level_influence(fit, seed=1, progressbar=False),
    "level_lines": lambda fit: pp.level_lines(fit, "x", at={"dose": "low"}),
    "level_ranks": lambda fit: pp.level_ranks(fit, "dose[low]"),
    "predict": lambda fit: pp.predict(fit, pp.datagrid(fit, dose=["none", "low", "high"], g=["g0", "g1"])),
    "prior_predictive": lambda fit: pp.prior_predictive(fit.spec, fit.design.frame, draws=50, seed=1),
    "residual_trends": lambda fit: pp.residual_trends(fit, "x", seed=1),
    "variance_function": lambda fit: pp.variance_function(fit, {"dose": ["none", "low", "high"]}),
}
"""Questions that need more than the fit."""
MORE = {"level_influence": {"quantity": "sigma"}, "predict": {"over": "dose", "by": "g"}}
NOT_OF_ONE_FIT = {"across_responses", "lrt", "prior_grid"}
OF_NUMBERS = {"recenter"}
"""A category has no origin that could be moved."""


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(1)
    g, dose = np.repeat(np.arange(12), 20), np.tile(np.arange(3), 80)
    table = pd.DataFrame({
        "g": [f"g{k}" for k in g], "dose": pd.Categorical.from_codes(dose, ["none", "low", "high"]),
        "x": rng.normal(size=240),
    })  # fmt: skip
    table["y"] = table["x"] + rng.normal(size=(12, 3))[g, dose] + 0.5 * rng.normal(size=240)
    return pp.fit("y ~ x + dose + (dose | g)", table, **OPTIONS)


@pytest.mark.parametrize("picture", [p for p in PICTURES if QUESTIONS[p] not in NOT_OF_ONE_FIT | OF_NUMBERS])
def test_a_picture_is_drawn(picture, fit):
    question = QUESTIONS[picture]
    answer = ASKED[question](fit) if question in ASKED else getattr(pp, question)(fit)
    figure = getattr(pp, picture)(answer, **MORE.get(question, {}))
    figure.canvas.draw()
    assert any(axes.has_data() for axes in figure.axes)
    plt.close(figure)


def test_an_origin_needs_a_number(fit):
    with pytest.raises(pp.DataError, match="dose"):
        pp.recenter(fit, dose=["none"])


def test_the_report_leaves_out_what_needs_a_number_alone(fit, tmp_path):
    page = pp.report(fit, tmp_path / "page.html").read_text(encoding="utf-8")
    for chapter in ("Shrinkage", "Predictions", "Variance components", "Intraclass correlation", "Model checks"):
        assert f">{chapter}</h2>" in page, chapter
