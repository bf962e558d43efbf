"""The nuts engine: No-U-Turn sampling of everything, in coordinates that follow theta, with nothing to compile."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import SamplingWarning
from partialpool.kernels import awaits_compilation
from partialpool.marginal.gaussian.recover import posterior_variables
from partialpool.marginal.glmm.axes import Axes
from partialpool.marginal.glmm.density import evaluate
from partialpool.marginal.glmm.eligibility import why_not
from partialpool.marginal.glmm.posterior import Posterior
from partialpool.marginal.glmm.predictors import lay_out
from partialpool.model.prior import cutpoint_shift
from partialpool.model.prior_set import PriorSet
from partialpool.progress import ProgressLine, progress_line
from partialpool.sampling.bridge import bridge
from partialpool.sampling.engine import RawDraws, check_room_for_effects
from partialpool.sampling.settings import Settings
from partialpool.sampling.skewed_axes import axes_of_draws, skewed_axes
from partialpool.sampling.working_response import find_mode, with_wide_weights
from partialpool.seeds import seed_sequence
from partialpool.spec.model import ModelSpec
from partialpool.workers import single_lapack

__all__ = ["NutsEngine"]


_HEAVIEST: Final = 5.0
"""Largest excess kurtosis of the noise with which draws are kept: of 500 tables of few yes-or-no rows, 1 in 40 had
more, those with an R-hat above 1.04 among them."""
_SURE: Final = 6.0
"""Standard errors of the kurtosis of normal draws beyond which it counts as large: noise may have 100,000 elements."""
_BLOCK: Final = 1_000_000
"""Numbers whose kurtosis is computed at once."""


class NutsEngine:
    """No-U-Turn sampling of theta, the family's own parameters and whitened effects."""

    name = "nuts"

    def merit(self, spec: ModelSpec) -> str:
        """Say how it samples."""
        return "its coordinates follow the variances, and nothing is compiled for the model"

    def why_not(self, spec: ModelSpec) -> str:
        """Return the reason why it does not apply to a model; empty if it does."""
        return why_not(spec)

    def run(self, design: Design, priors: PriorSet, settings: Settings) -> RawDraws:
        """Draw from the posterior.

        Ctrl-C during the kept draws returns those made so far, the same number from every chain that has draws, with a
        `SamplingWarning`; earlier it raises KeyboardInterrupt.
        """
        check_room_for_effects(design, settings)
        started = time.perf_counter()
        with progress_line("preparing", shown=settings.progressbar) as line, single_lapack():
            line.say("compiling, once per machine" if awaits_compilation(evaluate) else "finding the mode")
            predictors = lay_out(design, priors)
            posterior, peak = find_mode(design, priors, predictors)

            def about(center: np.ndarray, spread: np.ndarray, axes: Axes) -> Posterior:
                return with_wide_weights(posterior, predictors, center, spread).along(axes)

            spread = np.sqrt(np.diagonal(peak.covariance))
            first = settings.of_heavy_effects() if posterior.own.nu else settings.following_theta()
            drawn = _sample(about(peak.theta, spread, skewed_axes(posterior, peak)), first, line)
            drawn, sampler = _again_if_needed(drawn, about, settings, line)
            line.say("drawing group effects")
            recovered = drawn.posterior.recover(
                drawn.x.reshape(-1, drawn.x.shape[2]), workers=settings.threads, keep_z=settings.keep_z
            )
        named = posterior_variables(drawn.posterior.stand_in, recovered, drawn.shape, keep_z=settings.keep_z)
        named = predictors.split(named)
        named |= _own_variables(drawn, design, named)
        with single_lapack():
            evidence = _evidence(drawn, settings)
        facts = {"sampler": sampler, "seconds": time.perf_counter() - started, "interrupted": drawn.interrupted}
        return RawDraws(named, drawn.stats, facts | evidence)


def _evidence(drawn: "_Drawn", settings: Settings) -> dict[str, float]:
    """Estimate log p(y) and its error, as the record of the run names them; nothing where there are too few draws."""
    posterior = drawn.posterior
    found = bridge(
        partial(posterior.densities, workers=settings.threads),
        drawn.x,
        drawn.stats["lp"],
        posterior.size,
        seed_sequence(settings.seed).spawn(1)[0],
    )
    if found is None:
        return {}
    unit = float(np.log(np.diagonal(posterior.axes.factor)).sum())
    return {"log_evidence": found[0] + unit, "log_evidence_se": found[1]}


def _own_variables(drawn: "_Drawn", design: Design, named: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the family's own parameters, (chains, draws, ...); cutpoints are sampled at the predictors' means."""
    posterior = drawn.posterior
    own = {name: v.reshape(*drawn.shape, *v.shape[1:]) for name, v in posterior.own.named(drawn.own).items()}
    if posterior.own.priors.cutpoints.number:
        own = {name: v + cutpoint_shift(design, named) for name, v in own.items()}
    return own | {name: v.reshape(drawn.shape) for name, v in posterior.own.named_nu(drawn.own).items()}


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Draws of a posterior's coordinates, (chains, draws, size).

    In one row each are theta, and the own parameters' places on the real line.
    """

    posterior: Posterior
    x: np.ndarray
    theta: np.ndarray
    own: np.ndarray
    stats: dict[str, np.ndarray]
    interrupted: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        return self.x.shape[0], self.x.shape[1]

    @property
    def noise(self) -> np.ndarray:
        """The noise of every draw, (all draws, effects)."""
        return self.x.reshape(-1, self.x.shape[2])[:, self.theta.shape[1] + self.own.shape[1] :]

    @property
    def elements(self) -> np.ndarray:
        """(theta, own) of every draw, (all draws, elements)."""
        return np.concatenate([self.theta, self.own], axis=1)

    @property
    def has_heavy_tails(self) -> bool:
        """Whether the excess kurtosis of some noise is large, or cannot be computed; it is 0 of a normal variable.

        Never of effects with a Student t distribution, of which it may be so in any coordinates.
        """
        if self.posterior.own.nu:
            return False
        noise = self.noise
        block = max(1, _BLOCK // max(1, len(noise)))
        heaviest = _HEAVIEST + _SURE * np.sqrt(24.0 / len(noise))
        return any(
            not (_excess_kurtosis(noise[:, first : first + block]) <= heaviest).all()
            for first in range(0, noise.shape[1], block)
        )


def _excess_kurtosis(x: np.ndarray) -> np.ndarray:
    """Return the excess kurtosis of every column of x (draws, columns)."""
    squares = np.square(x - x.mean(axis=0))
    with np.errstate(all="ignore"):  # of numbers that overflow, or do not vary, it is NaN
        return np.asarray(np.square(squares).mean(axis=0) / squares.mean(axis=0) ** 2 - 3.0)


def _again_if_needed(
    drawn: _Drawn,
    about: Callable[[np.ndarray, np.ndarray, Axes], Posterior],
    settings: Settings,
    line: ProgressLine,
) -> tuple[_Drawn, str]:
    """Sample once more if draws diverged, or if the noise has heavy tails; return the draws, and how they were sampled.

    Both are rare, and occur where the data determine an sd so poorly that its posterior is far from its approximation
    at the mode. The second run is in coordinates about the draws of the first, after a longer warm-up, and in smaller
    steps unless a target acceptance is stated. The first one is kept if the second is interrupted, cannot start or
    diverges more often; the verdict states its divergences.

    Parameters
    ----------
    about
        Returns the posterior in coordinates about a center of (theta, own), given the sds there, along axes.
    """
    diverged = int(drawn.stats["diverging"].sum())
    careful = settings.in_smaller_steps()
    try:
        if drawn.interrupted or not (diverged or drawn.has_heavy_tails):
            return drawn, "nutpie"
        line.say("sampling again in better coordinates")
        elements = drawn.elements
        posterior = about(elements.mean(axis=0), elements.std(axis=0), axes_of_draws(elements))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SamplingWarning)  # which says what an interrupted run keeps
            second = _sample(posterior, careful, line)
    except KeyboardInterrupt:
        return drawn, "nutpie, a second run was interrupted"
    except np.linalg.LinAlgError:
        return drawn, "nutpie, a second run could not start"
    if second.interrupted:
        return drawn, "nutpie, a second run was interrupted"
    if int(second.stats["diverging"].sum()) > diverged:
        return drawn, "nutpie, a second run diverged more often"
    reason = f"{diverged} divergences in the first" if diverged else "heavy tails in the coordinates of the first"
    return second, f"nutpie, second run at target_accept {careful.target_accept}: {reason}"


def _sample(posterior: Posterior, settings: Settings, line: ProgressLine) -> _Drawn:
    """Run nutpie over (theta, own) along its axes, and the noise as it is."""
    from partialpool.sampling.nutpie_run import (  # noqa: PLC0415 - nutpie takes a second to load
        ANY_SHAPE,
        NEAR_NORMAL,
        NORMAL_UP_TO_CORRELATION,
        as_model_of_c,
        keep_whole,
        run_nutpie_on_x,
    )

    head, size = posterior.size, posterior.size + posterior.noise_size

    def start(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).uniform(-1, 1, size)

    compiled = as_model_of_c(size, posterior.c_function, start)
    # The location of cutpoints and that of the effects of few levels are correlated.
    how = NORMAL_UP_TO_CORRELATION if posterior.own.priors.cutpoints.number else NEAR_NORMAL
    how = ANY_SHAPE if posterior.own.nu else how
    everything, statistics, interrupted = run_nutpie_on_x(compiled, settings, line, how)
    drawn, stats = keep_whole(everything, statistics, settings, interrupted=interrupted)
    x = drawn["x"].to_numpy()
    theta, own = posterior.from_axes(x.reshape(-1, size)[:, :head])
    return _Drawn(posterior, x, theta, own, stats, interrupted)
