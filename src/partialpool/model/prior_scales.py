"""Location and scales of default priors: those of the data, and those of the predictors of a family's parameters.

For a parameter with a predictor the scale is that of its link. The intercept, at the predictors' means, has the median
of the parameter's default prior, and half the width of its central 68 % interval as its sd, both on the link's scale:
the prior stays about what it is without predictors. Its other scales are those of a factor, not of the response,

    log        coefficients Normal(0, 1) per sd of a combination of predictors, sds of effects HalfStudentT(3, 0.4)
    logit      2.5 and 1, as for probabilities elsewhere
    identity   the sd of the intercept, and 0.4 times it.

For links of the mean with units (sqrt, inverse) s_y is computed by the delta method, sd(y) |g'(mean y)|.

Other programs give such a predictor the priors of the mean's, which has the response's unit.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.streamed.streamed_design import StreamedDesign
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.families.link import Link, ProbabilityLink

__all__ = ["WIDTH", "Scales", "parameter_scales", "predictor_scales", "predictor_unit", "scales_of"]

WIDTH: Final = 2.5
"""Sds of default priors of coefficients, in units of the linear predictor."""
_CENTRAL: Final = (0.16, 0.5, 0.84)


@dataclass(frozen=True)
class Scales:
    """Location and scales of the default priors."""

    location: float
    location_reason: str
    """Prior mean of the intercept, at the predictors' means."""
    unit: float
    """Unit of the linear predictor."""
    unit_reason: str
    residual: float
    residual_reason: str
    intercept: float
    """Prior sd of the intercept."""
    intercept_reason: str
    coefficient_reason: str
    """Reason for the prior sd of coefficients per sd of their predictors."""

    @classmethod
    def of_data(cls, location: float, location_reason: str, unit: float, *reasons: Any) -> "Scales":
        """Return scales of data: intercept and coefficients have the same prior sd, in units of the predictor."""
        unit_reason, residual, residual_reason = reasons
        reason = f"{WIDTH} {unit_reason}"
        residuals = residual, residual_reason
        return cls(location, location_reason, unit, unit_reason, *residuals, WIDTH * unit, reason, reason)


def predictor_unit(design: Design) -> float:
    """Return the scale of the linear predictor that samplers use: s_y, or 1 on a link scale."""
    return scales_of(design).unit


def parameter_scales(prior: Prior, link: Link) -> Scales:
    """Return location and scales of the predictor of a parameter.

    Parameters
    ----------
    prior
        The parameter's default prior, in the units of the data.
    link
        Of its predictor.

    Examples
    --------
    >>> from partialpool.families.links import LINKS
    >>> scales = parameter_scales(Prior("HalfStudentT", nu=3, sigma=1), LINKS["log"])
    >>> round(scales.location, 2), round(scales.intercept, 2), scales.unit
    (-0.27, 1.07, 0.4)
    """
    low, middle, high = link.forward(frozen(prior).ppf(_CENTRAL))
    spread = float(high - low) / 2
    unit = spread / WIDTH if link.is_identity else 1.0 if isinstance(link, ProbabilityLink) else 1 / WIDTH
    scale = "its own scale" if link.is_identity else f"the {link.name} scale"
    return Scales(
        location=float(middle),
        location_reason=f"median and central 68 % of {prior} on {scale}: {float(middle):.4g}",
        unit=unit,
        unit_reason=f"{unit:.4g} on {scale}",
        residual=1.0,
        residual_reason="",
        intercept=spread,
        intercept_reason=f"{spread:.4g}",
        coefficient_reason=f"{WIDTH * unit:.4g} on {scale}",
    )


def predictor_scales(design: Design, name: str) -> Scales:
    """Return location and scales of the predictor of a parameter of a design."""
    family = design.spec.family_record
    if family.has_predictors_of_categories:
        unit, of_contrasts = float(1 / np.sqrt(2)), f"{WIDTH} / sqrt(2) on the logit scale"
        return Scales(
            0.0, "even odds", unit, "1 / sqrt(2) on the logit scale", 1.0, "", WIDTH * unit, of_contrasts, of_contrasts
        )
    if name in design.thresholds:
        return scales_of(design)
    prior = dict(family.parameters)[name]
    if name in family.in_response_units:
        prior = prior.in_units_of(1 / scales_of(design).residual)
    return parameter_scales(prior, family.link_of(name))


def scales_of(design: Design) -> Scales:
    """Return location and scales of a design's data; intervals are at their middles."""
    if isinstance(design, StreamedDesign):
        return _scales_of_sums(design)
    found = _scales_of(design, design.response.middles)
    if design.response.middles is design.response.values:
        return found
    return replace(found, location_reason=f"{found.location_reason}, intervals at their middles")


def _scales_of_sums(design: StreamedDesign) -> Scales:
    """Return location and scales of data of which the sums are known."""
    what = "log y" if design.spec.family_record.on_log_scale else "y"
    less = " minus the offset" if design.has_offset else ""
    carried = design.spec.intercept or design.common.basis.constant is not None
    y = design.working
    return _on_identity(f"{what}{less}", float(y.mean[0]), float(y.sd[0]), float(y.rms[0]), carried=carried)


def _on_identity(what: str, location: float, spread: float, size: float, *, carried: bool) -> Scales:
    """Return the scales under an identity link, from mean, sd and root mean square of the response."""
    # Without a constant the coefficients must account for the mean as well.
    unit, name = (spread, "sd") if carried else (size, "rms")
    return Scales.of_data(
        location,
        f"mean({what}) = {location:.4g}",
        unit,
        f"s_y, s_y = {name}({what}) = {unit:.4g}",
        spread,
        f"sd({what}) = {spread:.4g}",
    )


def _scales_of(design: Design, y: np.ndarray) -> Scales:
    """Return location and scales of a design's data, given the numbers that stand for the responses, (rows,)."""
    family, link = design.spec.family_record, design.spec.link_record
    rows = family.depends_on_location(y)
    y = np.log(y[rows]) if family.on_log_scale else y[rows]
    what = "log y" if family.on_log_scale else "y"
    shift = np.zeros(len(y)) if design.offset is None else design.offset[rows]
    less = " minus the offset" if shift.any() else ""
    carried = design.spec.intercept or design.common.basis.constant is not None
    if link.is_identity:
        rest = y - shift
        size = float(np.sqrt(np.mean(rest**2)))
        return _on_identity(f"{what}{less}", float(np.mean(rest)), float(np.std(rest)), size, carried=carried)
    if link.coefficients_are_log_ratios:
        location = float(np.log(np.sum(y) / np.sum(np.exp(shift)))) if np.sum(y) > 0 else 0.0
        reason = f"{'log(mean y / mean exp(offset))' if shift.any() else 'log(mean y)'} = {location:.4g}"
        spread = float(np.std(y - np.exp(location + shift)))
        return Scales.of_data(location, reason, 1.0, "on the log scale", spread, f"sd({what}{less}) = {spread:.4g}")
    spread, mean = float(np.std(y)), np.asarray(np.mean(y))
    residual = (spread, f"sd({what}) = {spread:.4g}")
    if link.written_location:
        on_link = link.forward(mean) + link.forward_slope(mean) * (y - mean) - shift
        location, unit = float(np.mean(on_link)), float(np.std(on_link))
        return Scales.of_data(
            location,
            f"{link.written_location}{less} = {location:.4g}",
            unit,
            f"s_y, s_y = {unit:.4g} on the {link.name} scale",
            *residual,
        )
    return Scales.of_data(0.0, "even odds", 1.0, f"on the {link.name} scale", *residual)
