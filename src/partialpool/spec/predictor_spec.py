"""The model of one predictor: that of a parameter of the family, or of a category."""

from copy import copy

from partialpool.names import THRESHOLDS, names_of_predictor, renamed
from partialpool.spec.additions import CENS, COLUMNS_OF_ROWS, TRUNC
from partialpool.spec.model import ModelSpec
from partialpool.spec.parameter_predictor import ParameterPredictor, ParameterTable
from partialpool.spec.priortable import PriorTable

__all__ = ["predictor_spec"]


def predictor_spec(spec: ModelSpec, name: str) -> ModelSpec:
    """Return the model whose predictor is that of a parameter, for building its columns; it has no parameters itself.

    Its priors are those stated for the predictor, under the names that they would have as the mean's. A category has
    the terms of the model, and its priors; a threshold has those inside `cs(...)`, without an intercept of its own.

    Examples
    --------
    >>> spec = ModelSpec.from_formula("y ~ x, sigma ~ z + (1 | g)")
    >>> predictor_spec(spec, "sigma").to_formula()
    'y ~ z + (1 | g)'
    """
    changed = copy(spec)
    if spec.family_record.has_predictors_of_categories:
        return changed
    predictor = spec.parameters.get(name) or ParameterPredictor(spec.cs, (), intercept=True)
    whole = () if name in spec.parameters else (names_of_predictor(THRESHOLDS, ()),)
    names = [*whole, names_of_predictor(name, predictor.parts_with_sds)]
    own = {
        inner: prior
        for one in ({outer: inner for inner, outer in inner_names.items()} for inner_names in names)
        for stated, prior in spec.priors.items()
        if (inner := renamed(stated, one))
    }
    values = {key: getattr(predictor, key) for key in ("common", "groups", "intercept", "offsets", "smooths")}
    rows = dict.fromkeys([*COLUMNS_OF_ROWS, CENS, TRUNC])
    empty = {"residual": None, "sigma": (), "cs": (), **rows}
    for key, value in (values | empty | {"parameters": ParameterTable({}), "priors": PriorTable(own)}).items():
        object.__setattr__(changed, key, value)
    return changed
