"""Check that a plot function gets the answer it draws; the error names the question to ask first."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting.fit import Fit

__all__ = ["draws_answer_of"]

_RESPONSE = "response"
"""An attribute that all labelled answers have and all plots read."""


def draws_answer_of[**P, R](
    question: str, *names: str, attrs: tuple[str, ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Raise an error for anything that is not the answer that the plot draws.

    The type of the answer is the annotation of the plot function's first parameter.

    Parameters
    ----------
    question
        Name of the public function whose answer the plot takes.
    names
        Names that together identify this answer and that the plot reads: variables or coordinates of a Dataset,
        groups of a DataTree or variables in them (`group/variable`).
    attrs
        Attributes that identify the answer, in addition to `response`.
    """

    def decorate(draw: Callable[P, R]) -> Callable[P, R]:
        name = getattr(draw, "__name__", "plot")
        first = next(iter(inspect.signature(draw).parameters.values()))

        @wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if any(isinstance(value, Fit) for value in (*args, *kwargs.values())):
                raise _refused(question, name, "a plot is drawn from an answer, not from a fit", "a fit")
            if args or first.name in kwargs:  # otherwise Python names the missing argument
                answer = args[0] if args else kwargs[first.name]
                got = _no_such_answer(answer, first.annotation, names, (_RESPONSE, *attrs))
                if got:
                    raise _refused(question, name, f"this is not an answer of pp.{question}", got)
            return draw(*args, **kwargs)

        return checked

    return decorate


def _refused(question: str, name: str, wrong: str, got: str) -> DataError:
    return DataError(
        wrong,
        got=got,
        allowed=f"what pp.{question} returns",
        do=f"ask the question first: pp.{name}(pp.{question}(fit))",
    )


def _no_such_answer(answer: Any, kind: type, names: tuple[str, ...], attrs: tuple[str, ...]) -> str:
    """Describe what the object is instead; empty where it is such an answer."""
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
