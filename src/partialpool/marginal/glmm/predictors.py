"""The linear predictors of a model, of its mean and of its family's parameters, as one design.

The rows of all predictors are put one below the other, the mean's first: P predictors of n rows are P n rows of one
linear predictor, whose columns are 0 outside their own predictor's rows. A factor of several predictors has the effects
of all of them: over the same levels they are eliminated together, whether or not they are correlated across predictors.
A smooth is a factor of one predictor alone. So the normal algebra that stands in for the rows needs to know nothing of
predictors; only the density of a row takes several rows of the design, those of its predictors.

Columns are in the coordinates in which each predictor's coefficients have independent priors, and scaled by its unit:

    eta_p = offset_p + location_p + unit_p X*_p C_p g_p + sum_f unit_p Z*_pf b*_pf,

so that the units of the whole are 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag

from partialpool.design.common_basis import CommonBasis
from partialpool.design.design import CommonEffects, Design
from partialpool.design.effect_basis import EffectBasis, FreedColumns, covariance_parts
from partialpool.design.effect_structure import EffectStructure
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors
from partialpool.distributions.prior import Prior
from partialpool.families.helmert import differences_of_contrasts
from partialpool.marginal.gaussian.standardise import EffectUnits, Units, choose_units
from partialpool.marginal.glmm.weighted_rows import link_units
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.prior_scales import predictor_scales
from partialpool.model.prior_set import PriorSet, ResolvedPrior
from partialpool.names import (
    BETA,
    across_name,
    b_name,
    corr_name,
    names_of_predictor,
    predictor_name,
    renamed,
    sd_name,
    z_name,
)

__all__ = ["Predictors", "lay_out"]


@dataclass(frozen=True, eq=False)
class _Part:
    """One predictor: its design, priors and units, its coordinates, and the places of its coefficients and effects.

    Attributes
    ----------
    name
        The parameter; empty for the mean.
    turn
        C, (coefs, coefs).
    coefficients
        Priors of the coordinates, in units of the predictor and without the location.
    columns
        Places of its coefficients among those of all predictors.
    effects
        By factor, the places of its effects among those of the factor of the whole design, of all predictors.
    """

    name: str
    design: Design
    priors: PriorSet
    units: Units
    turn: np.ndarray
    coefficients: tuple[Prior, ...]
    columns: slice
    effects: Mapping[str, slice]

    @property
    def factors(self) -> dict[str, tuple[FactorEffects, EffectUnits]]:
        """Its factors with their units, by name."""
        return {f.name: (f, u) for f, u in zip(self.design.factors, self.units.factors, strict=True)}

    def whole(self, factor: FactorEffects) -> str:
        """Name the factor of the whole design that has the effects over one of its own."""
        return predictor_name(self.name, factor.name) if self.name and factor.is_smooth else factor.name

    @property
    def values(self) -> np.ndarray:
        """Its columns, (rows, coefs)."""
        return self.units.unit * self.units.whole_columns(self.design.common.values) @ self.turn


@dataclass(frozen=True, eq=False)
class Predictors:
    """The predictors of a model as one design.

    Attributes
    ----------
    design, units, priors
        Of all predictors' rows; those of the model itself where the mean alone has a predictor.
    parts
        The predictors, the mean first; empty where it is alone.
    joined
        Factors whose effects are correlated across predictors.
    mix
        Differences of categories to the first, from the contrasts that are the predictors here; None where the
        predictors are those of parameters.
    """

    design: Design
    units: Units
    priors: PriorSet
    parts: tuple[_Part, ...] = ()
    joined: tuple[JoinedFactor, ...] = ()
    mix: np.ndarray | None = None

    def stretched(self, by: Mapping[str, np.ndarray]) -> "Predictors":
        """Return the same with the effects of some factors in multiples of a number for each level, by factor."""
        if not by:
            return self
        factors = tuple(replace(f, stretch=by[f.name]) if f.name in by else f for f in self.design.factors)
        return replace(self, design=replace(self.design, factors=factors))

    def split(self, named: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Name draws of the whole, (chains, draws, ...), as those of each predictor."""
        if not self.parts:
            return dict(named)
        found: dict[str, np.ndarray] = {}
        for part in self.parts:
            own = _split_part(part, named)
            names = names_of_predictor(part.name, part.factors) if part.name else {name: name for name in own}
            found |= {renamed(name, names) or name: values for name, values in own.items()}
        found |= {across_name(one.factor): named[corr_name(one.factor)] for one in self.joined}
        return found if self.mix is None else _as_differences(self, found)


def _split_part(part: _Part, named: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the draws of one predictor, under the names that the mean's have."""
    found: dict[str, np.ndarray] = {}
    if part.design.common.coefs:
        standard = named[BETA][..., part.columns]
        flat = part.units.original(standard.reshape(-1, standard.shape[-1]) @ part.turn.T)
        found[BETA] = flat.reshape(standard.shape)
    for name, (factor, _) in part.factors.items():
        own, whole = part.effects[name], part.whole(factor)
        for variable in (sd_name, b_name, z_name):
            if variable(whole) in named:
                found[variable(name)] = named[variable(whole)][..., own]
        if factor.correlated:
            found[corr_name(name)] = named[corr_name(name)][..., own, own]
    return found


def _as_differences(predictors: Predictors, contrasts: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turn draws of contrasts between categories into those of differences to the first category."""
    found, mix = dict(contrasts), np.asarray(predictors.mix)
    parts = [part for part in predictors.parts if part.name]
    own = [names_of_predictor(part.name, part.factors) for part in parts]
    for variable in (BETA, *(b_name(factor) for factor in parts[0].factors)):
        names = [one[variable] for one in own]
        if names[0] in contrasts:
            mixed = np.tensordot(mix, np.stack([contrasts[name] for name in names]), axes=1)
            found |= dict(zip(names, mixed, strict=True))
    for joined in predictors.joined:
        sd = np.concatenate([contrasts[one[sd_name(joined.factor)]] for one in own], axis=-1)
        effects = sd.shape[-1] // len(parts)
        turn = np.kron(mix, np.eye(effects))
        covariance = sd[..., :, None] * contrasts[across_name(joined.factor)] * sd[..., None, :]
        sd, corr = covariance_parts(turn @ covariance @ turn.T)
        found[across_name(joined.factor)] = corr
        for k, one in enumerate(own):
            place = slice(k * effects, (k + 1) * effects)
            found[one[sd_name(joined.factor)]] = sd[..., place]
            if one[corr_name(joined.factor)] in found:
                found[one[corr_name(joined.factor)]] = corr[..., place, place]
    return found


def lay_out(design: Design, priors: PriorSet) -> Predictors:
    """Put the predictors of a model one below the other."""
    if not design.parameters:
        return Predictors(design, link_units(design), priors)
    parts = _parts(design, priors)
    joined = joined_factors(design)
    common = _stacked_common(parts, parts[-1].design.common)
    stacked = [_stacked_factor(name, parts, joined) for name in _factor_names(parts)]
    whole = replace(
        design,
        common=common,
        factors=tuple(factor for factor, _ in stacked),
        offset=np.concatenate([_start(part) for part in parts]),
        rows=np.tile(design.rows, len(parts)),
        parameters={},
    )
    units = Units(0.0, 1.0, 1.0, common, tuple(unit for _, unit in stacked))
    mix = None
    if design.spec.family_record.has_predictors_of_categories:
        mix = differences_of_contrasts(len(design.response.categories))
    return Predictors(whole, units, _stacked_priors(priors, parts, joined), tuple(parts), joined, mix)


def _parts(design: Design, priors: PriorSet) -> list[_Part]:
    columns, places = 0, dict.fromkeys(design.spec.all_factors, 0)
    parts = []
    for name, one in {"": design, **design.parameters}.items():
        own = _priors_of(design, priors, name)
        units = link_units(one) if not name else _predictor_units(one, predictor_scales(design, name).unit)
        prior = coefficient_prior(one, own)
        off = np.linalg.solve(prior.turn, units.taken_off)
        stated = [p.in_units_of(units.unit) for p in prior.priors]
        if any(o and p.distribution != "Normal" for o, p in zip(off, stated, strict=True)):
            units, off = replace(units, location=0.0), np.zeros(len(off))
        shifted = tuple(_shifted(p, float(o)) for p, o in zip(stated, off, strict=True))
        effects = {}
        for factor in one.factors:
            first = 0 if factor.is_smooth else places[factor.name]
            effects[factor.name] = slice(first, first + len(factor.names))
            if not factor.is_smooth:
                places[factor.name] += len(factor.names)
        here = slice(columns, columns + len(shifted))
        columns += len(shifted)
        parts.append(_Part(name, one, own, units, prior.turn, shifted, here, effects))
    return parts


def _priors_of(design: Design, priors: PriorSet, name: str) -> PriorSet:
    """Return the priors of a predictor under the names of the mean's; the contrasts of categories have the same."""
    if design.spec.family_record.has_predictors_of_categories:
        return priors if name else PriorSet(())
    if not name:
        return priors
    return priors.of_predictor(names_of_predictor(name, design.parameters[name].spec.parts_with_sds))


def _predictor_units(one: Design, unit: float) -> Units:
    """Return the units of a parameter's predictor, which has no location to take off."""
    units = choose_units(one)
    return replace(units, location=0.0, unit=unit, residual=unit)


def _shifted(prior: Prior, off: float) -> Prior:
    """Return the prior of a coefficient less what the location takes off it."""
    if not off:
        return prior
    return Prior("Normal", mu=prior.arguments["mu"] - off, sigma=prior.arguments["sigma"])


def _start(part: _Part) -> np.ndarray:
    """Return what a predictor's rows have without coefficients, (rows,)."""
    offset = np.zeros(part.design.n_rows) if part.design.offset is None else part.design.offset
    return offset + part.units.location


def _factor_names(parts: list[_Part]) -> list[str]:
    return list(dict.fromkeys(part.whole(factor) for part in parts for factor, _ in part.factors.values()))


def _coefficient_names(part: _Part) -> list[str]:
    """Name the coordinates of a predictor's coefficients, distinct from those of others."""
    return [f"{part.name}:{coef}" for coef in part.design.common.coefs]


def _stacked_common(parts: list[_Part], like: CommonEffects) -> CommonEffects:
    values = block_diag(*(part.values for part in parts))
    size = values.shape[1]
    none, one = np.zeros(size), np.eye(size)
    names = tuple(name for part in parts for name in _coefficient_names(part))
    return CommonEffects(
        names, values, none, np.ones(size), intercept=False, recipe=like.recipe, basis=CommonBasis(one, one, None)
    )


def _stacked_factor(
    name: str, parts: list[_Part], joined: tuple[JoinedFactor, ...]
) -> tuple[FactorEffects, EffectUnits]:
    """Put the effects of all predictors over a factor side by side, each 0 in the rows of other predictors."""
    own = {
        part.name: (factor, unit, part.units.unit)
        for part in parts
        for factor, unit in part.factors.values()
        if part.whole(factor) == name
    }
    first = next(factor for factor, _, _ in own.values())
    size = sum(len(factor.names) for factor, _, _ in own.values())
    rows_of_each = len(first.values)
    values, at = np.zeros((len(parts) * rows_of_each, size)), 0
    blocks: list[tuple[int, ...]] = []
    for p, part in enumerate(parts):
        if part.name not in own:
            continue
        factor, unit, scale = own[part.name]
        rows = slice(p * rows_of_each, (p + 1) * rows_of_each)
        values[rows, at : at + len(factor.names)] = unit.of(factor.values) * scale
        blocks += [tuple(at + i for i in block) for block in factor.blocks]
        at += len(factor.names)
    blocks = next((list(one.blocks) for one in joined if one.factor == name), blocks)
    plain = FreedColumns(np.zeros(size), np.eye(size), np.eye(size))
    names = tuple(f"{p}_{effect}" if p else effect for p, (factor, _, _) in own.items() for effect in factor.names)
    units = EffectUnits(
        columns=plain,
        size=np.ones(size),
        scale=np.concatenate([unit.scale / scale for _, unit, scale in own.values()]),
        shift=block_diag(*(unit.shift for _, unit, _ in own.values())),
        to_data=block_diag(*(unit.to_data * scale for _, unit, scale in own.values())),
    )
    factor = replace(
        first.called(name).repeated(len(parts)),
        names=names,
        values=values,
        basis=EffectBasis(plain, np.ones(size), np.ones(size)),
        blocks=tuple(blocks),
        structure=first.structure if first.is_smooth else EffectStructure("unstructured", tuple(range(size))),
    )
    return factor, units


def _stacked_priors(priors: PriorSet, parts: list[_Part], joined: tuple[JoinedFactor, ...]) -> PriorSet:
    """Collect the priors of the whole design, under its own names."""
    entries: list[ResolvedPrior] = []
    for part in parts:
        names = zip(_coefficient_names(part), part.coefficients, strict=True)
        entries += [ResolvedPrior(f"{BETA}[{name}]", prior, "", is_default=False) for name, prior in names]
        for name, (factor, _) in part.factors.items():
            for effect in dict.fromkeys(factor.sd_parameters):
                stated = part.priors[f"{sd_name(name)}[{effect}]"]
                shown = f"{part.name}_{effect}" if part.name and not factor.is_smooth else effect
                whole = sd_name(part.whole(factor))
                entries.append(ResolvedPrior(f"{whole}[{shown}]", stated, "", is_default=False))
            if factor.correlated and corr_name(name) in part.priors:
                entries.append(ResolvedPrior(corr_name(name), part.priors[corr_name(name)], "", is_default=False))
    across = {corr_name(one.factor): priors[across_name(one.factor)] for one in joined}
    entries += [ResolvedPrior(name, prior, "", is_default=False) for name, prior in across.items()]
    return PriorSet(tuple(entries))
