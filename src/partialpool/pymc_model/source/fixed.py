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
from partialpool.names import BETA, COEF, INTERCEPT
from partialpool.pymc_model.source.code import Code, listed, number
from partialpool.pymc_model.source.columns import Column, chosen, product_of, stored_column
from partialpool.pymc_model.source.layout import commented
from partialpool.pymc_model.source.piece import Piece, frame_of, let, prior_reasons, read_by, statement
from partialpool.pymc_model.source.priors import AS_IT_IS, PM, PT, Stated, Units, stated, vector_variable

__all__ = ["FixedEffects", "columns_of_recipe", "fixed_effects"]

_SCALED = f"{BETA}_scaled"


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


def columns_of_recipe(recipe: Recipe, values: np.ndarray, design: Design) -> list[tuple[str, Column]]:
    """Return an expression for each column of a recipe, whose values are (rows, columns); 1 for the intercept."""
    found = []
    for name, parts, column in zip(recipe.names, recipe.parts, values.T, strict=True):
        if name == INTERCEPT and (column == 1).all():
            found.append((name, Column(Code("1.0"), column)))
            continue
        expression = chosen([product_of(parts, design.frame)], column)
        found.append((name, expression or stored_column(name, column, design.frame)))
    return found


def fixed_effects(design: Design, priors: PriorSet) -> FixedEffects:
    """Write the fixed effects of a design."""
    common, unit = design.common, predictor_unit(design)
    if not common.coefs:
        return FixedEffects(Piece(), None, None, Code("[]"))
    together = [common.names.index(coef) for coef in priors.together]
    units = _units(unit, one_each=len(together) < len(common.names))
    before: list[str] = []
    columns: list[tuple[str, Column]] = []
    if common.names:
        columns = _expressions(design)
        before += _matrix(columns, centred=design.spec.intercept)
        before += _root(together, len(common.names)) if together else []
    before += _units_lines(design, unit, together)
    inside = _variable(design, priors, units)
    own = Code(_SCALED) if units.code is None else Code(_SCALED) * units.code
    if common.names:
        lines, eta, shift = _predictor(design, own, rooted=bool(together))
        inside += lines
    else:
        inside += let(BETA, PM.Deterministic(BETA, own, dims=COEF), 2)
        eta, shift = Code(BETA)[0], None
    names = [f'"{INTERCEPT}"'] * common.intercept + ["*X.columns"] * bool(common.names)
    piece = Piece(tuple(before), tuple(inside), *read_by(column for _, column in columns))
    return FixedEffects(piece, eta, shift, listed(map(Code, names)))


def _units(unit: float, *, one_each: bool) -> Units:
    if one_each:
        return Units(Code("units"), one_each=True)
    return AS_IT_IS if unit == 1 else Units(Code("unit"))


def _expressions(design: Design) -> list[tuple[str, Column]]:
    common = design.common
    if not design.spec.intercept:
        return columns_of_recipe(common.recipe, common.values, design)
    whole = np.column_stack([np.ones(design.n_rows), common.values])
    return columns_of_recipe(common.recipe, whole, design)[1:]


def _matrix(columns: list[tuple[str, Column]], *, centred: bool) -> list[str]:
    """Return the lines that assign the columns, and the centred columns."""
    lines = commented("The columns of the fixed effects, by coefficient, and centred.", indent=1)
    if any(column.stores for _, column in columns):
        lines += commented("Those that no short expression gives were computed by partialpool.", indent=1)
    lines += frame_of("X", columns)
    if centred:
        return [*lines, "    center = X.mean().to_numpy()", "    Xc = X.to_numpy() - center"]
    return [*lines, "    Xc = X.to_numpy()  # no intercept: not centred"]


def _root(together: list[int], size: int) -> list[str]:
    """Return the lines that assign R."""
    if len(together) == size:
        return [
            *commented(
                "Xc = Q R, Q with orthogonal columns: Q's slopes, R @ slopes, have independent priors.", indent=1
            ),
            '    R = np.linalg.qr(Xc / np.sqrt(len(Xc)), mode="r")',
            "    R = R * np.sign(np.diag(R))[:, None]",
        ]
    return [
        *commented("Some slopes have one prior together: R makes their columns orthogonal.", indent=1),
        f"    together = {together}",
        '    root = np.linalg.qr(Xc[:, together] / np.sqrt(len(Xc)), mode="r")',
        f"    R = np.eye({size})",
        "    R[np.ix_(together, together)] = root * np.sign(np.diag(root))[:, None]",
    ]


def _units_lines(design: Design, unit: float, together: list[int]) -> list[str]:
    """Return the lines that assign the units in which coefficients are sampled."""
    lines: list[str] = []
    common = design.common
    if unit != 1:
        lines += commented("The size of the response's variation, in which coefficients are sampled.", indent=1)
        lines += let("unit", number(unit), 1)
    if len(together) == len(common.names):
        return lines
    lines += commented("Units in which coefficients are sampled: slopes are per sd of their predictor.", indent=1)
    sizes = "Xc.std(axis=0)" if design.spec.intercept else "np.sqrt((Xc**2).mean(axis=0))"
    lines.append(f"    sizes = {sizes}")
    if together:
        lines.append("    sizes[together] = 1.0")
    top = "1.0" if unit == 1 else "unit"
    return [*lines, f"    units = {top} / {'np.array([1.0, *sizes])' if common.intercept else 'sizes'}"]


def _variable(design: Design, priors: PriorSet, units: Units) -> list[str]:
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
    lines = [*commented(_told(design), indent=2), *prior_reasons(priors, [BETA, *parameters])]
    return lines + let(_SCALED, vector_variable(_SCALED, elements, dims=COEF, units=units), 2)


def _told(design: Design) -> str:
    common = design.common
    if not common.names:
        return "The intercept."
    if not common.intercept:
        return "Fixed effects."
    return "Fixed effects: the intercept at the predictors' means, then the slopes."


def _predictor(design: Design, own: Code, *, rooted: bool) -> tuple[list[str], Code, Code | None]:
    """Return the lines from `beta_scaled` to `beta`, and what the fixed effects and the predictors' means add."""
    common = design.common
    lines = []
    if common.intercept and own.text != _SCALED:
        lines += let("coefs", own, 2)
        own = Code("coefs")
    directions = own[1:] if common.intercept else own
    slopes = Code("slopes")
    lines += let("slopes", Code("np.linalg.inv(R)") @ directions if rooted else directions, 2)
    shift = Code("center") @ slopes
    if not common.intercept:
        lines += statement(PM.Deterministic(BETA, slopes, dims=COEF), 2)
        return lines, Code("Xc") @ slopes, shift if design.spec.intercept else None
    whole = PT.concatenate(listed([own[:1] - shift, slopes]))
    lines += commented("As reported: the intercept where every predictor is 0.", indent=2)
    lines += statement(PM.Deterministic(BETA, whole, dims=COEF), 2)
    return lines, own[0] + Code("Xc") @ slopes, shift
