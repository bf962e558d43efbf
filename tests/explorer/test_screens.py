"""The page on screens of every size, under a finger, and without a mouse: nothing is out of reach or out of sight."""

import re

import pytest

from explorer.screen import (
    FOCUSED,
    MODEL,
    ON_ITS_SIDE,
    PHONE,
    box_of,
    contrast,
    is_in_view,
    levels_drawn,
    point_of,
    set_value,
    text_of,
)

pytestmark = pytest.mark.thorough

CONTROLS = ["sd", "to-complete", "to-median", "to-none", "family", "scale", "show-all", "show-none"]


@pytest.mark.parametrize("name", ["sleep", "schools", "radon", "hostile", "penicillin"])
def test_nothing_overflows_a_phone(browser, files, name):
    browser.open(files[name], **PHONE)
    assert browser.value("innerWidth") == 390
    assert browser.value("document.documentElement.scrollWidth") <= 390
    # The slider stays in sight while the levels scroll under it.
    browser.value("document.getElementById('levels-plot').scrollIntoView({block: 'end'})")
    browser.settle()
    assert is_in_view(browser, "sd")
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


def test_on_a_phone_on_its_side_controls_stand_beside_the_levels(browser, files):
    browser.open(files["radon"], **ON_ITS_SIDE)
    assert browser.value("document.documentElement.scrollWidth") <= 844
    browser.value("document.getElementById('levels-plot').scrollIntoView({block: 'end'})")
    browser.settle()
    for element in ("sd", "to-complete", "to-median", "to-none", "sd-here"):
        assert is_in_view(browser, element), element
    # The levels have the whole height of the screen.
    left, *_ = box_of(browser, "levels-plot")
    for y in (5, 200, 385):
        over = f"document.elementFromPoint({left + 200}, {y}).closest('#estimates') !== null"
        assert browser.value(over), y


def test_a_wide_screen_keeps_the_controls_in_sight_down_to_the_table(browser, files):
    browser.open(files["radon"], width=1300, height=800)
    for element in ("levels-plot", "show-all", "tries"):
        browser.value(f"document.getElementById({element!r}).scrollIntoView({{block: 'center'}})")
        browser.settle()
        assert is_in_view(browser, "sd"), element


def test_the_axis_of_eighteen_levels_is_in_sight_on_a_small_laptop(browser, files):
    browser.open(files["sleep"], width=1280, height=900)
    left, _, right, bottom = box_of(browser, "levels-plot")
    assert left >= 0
    assert right <= 1280
    assert bottom <= 900  # the name of the axis is at its end


@pytest.mark.parametrize("size", [{"width": 1300, "height": 700}, PHONE, ON_ITS_SIDE], ids=["wide", "phone", "side"])
def test_what_a_level_tells_is_seen_where_it_is_pointed_at(browser, files, size):
    """A finger taps the lowest rows of a long picture; a mouse moves over them."""
    browser.open(files["radon"], **size)
    browser.value("document.getElementById('levels-plot').scrollIntoView({block: 'end'})")
    browser.settle()
    level = levels_drawn(browser)[-4]
    x, y = point_of(browser, level)
    if "phone" in size:
        browser.swipe(x, y, 0)
        browser.wait("document.getElementById('told').classList.contains('full')")
    else:
        browser.move_mouse(x, y)
    assert text_of(browser, "#told").startswith(f"\u2068{level}\u2069: ")
    assert is_in_view(browser, "told")
    assert is_in_view(browser, "sd")
    if "phone" in size:  # a tap elsewhere lets go
        browser.click("#estimates-title")
        assert "full" not in browser.value("document.getElementById('told').className")
        assert len(text_of(browser, "#reads")) > 20


@pytest.mark.parametrize("plot", ["levels-plot", "sd-plot", "icc-plot"])
def test_a_finger_on_a_picture_scrolls_the_page(browser, files, plot):
    browser.open(files["schools"], width=390, height=400, phone=True)
    browser.value(f"scrollBy(0, document.getElementById({plot!r}).getBoundingClientRect().top - 250)")
    browser.settle()
    left, top, *_ = box_of(browser, plot)
    before = browser.value("scrollY")
    browser.swipe(left + 150, top + 50, 120)
    assert browser.value("scrollY") > before + 60


def test_the_tab_key_reaches_every_control_once_and_nothing_else(sleeping):
    """In this order, the last of the rows' boxes before what is folded up: no stop that does nothing."""
    seen = []
    for _ in range(len(CONTROLS) + 1 + 18 + 1):
        sleeping.press("Tab")
        seen.append(sleeping.value(f"{FOCUSED}.id || {FOCUSED}.className || {FOCUSED}.type || {FOCUSED}.localName"))
    assert seen == [*CONTROLS, "rows", *["checkbox"] * 18, "summary"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_focus_and_the_controls_are_seen(browser, files, dark):
    """At least 3 to 1 against the page (WCAG 2.2, 1.4.11 and 2.4.13)."""
    browser.open(files["sleep"], dark=dark)
    sleeping, paper = browser, rgb(browser, "body")
    for name in CONTROLS:
        sleeping.press("Tab")
        style, width, color = sleeping.value(
            f"(s => [s.outlineStyle, parseFloat(s.outlineWidth), s.outlineColor])(getComputedStyle({FOCUSED}))"
        )
        assert style == "solid", name
        assert width >= 2
        assert contrast(color, paper) >= 3
    rules = sleeping.value(
        "[...document.styleSheets[0].cssRules].filter(r => /track/.test(r.selectorText)).map(r => r.style.background)"
    )
    assert rules == ["var(--track)"] * len(rules) != []
    track = sleeping.value("getComputedStyle(document.documentElement).getPropertyValue('--track').trim()")
    assert contrast(track, paper) >= 3
    drawn = f"{MODEL}('levels-plot').renderers.map(r => r.glyph.line_color?.value ?? r.glyph.line_color)"
    assert contrast(sleeping.value(drawn)[0]) >= 3


def rgb(page, selector, what="backgroundColor"):
    found = page.value(f"getComputedStyle(document.querySelector({selector!r})).{what}")
    return tuple(float(part) for part in re.findall(r"[\d.]+", found)[:3])


def test_in_the_dark_texts_are_light_and_pictures_keep_their_white_ground(browser, files):
    browser.open(files["throws"], dark=True)
    paper = rgb(browser, "body")
    assert contrast(paper) > 10
    for selector in ("h1", ".kind", "#reads", "#told", "#levels td", "#levels .under", "summary", "#to-complete"):
        assert contrast(rgb(browser, selector, "color"), paper) >= 4.5, selector
    pressed = "button[aria-pressed=true]"
    assert contrast(rgb(browser, pressed, "color"), rgb(browser, pressed)) >= 4.5
    for selector in (".plot", ".key"):
        assert rgb(browser, selector) == (255, 255, 255)
    assert contrast(rgb(browser, ".key", "color")) >= 4.5
    assert browser.complaints == []
