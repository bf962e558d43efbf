"""The classroom's form in a real browser, on a screen as wide as a phone."""

import re
from threading import Event, Thread

import pytest

from explorer.screen import PHONE, contrast, is_in_view, text_of
from partialpool.explorer.classroom.answer import make_page
from partialpool.explorer.classroom.form import EXAMPLE
from partialpool.explorer.classroom.server import ClassroomServer
from partialpool.explorer.studies import PriorChoice

pytestmark = pytest.mark.thorough

HITS = {"Ada": "yyn", "Ben": "nnnny", "Cem": "yyyy", "Dora": "ynyn"}
TRIES = "pupil;hit\n" + "".join(f"{name};{hit}\n" for name, hits in HITS.items() for hit in hits)
WIDTHS = "[document.documentElement.scrollWidth, innerWidth]"


@pytest.fixture
def classroom(monkeypatch):
    """A server, and an event without which no page is made."""
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", PriorChoice(("half-t(3)",), 1))
    may_fit = Event()

    def make(question):
        assert may_fit.wait(60)
        return make_page(question)

    with ClassroomServer("127.0.0.1", 0, make) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server, may_fit
        may_fit.set()
        server.shutdown()
        thread.join()


def paste(browser, text):
    """As a browser does: the text is there when the handler's timer runs."""
    change = f"e.value = {text!r}; e.dispatchEvent(new ClipboardEvent('paste'))"
    browser.value(f"(e => {{ {change}; }})(document.getElementById('table'))")


def shown(browser, element):
    return browser.value(f"document.getElementById({element!r}).getBoundingClientRect().height > 0")


def test_a_pasted_table_becomes_a_page(browser, classroom):
    server, may_fit = classroom
    browser.open(server.url, **PHONE)
    assert browser.complaints == []
    assert browser.value("document.getElementById('table').value") == EXAMPLE.text
    assert browser.value(WIDTHS) == [390, 390]
    assert shown(browser, "attempts-field")
    assert not shown(browser, "success-field")
    # The columns of a pasted table are read at once, and its choices are those of yes or no.
    paste(browser, TRIES)
    browser.wait("document.getElementById('who')?.value === 'pupil'")
    browser.wait_until_ready()
    assert browser.value("document.getElementById('table').value") == TRIES
    assert browser.value("document.querySelector('[name=kind]:checked').value") == "yes or no"
    assert browser.value("document.getElementById('success').value") == "y"
    assert shown(browser, "success-field")
    assert not shown(browser, "attempts-field")
    browser.click("#go")
    browser.wait("document.getElementById('fitting') !== null")
    assert is_in_view(browser, "fitting")
    assert "The model is being fitted" in text_of(browser, "#fitting")
    assert browser.value(WIDTHS) == [390, 390]
    may_fit.set()
    browser.wait("document.getElementById('sd') !== null")
    browser.wait_until_ready()
    assert browser.complaints == []
    assert text_of(browser, "h1") == "Partial pooling over pupil"
    assert "probability of hit = y" in browser.value("document.getElementById('numbers').parentNode.innerHTML")
    assert browser.value(WIDTHS) == [390, 390]
    drawn = browser.value("[...document.querySelectorAll('.plot')].map(e => e.getBoundingClientRect().height)")
    assert min(drawn) >= 90  # of the picture above the slider, which stays in view
    # Back to the table as it was pasted, with the choices that were made; the page is listed there.
    browser.click("nav a")
    browser.wait("document.getElementById('table')?.value.startsWith('pupil;hit')")
    browser.wait_until_ready()
    assert browser.value("document.querySelector('[name=kind]:checked').value") == "yes or no"
    assert re.fullmatch(r"hit of pupil", text_of(browser, "li a"))


def test_what_is_wrong_is_shown_above_the_table(browser, classroom):
    server, may_fit = classroom
    may_fit.set()
    browser.open(server.url, **PHONE)
    browser.value("document.getElementById('response').value = 'shots'")
    browser.value("document.getElementById('attempts').value = 'hits'")
    browser.click("#go")
    browser.wait("document.querySelector('[role=alert]') !== null")
    browser.wait_until_ready()
    assert text_of(browser, "[role=alert] b") == "more hits than attempts"
    assert browser.value("document.getElementById('table').value") == EXAMPLE.text
    assert browser.value("document.getElementById('response').value") == "shots"
    assert browser.value(WIDTHS) == [390, 390]


def test_a_long_name_of_a_column_does_not_widen_the_page(browser, classroom):
    browser.open(classroom[0].url, **PHONE)
    long = "number_of_throws_that_hit_the_basket_on_the_school_sports_day_in_the_gym"
    paste(browser, EXAMPLE.text.replace("hits", long))
    browser.wait(f"document.getElementById('response')?.value === {long!r}")
    browser.wait_until_ready()
    assert browser.value(WIDTHS) == [390, 390]


def test_in_the_dark_its_texts_are_light(browser, classroom):
    browser.open(classroom[0].url, dark=True)
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    ground = tuple(float(part) for part in re.findall(r"[\d.]+", paper)[:3])
    assert contrast(ground) > 10
    for selector in ("h1", "label", ".small", "textarea", "select", "#read", "legend"):
        color = browser.value(f"getComputedStyle(document.querySelector({selector!r})).color")
        assert contrast(color, ground) >= 4.5, selector
    go = browser.value("(s => [s.color, s.backgroundColor])(getComputedStyle(document.getElementById('go')))")
    color, behind = (tuple(float(part) for part in re.findall(r"[\d.]+", text)[:3]) for text in go)
    assert contrast(color, behind) >= 4.5
