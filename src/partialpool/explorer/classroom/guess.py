"""What the columns of a pasted table probably mean: the choices that the form shows first."""

from dataclasses import replace
from typing import Final

import pandas as pd

from partialpool.explorer.classroom.question import KINDS, Kind, Question
from partialpool.explorer.classroom.responses import PERCENTAGE, written

__all__ = ["guessed"]

_YES: Final = ("yes", "y", "hit", "true", "ja", "oui", "si", "s\N{LATIN SMALL LETTER I WITH ACUTE}", "1")


def guessed(question: Question, table: pd.DataFrame) -> Question:
    """Fill in the choices that are empty or name no column of the table; the kind too if its columns changed.

    Parameters
    ----------
    question
        As it was submitted.
    table
        Its table, as `read_pasted` returns it.

    Examples
    --------
    >>> table = pd.DataFrame({"name": ["Ada", "Ben"], "hits": [2, 5], "shots": [3, 9]})
    >>> found = guessed(Question(""), table)
    >>> found.who, found.response, found.kind, found.attempts
    ('name', 'hits', 'hits out of attempts', 'shots')
    """
    columns = list(table.columns)
    who = question.who
    if who not in columns:
        who = next((name for name in columns if not _is_counted(table[name])), columns[0])
    others = [name for name in columns if name != who]
    response = question.response
    if response not in others:
        response = next((name for name in others if _is_counted(table[name])), others[0])
    attempts = question.attempts
    if attempts not in others or attempts == response:
        attempts = _attempts(table, response, others)
    stated = KINDS.get(question.kind)
    changed = response != question.response or (stated and stated.has_attempts and attempts != question.attempts)
    kind = (_kind(table[response], attempts) if stated is None or changed else stated).name
    success = question.success
    labels = sorted({written(value) for value in table[response].dropna().unique()})
    if success not in labels:
        is_yes = [label for label in labels if label.casefold() in _YES]
        success = "" if _is_counted(table[response]) or not labels else (is_yes or labels)[0]
    return replace(question, who=who, response=response, kind=kind, attempts=attempts, success=success)


def _kind(values: pd.Series, attempts: str) -> Kind:
    """Return the kind that the values of a response look like."""
    found = values.dropna()
    if _is_counted(values) and not _is_number(values):  # percentages, which are refused with a message about hits
        return next(kind for kind in KINDS.values() if kind.has_attempts)
    if not _is_number(values) or set(found.unique()) <= {0, 1}:
        return next(kind for kind in KINDS.values() if kind.has_success)
    if attempts:
        return next(kind for kind in KINDS.values() if kind.has_attempts)
    whole = bool(((found >= 0) & (found == found.round())).all())
    family = "poisson" if whole else "gaussian"
    return next(kind for kind in KINDS.values() if kind.family == family)


def _attempts(table: pd.DataFrame, response: str, others: list[str]) -> str:
    """Return a column of whole numbers, none of which is below the response; empty where there is none."""
    if not _is_number(table[response]):
        return ""
    for name in others:
        if name != response and _is_number(table[name]):
            both = table[[response, name]].dropna()
            whole = (both == both.round()).all(axis=None)
            if whole and (both[response] >= 0).all() and (both[name] >= both[response]).all():
                return name
    return ""


def _is_counted(values: pd.Series) -> bool:
    """Whether a column has numbers or percentages."""
    found = values.dropna().astype(str)
    return _is_number(values) or bool(len(found) and found.str.fullmatch(PERCENTAGE).all())


def _is_number(values: pd.Series) -> bool:
    """Whether a column holds numbers; true and false do not count."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
