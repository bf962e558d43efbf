"""One predictor of a fit: that of the mean, of a parameter of the family or of a category."""

from dataclasses import dataclass, replace

import xarray as xr

from partialpool.design.design import Design
from partialpool.design.units import UNITS
from partialpool.fitting.fit import Fit
from partialpool.names import names_of_predictor

__all__ = ["PARAMETER", "PredictorOfFit", "predictor_of_fit"]

PARAMETER = "parameter"
"""Attribute under which an answer states the parameter or category whose predictor it is about."""


@dataclass(frozen=True, eq=False)
class PredictorOfFit:
    """A predictor of a fit, as if it were the mean's.

    Attributes
    ----------
    name
        The parameter or category; None for the mean.
    design
        Its design.
    posterior
        Its draws, under the names that they would have as the mean's; dimensions keep their names.
    attrs
        The scale, the response and the units, for an answer about it, and its name where it is not the mean's.
    """

    name: str | None
    design: Design
    posterior: xr.Dataset
    attrs: dict[str, str]


def predictor_of_fit(fit: Fit, parameter: str | None) -> PredictorOfFit:
    """Return a predictor of a fit by the name of its parameter or category; that of the mean where none is named.

    Raises
    ------
    DataError
        It has no such predictor; none is named, and categories have predictors.
    """
    design, units = fit.design.predictor_named(parameter), fit.design.axis_units
    attrs = {"scale": fit.spec.link, "response": fit.design.response.name, UNITS: units.as_text()}
    if parameter is None:
        return PredictorOfFit(None, design, fit.posterior, attrs)
    inner = {outer: name for name, outer in names_of_predictor(parameter, design.spec.parts_with_sds).items()}
    own = {inner[str(name)]: values for name, values in fit.posterior.items() if name in inner}
    # Effects on log sigma, or on the logit of a probability, are in no unit of the response.
    own_units = replace(units, linear="").as_text()
    scale = fit.spec.family_record.link_of(parameter).name
    return PredictorOfFit(
        parameter, design, xr.Dataset(own), attrs | {"scale": scale, UNITS: own_units, PARAMETER: parameter}
    )
