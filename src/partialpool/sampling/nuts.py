"""The nuts engine: No-U-Turn sampling of everything, in coordinates that follow theta, with nothing to compile."""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.kernels import awaits_compilation
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.recover import posterior_variables, recover_from_noise
from partialpool.marginal.glmm.density import evaluate
from partialpool.marginal.glmm.eligibility import why_not
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import Posterior, Response, read_response
from partialpool.marginal.glmm.weighted_rows import link_units, stand_in
from partialpool.model.default_priors import PriorSet
from partialpool.model.prior import mean_shift
from partialpool.progress import ProgressLine, progress_line
from partialpool.sampling.bridge import bridge
from partialpool.sampling.engine import RawDraws, check_room_for_effects
from partialpool.sampling.mode import Peak, find_peaks
from partialpool.sampling.settings import Settings
from partialpool.sampling.starts import starts
from partialpool.seeds import seed_sequence
from partialpool.spec.model import ModelSpec
from partialpool.workers import single_lapack

__all__ = ["NutsEngine", "find_mode"]

_HELD_ROUNDS: Final = 2
"""Newton steps before the sds change: the first ones, from the rows' own starting values, are long."""
_MOST_ROUNDS: Final = 30
_CLOSE: Final = 0.05
"""Largest change of a row's linear predictor, in units of its information to the power -1/2, at the mode."""
_MOST_HALVINGS: Final = 20
_ALLOWED_LOSS: Final = 1.0
"""Log likelihood that a step may lose: steps towards the prior lower it."""


class NutsEngine:
    """No-U-Turn sampling of theta, the family's own parameters and whitened effects."""

    name = "nuts"
    merit = "its coordinates follow the variances, and nothing is compiled for the model"

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
            posterior, peak = find_mode(design, priors)
            whitened = posterior.whitened(peak.theta, peak.covariance)
            drawn = _sample(whitened, settings, line)
            line.say("drawing group effects")
            recovered = recover_from_noise(
                posterior.stand_in,
                drawn.theta,
                lambda piece: drawn.noise[piece].copy(),
                workers=settings.threads,
                keep_z=settings.keep_z,
            )
        named = posterior_variables(posterior.stand_in, recovered, drawn.shape, keep_z=settings.keep_z)
        named |= _own_variables(posterior, drawn, named)
        evidence = _evidence(whitened, drawn, settings)
        facts = {"sampler": "nutpie", "seconds": time.perf_counter() - started, "interrupted": drawn.interrupted}
        return RawDraws(named, drawn.stats, facts | evidence)


def _evidence(posterior: Posterior, drawn: "_Drawn", settings: Settings) -> dict[str, float]:
    """Estimate log p(y) and its error, as the record of the run names them; nothing where there are too few draws."""
    evaluate_at = posterior.evaluator()
    found = bridge(
        lambda x: evaluate_at(x)[0],
        drawn.x,
        drawn.stats["lp"],
        posterior.size,
        seed_sequence(settings.seed).spawn(1)[0],
    )
    if found is None:
        return {}
    unit = float(np.log(np.diagonal(posterior.factor)).sum())
    return {"log_evidence": found[0] + unit, "log_evidence_se": found[1]}


def _own_variables(posterior: Posterior, drawn: "_Drawn", named: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the family's own parameters, (chains, draws, ...); cutpoints are sampled at the predictors' means."""
    own = {name: v.reshape(*drawn.shape, *v.shape[1:]) for name, v in posterior.own.named(drawn.own).items()}
    if posterior.own.priors.cutpoints.number:
        own = {name: v + mean_shift(posterior.stand_in.design, named)[..., None] for name, v in own.items()}
    return own


def find_mode(design: Design, priors: PriorSet) -> tuple[Posterior, Peak]:
    """Find the mode of Laplace's approximation of theta's posterior, and the normal model of the rows there.

    Newton steps of the linear predictor alternate with searches in theta; at the end the working response is that of
    the mode. Wherever this ends, the posterior is exact: the normal model only determines the coordinates.

    Raises
    ------
    EngineError
        No linear predictor at which every row has a density was found.
    """
    response, own = read_response(design), own_priors(design, priors)
    units = link_units(design)
    eta, own_at = response.start, own.start

    def working_response() -> tuple[Marginal, np.ndarray]:
        slope, information = response.curvature(eta, own.values(own_at))
        return stand_in(design, priors, units, eta, slope, information), information

    normal, information = working_response()
    posterior, theta = Posterior.of(normal, response, own), starts(normal)[0]
    peak: Peak | None = None
    for round_ in range(_MOST_ROUNDS):
        if round_ > 0:
            normal, information = working_response()
            posterior = posterior.about(normal)
        if round_ >= _HELD_ROUNDS and posterior.size:
            peaks = find_peaks(posterior, np.concatenate([theta, own_at])[None])
            if not peaks:
                raise _no_mode(design)
            peak = peaks[0]
            theta, own_at = peak.theta[: normal.size], peak.theta[normal.size :]
        moved = posterior.linear_predictor(np.concatenate([theta, own_at]))
        if not np.isfinite(moved).all():
            raise _no_mode(design)
        moved = _shortened(response, own.values(own_at), eta, moved)
        change = float(np.max(np.abs(moved - eta) * np.sqrt(information), initial=0.0))
        eta = moved
        if round_ > _HELD_ROUNDS and change < _CLOSE:
            break
    if peak is None:
        peak = Peak(np.concatenate([theta, own_at]), 0.0, np.zeros((0, 0)))
    return posterior, peak


def _shortened(response: Response, own: np.ndarray, eta: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Halve a step until the rows' density is finite and hardly lower than it was."""
    before = response.log_density(eta, own)
    for _ in range(_MOST_HALVINGS):
        after = response.log_density(moved, own)
        if np.isfinite(after) and after > before - _ALLOWED_LOSS - 0.1 * abs(before):
            return moved
        moved = (eta + moved) / 2
    return moved


def _no_mode(design: Design) -> EngineError:
    return EngineError(
        "no starting point was found for this model",
        got=f"a {design.spec.family!r} response whose rows have no density where the search began",
        allowed="a response and priors under which the rows have a density",
        do="check the response and the offset, or sample the PyMC model: engine='pymc'",
    )


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Draws of all coordinates, (chains, draws, size); in one row each theta, and own parameters on the real line."""

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


def _sample(posterior: Posterior, settings: Settings, line: ProgressLine) -> _Drawn:
    """Run nutpie over (theta, own) whitened by the Hessian at the mode, and the noise as it is."""
    from partialpool.sampling.nutpie_run import (  # noqa: PLC0415 - nutpie takes a second to load
        as_model_of_c,
        keep_whole,
        run_nutpie,
    )

    head, size = posterior.size, posterior.size + posterior.noise_size

    def start(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).uniform(-1, 1, size)

    compiled = as_model_of_c(size, posterior.c_function, start)
    tree, interrupted = run_nutpie(compiled, settings.following_theta(), line)
    drawn, stats = keep_whole(tree, settings, interrupted=interrupted)
    x = drawn["x"].to_numpy()
    theta, own = posterior.from_whitened(x.reshape(-1, size)[:, :head])
    return _Drawn(x, theta, own, stats, interrupted)
