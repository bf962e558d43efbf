"""The cells of a study over priors: one model per combination of priors, with a unique label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from partialpool.design.design import Design
from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_set import PriorSet
from partialpool.spec.model import ModelSpec
from partialpool.spec.priortable import as_prior

__all__ = ["Cell", "PriorChoices", "make_cells"]

_FEWEST_DIGITS: Final = 4
_MOST_DIGITS: Final = 17
"""Enough digits to distinguish any two doubles."""

PriorChoices = Mapping[str, Sequence[Prior]] | Sequence[Mapping[str, Prior]]
"""Priors to try by parameter, in all combinations; or the combinations themselves."""


@dataclass(frozen=True)
class Cell:
    """One combination of priors.

    Attributes
    ----------
    label
        Name of the cell, unique within its study.
    spec
        The model with these priors.
    resolved
        Every prior of that model.
    changed
        Each parameter whose prior varies, with its prior, as text.
    """

    label: str
    spec: ModelSpec
    resolved: PriorSet
    changed: tuple[tuple[str, str], ...]


def make_cells(spec: ModelSpec, design: Design, choices: PriorChoices) -> list[Cell]:
    """Build the model of every combination of priors; equal combinations are merged.

    Raises
    ------
    PriorError
        No priors; combinations of different parameters; a parameter that the model does not have.
    """
    combinations = _combinations(choices)
    if not combinations or not combinations[0] or any(set(c) != set(combinations[0]) for c in combinations):
        raise PriorError(
            "a study needs priors to try",
            got=repr(choices),
            allowed="a list of priors for each parameter that varies, or combinations of the same parameters",
            do="write for instance {'sd_Subject': [pp.Prior('HalfNormal', sigma=s) for s in (10, 50)]}",
        )
    chosen = [{name: as_prior(c[name]) for name in combinations[0]} for c in combinations]
    texts = {name: _texts(c[name] for c in chosen) for name in combinations[0]}
    cells = []
    for combination in {tuple(c.items()): c for c in chosen}.values():
        changed = tuple((name, texts[name][prior]) for name, prior in combination.items())
        stated = spec.with_priors(combination)
        resolved = resolve_priors(replace(design, spec=stated))  # names that the model does not have are refused here
        cells.append(Cell("; ".join(f"{name} ~ {text}" for name, text in changed), stated, resolved, changed))
    return cells


def _combinations(choices: PriorChoices) -> list[dict[str, Prior]]:
    if not isinstance(choices, Mapping):
        return [dict(combination) for combination in choices]
    if any(isinstance(priors, Prior) for priors in choices.values()):
        return []
    return [dict(zip(choices, combination, strict=True)) for combination in product(*choices.values()) if combination]


def _texts(priors: Iterable[Prior]) -> dict[Prior, str]:
    """Write the priors of a parameter with as many digits as distinguish them."""
    distinct = list(dict.fromkeys(priors))
    texts: dict[Prior, str] = {}
    for digits in range(_FEWEST_DIGITS, _MOST_DIGITS + 1):
        texts = {prior: _written(prior, digits) for prior in distinct}
        if len(set(texts.values())) == len(distinct):
            break
    return texts


def _written(prior: Prior, digits: int) -> str:
    arguments = ", ".join(f"{name}={value:.{digits}g}" for name, value in prior.stated.items())
    return f"{prior.distribution}({arguments})"
