"""Intervals of the levels, which is the highest, and what is expected of a level that was never seen."""

import json
import re

import numpy as np
import pytest
from scipy.stats import norm

import partialpool as pp
from explorer.screen import MODEL, PHONE, cells, column, levels_drawn, set_value, text_of
from partialpool.explorer import page
from partialpool.explorer.captions import Topic, things_to_try
from partialpool.explorer.certainty import certainty
from partialpool.explorer.curves import pooling_curves
from partialpool.explorer.newcomer import Newcomer, newcomer
from partialpool.explorer.page import render_explorer
from partialpool.explorer.shown import axis_ends
from partialpool.explorer.studies import PriorChoice, Study
from partialpool.explorer.words import Words
from partialpool.model.level_coefficients import level_coefficients


def at_means(fit):
    return level_coefficients(fit.design, fit.design.factors[0], {}, at_means=True)


def draws_of(fit, effect="Intercept"):
    """The coefficient of every level in every draw, one after another; predictors that vary at their means."""
    factor = fit.design.factors[0]
    posterior, out = fit.posterior, []
    for chain in range(posterior.sizes["chain"]):
        for draw in range(posterior.sizes["draw"]):
            here = posterior.isel(chain=chain, draw=draw)
            beta = here["beta"].to_numpy()
            b = here[f"b_{factor.name}"].to_numpy()
            if effect == "Intercept" and "Days" in factor.names:
                out.append([beta[0] + 4.5 * beta[1] + row[0] + 4.5 * row[1] for row in b])
            else:
                k = factor.names.index(effect)
                out.append([beta[k] + row[k] for row in b])
    return np.array(out)


@pytest.mark.parametrize(("name", "effect"), [("sleep", "Intercept"), ("sleep", "Days"), ("throws", "Intercept")])
def test_intervals_and_the_highest_are_those_of_the_draws(request, name, effect):
    fit = request.getfixturevalue(name)
    which, shown = fit.design.factors[0].names.index(effect), np.array([0, 3, 5])
    found = certainty(fit.posterior, at_means(fit), which, shown, prob=0.8)
    draws = draws_of(fit, effect)
    np.testing.assert_allclose(found.low[shown], np.quantile(draws[:, shown], 0.1, axis=0), rtol=1e-10)
    np.testing.assert_allclose(found.high[shown], np.quantile(draws[:, shown], 0.9, axis=0), rtol=1e-10)
    hidden = np.setdiff1d(np.arange(draws.shape[1]), shown)
    assert np.isnan(found.low[hidden]).all()
    assert np.isnan(found.high[hidden]).all()
    first = np.zeros(draws.shape[1])
    for row in draws:
        first[int(np.argmax(row))] += 1
    np.testing.assert_allclose(found.highest, first / len(draws), atol=1e-12)


@pytest.mark.parametrize("name", ["throws", "schools"])
def test_the_highest_is_the_best_of_level_ranks(request, name):
    fit = request.getfixturevalue(name)
    found = certainty(fit.posterior, at_means(fit), 0, np.arange(8), prob=0.95)
    np.testing.assert_allclose(found.highest, pp.level_ranks(fit, "Intercept")["best"], atol=1e-12)
    assert found.highest.sum() == pytest.approx(1)


def test_levels_that_are_equal_share_the_first_place(throws):
    b = throws.posterior["b_pupil"]
    alike = throws.posterior.assign(b_pupil=b * 0)
    found = certainty(alike, at_means(throws), 0, np.arange(8), prob=0.95)
    np.testing.assert_allclose(found.highest, 1 / 8)


def brute(fit, effect, each, rng):
    """Draws of a new level's coefficient: `each` of every draw of the posterior."""
    factor, posterior = fit.design.factors[0], fit.posterior
    which = factor.names.index(effect)
    out = []
    for chain in range(posterior.sizes["chain"]):
        for draw in range(posterior.sizes["draw"]):
            here = posterior.isel(chain=chain, draw=draw)
            sd, beta = here[f"sd_{factor.name}"].to_numpy(), here["beta"].to_numpy()
            corr = here[f"corr_{factor.name}"].to_numpy() if factor.correlated else np.eye(len(sd))
            b = rng.multivariate_normal(np.zeros(len(sd)), np.outer(sd, sd) * corr, size=each)
            if effect == "Intercept" and "Days" in factor.names:
                out.append(beta[0] + 4.5 * beta[1] + b @ [1.0, 4.5])
            else:
                out.append(beta[which] + b[:, which])
    return np.concatenate(out)


@pytest.mark.parametrize(("name", "effect"), [("sleep", "Intercept"), ("sleep", "Days"), ("throws", "Intercept")])
def test_a_new_level_is_drawn_from_the_population_of_every_draw(request, name, effect):
    fit = request.getfixturevalue(name)
    found = newcomer(fit.posterior, at_means(fit), fit.design.factors[0].names.index(effect))
    sample = brute(fit, effect, 25, np.random.default_rng(7))
    for share in (0.025, 0.5, 0.975):
        below = np.mean(sample < found.quantile(share))
        assert abs(below - share) < 5 * np.sqrt(share * (1 - share) / len(sample)), share


def test_a_new_pupil_is_that_of_predict(throws):
    """Whose new levels are drawn, one a row and draw."""
    rows = {"pupil": [f"new{k}" for k in range(40)], "throws": [1] * 40}
    sample = pp.predict(throws, rows, new_levels="sample", seed=3)["linear_predictor"].to_numpy().ravel()
    found = newcomer(throws.posterior, at_means(throws), 0)
    for share in (0.025, 0.25, 0.5, 0.75, 0.975):
        below = np.mean(sample < found.quantile(share))
        assert abs(below - share) < 5 * np.sqrt(share * (1 - share) / len(sample)), share


def test_the_mixture_has_its_closed_forms():
    one = Newcomer(np.array([3.0]), np.array([2.0]))
    for share in (0.001, 0.3, 0.5, 0.975):
        assert one.quantile(share) == pytest.approx(norm.ppf(share, 3, 2), abs=1e-9)
    points = np.linspace(-6, 12, 2001)
    two = Newcomer(np.array([0.0, 4.0]), np.array([1.0, 2.0]))
    expected = (norm.pdf(points, 0, 1) + norm.pdf(points, 4, 2)) / 2
    np.testing.assert_allclose(two.density(points), expected, atol=1e-6)
    # Draws without differences between levels: their means.
    none = Newcomer(np.array([1.0, 5.0]), np.zeros(2))
    assert (none.quantile(0.4), none.quantile(0.6)) == pytest.approx((1, 5))
    grid = np.linspace(0, 6, 61)
    assert none.density(grid).sum() * 0.1 == pytest.approx(1)


def test_a_new_level_follows_the_units_and_where_zero_is(schools):
    found = newcomer(schools.posterior, at_means(schools), 0)
    moved = Newcomer(-7 + 1000 * found.mean, 1000 * found.sd)
    for share in (0.025, 0.5, 0.975):
        assert moved.quantile(share) == pytest.approx(-7 + 1000 * found.quantile(share), rel=1e-9)


def test_where_levels_have_predictors_of_their_own_there_is_no_one_new_level():
    rng = np.random.default_rng(3)
    data = {"y": rng.normal(size=40), "x": np.tile(np.arange(5.0), 8), "sex": np.repeat(list("ab"), 20)}
    data["g"] = np.repeat(np.arange(8), 5)
    fit = pp.fit("y ~ x * sex + (x | g)", data, seed=1, progressbar=False)
    assert newcomer(fit.posterior, at_means(fit), 1) is None
    text = render_explorer(fit, effect="x", progressbar=False, choice=ONE)
    assert 'id="newcomer"' not in text
    assert "green hill" not in text
    assert numbers_of(text)["certain"][0]["newcomer"] is None


ONE = PriorChoice(("half-t(3)",), 1)


def numbers_of(text):
    (found,) = re.findall(r'<script type="application/json" id="numbers">(.*?)</script>', text, re.S)
    return json.loads(found)


def test_the_numbers_on_the_page_are_those_of_the_fit(throws):
    numbers = numbers_of(render_explorer(throws, prob=0.8, levels=["a", "c", "g"], progressbar=False, choice=ONE))
    (own,) = numbers["certain"]
    names = list(throws.design.factors[0].levels.labels)
    order = [names.index(name) for name in numbers["names"]]
    draws = draws_of(throws)
    for name, share in (("low", 0.1), ("high", 0.9)):
        ends = np.quantile(draws, share, axis=0)[order]
        np.testing.assert_allclose(own[name], ends, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(own["means"][name], 1 / (1 + np.exp(-ends)), rtol=1e-4)
    # Of all eight pupils, not of the three that are shown.
    best = pp.level_ranks(throws, "Intercept")["best"].to_numpy()
    np.testing.assert_allclose(own["highest"], best[order], atol=5.1e-4)
    assert numbers["n_levels"] == 8
    new = newcomer(throws.posterior, at_means(throws), 0)
    for name, share in (("low", 0.1), ("median", 0.5), ("high", 0.9)):
        assert own["newcomer"][name] == pytest.approx(new.quantile(share), rel=1e-4, abs=1e-4)
        assert own["newcomer"]["means"][name] == pytest.approx(1 / (1 + np.exp(-new.quantile(share))), rel=1e-4)
    assert max(own["newcomer"]["density"]) == 1


def test_every_prior_has_its_own_intervals(pages, schools):
    numbers = numbers_of(pages["schools"])
    assert len(numbers["certain"]) == len(numbers["studies"]) == 36
    narrow = next(k for k, s in enumerate(numbers["studies"]) if (s["family"], s["scale"]) == ("half-normal", 0))
    own, other = numbers["certain"][0], numbers["certain"][narrow]
    # Of a narrow prior of the sd: a new school is hardly different from the others, and nobody is the best.
    assert other["newcomer"]["high"] - other["newcomer"]["low"] < own["newcomer"]["high"] - own["newcomer"]["low"]
    assert max(other["highest"]) < max(own["highest"])
    assert np.ptp(other["low"]) < np.ptp(own["low"])


def test_the_axis_holds_the_intervals_of_the_levels_shown():
    values, infinite = np.array([[1.0, 1.0], [0.5, 1.5], [0.0, 2.0]]), np.zeros(2, bool)
    none = np.zeros(0)
    low, high = axis_ends(values, 1, infinite, 0.0, none, new=none)
    assert axis_ends(values, 1, infinite, 0.0, np.array([low, np.nan, high]), new=none) == (low, high)
    width = high - low
    for ends in ((-0.3, 2.4), (-1e6, 1e6)):
        assert axis_ends(values, 1, infinite, 0.0, np.array(ends), new=none) == pytest.approx(ends)
    # That of a new level may be much wider than all others.
    assert axis_ends(values, 1, infinite, 0.0, none, new=np.array([-0.3, 2.4])) == pytest.approx((-0.3, 2.4))
    wide = axis_ends(values, 1, infinite, 0.0, none, new=np.array([-1e6, 1e6]))
    assert wide == pytest.approx((low - width / 2, high + width / 2))


def test_what_to_try_says_who_is_the_highest(throws):
    factor = throws.design.factors[0]
    curves = pooling_curves(throws, factor, "Intercept", np.array([0.0, 0.7, np.inf]))
    none = np.zeros(0)
    for share, verdict in (
        (0.3, "more likely than by chance (12\u00a0%), but we cannot be sure"),
        (0.6, "60\u00a0%: likely, but we cannot be sure"),
        (0.97, "97\u00a0%: almost certain"),
        (1.0, "above 99\u00a0%: almost certain"),
    ):
        highest = np.full(8, (1 - share) / 7)
        highest[2] = share
        levels = certainty(throws.posterior, at_means(throws), 0, np.arange(8), prob=0.95)
        levels = type(levels)(levels.low, levels.high, highest, 4000.0)
        study = Study("half-t(3)", 1.0, np.ones_like, np.array([2.0]), none, none, good=True, levels=levels)
        tries = things_to_try(curves, 1, Topic("pupil", (), (), False, str, Words("pupil")), [study])
        (said,) = [seen for do, seen in tries if do.startswith("Point at the pupil that you think is the highest")]
        assert "\u2068c\u2069 is the highest with the largest probability" in said
        assert verdict in said


@pytest.mark.thorough
def test_intervals_and_the_new_level_are_drawn_and_said(browser, files, throws):
    browser.open(files["throws"])
    numbers = browser.value("JSON.parse(document.getElementById('numbers').textContent)")
    own = numbers["certain"][0]
    for name in ("low", "high"):
        np.testing.assert_allclose(column(browser, name), own[name])
    decimals = numbers["means"]["decimals"]
    ends = [[f"{own['means'][name][k]:.{decimals}f}" for name in ("low", "high")] for k in range(8)]
    assert cells(browser, "interval") == [" to\u00a0".join(pair) for pair in ends]
    best = dict(zip("abcdefgh", pp.level_ranks(throws, "Intercept")["best"].to_numpy(), strict=True))
    for name, written in zip(levels_drawn(browser), cells(browser, "highest"), strict=True):
        if "<" in written:
            assert best[name] < 0.0051
        else:
            assert float(written.removesuffix("\xa0%")) == pytest.approx(100 * best[name], abs=0.56)
    low, high = (own["newcomer"]["means"][name] for name in ("low", "high"))
    said = text_of(browser, "#newcomer").replace("\xa0", " ")
    middle = own["newcomer"]["means"]["median"]
    whole = 10 if min(low, 1 - high) >= 0.05 else 100
    counts = [f"{round(whole * share)} of {whole}" for share in (middle, low, high)]
    assert said == (
        f"A new one that we have never seen: about {counts[0]}; probably (95 %) between {counts[1]} and {counts[2]}."
    )
    assert column(browser, "low", "newcomer-summary")[0] == pytest.approx(own["newcomer"]["low"])
    # It is below all rows, on the same axis.
    bottom = browser.value(f"{MODEL}('levels-plot').y_range.start")
    y = column(browser, "top", "newcomer")
    assert bottom < column(browser, "y", "newcomer-summary")[0] < column(browser, "base", "newcomer")[0] <= y.min()
    assert y.max() < 0.4
    x = column(browser, "x", "newcomer")
    start, end = (browser.value(f"{MODEL}('levels-plot').x_range.{side}") for side in ("start", "end"))
    assert (x[0], x[-1]) == pytest.approx((start, end), rel=1e-4)  # five digits stand on the page
    labels = browser.value(f"[...{MODEL}('levels-axis').major_label_overrides.values()].map(text => text.text)")
    assert labels.count("a new one") == 1
    set_value(browser, "order", "information", "change")
    labels = browser.value(f"[...{MODEL}('levels-axis').major_label_overrides.values()].map(text => text.text)")
    assert labels.count("a new one") == 1
    # A level says whether it is the highest.
    browser.value("document.querySelector('#levels tbody tr input').focus()")
    browser.settle()
    told = text_of(browser, "#told").replace("\xa0", " ")
    assert re.search(
        r"The compromise: 95 % interval 0\.\d\d to 0\.\d\d; P\(highest of 8\) = \d+ %: more likely than by chance "
        r"\(12 %\), but we cannot be sure\.",
        told,
    )
    # With another prior the intervals are still inside the frame.
    set_value(browser, "scale", str(len(numbers["scales"]) - 1))
    assert start >= browser.value(f"{MODEL}('levels-plot').x_range.start") < column(browser, "low").min()
    assert end <= browser.value(f"{MODEL}('levels-plot').x_range.end") > column(browser, "high").max()
    assert browser.complaints == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["throws", "schools", "penicillin"])
def test_on_a_phone_no_column_of_the_table_is_out_of_sight(browser, files, name):
    browser.open(files[name], **PHONE)
    widths = browser.value("(e => [e.scrollWidth, e.clientWidth])(document.querySelector('.rows'))")
    assert widths[0] <= widths[1]
    shown = browser.value(
        "[...document.querySelectorAll('thead th')].filter(e => e.offsetParent).map(e => e.innerText)"
    )
    assert shown[1:] == ["alone", "here", "95\u00a0% interval", "highest?"]


@pytest.mark.thorough
def test_another_prior_has_other_intervals_and_the_slider_moves_none(browser, files):
    browser.open(files["schools"])
    low, told, best = column(browser, "low"), text_of(browser, "#newcomer"), cells(browser, "highest")
    set_value(browser, "sd", "150")
    np.testing.assert_array_equal(column(browser, "low"), low)
    assert text_of(browser, "#newcomer") == told
    set_value(browser, "family", "half-normal", "change")
    set_value(browser, "scale", "0")
    assert np.ptp(column(browser, "low")) < np.ptp(low)
    assert text_of(browser, "#newcomer") != told
    assert cells(browser, "highest") != best
    assert "effect" not in text_of(browser, "#newcomer")
    assert browser.complaints == []


@pytest.mark.thorough
def test_a_prior_that_could_not_be_fitted_has_no_intervals(browser, files, tmp_path):
    text = files["schools"].read_text(encoding="utf-8")
    (found,) = re.findall(r'id="numbers">(.*?)</script>', text, re.S)
    numbers = json.loads(found)
    at = next(k for k, s in enumerate(numbers["studies"]) if (s["family"], s["scale"]) == ("exponential", 0))
    numbers["studies"][at].update(sd=None, icc=None, good=False)
    numbers["certain"][at] = None
    path = tmp_path / "failed.html"
    path.write_text(text.replace(found, json.dumps(numbers)), encoding="utf-8")
    browser.open(path)
    set_value(browser, "family", "exponential", "change")
    set_value(browser, "scale", "0")
    assert np.isnan(column(browser, "low")).all()
    assert cells(browser, "interval") == cells(browser, "highest") == ["\u2013"] * 8
    assert text_of(browser, "#newcomer") == "Under this prior nothing can be said of a new one."
    assert len(column(browser, "x", "newcomer")) == 0
    assert browser.complaints == []


def test_a_fit_that_fails_has_no_numbers(monkeypatch, schools):
    def fail(*_):
        raise pp.EngineError("no", got="no", allowed="no", do="no")

    monkeypatch.setattr("partialpool.explorer.studies._refitted", fail)
    numbers = numbers_of(page.render_explorer(schools, progressbar=False, choice=PriorChoice(("half-normal",), 1)))
    assert [certain is None for certain in numbers["certain"]] == [False, True]
