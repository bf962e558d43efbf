"""NUTS on the collapsed density: for a theta whose posterior the proposal does not cover."""

from collections.abc import Callable

import numpy as np
from nutpie.compiled_pyfunc import from_pyfunc

from partialpool.collapse.marginal import Marginal
from partialpool.collapse.mode import Peak
from partialpool.infer.nutpie_run import kept_statistics, run_nutpie, warn_interrupted, whole_chains
from partialpool.infer.progress import ProgressLine
from partialpool.infer.settings import Settings

__all__ = ["sample_theta"]


def sample_theta(
    marginal: Marginal, peaks: tuple[Peak, ...], settings: Settings, line: ProgressLine
) -> tuple[np.ndarray, dict[str, np.ndarray], bool]:
    """Sample theta, whitened by the largest peak's covariance.

    Chains start around peaks taken at random, two sds wide: where they cannot get from one to another, R-hat says so.

    Returns
    -------
    numpy.ndarray, dict, bool
        theta (chains, draws, elements); the sampler's statistics (chains, draws); whether Ctrl-C cut it short.
    """
    peak = peaks[0]
    factor = np.linalg.cholesky(peak.covariance)

    def theta_of(x: np.ndarray) -> np.ndarray:
        return peak.theta + factor @ x

    def density() -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = marginal.gradient(theta_of(x))
            return value, factor.T @ gradient

        return evaluate

    def expansion(*_: object) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return lambda x: {"theta": theta_of(x)}

    def start(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        near = peaks[rng.integers(len(peaks))]
        theta = near.theta + np.linalg.cholesky(near.covariance) @ rng.uniform(-2, 2, marginal.size)
        return np.linalg.solve(factor, theta - peak.theta)

    compiled = from_pyfunc(
        marginal.size,
        density,
        expansion,
        [np.dtype("float64")],
        [(marginal.size,)],
        ["theta"],
        make_initial_point_fn=start,
    )
    tree, interrupted = run_nutpie(compiled, settings, line)
    stats = tree["sample_stats"].to_dataset()
    chains, draws = whole_chains(stats)
    if interrupted:
        warn_interrupted(len(chains), draws, settings)
    whole = {"chain": chains, "draw": slice(None, draws)}
    theta = tree["posterior"].to_dataset().isel(whole)["theta"].to_numpy()
    return theta, dict(kept_statistics(stats.isel(whole))), interrupted
