"""What the command line writes to the terminal."""

import sys
from typing import Any

__all__ = ["say"]


def say(text: str, stream: Any = None) -> None:
    """Write a text and its end of line at once."""
    stream = stream or sys.stdout
    stream.write(text + "\n")
    stream.flush()  # a line about a server must not wait for its end
