"""Means beside the linear predictor, what each level has, and which button is marked, on the page."""

import itertools
import re

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from explorer.screen import MODEL, PHONE, cells, column, halfway, levels_drawn, set_value, text_of
from partialpool.explorer.amounts import amounts, brackets
from partialpool.explorer.curves import chosen_effect, pooling_curves
from partialpool.explorer.means import MeanAxis, mean_numbers
from partialpool.families.links import LINKS

MARKS = ("to-complete", "to-median", "to-none")
EDGES = {"hits": [2, 0, 5, 6, 9, 7], "throws": [4, 5, 6, 6, 40, 9], "pupil": list("abcdef")}


def pressed(page):
    marked = [page.value(f"document.getElementById({name!r}).getAttribute('aria-pressed')") for name in MARKS]
    return [name for name, mark in zip(MARKS, marked, strict=True) if mark == "true"]


def names_beside(page):
    """The names beside the rows, in the order of the levels."""
    found = page.value(f"[...{MODEL}('levels-axis').major_label_overrides].map(([row, text]) => [row, text.text])")
    texts = {int(row): text.replace("\u2068", "").replace("\u2069", "") for row, text in found}
    return [texts[int(y)] for y in column(page, "y")]


def look_at(page, k):
    page.value(f"document.querySelectorAll('#levels tbody tr input')[{k}].focus()")
    page.settle()
    return text_of(page, "#told").replace("\u2068", "").replace("\u2069", "")


def test_the_marked_button_is_the_place_of_the_slider(browser, files):
    browser.open(files["throws"])
    assert pressed(browser) == ["to-median"]
    for name in ("to-none", "to-complete", "to-median"):
        browser.click(f"#{name}")
        assert pressed(browser) == [name]
        colors = {m: browser.value(f"getComputedStyle(document.getElementById({m!r})).backgroundColor") for m in MARKS}
        others = [colors[m] for m in MARKS if m != name]
        assert colors[name] not in others
        assert others[0] == others[1]
    set_value(browser, "sd", "30")
    assert pressed(browser) == []
    for key, name in (("Home", "to-complete"), ("End", "to-none")):
        browser.value("document.getElementById('sd').focus()")
        browser.press(key)
        assert pressed(browser) == [name]


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_ticks_of_the_mean_are_whole_apart_and_where_they_say(browser, files, size):
    browser.open(files["throws"], **size)
    plot = f"{MODEL}('levels-plot')"
    assert browser.value(f"{plot}.above.map(axis => axis.axis_label.text)") == ["probability of hits"]
    ticks = browser.value(f"[...{plot}.above[0].major_label_overrides].map(([at, t]) => [Number(at), t.text])")
    texts = [text for _, text in ticks]
    assert len(texts) >= 3
    assert len(set(texts)) == len(texts)
    for at, text in ticks:
        assert 1 / (1 + np.exp(-at)) == pytest.approx(float(text))
    # In pixels: where each is, how wide it is, and where the picture ends.
    left, wide, end = browser.value(
        f"(view => [view.frame.bbox.left, view.frame.bbox.width, view.bbox.width])(Bokeh.index.get_by_id({plot}.id))"
    )
    font = browser.value(f"{plot}.above[0].major_label_text_font_size + ' ' + {plot}.above[0].major_label_text_font")
    draw = "(c => { c.font = %r; return %r.map(t => c.measureText(t).width); })"
    widths = browser.value(f"{draw % (font, texts)}(document.createElement('canvas').getContext('2d'))")
    low, high = browser.value(f"[{plot}.x_range.start, {plot}.x_range.end]")
    spans = sorted(
        (x - w / 2, x + w / 2)
        for x, w in zip([left + wide * (at - low) / (high - low) for at, _ in ticks], widths, strict=True)
    )
    assert spans[0][0] >= 0
    assert spans[-1][1] <= end
    assert all(one[1] + 3 <= other[0] for one, other in itertools.pairwise(spans))


@pytest.mark.parametrize("ends", [(-3.5, 3.5), (-2.2, 3.2), (0.5, 6.0), (-9.0, 1.0)])
def test_ticks_have_texts_of_their_own(ends):
    for link in ("logit", "probit", "cloglog", "log"):
        ticks = MeanAxis(LINKS[link], "mean").ticks(*ends)
        assert len(set(ticks.values())) == len(ticks)


def test_letters_on_the_axes_can_be_read_from_the_last_row(browser, files):
    browser.open(files["throws"])
    for plot in ("levels-plot", "sd-plot", "icc-plot"):
        axes = f"[...{MODEL}({plot!r}).below, ...{MODEL}({plot!r}).left, ...{MODEL}({plot!r}).above]"
        sizes = browser.value(f"{axes}.map(a => [a.major_label_text_font_size, a.axis_label_text_font_size]).flat()")
        assert min(float(size.removesuffix("px")) for size in sizes) >= 14


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_each_name_has_its_hits_and_throws_beside_it(browser, files, throws, size):
    browser.open(files["throws"], **size)
    frame = throws.design.response
    had = {name: f"{int(hit)} of {int(n)}" for name, hit, n in zip("abcdefgh", frame.values, frame.trials, strict=True)}
    names = levels_drawn(browser)
    assert names_beside(browser) == [f"{name} ({had[name]})" for name in names]
    assert look_at(browser, 2).startswith(f"{names[2]}: {had[names[2]]}; ")
    set_value(browser, "order", "information", "change")
    assert names_beside(browser) == [f"{name} ({had[name]})" for name in names]
    assert browser.value("document.documentElement.scrollWidth") <= 1280


def test_names_that_leave_no_room_stand_alone(browser, files):
    """As on a phone with long names; and where every level has as many rows."""
    browser.open(files["throws"], width=180, height=800)
    assert names_beside(browser) == levels_drawn(browser)
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False
    )  # turned
    browser.wait(
        f"[...{MODEL}('levels-axis').major_label_overrides.values()].slice(0, 8).every(t => t.text.includes(' of '))"
    )
    browser.open(files["sleep"])
    assert names_beside(browser) == levels_drawn(browser)


def test_what_a_level_has():
    fit = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", EDGES, family="binomial", beta=[0.0], sd_pupil=[1.0])
    assert amounts(fit.design, fit.design.factors[0])[:2] == ["2 of 4", "0 of 5"]
    one = {"y": [0, 1, 1, 1, 0, 1], "g": list("aaabbb")}
    fit = fit_at("y ~ 1 + (1 | g)", one, family="bernoulli", beta=[0.0], sd_g=[1.0])
    assert amounts(fit.design, fit.design.factors[0]) == brackets(fit.design, fit.design.factors[0]) == ["2 of 3"] * 2
    rows = {"y": [0.1, 1.4, 1.0, 3.0], "g": list("aaab")}
    fit = fit_at("y ~ 1 + (1 | g)", rows, beta=[0.0], sd_g=[1.0], sigma=1.0)
    assert amounts(fit.design, fit.design.factors[0]) == ["3 rows", "1 row"]
    assert brackets(fit.design, fit.design.factors[0]) == ["n 3", "n 1"]
    rows["g"] = list("aabb")
    fit = fit_at("y ~ 1 + (1 | g)", rows, beta=[0.0], sd_g=[1.0], sigma=1.0)
    assert brackets(fit.design, fit.design.factors[0]) == ["", ""]


def test_log_odds_move_between_all_throws_and_each_pupils_own(browser, files, throws):
    """The ends are shrinkage's; a pupil who never hit has no estimate of its own, and says so."""
    browser.open(files["throws"])
    pooling = pp.shrinkage(throws).sel(effect="Intercept")
    names = levels_drawn(browser)
    own = pooling["no_pooling"].sel(level=names).to_numpy()
    curves, order = halfway(browser, throws)
    here, expected = column(browser, "here"), curves.values[0][order]
    drawn = np.isfinite(here)
    np.testing.assert_allclose(here[drawn], expected[drawn], rtol=1e-7, atol=1e-9)
    # The estimate without a finite end leaves the picture as the sd grows.
    assert [name for name, inside in zip(names, drawn, strict=True) if not inside] in ([], ["b"])
    set_value(browser, "sd", "0")
    np.testing.assert_allclose(column(browser, "here"), float(pooling["complete_pooling"]), rtol=1e-7)
    set_value(browser, "sd", "200")
    np.testing.assert_allclose(column(browser, "own"), own, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(column(browser, "here"), own, rtol=1e-7, atol=1e-9)
    assert np.isnan(own[names.index("b")])
    assert "at an end of the picture: \u2068b\u2069." in text_of(browser, "#reads")
    browser.value(f"document.querySelectorAll('#levels tbody tr input')[{names.index('b')}].focus()")
    browser.settle()
    assert "b\u2069: 0 of 5; alone 0.00: it would never hit;" in text_of(browser, "#told")
    assert "on the scale of the log odds of hits" in text_of(browser, "details")


def test_the_mean_is_beside_the_log_odds(browser, files, throws):
    browser.open(files["throws"])
    for step in ("0", "80", "170"):
        set_value(browser, "sd", step)
        odds = np.array([float(text.replace("\u2212", "-")) for text in cells(browser, "here")])
        means = [float(text) for text in cells(browser, "here-mean")]
        np.testing.assert_allclose(means, 1 / (1 + np.exp(-odds)), atol=0.008)
    names = levels_drawn(browser)
    at = names.index("e")  # 9 of 40
    assert cells(browser, "own-mean")[at] == "0.23"
    told = look_at(browser, at)
    assert re.search(r"alone 0\.23 \(\u22121\.237, standard error 0\.379\); all together 0\.\d\d", told), told
    assert told.endswith("In brackets: log odds of hits.")
    whole = pp.shrinkage(throws)["complete_pooling"].item()
    assert text_of(browser, "#complete-here").startswith(f"{1 / (1 + np.exp(-whole)):.2f} (")
    assert "probability of hits, and beside it in grey log odds of hits" in text_of(browser, "#numbered")


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_no_row_is_empty_without_pooling(browser, files, size):
    """A pupil who never hit: an arrow at the edge, with the mean its estimate goes to; and no weight of it."""
    browser.open(files["throws"], **size)
    browser.click("#to-none")
    names, y = levels_drawn(browser), column(browser, "y")
    inside = set(y[np.isfinite(column(browser, "here"))])
    assert inside | set(column(browser, "y", "beyond-here")) == set(y)
    for arrows in ("beyond-own", "beyond-here"):
        assert list(column(browser, "y", arrows)) == [y[names.index("b")]]
    assert browser.value(f"[...{MODEL}('beyond-here').data.text]") == ["0.00"]
    start, end = browser.value(f"(r => [r.start, r.end])({MODEL}('levels-plot').x_range)")
    assert start < column(browser, "x", "beyond-here")[0] < start + 0.1 * (end - start)
    at = names.index("b")
    for name, text in (("own-mean", "0.00"), ("own", "\u2212\u221e"), ("here-mean", "0.00"), ("here", "\u2212\u221e"),
                       ("share", "\u2013"), ("error", "\u2013")):  # fmt: skip
        assert cells(browser, name)[at] == text, name
    told = look_at(browser, at)
    assert told.startswith("b: 0 of 5; alone 0.00: it would never hit; all together 0.")
    assert "here 0.00 (\u2212\u221e)." in told
    assert "weight" not in told
    assert browser.complaints == []


def test_infinite_estimates_go_where_their_outcomes_are():
    fit = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", EDGES, family="binomial", beta=[0.5], sd_pupil=[1.0])
    curves = pooling_curves(fit, *chosen_effect(fit.design, None, None), np.array([0.0, 1.0, 8.0, np.inf]))
    found = mean_numbers(curves, 1, np.arange(6), MeanAxis(LINKS["logit"], "probability"))
    assert found["endless"] == [0, -1, 0, 1, 0, 0]
    np.testing.assert_allclose(found["means"]["values"][-1], np.divide(EDGES["hits"], EDGES["throws"]), rtol=1e-4)
    assert mean_numbers(curves, 1, np.arange(6), None)["means"] is None


def test_counts_have_means_too():
    rng = np.random.default_rng(4)
    data = {"y": np.append(rng.poisson(6, 20), [0, 0, 0]), "g": [*np.repeat(list("abcd"), 5), "e", "e", "e"]}
    fit = fit_at("y ~ 1 + (1 | g)", data, family="poisson", beta=[1.5], sd_g=[1.0])
    curves = pooling_curves(fit, *chosen_effect(fit.design, None, None), np.array([0.0, 1.0, 8.0, np.inf]))
    found = mean_numbers(curves, 1, np.arange(5), MeanAxis(LINKS["log"], "expected y"))
    own = [np.mean(data["y"][np.array(data["g"]) == g]) for g in "abcde"]
    np.testing.assert_allclose(found["means"]["values"][-1], own, rtol=1e-4, atol=1e-9)
    assert found["endless"] == [0, 0, 0, 0, -1]


def test_normal_responses_have_no_means(pages):
    assert 'data-cell="here-mean"' not in pages["sleep"]
    assert 'data-cell="here-mean"' in pages["throws"]
