"""The exceptions, by stage, and the common format of their messages.

Every message has four parts: what is wrong, what was found, what is allowed, what to do.
"""

import contextlib
import difflib
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = [
    "DataError",
    "DataWarning",
    "EngineError",
    "FileError",
    "FormulaError",
    "KeywordError",
    "PartialPoolError",
    "PartialPoolWarning",
    "PriorError",
    "SamplingWarning",
    "SpecError",
    "in_words",
    "nearest",
    "warn",
]

_PACKAGE: Final = str(Path(__file__).parent) + os.sep
_BETWEEN: Final = (_PACKAGE, contextlib.__file__.removesuffix(".py"))
"""Prefixes of the files between the line that called the package and a warning; a full file name does not count as a
prefix."""
_CALLING_BACK: Final = ("formulae",)
"""Libraries that call functions of this package, which may give warnings."""


class PartialPoolError(Exception):
    """Root of every error raised by partialpool.

    Parameters
    ----------
    wrong
        What is wrong, in one clause.
    got
        What was found.
    allowed
        What would be valid.
    do
        What to do about it.

    Examples
    --------
    >>> print(PartialPoolError("the table is empty", got="0 rows", allowed="1 row or more", do="check the file"))
    the table is empty
      got:     0 rows
      allowed: 1 row or more
      do:      check the file
    """

    def __init__(self, wrong: str, *, got: str, allowed: str, do: str) -> None:
        self.wrong, self.got, self.allowed, self.do = wrong, got, allowed, do
        super().__init__(f"{wrong}\n  got:     {got}\n  allowed: {allowed}\n  do:      {do}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the four parts, so that errors can be passed between processes."""
        return _rebuild, (type(self), self.wrong, self.got, self.allowed, self.do)


def _rebuild(kind: type[PartialPoolError], wrong: str, got: str, allowed: str, do: str) -> PartialPoolError:
    return kind(wrong, got=got, allowed=allowed, do=do)


class SpecError(PartialPoolError):
    """The specification contradicts itself or names something that does not exist."""


class FormulaError(SpecError):
    """A formula cannot be read, or contains something that is not allowed in a formula."""


class KeywordError(SpecError, TypeError):
    """A function was called with arguments that it does not have, or without one that it needs."""


class PriorError(SpecError):
    """A prior names an unknown parameter or distribution, or has an impossible argument."""


class DataError(PartialPoolError):
    """The table does not fit the specification."""


class EngineError(PartialPoolError):
    """An engine cannot sample this model, or does not support what was requested."""


class FileError(PartialPoolError):
    """A file cannot be read or written."""


class PartialPoolWarning(UserWarning):
    """Root of every warning raised by partialpool."""


class DataWarning(PartialPoolWarning):
    """The table was changed (rows dropped), or has little information on some term."""


class SamplingWarning(PartialPoolWarning):
    """The draws were cut short or should not be trusted as they are."""


def warn(message: str, category: type[PartialPoolWarning]) -> None:
    """Give a warning that points at the line that called the package, however deep inside it is raised.

    Parameters
    ----------
    message
        What was found, and what to do if it is not intended.
    category
        `DataWarning` or `SamplingWarning`.
    """
    between = [*_BETWEEN, *(str(Path(str(m.__file__)).parent) for m in map(sys.modules.get, _CALLING_BACK) if m)]
    warnings.warn(message, category, skip_file_prefixes=tuple(between))


def in_words(error: Exception) -> str:
    """Write an error on one line.

    Examples
    --------
    >>> in_words(SpecError("unknown family", got="'gauss'", allowed="gaussian", do="name it"))
    "unknown family ('gauss')"
    >>> in_words(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    text = f"{error.wrong} ({error.got})" if isinstance(error, PartialPoolError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def nearest(name: object, allowed: Iterable[str], count: int = 3) -> str:
    """Return the allowed names, nearest spelling first, for the `allowed` part of an error.

    Examples
    --------
    >>> nearest("Dayz", ["Reaction", "Days", "Subject"])
    "'Days' (nearest), 'Reaction', 'Subject'"
    """
    name, names = str(name), [str(a) for a in allowed]
    lowered = {n.lower(): n for n in reversed(names)}
    close = [lowered[c] for c in difflib.get_close_matches(name.lower(), list(lowered), n=count, cutoff=0.6)]
    close += [n for n in names if name and n.lower().startswith(name.lower()) and n not in close]
    rest = [n for n in names if n not in close]
    shown = [f"{n!r} (nearest)" for n in close] + [repr(n) for n in rest[: max(0, 12 - len(close))]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") if shown else "(none)"
