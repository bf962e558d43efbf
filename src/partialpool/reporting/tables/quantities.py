"""The rows of a table of models: what each fit has to say, and where it stands."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Final, Literal

import numpy as np
import xarray as xr

from partialpool.design.column_parts import ColumnPart
from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors
from partialpool.design.label_names import parts_by_name
from partialpool.design.residual_rows import ResidualRows
from partialpool.fitting.fit import Fit
from partialpool.labels.labels import Labels
from partialpool.names import BETA, RESIDUAL_CORRELATION, SIGMA, across_name, corr_name, predictor_name, sd_name
from partialpool.questions.icc import icc
from partialpool.questions.variance_components import variance_components
from partialpool.spec.expression import columns_of

__all__ = [
    "BLOCKS",
    "BlockName",
    "Quantity",
    "Shares",
    "in_common_order",
    "quantities_of",
    "reference_rows",
    "shares_of",
]

BlockName = Literal["fixed", "cutpoints", "random", "shares", "sizes"]
BLOCKS: Final[tuple[BlockName, ...]] = ("fixed", "cutpoints", "random", "shares", "sizes")
"""The blocks of rows, in the order of the table."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """One row of one model.

    Attributes
    ----------
    block, term
        Its block, and its name there: that of `fit.digest.frame` where it has one.
    label
        Its name in the table.
    draws
        Draws (chains, draws); None for a count.
    count
        Number of levels, rows or trials; None for a quantity with draws.
    is_share
        Whether it is between -1 and 1, and is printed with as many decimals as any other such number.
    is_ratio
        Whether it is the exponential of a coefficient.
    is_reference
        Whether it is the reference category of a predictor: 0, or 1 as a ratio, without draws.
    called
        Other names that choose the row: a coefficient, its columns, a factor, and their labels.
    """

    block: BlockName
    term: str
    label: str
    draws: np.ndarray | None = None
    count: int | None = None
    is_share: bool = False
    is_ratio: bool = False
    is_reference: bool = False
    called: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every name by which the row may be chosen."""
        return frozenset({self.block, self.term, self.term.partition("[")[0], self.label, *self.called})

    @property
    def exponential(self) -> "Quantity":
        """The exponential of the quantity."""
        if self.is_reference:
            return replace(self, is_ratio=True)
        assert self.draws is not None
        with np.errstate(over="ignore"):  # an infinite draw is printed as such
            return replace(self, draws=np.exp(self.draws), is_ratio=True)


@dataclass(frozen=True)
class Shares:
    """Shares of the variance of one model: ICC and R2.

    Attributes
    ----------
    quantities
        A row for each.
    residual
        Definition of the residual variance; empty where it is sigma^2 on the response's scale.
    averaged
        Whether they are averages over rows whose variances differ.
    """

    quantities: tuple[Quantity, ...]
    residual: str
    averaged: bool


def quantities_of(fit: Fit, labels: Labels) -> Iterator[Quantity]:
    """Yield the rows of a fit, without shares of the variance: fixed and random effects, numbers of levels and rows."""
    design, draws, parts = fit.design, fit.digest.draws, parts_by_name(fit.design)
    before = {name: (column, reference) for column, (name, reference) in _references(design).items()}
    for name in design.common.coefs:
        if name in before:
            (part,), (_, reference) = parts[name], before[name]
            term, label = _reference_term(part, reference), labels.reference_row(part, reference)
            yield Quantity("fixed", term, label, is_reference=True, called=_called(parts[name], labels))
        term = f"{BETA}[{name}]"
        own = parts.get(name, ())
        yield Quantity("fixed", term, labels.coefficient(name, own), draws[term], called=(name, *_called(own, labels)))
    yield from _fixed_of_parameters(fit, labels)
    yield from _fixed_of_thresholds(fit, labels)
    if design.spec.family_record.has_cutpoints:
        for low, high in pairwise(design.response.categories):
            term = f"cutpoints[{low}|{high}]"
            yield Quantity("cutpoints", term, labels.cutpoint(f"{low}|{high}", low, high), draws[term])
    yield from _random(fit, labels)
    for name, count in ({f.name: f.n_levels for f in design.grouping} | _series(design)).items():
        yield Quantity("sizes", f"levels[{name}]", labels.factor(name), count=count, called=(name,))
    yield Quantity("sizes", "rows", "Rows", count=design.n_rows)
    if design.response.trials is not None:
        yield Quantity("sizes", "trials", "Trials", count=int(design.response.trials.sum()))


def shares_of(fit: Fit, labels: Labels) -> Shares:
    """Return the ICC of every factor, averaged over the rows, and both R2, where the response has a variance."""
    family = fit.spec.family_record
    if not family.has_variance:
        return Shares((), "", averaged=False)
    parts, found = variance_components(fit), list(_iccs(fit, labels))
    for kind, explained, shown in (
        ("marginal", "fixed effects", bool(fit.design.common.names or fit.spec.smooths)),
        ("conditional", "fixed and random effects", bool(fit.design.grouping)),
    ):
        if shown:
            term, draws = f"r2_{kind}", _array(parts[f"r2_{kind}"])
            found.append(Quantity("shares", term, f"R², {kind} ({explained})", draws, is_share=True))
    sigma_alone = family.is_normal and fit.spec.link_record.is_identity and not family.on_log_scale
    is_plain = sigma_alone and fit.design.se is None
    averaged = any(len(factor.names) > 1 for factor in fit.design.grouping)
    return Shares(tuple(found), "" if is_plain else parts.attrs["residual"], averaged)


def reference_rows(fit: Fit) -> dict[str, str]:
    """Return the term of the row of each column's reference category, by column, where it has one."""
    parts = parts_by_name(fit.design)
    return {
        column: _reference_term(parts[name][0], reference)
        for column, (name, reference) in _references(fit.design).items()
    }


def _reference_term(part: ColumnPart, reference: str | float) -> str:
    return f"{BETA}[{replace(part, category=str(reference)).name}]"


def _references(design: Design) -> dict[str, tuple[str, str | int | float | bool]]:
    """Return, by column, the first coefficient of its categories by themselves, and their reference category.

    Only of treatment coding: other codings do not compare with one category.
    """
    found: dict[str, tuple[str, str | int | float | bool]] = {}
    known = design.common.recipe.categories
    for name, parts in parts_by_name(design).items():
        if name not in design.common.coefs or len(parts) != 1 or parts[0].column not in known:
            continue
        part, categories = parts[0], known[parts[0].column]
        codes = dict(part.coding)
        is_contrast = sorted(codes.values()) == [0.0] * (len(codes) - 1) + [1.0]
        if categories.coding == "treatment" and categories.reference is not None and is_contrast:
            found.setdefault(part.column, (name, categories.reference))
    return found


def in_common_order(orders: Sequence[Sequence[str]]) -> list[str]:
    """Merge the orders of several models: a name that is new stands before the next one that is known.

    Examples
    --------
    >>> in_common_order([["Intercept", "Days"], ["Intercept", "Age", "Days", "Sex"]])
    ['Intercept', 'Age', 'Days', 'Sex']
    """
    merged: list[str] = []
    for order in orders:
        for at, name in enumerate(order):
            if name not in merged:
                known = next((merged.index(later) for later in order[at + 1 :] if later in merged), len(merged))
                merged.insert(known, name)
    return merged


def _called(parts: tuple[ColumnPart, ...], labels: Labels) -> tuple[str, ...]:
    """Return the names of one predictor, by which all of its coefficients are chosen; none of an interaction."""
    if len(parts) != 1:
        return ()
    (part,) = parts
    columns = columns_of(part.expression) if part.is_call else (part.expression,)
    return (part.expression, labels.expression(part.text), *columns, *map(labels.plain, columns))


def _random(fit: Fit, labels: Labels) -> Iterator[Quantity]:
    """Yield sds and correlations of each factor, at the predictors' means too where the summary has them."""
    draws, parts = fit.digest.draws, parts_by_name(fit.design)
    for factor in fit.design.factors:
        of, sd, corr = labels.factor(factor.name), sd_name(factor.name), corr_name(factor.name)
        named = [labels.coefficient(effect, parts.get(effect, ())) for effect in factor.names]
        for curve in dict.fromkeys(factor.curves):
            term, inside = f"{sd}[{curve}]", "" if len(set(factor.curves)) == 1 else f", {curve}"
            yield Quantity("random", term, f"{of}, sd of departures{inside}", draws[term], called=(factor.name, of))
        for place, told in (("", ""), ("_at_means", ", at the means")):
            for k, effect in enumerate(factor.names):
                if (term := f"{sd}{place}[{effect}]") in draws:
                    label = f"{of}, sd of {factor.sd_in_words(k, named)}{told}"
                    yield Quantity("random", term, label, draws[term], called=(factor.name, of))
            for i, j in factor.parameter_pairs:
                if (term := f"{corr}{place}[{factor.names[i]}, {factor.names[j]}]") in draws:
                    label = f"{of}, correlation of {factor.pair_in_words((i, j), named, between=' and ')}{told}"
                    yield Quantity("random", term, label, draws[term], is_share=True, called=(factor.name, of))
    yield from _random_of_parameters(fit, labels)
    for name, _ in fit.spec.family_record.parameters:
        if name == SIGMA and fit.design.residual is not None:
            yield from _residual(fit.design.residual, draws, labels)
        elif name in draws:
            yield Quantity("random", name, labels.parameter(name), draws[name])


def _fixed_of_parameters(fit: Fit, labels: Labels) -> Iterator[Quantity]:
    """Yield the coefficients of the predictors of parameters, or of categories."""
    draws = fit.digest.draws
    for parameter, other in fit.design.parameters.items():
        parts = parts_by_name(other)
        for coef in () if parameter in fit.design.thresholds else other.common.coefs:
            term, own = f"{BETA}_{parameter}[{coef}]", parts.get(coef, ())
            label = f"{labels.plain(parameter)}: {labels.coefficient(coef, own)}"
            yield Quantity("fixed", term, label, draws[term], called=(parameter, coef, *_called(own, labels)))


def _fixed_of_thresholds(fit: Fit, labels: Labels) -> Iterator[Quantity]:
    """Yield the coefficients of thresholds, coefficient by coefficient."""
    draws, design = fit.digest.draws, fit.design
    if not design.thresholds:
        return
    other = design.parameters[design.thresholds[0]]
    parts = parts_by_name(other)
    for coef in other.common.coefs:
        own = parts.get(coef, ())
        for name, (low, high) in zip(design.thresholds, pairwise(design.response.categories), strict=True):
            term, where = f"{BETA}_{name}[{coef}]", f"{low}|{high}"
            label = f"{labels.coefficient(coef, own)}, at {labels.cutpoint(where, low, high)}"
            yield Quantity("fixed", term, label, draws[term], called=(coef, where, *_called(own, labels)))


def _random_of_parameters(fit: Fit, labels: Labels) -> Iterator[Quantity]:
    """Yield sds and correlations of effects on parameters, and correlations across predictors."""
    draws = fit.digest.draws
    for parameter, other in fit.design.parameters.items():
        parts, shown = parts_by_name(other), labels.plain(parameter)
        for factor in other.factors:
            of, called = labels.factor(factor.name), predictor_name(parameter, factor.name)
            for curve in dict.fromkeys(factor.curves):
                term, inside = f"{sd_name(called)}[{curve}]", "" if len(set(factor.curves)) == 1 else f", {curve}"
                label = f"{of}, sd of departures of {shown}{inside}"
                yield Quantity("random", term, label, draws[term], called=(factor.name, of))
            if factor.is_smooth:
                continue
            named = [labels.coefficient(effect, parts.get(effect, ())) for effect in factor.names]
            for effect, name in zip(factor.names, named, strict=True):
                term = f"{sd_name(called)}[{effect}]"
                yield Quantity("random", term, f"{of}, sd of {shown}: {name}", draws[term], called=(factor.name, of))
            for i, j in factor.parameter_pairs:
                if (term := f"{corr_name(called)}[{factor.names[i]}, {factor.names[j]}]") in draws:
                    label = f"{of}, correlation of {shown}: {named[i]} and {named[j]}"
                    yield Quantity("random", term, label, draws[term], is_share=True, called=(factor.name, of))
    for joined in joined_factors(fit.design):
        of = labels.factor(joined.factor)
        pairs = sorted(pair for block in joined.blocks for pair in combinations(block, 2))
        for first, second in ((joined.effects[i], joined.effects[j]) for i, j in pairs):
            if (term := f"{across_name(joined.factor)}[{first}, {second}]") in draws:
                label = f"{of}, correlation of {labels.plain(first)} and {labels.plain(second)}"
                yield Quantity("random", term, label, draws[term], is_share=True, called=(joined.factor, of))


def _residual(residual: ResidualRows, draws: Mapping[str, np.ndarray], labels: Labels) -> Iterator[Quantity]:
    """Yield residual sds by stratum, and correlations of residuals."""
    for name, stratum in zip(residual.sigma_names, residual.strata, strict=True):
        of = f", {labels.plain(stratum)}" if stratum else ""
        yield Quantity("random", name, f"{labels.parameter(SIGMA)}{of}", draws[name], called=(SIGMA,))
    if residual.series is None:
        return
    series = residual.series
    if RESIDUAL_CORRELATION in draws:
        time = f", {labels.plain(series.stated.order or '')} {series.step:g} apart" if series.kind == "ar" else ""
        label = f"Residual correlation within {labels.factor(series.stated.gr)}{time}"
        yield Quantity("random", RESIDUAL_CORRELATION, label, draws[RESIDUAL_CORRELATION], is_share=True)
    for early, late in combinations(series.visits, 2):
        term = f"{RESIDUAL_CORRELATION}[{early}, {late}]"
        label = f"Residual correlation of {labels.plain(str(early))} and {labels.plain(str(late))}"
        yield Quantity("random", term, label, draws[term], is_share=True, called=(RESIDUAL_CORRELATION,))


def _series(design: Design) -> dict[str, int]:
    """Return the number of series of correlated residuals, by the column that names them."""
    series = None if design.residual is None else design.residual.series
    return {} if series is None else {series.stated.gr: len(series.labels)}


def _iccs(fit: Fit, labels: Labels) -> Iterator[Quantity]:
    if fit.design.grouping:
        for own in icc(fit)["icc"].transpose("factor", ...):
            name = str(own["factor"].item())
            of = labels.factor(name)
            term, label = f"icc[{name}]", f"ICC, {of}"
            yield Quantity("shares", term, label, _array(own), is_share=True, called=(name, of))


def _array(values: xr.DataArray) -> np.ndarray:
    return values.transpose("chain", "draw").to_numpy()
