"""The model of one predictor: that of a parameter of the family, or of a category."""

from copy import copy

from partialpool.names import names_of_predictor, renamed
from partialpool.spec.additions import CENS, COLUMNS_OF_ROWS, TRUNC
from partialpool.spec.model import ModelSpec
from partialpool.spec.parameter_predictor import ParameterTable
from partialpool.spec.priortable import PriorTable

__all__ = ["predictor_spec"]


def predictor_spec(spec: ModelSpec, name: str) -> ModelSpec:
    """Return the model whose predictor is that of a parameter, for building its columns; it has no parameters itself.

    Its priors are those stated for the predictor, under the names that they would have as the mean's. A category has
    the terms of the model, and its priors.

    Examples
    --------
    >>> spec = ModelSpec.from_formula("y ~ x, sigma ~ z + (1 | g)")
    >>> predictor_spec(spec, "sigma").to_formula()
    'y ~ z + (1 | g)'
    """
    changed = copy(spec)
    if spec.family_record.has_predictors_of_categories:
        return changed
    predictor = spec.parameters[name]
    names = {outer: inner for inner, outer in names_of_predictor(name, predictor.factors).items()}
    own = {inner: prior for stated, prior in spec.priors.items() if (inner := renamed(stated, names))}
    values = {key: getattr(predictor, key) for key in ("common", "groups", "intercept", "offsets")}
    empty = {"smooths": (), "residual": None, "sigma": (), **dict.fromkeys([*COLUMNS_OF_ROWS, CENS, TRUNC])}
    for key, value in (values | empty | {"parameters": ParameterTable({}), "priors": PriorTable(own)}).items():
        object.__setattr__(changed, key, value)
    return changed
