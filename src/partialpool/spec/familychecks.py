"""Checks of a model's options against its family: the link, and known standard errors."""

from partialpool.errors import SpecError
from partialpool.families.family import Family
from partialpool.families.registry import FAMILIES

__all__ = ["checked_link", "checked_se"]


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


def checked_se(family: Family, se: str | None) -> str | None:
    """Return the column of known standard errors.

    Raises
    ------
    SpecError
        It is not a name, or the family has no residual scale that they replace.
    """
    if se is not None and (not isinstance(se, str) or not se.strip() or "`" in se):
        raise SpecError(
            "se must be the name of a column",
            got=repr(se),
            allowed="a column's name",
            do="name the column of standard errors",
        )
    if se is not None and not family.takes_se:
        raise SpecError(
            "known standard errors need a family with a residual scale",
            got=f"se={se!r} with family {family.name!r}",
            allowed=" or ".join(repr(known.name) for known in FAMILIES.values() if known.takes_se),
            do="remove se or change the family",
        )
    return se
