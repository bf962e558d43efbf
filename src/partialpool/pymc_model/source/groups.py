"""The effects of one factor as text: the level of each row, sds, correlations and effects, non-centred.

The variables are those of `pymc_model/effects.py`, and so are their names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.model.prior_set import PriorSet
from partialpool.names import (
    INTERCEPT,
    at_means_name,
    b_name,
    corr_name,
    effect_bis_dim,
    effect_dim,
    nu_name,
    sd_name,
    z_name,
)
from partialpool.pymc_model.source.code import Code, listed, named, number, written
from partialpool.pymc_model.source.columns import Column, stored_column
from partialpool.pymc_model.source.correlations import correlation_functions, correlation_lines
from partialpool.pymc_model.source.fixed import columns_of_recipe
from partialpool.pymc_model.source.layout import WIDTH, commented
from partialpool.pymc_model.source.levels import LevelCode, level_code
from partialpool.pymc_model.source.names import OF_THE_MEAN, FactorNames, PredictorNames
from partialpool.pymc_model.source.piece import Piece, frame_of, let, prior_reasons, read_by, statement
from partialpool.pymc_model.source.priors import PM, PT, scalar_variable, stated, vector_variable
from partialpool.pymc_model.source.table import matrix_text, opened

__all__ = ["GroupEffects", "effects_code", "group_columns", "group_effects", "in_rows", "sds_code", "sds_of"]


@dataclass(frozen=True, eq=False)
class GroupEffects:
    """The text of one factor's effects.

    Attributes
    ----------
    piece
        The lines, but for the sds where these have a joint prior.
    labels
        Its dimensions with their labels.
    eta
        What the effects add to the linear predictor.
    """

    piece: Piece
    labels: dict[str, Code]
    eta: Code

    def creating(self, lines: Iterable[str], functions: tuple[str, ...]) -> "GroupEffects":
        """Return the same with the lines that create the effects, and the functions that these call."""
        return replace(self, piece=replace(self.piece, inside=tuple(lines), functions=functions))


def group_effects(
    design: Design, factor: FactorEffects, priors: PriorSet, names: FactorNames, *, has_sds: bool
) -> GroupEffects:
    """Write the effects of a factor of the mean.

    Parameters
    ----------
    design, factor, priors, names
        The factor, its priors, and names of local variables.
    has_sds
        Whether the sds exist, since they follow from a joint prior.
    """
    found = group_columns(design, factor, names, level_code(factor, names, design.frame))
    inside = [] if has_sds else sds_code(factor, priors, names)
    return found.creating([*inside, *effects_code(factor, priors, names)], correlation_functions(factor))


def group_columns(
    design: Design,
    factor: FactorEffects,
    names: FactorNames,
    levels: LevelCode | None,
    predictor: PredictorNames = OF_THE_MEAN,
) -> GroupEffects:
    """Write a factor's levels and columns, without the lines that create its effects.

    Parameters
    ----------
    design, factor, names
        The predictor, its factor, and names of local variables.
    levels
        The code of the factor's levels; None where an earlier part has it.
    predictor
        Names of the predictor's variables.
    """
    alone = bool(np.all(factor.values == 1.0))
    columns = [] if alone else _columns(design, factor, predictor)
    before = []
    if levels is not None:
        before += [*commented(_told(factor), indent=1), *levels.lines]
    elif columns:
        before += commented(f"{factor.name}: its columns.", indent=1)
    if not alone:
        before += frame_of(names.of("Z"), columns)
    before += _basis(factor, names)
    texts = {}
    if factor.kinship is not None:
        text = matrix_text(factor.kinship.covariance)
        texts[names.of("COV")] = text
        before += _kinship(factor, names, text)
    effects = listed(written(name) for name in factor.names) if alone else Code(names.of("Z")).columns
    labels = {factor.name: Code(names.levels), effect_dim(factor.name): effects}
    if factor.correlated:
        labels[effect_bis_dim(factor.name)] = effects
    read = read_by([*([] if levels is None else [levels]), *(column for _, column in columns)])
    return GroupEffects(Piece(tuple(before), (), *read, texts), labels, in_rows(names.of("b"), factor, names))


def sds_of(factor: FactorEffects, names: FactorNames) -> tuple[str, str]:
    """Return local variable and variable of a factor's sds, as priors are stated for them."""
    if factor.basis.is_plain:
        return names.of("sd"), sd_name(factor.name)
    return names.of("sds"), at_means_name(factor.name)


def _columns(design: Design, factor: FactorEffects, predictor: PredictorNames) -> list[tuple[str, Column]]:
    if factor.is_smooth:  # a spline, as any, is stored; effects of several smooths have the same names
        own = [f"{factor.name} {name}" for name in factor.names]
        stored = [stored_column(name, column, design.frame) for name, column in zip(own, factor.values.T, strict=True)]
        return list(zip(factor.names, stored, strict=True))
    found, start = [], 0
    for recipe in factor.recipes:
        end = start + len(recipe.names)
        found += columns_of_recipe(recipe, factor.values[:, start:end], design, predictor)
        start = end
    return found


def _told(factor: FactorEffects) -> str:
    if factor.is_smooth:
        return f"{factor.name}: the columns of the departures from a straight line."
    alone = f"the level of each row, of {factor.how_many}"
    return f"{factor.name}: {alone}." if np.all(factor.values == 1.0) else f"{factor.name}: {alone}, and its columns."


def _basis(factor: FactorEffects, names: FactorNames) -> list[str]:
    """Return the lines that assign T^-1, from effects at the predictors' means to effects at zero."""
    if factor.basis.is_plain:
        return []
    lines = commented("From effects at the predictors' means, which have the priors, to effects at zero.", indent=1)
    columns, to_zero, size = factor.basis.columns, factor.basis.to_zero, len(factor.names)
    T = names.of("T")
    simple = np.eye(size)
    simple[0] -= columns.center
    moved = np.flatnonzero(columns.center)
    if factor.names[0] == INTERCEPT and np.array_equal(to_zero, simple) and moved[-1] == len(moved):
        Z, place = names.of("Z"), "1:" if len(moved) == size - 1 else f"1:{len(moved) + 1}"
        return [*lines, f"    {T} = np.eye({size})", f"    {T}[0, {place}] = -{Z}.mean().to_numpy()[{place}]"]
    rows = listed(listed(number(float(x)) for x in row) for row in to_zero)
    return [*lines, *let(T, Code("np").array(rows), 1)]


def _kinship(factor: FactorEffects, names: FactorNames, text: str) -> list[str]:
    K, source = names.of("K"), opened(names.of("COV"), text)
    return [
        *commented(f"The known covariance among the levels of {factor.name}, and its root.", indent=1),
        *let(K, Code("np").loadtxt(Code(source), ndmin=2), 1),
        *let(names.of("root"), Code("np.linalg").cholesky(Code(K)), 1),
    ]


def sds_code(factor: FactorEffects, priors: PriorSet, names: FactorNames) -> list[str]:
    """Return the lines that create the sds of a factor's effects, as priors are stated for them."""
    local, name = sds_of(factor, names)
    if factor.is_smooth:
        return _shared_sds(factor, priors, names)
    structure = factor.structure
    effects = [factor.names[at] for at in structure.own_sds]
    parameters = [f"{sd_name(factor.name)}[{effect}]" for effect in effects]
    where = "" if factor.basis.is_plain else " at the predictors' means"
    what = "scale" if factor.is_heavy else "sd"
    lines = commented(f"{factor.name}: the {what} of each effect{where}.", indent=2)
    lines += prior_reasons(priors, parameters)
    elements = stated(priors, parameters, effects)
    if len(effects) == len(factor.names):
        return lines + let(local, vector_variable(name, elements, dims=effect_dim(factor.name)), 2)
    lines += commented("Several effects share an sd.", indent=2)
    scalars = [scalar_variable(f"{name}[{one.label}]", one) for one in elements]
    lines += let("own", PT.stack(listed(scalars)), 2)
    places = listed(number(structure.own_sds.index(at)) for at in structure.sd_of)
    return lines + let(local, PM.Deterministic(name, Code("own")[places], dims=effect_dim(factor.name)), 2)


def _shared_sds(factor: FactorEffects, priors: PriorSet, names: FactorNames) -> list[str]:
    """Return the lines that create the sd of each curve, which all of its effects have."""
    name, curves = sd_name(factor.name), list(dict.fromkeys(factor.curves))
    parameters = [f"{name}[{curve}]" for curve in curves]
    lines = commented(f"{factor.name}: the sd of the effects of each curve.", indent=2)
    lines += prior_reasons(priors, parameters)
    scalars = [
        scalar_variable(parameter, one)
        for parameter, one in zip(parameters, stated(priors, parameters, curves), strict=True)
    ]
    own, every = (
        Code(names.of("sd_of")),
        Code("np").repeat(Code(f"range({len(curves)})"), len(factor.names) // len(curves)),
    )
    lines += let(own.text, PT.stack(listed(scalars)), 2)
    return lines + let(names.of("sd"), PM.Deterministic(name, own[every], dims=effect_dim(factor.name)), 2)


def effects_code(factor: FactorEffects, priors: PriorSet, names: FactorNames) -> list[str]:
    """Return the lines that create correlations, offsets and effects."""
    dims = (factor.name, effect_dim(factor.name))
    sds, L, z, T = Code(sds_of(factor, names)[0]), Code(names.of("L")), Code(names.of("z")), Code(names.of("T"))
    lines = []
    if factor.correlated:
        lines += correlation_lines(factor, priors, L.text)
        lines += _reported(factor, names, sds, L)
    lines += _offsets(factor, priors, names)
    own = z if factor.root is None else Code(names.of("root")) @ z
    own = _grouped(own @ L.T) * sds if factor.correlated else _grouped(own) * sds
    at_zero = own if factor.basis.is_plain else _grouped(own) @ T.T
    return lines + let(names.of("b"), PM.Deterministic(b_name(factor.name), at_zero, dims=dims), 2)


def _offsets(factor: FactorEffects, priors: PriorSet, names: FactorNames) -> list[str]:
    """Return the lines that create non-centred offsets."""
    dims, z = (factor.name, effect_dim(factor.name)), names.of("z")
    if not factor.is_heavy:
        lines = commented("The effects of each level, non-centred: standard normal z times their sds.", indent=2)
        return lines + let(z, PM.Normal(z_name(factor.name), 0, 1, dims=dims), 2)
    parameter, nu, size = nu_name(factor.name), names.of("nu"), len(factor.names)
    lines = commented(f"{factor.name}: the degrees of freedom of the effects of a level.", indent=2)
    lines += prior_reasons(priors, [parameter])
    lines += let(nu, scalar_variable(parameter, stated(priors, [parameter], [""])[0]), 2)
    lines += commented("The effects of each level, non-centred: Student t offsets z times their scales.", indent=2)
    mu, scale = Code("np").zeros(size), Code("np").eye(size)
    return lines + let(z, PM.MvStudentT(z_name(factor.name), nu=Code(nu), mu=mu, scale=scale, dims=dims), 2)


def _grouped(code: Code) -> Code:
    """Put an expression into parentheses, for readers: products and sums of matrices are told apart."""
    return code if isinstance(code.node, str) and code.text.isidentifier() else Code(f"({code.text})")


def _reported(factor: FactorEffects, names: FactorNames, sds: Code, L: Code) -> list[str]:
    """Return the lines that report correlations at zero, and sds if they differ from those with priors."""
    effect = effect_dim(factor.name)
    dims = (effect, effect_bis_dim(factor.name))
    if factor.basis.is_plain:
        return statement(PM.Deterministic(corr_name(factor.name), L @ L.T, dims=dims), 2)
    half, sd = Code(names.of("half")), Code(names.of("sd"))
    root = PT.sqrt((half**2).sum(axis=1))
    lines = commented("As reported, where every predictor is 0: sds and correlations of T times the effects.", indent=2)
    lines += let(half.text, Code(names.of("T")) @ Code(f"({(sds[:, None] * L).text})"), 2)
    lines += let(sd.text, PM.Deterministic(sd_name(factor.name), root, dims=effect), 2)
    lines += let(half.text, half / sd[:, None], 2)
    return lines + statement(PM.Deterministic(corr_name(factor.name), half @ half.T, dims=dims), 2)


def in_rows(b: str, factor: FactorEffects, names: FactorNames) -> Code:
    """Write what effects add to the linear predictor of each row.

    Parameters
    ----------
    b
        Their local variable.
    factor, names
        The factor, and names of the local variables of its levels and columns.
    """
    own = Code(b)[Code(names.level)]
    if np.all(factor.values == 1.0):
        return Code(b)[Code(names.level), 0]
    product = Code(names.of("Z")).to_numpy() * own
    short = len(product.text) <= WIDTH - len("        eta = eta + ().sum(axis=1)")
    return (_grouped(product) if short else named(f"rows{b.removeprefix('b')}", product)).sum(axis=1)
