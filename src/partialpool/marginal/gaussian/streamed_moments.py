"""Moments of rows that are read in batches: sums in provisional units, converted when all rows have been read.

The units of the algebra (`standardise.py`) depend on means and spreads of all rows, which are known only at the end.
Batches are therefore added up with every column about its mean in the first batch, divided by its sd there, beside a
column of ones. Both units are linear in [1, columns], so that the moments in one are products of those in the other,

    [1 X y]* = [1 X y] T,    Z* = Z A,    Z*'[1 X y]* = A' (Z'[1 X y]) T,

and no row is read a third time. A first batch with a fraction f of the rows has its mean within sqrt((1 - f) / f) sds
of that of all rows, so that the conversion costs at most a factor 1 / f of the precision of 1e-16, however the rows are
sorted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.streamed.batch_columns import BatchColumns, Columns
from partialpool.design.streamed.build import FactorSums, TableSums
from partialpool.design.streamed.column_sums import ColumnSums
from partialpool.design.streamed.read_batch import ReadBatch
from partialpool.design.streamed.streamed_design import StreamedCommon, StreamedDesign, StreamedFactor
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.crossproducts import add_level_products, coupling_of, whole_from_lower
from partialpool.marginal.gaussian.moments import Coupling, Moments
from partialpool.marginal.gaussian.standardise import Units, effect_units
from partialpool.model.prior_scales import predictor_unit
from partialpool.names import INTERCEPT

__all__ = ["StreamedMoments", "accumulated_of", "collect_streamed", "table_sums"]

_PAIRS_AT_ONCE = 2**20
"""Fewest pairs of levels that wait to be added up: sorting them costs most of the time."""


@dataclass(frozen=True, eq=False)
class _Origins:
    """Provisional origin and unit of each column, and its range so far; those of ones are 0 and 1."""

    origin: np.ndarray
    unit: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, *, shifted: bool | np.ndarray = True) -> "_Origins":
        """Choose them from the first rows (rows, columns)."""
        origin = np.where(shifted, values.mean(axis=0), 0.0)
        spread = (values - origin).std(axis=0)
        unit = np.where(spread > 0, spread, np.maximum(np.abs(values).max(axis=0), np.finfo(float).tiny))
        unit = np.where(unit > np.finfo(float).tiny, unit, 1.0)
        return cls(origin, unit, values.min(axis=0), values.max(axis=0))

    def widened(self, values: np.ndarray) -> "_Origins":
        """Return the same with the range of some more rows."""
        lowest, highest = values.min(axis=0), values.max(axis=0)
        return replace(self, lowest=np.minimum(self.lowest, lowest), highest=np.maximum(self.highest, highest))

    def stored(self, values: np.ndarray) -> np.ndarray:
        """Return columns in the provisional units, (rows, columns)."""
        return np.ascontiguousarray((values - self.origin) * (1 / self.unit))

    def sums(self, rows: int, products: np.ndarray) -> ColumnSums:
        """Return the sums of these columns, given the products of [1 C], C in the provisional units."""
        return ColumnSums(rows, self.origin, self.unit, products, self.lowest, self.highest)


@dataclass(frozen=True, eq=False)
class StreamedMoments:
    """Moments of all rows in provisional units.

    Attributes
    ----------
    moments
        Of [1 X y], with ones first whatever the model, and of all columns of every factor.
    xy
        Units of the columns of X but the intercept, and of y.
    z
        Units of the columns, by factor.
    has_offset
        Whether some row's offset is not 0.
    ones
        Position of the column of ones, by factor; None where the intercept does not vary.
    """

    moments: Moments
    xy: _Origins
    z: tuple[_Origins, ...]
    has_offset: bool
    ones: tuple[int | None, ...]

    def __add__(self, other: "StreamedMoments") -> "StreamedMoments":
        """Add up the moments of other rows, which have the same provisional units."""
        pairs = ((self.xy, other.xy), *zip(self.z, other.z, strict=True))
        xy, *z = (mine.widened(np.stack([theirs.lowest, theirs.highest])) for mine, theirs in pairs)
        has_offset = self.has_offset or other.has_offset
        return StreamedMoments(self.moments + other.moments, xy, tuple(z), has_offset, self.ones)


def collect_streamed(
    columns: BatchColumns, batches: Iterable[ReadBatch], *, units_of: ReadBatch | None = None
) -> StreamedMoments:
    """Add up the moments of all batches.

    Parameters
    ----------
    columns
        How batches become columns.
    batches
        The complete rows, from `read_again`; at least one row.
    units_of
        Rows that determine the provisional units, so that moments of several parts of a table have the same and add up;
        None for those of the first batch.
    """
    total = None if units_of is None else _Total(columns, columns.of(units_of))
    for read in batches:
        found = columns.of(read)
        total = _Total(columns, found) if total is None else total
        total.add(found)
    if total is None:
        raise ValueError("no batch has a row")
    return total.finished()


class _Total:
    """Sums so far."""

    def __init__(self, columns: BatchColumns, first: Columns) -> None:
        self._first = 1 if columns.spec.intercept else 0
        names = [
            [
                n
                for g, recipe in zip(columns.spec.groups, columns.groups, strict=True)
                if g.factor == f
                for n in recipe.names
            ]
            for f in columns.spec.factors
        ]
        self._ones = tuple(own.index(INTERCEPT) if INTERCEPT in own else None for own in names)
        self._xy = _Origins.of(self._beside(first))
        self._z = [
            _Origins.of(z, shifted=np.array([INTERCEPT in own and name != INTERCEPT for name in own]))
            for z, own in zip(first.z, names, strict=True)
        ]
        self._z = [
            replace(one, unit=np.where([name == INTERCEPT for name in own], 1.0, one.unit))
            for one, own in zip(self._z, names, strict=True)
        ]
        self._sizes = [len(columns.survey.factors[f].counts) for f in columns.spec.factors]
        width = len(self._xy.origin) + 1
        effects = [z.shape[1] for z in first.z]
        self._own = [np.zeros((n, q, q)) for n, q in zip(self._sizes, effects, strict=True)]
        self._dense = [np.zeros((n, q, width)) for n, q in zip(self._sizes, effects, strict=True)]
        self._common = np.zeros((width, width))
        pairs = [(f, g) for f in range(len(effects)) for g in range(f + 1, len(effects))]
        self._couplings = {pair: _Couplings() for pair in pairs}
        self._rows, self._log_y, self._has_offset = 0, 0.0, False

    def _beside(self, columns: Columns) -> np.ndarray:
        """Return [X y] without ones, (rows, columns + 1), the rows of each column side by side."""
        x = columns.x[:, self._first :]
        values = np.empty((x.shape[1] + 1, len(x)))
        values[:-1], values[-1] = x.T, columns.y
        return values.T

    def add(self, columns: Columns) -> None:
        values = self._beside(columns)
        self._xy = self._xy.widened(values)
        xy = np.ones((len(values), values.shape[1] + 1))
        xy[:, 1:] = self._xy.stored(values)
        z = []
        for f, own in enumerate(columns.z):
            self._z[f] = self._z[f].widened(own)
            z.append(self._z[f].stored(own))
            add_level_products(columns.level_of_row[f], z[f], xy, self._own[f], self._dense[f])
        for (f, g), coupling in self._couplings.items():
            coupling.add(
                coupling_of(
                    columns.level_of_row[f], columns.level_of_row[g], z[f], z[g], self._sizes[f], self._sizes[g]
                )
            )
        self._common += xy.T @ xy
        self._rows += len(values)
        self._log_y += columns.log_y
        self._has_offset = self._has_offset or columns.has_offset

    def finished(self) -> StreamedMoments:
        factors = len(self._own)
        moments = Moments(
            self._rows,
            -self._log_y,
            tuple(map(whole_from_lower, self._own)),
            tuple(self._dense),
            tuple(tuple(self._couplings[f, g].total() for g in range(f + 1, factors)) for f in range(factors)),
            self._common,
        )
        return StreamedMoments(moments, self._xy, tuple(self._z), self._has_offset, self._ones)


class _Couplings:
    """Pairs of levels so far, of which the latest wait to be sorted among the others."""

    def __init__(self) -> None:
        self._waiting: list[Coupling] = []

    def add(self, more: Coupling) -> None:
        self._waiting.append(more)
        sorted_pairs, *others = (len(one.first) for one in self._waiting)
        if sum(others) > max(sorted_pairs, _PAIRS_AT_ONCE):
            self._waiting = [self.total()]

    def total(self) -> Coupling:
        return Coupling.total(self._waiting)


def table_sums(streamed: StreamedMoments) -> TableSums:
    """Return the sums over all rows that a design is made of."""
    moments, xy, rows = streamed.moments, streamed.xy, streamed.moments.rows
    whole = xy.sums(rows, moments.common)
    columns = len(xy.origin)
    factors = []
    by_factor = zip(moments.own, moments.dense, streamed.z, streamed.ones, strict=True)
    for f, (own, dense, z, ones) in enumerate(by_factor):
        q = len(z.origin)
        products = np.empty((q + 1, q + 1))
        products[0, 0] = rows
        products[0, 1:] = products[1:, 0] = dense[:, :, 0].sum(axis=0)
        products[1:, 1:] = own.sum(axis=0)
        sums = z.sums(rows, products)
        factors.append(FactorSums(sums, _within(own, dense, rows, ones), _parents(moments, f)))
    return TableSums(whole.of(np.arange(columns - 1)), whole.of([columns - 1]), tuple(factors), streamed.has_offset)


def _within(own: np.ndarray, dense: np.ndarray, rows: int, ones: int | None) -> np.ndarray:
    """Return what share of each column's variation is within the levels, (effects,); 1 for one that does not vary.

    Without a column of ones, in which slopes next to no intercept are, nothing is asked of the shares: they are 1.
    """
    q = own.shape[1]
    if ones is None:
        return np.ones(q)
    counts, totals = own[:, ones, ones], dense[:, :, 0]
    square = np.diagonal(own, axis1=1, axis2=2)
    within = (square - totals**2 / counts[:, None]).sum(axis=0)
    whole = square.sum(axis=0) - totals.sum(axis=0) ** 2 / rows
    return np.divide(within, whole, out=np.ones(q), where=whole > 0)


def _parents(moments: Moments, f: int) -> dict[int, np.ndarray]:
    """Return, by position of another factor, the level of it that contains each level of a factor."""
    found = {}
    for g in range(len(moments.own)):
        if g == f:
            continue
        pairs = moments.coupling(f, g)
        if len(pairs.first) == len(moments.own[f]):
            found[g] = pairs.second[np.argsort(pairs.first, kind="stable")]
    return found


def accumulated_of(streamed: StreamedMoments, design: StreamedDesign) -> Accumulated:
    """Convert moments to the units of a design."""
    units = _units(design)
    common, basis = design.common, design.common.basis
    assert isinstance(common, StreamedCommon)
    xy, moments = streamed.xy, streamed.moments
    width, p = len(xy.origin) + 1, len(common.names)
    first = 1 if common.intercept else 0
    turn = np.zeros((width, first + p + 1))
    if first:
        turn[0, 0] = 1.0
    places = _places(common, first)
    inverse = basis.inverse
    turn[1 + places, first : first + p] = xy.unit[places][:, None] * inverse
    turn[0, first : first + p] = (xy.origin[places] - common.center) @ inverse
    turn[-1, -1] = xy.unit[-1] / units.unit
    turn[0, -1] = (xy.origin[-1] - units.location) / units.unit
    own = [_effects_turn(f, u.size, z) for f, u, z in zip(design.factors, units.factors, streamed.z, strict=True)]
    converted = Moments(
        moments.rows,
        moments.log_jacobian,
        tuple(a.T @ values @ a for a, values in zip(own, moments.own, strict=True)),
        tuple(a.T @ values @ turn for a, values in zip(own, moments.dense, strict=True)),
        tuple(
            tuple(
                replace(coupling, values=own[f].T @ coupling.values @ own[f + 1 + k])
                for k, coupling in enumerate(several)
            )
            for f, several in enumerate(moments.couplings)
        ),
        turn.T @ moments.common @ turn,
    )
    return Accumulated(units, converted)


def _places(common: StreamedCommon, first: int) -> np.ndarray:
    """Return the positions of the columns that are kept, among all but the intercept."""
    return common.kept - first


def _effects_turn(factor: FactorEffects, size: np.ndarray, z: _Origins) -> np.ndarray:
    """Return A of Z* = Z A, Z in the provisional units, (evaluated columns, effects)."""
    assert isinstance(factor, StreamedFactor)
    kept = list(factor.kept)
    turn = np.zeros((len(z.origin), len(kept)))
    turn[kept] = z.unit[kept][:, None] * factor.freed.turn / size
    if INTERCEPT in factor.names:
        turn[kept[factor.names.index(INTERCEPT)]] += (z.origin[kept] - factor.freed.center) @ factor.freed.turn / size
    return turn


def _units(design: StreamedDesign) -> Units:
    """Choose the units of a design as `choose_units` does."""
    common = design.common
    carried = common.intercept or common.basis.constant is not None
    unit = predictor_unit(design)
    factors = [effect_units(f.freed, f.sizes, f.basis) for f in design.factors if isinstance(f, StreamedFactor)]
    return Units(float(design.working.mean[0]) if carried else 0.0, unit, unit, common, tuple(factors))
