"""Forecast of an engine's run time from counts: never measured, so that a choice is the same on every machine.

Forecasts are processor seconds of a machine of 2025, accurate within a factor of two: evaluations times the cost of
one. Only their ratio is used. Constants were fitted to the designs of `benchmarks/engine_choice.py`; those of the nuts
engine to the models of `benchmarks/generalised_cases.py` and seven others, of which it predicts the cost of an
evaluation within a factor of 1.5.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.block_factors import (
    block_factors,
    distinct_levels,
    distinct_products,
    has_nested_blocks,
    why_not_in_blocks,
)
from partialpool.marginal.gaussian.ordering import TAIL_COPIES
from partialpool.marginal.gaussian.workload import Workload, expect_workload
from partialpool.memory import fits
from partialpool.sampling.proposal import round_size
from partialpool.sampling.settings import Settings

__all__ = ["Forecast", "forecast_collapsed", "forecast_gibbs", "forecast_nuts", "forecast_pymc"]

_ROUNDS: Final = 3
_CLIMB: Final = 100
_WITH_EFFECTS: Final = 1.1
"""Of a usual fit: rounds of adaptation, gradients in the search for modes, cost of a draw with its effects."""
_COVERED: Final = 16
"""Most elements of theta that a proposal usually covers; with more, NUTS is run on the collapsed density."""
_STEPS: Final = 12
_GRADIENT: Final = 2.0
_CALL: Final = 5e-5
"""Of NUTS on the collapsed density: steps per draw, cost of a gradient in densities, seconds of a call from Python."""
_WHITENED_STEPS: Final = 7
_WHITENED_CALL: Final = 9e-6
_PER_ROW: Final = 1e-8
_PER_VALUE: Final = 5e-10
_PER_MULTIPLICATION: Final = 3.8e-10
"""Of NUTS in coordinates that follow theta: steps per draw; seconds per step, per row, per number of X and Z, and per
multiplication of the elimination."""
_COMPILE: Final = 4.0
_COMPILE_EFFECT: Final = 0.8
_NUTS_STEPS: Final = 25
_STEP: Final = 1e-5
_PER_CELL: Final = 1e-9
_PER_EFFECT: Final = 6e-8
"""Of NUTS on every effect: seconds of compilation, and for each varying effect; steps per draw; seconds per step, per
number of X and Z, per group effect."""


_PER_BLOCK: Final = 1.5e-4
_PER_PAIR: Final = 2.5e-9
_PER_LEVEL: Final = 3e-8
_PER_PRODUCT: Final = 3e-10
_PER_INVERSE: Final = 3e-9
_EVALUATIONS: Final = 7
_SLOW: Final = 1.5
"""Of Gibbs sampling in blocks: seconds per block and sweep, per pair of levels that is added up, per level, per
product, per number of a matrix that is inverted; evaluations for each element of theta; allowance for draws that are
not independent."""


@dataclass(frozen=True)
class Forecast:
    """Predicted processor seconds, and what makes them many."""

    seconds: float
    because: str


def forecast_collapsed(design: Design, settings: Settings) -> Forecast:
    """Predict a run of the collapsed engine; infinite where its dense matrix does not fit into memory."""
    load, kept = expect_workload(design), settings.chains * settings.draws
    dense = _dense(design, load)
    because = f"theta has {load.size} elements, and {dense}"
    if not fits(TAIL_COPIES * 8.0 * load.tail**2):
        return Forecast(float("inf"), f"{dense}: it does not fit")
    climbs = _CLIMB * min(2 * load.size + 1, _GRADIENT)
    if load.size <= _COVERED:
        evaluations = climbs + _ROUNDS * round_size(load.size, load.multiplications) + _WITH_EFFECTS * kept
        return Forecast(evaluations * load.seconds, because)
    steps = _STEPS * (kept + settings.chains * settings.without_funnel().tune)
    return Forecast((climbs + steps * _GRADIENT) * load.seconds + steps * _CALL, because)


def forecast_gibbs(design: Design, settings: Settings) -> Forecast | None:
    """Predict a run of the gibbs engine; None where it does not apply, or levels of its blocks are nested."""
    if why_not_in_blocks(design.spec) or len(blocks := block_factors(design)) < 2 or has_nested_blocks(design):
        return None
    factors = design.factors
    effects = [len(factor.names) for factor in factors]
    small = sum(f.n_levels for at, f in enumerate(factors) if at not in blocks)
    width, shared = len(design.common.coefs) + small + 1, len(factors) - len(blocks) + 1
    pairs = sum(
        effects[f] * effects[g] * _pairs(design.n_rows, factors[f].n_levels, factors[g].n_levels)
        for f in blocks
        for g in blocks
        if f < g
    )
    sweep = 2 * _PER_PAIR * pairs + _PER_BLOCK * len(blocks)
    for f in blocks:
        elements = shared + effects[f] + len(factors[f].parameter_pairs)
        sweep += factors[f].n_levels * (_PER_LEVEL * effects[f] + _PER_PRODUCT * width * effects[f] ** 2)
        evaluation = _PER_PRODUCT * distinct_products(design, f) * width**2 / 2
        evaluation += _PER_INVERSE * distinct_levels(design, f) * effects[f] ** 2
        sweep += _EVALUATIONS * elements * evaluation
    sweeps = settings.chains * (settings.draws + settings.warmed_up_briefly().tune)
    because = f"{len(blocks)} crossed factors are updated in turn, from {pairs:.3g} pairs of levels"
    return Forecast(_SLOW * sweeps * sweep, because)


def _pairs(rows: int, first: int, second: int) -> float:
    """Expect the number of pairs of levels that occur, where rows are spread at random."""
    return float(-first * second * np.expm1(-rows / (first * second)))


def forecast_nuts(design: Design, settings: Settings) -> Forecast:
    """Predict a run of the nuts engine: an elimination and its reverse, and two passes over the rows, at every step."""
    load = expect_workload(design)
    because = _dense(design, load)
    if not fits(TAIL_COPIES * 8.0 * load.tail**2):
        return Forecast(float("inf"), f"{because}: it does not fit")
    columns = len(design.common.coefs) + sum(len(f.names) for f in design.factors)
    of_rows = (_PER_ROW + _PER_VALUE * columns) * design.n_rows
    step = _WHITENED_CALL + _PER_MULTIPLICATION * load.multiplications + of_rows
    steps = _WHITENED_STEPS * settings.chains * (settings.draws + settings.following_theta().tune)
    return Forecast(steps * step, because)


def _dense(design: Design, load: Workload) -> str:
    """Say what makes the dense matrix, and of which size it is."""
    what = "rows that belong to several levels" if any(f.has_members for f in design.factors) else "crossed factors"
    return f"{what} make a dense matrix of {load.tail} columns"


def forecast_pymc(design: Design, settings: Settings) -> Forecast:
    """Predict a run of the pymc engine."""
    varying = sum(len(f.names) for f in design.factors)
    columns = len(design.common.coefs) + varying
    effects = sum(f.n_levels * len(f.names) for f in design.factors)
    step = _STEP + _PER_CELL * columns * design.n_rows + _PER_EFFECT * effects
    steps = _NUTS_STEPS * settings.chains * (settings.draws + settings.tune)
    seconds = _COMPILE + _COMPILE_EFFECT * varying + steps * step
    return Forecast(seconds, f"{design.n_rows} rows and {effects} group effects per step")
