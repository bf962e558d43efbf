"""Free throws of a class: all hit, none hit, no throws at all, and levels that are alike."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from explorer.screen import MODEL, PHONE, box_of, cells, column, levels_drawn, set_value, text_of
from partialpool.explorer import page
from partialpool.explorer.amounts import amounts, brackets
from partialpool.explorer.axis import LAST
from partialpool.explorer.captions import Topic, readings, things_to_try
from partialpool.explorer.curves import chosen_effect, pooling_curves
from partialpool.explorer.means import MeanAxis
from partialpool.explorer.page import render_explorer
from partialpool.explorer.shown import levels_in_order
from partialpool.explorer.studies import Study
from partialpool.explorer.words import Words
from partialpool.families.links import LINKS

CLASS = {
    "Anna": (3, 3), "Bilal": (0, 4), "Clara": (4, 6), "David": (7, 10), "Emre": (5, 12), "Fenja": (9, 15),
    "Gregor": (2, 7), "Hülya": (8, 11), "Ilja": (4, 9), "Jule": (10, 13), "Karim": (3, 8), "Lotte": (6, 14),
    "Mats": (1, 5), "Nora": (7, 12), "Olga": (0, 0), "Pit": (0, 2),
}  # fmt: skip
FORMULA = "p(hits, shots) ~ 1 + (1 | name)"


def table(pupils):
    hits, shots = zip(*pupils.values(), strict=True)
    return {"name": list(pupils), "hits": list(hits), "shots": list(shots)}


def at(pupils, sd=0.7, beta=0.2):
    fit = fit_at(FORMULA, table(pupils), family="binomial", beta=[beta], sd_name=[sd])
    return fit, pooling_curves(fit, *chosen_effect(fit.design, None, None), np.array([0.0, sd, 8.0, np.inf]))


def plain(text):
    return text.replace("\u2068", "").replace("\u2069", "").replace("\xa0", " ")


def topic():
    return Topic(
        "name", (), (), False, lambda value: f"{value:.2f}", Words("pupil", "throws", "never miss", "never hit")
    )


def explored(fit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("partialpool.explorer.studies.FAMILIES", {"half-t(3)": page.FAMILIES["half-t(3)"]})
        patch.setattr("partialpool.explorer.studies.PLACES", 1)
        text = render_explorer(fit, progressbar=False)
    items = {name: json.loads(re.search(rf'id="{name}">(.*?)</script>', text, re.S)[1]) for name in
             ("numbers", "pictures")}  # fmt: skip
    return text, items


def models_of(picture, name):
    """All models of a class in a picture."""
    found = []

    def walk(part):
        if isinstance(part, dict):
            if part.get("name") == name and part.get("type") == "object":
                found.append(part["attributes"])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(picture["doc"])
    return found


@pytest.fixture(scope="module")
def class_page():
    return explored(pp.fit(FORMULA, table(CLASS), family="binomial", seed=1, progressbar=False))


@pytest.fixture(scope="module")
def alike_page():
    pupils = dict.fromkeys("abcdefgh", (5, 10))
    return explored(pp.fit(FORMULA, table(pupils), family="binomial", seed=1, progressbar=False))


def test_all_hits_are_at_the_top_and_none_at_the_bottom(class_page):
    names = class_page[1]["numbers"]["names"]
    own = [CLASS[name][0] / CLASS[name][1] for name in names if CLASS[name][1]]
    assert own == sorted(own, reverse=True)
    # Of two without a hit, the one with fewer throws is closer to the others.
    assert names[0] == "Anna"
    assert names[-2:] == ["Pit", "Bilal"]
    assert class_page[1]["numbers"]["ranks"]["estimate"] == list(range(len(CLASS), 0, -1))


def test_the_order_is_that_of_the_estimates_whatever_the_order_of_the_rows():
    orders = []
    for names in (list(CLASS), list(CLASS)[::-1]):
        _, curves = at({name: CLASS[name] for name in names})
        order = levels_in_order(curves, 1, np.arange(len(names)))
        orders.append([curves.labels[k] for k in order])
    assert orders[0] == orders[1]
    assert (orders[0][0], orders[0][-1]) == ("Anna", "Bilal")


def test_levels_that_are_alike_have_an_axis_with_probabilities(alike_page):
    text, items = alike_page
    picture = items["pictures"][2]
    (figure,) = models_of(picture, "Figure")
    low, high = (figure["x_range"]["attributes"][end] for end in ("start", "end"))
    # 5 of 10: the standard error of the log odds is 1 / sqrt(10 / 4); intervals may make the axis twice as wide.
    least = 1.1 / np.sqrt(2.5)
    assert -2 * least - 1e-6 <= low < -least < least < high <= 2 * least + 1e-6
    assert {"0.4", "0.5", "0.6"} <= set(MeanAxis(LINKS["logit"], "p").ticks(low, high).values())
    for k, value in enumerate(items["numbers"]["values"][LAST]):
        assert abs(value) < 1e-6, k
    assert "\u22120.00" not in text


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e6])
def test_the_least_width_has_the_unit_of_the_response(unit):
    data = {"y": unit * np.tile([-1.0, 1.0], 12), "g": np.repeat(list("abcd"), 6)}
    fit = pp.fit("y ~ 1 + (1 | g)", data, seed=1, progressbar=False)
    items = explored(fit)[1]
    x_range = models_of(items["pictures"][2], "Figure")[0]["x_range"]["attributes"]
    # One standard error to each side, or the intervals; and half as much again for a new level, which is wider still.
    error = float(fit.posterior["sigma"].median()) / np.sqrt(6)
    own = items["numbers"]["certain"][0]
    low, high = min(-error, *own["low"]), max(error, *own["high"])
    room = (high - low) / 2
    low, high = min(low, max(own["newcomer"]["low"], low - room)), max(high, min(own["newcomer"]["high"], high + room))
    margin = 0.05 * (high - low)
    assert (x_range["start"], x_range["end"]) == pytest.approx((low - margin, high + margin), rel=1e-4)
    assert x_range["end"] > error


def test_a_level_without_throws_has_no_estimate_of_its_own(class_page):
    fit, curves = at(CLASS)
    k = list(curves.labels).index("Olga")
    assert [name for name, empty in zip(curves.labels, curves.empty, strict=True) if empty] == ["Olga"]
    assert [n for n, far in zip(curves.labels, curves.infinite, strict=True) if far] == ["Anna", "Bilal", "Pit"]
    assert np.isnan(curves.values[-1][k])
    assert np.isnan(curves.own_errors[k])
    assert (curves.shares[:, k] == 0).all()
    # With the others it is where they are on average: at the population mean.
    np.testing.assert_allclose(curves.values[:3, k], curves.population[:3, k], atol=1e-7)
    factor = fit.design.factors[0]
    assert amounts(fit.design, factor)[k] == brackets(fit.design, factor)[k] == "no trials"
    none = plain(readings(curves, topic())["none"])
    assert "With one outcome only, and so at an end of the picture: Anna, Bilal, Pit." in none
    assert none.endswith("No throws, and so no estimate alone: Olga.")
    numbers = class_page[1]["numbers"]
    at_page = numbers["names"].index("Olga")
    assert numbers["empty"][at_page]
    assert numbers["endless"][at_page] == 0
    assert numbers["means"]["values"][LAST][at_page] is None


def test_the_other_levels_are_as_without_it():
    _, curves = at(CLASS)
    _, others = at({name: throws for name, throws in CLASS.items() if name != "Olga"})
    kept = [k for k, name in enumerate(curves.labels) if name != "Olga"]
    np.testing.assert_allclose(curves.values[:, kept], others.values, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(curves.shares[:3, kept], others.shares[:3], rtol=1e-6)


def test_one_level_with_a_finite_estimate_gets_a_true_sentence():
    pupils = {"Anna": (3, 3), "Bilal": (0, 4), "Clara": (4, 6), "David": (7, 7)}
    _, curves = at(pupils, sd=2.0)
    none = np.zeros(0)
    study = Study("half-t(3)", 1.0, np.ones_like, np.array([2.0]), none, none, good=True)
    said = plain(things_to_try(curves, 1, topic(), [study])[2][1])
    low, high = (f"{100 * share:.0f}" for share in (curves.shares[1].min(), curves.shares[1].max()))
    assert f"the weight of a pupil\u2019s own throws is between {low} and {high} %: the less information" in said
    assert "since effects of" not in said
    # The level with most information has the largest weight.
    assert np.argmax(curves.shares[1]) == 2


def test_the_farthest_are_those_that_the_picture_shows_farthest(class_page):
    fit, curves = at(CLASS)
    none = np.zeros(0)
    study = Study("half-t(3)", 1.0, np.ones_like, np.array([2.0]), none, none, good=True)
    about = replace(topic(), records=amounts(fit.design, fit.design.factors[0]))
    said = plain(things_to_try(curves, 1, about, [study])[1][1])
    assert said == (
        "Now each pupil has an estimate from its own throws, including their noise, which is luck: Anna (3 of 3) is "
        "farthest out: on this record alone, Anna would never miss. Bilal (0 of 4) and Pit (0 of 2) are farthest out, "
        "at the other end: on these records alone, each would never hit. Would you expect that of the next throws?"
    )
    # What that means for the computation is said in the technical part, and only there.
    plain_part, technical = class_page[0].split("<details>")
    assert "separates" not in plain_part
    assert "a predictor separates" in technical.split("</details>")[0]
    assert "no finite estimate" not in plain_part


def test_the_page_says_throws_and_log_odds(class_page):
    text = class_page[0].split("<details>")[0]
    assert "the fewer shots, the larger the share of the way it is drawn to the others" in text
    assert "farther it is drawn" not in text
    assert re.search(r'<th scope="col" class="number wide">shots</th>', text)
    assert text.count("Log odds: 0 is one half; +1 is 73\u00a0%; +2 is 88\u00a0%") == 1
    assert "(ICC, on the scale of log odds)" in text
    assert class_page[1]["numbers"]["sd_scale"] == "log odds"
    assert "shots" in class_page[1]["numbers"]["readings"]["none"]
    assert not re.search(
        r"\b(trials|rows)\b", re.sub(r'<p class="kind">.*?</p>|class="rows"|<style>.*?</style>', "", text, flags=re.S)
    )


def test_equal_records_are_a_tie_with_one_probability():
    pupils = {"Anna": (10, 10), "Ben": (4, 10), "Jonas": (10, 10), "Kira": (5, 10), "Leo": (4, 10)}
    text, items = explored(pp.fit(FORMULA, table(pupils), family="binomial", seed=1, progressbar=False))
    numbers = items["numbers"]
    highest = dict(zip(numbers["names"], numbers["certain"][0]["highest"], strict=True))
    assert highest["Anna"] == highest["Jonas"]
    assert highest["Ben"] == highest["Leo"]
    assert sum(highest.values()) == pytest.approx(1, abs=0.003)
    others = dict(zip(numbers["names"], numbers["ties"], strict=True))
    assert others == {"Anna": ["Jonas"], "Jonas": ["Anna"], "Ben": ["Leo"], "Leo": ["Ben"], "Kira": []}
    assert "Anna and Jonas have the same record: that is a tie. Of all 5, each of them is the highest" in plain(text)


@pytest.fixture(scope="module")
def path(class_page, tmp_path_factory):
    file = tmp_path_factory.mktemp("throws") / "class.html"
    # A long name in the table; the picture shortens names.
    text = class_page[0].replace("<bdi>Nora</bdi>", "<bdi>Nora Alexandra von und zu Hohenlohe-Langenburg</bdi>")
    file.write_text(text, encoding="utf-8")
    return file


def test_a_level_without_throws_has_no_mark_without_pooling(browser, path):
    browser.open(path)
    names, y = levels_drawn(browser), column(browser, "y")
    at_row = names.index("Olga")
    for step in ("0", "80", "200"):
        set_value(browser, "sd", step)
        assert np.isnan(column(browser, "own")[at_row])
        assert y[at_row] not in column(browser, "y", "beyond-own")
        assert np.isnan(column(browser, "here")[at_row]) == (step == "200")
        assert cells(browser, "own")[at_row] == "\u2013"
        assert cells(browser, "own-mean")[at_row] == ""
        assert cells(browser, "share")[at_row] == "0\xa0%"
    assert y[at_row] not in column(browser, "y", "beyond-here")
    browser.value(f"document.querySelectorAll('#levels tbody tr input')[{at_row}].focus()")
    browser.settle()
    told = plain(text_of(browser, "#told"))
    assert told.startswith("Olga: no trials; no estimate alone; all together 0.")
    assert browser.complaints == []


def test_zero_has_no_sign(alike_page, browser, tmp_path):
    file = tmp_path / "alike.html"
    file.write_text(re.sub(r'"decimals":\d+,"readings"', '"decimals":3,"readings"', alike_page[0]), encoding="utf-8")
    browser.open(file)
    for step in ("0", "80", "200"):
        set_value(browser, "sd", step)
        assert cells(browser, "here") == cells(browser, "own") == ["0.000"] * 8
    assert browser.complaints == []


def test_on_a_phone_names_are_beside_their_boxes_and_the_mean_is_enough(browser, path):
    browser.open(path, **PHONE)
    assert browser.value("document.documentElement.scrollWidth") <= 390
    boxes = browser.value(
        "[...document.querySelectorAll('#levels tbody label')]"
        ".map(l => [l.querySelector('input'), l.querySelector('bdi')]"
        ".flatMap(e => (b => [b.left, b.right, b.top, b.bottom])(e.getBoundingClientRect())))"
    )
    assert len(boxes) == len(CLASS)
    for _, right, top, bottom, left, _, name_top, _ in boxes:
        assert left >= right
        assert name_top < (top + bottom) / 2
    # The longest name has several lines, all of them beside its box.
    assert max(b[7] - b[6] for b in boxes) > 1.8 * min(b[7] - b[6] for b in boxes)
    shown = (
        "[...document.querySelectorAll('#levels .under, #levels .wide')].filter(e => e.offsetParent !== null).length"
    )
    assert browser.value(shown) == 0
    assert "0." in cells(browser, "here-mean")[0]
    _, top, _, bottom = box_of(browser, "mover")
    assert bottom - top < 270
    browser.open(path)
    assert browser.value(shown) > 0
    assert browser.value(f"{MODEL}('sd-plot').height") == 155
