"""The chapters of predictions: of the mean and of each level, average effects, splines, effects within levels."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import partialpool as pp
from checks.fixed import fit_at
from partialpool.reporting.limits import MOST_LABELLED
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.reporting.sections.level_predictions import level_predictions_section
from partialpool.reporting.sections.predict import predict_section


def predictions(reported):
    """The chapter of predictions, and that of predictions by level after it."""
    parts = [part for part in (predict_section(reported), level_predictions_section(reported)) if part is not None]
    names = ("prose", "pictures", "tables")
    return Section(**{name: tuple(one for part in parts for one in getattr(part, name)) for name in names})


@pytest.fixture(scope="module")
def data():
    rng, x = np.random.default_rng(1), np.linspace(0, 9, 60)
    return pd.DataFrame({"x": x, "y": np.sin(x) + 0.3 * rng.normal(size=60), "g": np.arange(60) % 6})


def test_a_report_of_a_spline_has_slopes_and_no_warning(data, tmp_path):
    fit = pp.fit("y ~ bs(x, df=4) + (1 | g)", data, seed=1, progressbar=False)
    page = pp.report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "x has a spline: the table lists its slope, per unit, inside the range of the rows" in page
    table, _ = predictions(Reported(fit)).tables
    slope = pp.average_effect(fit, "x", measure="slope")["population_average"]
    assert [row[:2] for row in table.rows] == [("x", "slope")]
    assert float(table.rows[0][2]) == pytest.approx(float(slope.mean()), abs=0.006)


def test_an_effect_within_levels_is_called_one(data):
    fit = fit_at("y ~ x + between(x, g) + (1 | g)", data, beta=[0.0, 2.0, 5.0], sd_g=[1.0], sigma=1.0)
    section = predictions(Reported(fit))
    assert "The table's effect of x leaves means of x by g (effect within g) unchanged." in section.prose
    plain = predictions(Reported(fit_at("y ~ x + (1 | g)", data, beta=[0.0, 2.0], sd_g=[1.0], sigma=1.0)))
    assert not any("leaves" in str(text) or "spline" in str(text) for text in plain.prose)


PUPILS = {"hits": [2, 0, 5, 11, 3, 3], "shots": [4, 3, 5, 20, 7, 4], "pupil": list("cabdef")}
EFFECTS = np.array([-1.0, 0.2, 0.5, 1.0, 2.0, -2.0])


def numbers(row):
    return [float(cell) for cell in row]


def integrated(mean, sd, inverse):
    """The mean of inverse(mean + sd z), z standard normal, by a sum over a fine grid."""
    z = np.linspace(-9, 9, 20001)
    weights = np.exp(-0.5 * z**2)
    return float((inverse(mean + sd * z) * weights).sum() / weights.sum())


def test_without_predictors_each_pupil_has_a_probability():
    values = {"beta": [0.1], "sd_pupil": [1.5], "b_pupil": EFFECTS[:, None]}
    section = predictions(Reported(fit_at("p(hits, shots) ~ 1 + (1 | pupil)", PUPILS, family="binomial", **values)))
    assert section.prose == (
        "The model has no predictors. The table is the prediction for a member of a randomly drawn level of "
        "pupil (group effects integrated out).",
        "The prediction of each level of pupil, with the level's own group effects.",
    )
    anyone, each = section.tables
    assert anyone.title == "Predicted probability of hits: posterior mean, 95 % interval"
    assert [row[0] for row in anyone.rows] == ["probability of hits"]  # a new count is on another scale
    assert numbers(anyone.rows[0][1:]) == pytest.approx([integrated(0.1, 1.5, expit)] * 3, abs=5e-4)
    assert each.title == "Predicted probability of hits for each pupil: posterior mean, 95 % interval"
    assert each.headers == ("pupil", "mean", "2.5%", "97.5%")
    assert [row[0] for row in each.rows] == list("abcdef")
    assert [float(row[1]) for row in each.rows] == pytest.approx(expit(0.1 + EFFECTS), abs=5e-4)
    assert each.notes == ()
    (picture,) = section.pictures
    low, high = (f"{expit(0.1 + b):.3g}" for b in (-2.0, 2.0))
    assert picture.alt.startswith(f"6 levels of pupil. probability of hits: lowest f with posterior mean {low}, 95 % ")
    assert f"; highest e with posterior mean {high}, 95 % interval {high} to {high}." in picture.alt


def test_a_batch_has_a_mean_and_an_interval_of_new_responses(data):
    rng = np.random.default_rng(2)
    beta = 10 + rng.normal(size=(4000, 1))
    effects = rng.normal(size=(4000, 6, 1))
    values = {"beta": beta, "b_g": effects, "sd_g": np.full((4000, 1), 2.0), "sigma": np.full(4000, 1.5)}
    fit = fit_at("y ~ 1 + (1 | g)", data, draws=4000, **values)
    anyone, each = predictions(Reported(fit, prob=0.8)).tables
    mean, new = anyone.rows
    assert (mean[0], new[:2]) == ("mean of y", ("new y", "-"))
    assert anyone.headers[2:] == ("10%", "90%")
    assert numbers(mean[1:]) == pytest.approx(
        [beta.mean(), *np.quantile(beta, [0.1, 0.9])], abs=0.0501
    )  # one decimal is shown
    half = 1.2816 * np.sqrt(1 + 4 + 2.25)  # of the sum of coefficient, effect and residual
    # Five standard errors of a quantile of 4000 independent draws.
    assert numbers(new[2:]) == pytest.approx(
        [10 - half, 10 + half], abs=0.05 + 5 * np.sqrt(7.25 * 0.09 / 4000) / 0.1755
    )
    own = beta + effects[..., 0]
    for k, row in enumerate(each.rows):
        assert numbers(row[1:]) == pytest.approx(
            [own[:, k].mean(), *np.quantile(own[:, k], [0.1, 0.9])], abs=0.0501
        )  # one decimal is shown


def test_nothing_to_predict_from_is_a_mean(data):
    section = predictions(Reported(fit_at("y ~ 1", data, beta=[0.5], sigma=1.0)))
    assert section.prose == ("The model has no predictors. The table is the prediction, the same for every row.",)
    assert section.pictures == ()
    assert section.tables[0].rows[0] == ("mean of y", "0.5", "0.5", "0.5")


def test_counts_are_of_the_mean_exposure_and_say_so():
    table = {"y": [1, 2, 3, 4], "w": [1.0, 2.0, 3.0, 10.0], "g": list("aabb")}
    fit = fit_at(
        "y ~ 1 + offset(log(w)) + (1 | g)", table, family="poisson", beta=[0.3], sd_g=[0.5], b_g=[[0.2], [-0.2]]
    )
    anyone, each = predictions(Reported(fit)).tables
    assert anyone.title.startswith("Predicted expected y: ")
    assert float(anyone.rows[0][1]) == pytest.approx(4 * np.exp(0.3 + 0.125), rel=0.005)
    assert [float(row[1]) for row in each.rows] == pytest.approx(4 * np.exp([0.5, 0.1]), rel=0.005)
    assert anyone.notes == each.notes == ("Predictors fixed at: w=4 (mean). Offset: log(w) = 1.386.",)


def ordinal(formula, **values):
    rng = np.random.default_rng(1)
    table = {"rating": np.tile([1, 2, 3], 12), "x": rng.normal(size=36), "judge": np.repeat(list("uvw"), 12)}
    effects = np.array([1.0, -0.5, 0.0])[:, None]
    fixed = {"sd_judge": [0.8], "b_judge": effects, "cutpoints": [-0.4, 1.1]}
    return fit_at(formula, table, family="cumulative", **fixed, **values)


def test_each_category_has_a_probability():
    anyone, each = predictions(Reported(ordinal("rating ~ 1 + (1 | judge)"))).tables
    assert anyone.title == "Predicted probability of each category of rating: posterior mean, 95 % interval"
    below = [integrated(cut, 0.8, expit) for cut in (-0.4, 1.1)]
    assert [row[0] for row in anyone.rows] == ["1", "2", "3"]
    assert [float(row[1]) for row in anyone.rows] == pytest.approx(np.diff([0, *below, 1]), abs=5e-4)
    assert each.headers == ("judge", "1", "2", "3")
    for row, b in zip(each.rows, (1.0, -0.5, 0.0), strict=True):
        probabilities = np.diff([0, *expit(np.array([-0.4, 1.1]) - b), 1])
        assert [float(cell.split(" (")[0]) for cell in row[1:]] == pytest.approx(probabilities, abs=5e-4)


def test_effects_on_each_category_are_tabulated():
    section = predictions(Reported(ordinal("rating ~ x + (1 | judge)", beta=[0.7])))
    population, subject, _ = section.tables
    assert "population average is the change of the probability of each category" in section.prose[1]
    assert population.title == (
        "Average effects on the probability of each category of rating, population average, other predictors as "
        "observed: posterior mean, 95 % interval"
    )
    assert ", subject-specific, " in subject.title
    x = np.random.default_rng(1).normal(size=36)

    def change(inverse):
        below = [np.mean([inverse(cut - 0.7 * (one + step)) for one in x]) for step in (0, 1) for cut in (-0.4, 1.1)]
        return np.diff([0, *below[2:], 1]) - np.diff([0, *below[:2], 1])

    for table, inverse in ((subject, expit), (population, lambda at: integrated(at, 0.8, expit))):
        assert table.headers == ("predictor", "contrast", "1", "2", "3")
        ((column, contrast, *cells),) = table.rows
        assert (column, contrast) == ("x", "+1")
        assert [float(cell.split(" (")[0]) for cell in cells] == pytest.approx(change(inverse), rel=0.01)
        for cell in cells:
            middle, low, high = cell.removesuffix(")").replace(" (", " to ").split(" to ")
            assert low == middle == high  # one draw


def test_a_cask_is_in_its_batch_and_a_batch_has_casks_drawn_at_random():
    table = {"y": np.arange(8.0), "batch": list("aaaabbbb"), "cask": list("uuvvuuvv")}
    batches, casks = np.array([[1.0], [-1.0]]), np.array([[0.1], [0.2], [0.3], [0.4]])
    values = {"beta": [10.0], "sd_batch": [1.0], "sd_batch:cask": [0.5], "sigma": 1.0}
    values |= {"b_batch": batches, "b_batch:cask": casks}
    section = predictions(Reported(fit_at("y ~ 1 + (1 | batch/cask)", table, **values)))
    _, of_batch, of_cask = section.tables
    assert [row[:2] for row in of_batch.rows] == [("a", "11"), ("b", "9")]
    assert [row[:2] for row in of_cask.rows] == [("a:u", "11.1"), ("a:v", "11.2"), ("b:u", "9.3"), ("b:v", "9.4")]
    assert of_batch.notes == ("batch:cask is drawn at random (group effects integrated out).",)
    assert of_cask.notes == ("Each batch:cask is in its own batch.",)


def test_levels_are_compared_at_the_same_predictors(data):
    effects = np.arange(6.0)[:, None]
    fit = fit_at("y ~ x + (1 | g)", data, beta=[1.0, 2.0], sd_g=[1.0], sigma=1.0, b_g=effects)
    picture, table = predictions(Reported(fit)).pictures[-1], predictions(Reported(fit)).tables[-1]
    assert [row[:2] for row in table.rows] == [(str(k), f"{1 + 2 * 4.5 + k:.0f}") for k in range(6)]
    assert table.notes == ("Predictors fixed at: x=4.5 (mean).",)
    assert picture.caption.endswith("(group effects integrated out). Predictors fixed at: x=4.5 (mean).")


def test_of_many_levels_the_ends_are_shown_and_counted():
    n = MOST_LABELLED + 1
    effects = np.random.default_rng(1).permutation(np.arange(float(n)))
    table = {"y": np.arange(2.0 * n), "g": np.repeat([f"L{k:03}" for k in range(n)], 2)}
    fit = fit_at("y ~ 1 + (1 | g)", table, beta=[100.0], sd_g=[1.0], sigma=1.0, b_g=effects[:, None])
    section = predictions(Reported(fit))
    table = section.tables[-1]
    shown = [f"L{k:03}" for k in range(n) if effects[k] < 15 or effects[k] >= n - 15]
    assert [row[0] for row in table.rows] == shown
    assert table.notes == ("The 15 lowest and the 15 highest of 61 levels.",)
    assert "The 15 lowest and the 15 highest of 61 levels." in section.pictures[-1].caption


def test_of_many_factors_three_are_shown_and_the_others_named():
    rng = np.random.default_rng(1)
    table = {"y": rng.normal(size=60)} | {name: rng.integers(0, 5, 60) for name in "abcd"}
    values = {"beta": [0.0], "sigma": 1.0} | {f"sd_{name}": [1.0] for name in "abcd"}
    section = predictions(Reported(fit_at("y ~ 1 + (1 | a) + (1 | b) + (1 | c) + (1 | d)", table, **values)))
    assert len(section.pictures) == 3
    assert section.prose[-1].text == "Levels not shown, to keep the page short: d."
    assert section.tables[-1].notes == ("a, b and d are drawn at random (group effects integrated out).",)


@pytest.mark.parametrize(("factor", "predictor"), [("self", "sample"), ("sample", "category"), ("category", "factor")])
def test_columns_may_have_any_name(factor, predictor):
    table = {"y": [1, 2, 3, 1, 2, 3], factor: list("aaabbb"), predictor: [0.0, 1, 2, 0, 1, 2]}
    values = {f"sd_{factor}": [1.0], f"b_{factor}": [[0.5], [-0.5]]}
    fit = fit_at(f"y ~ {predictor} + (1 | {factor})", table, beta=[1.0, 0.1], sigma=1.0, **values)
    section = predictions(Reported(fit))
    assert [row[:2] for row in section.tables[-1].rows] == [("a", "1.6"), ("b", "0.6")]
    ordered = fit_at(f"y ~ 1 + (1 | {factor})", table, family="cumulative", cutpoints=[-1.0, 1.0], **values)
    assert len(predictions(Reported(ordered)).tables[-1].rows) == 2


def test_levels_have_means_where_the_population_has_none():
    """Under an inverse link the mean over a normal distribution of levels does not exist."""
    table = {"y": [1.0, 2.0, 3.0, 4.0], "g": list("aabb")}
    values = {"beta": [0.5], "sd_g": [0.01], "b_g": [[0.1], [-0.1]], "alpha": 2.0}
    section = predictions(Reported(fit_at("y ~ 1 + (1 | g)", table, family="gamma", link="inverse", **values)))
    (each,) = section.tables
    assert [float(row[1]) for row in each.rows] == pytest.approx([1 / 0.6, 1 / 0.4], rel=0.005)
    (picture,) = section.pictures
    assert "Grey line" not in picture.caption
    assert any("inverse" in str(text) for text in section.prose)


def test_categories_that_interact_with_a_predictor_have_a_colour_each():
    rng = np.random.default_rng(2)
    data = pd.DataFrame(
        {
            "arm": np.tile(["a", "b"], 30),
            "time": rng.uniform(0, 9, 60),
            "z": rng.normal(size=60),
            "g": np.arange(60) % 6,
        }
    )
    data["y"] = rng.normal(size=60)
    names = {"beta": [0.0, 1, 2, 3, 4], "sd_g": [1.0], "sigma": 1.0}
    section = predict_section(Reported(fit_at("y ~ arm * time + z + (1 | g)", data, draws=None, **names)))
    assert section.prose[0].endswith("Categories that interact with the predictor have a colour each.")
    along_arm, along_time, along_z = section.pictures
    assert "at time 0" not in along_arm.alt
    assert "arm a" in along_time.alt
    assert "arm b" in along_time.alt
    assert "arm=" not in along_time.caption
    assert "arm=a (first)" in along_z.caption
    plain = predict_section(Reported(fit_at("y ~ arm + time + (1 | g)", data, beta=[0.0, 1, 2], sd_g=[1.0], sigma=1.0)))
    assert "colour" not in plain.prose[0]
    assert all("arm=a (first)" in picture.caption for picture in plain.pictures[1:])
