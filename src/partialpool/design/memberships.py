"""The memberships of rows: which levels of one factor each row belongs to, with which weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from partialpool.design.columns import label_text
from partialpool.design.factors import Levels
from partialpool.design.row_names import rows_in_words
from partialpool.errors import DataError
from partialpool.spec.member_table import MemberTable
from partialpool.spec.members import Members

__all__ = ["fill_blank_members", "learn_memberships", "read_memberships"]


def learn_memberships(members: Members, frame: pd.DataFrame, left_out: pd.DataFrame) -> tuple[Levels, sparse.csr_array]:
    """Find the levels in all columns of members, and the weight of every level in each row.

    A level exists where a row belongs to it with a weight above 0; a member named twice counts with both weights.

    Parameters
    ----------
    members
        The columns, or the table.
    frame, left_out
        The rows, and those that were left out because of missing values, which a table of memberships may name.

    Returns
    -------
    Levels, scipy.sparse.csr_array
        The levels, and their weights, (rows, levels).
    """
    if members.table is not None:
        return _of_table(members, members.table, frame, left_out)
    weights = _weights(members, frame)
    labels = _labels(members, frame)
    used = labels[weights > 0]
    known = Levels(members.factor, tuple(_in_order(used, [frame[column] for column in members.columns])))
    return known, read_memberships(members, known, frame)[0]


def read_memberships(members: Members, levels: Levels, frame: pd.DataFrame) -> tuple[sparse.csr_array, tuple[Any, ...]]:
    """Return the weights of the levels in each row of a table, (rows, levels and new ones), and the new labels."""
    if members.table is not None:
        rows, labels, shares = _lines(members, members.table, frame)
        codes, unseen = levels.of_labels(labels)
        return _entries(len(frame), len(levels.labels) + len(unseen), rows, codes, shares), unseen
    weights = _weights(members, frame)
    labels = _labels(members, frame)
    rows, places = np.nonzero(weights)
    codes, unseen = levels.of_labels(labels[rows, places])
    width = len(levels.labels) + len(unseen)
    return _entries(len(frame), width, rows, codes, weights[rows, places]), unseen


def fill_blank_members(raw: pd.DataFrame, blank: dict[str, str]) -> pd.DataFrame:
    """Give a member with a weight of 0 that is missing another value of its column: it plays no part."""
    changed = {}
    for column, weight in blank.items():
        if column not in raw or weight not in raw:
            continue
        lacking = raw[column].isna() & (pd.to_numeric(raw[weight], errors="coerce") == 0)
        if lacking.any():
            told = [raw[other].dropna() for other in (column, *blank) if other in raw]
            usual = next((values.iloc[0] for values in told if len(values)), None)
            own = raw[column].astype(object) if raw[column].isna().all() else raw[column]
            changed[column] = own.where(~lacking, usual)
    return raw.assign(**changed) if changed else raw


def _entries(rows: int, levels: int, of_row: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> sparse.csr_array:
    """Add up the weights of each row and level, (rows, levels)."""
    return sparse.csr_array(sparse.coo_array((weights, (of_row, codes)), shape=(rows, levels)))


def _of_table(
    members: Members, table: MemberTable, frame: pd.DataFrame, left_out: pd.DataFrame
) -> tuple[Levels, sparse.csr_array]:
    column = members.columns[0]
    known = {label_text(value) for rows in (frame, left_out) if column in rows for value in rows[column].dropna()}
    strangers = [row for row in dict.fromkeys(table.rows) if label_text(row) not in known]
    if strangers:
        raise DataError(
            f"the table of {members.factor} has rows that are not in the data",
            got=", ".join(map(repr, strangers[:5])) + (f" and {len(strangers) - 5} more" if len(strangers) > 5 else ""),
            allowed=f"values of {column!r} in the data",
            do="leave these lines out of the table of memberships, or correct them",
        )
    labels = _lines(members, table, frame)[1]
    levels = Levels(members.factor, tuple(_in_order(labels, [])))
    return levels, read_memberships(members, levels, frame)[0]


def _lines(members: Members, table: MemberTable, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, label and weight of the memberships of some rows, with weights above 0."""
    of_row: dict[str, list[int]] = {}
    for line, row in enumerate(table.rows):
        if table.weights[line] > 0:
            of_row.setdefault(label_text(row), []).append(line)
    names = [label_text(value) for value in frame[members.columns[0]]]
    lacking = [at for at, name in enumerate(names) if name not in of_row]
    if lacking:
        raise DataError(
            f"rows have no member of {members.factor} with a weight above 0",
            got=f"{names[lacking[0]]!r} {rows_in_words(frame.index, [frame.index[lacking[0]]])}"
            + (f", and {len(lacking) - 1} more" if len(lacking) > 1 else ""),
            allowed="a line of the table of memberships for every row of the data",
            do="add these lines and fit, or leave the rows out",
        )
    lines = np.concatenate([of_row[name] for name in names])
    rows = np.repeat(np.arange(len(names)), [len(of_row[name]) for name in names])
    weights = np.array(table.weights)[lines]
    if members.scale:
        weights = weights / np.bincount(rows, weights)[rows]
    labels = np.empty(len(table.members), dtype=object)
    labels[:] = table.members
    return rows, labels[lines], weights


def _weights(members: Members, frame: pd.DataFrame) -> np.ndarray:
    """Return the weight of each column of members in each row, (rows, columns)."""
    if not members.weights:
        share = 1 / len(members.columns) if members.scale else 1.0
        return np.full((len(frame), len(members.columns)), share)
    for column in members.weights:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise DataError(
                f"the weights of {members.factor} must be numbers",
                got=f"column {column!r} with {frame[column].iloc[0]!r}",
                allowed="numbers from 0 on",
                do="correct the column, or name another in weights=(...)",
            )
    weights = frame[list(members.weights)].to_numpy(float)
    for wrong, name, allowed, do in (
        ((weights < 0).any(axis=1), "negative weights", "numbers from 0 on", "correct these weights"),
        (
            weights.sum(axis=1) == 0,
            "rows without any weight above 0",
            "a weight above 0 in every row",
            "correct these weights, or leave the rows out",
        ),
    ):
        if wrong.any():
            at = np.flatnonzero(wrong)
            raise DataError(
                f"{members.factor} has {name}",
                got=f"{weights[at[0]].tolist()} {rows_in_words(frame.index, [frame.index[at[0]]])}"
                + (f", and {len(at) - 1} more" if len(at) > 1 else ""),
                allowed=allowed,
                do=do,
            )
    return weights / weights.sum(axis=1, keepdims=True) if members.scale else weights


def _labels(members: Members, frame: pd.DataFrame) -> np.ndarray:
    """Return the members of each row, (rows, columns) of objects; whole numbers are integers in every column."""
    columns = []
    for column in members.columns:
        values = frame[column]
        if pd.api.types.is_float_dtype(values) and (values == values.round()).all():
            values = values.astype(np.int64)
        columns.append(np.array(values.tolist(), dtype=object))
    texts = [any(isinstance(value, str) for value in column) for column in columns]
    if any(texts) and not all(texts):
        raise DataError(
            f"the columns of {members.factor} have labels of different kinds",
            got=", ".join(
                f"{column!r} with {'text' if text else 'numbers'}"
                for column, text in zip(members.columns, texts, strict=True)
            ),
            allowed="the same labels in every column, all text or all numbers",
            do="convert the columns: table[column] = table[column].astype(str)",
        )
    return np.stack(columns, axis=1)


def _in_order(used: np.ndarray, columns: Sequence[pd.Series]) -> list[Any]:
    """Sort the labels; declared categories, alike in every column, keep their order."""
    found = set(used.tolist())
    declared = [list(c.cat.categories) for c in columns if isinstance(c.dtype, pd.CategoricalDtype) and c.cat.ordered]
    if declared and len(declared) == len(columns) and all(order == declared[0] for order in declared):
        return [label for label in declared[0] if label in found]
    return sorted(found)
