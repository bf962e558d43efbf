"""A table in memory and the same table in files: the designs and moments of both."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from partialpool.design.build import build_design
from partialpool.design.streamed.source import as_source
from partialpool.fitting.streamed import read_streamed
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.spec.model import ModelSpec


def table(seed=1, rows=700):
    """Two crossed factors, a nested one, numbers far from zero, categories, booleans."""
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(
        {
            "x": rng.normal(5, 2, rows),
            "year": rng.integers(1990, 2020, rows),
            "w": rng.gamma(3, size=rows),
            "arm": rng.choice(["placebo", "high", "low"], rows),
            "site": rng.choice(["n", "s"], rows),
            "told": rng.random(rows) < 0.3,
            "visit": rng.integers(1, 5, rows),
            "g": [f"s{k}" for k in rng.integers(0, 12, rows)],
            "h": rng.integers(100, 109, rows),
        }
    )
    found["cask"] = [f"{'abc'[k]}" for k in rng.integers(0, 3, rows)]
    level = pd.factorize(found["g"])[0]
    found["y"] = 1 + 0.5 * found["x"] + rng.normal(size=12)[level] + found["told"] + rng.normal(size=rows)
    found["positive"] = np.exp(found["y"] / 4)
    return found


def write(frame, path, files=1, rows=97):
    """Write a table as Parquet files with small row groups; a single file, or a folder."""
    if files == 1:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path / "t.parquet", row_group_size=rows)
        return path / "t.parquet"
    for k, part in enumerate(np.array_split(np.arange(len(frame)), files)):
        own = pa.Table.from_pandas(frame.iloc[part], preserve_index=False)
        pq.write_table(own, Path(path) / f"part-{k}.parquet", row_group_size=rows)
    return path


def read(formula, data, *, missing="drop", **options):
    """Return the design of a source, and the moments of its rows."""
    spec = ModelSpec.from_formula(formula, **options)
    return read_streamed(spec, as_source(data), missing=missing, progressbar=False)


def in_memory(formula, frame, *, missing="drop", **options):
    """Return the design of a table, and the moments of its rows."""
    design = build_design(ModelSpec.from_formula(formula, **options), frame, missing=missing)
    return design, Accumulated.of(design)


def assert_close(some, others, scale=None, *, tolerance=1e-10):
    """Compare arrays relative to their largest entry."""
    some, others = np.asarray(some, float), np.asarray(others, float)
    assert some.shape == others.shape
    size = np.abs(others).max(initial=0.0) if scale is None else scale
    np.testing.assert_allclose(some, others, rtol=0, atol=tolerance * size + 1e-300)


def assert_same_moments(some, others, *, tolerance=1e-10):
    """Compare moments, relative to the number of rows or to the largest entry."""
    assert some.rows == others.rows
    assert_close(some.log_jacobian, others.log_jacobian, max(abs(others.log_jacobian), 1.0))
    assert_close(some.common, others.common, others.rows, tolerance=tolerance)
    for name in ("own", "dense"):
        for one, other in zip(getattr(some, name), getattr(others, name), strict=True):
            assert_close(one, other, np.abs(other).max(), tolerance=tolerance)
    for mine, theirs in zip(some.couplings, others.couplings, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert np.array_equal(one.first, other.first)
            assert np.array_equal(one.second, other.second)
            assert_close(one.values, other.values, np.abs(other.values).max(), tolerance=tolerance)
