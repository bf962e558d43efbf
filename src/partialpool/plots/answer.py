"""A picture is drawn of an answer: who passes anything else is told which question to ask first."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting.fit import Fit

__all__ = ["draws_answer_of"]

_RESPONSE = "response"
"""An attribute that all labelled answers have, and all pictures read."""


def draws_answer_of[**P, R](
    question: str, *names: str, attrs: tuple[str, ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse whatever is not the answer that a picture draws.

    The type of the answer is the one that the picture's first parameter is annotated with.

    Parameters
    ----------
    question
        Whose answer the picture takes, a public function's name.
    names
        What this answer has and the picture reads, together in no other answer: variables or coordinates of a Dataset,
        groups of a DataTree or variables in them, `group/variable`.
    attrs
        Attributes of the same kind, beside `response`.
    """

    def decorate(draw: Callable[P, R]) -> Callable[P, R]:
        name = getattr(draw, "__name__", "plot")
        first = next(iter(inspect.signature(draw).parameters.values()))

        @wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if any(isinstance(value, Fit) for value in (*args, *kwargs.values())):
                raise _refused(question, name, "a picture is drawn of an answer, not of a fit", "a fit")
            if args or first.name in kwargs:  # else Python names the argument that is missing
                answer = args[0] if args else kwargs[first.name]
                got = _no_such_answer(answer, first.annotation, names, (_RESPONSE, *attrs))
                if got:
                    raise _refused(question, name, f"this is no answer of pp.{question}", got)
            return draw(*args, **kwargs)

        return checked

    return decorate


def _refused(question: str, name: str, wrong: str, got: str) -> DataError:
    return DataError(
        wrong,
        got=got,
        allowed=f"what pp.{question} returns",
        do=f"ask first: pp.{name}(pp.{question}(fit))",
    )


def _no_such_answer(answer: Any, kind: type, names: tuple[str, ...], attrs: tuple[str, ...]) -> str:
    """What it is instead, in words; empty where it is one."""
    if not isinstance(answer, kind):
        return f"{type(answer).__name__}: {' '.join(repr(answer).split())[:60]}"
    if not isinstance(answer, xr.Dataset | xr.DataTree):
        return ""
    lacking = [repr(name) for name in names if not _has(answer, name)]
    if lacking:
        there = list(answer.children) if isinstance(answer, xr.DataTree) else list(answer.data_vars)
        return f"a {type(answer).__name__} of {', '.join(map(str, there)) or 'nothing'}, without {', '.join(lacking)}"
    lost = [repr(name) for name in attrs if name not in answer.attrs]
    return f"a {type(answer).__name__} without its attribute {', '.join(lost)}" if lost else ""


def _has(answer: xr.Dataset | xr.DataTree, name: str) -> bool:
    if isinstance(answer, xr.Dataset):
        return name in answer.variables
    group, _, variable = name.partition("/")
    return group in answer.children and (not variable or variable in answer[group].variables)
