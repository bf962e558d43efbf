"""A user's own title and axis labels, on every public picture."""

import inspect
import re
import typing

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.own_labels import OwnLabels, OwnTitle
from plots.conftest import PICTURES, QUESTIONS
from plots.test_prob import study

MORE = {
    "plot_predictions": {"over": "Days", "by": "Subject"}, "plot_prior_grid": {"quantity": "sd_g[Intercept]"},
    "plot_level_influence": {"quantity": "beta[Days]"},
}  # fmt: skip
"""What a picture asks beside the answer."""
LABELS = ["title", "xlabel", "ylabel"]
ONE_PANEL = [name for name in PICTURES if "xlabel" in inspect.signature(getattr(pp, name)).parameters]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def every_answer(answers):
    """An answer for every public picture."""
    data = pp.load_dataset("sleepstudy")
    formulas = {"slopes": "Reaction ~ Days + (Days | Subject)", "intercepts": "Reaction ~ Days + (1 | Subject)"}
    fits = {n: pp.fit(f, data, seed=1, progressbar=False) for n, f in formulas.items()}
    return answers | {
        "prior_grid": study([0.025, 0.25, 0.5, 0.75, 0.975]),
        "lrt": pp.lrt(formulas["slopes"], formulas["intercepts"], data, simulations=0, progressbar=False),
        "compare": pp.compare(fits, progressbar=False),
        "power_scale": pp.power_scale(fits["intercepts"]),
    }


def drawn(name, answers, **labels):
    return getattr(pp, name)(answers[QUESTIONS[name]], **MORE.get(name, {}), **labels)


@pytest.mark.parametrize("name", PICTURES)
def test_the_keywords_are_in_signature_types_and_docstring(name):
    picture = getattr(pp, name)
    parameters = inspect.signature(picture).parameters
    expected = LABELS if name in ONE_PANEL else ["title"]
    assert list(parameters)[-len(expected) :] == expected
    assert all(parameters[label].kind is inspect.Parameter.KEYWORD_ONLY for label in expected)
    assert all(parameters[label].default is None for label in expected)
    (typed,) = typing.get_args(inspect.unwrap(picture).__annotations__["own"])
    assert typed is (OwnLabels if name in ONE_PANEL else OwnTitle)
    text = inspect.getdoc(picture)
    assert len(re.findall(r"^title\n    \S", text, re.M)) == 1
    assert len(re.findall(r"^xlabel, ylabel\n    \S", text, re.M)) == (name in ONE_PANEL)


@pytest.mark.parametrize("name", PICTURES)
def test_the_title_is_the_users(name, every_answer):
    plain = drawn(name, every_answer)
    figure = drawn(name, every_answer, title="Only mine", **dict.fromkeys(LABELS[1:]) if name in ONE_PANEL else {})
    assert figure.get_suptitle() == "Only mine"
    assert [axes.get_title(loc="left") for axes in figure.axes] == [a.get_title(loc="left") for a in plain.axes]
    assert [axes.get_xlabel() for axes in figure.axes] == [axes.get_xlabel() for axes in plain.axes]
    figure.canvas.draw()
    assert figure._suptitle.get_window_extent().x0 < 0.05 * figure.bbox.width
    assert drawn(name, every_answer, title="").get_suptitle() == ""
    assert drawn(name, every_answer, title=None).get_suptitle() == plain.get_suptitle()


@pytest.mark.parametrize("name", ONE_PANEL)
def test_axis_labels_are_the_users(name, every_answer):
    plain, figure = drawn(name, every_answer), drawn(name, every_answer, xlabel="along", ylabel="")
    shared = bool(plain.get_supxlabel())
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert shared or len(panels) == 1
    along, up = (
        (figure.get_supxlabel(), figure.get_supylabel()) if shared else (panels[0].get_xlabel(), panels[0].get_ylabel())
    )
    assert (along, up) == ("along", "")
    assert figure.get_suptitle() == plain.get_suptitle()


def test_the_other_pictures_have_panels_with_axes_of_their_own(every_answer):
    for name in set(PICTURES) - set(ONE_PANEL):
        with pytest.raises(pp.KeywordError, match="does not have the keyword 'xlabel'"):
            drawn(name, every_answer, xlabel="x")


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("title", [3, ["a"], True])
def test_a_label_that_is_no_text_is_refused_before_anything_is_drawn(name, title, every_answer):
    before = plt.get_fignums()
    with pytest.raises(pp.SpecError, match="title= must be a text") as error:
        drawn(name, every_answer, title=title)
    assert error.value.got == f"title={title!r}"
    assert error.value.do == "write for instance title='Reaction time (ms)'"
    assert plt.get_fignums() == before


def test_an_unknown_keyword_is_refused_in_four_parts(every_answer):
    with pytest.raises(pp.KeywordError, match=r"plot_icc\(\) does not have the keyword 'titel'") as error:
        drawn("plot_icc", every_answer, titel="x")
    assert "'title'" in error.value.allowed
    with pytest.raises(pp.KeywordError, match="called without 'correlations'"):
        pp.plot_icc(title="x")


@pytest.mark.parametrize(
    ("keyword", "instead"),
    [
        ("ax", "figure.axes are its panels"),
        ("figsize", "figure.set_size_inches(8, 5)"),
        ("suptitle", "write title="),
        ("hdi_prob", "write prob=0.9"),
    ],
)
def test_keywords_of_other_packages_are_answered(keyword, instead, every_answer):
    with pytest.raises(pp.KeywordError, match=f"does not have the keyword '{keyword}'") as error:
        drawn("plot_icc", every_answer, **{keyword: 1})
    assert instead in error.value.do


def test_mathematics_follows_the_users_settings_and_names_do_not(every_answer):
    figure = drawn("plot_icc", every_answer, title=r"$\rho$", xlabel="a\x07b")
    assert figure._suptitle.get_parse_math()
    assert figure.axes[0].get_xlabel() == "a�b"
    with mpl.rc_context({"text.parse_math": False}):
        assert not drawn("plot_icc", every_answer, title=r"$\rho$")._suptitle.get_parse_math()
    assert not drawn("plot_icc", every_answer)._suptitle.get_parse_math()


def test_a_title_in_another_script_gets_its_fonts(every_answer):
    plain = drawn("plot_icc", every_answer)._suptitle.get_fontfamily()
    with pytest.warns(pp.PartialPoolWarning, match="no installed font has"):
        figure = drawn("plot_icc", every_answer, title="\U0001f9ff")
    assert figure._suptitle.get_fontfamily() == plain


def test_a_figure_of_a_fit_takes_them_too():
    data = pp.load_dataset("sleepstudy")
    fit = fit_at("Reaction ~ 1 + (1 | Subject)", data, beta=[300.0], sd_Subject=[30.0], sigma=40.0)
    assert pp.plot_icc(fit, title="Mine").get_suptitle() == "Mine"
