"""The lines above and below a table of models: warnings, the models, and what the numbers are."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from partialpool.design.label_names import parts_by_name
from partialpool.fitting.fit import Fit
from partialpool.intervals import percent
from partialpool.labels.labels import Labels, one_line
from partialpool.names import BETA, INTERCEPT
from partialpool.reporting.intercept_at import intercept_at
from partialpool.reporting.per_unit import units_of_slopes
from partialpool.reporting.tables.quantities import Shares, reference_rows
from partialpool.reporting.tables.scales import Scale, plural
from partialpool.spec.expression import is_single

__all__ = ["MARK", "Model", "notes_of", "warnings_of"]

MARK = "\N{DAGGER}"
"""Stands behind a median where other estimates are means."""


@dataclass(frozen=True, eq=False)
class Model:
    """A fit with its name in the table (which may be empty), its scale, and its shares of the variance."""

    name: str
    fit: Fit
    scale: Scale
    shares: Shares

    @property
    def called(self) -> str:
        """The name in a sentence."""
        return self.name or "the model"


def warnings_of(models: Sequence[Model]) -> tuple[str, ...]:
    """Return a line for each model whose draws failed a diagnostic."""
    failed = [(model, [f.found for f in model.fit.digest.verdict.findings if not f.good]) for model in models]
    return tuple(
        f"Warning: do not rely on {model.called}: its draws failed the diagnostics ({one_line('; '.join(found))})."
        for model, found in failed
        if found
    )


def notes_of(
    models: Sequence[Model],
    labels: Labels,
    prob: float,
    *,
    shown: Collection[str],
    exponentiate: bool,
    marked: bool,
    gaps: bool,
) -> tuple[str, ...]:
    """Return the lines below the table.

    Parameters
    ----------
    models, labels
        The models and their labels.
    prob
        Probability of the intervals.
    shown
        Names of the rows of the table.
    exponentiate
        Whether fixed effects are exponentiated where that has a meaning.
    marked
        Whether some estimate is marked as a median.
    gaps
        Whether some model lacks a row.
    """
    lines = [_of_model(model, labels) for model in models]
    lines += _of_names(models, labels)
    lines += _of_estimates(models, labels, percent(prob), exponentiate=exponentiate)
    lines += _of_slopes(models, labels, shown)
    lines += _of_intercept(models, labels, shown)
    lines += _of_completed_tables(models)
    if marked:
        lines.append(f"{MARK} Posterior median: a few draws decide the mean.")
    lines += _of_scales(models, exponentiate=exponentiate)
    lines += _of_outcomes(models, exponentiate=exponentiate)
    references = _each(
        labels.reference(c.column, c.reference) + (" (minus the sum of the others)" if c.coding == "sum" else "")
        for model in models
        for c in model.fit.design.categories.values()
        if c.reference is not None
        and reference_rows(model.fit).get(c.column) not in shown
        and _is_compared(model.fit, c.column, shown)
    )
    if references:
        lines.append(f"Reference categories: {references}.")
    lines += _of_shares(models, shown)
    if gaps:
        lines.append("Empty cells: not in this model.")
    return tuple(lines)


def _of_completed_tables(models: Sequence[Model]) -> Iterator[str]:
    """Say of which models the draws are those of several completed tables."""
    for model in models:
        if model.fit.run.tables > 1:
            of = f" for {model.name}" if model.name else ""
            yield f"Missing values were imputed {model.fit.run.tables} times{of}; the draws of all tables are mixed."


def _of_model(model: Model, labels: Labels) -> str:
    design, spec = model.fit.design, model.fit.spec
    known = [labels.factor(factor.name) for factor in design.factors if factor.kinship is not None]
    missing = design.n_given - design.n_rows
    facts = [
        f"family {spec.family}, link {spec.link}",
        *([f"known covariance between the levels of {', '.join(known)}"] if known else []),
        *([f"{missing} of {design.n_given} rows left out, with missing values"] if missing else []),
        *([f"left out, not identified by the rows: {', '.join(design.dropped)}"] if design.dropped else []),
    ]
    return one_line(f"{model.name or 'Model'}: {spec.to_formula()}; {'; '.join(facts)}.")


def _of_names(models: Sequence[Model], labels: Labels) -> Iterator[str]:
    """State the responses with their units, and the labels of names that are in formulas only under their own."""
    units = {
        model.scale.response: ""
        if model.fit.spec.family_record.support.mean_is_probability
        else model.fit.design.axis_units.response
        for model in models
    }
    if any(units.values()) or any(model.fit.spec.response in labels.given for model in models):
        yield f"Response: {', '.join(f'{name} in {unit}' if unit else name for name, unit in units.items())}."
    columns = dict.fromkeys(name for model in models for name in model.fit.spec.columns)
    own = [f"{name}: {labels.plain(name)}" for name in columns if labels.given.get(name, name) != name]
    if own:
        yield f"Names in the formula: {'; '.join(own)}."


def _is_compared(fit: Fit, column: str, shown: Collection[str]) -> bool:
    """Whether a coefficient of a column's categories has a row, or the column has none that could have one."""
    own = [name for name, parts in parts_by_name(fit.design).items() if any(part.column == column for part in parts)]
    terms = [f"{BETA}[{name}]" for name in own if name in fit.design.common.coefs]
    return not terms or any(term in shown for term in terms)


def _of_slopes(models: Sequence[Model], labels: Labels, shown: Collection[str]) -> Iterator[str]:
    """State the units of predictors that enter the models as they are, per one of which their coefficients are."""
    said = _each(
        f"{labels.plain(column)} per {one}"
        for model in models
        for name, (column, one) in units_of_slopes(model.fit.design).items()
        if f"{BETA}[{name}]" in shown
    )
    if said:
        yield f"Slopes are per unit of the predictor: {said}."


def _of_intercept(models: Sequence[Model], labels: Labels, shown: Collection[str]) -> Iterator[str]:
    """State where the intercept of each model is, once for all models if they agree."""
    if f"{BETA}[{INTERCEPT}]" not in shown:
        return
    found: dict[str, list[str]] = {}
    for model in models:
        if where := intercept_at(model.fit.design, labels):
            found.setdefault(where, []).append(model.name)
    told = [
        f"at {where}" + (f" ({', '.join(names)})" if len(names) < len(models) else "") for where, names in found.items()
    ]
    if told:
        yield f"Intercept: {'; '.join(told)}."


def _of_estimates(models: Sequence[Model], labels: Labels, interval: str, *, exponentiate: bool) -> Iterator[str]:
    ratios = dict.fromkeys(model.scale for model in models if exponentiate and model.scale.ratio)
    if not ratios:
        yield f"Estimates are posterior means with equal-tailed {interval} intervals."
        return
    names = " and ".join(dict.fromkeys(plural(scale.ratio) for scale in ratios))
    yield (
        f"{names.capitalize()} are posterior medians of exp(coefficient); other estimates are posterior means. "
        f"Intervals are equal-tailed {interval} intervals."
    )
    baselines = _each(
        f"the {model.scale.exponential_of_intercept}{_at_offset(model.fit, labels)}"
        for model in models
        if model.scale in ratios and INTERCEPT in model.fit.design.common.coefs
    )
    if baselines:
        where = "where predictors are 0 and categories at their reference"
        yield f"exp(Intercept) is not a ratio: it is {baselines} {where}."


def _at_offset(fit: Fit, labels: Labels) -> str:
    """Say for which offset exp(Intercept) is: per hour or unit of n, where the offset is log(n) and so is the scale."""
    offsets = fit.spec.offsets
    if not offsets:
        return ""
    alone = offsets[0] if len(offsets) == 1 else ""
    is_log = fit.spec.link_record.coefficients_are_log_ratios or fit.spec.family_record.on_log_scale
    if is_log and alone.startswith("log(") and is_single(alone):
        inside = alone[4:-1]
        label, one = labels.expression(inside), fit.design.axis_units.per(inside.strip("`"))
        if not one:
            return f" per unit of {label}"
        # The label of hours is often "hours", or "Hours of observation".
        return f" per {one}" if one in label.casefold() else f" per {one} of {label}"
    return f" for an offset of 0 ({' + '.join(map(labels.expression, offsets))})"


def _of_scales(models: Sequence[Model], *, exponentiate: bool) -> Iterator[str]:
    kept = dict.fromkeys(model.scale.name for model in models if exponentiate and model.scale.ratio)
    if kept:
        cutpoints = any(model.fit.spec.family_record.has_cutpoints for model in models)
        scales = " and ".join(f"the {name.removesuffix(' scale')} scale" for name in kept)
        effects = "Cutpoints and random effects" if cutpoints else "Random effects"
        yield f"{effects} are not exponentiated: they are on {scales}."
    measures = {(model.scale.response, model.scale.measure(exponentiate=exponentiate)) for model in models}
    if len(measures) > 1:
        told = "; ".join(
            f"{model.name}, {model.scale.measure(exponentiate=exponentiate)} of {model.scale.response}"
            for model in models
        )
        yield f"The models are not on one scale, and their estimates cannot be compared: {told}."


def _of_outcomes(models: Sequence[Model], *, exponentiate: bool) -> Iterator[str]:
    outcomes = _each(one_line(model.fit.design.response.success) for model in models)
    if outcomes:
        yield f"Modelled: {outcomes}."
    if any(model.fit.spec.family_record.has_cutpoints for model in models):
        above = (
            "A ratio above 1" if exponentiate and all(model.scale.ratio for model in models) else "A positive effect"
        )
        own = "; at a threshold, those above it" if any(model.fit.spec.cs for model in models) else ""
        yield f"{above} means that higher categories are more probable{own}."


def _of_shares(models: Sequence[Model], shown: Collection[str]) -> Iterator[str]:
    terms = {q.term for model in models for q in model.shares.quantities if q.term in shown}
    if not terms:
        return
    if any(term.startswith("icc[") for term in terms):
        averaged = ", averaged over the rows" if any(model.shares.averaged for model in models) else ""
        yield f"ICC: share of the variance between the levels of a factor, without the fixed effects' part{averaged}."
    if any(term.startswith("r2_") for term in terms):
        yield "R²: share of the variance that the effects explain (Nakagawa & Schielzeth 2013)."
    residuals = {model.name: model.shares.residual for model in models if model.shares.residual}
    for text in dict.fromkeys(residuals.values()):
        named = [name for name, own in residuals.items() if own == text]
        of = f" of {', '.join(named)}" if len(named) < len(models) else ""
        yield f"Residual variance{of}: {one_line(text)}."


def _each(texts: Iterable[str]) -> str:
    """Join texts, each once, without empty ones."""
    return ", ".join(dict.fromkeys(text for text in texts if text))
