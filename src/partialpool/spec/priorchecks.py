"""Checks of stated priors that need no data: unsuitable distributions, and two priors for one quantity."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from partialpool.distributions.distribution import Support
from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError
from partialpool.families.family import Family
from partialpool.families.links import LINKS
from partialpool.names import BETA, ICC, SIGMA, TOTAL_SD, corr_name, nu_name, sd_name, share_name

__all__ = ["check_stated_priors", "replaced_by", "share_parameters"]

_EXAMPLES: Final[Mapping[Support, str]] = MappingProxyType(
    {
        "correlation": "LKJ(eta=2)",
        "positive": "HalfNormal(sigma=1)",
        "unit": "Beta(alpha=2, beta=5)",
        "simplex": "Dirichlet(a=1)",
        "real": "Normal(mu=0, sigma=1)",
    }
)


def share_parameters(factors: Iterable[str]) -> frozenset[str]:
    """Names of the parameters that give the variance a joint prior, without brackets."""
    return frozenset({ICC, TOTAL_SD, *map(share_name, factors)})


def replaced_by(name: str, new: Iterable[str], factors: tuple[str, ...]) -> bool:
    """Whether new priors replace a stated one: a prior for its whole vector, or the other way to state the variance.

    Examples
    --------
    >>> [replaced_by(name, ["sd_g"], ("g",)) for name in ("sd_g[x]", "icc", "sigma")]
    [True, True, False]
    """
    new = list(new)
    if any(name.startswith(f"{one}[") for one in new):
        return True
    whole, parts = share_parameters(factors), frozenset({SIGMA, *map(sd_name, factors)})
    base, bases = name.partition("[")[0], {one.partition("[")[0] for one in new}
    return bool((base in parts and bases & whole) or (base in whole and bases & parts))


def check_stated_priors(
    priors: Mapping[str, Prior],
    factors: tuple[str, ...],
    family: Family,
    *,
    link: str,
    se: str | None,
    structured: tuple[str, ...] = (),
    heavy: tuple[str, ...] = (),
) -> None:
    """Refuse priors whose distribution does not suit their parameter, and two priors for one quantity.

    Raises
    ------
    PriorError
        The message names the prior.
    """
    shapes = (*family.shapes, *map(nu_name, heavy))
    rhos = {corr_name(factor) for factor in structured}
    _check_one_correlation({name: prior for name, prior in priors.items() if name in rhos})
    _check_supports({name: prior for name, prior in priors.items() if name not in rhos}, factors, family, shapes)
    _check_truncated(priors, family, shapes)
    whole = [name for name in priors if name.partition("[")[0] in share_parameters(factors)]
    if family.is_latent and TOTAL_SD in priors:
        raise PriorError(
            "the total sd of a latent response is not a free parameter: its residual is known, and icc determines it",
            got=f"total_sd with family {family.name}",
            allowed="icc, and shares where there are several group effects",
            do="state a prior for icc",
        )
    if whole:
        _check_whole(whole[0], family, link=link, se=se, has_groups=bool(factors))
        _check_once(whole[0], priors, factors)


def _check_supports(
    priors: Mapping[str, Prior], factors: tuple[str, ...], family: Family, shapes: tuple[str, ...]
) -> None:
    needed: dict[str, Support] = {ICC: "unit", TOTAL_SD: "positive"}
    for shape in shapes:
        needed[shape] = "positive"
    for factor in factors:
        needed |= {corr_name(factor): "correlation", sd_name(factor): "positive", share_name(factor): "simplex"}
    needed |= {name: default.support for name, default in family.parameters}
    for name, prior in priors.items():
        base = name.partition("[")[0]
        support = needed.get(base)
        of_coefficients = base == BETA or base.startswith(f"{BETA}_")
        together = of_coefficients and base == name and prior.support == "coefficients"
        if prior.support == "fixed" and base in shapes:
            continue
        if support == "unit" and base in family.shapes and _is_within_a_share(prior):
            continue
        wrong = (support is not None and prior.support != support) or (
            of_coefficients and prior.support not in ("real", "positive") and not together
        )
        if wrong:
            raise PriorError(
                f"this prior does not fit {name}",
                got=str(prior),
                allowed=f"a {support or 'real'} distribution, for instance {_EXAMPLES[support or 'real']}",
                do="use a half-distribution (HalfNormal instead of Normal): its mass is above 0"
                if support == "positive"
                else "choose such a distribution",
            )


def _is_within_a_share(prior: Prior) -> bool:
    """Whether a prior is uniform within 0 and 1, as a probability is."""
    arguments = prior.arguments
    return prior.distribution == "Uniform" and arguments["lower"] >= 0 and arguments["upper"] <= 1


def _check_one_correlation(priors: Mapping[str, Prior]) -> None:
    """Refuse priors of the correlation of `cs` and `ar1` that are not uniform within -1 and 1."""
    for name, prior in priors.items():
        inside = prior.distribution == "Uniform" and prior.arguments["lower"] >= -1 and prior.arguments["upper"] <= 1
        if not inside:
            raise PriorError(
                f"this prior does not fit {name}, a single correlation",
                got=str(prior),
                allowed="Uniform(lower=..., upper=...) within -1 and 1",
                do="for instance pp.Prior('Uniform', lower=0, upper=1) for correlations that are not negative",
            )


def _check_truncated(priors: Mapping[str, Prior], family: Family, shapes: tuple[str, ...]) -> None:
    """Allow truncation only for shapes: priors of sds must reach 0, where pooling is complete."""
    for name, prior in priors.items():
        if prior.lower is not None and name not in shapes:
            raise PriorError(
                f"the prior of {name} cannot be truncated",
                got=str(prior),
                allowed=f"lower= in a prior of {' or '.join(shapes) or 'nothing'} (family {family.name})",
                do="leave lower out",
            )


def _check_whole(name: str, family: Family, *, link: str, se: str | None, has_groups: bool) -> None:
    """Refuse a joint prior unless every row's residual has the same variance on the scale of the effects."""
    additive = family.is_additive(LINKS[link]) and (family.is_latent or se is None)
    if not additive:
        own = f"{family.name} with link {link}" + (" and known standard errors" if se else "")
        raise PriorError(
            f"{name} is not defined in this model: its residual has no single variance on the scale of the effects",
            got=own,
            allowed="gaussian or lognormal with the identity link and no se; bernoulli, binomial and cumulative",
            do="state priors for the sds: sd_<factor>",
        )
    if not has_groups:
        raise PriorError(
            f"{name} needs groups, and the model has none",
            got=f"a prior of {name}",
            allowed="a model with a grouping term",
            do="add one, such as (1 | school), or remove the prior",
        )


def _check_once(name: str, priors: Mapping[str, Prior], factors: tuple[str, ...]) -> None:
    rivals = {SIGMA, *map(sd_name, factors)}
    twice = [other for other in priors if other.partition("[")[0] in rivals]
    if twice:
        raise PriorError(
            "two priors for the same variance",
            got=f"{name} and {', '.join(twice)}",
            allowed="icc, total_sd and shares; or the sds and sigma",
            do="remove one of them",
        )
