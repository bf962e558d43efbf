"""Predictors of a family's own parameters: `sigma ~ arm + (1 | g)` beside `y ~ x + (1 | g)`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from partialpool.errors import SpecError, nearest
from partialpool.families.family import Family
from partialpool.names import SIGMA
from partialpool.spec.expression import read_common
from partialpool.spec.formula import Predictors, read_predictors, read_strata
from partialpool.spec.frozen_table import FrozenTable
from partialpool.spec.groupchecks import canonical_groups, check_no_effect_twice
from partialpool.spec.smooth import Smooth, checked_smooths, with_lines
from partialpool.spec.terms import Group
from partialpool.spec.tokenize import outer_split

__all__ = ["ParameterPredictor", "ParameterTable", "read_parameters", "without_strata"]


@dataclass(frozen=True)
class ParameterPredictor:
    """The predictor of one of a family's parameters, on the scale of its link.

    Attributes
    ----------
    common
        Fixed terms.
    groups
        Effects that vary over the levels of factors.
    intercept
        Whether there is an intercept.
    offsets
        Known parts.
    smooths
        Curves; their straight lines are among the fixed terms.
    """

    common: tuple[str, ...]
    groups: tuple[Group, ...]
    intercept: bool
    offsets: tuple[str, ...] = ()
    smooths: tuple[Smooth, ...] = ()

    def __str__(self) -> str:
        """Write the right-hand side of a formula: `arm + (1 | g)`."""
        right = ([] if self.intercept else ["0"]) + [*self.common, *(f"offset({o})" for o in self.offsets)]
        if not right or (self.offsets and not self.common and self.intercept):
            right.insert(0, "1")
        return " + ".join([*right, *map(str, self.smooths), *map(str, self.groups)])

    @property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors, each once, in order."""
        return tuple(dict.fromkeys(group.factor for group in self.groups))

    @property
    def parts_with_sds(self) -> tuple[str, ...]:
        """The grouping factors and the smooths, whose effects have sds."""
        return (*self.factors, *(smooth.name for smooth in self.smooths))


class ParameterTable(FrozenTable[ParameterPredictor]):
    """Predictors by parameter: an immutable, hashable mapping."""

    __slots__ = ()


def without_strata(parameters: Mapping[str, object], *, plain: bool) -> tuple[dict[str, object], tuple[str, ...]]:
    """Split off `sigma ~ 0 + arm` of a normal response: an sd for each category, which needs no predictor.

    Parameters
    ----------
    parameters
        Formulas by parameter.
    plain
        Whether the response is normal with a mean that is linear in the effects.

    Returns
    -------
    dict, tuple of str
        The others; the columns of the strata, empty where there are none.
    """
    stated = parameters.get(SIGMA)
    strata = read_strata(_right(SIGMA, stated)) if plain and isinstance(stated, str) else ()
    return {name: value for name, value in parameters.items() if not (strata and name == SIGMA)}, strata


def read_parameters(parameters: Mapping[str, object], family: Family, *, se: str | None) -> ParameterTable:
    """Read the predictors of a family's parameters.

    Parameters
    ----------
    parameters
        By parameter, a formula such as `"~ arm + (1 | g)"`, or a `ParameterPredictor`.
    se
        The column of known standard errors, which leave no sigma.

    Raises
    ------
    SpecError
        A parameter that the family does not have, or that cannot have a predictor.
    FormulaError
        A formula that cannot be read.

    Examples
    --------
    >>> from partialpool.families.registry import FAMILIES
    >>> str(read_parameters({"sigma": "~ arm + (1 | g)"}, FAMILIES["gaussian"], se=None)["sigma"])
    'arm + (1 | g)'
    """
    if not isinstance(parameters, Mapping):
        raise SpecError(
            "parameters must be given by name",
            got=repr(parameters),
            allowed="{'sigma': '~ arm + (1 | g)'}",
            do="write a dictionary from parameters to formulas",
        )
    known = [name for name, _ in family.parameters if name != "cutpoints" and not (name == SIGMA and se)]
    for name in parameters:
        if name == SIGMA and se and SIGMA in dict(family.parameters):
            raise SpecError(
                "known standard errors replace sigma, which cannot have a predictor",
                got=f"se and {name} ~ ...",
                allowed=f"a predictor of {' or '.join(known)}" if known else "a predictor of the mean alone",
                do="leave out the standard errors, or the predictor of sigma",
            )
        if name not in known:
            raise SpecError(
                f"the family {family.name!r} has no parameter {name!r} that could have a predictor",
                got=f"{name} ~ ...",
                allowed=nearest(name, known) if known else "no parameter beside the mean",
                do="name one of its parameters, or change the family",
            )
    ordered = {name: parameters[name] for name in known if name in parameters}
    return ParameterTable({name: _read(name, value) for name, value in ordered.items()})


def _read(name: str, value: object) -> ParameterPredictor:
    if isinstance(value, ParameterPredictor):
        common, groups, intercept, offsets = value.common, value.groups, value.intercept, value.offsets
        smooths = value.smooths
    else:
        found: Predictors = read_predictors(_right(name, value))
        of_thresholds = [f"cs({text})" for text in found.cs]
        if found.residuals or of_thresholds:
            raise SpecError(
                f"the predictor of {name} has a term that only the mean may have",
                got=f"{name} ~ {' + '.join(map(str, [*found.residuals, *of_thresholds]))}",
                allowed="fixed terms, smooths such as s(x), and grouping terms such as (1 | g)",
                do="leave it out",
            )
        common, groups = found.common.terms, tuple(found.groups)
        intercept, offsets, smooths = found.common.intercept, found.common.offsets, found.smooths
    smooths = checked_smooths(smooths)
    common = read_common(with_lines(list(common), smooths, intercept=intercept), intercept=intercept).terms
    groups = tuple(canonical_groups(groups))
    check_no_effect_twice(groups)
    _check_plain(name, groups)
    return ParameterPredictor(common, groups, intercept, offsets, smooths)


def _right(name: str, value: object) -> str:
    """Return the right-hand side of `~ arm`, `sigma ~ arm` or `arm`."""
    sides = outer_split(value, "~") if isinstance(value, str) else []
    if len(sides) not in (1, 2) or not sides[-1].strip() or (len(sides) == 2 and sides[0].strip() not in ("", name)):
        raise SpecError(
            f"the predictor of {name} must be a formula",
            got=repr(value),
            allowed=f"'~ arm + (1 | g)', or '{name} ~ arm + (1 | g)'",
            do="write the terms to the right of ~",
        )
    return sides[-1].strip()


def _check_plain(name: str, groups: Iterable[Group]) -> None:
    """Refuse group effects of a parameter with a structure that only the mean's may have."""
    for group in groups:
        if (
            group.cov is not None
            or group.members is not None
            or group.covariance
            or group.hom
            or group.by
            or group.is_heavy
        ):
            raise SpecError(
                f"group effects of {name} have a structure that only those of the mean may have",
                got=str(group),
                allowed="(effects | factor) and (effects || factor)",
                do="leave out cov, by, dist, cs, ar1 and mm there",
            )
