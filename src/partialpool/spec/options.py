"""Accept a model in either form: a specification, or a formula with its options."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from partialpool.errors import SpecError
from partialpool.spec.model import ModelSpec

__all__ = ["as_spec"]


def as_spec(
    model: ModelSpec | str | Sequence[str],
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    cov: Mapping[str, object] = MappingProxyType({}),
    units: Mapping[str, str] = MappingProxyType({}),
) -> ModelSpec:
    """Return a specification unchanged, or read a formula with its options."""
    if isinstance(model, list | tuple) and model and all(isinstance(formula, str) for formula in model):
        model = ", ".join(model)
    if isinstance(model, str):
        return ModelSpec.from_formula(
            model, family=family or "gaussian", link=link, priors=priors, se=se, cov=cov, units=units
        )
    if not isinstance(model, ModelSpec):
        raise SpecError(
            "this is not a model",
            got=repr(model),
            allowed="a ModelSpec, a formula, or a list of one for the mean and one for each parameter",
            do="for instance 'y ~ x + (1 | g)'",
        )
    given = {"family": family, "link": link, "priors": priors, "se": se, "cov": cov, "units": units}
    empty = [name for name, value in given.items() if value is None or (isinstance(value, Mapping) and not value)]
    extra = [name for name in given if name not in empty]
    if extra:
        raise SpecError(
            "a ModelSpec already has these options",
            got=", ".join(extra) + " along with a ModelSpec",
            allowed="these keywords only with a formula",
            do="set them on the ModelSpec",
        )
    return model
