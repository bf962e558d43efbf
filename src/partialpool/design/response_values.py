"""Reading the response, with checks that its values are in the support of the family."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.column_types import is_quantity
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.design.response import Response
from partialpool.design.row_names import such_rows_in_words
from partialpool.errors import DataError, DataWarning, warn
from partialpool.families.family import Family
from partialpool.families.support import BINARY, CLOSED_PROPORTION, COUNT, NOMINAL, ORDINAL, PROPORTION, SUCCESSES
from partialpool.spec.formula import ResponseTerm

__all__ = ["check_trials", "constant_response", "read_positive", "read_response_values"]

_MOST_CATEGORIES: Final = 30
"""Most categories without an order: each has coefficients and effects of its own."""


def read_response_values(
    term: ResponseTerm,
    family: Family,
    column: pd.Series,
    trials: pd.Series | None,
    unused: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Response:
    """Read the response and check it against the family's support.

    Parameters
    ----------
    term, family
        The response term, and the family of the model.
    column, trials
        The response, numbers or categories, and its trials, as `evaluate_model` gives them.
    unused
        By column, declared categories that have no row (`Table.unused`).

    Raises
    ------
    DataError
        Values outside the support of the family.

    Warns
    -----
    DataWarning
        A declared category of an ordinal response has no row.
    """
    if family.support is SUCCESSES:
        return _read_successes(term, family, column, trials)
    if term.trials is not None:
        raise DataError(
            f"{family.name} does not take p(successes, trials)",
            got=f"{term.text} with family {family.name!r}",
            allowed="family 'binomial'",
            do="name family='binomial'",
        )
    if term.level is not None and family.support is not BINARY:
        raise DataError(
            "only a binary family takes a response with a success category",
            got=f"{term.text} with family {family.name!r}",
            allowed="family 'bernoulli'",
            do="name family='bernoulli', or the column alone",
        )
    if family.support is BINARY:
        return _read_binary(term, column)
    if family.support is ORDINAL:
        read = _read_ordinal(term, column)
        _warn_unused(read, unused.get(term.name, ()) if term.is_column else ())
        return read
    if family.support is NOMINAL:
        return _read_nominal(term, column)
    _check_numbers(term, column)
    _check_support(term, family, column)
    return Response(term.name, column.to_numpy(copy=True))


def _check_numbers(term: ResponseTerm, column: pd.Series) -> None:
    if not pd.api.types.is_numeric_dtype(column):
        numbers = numbers_as_text(column)
        raise DataError(
            f"the response {term.name!r} is text where numbers are needed",
            got=numbers.got if numbers else f"categories such as {column.iloc[0]!r}",
            allowed="numbers; categories under families 'bernoulli', 'cumulative', 'sratio' and 'acat'",
            do=numbers.do if numbers else "convert the column, or name the family that takes categories",
        )


def _check_support(term: ResponseTerm, family: Family, column: pd.Series) -> None:
    values = column.to_numpy()
    fits = family.support.contains(values)
    if not fits.all():
        at = int(np.flatnonzero(~fits)[0])
        closed = family.support is PROPORTION and CLOSED_PROPORTION.contains(values).all()
        negative = "negative counts" if family.support is COUNT and (values < 0).any() else "values outside its support"
        raise DataError(
            f"family {family.name!r} cannot have made the response {term.text!r}: {negative}",
            got=f"{values[at]:g} {such_rows_in_words(column.index, at, int((~fits).sum()))}",
            allowed=family.support.allowed,
            do="use family 'zero_one_inflated_beta', which has proportions of exactly 0 and 1"
            if closed
            else "check the data or choose another family",
        )
    if len(values) > 1 and np.ptp(values) == 0:
        raise constant_response(term, f"{values[0]:g}")


def constant_response(term: ResponseTerm, value: str) -> DataError:
    """Return the error of a response that has one value only."""
    return DataError(
        f"the response {term.text!r} does not vary",
        got=f"{value} in every row",
        allowed="two values or more",
        do="check the column",
    )


def _read_successes(term: ResponseTerm, family: Family, column: pd.Series, trials: pd.Series | None) -> Response:
    if trials is None:
        raise DataError(
            f"{family.name} needs successes and trials",
            got=f"response {term.text!r}",
            allowed="p(successes, trials), or family 'bernoulli' for single trials",
            do="write the response as p(successes, trials)",
        )
    _check_numbers(term, column)
    _check_whole("successes", column)
    of = check_trials(trials)
    successes = column.to_numpy(copy=True)
    over = successes > of
    if over.any():
        at = int(np.flatnonzero(over)[0])
        raise DataError(
            "more successes than trials",
            got=f"{successes[at]:g} of {of[at]:g} {such_rows_in_words(column.index, at, int(over.sum()))}",
            allowed="successes from 0 to trials",
            do="check which column is which: p(successes, trials)",
        )
    if not of.any():
        raise DataError(
            f"the response {term.text!r} has no trials",
            got="0 trials in every row",
            allowed="at least one row with trials",
            do="check which column is which: p(successes, trials)",
        )
    if family.shapes and of.max() < 2:
        raise DataError(
            f"{family.name} needs rows of several trials: single ones do not tell {' or '.join(family.shapes)}",
            got="at most 1 trial in every row",
            allowed="at least one row with two trials or more",
            do="write family='binomial', and add up rows with the same predictors where there are such",
        )
    return Response(term.name, successes, trials=of)


def check_trials(trials: pd.Series) -> np.ndarray:
    """Return numbers of trials, shape (rows,).

    Raises
    ------
    DataError
        They are not non-negative integers.
    """
    _check_whole("trials", trials)
    return trials.to_numpy(copy=True)


def read_positive(what: str, column: pd.Series) -> np.ndarray:
    """Read a number above 0 of each row's response, a standard error or a precision, shape (rows,).

    Parameters
    ----------
    what
        What the numbers are, in the plural.
    column
        The numbers.

    Raises
    ------
    DataError
        Text, or a value that is not above 0.
    """
    if not is_quantity(column):
        numbers = numbers_as_text(column)
        kind = "booleans" if pd.api.types.is_bool_dtype(column) else "text"
        raise DataError(
            f"the {what} {column.name!r} are {kind} where numbers are needed",
            got=numbers.got if numbers else f"{column.tolist()[0]!r}",
            allowed="numbers above 0",
            do=numbers.do if numbers else f"name the column of {what}",
        )
    values = column.to_numpy(dtype=float)
    if not (values > 0).all():
        at = int(np.flatnonzero(~(values > 0))[0])
        raise DataError(
            f"{what} must be above 0",
            got=f"{values[at]:g} {such_rows_in_words(column.index, at, int((~(values > 0)).sum()))}",
            allowed="numbers above 0",
            do="check the column, and remove rows that tell nothing",
        )
    return values


def _check_whole(what: str, column: pd.Series) -> None:
    values = column.to_numpy()
    bad = (values < 0) | (values != np.floor(values))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{what} must be non-negative integers",
            got=f"{values[at]:g} {such_rows_in_words(column.index, at, int(bad.sum()))}",
            allowed="0, 1, 2, ...",
            do="check the column",
        )


def _read_binary(term: ResponseTerm, column: pd.Series) -> Response:
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = [str(c) for c in column.cat.remove_unused_categories().cat.categories]
        labels = column.astype(str)
    else:
        found = [f"{v:g}" for v in sorted(column.astype(float).unique())]
        labels = column.astype(float).map(lambda v: f"{v:g}")
    numeric = not isinstance(column.dtype, pd.CategoricalDtype)
    if len(found) == 1 and (not numeric or found[0] in ("0", "1")):
        raise constant_response(term, found[0])
    if len(found) != 2 or (numeric and term.level is None and found != ["0", "1"]):
        raise DataError(
            f"family 'bernoulli' cannot have made the response {term.text!r}",
            got=("one value: " if len(found) == 1 else f"{len(found)} values: ") + ", ".join(found[:5]),
            allowed="0 and 1, false and true, or two categories",
            do="recode the column; for counts of successes use family 'binomial'",
        )
    success = found[1] if term.level is None else term.level
    if success not in found:
        raise DataError(
            f"the response has no category {success!r}",
            got=term.text,
            allowed=", ".join(repr(c) for c in found),
            do="name one of these in the brackets",
        )
    failure = found[0] if found[1] == success else found[1]
    return Response(term.name, (labels == success).to_numpy(dtype=float), categories=(failure, success))


def _read_ordinal(term: ResponseTerm, column: pd.Series) -> Response:
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.cat.ordered:
            raise DataError(
                f"the response {term.text!r} has categories without an order",
                got=", ".join(repr(c) for c in column.cat.categories[:5]),
                allowed="an ordered categorical, or whole numbers",
                do="give it an order: pandas.Categorical(values, categories=[...], ordered=True)",
            )
        column = column.cat.remove_unused_categories()
        codes, labels = column.cat.codes.to_numpy(dtype=float), [str(c) for c in column.cat.categories]
    else:
        _check_numbers(term, column)
        values = column.to_numpy()
        if (values != np.floor(values)).any():
            raise DataError(
                f"the response {term.text!r} is not ordinal",
                got=f"{values[values != np.floor(values)][0]:g}",
                allowed="whole numbers or an ordered categorical",
                do="round, bin, or use another family",
            )
        distinct, inverse = np.unique(values, return_inverse=True)
        codes, labels = inverse.astype(float), [f"{v:g}" for v in distinct]
    if len(labels) < 3:
        raise DataError(
            f"the response {term.text!r} has too few categories to be ordinal",
            got=f"{len(labels)}",
            allowed="3 or more",
            do="use family 'bernoulli' for two",
        )
    return Response(term.name, codes, categories=tuple(labels))


def _read_nominal(term: ResponseTerm, column: pd.Series) -> Response:
    """Read categories in their declared order, or sorted; the first one is the reference."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        codes, labels = column.cat.codes.to_numpy(dtype=float), [str(c) for c in column.cat.categories]
    else:
        distinct, inverse = np.unique(column.to_numpy(), return_inverse=True)
        codes = inverse.astype(float)
        labels = [f"{v:g}" if isinstance(v, int | float | np.number) else str(v) for v in distinct]
    if len(labels) < 3 or len(labels) > _MOST_CATEGORIES:
        raise DataError(
            f"the response {term.text!r} has too {'few' if len(labels) < 3 else 'many'} categories",
            got=f"{len(labels)}",
            allowed=f"3 to {_MOST_CATEGORIES}",
            do="use family 'bernoulli' for two" if len(labels) < 3 else "join rare categories",
        )
    return Response(term.name, codes, categories=tuple(labels))


def _warn_unused(response: Response, unused: Sequence[str]) -> None:
    """Warn of declared categories that are left out: only the prior would determine their cutpoints."""
    if not unused:
        return
    several = "categories" if len(unused) > 1 else "category"
    warn(
        f"the response {response.name!r} has no row of {several} {', '.join(map(repr, unused))}: cutpoints are only "
        f"between the categories that occur, {', '.join(f'{a}|{b}' for a, b in pairwise(response.categories))}; "
        "a category that is left out has no probability in this model",
        DataWarning,
    )
