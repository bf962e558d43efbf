"""Pictures refuse whatever is not the answer they draw: numbers, tables, fits, and answers of other questions."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from checks.fixed import fit_at

STUB = (Path(pp.__file__).parent / "__init__.pyi").read_text(encoding="utf-8")
PICTURES = re.findall(r"from \.plots\.\w+ import (plot_\w+) as", STUB)
QUESTIONS = {name: name.removeprefix("plot_") for name in PICTURES} | {"plot_predictions": "predict"}
SLOPES = "Reaction ~ Days + (Days | Subject)"
MORE = {
    "variance_function": ({"Days": [0, 9]},), "recenter": (None, {"Days": [0, 5]}), "level_lines": ("Days",),
    "predict": ({"Days": [0, 9] * 2, "Subject": ["308"] * 2 + ["309"] * 2},),
    "level_effects": ("Days",), "average_effect": ("Days",), "residual_trends": ("Days",),
}  # fmt: skip
"""What a question asks beside the fit."""
OF_SEVERAL_FITS = {"compare", "lrt", "prior_predictive", "prior_grid"}
SECOND = {"plot_level_influence": ("sigma",), "plot_prior_grid": ("sigma",)}
"""What a picture asks beside the answer."""
ANSWERS = sorted(set(QUESTIONS.values()) - OF_SEVERAL_FITS)


@pytest.fixture(scope="module")
def answers():
    data, rng = pp.load_dataset("sleepstudy"), np.random.default_rng(1)
    values = {
        "beta": rng.normal([250, 10], 1, (200, 2)), "sd_Subject": rng.normal([20, 5], 0.1, (200, 2)),
        "corr_Subject": np.tile(np.eye(2), (200, 1, 1)), "sigma": rng.normal(25, 1, 200),
        "b_Subject": rng.normal(0, 5, (200, 18, 2)),
    }  # fmt: skip
    fit = fit_at(SLOPES, data, draws=200, **values)
    found = {name: getattr(pp, name)(fit, *MORE.get(name, ())) for name in ANSWERS if name != "power_scale"}
    found["prior_predictive"] = pp.prior_predictive(SLOPES, data, draws=20, seed=1)
    return found


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def refused(picture, answer):
    question = QUESTIONS[picture]
    with pytest.raises(pp.DataError, match=rf"this is not an answer of pp\.{question}") as error:
        getattr(pp, picture)(answer, *SECOND.get(picture, ()))
    assert error.value.allowed == f"what pp.{question} returns"
    assert error.value.do == f"ask the question first: pp.{picture}(pp.{question}(fit))"
    return error.value.got


@pytest.mark.parametrize("picture", PICTURES)
def test_what_is_no_answer_of_the_question_is_refused(picture, answers):
    question = QUESTIONS[picture]
    assert refused(picture, 3) == "int: 3"
    for thing in (None, "icc", [1, 2], {}, pd.DataFrame({"icc": [0.5]}), xr.Dataset(), xr.DataTree(), pp.icc):
        assert refused(picture, thing)
    for other, answer in answers.items():
        if other != question:
            assert refused(picture, answer), other
    if isinstance(answer := answers.get(question), xr.Dataset):
        assert refused(picture, answer[next(iter(answer.data_vars))]).startswith("DataArray: ")
        assert refused(picture, answer.drop_attrs()).endswith("without its attribute 'response'")
        assert refused(picture, answer[[]])


@pytest.mark.parametrize("picture", [p for p in PICTURES if p not in SECOND])
def test_an_answer_of_the_question_is_drawn(picture, answers):
    if QUESTIONS[picture] in answers:
        more = {"over": "Days", "by": "Subject"} if picture == "plot_predictions" else {}
        assert getattr(pp, picture)(answers[QUESTIONS[picture]], **more).axes


def test_the_refusal_says_what_it_got(answers):
    got = refused("plot_icc", answers["group_effects"])
    assert got == "a Dataset of effects, without 'icc', 'same'"
    assert refused("plot_level_statistics", answers["posterior_checks"]).endswith(
        "without 'observed_data/level', 'posterior_predictive/level'"
    )
    with pytest.raises(pp.DataError, match=r"this is not an answer of pp\.icc"):
        pp.plot_icc(correlations=3)
    with pytest.raises(TypeError, match="correlations"):
        pp.plot_icc()
