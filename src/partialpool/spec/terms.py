"""Group: which effects vary over the levels of a factor, and whether they correlate."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from partialpool.errors import SpecError
from partialpool.names import INTERCEPT, OBS, RESERVED
from partialpool.spec.group_options import (
    check_covariance,
    checked_by,
    checked_distribution,
    checked_origin,
)
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.members import Members, is_membership, member_columns
from partialpool.spec.relationship import Relationship, as_relationship
from partialpool.spec.whitelist import quote_name

__all__ = [
    "Group",
    "blank_where_zero",
    "expand_nesting",
    "factor_columns",
    "members_of",
]

_LEVEL_PER_ROW: Final = (
    "for an effect of each row add a column that numbers the rows, table['row'] = range(len(table)), and write "
    "(1 | row); another column needs another name"
)
"""What to do about `(1 | obs)`, as models of overdispersed counts are often written."""


@dataclass(frozen=True, init=False, repr=False)
class Group:
    """Random (group-level) effects: effects that vary over the levels of one factor.

    Parameters
    ----------
    factor
        A column (`"Subject"`), an interaction (`"batch:cask"`) or nesting (`"batch/cask"`, which a
        `ModelSpec` reads as two groups: `batch` and `batch:cask`); `Members` for rows that belong to several levels.
    slopes
        Expressions whose coefficients vary, as in a formula: `"Days"`, `"I(Days**2)"`, a categorical column.
    intercept
        Whether the intercept varies.
    correlated
        Whether the effects share one correlation matrix (`|`) or are independent (`||`).
        A group of one intercept has nothing to correlate and is always stored as correlated.
    cov
        A known covariance among the levels (pedigree, phylogeny, kinship): a labelled table, or a CSV file's path.
        Effects of levels j and k then have covariance cov[j, k] Sigma. Without `cov`, levels are independent.
    origin
        Origin at which the priors of the sds and correlations of a correlated group are stated: the predictors'
        `means`, or their `zero`. The model is the same; only the priors depend on it.
    covariance
        Structure of the covariance of one level's effects: `"diag"`, independent effects, as `correlated=False`;
        `"cs"`, one correlation for all pairs (compound symmetry); `"ar1"`, rho to the power of the distance of two
        categories in their order. Left out: unstructured.
    hom
        Whether the effects share one sd. Left out: True for `ar1`, False for others, as in glmmTMB.
    by
        A column with categories that does not vary within levels: each category has sds and correlations of its own.
    dist
        Distribution of a level's effects: `"gaussian"`, or `"student_t"` (brms's `"student"`), under which levels far
        from the others are pulled in less. The sds are then scales, and `nu_<factor>` are the degrees of freedom.
    tag
        A name that groups of several predictors share, written `(1 |p| g)`: their effects are correlated with each
        other, those of the mean with those of sigma, for instance (brms's ID).

    Raises
    ------
    SpecError
        No effect at all; a factor name that collides with a variable of the posterior; a `cov` without labels, not
        symmetric, or for a nested factor; an unknown covariance.

    Examples
    --------
    >>> Group("Subject", slopes=["Days"])
    Group(factor='Subject', slopes=('Days',), intercept=True, correlated=True)
    >>> str(Group("Subject", slopes=["Days"], correlated=False))
    '(Days || Subject)'
    >>> str(Group("patient", slopes=["visit"], intercept=False, covariance="ar1", by="arm"))
    'ar1(0 + visit | gr(patient, by=arm))'
    """

    factor: str
    slopes: tuple[str, ...]
    intercept: bool
    correlated: bool
    cov: Relationship | None
    origin: str
    covariance: str | None
    hom: bool
    by: str | None
    members: Members | None
    dist: str
    tag: str | None

    @explains_keywords
    def __init__(
        self,
        factor: str | Members,
        *,
        slopes: Iterable[str] | str = (),
        intercept: bool = True,
        correlated: bool = True,
        cov: object = None,
        origin: str = "means",
        covariance: str | None = None,
        hom: bool | None = None,
        by: str | None = None,
        members: Members | None = None,
        dist: str = "gaussian",
        tag: str | None = None,
    ) -> None:
        if isinstance(factor, Members):
            members, factor = factor, factor.factor
        _check_members(members)
        slopes = (slopes,) if isinstance(slopes, str) else _texts(slopes)
        factor = _canonical_factor(factor) if members is None else members.factor
        if not slopes and not intercept:
            raise SpecError(
                f"the group of {factor!r} has no effect",
                got="intercept=False and no slopes",
                allowed="an intercept, one slope or more, or both",
                do=f"write Group({factor!r}) for varying intercepts",
            )
        flags = [("intercept", intercept), ("correlated", correlated)] + ([] if hom is None else [("hom", hom)])
        for name, value in flags:
            if not isinstance(value, bool):
                raise SpecError(
                    f"{name} of a Group must be True or False",
                    got=repr(value),
                    allowed="True or False",
                    do="correct it",
                )
        object.__setattr__(self, "factor", factor)
        object.__setattr__(self, "slopes", slopes)
        object.__setattr__(self, "intercept", intercept)
        check_covariance(covariance, correlated=correlated, hom=hom)
        independent = covariance == "diag" or not correlated
        object.__setattr__(self, "correlated", not independent or (not slopes and not hom))
        object.__setattr__(self, "covariance", None if covariance == "diag" else covariance)
        object.__setattr__(self, "hom", covariance == "ar1" if hom is None else hom)
        object.__setattr__(self, "by", checked_by(by))
        object.__setattr__(self, "cov", None if cov is None else as_relationship(cov))
        object.__setattr__(self, "origin", checked_origin(origin))
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "dist", checked_distribution(dist))
        object.__setattr__(self, "tag", tag)
        _check_heavy(self)
        _check_tag(self)
        if members is not None and (self.covariance or self.hom or self.by):
            raise SpecError(
                "covariances with a structure are not available for rows that belong to several levels",
                got=f"covariance, hom or by of {members}",
                allowed="unstructured covariances, and independent effects with an sd each",
                do="leave out covariance, hom and by",
            )
        if cov is not None and members is not None:
            raise SpecError(
                "a covariance among levels is not available for rows that belong to several levels",
                got=f"cov of {members}",
                allowed="cov of a column or of a combination a:b",
                do="leave out cov",
            )
        if self.cov is not None and "/" in factor:
            raise SpecError(
                "a covariance among levels can only be given for one factor",
                got=f"cov of {factor!r}, which is read as {len(factor.split('/'))} groups",
                allowed="cov of a column or of a combination a:b",
                do="write the groups separately",
            )

    def __repr__(self) -> str:
        known = "" if self.cov is None else f", cov={self.cov!r}"
        known += "" if self.origin == "means" else f", origin={self.origin!r}"
        known += "" if self.covariance is None else f", covariance={self.covariance!r}"
        known += f", hom={self.hom}" if self.hom != (self.covariance == "ar1") else ""
        known += "" if self.by is None else f", by={self.by!r}"
        known += "" if self.members is None else f", members={self.members!r}"
        known += f", dist={self.dist!r}" if self.is_heavy else ""
        known += "" if self.tag is None else f", tag={self.tag!r}"
        return (
            f"Group(factor={self.factor!r}, slopes={self.slopes!r}, intercept={self.intercept}, "
            f"correlated={self.correlated}{known})"
        )

    @property
    def is_heavy(self) -> bool:
        """Whether a level's effects have a Student t distribution."""
        return self.dist != "gaussian"

    @property
    def terms(self) -> tuple[str, ...]:
        """The effects' terms, `Intercept` first."""
        return ((INTERCEPT,) if self.intercept else ()) + self.slopes

    @property
    def evaluated_terms(self) -> tuple[str, ...]:
        """The terms that are evaluated beside an intercept: with `by`, each is split by its categories."""
        if self.by is None:
            return self.slopes
        by = quote_name(self.by)
        return ((by,) if self.intercept else ()) + tuple(f"{by}:{slope}" for slope in self.slopes)

    @property
    def evaluates_intercept(self) -> bool:
        """Whether an intercept is evaluated: with `by`, its place is taken by an indicator of each category."""
        return self.intercept and self.by is None

    def __str__(self) -> str:
        """Write as in a formula: `(Days | Subject)`, `(0 + Days || Subject)`."""
        head = " + ".join(self.slopes) if self.slopes else "1"
        independent = not self.correlated
        function = self.covariance or ("diag" if independent and self.hom else "")
        bar = "||" if independent and not function else "|" if self.tag is None else f"|{self.tag}|"
        factor = str(self.members or _quoted(self.factor))
        options = ([f"by={quote_name(self.by)}"] if self.by else []) + (
            [f"dist={self.dist!r}"] if self.is_heavy else []
        )
        factor = f"gr({', '.join([factor, *options])})" if options else factor
        hom = f", hom={self.hom}" if self.hom != (self.covariance == "ar1") else ""
        return f"{function}({'' if self.intercept else '0 + '}{head} {bar} {factor}{hom})"


def _check_heavy(group: Group) -> None:
    """Refuse Student t effects with a structure: one set of degrees of freedom, and independent levels."""
    if not group.is_heavy:
        return
    structured = group.covariance or group.hom or group.by or group.tag
    if structured or group.members or group.cov is not None:
        raise SpecError(
            "effects with a Student t distribution have independent levels and no structure",
            got=str(group) + (" with cov" if group.cov is not None else ""),
            allowed="(effects | gr(factor, dist='student_t')) and (effects || gr(factor, dist='student_t'))",
            do="leave out cov, by, cs, ar1, mm and the tag; or leave out dist",
        )


def _check_tag(group: Group) -> None:
    if group.tag is None:
        return
    if not isinstance(group.tag, str) or not group.tag.isidentifier():
        raise SpecError(
            "the tag of a group must be a name",
            got=repr(group.tag),
            allowed="tag='p', as in (1 |p| g)",
            do="write a letter or a word",
        )
    if not group.correlated or group.covariance or group.hom or group.by or group.members or group.cov is not None:
        raise SpecError(
            "effects that are correlated with those of another predictor have unstructured correlations",
            got=str(group),
            allowed="(effects |p| factor)",
            do="leave out cov, by, cs, ar1 and mm, and write one bar; or leave out the tag",
        )


def _check_members(members: object) -> None:
    if members is not None and not isinstance(members, Members):
        raise SpecError(
            "members of a Group must be a Members object",
            got=repr(members),
            allowed="pp.Group(pp.Members('school1', 'school2'))",
            do="write pp.Members(...) in place of the factor, or mm(school1, school2) in a formula",
        )


def factor_columns(factor: str) -> tuple[str, ...]:
    """Columns whose combinations are the levels of a factor.

    Examples
    --------
    >>> factor_columns("batch:cask")
    ('batch', 'cask')
    """
    if is_membership(factor):
        return member_columns(factor)
    return tuple(factor.split(":"))


def members_of(groups: Iterable[Group], factor: str) -> Members | None:
    """Return the members of a factor of which rows have several levels; None for one level per row."""
    return next((group.members for group in groups if group.factor == factor), None)


def blank_where_zero(groups: Iterable[Group]) -> dict[str, str]:
    """Return the columns of members that may be missing in some rows, by name: the column whose weight is then 0."""
    return {name: w for group in groups if group.members for name, w in group.members.weight_of.items()}


def expand_nesting(factor: str) -> tuple[str, ...]:
    """Expand `a/b/c` to `a`, `a:b`, `a:b:c`.

    Examples
    --------
    >>> expand_nesting("batch/cask")
    ('batch', 'batch:cask')
    """
    if is_membership(factor):
        return (factor,)
    parts = factor.split("/")
    return tuple(":".join(parts[: i + 1]) for i in range(len(parts)))


def _texts(slopes: Iterable[str]) -> tuple[str, ...]:
    listed = tuple(slopes) if isinstance(slopes, Iterable) else (slopes,)
    for slope in listed:
        if not isinstance(slope, str):
            raise SpecError(
                "slopes must be terms, as text", got=repr(slope), allowed="slopes=['x']", do="write each as text"
            )
    return listed


def _bare(part: str) -> str:
    part = part.strip()
    return part[1:-1].strip() if len(part) > 2 and part[0] == part[-1] == "`" else part


def _canonical_factor(factor: str) -> str:
    nests = (
        [[_bare(part) for part in nest.split(":")] for nest in factor.split("/")] if isinstance(factor, str) else [[""]]
    )
    if not all(name and "`" not in name for nest in nests for name in nest):
        raise SpecError(
            "cannot read the grouping factor",
            got=repr(factor),
            allowed="a column name, 'a:b' (each combination a level) or 'a/b' (b nested in a)",
            do="name the columns on both sides of ':' or '/'",
        )
    canonical = "/".join(":".join(nest) for nest in nests)
    if is_membership(canonical):
        raise SpecError(
            "columns of members are not the name of a factor",
            got=repr(canonical),
            allowed="pp.Group(pp.Members('school1', 'school2')), or mm(school1, school2) in a formula",
            do="write pp.Members(...), or rename the column",
        )
    if "[" in canonical or "]" in canonical:  # sd_x[u] is the sd of effect u over x
        raise SpecError(
            "the name of a grouping factor must not have square brackets",
            got=repr(canonical),
            allowed="names without [ and ]: parameters are called sd_factor[effect]",
            do="rename the column",
        )
    if RESERVED.intersection([canonical, ":".join(nests[0])]):
        raise SpecError(
            "a grouping factor may not be named like a variable of the posterior or of a result",
            got=repr(canonical),
            allowed=f"any name but {', '.join(sorted(RESERVED))}",
            do=_LEVEL_PER_ROW if canonical == OBS else "rename the column",
        )
    return canonical


def _quoted(factor: str) -> str:
    return "/".join(":".join(quote_name(p) for p in nest.split(":")) for nest in factor.split("/"))
