"""Group effects with a Student t distribution: the prior of nu, draws, and their variance.

A level's effects are b = diag(sd) L u sqrt(nu / c), u ~ N(0, I), c ~ chi^2(nu), one c for all effects of a level: a
multivariate Student t with scale matrix Sigma = diag(sd) L L' diag(sd) (Kotz & Nadarajah 2004). Its covariance is
Sigma nu / (nu - 2), infinite for nu of 2 or less.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.prior import Prior
from partialpool.errors import DataError
from partialpool.families.student_t import tail_inflation
from partialpool.names import nu_name

__all__ = [
    "NU_PRIOR",
    "NU_REASON",
    "check_mean_of_heavy",
    "heaviest_alone",
    "heavy_noise",
    "infinite_in_words",
    "inflation",
    "relative_inflations",
    "share_of",
]

NU_PRIOR: Final = Prior("Gamma", alpha=2, beta=0.1, lower=1)
"""Default prior of the degrees of freedom of group effects, that of brms (Juarez & Steel 2010)."""
NU_REASON: Final = "weak, unit-free; from levels far out (nu of 1 to 5) to nearly normal effects (30 and more)"


def heavy_noise(
    factor: FactorEffects, draws: Mapping[str, np.ndarray], noise: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the noise of levels, (draws, levels, effects), as that of a Student t where a factor's effects have one.

    Parameters
    ----------
    factor
        The factor.
    draws
        `nu_<f>`, (draws,), chains stacked.
    noise
        Standard normal.
    rng
        Of the chi-squares, one for each level and draw.
    """
    if not factor.is_heavy:
        return noise
    nu = np.broadcast_to(draws[nu_name(factor.name)][:, None], noise.shape[:2])
    return np.asarray(noise * np.sqrt(nu / rng.chisquare(nu))[:, :, None])


def inflation(factor: FactorEffects, draws: Mapping[Any, Any]) -> np.ndarray:
    """Return what the covariance of effects is of their squared scales: nu / (nu - 2), infinite for nu <= 2; or 1.

    Parameters
    ----------
    factor
        The factor.
    draws
        `nu_<f>`, of any shape, which the answer has too.
    """
    return tail_inflation(np.asarray(draws[nu_name(factor.name)])) if factor.is_heavy else np.ones(())


def relative_inflations(design: Design, draws: Mapping[Any, Any]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return `inflation` of each grouping factor and what the residual counts, where ratios of variances are wanted.

    Where variances are infinite, ratios are those of the limit: the second moments of the heaviest tails alone count,
    each like its squared scales (see `heaviest_alone`), and other factors and the residual count nothing.

    Parameters
    ----------
    design, draws
        The model, and `nu_<f>`, (chains, draws).

    Returns
    -------
    dict of numpy.ndarray, numpy.ndarray
        By factor, of the shape of `nu_<f>` where there is one, else (); the same for the residual.
    """
    found = {factor.name: inflation(factor, draws) for factor in design.grouping}
    nu = {factor.name: np.asarray(draws[nu_name(factor.name)]) for factor in design.grouping if factor.is_heavy}
    if not nu:
        return found, np.ones(())
    least = np.min(np.stack(list(nu.values())), axis=0)
    infinite = least <= 2
    for name, own in found.items():
        limit = np.where(nu[name] == least, 1.0, 0.0) if name in nu else 0.0
        found[name] = np.where(infinite, limit, own)
    return found, np.where(infinite, 0.0, 1.0)


def share_of(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return part / total; where both are infinite, 1: any finite part is nothing beside it."""
    both = np.isinf(part) & np.isinf(total)
    return np.divide(part, total, out=np.ones(np.broadcast(part, total).shape), where=~both)


def heaviest_alone(
    design: Design, draws: Mapping[Any, Any], variances: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return variances of factors as shares need them: of those that are infinite, that of the heaviest tails alone.

    The second moment below c of effects with nu < 2 degrees of freedom grows as c^(2 - nu): beside the effects with the
    fewest degrees of freedom all others are nothing, infinite variance or not, and count as 0.

    Parameters
    ----------
    design, draws
        The model, and `nu_<f>`, (chains, draws).
    variances
        By factor, (chains, draws, places).
    """
    heavy = [factor.name for factor in design.grouping if factor.is_heavy]
    if len(heavy) < 2:
        return dict(variances)
    nu = {name: np.asarray(draws[nu_name(name)])[..., None] for name in heavy}
    least = np.min(np.stack(list(nu.values())), axis=0)
    return {
        name: np.where(np.isinf(value) & (nu[name] > least), 0.0, value) if name in nu else value
        for name, value in variances.items()
    }


def infinite_in_words(design: Design, draws: Mapping[Any, Any]) -> str:
    """Say in how many draws a factor's variance is infinite; empty where it is in none."""
    heavy = [factor for factor in design.grouping if factor.is_heavy]
    besides = ", or that of a factor with a smaller nu," if len(heavy) > 1 else ""
    found = []
    for factor in heavy:
        nu = np.asarray(draws[nu_name(factor.name)])
        if count := int((nu <= 2).sum()):
            found.append(
                f"; the variance of {factor.name} infinite in {count} of {nu.size} draws (nu of 2 or less), in which "
                f"its share{besides} is 1"
            )
    return "".join(found)


def check_mean_of_heavy(design: Design, factors: Collection[str], draws: Mapping[str, np.ndarray]) -> None:
    """Refuse a mean over Student t effects unless it is the mean without them.

    It is that under the identity link with more than one degree of freedom. Under a log link it does not exist.

    Raises
    ------
    DataError
        Another link; degrees of freedom of 1 or less.
    """
    spec = design.spec
    for factor in (factor for factor in design.factors if factor.is_heavy and factor.name in factors):
        least = float(np.min(draws[nu_name(factor.name)]))
        if not spec.link_record.is_identity or spec.family_record.on_log_scale or least <= 1:
            raise DataError(
                f"the mean over levels of {factor.name} is not available: their effects have a Student t distribution",
                got=f"family {spec.family!r}, link {spec.link!r}, nu_{factor.name} from {least:.2f}",
                allowed="the identity link, and nu above 1 in every draw; kind='conditional' or 'typical'",
                do="pass kind='conditional' with new_levels='sample', and take the median over draws",
            )
