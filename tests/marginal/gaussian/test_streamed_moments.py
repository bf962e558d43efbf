"""Moments of any partition of the rows, in any order, are those of the whole."""

import warnings

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.streamed import assert_close, assert_same_moments, in_memory, table
from partialpool.fitting.streamed import read_streamed
from partialpool.spec.model import ModelSpec

FORMULAS = (
    "y ~ x * arm + year + (1 + year | g) + (1 | h/cask)",
    "y ~ 0 + arm + x + (0 + x | g) + (0 + arm | h)",
    "y ~ scale(x) + center(year) + offset(w) + (1 + x + I(x**2) | h)",
)

HOLES = ("y", "x", "year", "arm", "g", "h")
"""Columns that lack values."""


class Parts:
    """Rows in given parts, which may be empty."""

    name = "parts"

    def __init__(self, frame, ends):
        self._parts = [frame.iloc[start:end] for start, end in zip([0, *ends], [*ends, len(frame)], strict=True)]
        self._schema = pa.Schema.from_pandas(frame, preserve_index=False)
        self.column_names = list(frame.columns)

    def count_rows(self):
        return None

    def batches(self, columns):
        for part in self._parts:
            own = pa.RecordBatch.from_pandas(part, schema=self._schema, preserve_index=False)
            yield own.select(list(columns))


def streamed(formula, source):
    """Return the design of a source, and the moments of its rows."""
    return read_streamed(ModelSpec.from_formula(formula), source, missing="drop", progressbar=False)


@st.composite
def cut_tables(draw):
    """A table with missing values, and the same rows in another order, cut anywhere: parts of no row, and of one."""
    rows = draw(st.integers(40, 300), label="rows")
    frame = table(seed=draw(st.integers(0, 2**32 - 1), label="seed"), rows=rows)
    places = st.tuples(st.integers(0, rows - 1), st.sampled_from([*HOLES]))
    for row, column in draw(st.lists(places, max_size=30), label="missing"):
        frame.loc[row, column] = None
    order = draw(st.sampled_from(["random", "x", "year", "g", "y"]), label="order")
    if order == "random":
        turned = frame.iloc[draw(st.permutations(range(rows)), label="permutation")]
    else:
        turned = frame.sort_values(order, kind="stable", ascending=draw(st.booleans(), label="ascending"))
    ends = sorted(draw(st.lists(st.integers(0, rows), min_size=1, max_size=40), label="ends"))
    return frame, Parts(turned, ends)


def told_of(read, *arguments):
    """Return what a table was read as, and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return read(*arguments), [str(one.message) for one in told]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(formula=st.sampled_from(FORMULAS), cut=cut_tables())
def test_any_partition_in_any_order(formula, cut):
    frame, parts = cut
    (design, whole), expected = told_of(in_memory, formula, frame)
    (found, known), told = told_of(streamed, formula, parts)
    assert told == expected
    assert (found.n_rows, found.n_given, found.left_out) == (design.n_rows, design.n_given, design.left_out)
    assert [f.levels.labels for f in found.factors] == [f.levels.labels for f in design.factors]
    assert_same_moments(known.moments, whole.moments)


@pytest.mark.parametrize("by", ["x", "year", "g", "y"])
def test_sorted_rows_cost_no_digits(by):
    """The first batch has one row, or all of one level: its mean is far from that of all rows."""
    frame = table(seed=4, rows=2000).sort_values(by)
    formula = FORMULAS[0]
    _, whole = in_memory(formula, frame)
    for ends in ([1], [20], [1, 2, 3], list(range(100, 2000, 100))):
        source = Parts(frame, ends)
        _, known = streamed(formula, source)
        assert_same_moments(known.moments, whole.moments)


def test_columns_that_nearly_depend_on_each_other():
    """Without year - 2005, year:arm is nearly arm: the units differ by what the products of the columns cannot tell."""
    frame = table(rows=400)
    formula = "y ~ year * arm + (1 | g)"
    _, whole = in_memory(formula, frame)
    source = Parts(frame, [100, 200])
    found, known = streamed(formula, source)
    assert_same_moments(known.moments, whole.moments, tolerance=1e-8)
    # In its own units the moments are those of the rows, to ten digits.
    columns = found.common.recipe.apply(frame)[:, 1:]
    xy = np.column_stack([known.units.whole_columns(columns), (frame["y"] - known.units.location) / known.units.unit])
    assert_close(known.moments.common, xy.T @ xy, 400.0)


def test_moments_are_sums_over_rows():
    """Against the definition: sums of products of the columns of each level, one level after the other."""
    frame = table(rows=300)
    found, known = streamed("y ~ x + (1 + x | g)", Parts(frame, [50, 130]))
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    columns = np.column_stack([np.ones(300), (x - x.mean()) / x.std()])
    xy = np.column_stack([columns, (y - y.mean()) / y.std()])
    assert_close(known.moments.common, xy.T @ xy, 300.0)
    for k, label in enumerate(found.factors[0].levels.labels):
        here = (frame["g"] == label).to_numpy()
        assert_close(known.moments.own[0][k], columns[here].T @ columns[here], 300.0)
        assert_close(known.moments.dense[0][k], columns[here].T @ xy[here], 300.0)
