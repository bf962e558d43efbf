"""Describe the effects that vary over a factor, in words and as equations."""

from partialpool.design.factor_effects import FactorEffects
from partialpool.names import INTERCEPT

__all__ = ["covariance_line", "predictor_terms", "words_of"]


def words_of(factor: FactorEffects) -> str:
    """Say which effects vary over a factor, and whether they are correlated."""
    parts = []
    for block in factor.blocks:
        names = [factor.names[i] for i in block]
        joined = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
        verb = "varies" if len(names) == 1 else "vary"
        correlated = ", correlated" if len(names) > 1 else ""
        correlated += f", with {factor.structure.in_words}" if len(names) > 1 and factor.structure.is_stated else ""
        correlated += ", with the given covariance between levels" if factor.kinship is not None else ""
        parts.append(f"{joined} {verb} over the {factor.n_levels} levels of {factor.name}{correlated}.")
    independent = " A row has the weighted sum of the effects of its levels." if factor.has_members else ""
    if factor.is_heavy:
        independent += " The effects of a level have a Student t distribution; the sds are its scales."
    elif len(factor.blocks) > 1:
        independent += " The blocks are independent."
    if factor.structure.kind == "diag" and factor.structure.is_stated:
        independent += " They share one sd."
    return " ".join(parts) + independent


def predictor_terms(factor: FactorEffects) -> list[str]:
    """Write the effects of a row's level as terms of a linear predictor."""
    if factor.has_members:
        own = [f"sum_g w[i, g] b_{factor.name}[g{'' if len(factor.names) == 1 else f', {e}'}]" for e in factor.names]
        return [b if e == INTERCEPT else f"{b} {e}[i]" for b, e in zip(own, factor.names, strict=True)]
    if factor.names == (INTERCEPT,):
        return [f"b_{factor.name}[g(i)]"]
    return [
        f"b_{factor.name}[g(i), {e}]" if e == INTERCEPT else f"b_{factor.name}[g(i), {e}] {e}[i]" for e in factor.names
    ]


def covariance_line(factor: FactorEffects) -> str:
    """Write the distribution of the effects of one level."""
    name = factor.name
    if factor.kinship is not None:
        return f"b_{name} ~ MvNormal(0, K_{name} (x) {_sigma_of(factor)}), K_{name} known"
    if factor.is_heavy and len(factor.names) == 1:
        return f"b_{name}[g] ~ StudentT(nu_{name}, 0, sd_{name})"
    if factor.is_heavy:
        return f"b_{name}[g] ~ MvStudentT(nu_{name}, 0, {_sigma_of(factor)})"
    if len(factor.names) == 1:
        return f"b_{name}[g] ~ Normal(0, sd_{name})"
    return f"b_{name}[g] ~ MvNormal(0, {_sigma_of(factor)})"


def _sigma_of(factor: FactorEffects) -> str:
    """Covariance of the effects of one level, as text."""
    name = factor.name
    if len(factor.names) == 1:
        return f"sd_{name}^2"
    return f"diag(sd_{name}) corr_{name} diag(sd_{name})" if factor.correlated else f"diag(sd_{name})^2"
