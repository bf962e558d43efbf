"""The classroom's server: a table goes in by a form, the explorer's page or a message comes out."""

import html
import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from http.client import HTTPConnection
from threading import Barrier, Event, Thread
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pandas as pd
import psutil
import pytest

import partialpool as pp
from partialpool.cli import main
from partialpool.design.build import build_design
from partialpool.explorer import studies
from partialpool.explorer.classroom.answer import make_page
from partialpool.explorer.classroom.form import EXAMPLE, render_waiting
from partialpool.explorer.classroom.guess import guessed
from partialpool.explorer.classroom.missing import MISSING_WORDS
from partialpool.explorer.classroom.pasted import MOST_ROWS, read_pasted
from partialpool.explorer.classroom.question import KINDS, MOST_LEVELS, MOST_TITLE, Question
from partialpool.explorer.classroom.requests import MOST_BYTES
from partialpool.explorer.classroom.server import ClassroomServer
from partialpool.explorer.page import render_explorer
from partialpool.explorer.studies import PriorChoice
from partialpool.fitting.table_file import read_table_file

ONE = PriorChoice(("half-t(3)",), 1)
"""The prior of the fit alone, without refits."""
CHOICES = {"who": "name", "response": "hits", "kind": "hits out of attempts", "attempts": "shots"}


@pytest.fixture
def serve(serve_classroom):
    """Start servers; return their addresses."""
    return lambda make: serve_classroom(make).url


@pytest.fixture
def url(serve):
    """A server that checks the model of a question, and fits nothing."""
    return serve(lambda question: f"<p>{html.escape(question.model()[0].to_formula())}</p>")


def ask(address, data=None, *, method=None, headers=()):
    """Status, page and headers; `data` is a form."""
    body = None if data is None else urlencode(data).encode()
    request = Request(address, body, dict(headers), method=method)
    try:
        with urlopen(request) as answer:
            return answer.status, answer.read().decode(), answer
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), error


def explore(url, form, **options):
    """Send a form, and wait for its page or its error as a browser does."""
    status, page, answer = ask(f"{url}explore", form, **options)
    deadline = time.monotonic() + 60
    while status == 202:
        assert '<meta http-equiv="refresh" content="2">' in page
        assert time.monotonic() < deadline
        time.sleep(0.02)
        status, page, answer = ask(answer.url)
    return status, page, answer


def typed(page):
    """The table in the form, as a browser reads it: the first line break does not count."""
    return html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)[1])


def chosen(page, name):
    select = re.search(rf'<select id="{name}".*?</select>', page, re.S)[0]
    return [html.unescape(value) for value in re.findall(r'<option value="([^"]*)" selected>', select)]


def parts(page):
    """The four parts of the message on a page."""
    found = re.search(r'<div class="wrong".*?</div>', page, re.S)
    return re.findall(r"<p>(.*?)</p>", html.unescape(found[0]), re.S) if found else []


def test_the_form_has_an_example_with_its_choices(url):
    status, page, _ = ask(url)
    assert status == 200
    assert typed(page) == EXAMPLE.text
    assert [chosen(page, name) for name in ("who", "response", "attempts")] == [["name"], ["hits"], ["shots"]]
    assert re.findall(r'value="([^"]*)"[^>]* checked', page) == ["hits out of attempts"]
    assert parts(page) == []
    pupils = read_pasted(EXAMPLE.text, {"name"})
    assert len(pupils) == 13
    assert (pupils["hits"] <= pupils["shots"]).all()


@pytest.mark.parametrize("separator", [",", ";", "\t", " ; "])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_table_is_read_however_it_is_separated(url, separator, ending):
    text = EXAMPLE.text.replace(",", separator).replace("\n", ending)
    status, page, _ = ask(f"{url}table", {"table": ending + text})
    assert status == 200
    assert parts(page) == []
    assert [chosen(page, name) for name in ("who", "response", "attempts")] == [["name"], ["hits"], ["shots"]]
    status, page, answer = explore(url, {"table": text, **CHOICES})
    assert (status, page) == (200, "<p>p(hits, shots) ~ 1 + (1 | name)</p>")
    assert re.fullmatch(rf"{url}page/\w{{12}}", answer.url)


def test_a_good_table_becomes_the_explorers_page(serve, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", ONE)
    url = serve(make_page)
    status, page, answer = explore(url, {"table": EXAMPLE.text, **CHOICES})
    assert status == 200
    assert "p(hits, shots) ~ 1 + (1 | name)" in page
    assert (
        re.findall(r"<bdi>(\w+)</bdi></label></th><td class=\"number wide\">(\d+)</td>", page).count(("Mia", "50")) == 1
    )
    # It is the page that pp.explore writes of this fit, with a link above it.
    table = pd.DataFrame({name: read_pasted(EXAMPLE.text, {"name"})[name] for name in ("name", "hits", "shots")})
    fit = pp.fit("p(hits, shots) ~ 1 + (1 | name)", table, family="binomial", seed=1, progressbar=False)
    numbers = re.compile(r'<script type="application/json" id="numbers">(.*?)</script>')
    assert (
        numbers.search(page)[1]
        == numbers.search(render_explorer(fit, progressbar=False, choice=ONE, called="pupil"))[1]
    )
    # The link leads back to the table as it was typed, and the form lists the page.
    (back,) = re.findall(r'<a href="(/\?page=\w+)">Back to the table</a>', page)
    _, form, _ = ask(url + back[1:])
    assert typed(form) == EXAMPLE.text
    (listed,) = re.findall(r'<a href="/(page/\w+)"', form)
    assert url + listed == answer.url
    assert ask(answer.url)[1] == page


def test_the_page_of_a_class_has_a_narrow_and_a_wide_prior_of_two_families(monkeypatch):
    """So many fits as the waiting page says."""
    fitted = []
    monkeypatch.setattr(studies, "_refitted", lambda design, seed: fitted.append(design) or found)
    question = Question(EXAMPLE.text, "name", "hits", "hits out of attempts", "shots")
    spec, table = question.model()
    found = pp.fit(spec, table, seed=1, progressbar=False)
    page = make_page(question)
    (numbers,) = re.findall(r'id="numbers">(.*?)</script>', page)
    tried = [(study["family"], study["scale"]) for study in json.loads(numbers)["studies"]]
    assert sorted(tried) == sorted((family, k) for family in ("half-normal", "half-t(3)") for k in range(5))
    assert len(fitted) == 9
    assert f"{len(fitted)} other priors" in render_waiting(question, 0)
    assert json.loads(numbers)["scales"] == ["0.0156", "0.0625", "0.25", "1", "4"]
    assert re.findall(r'<option value="([^"]*)">half', page) == ["half-normal", "half-t(3)"]


def test_a_question_is_fitted_once_and_one_at_a_time(serve):
    running, most, calls = [0], [0], []

    def make(question):
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.05)
        running[0] -= 1
        calls.append(question.text)
        return "<p>done</p>"

    url, start = serve(make), Barrier(6)
    tables = [f"name,hits,shots\nAda,{k},9\nBen,2,3\n" for k in range(3)]

    def send(table):
        start.wait()
        assert explore(url, {"table": table, **CHOICES})[0] == 200

    threads = [Thread(target=send, args=(table,)) for table in tables * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert sorted(calls) == tables
    assert len(re.findall('href="/page/', ask(url)[1])) == 3


def test_who_waits_is_told_what_for(serve):
    may_fit = Event()

    def make(question):
        assert may_fit.wait(60)
        return "<p>done</p>"

    url, pages = serve(make), []
    for k in range(3):
        status, page, answer = ask(f"{url}explore", {"table": f"name,hits,shots\nAda,{k},9\nBen,2,3\n", **CHOICES})
        assert status == 202
        said = re.search(r'role="status".*?</div>', page, re.S)[0]
        assert ["The model is being fitted", "1 table is before yours", "2 tables are before yours"][k] in said
        pages.append(answer.url)
    assert 'href="/page/' not in ask(url)[1]
    may_fit.set()
    assert [explore(url, {"table": f"name,hits,shots\nAda,{k},9\nBen,2,3\n", **CHOICES})[0] for k in range(3)] == [
        200
    ] * 3
    assert [ask(address)[:2] for address in pages] == [(200, "<p>done</p>")] * 3


def test_only_so_many_wait_and_are_kept(serve, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.classroom.pages.MOST", 3)
    may_fit = Event()

    def make(question):
        assert may_fit.wait(60)
        return "<p>done</p>"

    url = serve(make)
    forms = [{"table": f"name,hits,shots\nAda,{k},9\nBen,2,3\n", **CHOICES} for k in range(5)]
    assert [ask(f"{url}explore", form)[0] for form in forms[:3]] == [202] * 3
    status, page, _ = ask(f"{url}explore", forms[3])
    assert status == 400
    assert parts(page)[0] == "<b>too many tables wait for their fit</b>"
    may_fit.set()
    addresses = [explore(url, form)[2].url for form in forms]
    assert [ask(address)[0] for address in addresses] == [404, 404, 200, 200, 200]
    assert re.findall('href="/(page/\\w+)"', ask(url)[1]) == [a.removeprefix(url) for a in addresses[:1:-1]]


def test_a_fit_that_failed_can_be_asked_for_again(serve):
    calls = []

    def make(question):
        calls.append(question)
        if len(calls) == 1:
            raise pp.EngineError("no memory", got="a", allowed="b", do="c")
        return "<p>done</p>"

    url, form = serve(make), {"table": EXAMPLE.text, **CHOICES}
    status, page, _ = explore(url, form)
    assert (status, parts(page)) == (400, ["<b>no memory</b>", "Found: a", "Allowed: b", "What to do: c"])
    assert typed(page) == EXAMPLE.text
    assert explore(url, form)[:2] == (200, "<p>done</p>")
    assert explore(url, form)[:2] == (200, "<p>done</p>")
    assert len(calls) == 2


BAD = {
    "nothing": ("", {}, "cannot read the table"),
    "names only": ("name,hits,shots\n", {}, "the table has no rows"),
    "a comma in a name": ("name,hits,shots\nSchmidt, Anna,3,3\n", {}, "do not have the same number of columns"),
    "no names of columns": ("Anna,3,3\nBilal,0,4\n", {}, "Does the first line have the names of the columns?"),
    "hits only": ("name,hits,shots\nAda,3,3\nBen,2,2\n", {}, "every attempt was a hit; at least one miss is needed"),
    "no hits": ("name,hits,shots\nAda,0,3\nBen,0,2\n", {}, "no attempt was a hit; at least one hit is needed"),
    "yes only": ("name,hits\nAda,1\nBen,1\n", {"kind": "yes or no"}, "every attempt was a hit"),
    "one number per name": (
        "name,hits\nAda,2.5\nBen,3.5\n", {"kind": "a measurement"}, "one number per name is not enough",
    ),
    "percentages": (
        "name,hits,shots\nAda,70%,10\nBen,50 %,4\n", {},
        "a percentage does not tell how many attempts: give hits and attempts",
    ),
    "attempts of one name only": ("name,hits,shots\nAda,1,3\nBen,0,0\n", {}, "'name' has too few different values"),
    "a long title": (EXAMPLE.text, {"title": "x" * (MOST_TITLE + 1)}, "the title is too long"),
    "one column": ("name hits shots\nAda 2 3\n", {}, "do not have the same number of columns"),
    "a line that is too long": ("name,hits,shots\nAda,2,3\nBen,2,3,4\n", {}, "do not have the same number of columns"),
    "an open quotation mark": ('name,hits,shots\n"Ada,2,3\n', {}, "cannot read the table"),
    "a very long value": (f"name,hits,shots\n{'a' * 200_000},2,3\n", {}, "cannot read the table"),
    "more hits than shots": ("name,hits,shots\nAda,4,3\nBen,2,3\n", {}, "more hits than attempts"),
    "one name": ("name,hits,shots\nAda,2,3\nAda,1,3\n", {}, "'name' has too few different values"),
    "words as hits": ("name,hits,shots\nAda,two,3\nBen,2,3\n", {}, "has values that are not whole numbers from 0"),
    "words as a measurement": ("name,hits\nAda,2.5\nBen,tall\n", {"kind": "a measurement"}, "are not numbers"),
    "a negative count": ("name,hits\nAda,-2\nBen,3\n", {"kind": "a count"}, "not whole numbers from 0"),
    "half a shot": ("name,hits,shots\nAda,2,2.5\nBen,3,4\n", {}, "'shots' has values that are not whole"),
    "halves as counts": ("name,hits\nAda,2.5\nBen,1\n", {"kind": "a count"}, "not whole numbers from 0"),
    "an unknown column": (EXAMPLE.text, {"who": "pupil"}, "the table has no such column"),
    "no column": (EXAMPLE.text, {"attempts": ""}, "no column is chosen"),
    "one column twice": (EXAMPLE.text, {"attempts": "hits"}, "one column is chosen twice"),
    "an unknown kind": (EXAMPLE.text, {"kind": "gamma"}, "this kind of response does not exist"),
    "three values as yes or no": (
        "name,hits\nAda,yes\nBen,no\nCem,?\n", {"kind": "yes or no", "success": "yes"}, "cannot be read as yes or no",
    ),
    "a yes that no row has": (
        "name,hits\nAda,yes\nBen,no\n", {"kind": "yes or no", "success": "oui"}, "cannot be read as yes or no",
    ),
    "too many rows": ("name,hits,shots\n" + "Ada,2,3\n" * (MOST_ROWS + 1), {}, "the table has too many rows"),
    "too many levels": (
        "name,hits,shots\n" + "".join(f"p{k},2,3\n" for k in range(MOST_LEVELS + 1)), {}, "too many different values",
    ),
}  # fmt: skip


def checked(question):
    """What a fit checks first."""
    build_design(*question.model())
    return "<p>this was not refused</p>"


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_on_the_form_with_the_table_as_typed(serve, name):
    text, changed, wrong = BAD[name]
    status, page, _ = explore(serve(checked), {"table": text, **CHOICES, **changed})
    assert status == 400
    found = parts(page)
    assert len(found) == 4
    assert wrong in found[0]
    assert [part.split(":")[0] for part in found[1:]] == ["Found", "Allowed", "What to do"]
    assert typed(page) == text


def test_a_wrong_row_is_named(serve):
    text = "name,hits,shots\nAda,2,3\nBen,9,4\nCem,5,4\n"
    assert parts(explore(serve(checked), {"table": text, **CHOICES})[1])[1] == "Found: 9 of 4, of 'Ben'; 2 such rows"


def test_a_table_that_is_too_large_is_refused_before_it_is_read(url):
    status, page, _ = explore(url, {"table": "x" * MOST_BYTES, **CHOICES})
    assert status == 413
    assert "the table is too large for this page" in parts(page)[0]
    assert f"up to {MOST_BYTES:,}" in parts(page)[2]
    assert ask(url)[0] == 200


STRANGE = [
    *("speed m/s", "a'b", 'a"b', "<script>boom()</script>", "身長", "x[u]", "100%", "a\\b", "{{ 7 * 7 }}"),
    *("__import__('os')", "beta", "2010", "a, b", "p(1)"),
]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_of_columns_and_levels_are_names(serve, name):
    """As a response, as attempts and as a level; as a factor unless its name would name two columns."""
    seen = []

    def make(question):
        spec, table = question.model()
        build_design(spec, table)
        seen.append((spec, table))
        return "<p>done</p>"

    url = serve(make)
    quoted = '"' + name.replace('"', '""') + '"'
    for column, role in (("hits", "response"), ("shots", "attempts"), ("name", "who")):
        text = f"name,hits,shots\n{quoted},2,3\nBen,5,9\nCem,1,3\n".replace(column, quoted, 1)
        status, page, _ = ask(f"{url}table", {"table": text, **CHOICES, role: name})
        assert status == 200
        assert chosen(page, role) == [name]
        assert typed(page) == text
        assert "<script>boom" not in page
        status, page, _ = explore(url, {"table": text, **CHOICES, role: name})
        if role == "who" and (set(name) & set(":/[]") or name == "beta"):
            assert status == 400
            assert len(parts(page)) == 4
            continue
        assert status == 200, parts(page)
        spec, table = seen[-1]
        wanted = {**CHOICES, role: name}
        assert spec.factors == (wanted["who"],)
        assert spec.response_term.name == wanted["response"]
        assert spec.columns == (wanted["response"], wanted["attempts"], wanted["who"])
        assert table[wanted["who"]].tolist() == [name, "Ben", "Cem"]
        assert "<script>boom" not in ask(url)[1]


def test_a_name_that_ends_its_own_quotation_is_refused(url):
    text = "name,a` + b,shots\nAda,2,3\nBen,3,4\n"
    status, page, _ = explore(url, {"table": text, **CHOICES, "response": "a` + b"})
    assert status == 400
    assert parts(page)[0].startswith("<b>a model cannot have a column of this name here")
    assert typed(page) == text


def test_labels_are_escaped_on_the_page(serve, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", ONE)
    text = EXAMPLE.text.replace("Ada", "<script>boom()</script>").replace("name", "<i>who")
    status, page, _ = explore(serve(make_page), {"table": text, **CHOICES, "who": "<i>who"})
    assert status == 200, parts(page)
    assert "<script>boom" not in page
    assert "&lt;script&gt;boom()&lt;/script&gt;" in page
    assert "<i>who" not in page
    assert "&lt;i&gt;who" in page


def test_rows_that_are_left_out_are_named_above_the_page(serve, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", ONE)
    text = "who;height\n" + "".join(f"{name};{cm}\n" for name in "abcdef" for cm in ("150,5", "161", "158,25"))
    text = text.replace("150,5", "", 1).replace("161", "171", 4)
    chosen_ = {"who": "who", "response": "height", "kind": "a measurement"}
    status, page, _ = explore(serve(make_page), {"table": text, **chosen_})
    assert status == 200, parts(page)
    note = re.search(r'<div class="panel" role="note".*?</div>', page, re.S)[0]
    assert "Left out, because there is no value of height: a." in note
    assert "dropped" not in note


def test_lines_of_commas_are_no_rows_and_those_who_are_left_out_do_not_count(serve):
    """As a spreadsheet copies empty lines; a pupil whose cell is empty is named, and not among those of the page."""
    url = serve(lambda question: "<p>done</p>")
    text = "name,hits,shots\nAda,2,3\n , ,\nBen,,10\nCem,1,4\nDora,5,9\nDora,,2\n,3,4\n,,\n"
    question = Question(text, "name", "hits", "hits out of attempts", "shots")
    assert question.remarks == [
        "Left out, because there is no value of hits: Ben, Dora.",
        "Left out, because there is no name: 1 row.",
    ]
    assert question.model()[1]["name"].tolist() == ["Ada", "Cem", "Dora"]
    assert explore(url, {"table": text, **CHOICES})[0] == 200
    assert "3 <bdi>pupils</bdi>, hits out of attempts" in ask(url)[1]


def test_names_that_differ_by_case_are_told_without_code(monkeypatch):
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", ONE)
    text = EXAMPLE.text.replace("Kai", "ada")
    page = html.unescape(make_page(Question(text, "name", "hits", "hits out of attempts", "shots")))
    note = re.search(r'<div class="panel" role="note".*?</div>', page, re.S)[0]
    assert "'Ada' (1 row) and 'ada' (1 row); allowed, but each is a separate category" in note
    assert "make them equal if they are one</p>" in note
    assert ".str" not in note


def test_one_pupil_is_told_to_add_others(serve):
    for rows in ("Ada,2,3\n", "Ada,2,3\nBen,0,0\n", "Ada,2,3\nBen,,4\n"):
        _, wrong, _ = explore(serve(checked), {"table": f"name,hits,shots\n{rows}", **CHOICES})
        found = parts(wrong)
        assert found[0] == (
            "<b>'name' has too few different values: one is compared with others, so there must be two or more</b>"
        )
        assert found[1] == "Found: only 'Ada' in 1 row with all values"
        assert found[3].startswith("What to do: add more rows, of others than this one")


def test_a_decimal_comma_between_commas_is_named(serve):
    for row, is_meant in (("Ada,2,5,3", True), ("Ada,2", False), ("Ada,two,three,3", False)):
        found = parts(explore(serve(checked), {"table": f"name,hits,shots\n{row}\nBen,2,3\n", **CHOICES})[1])
        assert "do not have the same number of columns" in found[0]
        said = "What to do: if the numbers have decimal commas, such as 2,5, put semicolons between the columns"
        assert found[3].startswith(said) == is_meant


def test_numbers_of_hits_as_yes_or_no_are_pointed_to_hits_out_of_attempts(serve):
    form = {"table": EXAMPLE.text, **CHOICES, "kind": "yes or no"}
    found = parts(explore(serve(checked), form)[1])
    assert found[0] == "<b>'hits' has more than two values, and cannot be read as yes or no</b>"
    assert found[1].startswith("Found: 12 different values: 0, 10, 11, 13, 14 ...")
    assert "choose 'hits out of attempts', and the column of the attempts" in found[3]
    words = parts(explore(serve(checked), {**form, "table": "name,hits\nAda,a\nBen,b\nCem,c\n"})[1])
    assert words[3] == "What to do: write the same two words in every row, such as hit and miss"


def test_unknown_addresses_and_wrong_methods(url):
    for address in ("nothing", "page/0123456789ab", "page/", "explore/../etc", "%3Cscript%3E", "table/x"):
        status, page, _ = ask(url + address)
        assert status == 404
        assert "there is no such page" in parts(page)[0]
    assert ask(f"{url}nothing", {"table": ""})[0] == 404
    for address, method, allowed in (
        ("", "POST", "GET, HEAD"), ("", "PUT", "GET, HEAD"), ("explore", "GET", "POST"), ("table", "DELETE", "POST"),
    ):  # fmt: skip
        status, page, answer = ask(url + address, {"table": "a"} if method == "POST" else None, method=method)
        assert status == 405
        assert answer.headers["Allow"] == allowed
        assert "does not take such a request" in parts(page)[0]
    with urlopen(Request(url, method="HEAD")) as answer:
        assert answer.status == 200
        assert answer.read() == b""


def test_only_its_own_form_is_read(url):
    """Neither a page of another site in a visitor's browser, nor a name that points at this machine."""
    host = url.removeprefix("http://").removesuffix("/")
    form = {"table": EXAMPLE.text, **CHOICES}
    assert explore(url, form, headers={"Origin": f"http://{host}"}.items())[0] == 200
    for headers in ({"Origin": "http://elsewhere.org"}, {"Origin": "null"}, {"Host": "elsewhere.org"}, {"Host": "[:"}):
        status, page, _ = explore(url, form, headers=headers.items())
        assert status == 403
        assert len(parts(page)) == 4
    for name in ("localhost", "192.168.1.5:8000", "[::1]:8000"):
        assert ask(url, headers={"Host": name}.items())[0] == 200
    assert explore(url, form, headers={"Content-Type": "text/plain"}.items())[0] == 415
    assert explore(url, {f"f{k}": "" for k in range(30)})[0] == 400
    connection = HTTPConnection(host)
    connection.putrequest("POST", "/explore")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()


def test_pages_load_nothing_from_elsewhere(url):
    policy = ask(url)[2].headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


@pytest.mark.parametrize(
    ("text", "who", "response", "kind", "attempts", "success"),
    [
        (EXAMPLE.text, "name", "hits", "hits out of attempts", "shots", ""),
        ("shots,hits,name\n3,2,Ada\n9,5,Ben\n", "name", "shots", "a count", "", ""),
        ("pupil,hit\nAda,yes\nAda,no\n", "pupil", "hit", "yes or no", "", "yes"),
        ("pupil,hit\nAda,0\nAda,1\n", "pupil", "hit", "yes or no", "", ""),
        ("pupil,hit\nAda,true\nAda,false\n", "pupil", "hit", "yes or no", "", "True"),
        ("team;goals\n1;3\n2;0\n", "team", "goals", "a count", "", ""),
        ("team;height\na;1,5\nb;2,25\n", "team", "height", "a measurement", "", ""),
        ("a,b\nx,\ny,\n", "a", "b", "yes or no", "", ""),
    ],
)
def test_the_choices_shown_first_fit_the_table(text, who, response, kind, attempts, success):
    found = guessed(Question(text), read_pasted(text, set()))
    assert (found.who, found.response, found.kind) == (who, response, kind)
    assert (found.attempts, found.success) == (attempts, success)
    # A choice that was made stays.
    table = read_pasted(text, set())
    made = Question(text, table.columns[1], table.columns[0], "a count")
    kept = guessed(made, table)
    assert (kept.who, kept.response, kept.kind) == (made.who, made.response, made.kind)


def test_the_kind_of_another_table_is_not_kept():
    example = guessed(EXAMPLE, read_pasted(EXAMPLE.text, set()))
    assert example.kind == "hits out of attempts"
    for text, kind in (
        ("pupil,hit\nAda,yes\nAda,no\n", "yes or no"),
        ("name,hits\nAda,7\nBen,9\n", "a count"),
        ("name,hits,tries\nAda,7,9\nBen,9,9\n", "hits out of attempts"),
    ):
        assert guessed(replace(example, text=text), read_pasted(text, set())).kind == kind


@pytest.mark.parametrize("success", ["yes", "no"])
def test_the_value_that_counts_as_yes_is_the_success(success):
    text = "pupil,hit\n" + "Ada,yes\nAda,no\nBen,no\nBen,no\n"
    spec, table = Question(text, "pupil", "hit", "yes or no", success=success).model()
    response = build_design(spec, table).response
    assert response.values.tolist() == [float(hit == success) for hit in ("yes", "no", "no", "no")]
    assert response.success == f"probability of hit = {success}"


def test_every_kind_is_a_family_with_the_formula_of_varying_intercepts():
    text = "name,y,n\nAda,1,3\nBen,0,4\nAda,0,5\n"
    for kind in KINDS.values():
        spec, table = Question(text, "name", "y", kind.name, "n").model()
        assert spec.family == kind.family
        assert spec.to_formula() == ("p(y, n)" if kind.has_attempts else "y") + " ~ 1 + (1 | name)"
        assert table["y"].tolist() == [1, 0, 0]


def test_numbers_that_begin_with_0_are_numbers():
    spec, table = Question(
        "name,hits,shots\nAda,01,03\nBen,2,10\n", "name", "hits", "hits out of attempts", "shots"
    ).model()
    response = build_design(spec, table).response
    assert (response.values.tolist(), response.n_trials.tolist()) == ([1, 2], [3, 10])


def test_a_fault_of_the_program_is_said_and_printed(url, monkeypatch, capsys):
    monkeypatch.setattr(Question, "model", lambda self: 1 / 0)
    status, page, _ = ask(f"{url}explore", {"table": EXAMPLE.text, **CHOICES})
    assert status == 500
    assert "fault of the program" in parts(page)[0]
    deadline = time.monotonic() + 10
    printed = ""
    while "ZeroDivisionError" not in printed:
        assert time.monotonic() < deadline
        printed += capsys.readouterr().err


def test_labels_are_kept_as_they_are_written():
    table = Question("who,y\n01,1\n1,2\n1,3\n", "who", "y", "a measurement").model()[1]
    assert table["who"].tolist() == ["01", "1", "1"]


def test_nothing_is_written(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", ONE)
    assert explore(serve(make_page), {"table": EXAMPLE.text, **CHOICES})[0] == 200
    assert list(tmp_path.iterdir()) == []


def test_its_options(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("partialpool.explorer.classroom.server.serve_classroom", lambda *a: asked.append(a[:2]))
    assert main(["classroom"]) == 0
    assert main(["classroom", "--host", "0.0.0.0", "--port", "0"]) == 0
    assert asked == [("127.0.0.1", 8000), ("0.0.0.0", 0)]


@pytest.mark.parametrize(("host", "port"), [(None, None), ("not.an.address.invalid", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_cannot_be_used_is_refused(serve, host, port):
    if host is None:  # the port of another server
        host, port = "127.0.0.1", int(serve(lambda question: "").rsplit(":")[-1].strip("/"))
    with pytest.raises(pp.SpecError, match="the server cannot listen on this address") as raised:
        ClassroomServer(host, port, lambda question: "")
    assert f"{host}, port {port}" in raised.value.got
    assert "--port" in raised.value.do


def test_who_can_open_it():
    with ClassroomServer("127.0.0.1", 0, lambda question: "") as server:
        assert server.is_private
        assert server.url == f"http://127.0.0.1:{server.server_port}/"
    with ClassroomServer("0.0.0.0", 0, lambda question: "") as server:
        assert not server.is_private
        assert re.fullmatch(rf"http://(\d+\.){{3}}\d+:{server.server_port}/", server.url)
        assert "0.0.0.0" not in server.url


@pytest.mark.thorough
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_command_serves_until_ctrl_c(host):
    """Whose exit code is 0, and which ends the process that fits."""
    command = [sys.executable, "-m", "partialpool", "classroom", "--host", host, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().removeprefix("The form is at ").strip()
        assert process.stdout.readline() == "Ctrl-C ends the server.\n"
        if host == "0.0.0.0":
            assert "Every device in this network can open this address" in process.stdout.readline()
        bad = {"table": "name,hits\nAda,3\nBen,3\n", **CHOICES, "kind": "a count"}
        status, page, _ = explore(url, bad)  # by the process that fits
        assert status == 400
        assert "does not vary" in parts(page)[0]

        assert ask(f"{url}explore", {"table": EXAMPLE.text, **CHOICES})[0] == 202
        time.sleep(0.5)  # in the middle of a fit
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out == "the server has ended; nothing was written\n"
    assert err == ""


@pytest.mark.parametrize(
    ("text", "shown", "added"),
    [
        ("Anna,3,3\nBilal,0,4\n", "Anna,3,3", "name,hits,attempts"),
        ("3;3;Anna\n0;4;Bilal\n", "3;3;Anna", "hits;attempts;name"),
        ("Anna\t161,5\nBilal\t158\n", "Anna\t161,5", "name\tvalue"),
        ("Anna,10b,3\nBilal,10c,0\n", "Anna,10b,3", "name,name2,value"),
        ("1,3,5,7\n2,0,4,8\n", "1,3,5,7", "value,value2,value3,value4"),
    ],
)
def test_a_table_without_names_of_columns_does_not_lose_its_first_row(text, shown, added):
    with pytest.raises(pp.DataError, match="Does the first line have the names of the columns") as raised:
        read_pasted(text, set())
    assert raised.value.got == f"{shown!r}, with numbers where the lines below have numbers too"
    assert raised.value.allowed == "a first line with the name of each column"
    assert raised.value.do.splitlines()[0] == f"add a line above it, such as {added}"
    assert len(read_pasted(f"{added}\n{text}", set())) == 2


@pytest.mark.parametrize("text", ["name,2010,shots\nAda,2,3\n", "2010,name\nyes,Ada\n", "name,hit\nAda,yes\n"])
def test_some_names_may_be_numbers(text):
    assert len(read_pasted(text, set())) == 1


def test_spaces_at_the_ends_of_cells_are_no_part_of_them():
    text = "name ; hits;shots\n Anna ;3 ; 4\nAnna;2;3\n\u00a0Ben;1;  3\n  ;1;3\n"
    table = Question(text, "name", "hits", "hits out of attempts", "shots").model()[1]
    assert table["name"].tolist() == ["Anna", "Anna", "Ben"]  # and a name of spaces is none
    assert (table["hits"].tolist(), table["shots"].tolist()) == ([3, 2, 1], [4, 3, 3])


def test_names_without_attempts_and_with_several_rows_are_told(serve, monkeypatch):
    monkeypatch.setattr("partialpool.explorer.classroom.answer.PRIORS", ONE)
    text = EXAMPLE.text + "Ada,1,4\n<Zoe>,0,0\nBen,0,0\n"
    question = Question(text, "name", "hits", "hits out of attempts", "shots", title="Class <10b>")
    assert question.remarks == [
        "No attempts: <Zoe>, Ben. Rows with 0 attempts tell nothing, and are left out.",
        "Ada has 2 rows; they are added up.",
    ]
    assert question.model()[1]["name"].tolist() == [*read_pasted(EXAMPLE.text, set())["name"], "Ada"]
    url = serve(make_page)
    status, page, _ = explore(url, {"table": text, **CHOICES, "title": "Class <10b>"})
    assert status == 200, parts(page)
    note = html.unescape(re.search(r'<div class="panel" role="note".*?</div>', page, re.S)[0])
    assert all(said in note for said in question.remarks)
    assert "<h1>Class &lt;10b&gt;</h1>" in page
    # The list of pages has the title, the number of levels and the time.
    form = ask(url)[1]
    listed = re.search(r'<a href="/page/\w+"><bdi>Class &lt;10b&gt;</bdi></a> <span class="small">(.*?)</span>', form)[
        1
    ]
    assert re.fullmatch(
        r'13 <bdi>pupils</bdi>, hits out of attempts, made at <time datetime="[-+:\dT]+">\d\d:\d\d</time>', listed
    )


def test_many_names_with_several_rows_are_counted():
    rows = "".join(f"p{k},1,2\n" * 2 for k in range(6))
    question = Question(f"name,hits,shots\n{rows}", "name", "hits", "hits out of attempts", "shots")
    assert question.remarks == ["6 names have several rows; those of each name are added up."]
    counts = Question("name,goals\nAda,1\nAda,2\nBen,0\n", "name", "goals", "a count")
    assert counts.remarks == []


def test_what_a_fit_cannot_answer_is_refused_before_it_is_queued(serve):
    def make(question):
        raise AssertionError

    for name in ("hits only", "no hits", "yes only", "one number per name", "percentages", "no names of columns"):
        text, changed, wrong = BAD[name]
        status, page, _ = ask(f"{serve(make)}explore", {"table": text, **CHOICES, **changed})
        assert status == 400
        assert wrong in parts(page)[0]


@pytest.mark.parametrize("word", ["NA", "None", "null", "nan", " NA "])
def test_a_pupil_may_be_called_none(word):
    """Such a word is missing in a column of numbers, as in a file, and a name among names; both are said."""
    text = f"name;hits;shots\n{word};2;3\nBen;1;4\nCem;NA;5\n ;1;3\nDora;3; NA\n"
    table, remarks = Question(text, "name", "hits", "hits out of attempts", "shots").read()[1:]
    assert table["name"].tolist() == [word.strip(), "Ben"]
    assert remarks == [
        f"{word.strip()!r} in name is read as a name. If it means that the name is not known, leave the cell empty.",
        "'NA' in hits is read as a missing value, in 1 row.",
        "'NA' in shots is read as a missing value, in 1 row.",
        "Left out, because there is no value of hits: Cem.",
        "Left out, because there is no value of shots: Dora.",
        "Left out, because there is no name: 1 row.",
    ]


def test_among_numbers_that_are_labels_na_is_missing():
    table, remarks = Question("who,y\n1,2\n1,3\n2,5\nNA,3\n", "who", "y", "a measurement").read()[1:]
    assert table["y"].tolist() == [2, 3, 5]
    assert remarks == [
        "'NA' in who is read as a missing value, in 1 row.",
        "Left out, because there is no who: 1 row.",
    ]


def test_among_yes_and_no_na_is_missing():
    text = "who,hit\nAda,yes\nBen,no\nCem,NA\nDora,n/a\n"
    table, remarks = Question(text, "who", "hit", "yes or no", success="yes").read()[1:]
    assert table["hit"].tolist() == ["yes", "no"]
    assert remarks == [
        "'NA', 'n/a' in hit are each read as a missing value, in 2 rows.",
        "Left out, because there is no value of hit: Cem, Dora.",
    ]


def test_the_words_that_are_missing_are_those_of_a_file(tmp_path):
    """Which `read_table_file` takes from pandas."""
    words = [*MISSING_WORDS, "Na", "none", "missing", "-"]
    path = tmp_path / "words.csv"
    path.write_text("word,k\n" + "".join(f"{word},{k}\n" for k, word in enumerate(words)))
    assert read_table_file(path, set())["word"].isna().tolist() == [word in MISSING_WORDS for word in words]


@pytest.mark.parametrize("success", ["", "1"])
def test_a_blank_among_0_and_1_changes_no_name(success):
    text = "pupil,hit\nAda,1\nAda,0\nBen,\nBen,1\n"
    found = guessed(Question(text), read_pasted(text, set()))
    assert (found.kind, found.success) == ("yes or no", "")
    spec, table = Question(text, "pupil", "hit", "yes or no", success=success).model()
    assert build_design(spec, table.dropna()).response.values.tolist() == [1, 0, 1]


def test_a_blank_among_1_and_2_changes_no_name():
    question = Question("pupil,hit\nAda,1\nAda,2\nBen,\nBen,1\n", "pupil", "hit", "yes or no", success="2")
    assert question.model()[1]["hit"].tolist()[:2] == ["1", "2"]
    with pytest.raises(pp.DataError, match="cannot be read as yes or no") as raised:
        replace(question, success="3").model()
    assert ".0" not in str(raised.value)


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("name\thits, of 10\tshots ; all", ["name", "hits, of 10", "shots ; all"]),
        ("name ; hits, at | home;shots", ["name", "hits, at | home", "shots"]),
        ('name ,"hits, of 10",shots ', ["name", "hits, of 10", "shots"]),
        (" name, my  hits ,my  hits", ["name", "my  hits", "my  hits.1"]),
    ],
)
def test_names_of_columns_keep_the_spaces_within_them(first, names):
    sign = next(sign for sign in "\t;," if sign in first)
    table = read_pasted(f"{first}\nAda{sign}2{sign}3\n", set())
    assert table.columns.tolist() == names


def test_percentages_are_guessed_to_be_hits():
    text = "name,rate,shots\nAda,70%,10\nBen,50 %,4\n"
    found = guessed(Question(text), read_pasted(text, set()))
    assert (found.who, found.response, found.kind) == ("name", "rate", "hits out of attempts")


def test_a_fault_of_the_program_does_not_stop_later_questions(serve, capsys):
    def make(question):
        if question.title == "bad":
            raise MemoryError
        return "<p>made</p>"

    url = serve(make)
    form = {"table": EXAMPLE.text, **CHOICES}
    status, page, _ = explore(url, form | {"title": "bad"})
    assert status >= 400
    assert "for lack of memory" in page
    assert explore(url, form | {"title": "good"})[0] == 200
    assert "MemoryError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "status"),
    [(("Origin", "http://[x"), 403), (("Content-Length", "9" * 5000), 413)],
    ids=["origin", "length"],
)
def test_headers_that_make_no_sense_are_refused(url, header, status):
    connection = HTTPConnection(*url.removeprefix("http://").strip("/").split(":"), timeout=20)
    connection.putrequest("POST", "/table")
    for name, value in dict(
        [("Content-Length", "0"), ("Content-Type", "application/x-www-form-urlencoded"), header]
    ).items():
        connection.putheader(name, value)
    connection.endheaders(b"")
    if status == 413:
        connection.sock.shutdown(1)
    assert connection.getresponse().status == status
    connection.close()


@pytest.mark.thorough
def test_the_process_that_fits_ends_with_the_server_however_that_ends():
    command = [sys.executable, "-m", "partialpool", "classroom", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().removeprefix("The form is at ").strip()
        table = "name,y\n" + "\n".join(f"a{k % 150},{k % 7}" for k in range(4500))
        form = {"table": table, "who": "name", "response": "y", "kind": "a count"}
        assert ask(f"{url}explore", form)[0] == 202
        time.sleep(2)  # in the middle of a fit of a minute
        children = psutil.Process(process.pid).children()
        process.kill()
        process.communicate(timeout=20)
    assert children
    assert not psutil.wait_procs(children, timeout=5)[1]
