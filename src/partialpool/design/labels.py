"""Dimensions and coordinates of every posterior variable of a design, and where answers have the table's columns."""

from itertools import pairwise

import xarray as xr

from partialpool.design.design import Design
from partialpool.names import (
    BETA,
    COEF,
    CUTPOINT,
    FAMILY_PARAMETERS,
    ICC,
    OBS,
    OF_POSTERIORS,
    SHARES,
    TOTAL_SD,
    b_name,
    corr_name,
    effect_bis_dim,
    effect_dim,
    names_of_factor,
    sd_name,
    tree_name,
    z_name,
)

__all__ = [
    "coordinate_of",
    "coordinates",
    "mean_by_name",
    "mean_in_words",
    "observed_name",
    "offset_dims",
    "variable_attrs",
    "variable_dims",
]


def coordinates(design: Design) -> dict[str, list]:
    """Coordinates of every dimension: rows, coefficients, levels, effects, cutpoints."""
    coords: dict[str, list] = {OBS: design.rows.tolist()}
    if design.common.coefs:
        coords[COEF] = list(design.common.coefs)
    for factor in design.factors:
        coords[factor.name] = list(factor.levels.labels)
        coords[effect_dim(factor.name)] = list(factor.names)
        if factor.correlated:
            coords[effect_bis_dim(factor.name)] = list(factor.names)
    if design.spec.family_record.has_cutpoints:
        categories = design.response.categories
        coords[CUTPOINT] = [f"{low}|{high}" for low, high in pairwise(categories)]
    return coords


def coordinate_of(answer: xr.Dataset, column: str) -> str:
    """Name of a column's coordinate in an answer: its own, unless the answer itself has something of that name.

    Where it has another, its attrs say under `long_name` which column it is.
    """
    return next((str(name) for name, c in answer.coords.items() if c.attrs.get("long_name") == column), column)


def observed_name(design: Design) -> str:
    """Name of the response among variables: its column, without `/` and apart from what the model itself has."""
    spec = design.spec
    shared = {ICC, TOTAL_SD, SHARES} if spec.states_shares else set()
    own = shared.union(name for name, _ in spec.family_record.parameters)
    factors = (names_of_factor(factor.name) for factor in design.factors)
    return tree_name(design.response.name, OF_POSTERIORS.union(own, *factors))


def mean_in_words(design: Design) -> str:
    """Say what the mean of the response is: of two categories, the probability of which."""
    return design.response.outcome if design.response.is_binary else design.spec.family_record.support.mean_in_words


def mean_by_name(design: Design) -> str:
    """Say the same with the response's name in it."""
    response = design.response
    return (
        response.outcome if response.is_binary else design.spec.family_record.support.mean_by_name.format(response.name)
    )


def variable_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Dimensions of every posterior variable after (chain, draw); the keys are the whole posterior, in order."""
    dims: dict[str, tuple[str, ...]] = {BETA: (COEF,)} if design.common.coefs else {}
    for factor in design.factors:
        effect = effect_dim(factor.name)
        dims[sd_name(factor.name)] = (effect,)
        if factor.correlated:
            dims[corr_name(factor.name)] = (effect, effect_bis_dim(factor.name))
    for name, _ in design.spec.family_record.parameters:
        if name != "sigma" or design.se is None:
            dims[name] = (CUTPOINT,) if name == "cutpoints" else ()
    for factor in design.factors:
        dims[b_name(factor.name)] = (factor.name, effect_dim(factor.name))
    return dims


def offset_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Dimensions of the non-centred offsets, kept on request beside the posterior's own variables."""
    return {z_name(factor.name): (factor.name, effect_dim(factor.name)) for factor in design.factors}


def variable_attrs(design: Design) -> dict[str, dict[str, str]]:
    """Say what each posterior variable is, in a sentence for its attrs."""
    scale = design.spec.link_record.scale_in_words
    attrs = {BETA: {"long_name": f"fixed effects{scale}, at the predictors' original zero"}}
    for factor in design.factors:
        attrs[sd_name(factor.name)] = {"long_name": f"standard deviations over {factor.name}{scale}"}
        attrs[corr_name(factor.name)] = {"long_name": f"correlations of the effects over {factor.name}"}
        attrs[b_name(factor.name)] = {"long_name": f"deviations of each {factor.name} from the fixed effects{scale}"}
    for name, words in FAMILY_PARAMETERS.items():
        attrs[name] = {"long_name": f"{words}{scale if name == 'cutpoints' else ''}"}
    for factor in design.factors:
        attrs[z_name(factor.name)] = {"long_name": f"standard-normal offsets over {factor.name}"}
    return {name: attrs[name] for name in (*variable_dims(design), *offset_dims(design))}
