"""Pictures refuse whatever is not the answer they draw: numbers, tables, fits, and answers of other questions."""

import inspect

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from plots.conftest import PICTURES, QUESTIONS

SECOND = {"plot_level_influence": ("sigma",), "plot_prior_grid": ("sigma",)}
"""What a picture asks beside the answer."""


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def refused(picture, answer):
    question = QUESTIONS[picture]
    with pytest.raises(pp.DataError, match=rf"this is not an answer of pp\.{question}") as error:
        getattr(pp, picture)(answer, *SECOND.get(picture, ()))
    assert error.value.allowed == f"what pp.{question} returns"
    if error.value.do == "draw it by pp.plot_adjusted_means(answer)":
        assert (question, "averaged" in answer.attrs) == ("predict", True)
        return error.value.got
    assert error.value.do.startswith(f"ask the question first: pp.{picture}(pp.{question}(")
    for name in error.value.do.rpartition(f"{question}(")[2].rstrip(")").split(", "):
        assert name in inspect.signature(getattr(pp, question)).parameters
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
        assert "without its attribute 'response'" in refused(picture, answer.drop_attrs())
        assert refused(picture, answer[[]])


@pytest.mark.parametrize("picture", [p for p in PICTURES if p not in SECOND])
def test_an_answer_of_the_question_is_drawn(picture, answers):
    if QUESTIONS[picture] in answers:
        more = {"over": "Days", "by": "Subject"} if picture == "plot_predictions" else {}
        assert getattr(pp, picture)(answers[QUESTIONS[picture]], **more).axes


def test_the_refusal_says_what_it_got(answers):
    got = refused("plot_icc", answers["group_effects"])
    assert got == "a Dataset of effects, n, without 'icc', 'same'"
    assert refused("plot_level_statistics", answers["posterior_checks"]).endswith(
        "without 'observed_data/level', 'posterior_predictive/level'"
    )
    with pytest.raises(pp.DataError, match=r"this is not an answer of pp\.icc"):
        pp.plot_icc(correlations=3)
    with pytest.raises(TypeError, match="correlations"):
        pp.plot_icc()
