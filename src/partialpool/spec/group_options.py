"""Options of a group: distribution, covariance, origin of priors and `by`, each checked by itself."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partialpool.errors import SpecError

__all__ = ["COVARIANCES", "ORIGINS", "check_covariance", "checked_by", "checked_distribution", "checked_origin"]

ORIGINS: Final = ("means", "zero")
"""Origins at which the priors of a correlated group may be stated."""
COVARIANCES: Final = ("diag", "cs", "ar1")
"""Structures of the covariance of a group's effects, under their names in glmmTMB."""
_DISTRIBUTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {"gaussian": "gaussian", "normal": "gaussian", "student_t": "student_t", "student": "student_t"}
)
"""Distributions of a group's effects, and brms's names of them."""


def checked_distribution(dist: object) -> str:
    """Return the distribution under its name here."""
    chosen = _DISTRIBUTIONS.get(dist) if isinstance(dist, str) else None
    if chosen is None:
        raise SpecError(
            "unknown distribution of a group's effects",
            got=repr(dist),
            allowed="'gaussian' or 'student_t'",
            do="write gr(g, dist='student_t') in a formula, or Group('g', dist='student_t')",
        )
    return chosen


def check_covariance(covariance: object, *, correlated: bool, hom: bool | None) -> None:
    """Refuse an unknown structure, and one that does not go with the other options."""
    if covariance not in (None, *COVARIANCES):
        raise SpecError(
            "unknown covariance of a group's effects",
            got=repr(covariance),
            allowed=f"{', '.join(map(repr, COVARIANCES))}, or None for unstructured",
            do="write cs(0 + visit | g), ar1(0 + visit | g) or diag(0 + visit | g) in a formula",
        )
    if not correlated and covariance in ("cs", "ar1"):
        raise SpecError(
            f"effects with the covariance {covariance!r} are correlated",
            got="correlated=False",
            allowed="correlated=False for independent effects",
            do="leave out correlated, or the covariance",
        )
    if hom and covariance is None and correlated:
        raise SpecError(
            "equal sds with unstructured correlations are not available",
            got="hom=True",
            allowed="hom=True with the covariances 'cs', 'ar1' and 'diag'",
            do="write cs(0 + visit | g, hom=True), or leave out hom",
        )


def checked_by(by: object) -> str | None:
    """Return the column of `by`, which must be a name."""
    if by is None or (isinstance(by, str) and by.strip() and "`" not in by):
        return by
    raise SpecError(
        "by of a group must be the name of a column",
        got=repr(by),
        allowed="a column with categories that does not vary within levels",
        do="write gr(patient, by=arm) in a formula, or Group('patient', by='arm')",
    )


def checked_origin(origin: object) -> str:
    """Return the origin at which priors are stated."""
    if origin not in ORIGINS:
        raise SpecError(
            "unknown origin of a group's priors",
            got=repr(origin),
            allowed=" or ".join(map(repr, ORIGINS)),
            do="leave it out for 'means', the predictors' means over the rows",
        )
    return str(origin)
