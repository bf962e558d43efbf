"""Pictures of a fit that has labels: the labels are in them, and the names of the formula are not."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.commands.plot import _OF_A_FIT

LABELS = {"Days": "Hours awake", "Subject": "Participant", "Reaction": "Response time", "sigma": "Noise"}
OLD = re.compile(r"Days|Subject|Reaction|sigma|corr_|sd_")
TAKE_A_FIT = [name for name, needed in _OF_A_FIT.items() if not needed]


@pytest.fixture(scope="module")
def fit():
    table = pp.load_dataset("sleepstudy").query("Subject in ['308', '309', '310', '330', '331', '332']")
    return pp.fit("Reaction ~ Days + (Days | Subject)", table, draws=200, seed=1, progressbar=False)


def texts(figure):
    found = [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]
    plt.close(figure)
    return found


def check_labels(found, *labels):
    for label in labels:
        assert any(label in text for text in found), label
    assert [text for text in found if OLD.search(text)] == []


@pytest.mark.parametrize("name", TAKE_A_FIT)
def test_the_labels_are_in_the_picture_and_the_names_are_not(fit, name):
    plot = getattr(pp, f"plot_{name}")
    plain = texts(plot(fit))
    assert any(OLD.search(text) for text in plain)
    found = texts(plot(fit.with_labels(LABELS)))
    check_labels(found)
    assert any(label in text for text in found for label in LABELS.values())


def test_an_answer_is_drawn_with_its_own_names(fit):
    labelled = fit.with_labels(LABELS)
    assert texts(pp.plot_icc(pp.icc(labelled))) == texts(pp.plot_icc(fit))


@pytest.mark.parametrize(
    ("over", "by", "labels"),
    [
        ("Days", None, ("Hours awake", "Response time")),
        ("Days", "Subject", ("Hours awake", "Participant")),
        ("Subject", None, ("Participant",)),
    ],
)
def test_predictions_are_asked_by_the_names_of_the_model(fit, over, by, labels):
    labelled = fit.with_labels(LABELS)
    check_labels(texts(pp.plot_predictions(labelled, over, by=by)), *labels)
    plain, drawn = (pp.plot_predictions(one, over, by=by) for one in (fit, labelled))
    for before, after in zip(plain.axes[0].lines, drawn.axes[0].lines, strict=True):
        np.testing.assert_allclose(after.get_xdata(), before.get_xdata())
    plt.close("all")


@pytest.mark.parametrize(("along", "label"), [("Days", "Hours awake"), ("Subject", "Participant"), (None, "Response")])
def test_residuals_are_drawn_along_a_labelled_column(fit, along, label):
    check_labels(texts(pp.plot_quantile_residuals(fit.with_labels(LABELS), along)), label)


def test_a_name_that_the_model_lacks_is_refused_as_ever(fit):
    labelled = fit.with_labels(LABELS)
    with pytest.raises(pp.DataError, match="no such predictor\n  got:     'Day'\n  allowed: 'Days'"):
        pp.plot_predictions(labelled, "Day")


def test_labels_of_counts_of_successes_and_of_nested_factors():
    table = {"hits": [1, 2, 3, 0, 2, 1] * 4, "shots": [4] * 24, "arm": list("ab") * 12}
    table |= {"cask": np.arange(24) % 8, "batch": np.arange(24) % 4}
    fit = fit_at(
        "p(hits, shots) ~ arm + (1 | batch) + (1 | batch:cask)", table, family="binomial", beta=[0.2, 0.5],
        sd_batch=[0.4], **{"sd_batch:cask": [0.3]},
    )  # fmt: skip
    labelled = fit.with_labels({"hits": "goals", "arm": "Boots", "batch": "Club", "cask": "Player"})
    for figure in (
        pp.plot_predictions(labelled, "arm"),
        pp.plot_predictions(labelled, "arm", by="batch"),
        pp.plot_quantile_residuals(labelled, "batch:cask"),
        pp.plot_icc(labelled),
    ):
        assert not any(re.search("hits|arm|batch|cask", text) for text in texts(figure))
