"""Posteriors of the sd and of the ICC under other priors of the sd, each by a full refit of the model."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.errors import EngineError, PartialPoolError
from partialpool.explorer.certainty import Certainty, certainty
from partialpool.explorer.newcomer import Newcomer, newcomer
from partialpool.fitting.convergence import judge
from partialpool.fitting.fit import Fit
from partialpool.intervals import DEFAULT_PROB
from partialpool.model.covariance import effects_at_means
from partialpool.model.default_priors import default_priors, resolve_priors
from partialpool.model.level_coefficients import LevelCoefficients, level_coefficients
from partialpool.model.partition import partition_over_rows
from partialpool.model.prior import draw_parameters
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import is_decomposed
from partialpool.model.variance_prior_draws import implied_sd
from partialpool.names import sd_name
from partialpool.progress import progress_line
from partialpool.questions.icc import icc
from partialpool.sampling.choose import choose_engine
from partialpool.sampling.pack import label_draws
from partialpool.sampling.settings import Settings

__all__ = ["FAMILIES", "OWN", "PLACES", "PriorChoice", "PriorScales", "Study", "prior_scales", "prior_studies"]

FAMILIES: Final[Mapping[str, Callable[[float], Prior]]] = MappingProxyType(
    {
        "half-normal": lambda scale: Prior("HalfNormal", sigma=scale),
        "half-t(3)": lambda scale: Prior("HalfStudentT", nu=3, sigma=scale),
        "half-Cauchy": lambda scale: Prior("HalfCauchy", beta=scale),
        "exponential": lambda scale: Prior("Exponential", lam=1 / scale),
    }
)
"""Priors to try, by name, as functions of their scale; the scale of the exponential is its mean."""
PLACES: Final = 9
"""Number of scales of a prior that can be chosen."""
_BELOW: Final = 64.0
_ABOVE: Final = 4.0
OWN: Final = "as fitted"
"""Name of the family of the fit's prior where it is none of `FAMILIES`."""
_PRIOR_DRAWS: Final = 16_000
_NONE: Final = np.zeros(0)


@dataclass(frozen=True)
class PriorChoice:
    """Which priors the page offers: each is a fit.

    Attributes
    ----------
    families
        Names in `FAMILIES`; all of them where it is empty.
    places
        Number of scales of each; `PLACES` where it is 0.
    """

    families: tuple[str, ...] = ()
    places: int = 0


@dataclass(frozen=True)
class PriorScales:
    """Scales of a prior that can be chosen.

    Attributes
    ----------
    sizes
        The scales, ascending.
    start
        Position of the scale of the fit's prior, or of the default prior where the fit's prior is none of `FAMILIES`.
    """

    sizes: tuple[float, ...]
    start: int


@dataclass(frozen=True, eq=False)
class Study:
    """The posterior under one prior of the sd.

    Attributes
    ----------
    family, scale
        The prior; scale is NaN for a fit's prior that is none of `FAMILIES`.
    prior
        The prior density of the sd, as a function.
    sd
        Draws of the sd, (draws,), at the predictors' means, where its prior is stated; empty where the fit failed.
    icc, prior_icc
        Draws of the factor's ICC from the posterior and from the prior; empty where the model has none.
    good
        Whether the diagnostics of this fit are good.
    levels
        Intervals of the levels, and probabilities of being the highest; None where the fit failed.
    newcomer
        What is expected of a new level; None where the fit failed, or levels have different values of other predictors.
    """

    family: str
    scale: float
    prior: Callable[[np.ndarray], np.ndarray]
    sd: np.ndarray
    icc: np.ndarray
    prior_icc: np.ndarray
    good: bool
    levels: Certainty | None = None
    newcomer: Newcomer | None = None


def prior_scales(fit: Fit, factor: FactorEffects, effect: str, places: int = 0) -> PriorScales:
    """Return scales from 1/64 of the default prior's to four times it, or a wider range, with the fit's among them.

    The scale of a user's prior may be far from the data. The default's scale, which is of the size of the response,
    ensures that a narrow and a wide prior can still be chosen. There are `places` of them, or `PLACES`.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    >>> [round(float(size), 1) for size in prior_scales(fit, fit.design.factors[0], "Intercept").sizes]
    [1.0, 1.9, 3.9, 7.7, 15.5, 31.0, 62.0, 123.9, 247.9]
    """
    parameter = f"{sd_name(factor.name)}[{effect}]"
    family, scale = _recognised(fit, parameter)
    default = float(default_priors(fit.design)[parameter].arguments["sigma"])
    own = scale if family in FAMILIES else default
    low, high = min(own, default) / _BELOW, max(own, default) * _ABOVE
    steps = (places or PLACES) - 1
    # Steps below and above the scale of the fit are as even on the log scale as integer numbers of steps allow.
    below = min(max(round(steps * np.log(own / low) / np.log(high / low)), 1), steps - 1) if steps else 0
    # Powers of a ratio, not a logarithmic grid: a coarse grid and a fine one have the very same scales in common, so
    # that the same fits are made and the same numbers are shown.
    smaller = [own * (low / own) ** (step / below) for step in range(below, 0, -1)]
    larger = [own * (high / own) ** (step / (steps - below)) for step in range(1, steps - below + 1)]
    return PriorScales((*smaller, own, *larger), below)


def prior_studies(
    fit: Fit,
    factor: FactorEffects,
    effect: str,
    scales: PriorScales,
    *,
    seed: int,
    progressbar: bool,
    families: Sequence[str] = (),
    shown: np.ndarray | None = None,
    prob: float = DEFAULT_PROB,
) -> tuple[Study, ...]:
    """Refit the model under every family of prior at every scale; the fit itself serves for its own prior.

    All other parameters keep their priors. Where the fit has a joint prior of ICC and total sd, the refits are without
    it.

    Parameters
    ----------
    fit
        A fit of a normal response.
    factor, effect
        The effect whose sd has the prior.
    scales
        From `prior_scales`.
    seed
        The same for every fit, so that fits differ only by their priors.
    progressbar
        Whether to show the number of refits done.
    families
        Names in `FAMILIES`; all of them if left out.
    shown, prob
        Positions of the levels whose intervals are wanted, all if left out, and their probability.

    Returns
    -------
    tuple of Study
        That of the fit itself first.
    """
    parameter = f"{sd_name(factor.name)}[{effect}]"
    family, scale = _recognised(fit, parameter)
    wanted = [(name, size) for name in families or FAMILIES for size in scales.sizes]
    wanted = [(name, size) for name, size in wanted if (name, size) != (family, scale)]
    coefficients = level_coefficients(fit.design, factor, {}, at_means=True)
    about = _Asked(coefficients, effect, np.arange(factor.n_levels) if shown is None else shown, prob, seed)
    out = [Study(family, scale, _own_density(fit, parameter), **_answers(fit, about))]
    with progress_line("fitting under other priors", shown=progressbar) as line:
        for done, (name, size) in enumerate(wanted):
            line.count(done, len(wanted))
            prior = FAMILIES[name](size)
            design = replace(fit.design, spec=fit.spec.with_priors({parameter: prior}))
            try:
                answers = _answers(_refitted(design, seed), about)
            except EngineError:
                answers = {"sd": _NONE, "icc": _NONE, "prior_icc": _NONE, "good": False}
            out.append(Study(name, size, frozen(prior).pdf, **answers))
    return tuple(out)


def _refitted(design: Design, seed: int) -> Fit:
    """Refit; its answers are taken at once, because the group effects of all refits would take most of the memory."""
    priors = resolve_priors(design)
    raw = choose_engine(design.spec)[0].run(design, priors, Settings(seed=seed, progressbar=False))
    stats = xr.Dataset({name: (("chain", "draw"), values) for name, values in raw.sample_stats.items()})
    posterior = label_draws(design, dict(raw.posterior))
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    tree.attrs["run"] = json.dumps(dict(raw.facts))
    return Fit(design.spec, design, priors, tree)


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is asked of every fit."""

    coefficients: LevelCoefficients
    effect: str
    shown: np.ndarray
    prob: float
    seed: int


def _answers(fit: Fit, about: _Asked) -> dict[str, Any]:
    """Return the quantities of a fit that the page shows."""
    factor = about.coefficients.factor
    which = factor.names.index(about.effect)
    sd = effects_at_means(fit.posterior, factor)[0][:, :, which].ravel()
    out = {"sd": sd, "icc": _NONE, "prior_icc": _NONE, "good": judge(fit.tree).good}
    out["levels"] = certainty(fit.posterior, about.coefficients, which, about.shown, prob=about.prob)
    out["newcomer"] = newcomer(fit.posterior, about.coefficients, which)
    with contextlib.suppress(PartialPoolError):  # a response without a variance has no ICC
        out["icc"] = icc(fit)["icc"].sel(factor=factor.name).to_numpy().ravel()
        out["prior_icc"] = _prior_icc(fit.design, fit.priors, factor, about.seed)
    return out


def _recognised(fit: Fit, parameter: str) -> tuple[str, float]:
    """Return family and scale of the fit's prior, or `OWN` and NaN."""
    prior = fit.priors.get(parameter)
    for name, family in FAMILIES.items():
        if prior is not None and prior.distribution == family(1.0).distribution:
            stated = prior.arguments
            scale = 1 / stated["lam"] if "lam" in stated else stated["sigma" if "sigma" in stated else "beta"]
            if family(scale) == prior:
                return name, scale
    return OWN, float("nan")


def _own_density(fit: Fit, parameter: str) -> Callable[[np.ndarray], np.ndarray]:
    if is_decomposed(fit.priors):
        return implied_sd(fit.design, fit.priors, parameter).pdf
    density: Callable[[np.ndarray], np.ndarray] = frozen(fit.priors[parameter]).pdf
    return density


def _prior_icc(design: Design, priors: PriorSet, factor: FactorEffects, seed: int) -> np.ndarray:
    """Draw the factor's ICC from the prior, averaged over the rows as in `icc`."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        drawn = draw_parameters(design, priors, _PRIOR_DRAWS, seed=seed)
        partition = partition_over_rows(label_draws(design, {name: v[None] for name, v in drawn.items()}), design)
        share = (partition.factors[factor.name] / partition.total).ravel()
    return share[np.isfinite(share)]
