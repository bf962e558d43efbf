"""The classroom's server: a form for a table, and the explorer's page of its fit."""

import sys
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from ipaddress import ip_address
from socket import AF_INET, SOCK_DGRAM, socket
from socketserver import TCPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from partialpool.errors import EngineError, PartialPoolError, SpecError
from partialpool.explorer.classroom.deadline import DeadlineReader
from partialpool.explorer.classroom.fit_process import FitProcess
from partialpool.explorer.classroom.form import EXAMPLE, render_form, render_refusal, render_waiting
from partialpool.explorer.classroom.pages import AskedQuestions
from partialpool.explorer.classroom.question import Question
from partialpool.explorer.classroom.requests import RefusedError, check_origin, read_question

__all__ = ["ClassroomServer", "serve_classroom"]

LOOPBACK: Final = "127.0.0.1"
EVERYWHERE: Final = "0.0.0.0"
_DOCUMENTATION: Final = ("192.0.2.1", 9)
"""An address that no machine has (RFC 5737): no packet is sent to it."""
_POSTED: Final = ("/table", "/explore")
"""Addresses of the form's two buttons."""
READING: Final = 30.0
"""Seconds in which a whole request must arrive."""
WRITING: Final = 60.0
"""Seconds in which a browser must take a whole page."""
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""A page loads nothing, and sends its form nowhere else."""


class ClassroomServer(ThreadingHTTPServer):
    """Serve the form and the pages that were made.

    Parameters
    ----------
    host, port
        The address to listen on; port 0 takes a free one.
    make
        Fits a question and returns its page.

    Raises
    ------
    SpecError
        The address cannot be used.
    """

    daemon_threads = True

    def __init__(self, host: str, port: int, make: Callable[[Question], str]) -> None:
        self.asked = AskedQuestions(make)
        self._is_open = True
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            raise SpecError(
                "the server cannot listen on this address",
                got=f"{host}, port {port}: {error}",
                allowed="127.0.0.1, or 0.0.0.0 for other devices; a port from 1024 to 65535 that no program uses",
                do="name another --port, or --port 0 for any that is free",
            ) from error

    def server_bind(self) -> None:
        """Bind without asking for the machine's full name, which takes long where no name server answers."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Print the traceback of a request, unless its browser has gone or the server ends."""
        if self._is_open and not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def server_close(self) -> None:
        """Close; requests that are still being answered end with the program."""
        self._is_open = False
        super().server_close()

    @property
    def is_private(self) -> bool:
        """Whether only this machine can open the form."""
        return ip_address(self.server_name).is_loopback

    @property
    def url(self) -> str:
        """The address for a browser; that of this machine in its network, if the server listens to all."""
        host = _own_address() if self.server_name == EVERYWHERE else self.server_name
        return f"http://{host}:{self.server_port}/"


def serve_classroom(host: str, port: int, say: Callable[[str], object]) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    host, port
        As for `ClassroomServer`.
    say
        Prints a line.

    Raises
    ------
    SpecError
        The address cannot be used.
    """
    try:
        with closing(FitProcess()) as make, ClassroomServer(host, port, make) as server:
            say(f"The form is at {server.url}\nCtrl-C ends the server.")
            if not server.is_private:
                say(
                    "Every device in this network can open this address, without a password: it can see the tables and "
                    "pages of others, and start fits on this machine. Use it only in a network that you trust."
                )
            server.serve_forever()
    except KeyboardInterrupt:
        say("the server has ended; nothing was written")


def _own_address() -> str:
    """Return this machine's address in its network; the loopback address without one."""
    with socket(AF_INET, SOCK_DGRAM) as probe:
        try:
            probe.connect(_DOCUMENTATION)
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


_FAULT: Final = EngineError(
    "the server could not answer because of a fault of the program",
    got="an unexpected error",
    allowed="a page, or a message about the table",
    do="try another table; the terminal of the server shows the traceback, for a report of the fault",
)


def _unknown(path: str) -> RefusedError:
    return RefusedError(
        404,
        SpecError(
            "there is no such page",
            got=repr(path[:80]),
            allowed="the form, and the last pages that were made",
            do="go to the form, and submit the table again",
        ),
    )


class _Handler(BaseHTTPRequestHandler):
    """Answer one request."""

    server: ClassroomServer
    server_version = "partialpool"
    sys_version = ""

    def setup(self) -> None:
        """Give the request a time limit: a slow client must not hold a thread."""
        super().setup()
        self.rfile.close()
        self.rfile = BufferedReader(DeadlineReader(self.connection, READING))

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_other(self) -> None:
        self._answer(self._refuse_method)

    do_HEAD = do_GET
    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = do_other

    def _answer(self, answer: Callable[[str], None]) -> None:
        try:
            check_origin(self.headers)
            answer(urlsplit(self.path).path)
        except RefusedError as refused:
            self.close_connection = True
            self._send(refused.status, render_refusal(refused.error))
        except (ConnectionError, TimeoutError):
            raise  # there is nobody to tell
        except Exception:
            self.close_connection = True
            self._send(500, render_refusal(_FAULT))
            raise  # the server prints the traceback

    def _get(self, path: str) -> None:
        if path == "/":
            (key,) = parse_qs(urlsplit(self.path).query).get("page", [""])[:1]
            before = self.server.asked.get(key)
            self._send_form(200, before.question if before else EXAMPLE)
        elif path.startswith("/page/"):
            self._send_page(path.removeprefix("/page/"))
        elif path == "/favicon.ico":
            self._send(204, "")
        elif path in _POSTED:
            self._refuse_method(path)
        else:
            raise _unknown(path)

    def _send_page(self, key: str) -> None:
        """Send the page of a question; as long as it is made, one that asks again; or the form with the error."""
        asked = self.server.asked.get(key)
        if asked is None:
            raise _unknown(f"/page/{key}")
        if asked.page is not None:
            self._send(200, asked.page)
        elif asked.error is not None:
            self._send_form(400, asked.question, asked.error)
        else:
            self._send(202, render_waiting(asked.question, self.server.asked.count_before(key)))

    def _post(self, path: str) -> None:
        if path == "/" or path.startswith("/page/"):
            self._refuse_method(path)
        if path not in _POSTED:
            raise _unknown(path)
        question = read_question(self.headers, self.rfile)
        if path == "/table":
            self._send_form(200, question)
            return
        try:
            # What is wrong with the table is said at once, and not after the fits of others.
            levels = question.model()[1][question.who].nunique()
            key = self.server.asked.ask(question, levels)
        except PartialPoolError as error:
            self._send_form(400, question, error)
            return
        self._send(303, "", location=f"/page/{key}")

    def _send_form(self, status: int, question: Question, error: PartialPoolError | None = None) -> None:
        self._send(status, render_form(question, made=self.server.asked.pages(), error=error))

    def _refuse_method(self, path: str) -> None:
        posted = path in _POSTED
        raise RefusedError(
            405,
            SpecError(
                "this address does not take such a request",
                got=f"{self.command} {path[:80]}",
                allowed="POST" if posted else "GET",
                do="go to the form",
            ),
        )

    def _send(self, status: int, page: str, *, location: str = "") -> None:
        body = page.encode("utf-8", "replace")
        self.connection.settimeout(WRITING)
        self.send_response(status)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "same-origin",  # under no-referrer a browser sends forms with Origin: null
            "X-Content-Type-Options": "nosniff",
        }
        if location:
            headers["Location"] = location
        if status == 405:
            headers["Allow"] = "POST" if urlsplit(self.path).path in _POSTED else "GET, HEAD"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""
