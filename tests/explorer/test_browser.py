"""The page in a real browser, driven as a reader would: the marks move, and stand where they should."""

import json
import re

import numpy as np
import pytest

import partialpool as pp
from explorer.conftest import HOSTILE
from explorer.devtools import chromium

MODEL = "(name => Bokeh.documents.map(d => d.get_model_by_name(name)).find(m => m !== null))"
PHONE = {"width": 390, "height": 844, "phone": True}


@pytest.fixture(scope="module")
def files(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def sleeping(browser, files):
    browser.open(files["sleep"])
    return browser


def column(page, name, source="levels"):
    """A column of what is drawn, NaN for gaps."""
    text = page.value(f"JSON.stringify([...{MODEL}({source!r}).data[{name!r}]])")
    return np.array([np.nan if value is None else value for value in json.loads(text)], float)


def levels_drawn(page):
    names = page.value("JSON.parse(document.getElementById('numbers').textContent).names")
    return [names[int(k)] for k in column(page, "level")]


def text_of(page, selector):
    return page.value(f"document.querySelector({selector!r}).textContent")


def set_value(page, element, value, event="input"):
    change = f"e.value = {value!r}; e.dispatchEvent(new Event({event!r}));"
    page.value(f"(e => {{ {change} }})(document.getElementById({element!r}))")
    page.settle()


@pytest.mark.parametrize("name", ["sleep", "schools", "radon", "hostile"])
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


def test_it_opens_at_what_the_data_say(sleeping, sleep):
    median = float(sleep.posterior["sd_Subject"].sel(Subject_effect="Intercept").median())
    assert text_of(sleeping, "#sd-here") == f"{median:.1f} ms"
    # The mark of the slider, the curve's median and the slider itself are one place.
    assert sleeping.value(f"{MODEL}('sd-now').location") == pytest.approx(column(sleeping, "middle", "sd-summary")[0])
    assert float(sleeping.value("document.getElementById('sd').value")) == pytest.approx(
        column(sleeping, "middle", "sd-summary")[0], abs=0.5
    )
    posterior = pp.level_effects(sleep, "Intercept")["effect"]
    expected = posterior.mean(("chain", "draw")).sel(level=levels_drawn(sleeping)).to_numpy()
    np.testing.assert_allclose(column(sleeping, "here"), expected, atol=2.0)


def test_the_ends_are_complete_and_no_pooling(sleeping, sleep):
    pooling = pp.shrinkage(sleep).sel(effect="Intercept")
    own = pooling["no_pooling"].sel(level=levels_drawn(sleeping)).to_numpy()
    set_value(sleeping, "sd", "0")
    np.testing.assert_allclose(column(sleeping, "here"), float(pooling["complete_pooling"]), rtol=0, atol=1e-6)
    assert sleeping.value(f"{MODEL}('complete').location") == pytest.approx(
        float(pooling["complete_pooling"]), abs=1e-6
    )
    assert text_of(sleeping, "#reads").startswith("Complete pooling")
    set_value(sleeping, "sd", "200")
    np.testing.assert_allclose(column(sleeping, "here"), own, rtol=0, atol=1e-6)
    np.testing.assert_allclose(column(sleeping, "own"), own, rtol=0, atol=1e-6)
    assert text_of(sleeping, "#sd-here") == "infinite"
    assert text_of(sleeping, "#reads").startswith("No pooling")
    cells = sleeping.value("[...document.querySelectorAll('[data-cell=here]')].map(e => e.textContent)")
    assert cells == [f"{value:.1f}" for value in own]


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
    own = np.linalg.lstsq(columns, frame["log_radon"].to_numpy(), rcond=None)[0][:-1]
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
    outline = sleeping.value("getComputedStyle(document.getElementById('sd')).outlineStyle")
    assert outline == "solid"  # the focus is seen


def test_every_control_is_reached_by_the_tab_key(sleeping):
    sleeping.value("document.body.focus()")
    seen = []
    for _ in range(12):
        sleeping.press("Tab")
        seen.append(sleeping.value("document.activeElement.id || document.activeElement.className"))
    wanted = ["sd", "to-complete", "to-data", "to-none", "family", "scale", "show-all", "show-none"]
    assert [name for name in seen if name in wanted] == wanted


def test_the_data_are_a_button_away(sleeping):
    start = column(sleeping, "here")
    sleeping.click("#to-none")
    assert np.abs(column(sleeping, "here") - start).max() > 5
    sleeping.click("#to-data")
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


def test_a_level_tells_its_numbers(sleeping, sleep):
    pooling = pp.shrinkage(sleep).sel(effect="Intercept", level="308")
    place = levels_drawn(sleeping).index("308")
    sleeping.value("scrollTo(0, 0)")
    x, y = sleeping.value("(b => [b.x + 300, b.y])(document.getElementById('levels-plot').getBoundingClientRect())")
    sleeping.move_mouse(x, y + 5 + 22 * (place + 0.6))
    told = text_of(sleeping, "#told")
    assert told.startswith("308: 10 rows; ")
    for value in (pooling["no_pooling"], pooling["no_pooling_se"], pooling["complete_pooling"]):
        assert f"{float(value):.1f}" in told
    assert re.search(r"here 25\d\.\d ms, 7\d\s% from its own rows", told)
    assert sleeping.value(f"{MODEL}('pointed').visible")
    # By keyboard too: the focus on a row of the table is as good as a pointer on its mark.
    sleeping.value("document.querySelector('#levels tbody tr:nth-child(2) input').focus()")
    sleeping.settle()
    assert text_of(sleeping, "#told").startswith(f"{levels_drawn(sleeping)[1]}: 10 rows")


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
    # The slider stood at what the data say, and goes on standing there: nearly complete pooling now.
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
    assert f"sd {median:.1f} (" in text_of(browser, "#summary")
    set_value(browser, "family", "exponential", "change")
    assert not browser.value("document.getElementById('scale').disabled")
    assert text_of(browser, "#scale-here") == "62 g of standard colour"
    set_value(browser, "family", "as fitted", "change")
    assert f"sd {median:.1f} (" in text_of(browser, "#summary")


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


@pytest.mark.parametrize("name", ["sleep", "schools", "radon", "hostile"])
def test_nothing_overflows_a_phone(browser, files, name):
    browser.open(files[name], **PHONE)
    assert browser.value("innerWidth") == 390
    assert browser.value("document.documentElement.scrollWidth") <= 390
    # The slider stays in sight while the levels scroll under it.
    browser.value("document.getElementById('levels-plot').scrollIntoView({block: 'end'})")
    browser.settle()
    box = browser.value("(b => [b.top, b.bottom])(document.getElementById('sd').getBoundingClientRect())")
    assert 0 <= box[0] < box[1] <= 400
    small = browser.value(
        "[...document.querySelectorAll('p, td, label, button')].map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(small) >= 13


def test_the_slider_stands_under_the_line_it_moves(browser, files):
    for size in ({}, PHONE):
        browser.open(files["sleep"], **size)
        for step in (0, 80, 200):
            set_value(browser, "sd", str(step))
            slider = browser.value("(b => [b.left, b.width])(document.getElementById('sd').getBoundingClientRect())")
            frame = browser.value(
                f"(() => {{ const view = Bokeh.index.get_by_id({MODEL}('sd-plot').id); const box = view.frame.bbox;"
                " const left = document.getElementById('sd-plot').getBoundingClientRect().left;"
                " return [left + box.left, box.width]; })()"
            )
            thumb = slider[0] + 12 + (slider[1] - 24) * step / 200
            assert frame[0] + frame[1] * step / 200 == pytest.approx(thumb, abs=1.5)


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
    assert "its own rows do not tell it" in text_of(browser, "#told")
    assert browser.complaints == []
