"""Check whether one design is nested in another, and find what the larger one adds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import joined_factors
from partialpool.errors import DataError, SpecError
from partialpool.names import INTERCEPT
from partialpool.spec.relationship import Relationship
from partialpool.tabulate import listed

__all__ = ["AddedEffects", "Additions", "find_additions"]


@dataclass(frozen=True)
class AddedEffects:
    """Effects that the larger model adds to one block.

    Attributes
    ----------
    factor, effects
        The factor, and the added effects.
    beside
        Effects of the block that the smaller model has too: each new effect is correlated with all of them.
    """

    factor: str
    effects: tuple[str, ...]
    beside: tuple[str, ...]

    def __str__(self) -> str:
        effects = " and ".join(self.effects)
        with_these = f", correlated with {' and '.join(self.beside)}" if self.beside else ""
        return f"{effects} varying over {self.factor}{with_these}"


@dataclass(frozen=True)
class Additions:
    """Effects and correlations of a larger model that a smaller one does not have.

    Attributes
    ----------
    common
        Coefficients of fixed effects.
    blocks
        New group effects, block by block.
    correlations
        Factor and two effects that both models have: correlated in the larger one only.
    terms
        The terms of `common`, each with its coefficients among them.
    """

    common: tuple[str, ...]
    blocks: tuple[AddedEffects, ...]
    correlations: tuple[tuple[str, str, str], ...]
    terms: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        parts = [str(block) for block in self.blocks]
        parts += [f"a correlation of {a} and {b} over {factor}" for factor, a, b in self.correlations]
        fixed = [coefs[0] if len(coefs) == 1 else f"{term} ({len(coefs)} coefficients)" for term, coefs in self.terms]
        if fixed:
            parts.append(f"the fixed effect{'s' if len(fixed) > 1 else ''} {listed(fixed)}")
        return "; ".join(parts)


def find_additions(full: Design, reduced: Design) -> Additions:
    """Check that a design is nested in another on the same rows, and return what it leaves out.

    Raises
    ------
    DataError
        Different rows or responses, or columns of the same name with different values.
    SpecError
        Not nested, or the same model twice.
    """
    _check_same_kind(full, reduced)
    _check_same_rows(full, reduced)
    common, terms = _added_fixed(full, reduced)
    larger, smaller = _factors(full), _factors(reduced)
    for name, factor in smaller.items():
        if name not in larger:
            raise _not_nested(f"the factor {name}", full, reduced)
        if _known(larger[name].factor) != _known(factor.factor):
            raise _not_nested(f"another covariance among the levels of {name}", full, reduced)
        _check_effects(larger[name], factor, full, reduced)
    blocks = tuple(a for name, f in larger.items() for a in _added_effects(f, smaller.get(name)))
    pairs = tuple(
        (name, *pair)
        for name, f in larger.items()
        if name in smaller
        for pair in sorted(f.pairs - smaller[name].pairs)
        if set(pair) <= set(smaller[name].columns)
    )
    if not (common or blocks or pairs):
        raise SpecError(
            "the two models are the same",
            got=str(full.spec),
            allowed="a full model with an effect or correlation that the reduced one does not have",
            do="leave the tested effects out of the reduced model",
        )
    return Additions(tuple(common), blocks, pairs, tuple(terms))


def _added_fixed(full: Design, reduced: Design) -> tuple[list[str], list[tuple[str, tuple[str, ...]]]]:
    """Return the coefficients of fixed effects that the larger model has in addition, and their terms."""
    moved, common = _into_thresholds(full, reduced), []
    terms: list[tuple[str, tuple[str, ...]]] = []
    of_thresholds: dict[str, tuple[str, ...]] = {}
    for name, mine, theirs in _predictors(full, reduced):
        before, known = f"{name}: " if name else "", () if name else moved
        # What thresholds had in common is a coefficient of the first of them, and new are those of the others.
        already = moved if name in full.thresholds[:1] else ()
        every = _added_common(mine, theirs, before, (full, reduced), moved=known)
        added = tuple(coef for coef in every if coef not in already)
        common += [f"{before}{coef}" for coef in added]
        own = [(term, tuple(f"{before}{c}" for c in coefs)) for term, coefs in _terms(mine, added)]
        if name in full.thresholds:
            of_thresholds |= {term: (*of_thresholds.get(term, ()), *coefs) for term, coefs in own}
        else:
            terms += [(f"{before}{term}", coefs) for term, coefs in own]
    return common, terms + [(f"{term} at each threshold", coefs) for term, coefs in of_thresholds.items()]


@dataclass(frozen=True, eq=False)
class _Factor:
    """The effects over a factor, those of all predictors: `Intercept`, `sigma: Intercept`.

    Attributes
    ----------
    factor
        The factor, with the effects of one of them.
    columns
        The column of each effect, (rows,).
    blocks
        Effects that are correlated.
    """

    factor: FactorEffects
    columns: Mapping[str, np.ndarray]
    blocks: tuple[tuple[str, ...], ...]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Pairs of correlated effects, each in alphabetical order."""
        return {(min(a, b), max(a, b)) for block in self.blocks for i, a in enumerate(block) for b in block[:i]}


def _factors(design: Design) -> dict[str, _Factor]:
    """Return the effects over each factor."""
    joined = {
        one.factor: tuple(tuple(one.shown[i] for i in block) for block in one.blocks) for one in joined_factors(design)
    }
    found: dict[str, _Factor] = {}
    for name, other in {"": design, **design.parameters}.items():
        before = f"{name}: " if name else ""
        for factor in other.factors:
            names = [f"{before}{effect}" for effect in factor.names]
            columns = dict(zip(names, factor.values.T, strict=True))
            blocks = tuple(tuple(names[i] for i in block) for block in factor.blocks)
            known = found.get(factor.name, _Factor(factor, {}, ()))
            own = joined.get(factor.name, (*known.blocks, *blocks))
            found[factor.name] = _Factor(known.factor, {**known.columns, **columns}, own)
    return found


def _predictors(full: Design, reduced: Design) -> Iterator[tuple[str, Design, Design | None]]:
    """Yield each predictor's name, '' for the mean, and that of both; None where it is one number, or there is none."""
    yield "", full, reduced
    for name in reduced.parameters:
        if name not in full.parameters:
            raise _not_nested(f"the predictor of {name}", full, reduced)
    for name, mine in full.parameters.items():
        theirs = reduced.parameters.get(name)
        if theirs is None and not mine.common.intercept and name not in full.thresholds:
            raise _not_nested(f"one number {name} for all rows", full, reduced)
        offsets = mine.spec.offsets, () if theirs is None else theirs.spec.offsets
        if set(offsets[0]) != set(offsets[1]):
            raise SpecError(
                f"the two models differ in the offset of {name}",
                got=f"{', '.join(offsets[0]) or 'none'} and {', '.join(offsets[1]) or 'none'}",
                allowed="the same offset",
                do="write it into both",
            )
        yield name, mine, theirs


def _into_thresholds(full: Design, reduced: Design) -> tuple[str, ...]:
    """Return fixed effects of the smaller model of which every threshold has a coefficient in the larger one."""
    if not full.thresholds:
        return ()
    of_each = full.parameters[full.thresholds[0]].common
    return tuple(c for c in reduced.common.coefs if c in of_each.coefs and c not in full.common.coefs)


def _terms(design: Design, coefs: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Group coefficients by their term."""
    recipe = design.common.recipe
    written = {
        name: ":".join(part.expression for part in parts) or name
        for name, parts in zip(recipe.names, recipe.parts, strict=True)
    }
    found: dict[str, tuple[str, ...]] = {}
    for coef in coefs:
        found[written[coef]] = (*found.get(written[coef], ()), coef)
    return tuple(found.items())


def _known(factor: FactorEffects) -> Relationship | None:
    return None if factor.kinship is None else factor.kinship.known


def _check_same_kind(full: Design, reduced: Design) -> None:
    for what in ("response", "family", "link", "se", "precision", "frequency", "cens", "trunc", "residual", "sigma"):
        values = getattr(full.spec, what), getattr(reduced.spec, what)
        if values[0] != values[1]:
            raise SpecError(
                f"the two models differ in their {what}",
                got=f"{values[0]!r} and {values[1]!r}",
                allowed="one response, family, link, se, precision, frequency, cens and trunc: only effects "
                "may be added",
                do="let the two models differ only in the tested effects",
            )
    fixed = full.spec.fixed_parameters, reduced.spec.fixed_parameters
    if fixed[0] != fixed[1]:
        raise SpecError(
            "the two models fix different parameters of the family",
            got=" and ".join(", ".join(f"{name}: {prior}" for name, prior in f.items()) or "none" for f in fixed),
            allowed="the same fixed parameters in both",
            do="state the same prior DiracDelta in both models, or leave it out of both",
        )
    if set(full.spec.offsets) != set(reduced.spec.offsets):
        raise SpecError(
            "the two models differ in their offset",
            got=f"{', '.join(full.spec.offsets) or 'none'} and {', '.join(reduced.spec.offsets) or 'none'}",
            allowed="the same offset",
            do="write it into both",
        )


def _check_same_rows(full: Design, reduced: Design) -> None:
    if not np.array_equal(full.rows, reduced.rows):
        raise DataError(
            "the two models use different rows",
            got=f"{full.n_rows} and {reduced.n_rows} rows: a column that one of them reads has missing values"
            if full.n_given == reduced.n_given
            else f"tables of {full.n_given} and {reduced.n_given} rows",
            allowed="the same rows for both",
            do="drop rows with missing values of either model from the table first",
        )
    for what, mine, theirs in (
        ("response", full.response.values, reduced.response.values),
        ("standard errors", full.se, reduced.se),
        ("precisions", full.precision, reduced.precision),
        ("offset", full.offset, reduced.offset),
    ):
        if mine is not None and theirs is not None and not np.array_equal(mine, theirs):
            raise _different_columns(what)


def _added_common(
    mine: Design, theirs: Design | None, before: str, models: tuple[Design, Design], *, moved: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the coefficients that the larger model's predictor has in addition; those moved are its thresholds'."""
    if theirs is None:
        return tuple(coef for coef in mine.common.coefs if coef != INTERCEPT)
    full, reduced = models
    for coef in theirs.common.coefs:
        if coef not in (*mine.common.coefs, *moved):
            raise _not_nested(f"the fixed effect {before}{coef}", full, reduced)
    for name, column in zip(theirs.common.names, theirs.common.values.T, strict=True):
        common = full.parameters[full.thresholds[0]].common if name in moved else mine.common
        if not np.array_equal(column, common.values[:, common.names.index(name)]):
            raise _different_columns(f"column {name}")
    return tuple(coef for coef in mine.common.coefs if coef not in theirs.common.coefs)


def _check_effects(larger: _Factor, smaller: _Factor, full: Design, reduced: Design) -> None:
    """Check that the larger model has all of one factor's effects and correlations."""
    mine, theirs = larger.factor, smaller.factor
    if mine.levels.labels != theirs.levels.labels or not np.array_equal(mine.codes, theirs.codes):
        raise _different_columns(f"factor {mine.name}")
    for effect, column in smaller.columns.items():
        if effect not in larger.columns:
            raise _not_nested(f"the effect {effect} over {mine.name}", full, reduced)
        if not np.array_equal(column, larger.columns[effect]):
            raise _different_columns(f"effect {effect} over {mine.name}")
    stated = mine.structure.is_stated or theirs.structure.is_stated
    if stated and mine.structure != theirs.structure:
        raise _not_nested(f"another structure of the covariance over {mine.name}", full, reduced)
    lost = sorted(smaller.pairs - larger.pairs)
    if lost:
        raise _not_nested(f"the correlation of {lost[0][0]} and {lost[0][1]} over {mine.name}", full, reduced)


def _added_effects(larger: _Factor, smaller: _Factor | None) -> Iterator[AddedEffects]:
    factor, old = larger.factor, () if smaller is None else tuple(smaller.columns)
    if smaller is None and factor.structure.kind == "diag" and factor.structure.is_stated:
        for first in factor.structure.own_sds:  # effects that share an sd are one variance
            yield AddedEffects(factor.name, (factor.sd_parameters[first],), ())
        return
    for block in larger.blocks:
        new = tuple(name for name in block if name not in old)
        if new:
            yield AddedEffects(factor.name, new, tuple(name for name in block if name in old))


def _not_nested(what: str, full: Design, reduced: Design) -> SpecError:
    return SpecError(
        "the reduced model is not nested in the full one",
        got=f"{what} is in {reduced.spec.to_formula()} but not in {full.spec.to_formula()}",
        allowed="a reduced model whose effects and correlations are all in the full one, under the same names",
        do="leave it out of reduced, or add it to full; compare models that are not nested with LOO",
    )


def _different_columns(what: str) -> DataError:
    return DataError(
        f"the two models do not use the same table: their {what} differs",
        got="different values under the same name",
        allowed="two models of the same table",
        do="fit both to the same table",
    )
