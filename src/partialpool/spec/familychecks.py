"""Checks of a model's options against its family: the link, and what columns say of each row's response."""

from collections.abc import Iterable
from typing import Any

from partialpool.errors import SpecError
from partialpool.families.family import Family
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.spec.additions import CENS, TRUNC
from partialpool.spec.censored import checked_cens
from partialpool.spec.residual import Residual
from partialpool.spec.truncated import checked_trunc

__all__ = ["checked_link", "checked_rows"]


def checked_link(family: Family, link: str | None) -> str:
    """Return the link, or the family's default.

    Raises
    ------
    SpecError
        The family does not have this link.
    """
    if link is None:
        return family.default_link
    if link not in family.links:
        raise SpecError(
            f"family {family.name!r} does not have this link",
            got=repr(link),
            allowed=", ".join(repr(name) for name in family.links),
            do="name one of these, or leave link out for the default",
        )
    return link


def checked_rows(
    family: Family,
    link: str,
    *,
    se: str | None,
    precision: str | None,
    frequency: str | None,
    residual: Residual | None,
    sigma: Iterable[str] | str,
    cens: object,
    trunc: object,
) -> dict[str, Any]:
    """Return what is stated of each row's response and its residual, by option.

    Raises
    ------
    SpecError
        Not a name, not a `Residual`, or an option that does not suit the family, or another option.
    """
    checked = {
        "se": _checked_se(family, se),
        "precision": _checked_precision(family, precision, link=link, se=se),
        "frequency": _checked_frequency(frequency, residual),
        "residual": _checked_residual(family, residual, link=link, se=se),
        "sigma": _checked_strata(family, sigma, link=link, se=se),
    }
    stated = {name: value for name, value in checked.items() if value and name != "frequency"}
    beside = [str(value) if name == "residual" else f"{name}={value!r}" for name, value in stated.items()]
    return {**checked, CENS: checked_cens(family, cens, beside), TRUNC: checked_trunc(family, trunc, beside)}


def _checked_se(family: Family, se: str | None) -> str | None:
    """Return the column of known standard errors.

    Raises
    ------
    SpecError
        It is not a name, or the family has no residual scale that they replace.
    """
    _check_name("se", se, "standard errors")
    if se is not None and not family.takes_se:
        raise SpecError(
            "known standard errors need a family with a residual scale",
            got=f"se={se!r} with family {family.name!r}",
            allowed=" or ".join(repr(known.name) for known in FAMILIES.values() if known.takes_se),
            do="remove se or change the family",
        )
    return se


def _checked_precision(family: Family, precision: str | None, *, link: str, se: str | None) -> str | None:
    """Return the column of weights of the residual variance.

    Raises
    ------
    SpecError
        It is not a name, the response is not normal, or its standard errors are known.
    """
    _check_name("precision", precision, "weights")
    if precision is not None and not _is_plain(family, link):
        raise SpecError(
            "weights of the residual variance need a normal response",
            got=f"precision={precision!r} with family {family.name!r}, link {link!r}",
            allowed="'gaussian' with the identity link",
            do="remove precision; trials of a proportion are p(successes, n), equal rows are frequency(n)",
        )
    if precision is not None and se is not None:
        raise SpecError(
            "the residual variance is stated twice",
            got=f"se={se!r} and precision={precision!r}",
            allowed="se, the known standard error of each row, or precision, weights w of a variance sigma^2 / w",
            do="remove one of them",
        )
    return precision


def _checked_frequency(frequency: str | None, residual: Residual | None) -> str | None:
    """Return the column of how many equal rows each row stands for.

    Raises
    ------
    SpecError
        It is not a name, or the rows of a series have times, at which there can be one row.
    """
    _check_name("frequency", frequency, "numbers of equal rows")
    if frequency is not None and isinstance(residual, Residual) and residual.order is not None:
        raise SpecError(
            f"frequencies do not go with {residual.correlation}",
            got=f"frequency={frequency!r} and {residual}",
            allowed=f"one row of each {residual.gr} at each {residual.order}, and a frequency stands for several",
            do="leave out the correlation, or the frequencies: give each of the equal rows a series of its own",
        )
    return frequency


def _checked_residual(family: Family, residual: Residual | None, *, link: str, se: str | None) -> Residual | None:
    """Return the correlation of residuals.

    Raises
    ------
    SpecError
        It is no `Residual`, the response is not normal, or its standard errors are known.
    """
    if residual is None:
        return None
    if not isinstance(residual, Residual):
        raise SpecError(
            "residual must be a Residual object",
            got=repr(residual),
            allowed="pp.Residual('ar', order='time', gr='subject')",
            do="write the correlation in a formula, ar(time, gr=subject), or as such an object",
        )
    _check_plain("correlated residuals", str(residual), family, link=link, se=se)
    return residual


def _checked_strata(family: Family, sigma: Iterable[str] | str, *, link: str, se: str | None) -> tuple[str, ...]:
    """Return the columns whose combinations have residual standard deviations of their own.

    Raises
    ------
    SpecError
        Not names, or one of them twice; the response is not normal, or its standard errors are known.
    """
    columns = (sigma,) if isinstance(sigma, str) or not isinstance(sigma, Iterable) else tuple(sigma)
    for column in columns:
        _check_name("sigma", column, "strata")
    if len(set(columns)) < len(columns):
        raise SpecError(
            "a column of strata is named twice",
            got=f"sigma={columns!r}",
            allowed="each column once",
            do="remove one",
        )
    if columns:
        _check_plain("residual standard deviations by stratum", f"sigma={columns!r}", family, link=link, se=se)
    return columns


def _is_plain(family: Family, link: str) -> bool:
    """Whether the response itself is normal, with a mean that is linear in the effects."""
    return family.is_normal and not family.on_log_scale and LINKS[link].is_identity


def _check_plain(what: str, got: str, family: Family, *, link: str, se: str | None) -> None:
    """Refuse a response that is not normal, or whose standard errors are known."""
    if _is_plain(family, link) and se is None:
        return
    raise SpecError(
        f"{what} need a normal response with a free residual",
        got=f"{got} with family {family.name!r}, link {link!r}" + (f", se={se!r}" if se else ""),
        allowed="family 'gaussian' with the identity link, without se",
        do="leave it out, or change the family",
    )


def _check_name(option: str, column: object, contents: str) -> None:
    if column is not None and (not isinstance(column, str) or not column.strip() or "`" in column):
        raise SpecError(
            f"{option} must be the name of a column",
            got=repr(column),
            allowed="a column's name",
            do=f"name the column of {contents}",
        )
