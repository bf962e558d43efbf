"""The page in a real browser, driven as a reader would: the marks move, and stand where they should."""

import json
import re

import numpy as np
import pytest

import partialpool as pp
from explorer.conftest import HOSTILE
from explorer.screen import MODEL, cells, column, halfway, levels_drawn, point_of, set_value, text_of
from partialpool.distributions.frozen import frozen
from partialpool.explorer.curves import chosen_effect
from partialpool.explorer.script_data import SHARE_DIGITS
from partialpool.explorer.studies import FAMILIES, prior_scales

pytestmark = pytest.mark.thorough

_WHOLE = 0.5 + 50 * 10.0**-SHARE_DIGITS
"""By which a percentage may differ from its whole number: one at a half may round either way, and shares stand on the
page with so many digits."""


@pytest.mark.parametrize("name", ["sleep", "schools", "radon", "hostile", "penicillin", "throws"])
def test_it_loads_without_a_complaint_and_fetches_nothing(browser, files, name):
    browser.open(files[name])
    assert browser.complaints == []
    assert [url for url in browser.fetched if not url.startswith("data:")] == [files[name].as_uri()]
    assert text_of(browser, "h1").startswith("Partial pooling over")
    drawn = browser.value("[...document.querySelectorAll('.plot')].map(e => e.getBoundingClientRect().height)")
    assert len(drawn) == 3
    assert min(drawn) > 100


def test_a_broken_page_is_noticed(browser, files, tmp_path):
    text = files["schools"].read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(
        text.replace("</footer>", '</footer><img src="http://127.0.0.1:9/x.png"><script>nothing()</script>')
    )
    browser.open(broken)
    assert any("nothing is not defined" in line for line in browser.complaints)
    assert "http://127.0.0.1:9/x.png" in browser.fetched


def test_a_level_far_from_all_others_stands_at_the_edge(browser, files):
    browser.open(files["far"])
    names = levels_drawn(browser)
    start, end = (browser.value(f"{MODEL}('levels-plot').x_range.{side}") for side in ("start", "end"))
    assert end - start < 500  # 11,000 with the level
    assert float(cells(browser, "own")[0].replace(",", "")) == pytest.approx(10_000)
    row = column(browser, "y")[names.index("l99")]
    assert row in column(browser, "y", "beyond-own")
    assert np.isnan(column(browser, "own")[names.index("l99")])
    assert start < column(browser, "from")[names.index("l99")] < end
    assert np.isfinite(column(browser, "here")).all()
    set_value(browser, "sd", "200")  # no pooling: the estimate itself is beyond
    assert row in column(browser, "y", "beyond-here")


def test_it_opens_at_the_posterior_median(sleeping, sleep_at_the_mean):
    median = float(sleep_at_the_mean["sd"].median())
    assert text_of(sleeping, "#sd-here") == f"{median:.1f} ms"
    # The mark of the slider, the curve's median and the slider itself are one place.
    assert sleeping.value(f"{MODEL}('sd-now').location") == pytest.approx(column(sleeping, "middle", "sd-summary")[0])
    assert float(sleeping.value("document.getElementById('sd').value")) == pytest.approx(
        column(sleeping, "middle", "sd-summary")[0], abs=0.5
    )
    posterior = sleep_at_the_mean["partial_pooling"]
    expected = posterior.mean(("chain", "draw")).sel(level=levels_drawn(sleeping)).to_numpy()
    np.testing.assert_allclose(column(sleeping, "here"), expected, atol=2.0)


def test_the_ends_are_complete_and_no_pooling(sleeping, sleep_at_the_mean):
    pooling = sleep_at_the_mean
    own = pooling["no_pooling"].sel(level=levels_drawn(sleeping)).to_numpy()
    set_value(sleeping, "sd", "0")
    np.testing.assert_allclose(column(sleeping, "here"), float(pooling["complete_pooling"]), rtol=0, atol=1e-6)
    assert sleeping.value(f"{MODEL}('complete').location") == pytest.approx(
        float(pooling["complete_pooling"]), abs=1e-6
    )
    assert text_of(sleeping, "#reads").startswith("All together (complete pooling)")
    set_value(sleeping, "sd", "200")
    np.testing.assert_allclose(column(sleeping, "here"), own, rtol=0, atol=1e-6)
    np.testing.assert_allclose(column(sleeping, "own"), own, rtol=0, atol=1e-6)
    assert text_of(sleeping, "#sd-here") == "infinite"
    assert text_of(sleeping, "#reads").startswith("Each alone (no pooling)")
    assert cells(sleeping, "here") == [f"{value:.1f}" for value in own]
    assert cells(sleeping, "own") == [f"{value:.1f}" for value in own]
    errors = pooling["no_pooling_se"].sel(level=levels_drawn(sleeping)).to_numpy()
    np.testing.assert_allclose([float(text) for text in cells(sleeping, "error")], errors, rtol=0.01)
    assert text_of(sleeping, "#complete-here") == f"{float(pooling['complete_pooling']):.1f} ms"


@pytest.mark.parametrize("name", ["radon", "penicillin"])
def test_a_place_between_the_ends_is_that_of_the_model(browser, files, request, name):
    fit = request.getfixturevalue(name)
    browser.open(files[name])
    curves, order = halfway(browser, fit)
    np.testing.assert_allclose(column(browser, "here"), curves.values[0][order], rtol=1e-8)
    assert browser.value(f"{MODEL}('population').location") == pytest.approx(curves.population[0], rel=1e-8)
    shares = curves.shares[0][order]
    written = cells(browser, "share")
    assert [text == "\u2013" for text in written] == np.isnan(shares).tolist()
    percents = np.array([np.nan if text == "\u2013" else float(text.removesuffix("\xa0%")) for text in written])
    np.testing.assert_allclose(percents, 100 * shares, atol=_WHOLE, rtol=0)
    errors = pp.shrinkage(fit, fit.design.factors[0].name)["no_pooling_se"].sel(effect="Intercept").to_numpy()[order]
    np.testing.assert_allclose([float(text) for text in cells(browser, "error")], errors, rtol=0.01)
    # The sentence has the least and the largest of them.
    said = [float(text) for text in re.findall(r"(\d+)\s%", text_of(browser, "#reads"))]
    assert len(said) in (1, 2)
    np.testing.assert_allclose([said[0], said[-1]], [100 * np.nanmin(shares), 100 * np.nanmax(shares)], atol=_WHOLE)
    # And moves with the sd, like the line of the population.
    before = browser.value(f"{MODEL}('population').location")
    curves, _ = halfway(browser, fit, "20")
    assert browser.value(f"{MODEL}('population').location") == pytest.approx(curves.population[0], rel=1e-8)
    if name == "radon":
        assert browser.value(f"{MODEL}('population').location") != pytest.approx(before, rel=1e-4)


def test_a_balanced_crossing_moves_as_its_share_says(browser, files, penicillin):
    """What is said is what is drawn: n sd^2 / (n sd^2 + sigma^2) of the way, and the error sigma / sqrt(n)."""
    browser.open(files["penicillin"])
    sd, sigma = (float(penicillin.posterior[name].median()) for name in ("sd_plate", "sigma"))
    share = 6 * sd**2 / (6 * sd**2 + sigma**2)
    assert f"An estimate is {100 * share:.0f}\xa0% of the way" in text_of(browser, "#reads")
    mean = browser.value(f"{MODEL}('population').location")
    moved, own = column(browser, "here") - mean, column(browser, "own") - mean
    np.testing.assert_allclose(moved, share * own, atol=2e-3 * np.abs(own).max())
    assert set(cells(browser, "error")) == {f"{sigma / 6**0.5:.3f}"}
    browser.value("document.querySelector('#levels tbody tr input').focus()")
    browser.settle()
    assert f"mm, share {100 * share:.0f}\xa0%. The compromise: 95" in text_of(browser, "#told")


def test_the_sd_is_read_aloud_with_its_unit(sleeping, sleep_at_the_mean):
    spoken = "document.getElementById('sd').getAttribute('aria-valuetext')"
    median = f"{float(sleep_at_the_mean['sd'].median()):.1f} ms"
    assert sleeping.value(spoken) == text_of(sleeping, "#sd-here") == median
    sleeping.value("document.getElementById('sd').focus()")
    sleeping.press("End")
    assert sleeping.value(spoken) == "infinite"
    sleeping.press("ArrowLeft")
    assert sleeping.value(spoken) == text_of(sleeping, "#sd-here") != "infinite"
    assert sleeping.value("document.getElementById('scale').getAttribute('aria-valuetext')") == "56.2 ms"


def test_the_ends_of_an_unbalanced_table(browser, files, radon):
    browser.open(files["radon"])
    browser.click("#to-complete")
    complete = pp.shrinkage(radon)["complete_pooling"].item()
    np.testing.assert_allclose(column(browser, "here"), complete, atol=1e-6)
    browser.click("#to-none")
    # A regression with a column per county.
    frame = pp.load_dataset("radon")
    counties = np.unique(frame["county"])
    columns = np.column_stack([frame["county"].to_numpy()[:, None] == counties, frame["floor"]]).astype(float)
    found = np.linalg.lstsq(columns, frame["log_radon"].to_numpy(), rcond=None)[0]
    own = found[:-1] + found[-1] * frame["floor"].mean()
    expected = dict(zip(counties.astype(str), own, strict=True))
    np.testing.assert_allclose(column(browser, "here"), [expected[k] for k in levels_drawn(browser)], atol=1e-6)


def test_the_keyboard_moves_the_slider(sleeping):
    sleeping.value("document.getElementById('sd').focus()")
    sleeping.press("Home")
    assert np.ptp(column(sleeping, "here")) == 0
    at_zero = column(sleeping, "here")
    sleeping.press("ArrowRight")
    assert sleeping.value("document.getElementById('sd').value") == "1"
    one = column(sleeping, "here")
    assert 0 < np.abs(one - at_zero).max() < 5
    sleeping.press("PageUp")
    assert np.ptp(column(sleeping, "here")) > 5 * np.ptp(one)
    sleeping.press("End")
    np.testing.assert_allclose(column(sleeping, "here"), column(sleeping, "own"), atol=1e-6)


def test_the_posterior_median_is_a_button_away(sleeping):
    start = column(sleeping, "here")
    sleeping.click("#to-none")
    # Ten rows tell a subject's height on the mean day well: the farthest is pulled by a few ms.
    np.testing.assert_allclose(column(sleeping, "here"), column(sleeping, "own"), atol=1e-6)
    assert np.abs(column(sleeping, "here") - start).max() > 2
    sleeping.click("#to-median")
    np.testing.assert_allclose(column(sleeping, "here"), start)


def test_between_two_steps_the_marks_are_interpolated(sleeping):
    step = sleeping.value(f"{MODEL}('sd-now').location")
    assert step != round(step)
    here = column(sleeping, "here")
    set_value(sleeping, "sd", str(int(step)))
    low = column(sleeping, "here")
    set_value(sleeping, "sd", str(int(step) + 1))
    high = column(sleeping, "here")
    np.testing.assert_allclose(here, low + (step - int(step)) * (high - low), rtol=1e-12)


def test_levels_are_hidden_and_shown(sleeping):
    everybody = levels_drawn(sleeping)
    sleeping.click("#levels tbody tr:nth-child(3) input")
    assert levels_drawn(sleeping) == [*everybody[:2], *everybody[3:]]
    sleeping.click("#show-none")
    assert levels_drawn(sleeping) == []
    sleeping.value("document.querySelector('#levels tbody tr:nth-child(5) input').focus()")
    sleeping.press(" ")
    assert levels_drawn(sleeping) == [everybody[4]]
    sleeping.click("#show-all")
    assert levels_drawn(sleeping) == everybody
    assert sleeping.value("document.querySelectorAll('#levels input:checked').length") == 18


def test_a_level_tells_its_numbers(sleeping, sleep_at_the_mean):
    pooling = sleep_at_the_mean.sel(level="308")
    sleeping.value("scrollTo(0, 0)")
    sleeping.move_mouse(*point_of(sleeping, "308"))
    told = text_of(sleeping, "#told")
    assert told.startswith("\u2068308\u2069: 10 rows; ")
    for value in (pooling["no_pooling"], pooling["complete_pooling"]):
        assert f"{float(value):.1f}" in told
    (error,) = re.findall(r"standard error ([\d.]+)", told)
    assert float(error) == pytest.approx(float(pooling["no_pooling_se"]), rel=0.01)
    # With a slope that moves along no one weight says how far it is pulled.
    assert re.search(r"here 3\d\d\.\d ms\. The compromise: 95", told)
    assert sleeping.value(f"{MODEL}('pointed').visible")
    # By keyboard too: the focus on a row of the table is as good as a pointer on its mark. The focus scrolls the page,
    # so that the table could come to be below a pointer that rests.
    sleeping.move_mouse(2, 2)
    sleeping.value("document.querySelector('#levels tbody tr:nth-child(2) input').focus()")
    sleeping.settle()
    assert text_of(sleeping, "#told").startswith(f"\u2068{levels_drawn(sleeping)[1]}\u2069: 10 rows")


def test_pointing_follows_the_order_of_the_rows(browser, files):
    browser.open(files["schools"])
    before = dict(zip(levels_drawn(browser), column(browser, "y"), strict=True))
    set_value(browser, "order", "information", "change")
    browser.value("document.getElementById('levels-plot').scrollIntoView({block: 'center'})")
    browser.settle()
    after = dict(zip(levels_drawn(browser), column(browser, "y"), strict=True))
    moved = [name for name in after if after[name] != before[name]]
    assert len(moved) > 4
    for name in moved:
        browser.move_mouse(*point_of(browser, name))
        assert text_of(browser, "#told").startswith(f"\u2068{name}\u2069: ")
        band = browser.value(f"(b => [b.bottom, b.top])({MODEL}('pointed'))")
        assert band == [after[name] - 0.5, after[name] + 0.5]


def scaled(curve):
    """A curve up to a factor."""
    return curve / curve.max()


@pytest.mark.parametrize(("family", "size"), [("half-normal", 1), ("exponential", 2)])
def test_the_curves_drawn_are_those_of_the_prior_that_is_chosen(browser, files, schools, family, size):
    """The prior by its formula, the posterior and the ICC by a fit of its own."""
    browser.open(files["schools"])
    set_value(browser, "family", family, "change")
    set_value(browser, "scale", str(4 + 2 * size))
    about = (schools, *chosen_effect(schools.design, None, None))
    prior = FAMILIES[family](prior_scales(*about).sizes[4 + 2 * size])
    fit = pp.fit("effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), se="standard_error", seed=1,
                 priors={"sd_school[Intercept]": prior}, progressbar=False)  # fmt: skip
    sd, icc = fit.posterior["sd_school"].to_numpy().ravel(), pp.icc(fit)["icc"].to_numpy().ravel()
    points = np.array(browser.value("JSON.parse(document.getElementById('numbers').textContent).sds")[:161], float)
    x = points[column(browser, "x", "sd-curve").astype(int)]
    drawn = {name: column(browser, name, "sd-curve") for name in ("posterior", "prior")}
    np.testing.assert_allclose(scaled(drawn["prior"]), scaled(frozen(prior).pdf(x)), atol=2e-3)
    # Both have one scale: a posterior that is a density makes the prior one.
    unit = np.trapezoid(drawn["posterior"], x) / np.mean(sd <= x[-1])
    np.testing.assert_allclose(drawn["prior"] / unit, frozen(prior).pdf(x), rtol=0.03, atol=1e-4)
    below = np.array([np.trapezoid(drawn["posterior"][: k + 1], x[: k + 1]) for k in (40, 80, 120)]) / unit
    np.testing.assert_allclose(below, [np.mean(sd <= x[k]) for k in (40, 80, 120)], atol=0.02)
    share = column(browser, "x", "icc-curve")
    density = column(browser, "posterior", "icc-curve")
    below = np.trapezoid(density[:61], share[:61]) / np.trapezoid(density, share)
    assert below == pytest.approx(np.mean(icc <= share[60]), abs=0.02)
    quantiles = [f"{q:.2f}" for q in np.quantile(icc, [0.5, 0.025, 0.975])]
    low, high = np.quantile(sd, [0.025, 0.975])
    text = text_of(browser, "#summary")
    told = f"Posterior under this prior: sd {np.median(sd):.2f} SAT points, 95\xa0% interval {low:.2f} to {high:.2f}"
    assert text.startswith(told)
    assert "; ICC {}, {} to {}".format(*quantiles) in text
    marks = [column(browser, name, "icc-summary")[0] for name in ("middle", "low", "high")]
    np.testing.assert_allclose(marks, np.quantile(icc, [0.5, 0.025, 0.975]))


def test_a_prior_that_leaves_the_picture_is_marked_where_it_does(sleeping):
    """A wide prior's ICC rises without end towards 1, that of its sd stays in the picture."""
    assert len(column(sleeping, "x", "icc-above")) == 0
    assert sleeping.value("document.getElementById('above').hidden")
    set_value(sleeping, "family", "half-Cauchy", "change")
    set_value(sleeping, "scale", "8")
    assert len(column(sleeping, "x", "sd-above")) == 0
    (x,), (y,) = column(sleeping, "x", "icc-above"), column(sleeping, "y", "icc-above")
    prior, shares = column(sleeping, "prior", "icc-curve"), column(sleeping, "x", "icc-curve")
    top = sleeping.value(f"{MODEL}('icc-plot').y_range.end")
    assert prior.max() > top > y
    assert x == pytest.approx(shares[np.argmax(prior > top)], abs=0.025)
    assert not sleeping.value("document.getElementById('above').hidden")
    set_value(sleeping, "family", "half-normal", "change")
    set_value(sleeping, "scale", "4")
    assert len(column(sleeping, "x", "icc-above")) == 0
    assert sleeping.value("document.getElementById('above').hidden")


def test_another_prior_moves_the_curves_and_what_follows(browser, files):
    browser.open(files["schools"])
    before = {(s, c): column(browser, c, f"{s}-curve") for s in ("sd", "icc") for c in ("posterior", "prior")}
    here, summary = column(browser, "here"), text_of(browser, "#summary")
    set_value(browser, "family", "half-normal", "change")
    set_value(browser, "scale", "0")
    for (source, name), old in before.items():
        new = column(browser, name, f"{source}-curve")
        assert len(new) == len(old)
        assert np.abs(new - old).max() > 0.1, (source, name)
    assert text_of(browser, "#summary") != summary
    # The slider stood at the posterior median, and goes on standing there: nearly complete pooling now.
    assert np.ptp(column(browser, "here")) < 0.1 * np.ptp(here)
    # Where it was moved by hand it stays.
    set_value(browser, "sd", "100")
    moved = column(browser, "here")
    set_value(browser, "scale", "8")
    np.testing.assert_array_equal(column(browser, "here"), moved)
    assert column(browser, "middle", "sd-summary")[0] > 10 * column(browser, "low", "sd-summary")[0]


def test_a_prior_of_another_family_has_no_scale_to_move(browser, files, gamma):
    browser.open(files["gamma"])
    assert browser.value("document.getElementById('family').value") == "as fitted"
    assert browser.value("document.getElementById('scale').disabled")
    median = float(gamma.posterior["sd_Batch"].median())
    assert f"sd {median:.1f} g of standard colour, 95" in text_of(browser, "#summary")
    set_value(browser, "family", "exponential", "change")
    assert not browser.value("document.getElementById('scale').disabled")
    assert text_of(browser, "#scale-here") == "62 g of standard colour"
    set_value(browser, "family", "as fitted", "change")
    assert f"sd {median:.1f} g of standard colour, 95" in text_of(browser, "#summary")


def test_a_refit_that_failed_says_so(browser, files, tmp_path):
    text = files["schools"].read_text(encoding="utf-8")
    (found,) = re.findall(r'id="numbers">(.*?)</script>', text, re.S)
    numbers = json.loads(found)
    study = next(s for s in numbers["studies"] if s["family"] == "exponential" and s["scale"] == 0)
    study.update(sd=None, icc=None, good=False)
    doubtful = next(s for s in numbers["studies"] if s["family"] == "exponential" and s["scale"] == 1)
    doubtful["good"] = False
    path = tmp_path / "failed.html"
    path.write_text(text.replace(found, json.dumps(numbers)), encoding="utf-8")
    browser.open(path)
    here = column(browser, "here")
    set_value(browser, "family", "exponential", "change")
    set_value(browser, "scale", "0")
    assert text_of(browser, "#summary") == "Under this prior the model could not be fitted."
    assert len(column(browser, "x", "sd-curve")) == 0
    assert len(column(browser, "here")) == len(here)
    set_value(browser, "scale", "1")
    assert "diagnostics of this fit are not good" in text_of(browser, "#summary")
    assert browser.complaints == []


def test_rows_can_be_ordered_by_what_they_tell(browser, files):
    browser.open(files["radon"])
    set_value(browser, "order", "information", "change")
    rows = browser.value("JSON.parse(document.getElementById('numbers').textContent).rows")
    y = column(browser, "y")
    top_down = [rows[k] for k in np.argsort(-y)]
    assert top_down == sorted(rows, reverse=True)
    assert sorted(y) == list(range(1, 86))
    # Where names have no room there are no ticks and no lines either.
    axis = f"{MODEL}('levels-plot')"
    assert browser.value(f"[{axis}.left[0].visible, {axis}.center.filter(g => g.dimension === 1)[0].visible]") == [
        False, False
    ]  # fmt: skip
    assert browser.complaints == []


def test_names_follow_their_rows_when_these_are_reordered(browser, files):
    browser.open(files["schools"])
    labels = "[...M.major_label_overrides].map(([row, text]) => [row, text.text])".replace(
        "M", f"{MODEL}('levels-axis')"
    )
    set_value(browser, "order", "information", "change")
    named = {int(row): name for row, name in browser.value(labels)}
    for name, y in zip(levels_drawn(browser), column(browser, "y"), strict=True):
        assert named[int(y)] == name


def test_hostile_names_are_only_names(browser, files):
    browser.open(files["hostile"])
    assert browser.value("document.querySelectorAll('b.boom, h1 b').length") == 0
    names = browser.value("[...document.querySelectorAll('#levels tbody th')].map(e => e.textContent.trim())")
    assert sorted(names) == sorted(HOSTILE)
    browser.click("#to-none")
    # The level whose rows do not tell its slope has no mark at the end, and says why.
    at = levels_drawn(browser).index(HOSTILE[2])
    assert np.isnan(column(browser, "here")[at])
    browser.value(f"document.querySelectorAll('#levels tbody input')[{at}].focus()")
    browser.settle()
    assert "not identified by its own rows" in text_of(browser, "#told")
    assert browser.complaints == []
