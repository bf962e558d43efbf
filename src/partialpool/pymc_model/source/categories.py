"""The predictors of categories without an order as text: those of `pymc_model/categories.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members
from partialpool.families.helmert import differences_of_contrasts
from partialpool.model.prior_scales import predictor_scales
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, COEF, effect_bis_dim, effect_dim, names_of_predictor, predictor_name, sd_name
from partialpool.pymc_model.source.code import Code, listed, number
from partialpool.pymc_model.source.fixed import fixed_effects
from partialpool.pymc_model.source.groups import group_columns, in_rows
from partialpool.pymc_model.source.joined import Member, joined_effects, joined_labels
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.levels import level_code
from partialpool.pymc_model.source.names import FactorNames, names_of_categories
from partialpool.pymc_model.source.piece import Piece, let, prior_reasons, statement
from partialpool.pymc_model.source.predictors import WrittenPredictors, predictor_lines, shared_names
from partialpool.pymc_model.source.priors import PM, stated, vector_variable
from partialpool.pymc_model.source.response import offset_piece

__all__ = ["every_category"]

_MIX = Code("mix")


def every_category(design: Design, priors: PriorSet) -> WrittenPredictors:
    """Write the predictors of categories: contrasts, which have the priors, and the differences made of them."""
    first, categories = next(iter(design.parameters.values())), tuple(design.parameters)
    names = names_of_categories(categories)
    pieces = [_differences(design)]
    lines: list[str] = []
    labels: dict[str, Code] = {}
    for name in categories:
        one, unit = design.parameters[name], predictor_scales(design, name).unit
        fixed = fixed_effects(one, priors, names[name], unit=unit)
        pieces.append(fixed.piece if name == categories[0] else replace(fixed.piece, before=()))
        lines += predictor_lines([fixed.eta], names[name], has_offset=False)
        labels |= {names[name].coef: fixed.labels} if one.common.coefs else {}
    shown = [(predictor_name(name, f.name), f.name) for name in categories for f in first.factors]
    of_factors, joined = shared_names(shown), {one.factor: one for one in joined_factors(design)}
    for factor in first.factors:
        own, found = _effects(joined[factor.name], factor, design, priors, of_factors)
        pieces += own
        labels |= found
    pieces.append(offset_piece(first))
    parameters = {}
    for k, name in enumerate(categories):
        parts = [_MIX[k, j] * Code(names[other].of("eta")) for j, other in enumerate(categories)]
        effects = {f.name: of_factors[predictor_name(name, f.name)].of("b") for f in first.factors}
        parts += [in_rows(effects[f.name], f, of_factors[f.name]) for f in first.factors]
        parts += [_MIX[k].sum() * Code("offset")] if first.offset is not None else []
        parameters[name] = Code(names[name].of("utility").removesuffix("_contrast"))
        lines += ["", *commented(f"{name}: its difference to {design.response.categories[0]}.", indent=2)]
        lines += _added(parameters[name].text, parts)
        lines += _coefficients(k, categories) if first.common.coefs else []
    return WrittenPredictors(tuple(pieces), tuple(lines), labels, parameters, None)


def _differences(design: Design) -> Piece:
    """Return the line that assigns the matrix from contrasts to differences."""
    mix = differences_of_contrasts(len(design.response.categories))
    rows = listed(listed(number(float(x), exact=True) for x in row) for row in mix)
    told = "From contrasts of the categories, which have independent priors, to differences to the first."
    return Piece((*commented(told, indent=1), *let(_MIX.text, Code("np").array(rows), 1)))


def _added(name: str, parts: Sequence[Code]) -> list[str]:
    lines = let(name, parts[0], 2)
    for part in parts[1:]:
        lines += let(name, Code(name) + part, 2)
    return lines


def _coefficients(k: int, categories: Sequence[str]) -> list[str]:
    """Return the line that reports the coefficients of one category."""
    of = [names_of_predictor(name, ()) for name in categories]
    contrasts = [Code("model")[f"{one[BETA]}_contrast"] for one in of]
    mixed = [_MIX[k, j] * one for j, one in enumerate(contrasts)]
    return statement(PM.Deterministic(of[k][BETA], reduce(add, mixed), dims=of[k][COEF]), 2)


def _effects(
    joined: JoinedFactor,
    factor: FactorEffects,
    design: Design,
    priors: PriorSet,
    names: Mapping[str, FactorNames],
) -> tuple[list[Piece], dict[str, Code]]:
    """Return the text of effects on the contrasts and of the differences, and the labels of their dimensions."""
    base = names[factor.name]
    columns = group_columns(design, factor, base, level_code(factor, base, design.frame))
    turn = Code(f"T_across_{base.plain}")
    to_zero = Code("np").eye(number(len(factor.names))) if factor.basis.is_plain else Code(base.of("T"))
    before = (*columns.piece.before, *let(turn.text, Code("np").kron(_MIX, to_zero), 1))
    parameters = [f"{sd_name(factor.name)}[{effect}]" for effect in factor.sd_parameters]
    lines = commented(f"{factor.name}: the sd of each effect on the contrasts.", indent=2)
    lines += prior_reasons(priors, parameters)
    labels: dict[str, Code] = joined_labels(joined)
    members = []
    for (name, _), of in zip(joined.parts, joined_members(joined, design), strict=True):
        called = factor.called(predictor_name(name, factor.name))
        own, variable = names[called.name], f"{of.sd}_contrast"
        elements = stated(priors, parameters, factor.names)
        lines += let(own.of("sd"), vector_variable(variable, elements, dims=effect_dim(called.name)), 2)
        members.append(Member(of, called, own, (own.of("sd"), variable)))
        effects = columns.labels[effect_dim(factor.name)]
        labels |= {called.name: columns.labels[factor.name], effect_dim(called.name): effects}
        labels |= {effect_bis_dim(called.name): effects} if factor.correlated else {}
    piece = joined_effects(joined, members, priors, turn)
    return [replace(columns.piece, before=before, inside=tuple(lines)), piece], labels
