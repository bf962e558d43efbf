"""The linear predictors of a model as text: of the mean alone, or of the mean and of parameters of the family."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members
from partialpool.model.prior_scales import predictor_scales
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import is_decomposed
from partialpool.names import SIGMA, THRESHOLDS, names_of_predictor, predictor_name
from partialpool.pymc_model.source.code import Code, listed, named, number
from partialpool.pymc_model.source.correlations import correlation_functions
from partialpool.pymc_model.source.fixed import FixedEffects, fixed_effects
from partialpool.pymc_model.source.groups import (
    GroupEffects,
    effects_code,
    group_columns,
    group_effects,
    sds_code,
    sds_of,
)
from partialpool.pymc_model.source.joined import Member, joined_effects, joined_labels
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.levels import level_code
from partialpool.pymc_model.source.names import (
    OF_THE_MEAN,
    FactorNames,
    PredictorNames,
    names_of_factors,
    names_of_parameters,
    names_of_thresholds,
)
from partialpool.pymc_model.source.piece import Piece, let
from partialpool.pymc_model.source.priors import PT
from partialpool.pymc_model.source.response import offset_piece
from partialpool.pymc_model.source.variances import variance_parts

__all__ = ["WrittenPredictors", "every_predictor", "mean_alone", "predictor_lines", "shared_names"]


@dataclass(frozen=True, eq=False)
class WrittenPredictors:
    """The text of all linear predictors.

    Attributes
    ----------
    pieces
        Coefficients, effects and offsets.
    lines
        The lines in the model that add them up.
    labels
        The labels of their dimensions.
    parameters
        The family's parameters that exist then.
    shift
        What the predictors' means add to the predictor of the mean; None where that is zero.
    """

    pieces: tuple[Piece, ...]
    lines: tuple[str, ...]
    labels: Mapping[str, Code]
    parameters: Mapping[str, Code]
    shift: Code | None


@dataclass(frozen=True, eq=False)
class _Part:
    """A predictor: its design and its priors under the names of the mean's, its unit, and names of its variables."""

    design: Design
    priors: PriorSet
    unit: float | None
    names: PredictorNames

    def shown(self, factor: FactorEffects) -> FactorEffects:
        """Return a factor of the predictor under the name that its variables have in the posterior."""
        return factor.called(predictor_name(self.names.name, factor.name)) if self.names.name else factor

    def of_rows(self, factor: FactorEffects) -> str:
        """Name the factor whose levels the rows are numbered by: predictors share factors, and no smooths."""
        return self.shown(factor).name if factor.is_smooth else factor.name


def mean_alone(design: Design, priors: PriorSet) -> WrittenPredictors:
    """Write the predictor of the mean, of a model that has no other."""
    names, whole = names_of_factors([factor.name for factor in design.factors]), is_decomposed(priors)
    fixed = fixed_effects(design, priors)
    groups = [group_effects(design, f, priors, names[f.name], has_sds=whole) for f in design.factors]
    has_sigma = whole and design.spec.family_record.latent_variance(design.spec.link_record) is None
    variances = Piece(inside=tuple(variance_parts(design, priors, names))) if whole else Piece()
    return WrittenPredictors(
        (variances, fixed.piece, *(group.piece for group in groups), offset_piece(design)),
        tuple(predictor_lines([fixed.eta, *(group.eta for group in groups)], has_offset=design.offset is not None)),
        _labels(design, fixed, groups, OF_THE_MEAN),
        {SIGMA: Code(SIGMA)} if has_sigma else {},
        fixed.shift,
    )


def every_predictor(design: Design, priors: PriorSet) -> WrittenPredictors:
    """Write the predictors of the mean and of the family's parameters, or of thresholds."""
    parts = [_Part(design, priors, None, OF_THE_MEAN)]
    for name, of_parameter in _names_of_others(design, priors).items():
        one = design.parameters[name]
        own = priors.of_predictor(names_of_predictor(name, one.spec.parts_with_sds))
        parts.append(_Part(one, own, predictor_scales(design, name).unit, of_parameter))
    names = shared_names((part.shown(f).name, part.of_rows(f)) for part in parts for f in part.design.factors)
    joined = joined_factors(design)
    across = [one.factor for one in joined]
    numbered: set[str] = set()
    pieces: list[Piece] = []
    lines: list[str] = []
    labels: dict[str, Code] = {}
    shifts = []
    for part in parts:
        fixed = fixed_effects(part.design, part.priors, part.names, unit=part.unit)
        groups = [
            _group(part, f, priors, names, has_levels=part.of_rows(f) not in numbered, alone=f.name not in across)
            for f in part.design.factors
        ]
        numbered |= {part.of_rows(f) for f in part.design.factors}
        pieces += [
            _without_repeated(fixed.piece, pieces),
            *(group.piece for group in groups),
            offset_piece(part.design, part.names),
        ]
        etas = [fixed.eta, *(group.eta for group in groups)]
        lines += predictor_lines(etas, part.names, has_offset=part.design.offset is not None)
        lines += [] if design.thresholds else _parameter(design, part.names.name)
        labels |= _labels(part.design, fixed, groups, part.names)
        shifts.append(fixed.shift)
    for factor in joined:
        pieces.append(_joined(factor, design, priors, names))
        labels |= joined_labels(factor)
    if design.thresholds:
        return WrittenPredictors(tuple(pieces), (*lines, *_of_thresholds(parts[1:])), labels, *_less_effects(shifts))
    parameters = {name: Code(name) for name in design.parameters}
    return WrittenPredictors(tuple(pieces), tuple(lines), labels, parameters, shifts[0])


def _names_of_others(design: Design, priors: PriorSet) -> dict[str, PredictorNames]:
    """Return the names of the predictors of parameters; those of thresholds have one matrix of columns, if they can.

    They cannot where some coefficients have one prior together at one threshold, and their own at another.
    """
    names = tuple(design.parameters)
    if not design.thresholds:
        return names_of_parameters(names)
    together = {priors.of_predictor(names_of_predictor(name, ())).together for name in names}
    each, alike = names_of_parameters(names), names_of_thresholds(names)
    return alike if len(together) == 1 else {name: replace(each[name], told=alike[name].told) for name in names}


def _without_repeated(piece: Piece, earlier: Iterable[Piece]) -> Piece:
    """Return a piece without its lines before the model where an earlier one has them: columns in common."""
    return replace(piece, before=()) if any(piece.before == other.before for other in earlier) else piece


def _of_thresholds(parts: Iterable[_Part]) -> list[str]:
    """Return the line that puts the predictors of thresholds side by side."""
    etas = listed(Code(part.names.of("eta")) for part in parts)
    told = commented("What the thresholds' own coefficients add to it, (rows, thresholds).", indent=2)
    return ["", *told, *let(THRESHOLDS, PT.stack(etas, axis=1), 2)]


def _less_effects(shifts: Sequence[Code | None]) -> tuple[dict[str, Code], Code | None]:
    """Return the thresholds' effects, and what the predictors' means add to the linear predictor at each."""
    whole, own = shifts[0], [shift for shift in shifts[1:] if shift is not None]
    if own:
        at_each = named("shift_cs", PT.stack(listed(own)))
        whole = at_each if whole is None else named("shift", whole + at_each)
    return {THRESHOLDS: Code(THRESHOLDS)}, whole


def _group(
    part: _Part,
    factor: FactorEffects,
    priors: PriorSet,
    names: Mapping[str, FactorNames],
    *,
    has_levels: bool,
    alone: bool,
) -> GroupEffects:
    """Write the effects of a factor of one predictor.

    Parameters
    ----------
    part, factor, priors, names
        The predictor, its factor, the model's priors, and names of local variables.
    has_levels
        Whether the level of each row is assigned here, and not by an earlier part.
    alone
        Whether the effects are not correlated with those of other predictors, which are created together.
    """
    called, local = part.shown(factor), names[part.shown(factor).name]
    levels = level_code(factor, local, part.design.frame) if has_levels else None
    group = group_columns(part.design, called, local, levels, part.names)
    sds = sds_code(called, priors, local)
    if not alone:
        return group.creating(sds, ())
    return group.creating([*sds, *effects_code(called, priors, local)], correlation_functions(called))


def shared_names(shown: Iterable[tuple[str, str]]) -> dict[str, FactorNames]:
    """Return names of local variables by a factor's name in posteriors, and by its own, whose levels they share.

    Parameters
    ----------
    shown
        Both names of each.

    Examples
    --------
    >>> names = shared_names([("g", "g"), ("sigma_g", "g")])
    >>> names["sigma_g"].of("b"), names["sigma_g"].level
    ('b_sigma_g', 'level_g')
    """
    pairs = list(shown)
    found = names_of_factors(list(dict.fromkeys([*(own for _, own in pairs), *(called for called, _ in pairs)])))
    of_rows = {called: replace(found[called], plain_of_rows=found[own].plain) for called, own in pairs}
    return found | of_rows


def predictor_lines(
    parts: Iterable[Code | None], names: PredictorNames = OF_THE_MEAN, *, has_offset: bool
) -> list[str]:
    """Return the lines that add up a linear predictor."""
    eta, of = names.of("eta"), f" of {names.told}," if names.told else ""
    known = [part for part in parts if part is not None]
    known += [Code(names.of_columns("offset"))] if has_offset else []
    lines = ["", *commented(f"The linear predictor{of} of each row.", indent=2)]
    if not known:
        return [*lines, f"        {eta} = pt.zeros(len(table))"]
    lines += let(eta, known[0], 2)
    for part in known[1:]:
        lines += let(eta, Code(eta) + part, 2)
    return lines


def _parameter(design: Design, name: str) -> list[str]:
    """Return the line that assigns a parameter of each row; none for the mean."""
    if not name:
        return []
    link: Any = design.spec.family_record.link_of(name)
    eta = Code(f"eta_{name}")
    return let(name, eta if link.is_identity else link.tensor_inverse(eta, PT), 2)


def _labels(
    design: Design, fixed: FixedEffects, groups: Iterable[GroupEffects], names: PredictorNames
) -> dict[str, Code]:
    """Return the labels of the dimensions of a predictor."""
    labels = {names.coef: fixed.labels} if design.common.coefs else {}
    for group in groups:
        labels |= group.labels
    return labels


def _joined(joined: JoinedFactor, design: Design, priors: PriorSet, names: Mapping[str, FactorNames]) -> Piece:
    """Write effects that are correlated across predictors."""
    members = []
    for (name, _), of in zip(joined.parts, joined_members(joined, design), strict=True):
        factor = of.factor.called(predictor_name(name, joined.factor)) if name else of.factor
        members.append(Member(of, factor, names[factor.name], sds_of(factor, names[factor.name])))
    turn = None
    if not all(one.factor.basis.is_plain for one in members):
        blocks = [
            Code("np").eye(number(len(one.factor.names))) if one.factor.basis.is_plain else Code(one.names.of("T"))
            for one in members
        ]
        turn = named(f"T_across_{names[joined.factor].plain}", PT.linalg.block_diag(*blocks))
    return joined_effects(joined, members, priors, turn)
