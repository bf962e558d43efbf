"""Statistical methods: paragraphs for a paper, which state the model, its priors, the computation and the software."""

import json
from collections.abc import Iterator

from partialpool.design.censoring import KNOWN_WITHIN
from partialpool.design.design import Design
from partialpool.design.label_names import parts_by_name
from partialpool.design.truncation import GIVEN_THE_BOUNDS, truncation_in_words
from partialpool.fitting.fit import Fit
from partialpool.labels.names_shown import NamesShown
from partialpool.names import BETA, INTERCEPT
from partialpool.reporting.describe_smooths import smooth_words
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.reporting.wording import how_wide
from partialpool.tabulate import capitalised, listed, number

__all__ = ["methods_section", "write_methods"]


def methods_section(reported: Reported) -> Section:
    """Write the paragraphs; every number in them is from the fit."""
    return Section(
        prose=(
            "These paragraphs can be copied into a paper. They state what was done, not why: reasons for the model "
            "and for the priors are the authors'.",
            *write_methods(reported),
        )
    )


def write_methods(reported: Reported) -> tuple[str, ...]:
    """Return the paragraphs: the model, its priors, the computation, the software."""
    parts = (_model(reported), _priors(reported), _computation(reported), _software(reported.fit))
    return tuple(" ".join(part) for part in parts)


def _model(reported: Reported) -> Iterator[str]:
    fit = reported.fit
    spec, design, names = fit.spec, fit.design, reported.names.in_words
    kind = "hierarchical (mixed-effects) model" if design.grouping else "regression model"
    yield f"We fitted a Bayesian {kind} to {_modelled(names)} ({design.n_rows} rows)."
    yield from _missing(names)
    yield from _imputed(fit, names)
    yield _response(reported)
    yield from _known_of_rows(reported)
    yield from spec.residual_in_words
    if design.residual is not None and design.residual.series is not None:
        series = design.residual.series
        yield f"The rows are of {len(series.labels)} such series, named by {names.column(series.stated.gr)}."
    if spec.frequency:
        yield f"Each row of the table stands for as many equal rows as {names.expression(spec.frequency)} says."
    if spec.offsets:
        yield f"The linear predictor has the offset {' + '.join(map(names.expression, spec.offsets))}."
    if design.response.success:
        yield f"What is modelled is the {design.response.success}."
    if design.common.coefs:
        yield f"Fixed (population-level) effects: {', '.join(map(names.coefficient, design.common.coefs))}."
    if design.thresholds:
        coefs = map(names.coefficient, design.parameters[design.thresholds[0]].common.coefs)
        yield f"Effects with a coefficient for each threshold between categories: {', '.join(coefs)}."
    yield from _units(names)
    if names.references:
        yield f"Coefficients of categories compare with the reference: {names.references}."
    for factor in design.grouping:
        random = "Random (group-level)"
        only = factor.names == (INTERCEPT,)
        effects = "" if only else f": {', '.join(map(names.coefficient, factor.names))}"
        joined = ", with correlated effects" if factor.correlated else ""
        related = ", with a known covariance between levels" if factor.kinship is not None else ""
        what = "intercepts" if only else "effects"
        related += "; a row has the weighted sum of the effects of its levels" if factor.has_members else ""
        yield f"{random} {what} of {names.factor(factor.name)} ({factor.n_levels} levels){effects}{joined}{related}."
    yield from smooth_words(design)
    yield f"In formula notation the model is {spec.to_formula()}."


def _known_of_rows(reported: Reported) -> Iterator[str]:
    """Say what is stated of each row: standard errors, weights, bounds."""
    spec, design, names = reported.fit.spec, reported.fit.design, reported.names.in_words
    if spec.se:
        yield f"The standard errors of the responses are known ({names.expression(spec.se)})."
    if spec.precision:
        yield f"The residual variance of a row is sigma squared divided by {names.expression(spec.precision)}."
    if design.response.censoring is not None:
        yield f"{design.response.censoring.in_words(design.response.values)}; {KNOWN_WITHIN}."
    if spec.trunc:
        yield f"{capitalised(truncation_in_words(spec.trunc))}; {GIVEN_THE_BOUNDS}."


def _response(reported: Reported) -> str:
    """Name the distribution of the response and its link."""
    spec = reported.fit.spec
    family, link = spec.family_record.in_words, f"{_article(spec.link)} {spec.link} link"
    given = "Given all effects, the" if reported.fit.design.grouping else "Given the predictors, the"
    if spec.family_record.has_mean:
        return f"{given} response has {_article(family)} {family} distribution with {link}."
    if spec.family_record.has_cutpoints:
        return f"{given} response follows {_article(family)} {family} model of ordered categories with {link}."
    return f"{given} response follows {_article(family)} {family} model of categories without an order."


def _modelled(names: NamesShown) -> str:
    trials = names.design.spec.response_term.trials
    return f"{names.response} out of {names.expression(trials)}" if trials else names.response


def _missing(names: NamesShown) -> Iterator[str]:
    """Say which rows were left out because of missing values, and what that assumes; nothing where none was."""
    design = names.design
    given, lost = design.n_given, design.left_out
    count = given - design.n_rows
    if not count:
        return
    were = "was" if count == 1 else "were"
    in_which = "" if lost is None else f" in {listed([f'{names.column(c)} ({n})' for c, n in lost.columns.items()])}"
    yield (
        f"Of {given} rows, {count} ({number(100 * count / given, 2)} %) {were} left out because of missing "
        f"values{in_which}."
    )
    if lost is not None and lost.levels:
        they, are = ("It", "is") if count == 1 else ("They", "are")
        levels = [f"{n} level{'' if n == 1 else 's'} of {names.factor(factor)}" for factor, n in lost.levels.items()]
        yield f"{they} {are} of {listed(levels)}."
    if lost is None or lost.without_response:
        observed = "the predictors and the observed responses" if design.grouping else "the predictors"
        yield (
            f"For rows without a response this assumes that it is missing at random: given {observed}, "
            "whether a response is missing does not depend on its value."
        )
    if lost is None or lost.without_predictor:
        groups = " or on the effects of the groups" if design.grouping else ""
        yield (
            "For rows without a predictor or a group this assumes that, given the predictors, whether the value is "
            f"missing does not depend on the response{groups}."
        )


def _imputed(fit: Fit, names: NamesShown) -> Iterator[str]:
    """Say how missing values were imputed, and how much information is missing; nothing for a fit of one table."""
    if fit.run.tables == 1:
        return
    yield (
        f"Missing values of {listed([names.column(c) for c in fit.run.imputed])} were imputed {fit.run.tables} times. "
        "The model was fitted to each completed table under the same priors, and the draws of all tables were mixed "
        f"(Gelman et al. 2013, Bayesian Data Analysis, section 18.2). {fit.digest.missing_in_words}."
    )


def _units(names: NamesShown) -> Iterator[str]:
    """State the unit of the response, and the units of predictors per which slopes are, where they are known."""
    design, units = names.design, names.design.axis_units
    said = [f"{names.response} in {units.response}"] if units.response else []
    said += [f"slopes of {names.column(c)} per {units.per(c)}" for c in _slopes(design) if units.per(c)]
    if said:
        yield f"Units: {'; '.join(said)}."


def _slopes(design: Design) -> tuple[str, ...]:
    """Return the columns that enter the model as they are, so that their coefficients are per unit."""
    parts = (part for own in parts_by_name(design).values() for part in own)
    return tuple(dict.fromkeys(p.expression.strip("`") for p in parts if not p.is_call and p.category is None))


def _priors(reported: Reported) -> Iterator[str]:
    entries, names = reported.fit.priors.entries, reported.names.in_words
    stated = "; ".join(f"{names.parameter(entry.parameter)}: {entry.prior}" for entry in entries)
    yield f"Priors: {stated}."
    own = [names.parameter(entry.parameter) for entry in entries if not entry.is_default]
    if not own:
        yield f"All are the package's default priors{how_wide(reported.fit)}."
    elif len(own) < len(entries):
        others = f"the package's defaults{how_wide(reported.fit)}"
        yield f"The priors of {listed(own)} were set by us; the others are {others}."
    else:
        yield "All were set by us; none is a default that is scaled to the data."
    if any(entry.shares for entry in entries):
        yield (
            "In the joint prior of the coefficients, sigma is the prior sd of the effect of one sd of any combination "
            "of the predictors, so that it does not depend on their zero, unit or reference category."
        )
    if f"{BETA}[{INTERCEPT}]" in reported.fit.priors:
        yield "The prior of the intercept is at the means of the predictors."
    for note in map(names.told, reported.fit.priors.notes):
        yield capitalised(note)


def _computation(reported: Reported) -> Iterator[str]:
    fit, names = reported.fit, reported.names.in_words
    run, sizes = fit.run, fit.posterior.sizes
    seed = run.settings.get("seed")
    drawn = f"{sizes['chain']} chains of {sizes['draw']} draws each{'' if seed is None else f' (seed {seed})'}"
    how = f" (sampler: {run.sampler})" if run.sampler else ""
    method = run.card.method if fit.spec.parts_with_sds else run.card.method_without_effects
    yield f"{method}{how}. We used {drawn}."
    findings = [names.finding(finding) for finding in fit.digest.verdict.findings]
    if fit.digest.verdict.good:
        yield f"The diagnostics of the draws are good: {'; '.join(f.found for f in findings)}."
    else:
        bad = "; ".join(f.found for f in findings if not f.good)
        yield f"The diagnostics of the draws are not good ({bad}), so these results must not be published yet."
    unknown = [names.parameter(name) for name in fit.digest.means_not_known]
    median = f" (medians for {listed(unknown)}, whose means a few draws decide)" if unknown else ""
    yield f"Estimates are posterior means{median} with equal-tailed {reported.percent} intervals."


def _software(fit: Fit) -> Iterator[str]:
    versions = json.loads(fit.tree.attrs["versions"])
    ours = versions.pop("partialpool")
    used = {"arviz", "numpy", *fit.run.card.packages}
    others = listed([f"{_NAMES.get(name, name)} {version}" for name, version in versions.items() if name in used])
    yield f"Software: partialpool {ours} for Python, with {others}."
    yield (
        "R-hat and the effective sample size are those of Vehtari et al. (2021, Bayesian Analysis 16:667-718), as "
        "computed by ArviZ (Kumar et al. 2019, Journal of Open Source Software 4:1143)."
    )


_NAMES = {"pymc": "PyMC", "arviz": "ArviZ", "numpy": "NumPy"}


def _article(name: str) -> str:
    return "an" if name[0].lower() in "aeiou" else "a"
