"""Where the coordinates that follow theta apply."""

from partialpool.marginal.gaussian.eligibility import why_not_rotated
from partialpool.spec.model import ModelSpec

__all__ = ["why_not"]


def why_not(spec: ModelSpec) -> str:
    """Return why a model cannot be sampled in coordinates that follow theta; empty if it can.

    Examples
    --------
    >>> why_not(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    ''
    """
    if not spec.family_record.row_kernels:
        return f"the {spec.family!r} family has no compiled rows"
    if spec.precision or spec.residual or spec.sigma:
        return "its rows have one sd, and residuals that are independent given the effects"
    if spec.states_shares and not spec.family_record.is_latent:
        return f"a joint prior of the variances and of the sigma of {spec.family!r} is not among its coordinates"
    return why_not_rotated(spec)
