"""The variables of priors as text, with the numbers that `pp.priors` prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from partialpool.distributions.distribution import Role
from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.model.prior_set import PriorSet
from partialpool.pymc_model.source.code import Code, listed, number
from partialpool.pymc_model.variable import variable

__all__ = ["AS_IT_IS", "PM", "PT", "Stated", "Units", "array_of", "scalar_variable", "stated", "vector_variable"]

PM: Final = Code("pm")
PT: Final = Code("pt")
_FEW: Final = 8
"""Most numbers that are listed one by one where all but the first are equal."""


@dataclass(frozen=True)
class Stated:
    """The prior of one element of a variable.

    Attributes
    ----------
    label
        The element.
    prior
        Its prior, under PyMC's name.
    exact
        Whether its numbers are the user's, and not computed.
    """

    label: str
    prior: Prior
    exact: bool


@dataclass(frozen=True, eq=False)
class Units:
    """The units in which a variable is sampled: one for all of its elements, or one for each.

    Attributes
    ----------
    code
        The units; None where the variable is sampled as it is.
    one_each
        Whether there is one for each element.
    """

    code: Code | None = None
    one_each: bool = False

    def of(self, element: int) -> "Units":
        """Return the unit of one element."""
        return Units(self.code[element]) if self.code is not None and self.one_each else self


AS_IT_IS: Final = Units()
"""For variables that are sampled on the data's own scale."""


def stated(priors: PriorSet, parameters: Sequence[str], labels: Sequence[str]) -> list[Stated]:
    """Look up the priors of a variable's elements, by parameter."""
    entries = {entry.parameter: entry for entry in priors.entries}
    chosen = [(label, entries[parameter]) for label, parameter in zip(labels, parameters, strict=True)]
    return [Stated(label, e.prior.standard, not e.is_default and e.prior.standard == e.prior) for label, e in chosen]


def vector_variable(name: str, elements: Sequence[Stated], *, dims: str, units: Units = AS_IT_IS) -> Code:
    """Write one vector variable, or a stack of scalars where the distributions differ, as `random_vector` creates."""
    kinds = {one.prior.distribution for one in elements}
    if len(kinds) > 1:
        scalars = [scalar_variable(f"{name}[{one.label}]", one, units=units.of(at)) for at, one in enumerate(elements)]
        return PM.Deterministic(name, PT.stack(listed(scalars)), dims=dims)
    entry = DISTRIBUTIONS[kinds.pop()]
    arguments = {}
    for argument, role in entry.roles.items():
        numbers = [number(one.prior.arguments[argument], exact=one.exact) for one in elements]
        short = array_of(numbers) if entry.half_of is None else Code("np").array(listed(numbers))
        arguments[argument] = _in_units(role, short, units.code)
    return variable(PM, name, entry, arguments, dims=dims)


def scalar_variable(name: str, element: Stated, *, units: Units = AS_IT_IS) -> Code:
    """Write one scalar variable, or a fixed number."""
    prior = element.prior
    if prior.support == "fixed":
        return PM.Deterministic(name, PT.constant(Code(repr(prior.arguments["c"]))))
    entry = DISTRIBUTIONS[prior.distribution]
    arguments = {
        argument: _in_units(role, number(prior.arguments[argument], exact=element.exact), units.code)
        for argument, role in entry.roles.items()
    }
    return variable(PM, name, entry, arguments, lower=prior.lower)


def array_of(numbers: Sequence[Code]) -> Code:
    """Write numbers as one where they are equal, else as an array."""
    texts = [one.text for one in numbers]
    if len(set(texts)) == 1:
        return numbers[0]
    if len(set(texts[1:])) == 1 and len(texts) > _FEW:
        return Code("np").array(Code(f"[{texts[0]}] + [{texts[1]}] * {len(texts) - 1}"))
    return Code("np").array(listed(numbers))


def _in_units(role: Role, value: Code, units: Code | None) -> Code:
    """Write an argument of the prior of `parameter / units`, as `Prior.in_units_of` computes it."""
    if units is None or role == "shape" or (role == "location" and value.text == "0.0"):
        return value
    if role == "rate":
        return value * units
    return value - Code("np").log(units) if role == "log_location" else value / units
