"""Views of the population and of a typical subject that are the same numbers are printed once, and said to agree."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.fitting.two_views import agreed, views_compared

TABLE = {"x": [0.0, 1, 2, 0, 1, 2], "arm": list("ababab"), "g": list("uuvvww"), "y": [1, 2, 3, 4, 0, 2]}
SAID = "population_average and subject_specific agree: both definitions give the same numbers here."
QUESTIONS = {
    "average_effect": lambda fit: pp.average_effect(fit, "x"),
    "average_effect by": lambda fit: pp.average_effect(fit, "x", by="arm"),
    "adjusted_means": lambda fit: pp.adjusted_means(fit, "arm"),
}


def linear(**changes):
    draws = {"beta": np.array([[0.3, 0.2, 0.1], [0.4, 1e-9, 0.2], [0.5, -0.1, 0.3]]), "sigma": np.ones(3)}
    draws |= {"sd_g": np.full((3, 1), 0.5), "b_g": np.zeros((3, 3, 1))}
    return fit_at("y ~ x + arm + (1 | g)", TABLE | changes, draws=True, **draws)


@pytest.fixture(scope="module")
def counts():
    return fit_at("y ~ x + arm + (1 | g)", TABLE, family="poisson", beta=[0.3, 0.2, 0.1], sd_g=[0.5])


@pytest.mark.parametrize("name", QUESTIONS)
def test_views_that_agree_are_printed_once(name):
    answer = QUESTIONS[name](linear())
    assert answer.attrs["agree"] == "yes"
    lines = str(answer).splitlines()
    assert lines.count(SAID) == 1
    terms = [line.split()[0] for line in lines[1 : lines.index(SAID)]]
    assert set(terms) == {"population_average"}
    html = answer._repr_html_().partition("<details>")[0]
    assert f"<p>{SAID}</p>" in html
    assert "<td>subject_specific" not in html


@pytest.mark.parametrize("name", QUESTIONS)
def test_frames_and_what_is_selected_keep_both(name):
    answer = QUESTIONS[name](linear())
    assert {*pp.to_frame(answer)["term"]} == {"population_average", "subject_specific"}
    alone = str(answer[["subject_specific"]])
    assert "subject_specific" in alone
    assert SAID not in alone


@pytest.mark.parametrize("name", QUESTIONS)
def test_views_that_differ_are_printed_both(name, counts):
    answer = QUESTIONS[name](counts)
    assert answer.attrs["agree"] == "no"
    assert " subject_specific" in str(answer)
    assert SAID not in str(answer)


def test_numbers_that_the_user_has_changed_are_printed():
    answer = pp.average_effect(linear(), "x")
    changed = answer.assign(subject_specific=answer["subject_specific"] + 1)
    assert " subject_specific" in str(changed)
    assert SAID not in str(changed)


@pytest.mark.parametrize(("scale", "shift"), [(1e-12, 0.0), (1e12, 0.0), (1.0, 1e4)])
def test_agreement_does_not_depend_on_units_or_where_zero_is(scale, shift, counts):
    y = np.array(TABLE["y"])
    moved = fit_at(
        "y ~ x + arm + (1 | g)", TABLE | {"y": y * scale + shift}, sigma=scale, sd_g=[0.5 * scale],
        beta=np.array([0.3, 0.2, 0.1]) * scale + np.array([shift, 0, 0]),
    )  # fmt: skip
    assert all(agreed(ask(moved)) for ask in QUESTIONS.values())
    effect = pp.average_effect(counts, "x")
    assert not agreed(views_compared(effect * scale))
