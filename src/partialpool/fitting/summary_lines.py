"""Rows of a fit's summary: a quantity, what it is called, and its draws."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor
from partialpool.design.labels import without_reference
from partialpool.design.residual_rows import ResidualRows
from partialpool.fitting.point_estimate import MEDIAN, mean_is_known, quantiles
from partialpool.intervals import central_ends
from partialpool.names import (
    BETA,
    RESIDUAL_CORRELATION,
    SIGMA,
    across_name,
    corr_name,
    names_of_predictor,
    nu_name,
    sd_name,
)
from partialpool.sampling.mixing import mcse_mean, mixing
from partialpool.tabulate import estimate_cells

__all__ = [
    "Line",
    "factor_lines",
    "joined_lines",
    "predictor_common_lines",
    "predictor_component_lines",
    "residual_lines",
    "threshold_common_lines",
]

_CORRELATION_DIGIT = 0.1
"""Least sd of a correlation for the choice of digits."""
_BOUNDED = ("corr_", RESIDUAL_CORRELATION, "icc[")


@dataclass(frozen=True, eq=False)
class Line:
    """One row of a table: its labels and its draws."""

    labels: tuple[str, ...]
    key: str
    draws: np.ndarray
    tables: int = 1
    """Number of completed tables whose chains follow one another."""

    @property
    def at_means(self) -> "Line":
        """The same quantity at the predictors' means, with that in its name."""
        name, _, of = self.key.partition("[")
        return Line((self.labels[0], f"{self.labels[1]}, at the means"), f"{name}_at_means[{of}", self.draws)

    @cached_property
    def mean_is_known(self) -> bool:
        """Whether the mean is not decided by a few draws; always true of bounded quantities, which they hardly move."""
        return (self.key.startswith(_BOUNDED) and bool(np.isfinite(self.draws).all())) or mean_is_known(self.draws)

    def cells(self, prob: float) -> list[str]:
        """Mean, median, sd, ends of the interval, ESS and R-hat, formatted for a table."""
        s = self.statistics(prob)
        # A correlation that rounds to 1 needs no more digits than any other.
        scale = max(s["sd"], _CORRELATION_DIGIT) if self.key.startswith("corr_") else s["sd"]
        mean, sd, low, high = estimate_cells([s[k] for k in ("mean", "sd", "conf_low", "conf_high")], scale)
        if not self.mean_is_known:  # nor is its sd, which must not determine the digits of the others
            median, low, high = estimate_cells(
                [s[k] for k in ("median", "conf_low", "conf_high")], MEDIAN.spread(self.draws)
            )
        else:
            (median,) = estimate_cells([s["median"]], scale)
        return [mean, median, sd, low, high, f"{s['ess_bulk']:.0f}", f"{s['r_hat']:.3f}"]

    def statistics(self, prob: float) -> dict[str, float]:
        """Mean, sd, interval, median, MCSE, ESS and R-hat of the draws."""
        ends = central_ends(prob)
        low, middle, high = quantiles(self.draws, (ends[0], 0.5, ends[1]))
        place = {"mean": self.draws.mean(), "sd": self.draws.std(ddof=1), "conf_low": low, "median": middle}
        return {name: float(v) for name, v in (place | {"conf_high": high}).items()} | self._diagnostics

    @cached_property
    def _diagnostics(self) -> dict[str, float]:
        """Monte Carlo standard error, ESS and R-hat, computed once for the tables and the frame."""
        found = dict.fromkeys(("mcse_mean", "ess_bulk", "ess_tail", "r_hat"), np.nan)
        if self.draws.shape[1] >= 4 and np.ptp(self.draws) > 0:  # constants have no convergence to check
            mixed = mixing([self.draws], tables=self.tables)
            chains = (mcse_mean(self.draws, tables=self.tables), mixed.bulk_ess[0], mixed.tail_ess[0], mixed.rhat[0])
            found = dict(zip(found, map(float, chains), strict=True))
        return found


def factor_lines(factor: FactorEffects, posterior: xr.Dataset) -> list[Line]:
    """Return a line for each sd and correlation of a factor; at the means too, where zero is far from the data."""
    sd, nu = posterior[sd_name(factor.name)].to_numpy(), nu_name(factor.name)
    own = [Line((factor.name, "nu"), nu, posterior[nu].to_numpy())] if factor.is_heavy else []
    if not factor.correlated:
        return lines_at(factor, sd, None) + own
    corr = posterior[corr_name(factor.name)].to_numpy()
    lines = lines_at(factor, sd, corr) + own
    if factor.is_far_from_zero:
        at_zero = {line.key: line.draws for line in lines}
        moved = lines_at(factor, *factor.basis.at_means(sd, corr))
        lines += [line.at_means for line in moved if not np.allclose(line.draws, at_zero[line.key], rtol=1e-6)]
    return lines


def predictor_component_lines(parameter: str, design: Design, posterior: xr.Dataset) -> list[Line]:
    """Return the lines of the sds and correlations of the predictor of a parameter."""
    names = names_of_predictor(parameter, design.spec.parts_with_sds)
    own = {names[inner]: inner for inner in names}
    inner = xr.Dataset({own[str(name)]: values.variable for name, values in posterior.items() if name in own})
    lines = [line for factor in design.factors for line in factor_lines(factor, inner)]
    return [_of_parameter(line, parameter, names) for line in lines]


def _of_parameter(line: Line, parameter: str, names: dict[str, str]) -> Line:
    """Name a line of a predictor as that of a parameter."""
    base, bracket, effect = line.key.partition("[")
    moved = base.removesuffix("_at_means")
    key = f"{names[moved]}{base[len(moved) :]}{bracket}{effect}"
    return Line((line.labels[0], f"{parameter}: {line.labels[1]}"), key, line.draws)


def predictor_common_lines(parameter: str, design: Design, posterior: xr.Dataset) -> list[Line]:
    """Return the lines of the coefficients of the predictor of a parameter."""
    name = f"{BETA}_{parameter}"
    return [
        Line((f"{parameter}: {without_reference(coef)}", ""), f"{name}[{coef}]", posterior[name].to_numpy()[..., i])
        for i, coef in enumerate(design.common.coefs)
    ]


def threshold_common_lines(design: Design, posterior: xr.Dataset) -> list[Line]:
    """Return the lines of the coefficients of thresholds, coefficient by coefficient: `x[low|middle]`."""
    coefs = design.parameters[design.thresholds[0]].common.coefs if design.thresholds else ()
    each = list(zip(design.thresholds, design.threshold_labels, strict=True)) if coefs else []
    lines = []
    for i, coef in enumerate(coefs):
        for name, where in each:
            variable = names_of_predictor(name, ())[BETA]
            label = f"{without_reference(coef)}[{where}]"
            lines.append(Line((label, ""), f"{variable}[{coef}]", posterior[variable].to_numpy()[..., i]))
    return lines


def joined_lines(joined: JoinedFactor, posterior: xr.Dataset) -> list[Line]:
    """Return the lines of correlations of effects of different predictors."""
    name, effects = across_name(joined.factor), joined.effects
    corr = posterior[name].to_numpy()
    shown = joined.shown
    return [
        Line((joined.factor, f"corr({shown[j]}, {shown[i]})"), f"{name}[{effects[j]}, {effects[i]}]", corr[..., i, j])
        for i, j in joined.pairs
    ]


def residual_lines(residual: ResidualRows, posterior: xr.Dataset) -> list[Line]:
    """Return a line for each residual sd, and for each correlation of residuals."""
    sigma = posterior[SIGMA].to_numpy()
    sigma = sigma.reshape(*sigma.shape[:2], -1)
    lines = [Line(("residual", name), name, sigma[..., k]) for k, name in enumerate(residual.sigma_names)]
    if residual.series is None:
        return lines
    corr = posterior[RESIDUAL_CORRELATION].to_numpy()
    visits = residual.series.visits
    if not visits:
        return [*lines, Line(("residual", f"corr ({residual.series.kind})"), RESIDUAL_CORRELATION, corr)]
    pairs = [(i, j) for i in range(1, len(visits)) for j in range(i)]
    return lines + [
        Line(
            ("residual", f"corr({visits[j]}, {visits[i]})"),
            f"{RESIDUAL_CORRELATION}[{visits[j]}, {visits[i]}]",
            corr[..., i, j],
        )
        for i, j in pairs
    ]


def lines_at(factor: FactorEffects, sd: np.ndarray, corr: np.ndarray | None) -> list[Line]:
    """Return the lines of a factor's sds (chains, draws, effects) and of its correlations, if any."""
    name, effects = factor.name, factor.names
    own = factor.structure.own_sds
    parameters = factor.sd_parameters
    shown = parameters if factor.is_smooth else [factor.sd_in_words(i, effects) for i in range(len(effects))]
    lines = [Line((name, shown[i]), f"{sd_name(name)}[{parameters[i]}]", sd[..., i]) for i in own]
    if corr is None:
        return lines
    return lines + [
        Line(
            (name, f"corr({factor.pair_in_words((i, j), effects)})"),
            f"{corr_name(name)}[{effects[i]}, {effects[j]}]",
            corr[..., i, j],
        )
        for i, j in factor.parameter_pairs
    ]
