"""Run nutpie on any compiled density: start it, wait, handle interruptions, and read the draws."""

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import numba as nb
import numpy as np
import pyarrow
import xarray as xr

from partialpool.imported_later import imported_later
from partialpool.kernel_address import CFunction
from partialpool.kernels import callback
from partialpool.progress import ProgressLine
from partialpool.sampling.interrupted import warn_interrupted
from partialpool.sampling.settings import Settings
from partialpool.seeds import shifted

with imported_later("arviz"):  # for a conversion that is not used here; it would import Matplotlib
    import nutpie
    from nutpie.compile_pymc import CompiledPyMCModel
    from nutpie.compiled_pyfunc import from_pyfunc

__all__ = [
    "ANY_SHAPE",
    "NEAR_NORMAL",
    "NORMAL_UP_TO_CORRELATION",
    "as_model",
    "as_model_of_c",
    "keep_whole",
    "run_nutpie",
    "run_nutpie_on_x",
    "whole_chains",
]

ANY_SHAPE: Final[Mapping[str, Any]] = MappingProxyType({"adaptation": "draw_diag"})
"""How a density of any shape is sampled: the mass matrix is set by variances of draws, not of gradients. On crossed and
nested designs this gave two to five times the effective draws (see CHANGELOG)."""
NORMAL_UP_TO_CORRELATION: Final[Mapping[str, Any]] = MappingProxyType({"adaptation": "diag"})
"""How nearly normal elements are sampled of which some are strongly correlated: the mass matrix is set by variances of
draws over variances of gradients."""
NEAR_NORMAL: Final[Mapping[str, Any]] = MappingProxyType(
    {"adaptation": "diag", "exact_normal_trajectory": True, "max_step_size": 1.2}
)
"""How nearly independent standard normal elements are sampled. The dynamics are split into that of the standard normal,
which is solved exactly, and the difference (Shahbaba, Lan, Johnson & Neal 2014, Statistics and Computing 24:339): steps
are as long as the difference allows, however many elements there are. The mass matrix is set by variances of draws over
variances of gradients: where x is normal their ratio has no sampling error, while errors of the variances of draws
would shorten the steps, the more the more elements there are. A step of pi would map x to -x: steps of 1.2 at most,
three of which make a half-turn, also mix the distance from 0."""

Density = Callable[[np.ndarray], tuple[float, np.ndarray]]
Start = Callable[[int], np.ndarray]

_STATS: Final = {
    "diverging": ("diverging",),
    "energy": ("energy",),
    "lp": ("logp", "lp"),
    "n_steps": ("n_steps",),
    "step_size": ("step_size",),
    "tree_depth": ("depth", "tree_depth"),
}
"""Statistics kept, under ArviZ's names, with the samplers' names for them."""


def run_nutpie(compiled: Any, settings: Settings, line: ProgressLine) -> tuple[xr.DataTree, bool]:
    """Sample a compiled density; return the draws, and whether Ctrl-C cut them short."""
    return _run(compiled, settings, line, ANY_SHAPE)


def run_nutpie_on_x(
    compiled: Any, settings: Settings, line: ProgressLine, how: Mapping[str, Any]
) -> tuple[xr.Dataset, xr.Dataset, bool]:
    """Sample a model of `as_model` or `as_model_of_c`; return `x`, statistics, and whether Ctrl-C cut them short.

    nutpie's conversion of its trace takes longer than a small model takes to sample: here `x` and the statistics that
    are kept are read from it.

    Parameters
    ----------
    compiled, settings, line
        The model, how to sample it, and where to show progress.
    how
        `ANY_SHAPE`, `NORMAL_UP_TO_CORRELATION` or `NEAR_NORMAL`, by the shape of x's density.
    """
    trace, interrupted = _run(compiled, settings, line, {**how, "return_raw_trace": True})
    draws, statistics = trace.get_arrow_trace()
    warm_up = [int(_values(batch, "tuning").sum()) for batch in statistics]
    dims = ("chain", "draw")
    names = [name for sources in _STATS.values() for name in sources if name in statistics[0].column_names]
    stats = {name: (dims, _padded(statistics, name, warm_up)[:, :, 0]) for name in names}
    return xr.Dataset({"x": ((*dims, "element"), _padded(draws, "x", warm_up))}), xr.Dataset(stats), interrupted


def _values(batch: Any, name: str) -> np.ndarray:
    """Read a column of an Arrow batch, all draws and elements in one row."""
    column = pyarrow.array(batch.column(name))
    values = column.flatten() if hasattr(column, "flatten") else column
    return np.asarray(values.to_numpy(zero_copy_only=False))


def _padded(batches: list[Any], name: str, warm_up: list[int]) -> np.ndarray:
    """Stack draws after the warm-up of every chain, (chains, draws, elements); NaN, or 0, where a chain is short."""
    draws = [batch.num_rows - skip for batch, skip in zip(batches, warm_up, strict=True)]
    values = [_values(batch, name) for batch in batches]
    elements = next((v.size // batch.num_rows for v, batch in zip(values, batches, strict=True) if batch.num_rows), 1)
    kind = values[0].dtype
    missing = np.nan if kind.kind == "f" else 0  # `whole_chains` tells by the energy which draws are missing
    out = np.full((len(batches), max(draws), elements), missing, kind)
    for chain, kept in enumerate(draws):
        out[chain, :kept] = values[chain].reshape(-1, elements)[warm_up[chain] :]
    return out


def _run(compiled: Any, settings: Settings, line: ProgressLine, how: Mapping[str, Any]) -> tuple[Any, bool]:
    """Sample a compiled density as nutpie's further options say; return its result, and whether Ctrl-C cut it short."""
    total = settings.chains * (settings.draws + settings.tune)
    line.say("sampling")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user cannot fix third-party deprecations
        running = nutpie.sample(
            compiled,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=settings.workers,
            seed=shifted(settings.seed),
            target_accept=settings.acceptance,
            save_warmup=False,
            progress_bar=False,
            progress_callback=lambda chains: line.count(sum(c.finished_draws for c in chains), total),
            blocking=False,
            **how,
        )
        try:
            return _wait(running), False
        except KeyboardInterrupt:
            return running.abort(), True
        except BaseException:
            running.cancel()  # a sampler left running crashes the interpreter when it exits
            raise


def _wait(running: Any) -> Any:
    """Wait in short steps, so that Ctrl-C is handled at once; `is_finished` cannot be called in nutpie 0.16."""
    while True:
        try:
            return running.wait(timeout=0.2)
        except TimeoutError:
            continue


def keep_whole(
    drawn: xr.Dataset, stats: xr.Dataset, settings: Settings, *, interrupted: bool
) -> tuple[xr.Dataset, dict[str, np.ndarray]]:
    """Keep the chains that are whole as far as they go: their draws, and the sampler's statistics (chains, draws).

    An interrupted run is warned about; if it kept nothing it is a KeyboardInterrupt.
    """
    chains, draws = whole_chains(stats)
    if interrupted:
        warn_interrupted(len(chains), draws, settings)
    whole = {"chain": chains, "draw": slice(None, draws)}
    return drawn.isel(whole), dict(_kept_statistics(stats.isel(whole)))


def as_model(size: int, density: Callable[[], Density], start: Start) -> Any:
    """Make a density in Python ready for `run_nutpie`, which draws `x` (size,).

    Parameters
    ----------
    density
        Makes a function that returns the log density at x and its gradient (size,); called once per thread.
    start
        Returns the initial x of a seed.
    """
    return from_pyfunc(
        size,
        density,
        lambda *_: lambda x: {"x": x},
        [np.dtype("float64")],
        [(size,)],
        ["x"],
        make_initial_point_fn=start,
    )


def as_model_of_c(size: int, density: CFunction, start: Start) -> Any:
    """Make a compiled density ready for `run_nutpie`; chains then run side by side, without Python's lock.

    nutpie builds such a model from PyMC's. Here its parts are given: the density, and a copy of x as what is drawn.

    Parameters
    ----------
    density
        `int64 f(uint64 size, double* x, double* gradient, double* value, void* data)`; 0 where the value is finite.
    start
        Returns the initial x of a seed.
    """
    return CompiledPyMCModel(
        compiled_logp_func=density,
        compiled_expand_func=_copy(),
        initial_point_func=start,
        shared_data={},
        shared_var_keys={},
        user_data=density.data,
        n_expanded=size,
        shape_info=(["x"], [slice(0, size)], [(size,)]),
        logp_func=density.kept,
        expand_func=None,
        dims={},
        _n_dim=size,
        _shapes={"x": (size,)},
        _coords={},
    )


@cache
def _copy() -> Any:
    """The C function `int64 f(uint64 size, uint64 drawn, double* x, double* drawn, void*)` that draws x itself."""
    doubles, anything = nb.types.CPointer(nb.types.float64), nb.types.voidptr
    return callback(nb.types.int64(nb.types.uint64, nb.types.uint64, doubles, doubles, anything), _copy_x)


def _copy_x(size: int, drawn: int, x: Any, out: Any, data: Any) -> int:
    for i in range(size):
        out[i] = x[i]
    return 0


def whole_chains(stats: xr.Dataset) -> tuple[np.ndarray, int]:
    """Find the chains, and the number of draws that each of them has, that together keep the most draws.

    A chain cut short is padded with NaN; one that waited for a core has no draws. Since all chains are cut to
    the same length, keeping the shortest one may lose more draws than it adds.
    """
    energy = stats["energy"].transpose("chain", "draw").to_numpy()
    counts = np.isfinite(energy).sum(axis=1)
    longest = np.sort(counts)[::-1]
    draws = int(longest[np.argmax(longest * np.arange(1, len(longest) + 1))])
    return np.flatnonzero((counts >= draws) & (counts > 0)), draws


def _kept_statistics(stats: xr.Dataset) -> Mapping[str, np.ndarray]:
    """Pick the statistics worth keeping, (chains, draws) each, under ArviZ's names."""
    found = {name: next((s for s in sources if s in stats), None) for name, sources in _STATS.items()}
    arrays = {name: stats[source].transpose("chain", "draw").to_numpy() for name, source in found.items() if source}
    return {name: values.astype(bool) if name == "diverging" else values for name, values in arrays.items()}
