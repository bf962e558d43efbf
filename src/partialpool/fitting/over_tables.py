"""Ask a question of every completed table of an imputed fit, or of the first one."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, cast

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.errors import DataWarning, warn
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.imputed import ImputedFit, joined_chains
from partialpool.seeds import seed_sequence

__all__ = ["first_table", "first_table_is_said", "joined_answers", "mean_table", "of_first_table", "over_tables"]

_HELD: Final = "held"
_LOOKS: Final = "looks at the first of"
_ERROR_OF: Final = "{}_se"
"""Name of the standard error of an estimate that has no draws."""


def over_tables[Question: Callable[..., xr.Dataset]](question: Question) -> Question:
    """Let a question about a fit be asked of each completed table with its own draws; the draws are mixed.

    Estimates without draws are averaged over tables, and their standard errors (`<name>_se`) follow Rubin's rules
    (1987, Multiple Imputation for Nonresponse in Surveys, section 3.3): the square root of

        mean over tables of se^2  +  (1 + 1/m) variance over tables of the estimate.

    Texts, and categories of imputed columns beside the rows, are those of the first table that has one.
    """

    @wraps(question)
    def asked(*args: Any, **kwargs: Any) -> xr.Dataset:
        fit, args = _fit_of(args, kwargs)
        if not isinstance(fit, ImputedFit):
            return question(fit, *args, **kwargs)
        seeds = _seeds(kwargs, fit.n_tables)
        return joined_answers(
            [question(own, *args, **{**kwargs, **seed}) for own, seed in zip(fit.of_tables, seeds, strict=True)]
        )

    return cast("Question", asked)


def of_first_table[Question: Callable[..., Any]](question: Question) -> Question:
    """Let a question that compares a model with its rows be asked of the first completed table, which is said."""

    @wraps(question)
    def asked(*args: Any, **kwargs: Any) -> Any:
        fit, args = _fit_of(args, kwargs)
        return question(first_table(fit, question.__name__), *args, **kwargs)

    return cast("Question", asked)


def _fit_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, tuple[Any, ...]]:
    """Take the fit, by place or by name; `fit` may also be the name of a predictor where the fit is given by place."""
    return (args[0], args[1:]) if args else (kwargs.pop("fit"), ())


def _seeds(kwargs: Mapping[str, Any], tables: int) -> list[dict[str, int]]:
    """Return a seed for each table, where one is given: their random numbers must be independent."""
    if kwargs.get("seed") is None:
        return [{} for _ in range(tables)]
    return [{"seed": int(own)} for own in seed_sequence(kwargs["seed"]).generate_state(tables)]


def first_table(fit: Fit, question: str) -> Fit:
    """Return the fit of the first completed table, and warn that a question looks at it only; other fits unchanged."""
    if not isinstance(fit, ImputedFit):
        return fit
    warn(
        f"{question} {_LOOKS} {fit.n_tables} completed tables, and at its draws; fit.of_tables[1] is the fit of the "
        "second",
        DataWarning,
    )
    return fit.of_tables[0]


@contextmanager
def first_table_is_said() -> Iterator[None]:
    """Leave out the warnings of `first_table`, where something else says the same once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*{_LOOKS}", category=DataWarning)
        yield


def joined_answers(answers: Sequence[xr.Dataset]) -> xr.Dataset:
    """Mix the draws of the answers of all tables, and average what has no draws.

    Parameters
    ----------
    answers
        One for each table, with the same variables and dimensions.
    """
    first = answers[0]
    joined = joined_chains(answers)
    means = {str(name): _mean([answer[name] for answer in answers]) for name in _fixed(first.data_vars)}
    for name in means:
        error = _ERROR_OF.format(name)
        if error in means:
            means[error] = _rubin([answer[name] for answer in answers], [answer[error] for answer in answers])
    joined = joined.assign(means)
    along = {str(name): _mean([answer.coords[name] for answer in answers]) for name in _fixed(first.coords)}
    joined = joined.assign_coords({name: values for name, values in along.items() if name not in first.dims})
    return Answer.of(joined[list(first.data_vars)].assign_attrs(_attrs(answers)))


def mean_table(each: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the first of tables of the same rows, with the means of numbers that differ between them."""
    found = each[0].copy()
    for name in found.columns:
        columns = [own[name] for own in each]
        if pd.api.types.is_numeric_dtype(found[name]) and not all(columns[0].equals(own) for own in columns[1:]):
            found[name] = np.mean([own.to_numpy(float) for own in columns], axis=0)
    return found


def _attrs(answers: Sequence[xr.Dataset]) -> dict[Any, Any]:
    """Return the attributes of the first answer; values that predictors are held at differ between tables."""
    first = dict(answers[0].attrs)
    if any(answer.attrs.get(_HELD) != first.get(_HELD) for answer in answers[1:]):
        names = [place.partition("=")[0] for place in str(first[_HELD]).split(", ")]
        first[_HELD] = ", ".join(f"{name} (each table's own)" for name in names)
    return first


def _fixed(variables: Mapping[Any, xr.DataArray]) -> list[Any]:
    """Name the variables without draws."""
    return [name for name, values in variables.items() if "chain" not in values.dims and "draw" not in values.dims]


def _mean(each: Sequence[xr.DataArray]) -> xr.DataArray:
    """Return the mean of numbers that differ between tables; others are those of the first."""
    first = each[0]
    if first.dtype.kind in "UO" and first.size and all(isinstance(one, str) for one in first.to_numpy().flat):
        texts = np.stack([own.to_numpy().astype(object) for own in each])
        said = np.take_along_axis(texts, (texts != "").argmax(axis=0)[None], axis=0)[0]  # the first that says something
        return first.copy(data=said.astype(str))
    if first.dtype.kind not in "fiu" or all(first.equals(own) for own in each[1:]):
        return first
    return first.copy(data=np.mean([own.to_numpy() for own in each], axis=0))


def _rubin(estimates: Sequence[xr.DataArray], errors: Sequence[xr.DataArray]) -> xr.DataArray:
    within = np.mean(np.square([own.to_numpy() for own in errors]), axis=0)
    between = np.var([own.to_numpy() for own in estimates], axis=0, ddof=1)
    return errors[0].copy(data=np.sqrt(within + (1 + 1 / len(errors)) * between))
