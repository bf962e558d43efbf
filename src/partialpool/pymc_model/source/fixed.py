"""The fixed effects as text: their columns, their priors, and what they add to the linear predictor.

The coordinates are those of `model/coefficient_prior.py`. With Xc the centred columns and u the unit of the linear
predictor, a coefficient with its own prior is sampled in units of u / sd(column); the coefficients S of a joint prior
are sampled as R beta_S / u, with R'R = Xc_S'Xc_S / n.
"""

from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.design.recipe import Recipe
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.prior_scales import predictor_unit
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, INTERCEPT
from partialpool.pymc_model.source.code import Code, listed, number
from partialpool.pymc_model.source.columns import Column, chosen, product_of, stored_column
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.names import OF_THE_MEAN, PredictorNames
from partialpool.pymc_model.source.piece import Piece, frame_of, let, prior_reasons, read_by, statement
from partialpool.pymc_model.source.priors import AS_IT_IS, PM, PT, Stated, Units, stated, vector_variable

__all__ = ["FixedEffects", "columns_of_recipe", "fixed_effects"]


@dataclass(frozen=True, eq=False)
class FixedEffects:
    """The text of the fixed effects.

    Attributes
    ----------
    piece
        The lines.
    eta
        What the fixed effects add to the linear predictor; None where there are none.
    shift
        What the predictors' means add to it; None where that is zero.
    labels
        The names of the coefficients.
    """

    piece: Piece
    eta: Code | None
    shift: Code | None
    labels: Code


def columns_of_recipe(
    recipe: Recipe, values: np.ndarray, design: Design, names: PredictorNames
) -> list[tuple[str, Column]]:
    """Return an expression for each column of a recipe, whose values are (rows, columns); 1 for the intercept."""
    found = []
    for name, parts, column in zip(recipe.names, recipe.parts, values.T, strict=True):
        if name == INTERCEPT and (column == 1).all():
            found.append((name, Column(Code("1.0"), column)))
            continue
        expression = chosen([product_of(parts, design.frame)], column)
        found.append((name, expression or stored_column(names.stored(name), column, design.frame)))
    return found


def fixed_effects(
    design: Design, priors: PriorSet, names: PredictorNames = OF_THE_MEAN, *, unit: float | None = None
) -> FixedEffects:
    """Write the fixed effects of a predictor.

    Parameters
    ----------
    design, priors
        The predictor, and its priors under the names that they have as the mean's.
    names
        Names of its variables.
    unit
        Its unit; that of the mean's where it is None.
    """
    common, unit = design.common, predictor_unit(design) if unit is None else unit
    if not common.coefs:
        return FixedEffects(Piece(), None, None, Code("[]"))
    together = [common.names.index(coef) for coef in priors.together]
    units = _units(names, unit, one_each=len(together) < len(common.names))
    before: list[str] = []
    columns: list[tuple[str, Column]] = []
    if common.names:
        columns = _expressions(design, names)
        before += _matrix(columns, names, centred=design.spec.intercept)
        before += _root(together, names, len(common.names)) if together else []
    before += _units_lines(design, names, unit, together)
    inside = _variable(design, priors, names, units)
    scaled = Code(_scaled_local(names))
    own = scaled if units.code is None else scaled * units.code
    if common.names:
        lines, eta, shift = _predictor(design, names, own, rooted=bool(together))
        inside += lines
    else:
        inside += let(names.of(BETA), PM.Deterministic(names.beta, own, dims=names.coef), 2)
        eta, shift = Code(names.of(BETA))[0], None
    labels = [f'"{INTERCEPT}"'] * common.intercept + [f"*{names.of_columns('X')}.columns"] * bool(common.names)
    piece = Piece(tuple(before), tuple(inside), *read_by(column for _, column in columns))
    return FixedEffects(piece, eta, shift, listed(map(Code, labels)))


def _scaled_local(names: PredictorNames) -> str:
    """Return the local variable of the coefficients as they are sampled."""
    return names.of(f"{BETA}_scaled")


def _units(names: PredictorNames, unit: float, *, one_each: bool) -> Units:
    if one_each:
        return Units(Code(names.of_columns("units")), one_each=True)
    return AS_IT_IS if unit == 1 else Units(Code(names.of_columns("unit")))


def _expressions(design: Design, names: PredictorNames) -> list[tuple[str, Column]]:
    common = design.common
    if not design.spec.intercept:
        return columns_of_recipe(common.recipe, common.values, design, names)
    whole = np.column_stack([np.ones(design.n_rows), common.values])
    return columns_of_recipe(common.recipe, whole, design, names)[1:]


def _matrix(columns: list[tuple[str, Column]], names: PredictorNames, *, centred: bool) -> list[str]:
    """Return the lines that assign the columns, and the centred columns."""
    of = f" of {names.name_of_columns}" if names.suffix_of_columns else ""
    lines = commented(f"The columns of the fixed effects{of}, by coefficient, and centred.", indent=1)
    if any(column.stores for _, column in columns):
        lines += commented("Those that no short expression gives were computed by partialpool.", indent=1)
    X, center, Xc = map(names.of_columns, ("X", "center", "Xc"))
    lines += frame_of(X, columns)
    if centred:
        return [*lines, f"    {center} = {X}.mean().to_numpy()", f"    {Xc} = {X}.to_numpy() - {center}"]
    return [*lines, f"    {Xc} = {X}.to_numpy()  # no intercept: not centred"]


def _root(together: list[int], names: PredictorNames, size: int) -> list[str]:
    """Return the lines that assign R."""
    R, Xc = names.of_columns("R"), names.of_columns("Xc")
    if len(together) == size:
        return [
            *commented(
                f"{Xc} = Q {R}, Q with orthogonal columns: Q's slopes, {R} @ slopes, have independent priors.",
                indent=1,
            ),
            *let(R, Code("np.linalg").qr(Code(Xc) / Code("np").sqrt(Code("len")(Code(Xc))), mode="r"), 1),
            f"    {R} = {R} * np.sign(np.diag({R}))[:, None]",
        ]
    return [
        *commented(f"Some slopes have one prior together: {R} makes their columns orthogonal.", indent=1),
        f"    together = {together}",
        *let(
            "root",
            Code("np.linalg").qr(Code(f"{Xc}[:, together]") / Code("np").sqrt(Code("len")(Code(Xc))), mode="r"),
            1,
        ),
        f"    {R} = np.eye({size})",
        f"    {R}[np.ix_(together, together)] = root * np.sign(np.diag(root))[:, None]",
    ]


def _units_lines(design: Design, names: PredictorNames, unit: float, together: list[int]) -> list[str]:
    """Return the lines that assign the units in which coefficients are sampled."""
    lines: list[str] = []
    common, Xc = design.common, names.of_columns("Xc")
    if unit != 1:
        lines += commented(f"{_unit_told(names)}, in which coefficients are sampled.", indent=1)
        lines += let(names.of_columns("unit"), number(unit), 1)
    if len(together) == len(common.names):
        return lines
    lines += commented("Units in which coefficients are sampled: slopes are per sd of their predictor.", indent=1)
    sizes = f"{Xc}.std(axis=0)" if design.spec.intercept else f"np.sqrt(({Xc}**2).mean(axis=0))"
    lines.append(f"    sizes = {sizes}")
    if together:
        lines.append("    sizes[together] = 1.0")
    top = "1.0" if unit == 1 else names.of_columns("unit")
    units = "np.array([1.0, *sizes])" if common.intercept else "sizes"
    return [*lines, f"    {names.of_columns('units')} = {top} / {units}"]


def _unit_told(names: PredictorNames) -> str:
    if not names.told:
        return "The size of the response's variation"
    of_parameter = f"The unit of the predictor of {names.name_of_columns}"
    return of_parameter if names.suffix_of_columns else "The unit of the contrasts"


def _variable(design: Design, priors: PriorSet, names: PredictorNames, units: Units) -> list[str]:
    """Return the lines that create `beta_scaled`."""
    common = design.common
    parameters = [f"{BETA}[{coef}]" for coef in common.coefs]
    resolved = coefficient_prior(design, priors).priors
    entries = {entry.parameter: entry for entry in priors.entries}
    elements = []
    for coef, parameter, prior in zip(common.coefs, parameters, resolved, strict=True):
        own = stated(priors, [parameter], [coef]) if parameter in entries else []
        joint = Stated(coef, prior, exact=False)
        elements.append(own[0] if own else joint)
    lines = commented(_told(design, names), indent=2)
    lines += prior_reasons(priors, [BETA, *parameters], names.in_priors)
    name = f"{names.beta}_scaled"
    return lines + let(_scaled_local(names), vector_variable(name, elements, dims=names.coef, units=units), 2)


def _told(design: Design, names: PredictorNames) -> str:
    common, of = design.common, f" of {names.told}" if names.told else ""
    if not common.names:
        return f"The intercept{of}."
    if not common.intercept:
        return f"Fixed effects{of}."
    return f"Fixed effects{of}: the intercept at the predictors' means, then the slopes."


def _predictor(
    design: Design, names: PredictorNames, own: Code, *, rooted: bool
) -> tuple[list[str], Code, Code | None]:
    """Return the lines from `beta_scaled` to `beta`, and what the fixed effects and the predictors' means add."""
    common = design.common
    lines = []
    if common.intercept and own.text != _scaled_local(names):
        lines += let(names.of("coefs"), own, 2)
        own = Code(names.of("coefs"))
    directions = own[1:] if common.intercept else own
    slopes, Xc = Code(names.of("slopes")), Code(names.of_columns("Xc"))
    inverse = Code(f"np.linalg.inv({names.of_columns('R')})")
    lines += let(slopes.text, inverse @ directions if rooted else directions, 2)
    shift = Code(names.of_columns("center")) @ slopes
    if not common.intercept:
        lines += statement(PM.Deterministic(names.beta, slopes, dims=names.coef), 2)
        return lines, Xc @ slopes, shift if design.spec.intercept else None
    whole = PT.concatenate(listed([own[:1] - shift, slopes]))
    lines += commented("As reported: the intercept where every predictor is 0.", indent=2)
    lines += statement(PM.Deterministic(names.beta, whole, dims=names.coef), 2)
    return lines, own[0] + Xc @ slopes, shift
