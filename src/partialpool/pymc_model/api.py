"""The plain PyMC model of a specification, in its own module since only this function needs PyMC at once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from partialpool.design.build import build_design
from partialpool.design.table import Missing
from partialpool.model.default_priors import resolve_priors
from partialpool.pymc_model.build import build_pymc_model
from partialpool.pymc_model.effects import Parametrization
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.options import as_spec

__all__ = ["build_model"]


@explains_keywords
def build_model(
    model: ModelSpec | str,
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    parametrization: Mapping[str, Parametrization] = MappingProxyType({}),
    missing: Missing = "drop",
) -> Any:
    """Build the plain `pm.Model` of a specification, to read, extend and sample with PyMC.

    Parameters
    ----------
    model, data, family, link, priors, se, cov, missing
        As for `fit`.
    parametrization
        `noncentered` (the default) or `centered` by factor.

    Returns
    -------
    pymc.Model
        With labelled dimensions.
    """
    spec = as_spec(model, family=family, link=link, priors=priors, se=se, cov=cov)
    design = build_design(spec, data, missing=missing)
    return build_pymc_model(design, resolve_priors(design), parametrization=parametrization)
