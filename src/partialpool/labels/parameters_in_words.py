"""Names of a model's parameters in words: `sd of Days over Subject` for `sd_Subject[Days]`."""

from collections.abc import Iterator
from itertools import combinations, pairwise

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.label_names import parts_by_name
from partialpool.design.residual_rows import ResidualRows
from partialpool.labels.labels import Labels
from partialpool.names import (
    BETA,
    FAMILY_PARAMETERS,
    ICC,
    INTERCEPT,
    RESIDUAL_CORRELATION,
    SIGMA,
    TOTAL_SD,
    corr_name,
    nu_name,
    sd_name,
    share_name,
)

__all__ = ["departures_in_words", "parameters_in_words"]


def parameters_in_words(design: Design, labels: Labels) -> Iterator[tuple[str, str]]:
    """Yield every parameter, and all parameters of one kind together, with its name in words."""
    parts = parts_by_name(design)
    for name in design.common.coefs:
        label = labels.coefficient(name, parts.get(name, ()))
        yield f"{BETA}[{name}]", label if name == INTERCEPT else f"coefficient of {label}"
    yield BETA, "coefficients (beta)"
    grades = design.response.categories if design.spec.family_record.has_cutpoints else ()
    for low, high in pairwise(grades):
        yield f"cutpoints[{low}|{high}]", f"threshold {labels.cutpoint(f'{low}|{high}', low, high)}"
    for name, (low, high) in zip(design.thresholds, pairwise(grades), strict=False):
        where, own = labels.cutpoint(f"{low}|{high}", low, high), parts_by_name(design.parameters[name])
        yield f"{BETA}_{name}", f"coefficients at {where}"
        for coef in design.parameters[name].common.coefs:
            yield f"{BETA}_{name}[{coef}]", f"coefficient of {labels.coefficient(coef, own.get(coef, ()))} at {where}"
    for factor in design.factors:
        effects = [labels.coefficient(name, parts.get(name, ())) for name in factor.names]
        yield from _of_smooth(factor, labels) if factor.is_smooth else _of_factor(factor, effects, labels)
    yield ICC, "ICC"
    yield TOTAL_SD, "total sd"
    for name, _ in design.spec.family_record.parameters:
        whole = "residual sd" if name == SIGMA else FAMILY_PARAMETERS[name]
        yield name, labels.plain(name) if name in labels.given else whole
    if design.residual is not None:
        yield from _of_residuals(design.residual, labels)


def departures_in_words(smooth: FactorEffects, curve: str, of: str) -> str:
    """Name the departures of a curve from a straight line, given what its smooth is called."""
    return f"departures of {of}" + ("" if len(set(smooth.curves)) == 1 else f" in {curve}")


def _of_smooth(smooth: FactorEffects, labels: Labels) -> Iterator[tuple[str, str]]:
    name, of = sd_name(smooth.name), labels.factor(smooth.name)
    yield name, f"sd of departures of {of}"
    for curve in dict.fromkeys(smooth.curves):
        yield f"{name}[{curve}]", f"sd of {departures_in_words(smooth, curve, of)}"


def _of_factor(factor: FactorEffects, effects: list[str], labels: Labels) -> Iterator[tuple[str, str]]:
    name, of = factor.name, labels.factor(factor.name)
    yield sd_name(name), f"sds over {of}"
    yield corr_name(name), f"correlations over {of}"
    if factor.is_heavy:
        yield nu_name(name), f"degrees of freedom over {of}"
    yield share_name(name), f"share of {of}"
    yield f"{ICC}[{name}]", f"ICC of {of}"
    for k, a in enumerate(factor.names):
        yield f"{sd_name(name)}[{a}]", f"sd of {factor.sd_in_words(k, effects)} over {of}"
        yield f"{share_name(name)}[{a}]", f"share of {effects[k]} over {of}"
        for n, b in enumerate(factor.names):
            yield f"{corr_name(name)}[{a}, {b}]", f"correlation of {effects[k]} and {effects[n]} over {of}"


def _of_residuals(residual: ResidualRows, labels: Labels) -> Iterator[tuple[str, str]]:
    """Name residual sds by stratum, and correlations of residuals."""
    for name, stratum in zip(residual.sigma_names, residual.strata, strict=True):
        if stratum:
            yield name, f"residual sd of {labels.plain(stratum)}"
    if residual.series is None:
        return
    yield RESIDUAL_CORRELATION, f"residual correlation{'s' if residual.series.visits else ''}"
    for early, late in combinations(map(str, residual.series.visits), 2):
        both = f"{labels.plain(early)} and {labels.plain(late)}"
        yield f"{RESIDUAL_CORRELATION}[{early}, {late}]", f"residual correlation of {both}"
