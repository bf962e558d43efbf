"""Dimensions and coordinates of every posterior variable of a design, and names of columns in results."""

import re

import xarray as xr

from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors
from partialpool.design.streamed.streamed_design import StreamedDesign
from partialpool.names import (
    BETA,
    COEF,
    CUTPOINT,
    FAMILY_PARAMETERS,
    ICC,
    OBS,
    OF_POSTERIORS,
    RESIDUAL_CORRELATION,
    SHARES,
    SIGMA,
    STRATUM,
    TOTAL_SD,
    VISIT,
    VISIT_BIS,
    across_bis_dim,
    across_dim,
    across_name,
    b_name,
    corr_name,
    effect_bis_dim,
    effect_dim,
    names_of_factor,
    names_of_predictor,
    nu_name,
    sd_name,
    tree_name,
    z_name,
)

__all__ = [
    "coordinate_of",
    "coordinates",
    "mean_by_name",
    "mean_in_words",
    "mean_on_axis",
    "observed_name",
    "offset_dims",
    "predicted_quantity",
    "predictor_on_axis",
    "variable_attrs",
    "variable_dims",
    "without_reference",
]

_WITH_REFERENCE = re.compile(r"\bT\((`[^`]+`|[\w.]+), (?:ref=)?(?:'[^'()]*'|\"[^\"()]*\"|[\w.]+)\)(?=\[)")
"""A category's column with its reference, as formulas state it."""


def coordinates(design: Design) -> dict[str, list]:
    """Return the coordinates of every dimension: rows in memory, coefficients, levels, effects, cutpoints."""
    coords: dict[str, list] = {} if isinstance(design, StreamedDesign) else {OBS: design.rows.tolist()}
    coords |= _predictor_coordinates(design)
    if design.spec.family_record.has_cutpoints:
        coords[CUTPOINT] = list(design.threshold_labels)
    residual = design.residual
    if residual is not None and residual.is_stratified:
        coords[STRATUM] = list(residual.strata)
    if residual is not None and residual.series is not None and residual.series.visits:
        coords[VISIT] = coords[VISIT_BIS] = [str(visit) for visit in residual.series.visits]
    for joined in joined_factors(design):
        coords[across_dim(joined.factor)] = coords[across_bis_dim(joined.factor)] = list(joined.effects)
    for name, other in design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        coords |= {names[dim]: values for dim, values in _predictor_coordinates(other).items()}
    return coords


def _predictor_coordinates(design: Design) -> dict[str, list]:
    """Return the coordinates of the dimensions of a predictor."""
    coords: dict[str, list] = {COEF: list(design.common.coefs)} if design.common.coefs else {}
    for factor in design.factors:
        coords[factor.name] = list(factor.levels.labels)
        coords[effect_dim(factor.name)] = list(factor.names)
        if factor.correlated:
            coords[effect_bis_dim(factor.name)] = list(factor.names)
    return coords


def coordinate_of(answer: xr.Dataset, column: str) -> str:
    """Return the name of a column's coordinate in a result: the column's, unless the result uses that name itself.

    A coordinate with another name has the column's name in its attribute `long_name`.
    """
    return next((str(name) for name, c in answer.coords.items() if c.attrs.get("long_name") == column), column)


def observed_name(design: Design) -> str:
    """Return the name of the response variable: its column, without `/` and distinct from the model's own names."""
    spec = design.spec
    shared = {ICC, TOTAL_SD, SHARES} if spec.states_shares else set()
    shared |= {RESIDUAL_CORRELATION} if spec.residual else set()
    own = shared.union(name for name, _ in spec.family_record.parameters)
    factors = (names_of_factor(factor.name) for factor in design.factors)
    return tree_name(design.response.name, OF_POSTERIORS.union(own, *factors))


def mean_in_words(design: Design) -> str:
    """Describe the mean of the response; for two categories, the probability of the second.

    Of a truncated response, it is that of all responses, also those that are not in the table.
    """
    if design.response.is_binary:
        return design.response.outcome
    mean = design.spec.family_record.support.mean_in_words
    return mean if design.response.truncation is None else f"{mean} before truncation"


def mean_by_name(design: Design) -> str:
    """Describe the mean of the response with the response's name."""
    response = design.response
    return (
        response.outcome if response.is_binary else design.spec.family_record.support.mean_by_name.format(response.name)
    )


def mean_on_axis(design: Design) -> str:
    """Name the mean of the response for an axis: `probability of hits`, `expected visits`, `mean of y`."""
    response = design.response
    if response.is_binary:
        return response.outcome
    if design.spec.link_record.is_identity:
        return response.name
    return design.spec.family_record.support.mean_on_axis.format(response.name)


def without_reference(effect: str) -> str:
    """Name an effect as where its category's reference is the default one, since headings state the reference.

    Examples
    --------
    >>> without_reference("T(habitat, ref='meadow')[forest]"), without_reference("x:T(arm, ref='b')[a]")
    ('habitat[forest]', 'x:arm[a]')
    >>> without_reference("log(x)"), without_reference("C(year)[96]")
    ('log(x)', 'C(year)[96]')
    """
    return _WITH_REFERENCE.sub(r"\1", effect)


def predicted_quantity(design: Design, response: str) -> str:
    """Name what a prediction is: `mean of Yield`, `expected visits`, `probability of hits`.

    Parameters
    ----------
    design, response
        The model, and what its response is called.
    """
    family, outcome = design.spec.family_record, design.response
    if not family.has_mean:
        return f"probability of each category of {response}"
    if outcome.is_binary:
        return f"probability of {response} = {outcome.categories[1]}"
    return family.support.mean_on_axis.format(response)


def predictor_on_axis(design: Design) -> str:
    """Name the linear predictor for an axis: `log odds of hits`, `log expected visits`, or the response itself."""
    return design.spec.link_record.name_predictor(mean_on_axis(design))


def variable_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dimensions of every posterior variable after (chain, draw), in the order of the posterior."""
    dims = _predictor_dims(design)
    for joined in joined_factors(design):
        dims[across_name(joined.factor)] = (across_dim(joined.factor), across_bis_dim(joined.factor))
    for name, _ in design.spec.family_record.parameters:
        if name not in design.parameters and (name != "sigma" or design.se is None):
            dims[name] = (CUTPOINT,) if name == "cutpoints" else ()
    dims |= _residual_dims(design)
    for factor in design.factors:
        dims[b_name(factor.name)] = (factor.name, effect_dim(factor.name))
    for name, other in design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        own = _predictor_dims(other)
        own |= {b_name(factor.name): (factor.name, effect_dim(factor.name)) for factor in other.factors}
        dims |= {names[variable]: tuple(names[dim] for dim in found) for variable, found in own.items()}
    return dims


def _predictor_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dimensions of the coefficients, sds and correlations of a predictor."""
    dims: dict[str, tuple[str, ...]] = {BETA: (COEF,)} if design.common.coefs else {}
    for factor in design.factors:
        effect = effect_dim(factor.name)
        dims[sd_name(factor.name)] = (effect,)
        if factor.correlated:
            dims[corr_name(factor.name)] = (effect, effect_bis_dim(factor.name))
        if factor.is_heavy:
            dims[nu_name(factor.name)] = ()
    return dims


def _residual_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dimensions of several residual standard deviations, and of correlations of residuals."""
    residual = design.residual
    dims: dict[str, tuple[str, ...]] = {}
    if residual is not None and residual.is_stratified:
        dims[SIGMA] = (STRATUM,)
    if residual is not None and residual.series is not None:
        dims[RESIDUAL_CORRELATION] = (VISIT, VISIT_BIS) if residual.series.visits else ()
    return dims


def offset_dims(design: Design) -> dict[str, tuple[str, ...]]:
    """Return the dimensions of the non-centred offsets, which are kept on request."""
    own: dict[str, tuple[str, ...]] = {z_name(f.name): (f.name, effect_dim(f.name)) for f in design.factors}
    for name, other in design.parameters.items():
        names = names_of_predictor(name, other.spec.parts_with_sds)
        own |= {names[z]: tuple(names[dim] for dim in dims) for z, dims in offset_dims(other).items()}
    return own


def _residual_correlation(design: Design) -> str:
    """Say between which rows the correlation of residuals is."""
    series = None if design.residual is None else design.residual.series
    if series is None:
        return ""
    within = f"of two rows of a {series.stated.gr}"
    if series.kind == "ar":
        within += f" at a distance of {series.step:.4g} in {series.stated.order}"
    return f"correlation of the residuals {within}"


def variable_attrs(design: Design) -> dict[str, dict[str, str]]:
    """Describe each posterior variable, for its attrs."""
    scale = design.spec.link_record.scale_in_words
    attrs = {BETA: {"long_name": f"fixed effects{scale}, at the predictors' original zero"}}
    for factor in design.factors:
        spread = "scales of the Student t effects" if factor.is_heavy else "standard deviations"
        attrs[sd_name(factor.name)] = {"long_name": f"{spread} over {factor.name}{scale}"}
        attrs[nu_name(factor.name)] = {"long_name": f"degrees of freedom of the effects over {factor.name}"}
        attrs[corr_name(factor.name)] = {"long_name": f"correlations of the effects over {factor.name}"}
        attrs[b_name(factor.name)] = {"long_name": f"deviations of each {factor.name} from the fixed effects{scale}"}
    for name, words in FAMILY_PARAMETERS.items():
        attrs[name] = {"long_name": f"{words}{scale if name == 'cutpoints' else ''}"}
    for joined in joined_factors(design):
        words = f"correlations of the effects over {joined.factor}, also of different predictors"
        attrs[across_name(joined.factor)] = {"long_name": words}
    for name, other in design.parameters.items():
        on = f" of {name} on the {design.spec.family_record.link_of(name).name} scale"
        if name in design.thresholds:
            on = f" at the threshold {design.threshold_labels[design.thresholds.index(name)]}{scale}"
        names = names_of_predictor(name, other.spec.parts_with_sds)
        own = {BETA: f"fixed effects{on}, at the predictors' original zero"}
        for factor in other.factors:
            own[sd_name(factor.name)] = f"standard deviations over {factor.name}{on}"
            own[corr_name(factor.name)] = f"correlations of the effects over {factor.name}{on}"
            own[b_name(factor.name)] = f"deviations of each {factor.name} from the fixed effects{on}"
            own[z_name(factor.name)] = f"standard-normal offsets over {factor.name}{on}"
        attrs |= {names[variable]: {"long_name": words} for variable, words in own.items()}
    attrs[RESIDUAL_CORRELATION] = {"long_name": _residual_correlation(design)}
    for factor in design.factors:
        attrs[z_name(factor.name)] = {"long_name": f"standard-normal offsets over {factor.name}"}
    return {name: attrs[name] for name in (*variable_dims(design), *offset_dims(design))}
