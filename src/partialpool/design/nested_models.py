"""Check whether one design is nested in another, and find what the larger one adds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.errors import DataError, SpecError
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
    common = _added_common(full, reduced)
    theirs = {f.name: f for f in full.factors}
    for factor in reduced.factors:
        if factor.name not in theirs:
            raise _not_nested(f"the factor {factor.name}", full, reduced)
        if _known(theirs[factor.name]) != _known(factor):
            raise _not_nested(f"another covariance among the levels of {factor.name}", full, reduced)
        _check_effects(theirs[factor.name], factor, full, reduced)
    before = {f.name: f for f in reduced.factors}
    blocks = tuple(a for f in full.factors for a in _added_effects(f, before.get(f.name)))
    pairs = tuple(
        (f.name, *pair)
        for f in full.factors
        if f.name in before
        for pair in sorted(_pairs(f) - _pairs(before[f.name]))
        if set(pair) <= set(before[f.name].names)
    )
    if not (common or blocks or pairs):
        raise SpecError(
            "the two models are the same",
            got=str(full.spec),
            allowed="a full model with an effect or correlation that the reduced one does not have",
            do="leave the tested effects out of the reduced model",
        )
    return Additions(common, blocks, pairs, _terms(full, common))


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


def _added_common(full: Design, reduced: Design) -> tuple[str, ...]:
    for coef in reduced.common.coefs:
        if coef not in full.common.coefs:
            raise _not_nested(f"the fixed effect {coef}", full, reduced)
    names = full.common.names
    for name, column in zip(reduced.common.names, reduced.common.values.T, strict=True):
        if not np.array_equal(column, full.common.values[:, names.index(name)]):
            raise _different_columns(f"column {name}")
    return tuple(coef for coef in full.common.coefs if coef not in reduced.common.coefs)


def _check_effects(larger: FactorEffects, smaller: FactorEffects, full: Design, reduced: Design) -> None:
    """Check that the larger model has all of one factor's effects and correlations."""
    if larger.levels.labels != smaller.levels.labels or not np.array_equal(larger.codes, smaller.codes):
        raise _different_columns(f"factor {larger.name}")
    for effect, column in zip(smaller.names, smaller.values.T, strict=True):
        if effect not in larger.names:
            raise _not_nested(f"the effect {effect} over {smaller.name}", full, reduced)
        if not np.array_equal(column, larger.values[:, larger.names.index(effect)]):
            raise _different_columns(f"effect {effect} over {smaller.name}")
    stated = larger.structure.is_stated or smaller.structure.is_stated
    if stated and larger.structure != smaller.structure:
        raise _not_nested(f"another structure of the covariance over {smaller.name}", full, reduced)
    lost = sorted(_pairs(smaller) - _pairs(larger))
    if lost:
        raise _not_nested(f"the correlation of {lost[0][0]} and {lost[0][1]} over {smaller.name}", full, reduced)


def _added_effects(larger: FactorEffects, smaller: FactorEffects | None) -> Iterator[AddedEffects]:
    old = () if smaller is None else smaller.names
    if smaller is None and larger.structure.kind == "diag" and larger.structure.is_stated:
        for first in larger.structure.own_sds:  # effects that share an sd are one variance
            yield AddedEffects(larger.name, (larger.sd_parameters[first],), ())
        return
    for block in larger.blocks:
        names = [larger.names[i] for i in block]
        new = tuple(n for n in names if n not in old)
        if new:
            yield AddedEffects(larger.name, new, tuple(n for n in names if n in old))


def _pairs(factor: FactorEffects) -> set[tuple[str, str]]:
    """Pairs of correlated effects, each in alphabetical order."""
    names = factor.names
    return {
        (min(names[i], names[j]), max(names[i], names[j]))
        for block in factor.blocks
        for i in block
        for j in block
        if i < j
    }


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
