"""What a browser may send to the classroom's server: checks before anything is read or fitted."""

from collections.abc import Mapping
from email.message import Message
from io import BufferedIOBase
from ipaddress import ip_address
from socket import gethostname
from typing import Final
from urllib.parse import SplitResult, parse_qs, urlsplit

from partialpool.errors import PartialPoolError, SpecError
from partialpool.explorer.classroom.question import Question

__all__ = ["MOST_BYTES", "RefusedError", "check_origin", "read_question"]

MOST_BYTES: Final = 1_000_000
_DIGITS: Final = 12
"""Most digits of a length that is believed."""
_READ_AWAY: Final = 20 * MOST_BYTES
"""So much of a body that is too large is read and dropped: a browser shows the answer only after it has sent all."""
_FORM: Final = "application/x-www-form-urlencoded"
_FIELDS: Final[Mapping[str, str]] = {
    "table": "text", "who": "who", "response": "response", "kind": "kind", "attempts": "attempts", "success": "success",
    "title": "title",
}  # fmt: skip
"""Fields of a question, by the names of the form's elements."""


class RefusedError(Exception):
    """A request that is refused, with its HTTP status."""

    def __init__(self, status: int, error: PartialPoolError) -> None:
        self.status, self.error = status, error
        super().__init__(str(error))


def check_origin(headers: Message) -> None:
    """Refuse requests that a page of another site made in a visitor's browser.

    Such a page could otherwise start fits here, or read tables by a name that it points at this machine (DNS
    rebinding).

    Raises
    ------
    RefusedError
        The address is a name of another machine, or another site sent the form.
    """
    host = headers.get("Host", "")
    name = _parts(f"//{host}").hostname or ""
    ours = {"localhost", gethostname().lower(), f"{gethostname().lower()}.local"}
    if name not in ours and not _is_number(name):
        raise RefusedError(
            403,
            SpecError(
                "the server does not answer under this name",
                got=repr(host[:80]),
                allowed="its IP address, the name of its machine, or localhost",
                do="open the address that the server has printed",
            ),
        )
    origin = headers.get("Origin")
    if origin is not None and _parts(origin).netloc != host:
        raise RefusedError(
            403,
            SpecError(
                "the form was sent by a page of another site",
                got=repr(origin[:80]),
                allowed="the form of this server",
                do="open the address that the server has printed",
            ),
        )


def read_question(headers: Message, body: BufferedIOBase) -> Question:
    """Read a submitted form.

    Raises
    ------
    RefusedError
        No length, too large, not a form, or sent too slowly.
    """
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdecimal()):
        raise RefusedError(
            411,
            SpecError(
                "the request does not state its length",
                got=repr(length[:80]),
                allowed="a number of bytes",
                do="send the form of this server",
            ),
        )
    if len(length) > _DIGITS or int(length) > MOST_BYTES:
        _read_away(body, _READ_AWAY if len(length) > _DIGITS else min(int(length), _READ_AWAY))
        raise RefusedError(
            413,
            SpecError(
                "the table is too large for this page",
                got=f"{int(length[:_DIGITS]):,} bytes" + (" or more" if len(length) > _DIGITS else ""),
                allowed=f"up to {MOST_BYTES:,}",
                do="paste only the columns that are needed, or fewer rows; pp.fit and pp.explore have no such limit",
            ),
        )
    if headers.get_content_type() != _FORM:
        raise RefusedError(
            415,
            SpecError(
                "this is not a submitted form",
                got=repr(headers.get_content_type()[:80]),
                allowed=_FORM,
                do="send the form of this server",
            ),
        )
    text = _read(body, int(length)).decode("utf-8", "replace")
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise RefusedError(
            400,
            SpecError(
                "the form has too many fields", got=str(error), allowed="up to 20", do="send the form of this server"
            ),
        ) from error
    return Question(**{field: found[name][0] if name in found else "" for name, field in _FIELDS.items()})


def _read(body: BufferedIOBase, length: int) -> bytes:
    try:
        return body.read(length)
    except TimeoutError as error:
        raise RefusedError(
            408,
            SpecError(
                "the table did not arrive in time",
                got="a request that is not complete",
                allowed="the whole table within half a minute",
                do="send it again, from a place with a better connection, or with fewer rows",
            ),
        ) from error


def _read_away(body: BufferedIOBase, length: int) -> None:
    while length > 0 and (piece := body.read(min(length, 1 << 16))):
        length -= len(piece)


def _parts(address: str) -> SplitResult:
    """Return the parts of an address, empty where it cannot be read."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _is_number(name: str) -> bool:
    """Whether a machine is named by its IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
