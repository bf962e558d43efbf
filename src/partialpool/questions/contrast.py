"""Differences between the entries of any answer along one of its dimensions: all pairs, or others."""

from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.counterfactuals import PAIRS
from partialpool.design.labels import coordinate_of
from partialpool.design.units import UNITS
from partialpool.errors import DataError, SpecError, nearest
from partialpool.fitting.answer import Answer
from partialpool.fitting.drawn_variables import drawn_variables
from partialpool.spec.keywords import explains_keywords

__all__ = ["contrast"]

_MOST: Final = 2000
"""Most differences that are computed."""


@explains_keywords
def contrast(
    answer: xr.Dataset | xr.DataArray,
    along: str,
    *,
    how: Literal["pairwise", "reference", "sequential"] = "pairwise",
) -> xr.Dataset:
    """Subtract entries of an answer from each other, draw by draw: predictions, effects, levels, comparisons.

    The differences have the full posterior: `to_frame(contrast(...))` tabulates them with intervals. The contrast of
    an average effect over the categories of `by` is a difference in differences.

    Parameters
    ----------
    answer
        What a function of a fit returns: labelled draws with dimensions chain and draw.
    along
        A dimension of the answer, or a column along it (a column of `datagrid` in an answer of `predict`), whose
        entries are compared.
    how
        All pairs, or each entry with the first (`reference`), or with the one before it (`sequential`).

    Returns
    -------
    xarray.Dataset
        The variables that have the dimension; its entries are now the differences, labelled `b - a`: the later entry
        minus the earlier. In the answer's units.

    Raises
    ------
    DataError
        No draws; no such dimension; fewer than two entries; more than 2000 differences.
    SpecError
        `how` has no such name.

    Examples
    --------
    >>> import partialpool as pp
    >>> herds = pp.load_dataset("cbpp")
    >>> fit = pp.fit("p(incidence, size) ~ period + (1 | herd)", herds, family="binomial", seed=1, progressbar=False)
    >>> rows = pp.predict(fit, pp.datagrid(fit, period=["1", "2", "3"]), kind="marginal")
    >>> pp.contrast(rows["expectation"], "period")["period"].to_numpy().tolist()
    ['2 - 1', '3 - 1', '3 - 2']
    """
    if how not in PAIRS:
        raise SpecError(
            "unknown contrasts", got=f"how={how!r}", allowed=nearest(str(how), PAIRS), do="name one of these"
        )
    drawn = drawn_variables(answer, doing="compared", example="pp.contrast(pp.predict(fit, rows), 'arm')")
    dim, labels = _entries(drawn, along)
    pairs = PAIRS[how](len(labels))
    if len(labels) < 2 or len(pairs) > _MOST:
        raise DataError(
            "a contrast compares two entries or more" if len(labels) < 2 else "there are too many pairs to compare",
            got=f"{len(labels)} entries along {along!r}" + ("" if len(labels) < 2 else f", {len(pairs)} pairs"),
            allowed=f"two entries or more, and up to {_MOST} pairs",
            do="select some entries first, or write how='reference'",
        )
    before, after = (np.array(side) for side in zip(*pairs, strict=True))
    found = {
        name: _chosen(values, dim, after) - _chosen(values, dim, before)
        for name, values in drawn.data_vars.items()
        if dim in values.dims
    }
    names = [f"{labels[b]} - {labels[a]}" for a, b in pairs]
    differences = Answer(found)
    differences = (differences if dim == along else differences.rename({dim: along})).assign_coords({along: names})
    for values in differences.data_vars.values():
        values.attrs.clear()  # what was said of the entries, such as that they are ratios, is not true of differences
    kept = {name: drawn.attrs[name] for name in ("response", UNITS) if name in drawn.attrs}
    differences.attrs = kept | {"contrast": f"differences along {along}"}
    return differences


def _chosen(values: xr.DataArray, dim: str, at: np.ndarray) -> xr.DataArray:
    """Return entries along a dimension, without coordinates along it: those of the two sides of a pair differ."""
    own = [name for name, along in values.coords.items() if dim in along.dims]
    return values.isel({dim: at}).drop_vars(own)


def _entries(drawn: xr.Dataset, along: str) -> tuple[str, list[Any]]:
    """Return the dimension that is compared along, and the label of each of its entries."""
    name = coordinate_of(drawn, along) if along not in drawn.dims else along
    known = [str(d) for d in drawn.dims if d not in ("chain", "draw")]
    columns = [str(c) for c, values in drawn.coords.items() if len(values.dims) == 1 and values.dims[0] in known]
    if name not in {*known, *columns}:
        raise DataError(
            "the answer has no such dimension or column",
            got=repr(along),
            allowed=nearest(str(along), list(dict.fromkeys([*known, *columns]))) or "an answer with several entries",
            do="name one of these",
        )
    if name in drawn.dims:
        labels = drawn[name].to_numpy().tolist() if name in drawn.coords else list(range(drawn.sizes[name]))
        return name, labels
    (dim,) = drawn[name].dims
    labels = drawn[name].to_numpy().tolist()
    if pd.Index(labels).has_duplicates:
        raise DataError(
            f"several entries have the same {along!r}",
            got=f"{len(labels)} entries with {len(set(labels))} values",
            allowed="one entry per value",
            do=f"select the others first, or compare along {str(dim)!r}",
        )
    return str(dim), labels
