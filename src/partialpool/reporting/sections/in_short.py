"""The page in a few sentences: can it be trusted, what the population does, how much groups matter."""

import pandas as pd

from partialpool.fitting import Fit
from partialpool.names import BETA, INTERCEPT
from partialpool.reporting.section import Note, Section
from partialpool.reporting.wording import effect_units, on_scale
from partialpool.tabulate import estimate_cells

__all__ = ["in_short"]

_MOST = 6
"""Coefficients that are said in sentences; a longer list is a table's work."""


def in_short(fit: Fit) -> Section:
    """Say the verdict, the common effects and the correlations within groups."""
    frame, verdict = fit.digest.frame, fit.digest.verdict
    advice = (
        Note("The diagnostics are good: these draws can be relied on.", "good")
        if verdict.good
        else Note("Do not rely on these numbers yet: the diagnostics below failed, and say what to do.", "bad")
    )
    slopes = [name for name in fit.design.common.coefs if name != INTERCEPT]
    units = effect_units(fit, slopes)
    scale = on_scale(fit)
    coefs = [f"{name} {_estimate(frame, f'{BETA}[{name}]', units.get(name, ''))}" for name in slopes[:_MOST]]
    more = f"; {len(slopes) - _MOST} more are in the table of common effects" if len(slopes) > _MOST else ""
    iccs = [f"icc[{factor.name}]" for factor in fit.design.factors]
    alike = [f"{key[4:-1]} {_estimate(frame, key)}" for key in iccs if key in frame.index]
    prose: list[str | Note] = [advice]
    if coefs:
        prose.append(f"Coefficients in the population{scale}, with 90 % intervals: {'; '.join(coefs)}{more}.")
    if alike:
        prose.append(
            f"Correlation of two responses that share a level{scale}, with 90 % intervals: {'; '.join(alike)}."
        )
    return Section(prose=tuple(prose))


def _estimate(frame: pd.DataFrame, parameter: str, unit: str = "") -> str:
    mean, low, high, sd = frame.loc[[parameter], ["mean", "q5", "q95", "sd"]].to_numpy(dtype=float)[0]
    middle, lower, upper = estimate_cells((mean, low, high), sd)
    return f"{middle}{f' {unit}' if unit else ''} ({lower} to {upper})"
