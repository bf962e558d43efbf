"""Grouping terms whose effects have a covariance with a structure: `cs(0 + visit | g)`, `(1 + x | gr(g, by=arm))`."""

import re
from typing import Any, Final

from partialpool.errors import FormulaError
from partialpool.spec.tokenize import outer_split, split_group

__all__ = ["read_grouped", "read_structured"]

_STRUCTURED: Final = re.compile(r"(cs|ar1|diag|us|homcs|homdiag|hetar1)\s*\((.*)\)", re.DOTALL)
_GLMMTMB: Final = {"us": (None, None), "homcs": ("cs", True), "homdiag": ("diag", True), "hetar1": ("ar1", False)}
"""Names of glmmTMB that are read too."""
_GROUPED: Final = re.compile(r"gr\s*\((.*)\)", re.DOTALL)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME: Final = re.compile(r"[^\W\d_]\w*|`[^`:/]+`")


def read_structured(piece: str) -> tuple[str, str, bool, str | None, bool | None] | None:
    """Read `cs(effects | factor, hom=True)`: effects, factor, correlated, covariance, hom; None for another term.

    Examples
    --------
    >>> read_structured("ar1(0 + visit | patient)")
    ('0 + visit', 'patient', True, 'ar1', None)
    >>> read_structured("(1 | g)") is None
    True
    """
    found = _STRUCTURED.fullmatch(piece.strip())
    if found is None:
        return None
    inside, *options = outer_split(found[2], ",")
    grouping = split_group(f"({inside.strip()})")
    if grouping is None:
        return None
    covariance, hom = _GLMMTMB.get(found[1], (found[1], None))
    said = [option.replace(" ", "") for option in options]
    if not grouping[2] or said not in ([], ["hom=True"], ["hom=False"]) or (said and found[1] in _GLMMTMB):
        raise FormulaError(
            f"cannot read {found[1]}(...)",
            got=repr(piece.strip()),
            allowed="cs(effects | factor), ar1(effects | factor), diag(effects | factor); hom=True or False",
            do="write one bar, and hom=True for one sd of all effects",
        )
    return (*grouping[:2], True, covariance, said[0] == "hom=True" if said else hom)


def read_grouped(factor: str) -> tuple[str, str | None, str]:
    """Split `gr(g, by=arm)` into factor, the column of `by`, and the distribution; others are factors as they are.

    Examples
    --------
    >>> read_grouped("gr(patient, by=arm)"), read_grouped("site")
    (('patient', 'arm', 'gaussian'), ('site', None, 'gaussian'))
    >>> read_grouped("gr(site, dist='student_t')")
    ('site', None, 'student_t')
    """
    found = _GROUPED.fullmatch(factor.strip())
    if found is None:
        return factor, None, "gaussian"
    name, *options = (part.strip() for part in outer_split(found[1], ","))
    sides: list[Any] = [[side.strip() for side in outer_split(option, "=")] for option in options]
    said = {side[0]: side[1] for side in sides if len(side) == 2}
    wrong = len(said) < len(sides) or not set(said) <= {"by", "dist"}
    wrong = wrong or not _NAME.fullmatch(said.get("by", "x")) or not _QUOTED.fullmatch(said.get("dist", "'x'"))
    if wrong:
        raise FormulaError(
            "cannot read gr(...)",
            got=repr(factor.strip()),
            allowed="gr(factor, by=column), gr(factor, dist='student_t')",
            do="name one column by by=, put the distribution in quotes, and compute combinations as a column of the "
            "table; known covariances of levels are stated by cov= of pp.fit or pp.Group; other options are not "
            "available",
        )
    by = said["by"].strip("`") if "by" in said else None
    return name, by, said.get("dist", "'gaussian'")[1:-1]
