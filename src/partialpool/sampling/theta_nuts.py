"""NUTS on the collapsed density, for a theta whose posterior cannot be covered by a proposal."""

from collections.abc import Callable

import numpy as np

from partialpool.progress import ProgressLine
from partialpool.sampling.mode import Peak
from partialpool.sampling.nutpie_run import ANY_SHAPE, as_model, keep_whole, run_nutpie_on_x
from partialpool.sampling.settings import Settings
from partialpool.sampling.signed_sds import choose_signed
from partialpool.sampling.target import Target
from partialpool.workers import single_lapack

__all__ = ["sample_theta"]


def sample_theta(
    target: Target, peaks: tuple[Peak, ...], settings: Settings, line: ProgressLine
) -> tuple[np.ndarray, dict[str, np.ndarray], bool]:
    """Sample theta with signed sds, whitened by the Hessian at the largest peak.

    Chains start around randomly chosen peaks, two sds wide: if they cannot move between peaks, R-hat shows it.

    Returns
    -------
    numpy.ndarray, dict, bool
        theta (chains, draws, elements); the sampler's statistics (chains, draws); whether Ctrl-C interrupted the run.
    """
    signed = choose_signed(target, peaks[0])
    with single_lapack():  # for small matrices more threads only wait
        center, factor = signed.from_theta(peaks[0].theta), np.linalg.cholesky(signed.covariance(peaks[0]))

    def density() -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = signed.gradient(center + factor @ x)
            return value, factor.T @ gradient

        return evaluate

    def start(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        near = peaks[rng.integers(len(peaks))]
        theta = near.theta + np.linalg.cholesky(near.covariance) @ rng.uniform(-2, 2, target.size)
        return np.linalg.solve(factor, signed.from_theta(theta) - center)

    compiled = as_model(target.size, density, start)
    with single_lapack():  # chains already share the cores
        everything, statistics, interrupted = run_nutpie_on_x(compiled, settings.without_funnel(), line, ANY_SHAPE)
    drawn, stats = keep_whole(everything, statistics, settings, interrupted=interrupted)
    x = drawn["x"].to_numpy()
    theta = np.array([signed.to_theta(center + factor @ row) for row in x.reshape(-1, target.size)])
    return theta.reshape(x.shape), stats, interrupted
