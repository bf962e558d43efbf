"""The classroom's limits: of a fit's time, of columns, of slow clients; and a server that ends in the middle."""

import socket
import time
from contextlib import closing
from multiprocessing.process import BaseProcess
from threading import Thread

import psutil
import pytest

import partialpool as pp
from explorer.test_classroom import CHOICES, ask, explore, parts
from partialpool.explorer.classroom import server as server_module
from partialpool.explorer.classroom.deadline import DeadlineReader
from partialpool.explorer.classroom.fit_process import FitProcess
from partialpool.explorer.classroom.form import EXAMPLE
from partialpool.explorer.classroom.pasted import MOST_COLUMNS, read_pasted
from partialpool.explorer.classroom.question import Question

REFUSED = Question("name,hits\nAda,3\nBen,3\n", "name", "hits", "a count")
"""A question that the process answers at once, with an error."""


def children():
    return {child.pid for child in psutil.Process().children()}


@pytest.mark.thorough
def test_a_fit_that_takes_too_long_is_given_up_and_the_next_one_is_made():
    with closing(FitProcess(limit=0.01)) as make:  # not even the imports are done
        first = make._process.pid
        with pytest.raises(pp.EngineError, match="the fit took too long, and was given up") as raised:
            make(REFUSED)
        assert raised.value.got == "no page after 0.01 seconds"
        assert raised.value.allowed.startswith("a fit of at most 0.01 seconds")
        assert "fewer rows or fewer names" in raised.value.do
        assert not psutil.pid_exists(first)
        make._limit = 300.0
        with pytest.raises(pp.DataError, match="does not vary"):
            make(REFUSED)
        assert make._process.pid != first


def test_what_took_too_long_is_said_on_the_form(serve_classroom):
    def make(question):
        raise pp.EngineError("the fit took too long, and was given up", got="a", allowed="b", do="fewer rows")

    status, page, _ = explore(serve_classroom(make).url, {"table": EXAMPLE.text, **CHOICES})
    assert status == 400
    assert parts(page)[0] == "<b>the fit took too long, and was given up</b>"


@pytest.mark.thorough
def test_a_process_that_is_being_started_is_ended_too(monkeypatch):
    """However the server ends: `close` waits for a start that has begun, and none begins after it."""
    before, start, closers = children(), BaseProcess.start, []

    def start_while_closing(process):
        if closers == [None]:
            closers[0] = Thread(target=make.close)
            closers[0].start()
            closers[0].join(0.3)  # it cannot end as long as the start goes on
            assert closers[0].is_alive()
        start(process)

    make = FitProcess()
    make._end()  # as after a fit that took too long
    closers.append(None)
    monkeypatch.setattr(BaseProcess, "start", start_while_closing)
    with pytest.raises(pp.EngineError):
        make(REFUSED)
    closers[0].join(60)
    assert children() <= before
    with pytest.raises(pp.EngineError, match="the server is ending"):
        make(REFUSED)
    assert children() <= before


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_too_many_columns_are_refused_before_they_are_read(serve_classroom, monkeypatch, separator):
    wide = [separator.join(f"c{k}" for k in range(20_000)), separator.join("1" * 20_000)]
    quoted = [wide[0].replace("c0", '"c\n0"', 1), wide[1]]
    monkeypatch.setattr("pandas.read_csv", lambda *_, **__: pytest.fail("the table was read"))
    for lines in (wide, quoted):
        with pytest.raises(pp.DataError, match="the table has too many columns") as raised:
            read_pasted("\n".join(lines), set())
        assert raised.value.got == "20,000 columns"
        assert raised.value.allowed == f"2 to {MOST_COLUMNS}"
        assert "paste only the columns that are needed" in raised.value.do
    url = serve_classroom(lambda question: pytest.fail("it was fitted")).url
    for address in ("table", "explore"):
        page = ask(url + address, {"table": "\n".join(wide), **CHOICES})[1]
        assert "the table has too many columns" in parts(page)[0]
        assert len(page) < 600_000


def test_so_many_columns_are_read():
    text = ",".join(f"c{k}" for k in range(MOST_COLUMNS)) + "\n" + ",".join("1" * MOST_COLUMNS)
    assert read_pasted(text, set()).shape == (1, MOST_COLUMNS)


@pytest.mark.parametrize(
    "sent",
    [b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", None],
    ids=["in the first line", "in a header", "in the table"],
)
def test_a_client_that_sends_a_byte_now_and_then_is_left(serve_classroom, monkeypatch, sent):
    monkeypatch.setattr(server_module, "READING", 0.5)
    server = serve_classroom(lambda question: "<p>done</p>")
    form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ntable=a"
    sent = sent or f"POST /explore HTTP/1.1\r\nHost: localhost\r\n{form}".encode()
    with socket.create_connection(("127.0.0.1", server.server_port)) as slow:
        slow.settimeout(30)
        slow.sendall(sent)

        def drip():
            while True:
                try:
                    slow.sendall(b"a")
                except OSError:
                    return
                time.sleep(0.1)

        Thread(target=drip, daemon=True).start()
        answer = b""
        try:
            while piece := slow.recv(1 << 16):
                answer += piece
        except ConnectionError:
            pass
    if b"POST" in sent:
        assert b"408" in answer.split(b"\r\n")[0]
        assert b"the table did not arrive in time" in answer
    assert ask(server.url)[0] == 200  # others are answered


def test_the_deadline_is_that_of_the_whole():
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"ab")
        reader, buffer = DeadlineReader(here, 0.2), bytearray(8)
        assert reader.readinto(buffer) == 2
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            reader.readinto(buffer)
        assert time.monotonic() - begun < 10
        there.sendall(b"c")
        with pytest.raises(TimeoutError):  # it is over, whatever arrives now
            reader.readinto(buffer)
