"""What a plot function draws: the answer to its question, or a fit, for which it asks the question itself."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pkgutil import resolve_name
from typing import Any, Concatenate

import xarray as xr
from matplotlib.figure import Figure

from partialpool.errors import DataError
from partialpool.fitting.fit import Fit
from partialpool.intervals import central_ends
from partialpool.labels.names_of_fit import names_of_fit
from partialpool.plots.own_labels import check_labels, put_labels, with_labels
from partialpool.plots.room_above import leave_room_above
from partialpool.plots.wrapped_texts import wrap_texts
from partialpool.spec.keywords import explains_keywords

__all__ = ["draws_answer_of"]

_RESPONSE = "response"
"""An attribute that all labelled answers have and all plots read."""


def draws_answer_of[Answer, **P](
    question: str,
    *names: str,
    attrs: tuple[str, ...] = (),
    ask: Callable[..., Any] | None = None,
    needs: tuple[str, ...] = (),
    columns: tuple[str, ...] = (),
) -> Callable[[Callable[Concatenate[Answer, P], Figure]], Callable[Concatenate[Answer | Fit, P], Figure]]:
    """Ask the plot's question where a fit is passed; refuse anything else that is not the answer that the plot draws.

    The picture of a fit has the fit's labels (`Fit.with_labels`); an answer is drawn with the names that it has.

    The type of the answer is the annotation of the plot function's first parameter. A keyword `prob` must be a
    probability. The keywords of `**own` do not reach the plot function: they are put on the figure that it returns.

    Parameters
    ----------
    question
        Name of the public function whose answer the plot takes.
    names
        Names that together identify this answer and that the plot reads: variables or coordinates of a Dataset,
        groups of a DataTree or variables in them (`group/variable`).
    attrs
        Attributes that identify the answer, in addition to `response`.
    ask
        Answers the question for a fit; None where the question has to be asked first.
    needs
        Arguments of the plot that `ask` takes too, by name.
    columns
        Arguments of the plot that name columns or factors of the model.
    """

    def decorate(draw: Callable[Concatenate[Answer, P], Figure]) -> Callable[Concatenate[Answer | Fit, P], Figure]:
        name, signature = getattr(draw, "__name__", "plot"), with_labels(inspect.signature(draw))
        labelled = [one for one in signature.parameters if one not in inspect.signature(draw).parameters]
        first = next(iter(signature.parameters.values()))

        @wraps(draw)
        def checked(*args: Any, **kwargs: Any) -> Figure:
            try:
                given = signature.bind_partial(*args, **kwargs)
            except TypeError:
                return refused(*args, **kwargs)
            if first.name not in given.arguments:
                return refused(*args, **kwargs)
            labels = {one: given.arguments.pop(one) for one in labelled if one in given.arguments}
            check_labels(labels)
            if "prob" in given.arguments:
                central_ends(given.arguments["prob"])  # which raises an error for anything else
            answer = given.arguments[first.name]
            if isinstance(answer, Fit) and ask is not None:
                _check_named(name, signature, given.arguments, needs)
                shown = names_of_fit(answer)
                answer = ask(answer, **{one: given.arguments[one] for one in needs if one in given.arguments})
                answer = shown.relabelled(answer)
                for one in columns:  # the answer has the labels of its columns, too
                    if isinstance(given.arguments.get(one), str):
                        given.arguments[one] = shown.column_or_factor(given.arguments[one])
            elif isinstance(answer, Fit):
                raise _refused(question, name, "this plot is drawn from an answer, not from a fit", "a fit")
            elif got := _no_such_answer(answer, first.annotation, names, (_RESPONSE, *attrs)):
                raise _refused(
                    question, name, f"this is not an answer of pp.{question}", got, _drawn_by(answer, question)
                )
            given.arguments[first.name] = answer
            figure = draw(*given.args, **given.kwargs)
            put_labels(figure, labels)
            leave_room_above(figure)
            wrap_texts(figure)
            return figure

        checked.__signature__ = signature  # type: ignore[attr-defined]
        refused = explains_keywords(checked)  # which names the argument that does not fit
        return checked

    return decorate


def _refused(question: str, name: str, wrong: str, got: str, other: str = "") -> DataError:
    return DataError(
        wrong,
        got=got,
        allowed=f"what pp.{question} returns",
        do=f"draw it by pp.{other}(answer)"
        if other
        else f"ask the question first: pp.{name}(pp.{question}({', '.join(_required(question))}))",
    )


def _drawn_by(answer: Any, question: str) -> str:
    """Name the function that draws another answer, for one that is easily taken for predictions; empty for others."""
    means = (
        question == "predict"
        and isinstance(answer, xr.Dataset)
        and {"averaged", "population_average"} <= {*answer.attrs, *answer.variables}
    )
    return "plot_adjusted_means" if means else ""


def _required(question: str) -> list[str]:
    """Return the arguments that a public function needs, `fit` first."""
    kind = inspect.Parameter
    kinds = (kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD, kind.VAR_POSITIONAL)
    parameters = inspect.signature(resolve_name(f"partialpool:{question}")).parameters.values()
    return [one.name for one in parameters if one.default is one.empty and one.kind in kinds]


def _check_named(name: str, signature: inspect.Signature, arguments: Mapping[str, Any], needs: tuple[str, ...]) -> None:
    """Refuse a fit without what its question needs."""
    for one in needs:
        if one not in arguments and signature.parameters[one].default is inspect.Parameter.empty:
            raise DataError(
                f"the picture of a fit needs {one}=",
                got=f"pp.{name}(fit)",
                allowed="a column of the model",
                do=f"name it: pp.{name}(fit, 'x')",
            )


def _no_such_answer(answer: Any, kind: type, names: tuple[str, ...], attrs: tuple[str, ...]) -> str:
    """Describe what the object is instead; empty where it is such an answer."""
    if not isinstance(answer, kind):
        return f"{type(answer).__name__}: {' '.join(repr(answer).split())[:60]}"
    if not isinstance(answer, xr.Dataset | xr.DataTree):
        return ""
    known = "Dataset" if isinstance(answer, xr.Dataset) else "DataTree"
    lacking = [repr(name) for name in names if not _has(answer, name)]
    if lacking:
        there = list(answer.children) if isinstance(answer, xr.DataTree) else list(answer.data_vars)
        return f"a {known} of {', '.join(map(str, there)) or 'nothing'}, without {', '.join(lacking)}"
    lost = [repr(name) for name in attrs if name not in answer.attrs]
    return f"a {known} without its attribute {', '.join(lost)}" if lost else ""


def _has(answer: xr.Dataset | xr.DataTree, name: str) -> bool:
    if isinstance(answer, xr.Dataset):
        return name in answer.variables
    group, _, variable = name.partition("/")
    return group in answer.children and (not variable or variable in answer[group].variables)
