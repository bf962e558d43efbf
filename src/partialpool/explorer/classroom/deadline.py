"""Reading from a socket until a moment, however slowly the other side sends."""

import time
from io import RawIOBase
from socket import socket
from typing import Any

__all__ = ["DeadlineReader"]


class DeadlineReader(RawIOBase):
    """Read from a socket, in all not longer than some seconds.

    A time limit of the socket alone begins anew with every byte: a client that sends one now and then would hold its
    thread for ever.

    Parameters
    ----------
    connection
        The socket; its own time limit is changed by every reading.
    seconds
        From now on.
    """

    def __init__(self, connection: socket, seconds: float) -> None:
        self._connection, self._end = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived.

        Raises
        ------
        TimeoutError
            Nothing arrives until the moment.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)
