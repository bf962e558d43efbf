"""Checks of groups of which rows belong to several levels."""

from partialpool.errors import SpecError
from partialpool.spec.terms import Group

__all__ = ["check_memberships"]


def check_memberships(groups: tuple[Group, ...], *, correlated_residuals: bool) -> None:
    """Refuse members of one factor with different weights, and members beside residuals of several sds."""
    for group in groups:
        if group.members is None:
            continue
        others = {str(g.members) for g in groups if g.factor == group.factor}
        if len(others) > 1:
            raise SpecError(
                f"two different weights of the members of {group.factor}",
                got=" and ".join(sorted(others)),
                allowed="the same weights in every term of a factor",
                do="write the same mm(...) in each term",
            )
        if correlated_residuals:
            raise SpecError(
                "rows that belong to several levels cannot have residuals of several sds or correlations",
                got=str(group),
                allowed="mm(...) in a model with one residual sd, and residuals that are independent given the effects",
                do="leave out ar, cosy, unstr and sigma ~ ..., or mm(...)",
            )
