"""The methods as text: those of the report, with the fit's own numbers."""

import re

import numpy as np
import pytest

import partialpool as pp
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.methods import methods_section


def test_they_are_the_reports_paragraphs(sleepstudy_fit):
    text = pp.methods(sleepstudy_fit, prob=0.9)
    assert tuple(text.split("\n\n")) == methods_section(Reported(sleepstudy_fit, 0.9)).prose[1:]
    assert "has a normal distribution with an identity link" in text
    assert "Random (group-level) effects of Subject (18 levels): Intercept, Days, with correlated effects." in text
    assert "equal-tailed 90 % intervals" in text


def test_families_have_their_names_and_intercepts_are_called_so():
    table = {"y": [1, 3, 2, 5, 0, 4] * 4, "x": [2.0, 4, 6] * 8, "g": [0, 0, 1, 1, 2, 2] * 4, "w": [1.0, 2] * 12}
    formula = "y ~ x + offset(log(w)) + (1 | g)"
    text = pp.methods(pp.fit(formula, table, family="poisson", seed=1, draws=100, progressbar=False))
    assert "the response has a Poisson distribution with a log link" in text
    assert "Random (group-level) intercepts of g (3 levels)." in text
    assert "The linear predictor has the offset log(w)." in text


def test_quantities_have_names_for_readers(sleepstudy_fit):
    text = pp.methods(sleepstudy_fit, labels={"Days": "Days awake", "Subject": "Participant", "Reaction": "Time"})
    model, priors, _, _ = text.split("\n\n")
    assert model.startswith("We fitted a Bayesian hierarchical (mixed-effects) model to Time (180 rows). Given")
    assert (
        "Fixed (population-level) effects: Intercept, Days awake. Units: Time in ms; slopes of Days awake per day."
        in model
    )
    assert "effects of Participant (18 levels): Intercept, Days awake, with correlated effects." in model
    assert model.endswith("In formula notation the model is Reaction ~ Days + (Days | Subject).")
    for words in (
        "Priors: Intercept: Normal(mu=298.5",
        "; coefficient of Days awake: Normal(mu=0",
        "; sd of Days awake over Participant: HalfStudentT",
        "; correlations over Participant: LKJ(eta=2); residual sd: HalfStudentT",
        " Sds over Participant and correlations over Participant have priors at the predictors' means.",
    ):
        assert words in priors
    assert not re.search(r"beta\[|sd_|corr_|sigma:", text)


def test_without_labels_too_there_are_no_names_of_coefficients():
    table = {"y": [1.0, 3, 2, 5, 0, 4] * 4, "arm": ["a", "b", "b"] * 8, "x": [0.0, 1, 2, 3] * 6}
    fit = pp.fit("y ~ arm * x + I(x**2)", table, seed=1, draws=100, progressbar=False)
    text = pp.methods(fit)
    assert "effects: Intercept, arm: b, x, arm: b × x, x². Coefficients of categories compare" in text
    assert "Units" not in text  # none is known
    assert "arm[b]" not in text.replace(fit.spec.to_formula(), "")


@pytest.mark.parametrize(("missing", "told"), [(1, "1 (4.2 %)"), (3, "3 (12 %)")])
def test_rows_with_missing_values_are_counted(missing, told):
    x = np.tile([2.0, 4, 6, 7], 6)
    x[:missing] = np.nan
    table = {"y": np.arange(24.0) % 7, "x": x}
    with pytest.warns(pp.DataWarning, match="rows with missing values"):
        fit = pp.fit("y ~ x", table, missing="drop", seed=1, draws=100, progressbar=False)
    were = "was" if missing == 1 else "were"
    assert (
        f"to y ({24 - missing} rows). Of 24 rows, {told} {were} left out because of missing values in x ({missing}). "
        "For rows without a predictor or a group this assumes that, given the predictors, whether the value is missing "
        "does not depend on the response. Given"
    ) in pp.methods(fit)


def test_a_missing_response_may_depend_on_the_other_responses_of_its_group(tmp_path):
    y = np.arange(24.0) % 7
    y[[1, 2, 5]] = np.nan
    table = {"y": y, "x": np.tile([2.0, 4, 6, 7], 6), "g": np.repeat(["a", "b", "c", "d", "e", "f"], 4)}
    with pytest.warns(pp.DataWarning, match="rows with missing values"):
        fit = pp.fit("y ~ x + (1 | g)", table, seed=1, draws=100, progressbar=False)
    told = (
        "Of 24 rows, 3 (12 %) were left out because of missing values in Outcome (3). They are of 2 levels of Site. "
        "For rows without a response this assumes that it is missing at random: given the predictors and the observed "
        "responses, whether a response is missing does not depend on its value. Given"
    )
    labels = {"y": "Outcome", "g": "Site"}
    assert told in pp.methods(fit, labels=labels)
    path = tmp_path / "fit.nc"
    fit.save(path)
    again = pp.load_fit(path)
    assert told in pp.methods(again, labels=labels)
    del again.tree.attrs["left_out"]  # as in files of older versions
    again.save(tmp_path / "old.nc")
    old = pp.methods(pp.load_fit(tmp_path / "old.nc"))
    assert "left out because of missing values. For rows without a response" in old
    assert "or on the effects of the groups" in old


def test_nothing_is_said_of_missing_values_where_none_are(sleepstudy_fit):
    assert "missing" not in pp.methods(sleepstudy_fit)


def test_priors_that_are_all_stated_are_called_so():
    table, priors = {"y": [1.0, 3, 2, 5, 0, 4] * 4}, {"beta[Intercept]": pp.Prior("Normal", mu=2, sigma=3)}
    some = pp.methods(pp.fit("y ~ 1", table, priors=priors, seed=1, draws=100, progressbar=False))
    assert "The priors of Intercept were set by us; the others are the package's defaults" in some
    priors["sigma"] = pp.Prior("HalfNormal", sigma=3)
    every = pp.methods(pp.fit("y ~ 1", table, priors=priors, seed=1, draws=100, progressbar=False))
    assert "residual sd: HalfNormal(sigma=3). All were set by us; none is a default" in every


def test_a_label_for_nothing_is_refused(sleepstudy_fit):
    with pytest.raises(pp.SpecError, match="labels name something that no model has"):
        pp.methods(sleepstudy_fit, labels={"Dyas": "Day"})


def test_an_interval_must_be_one(sleepstudy_fit):
    with pytest.raises(pp.SpecError, match="prob must be a probability"):
        pp.methods(sleepstudy_fit, prob=95)


@pytest.mark.parametrize(
    ("write", "name"), [(pp.report, "report.docx"), (pp.explore, "page.pdf"), (pp.report, "report")]
)
def test_a_page_is_no_other_kind_of_file(sleepstudy_fit, tmp_path, write, name):
    with pytest.raises(pp.FileError) as raised:
        write(sleepstudy_fit, tmp_path / name)
    error = raised.value
    assert "it is an HTML page" in error.wrong
    assert error.got == (f"a name that ends in .{name.split('.')[1]}" if "." in name else "a name without an ending")
    assert error.allowed == ".html or .htm"
    assert "pp.table" in error.do
    assert not list(tmp_path.iterdir())


def test_correlated_residuals_have_words_for_readers():
    table = pp.load_dataset("sleepstudy")
    table = table[table["Days"] < 3].assign(day=table["Days"].map("day {}".format))
    text = pp.methods(pp.fit("Reaction ~ day + unstr(day, gr=Subject)", table, seed=1, progressbar=False))
    assert "The rows are of 18 such series, named by Subject." in text
    assert "residual sd of day 0: HalfStudentT" in text
    assert "residual correlations: LKJ(eta=2)" in text
    assert "residual_corr" not in text
    assert "sigma[" not in text


def test_a_model_without_groups_has_no_group_effects():
    table = {"y": [1.0, 3, 2, 5, 0, 4] * 4, "x": np.arange(24.0)}
    text = pp.methods(pp.fit("y ~ x", table, seed=1, draws=100, progressbar=False))
    assert "The coefficients were integrated out exactly, and drawn from their exact conditional distribution" in text
    assert "group effects" not in text
    counts = table | {"y": [1, 3, 2, 5, 0, 4] * 4}
    text = pp.methods(pp.fit("y ~ x", counts, family="poisson", seed=1, draws=100, progressbar=False))
    assert "no-U-turn sampler (Hoffman & Gelman 2014" in text
    assert "group effects" not in text
