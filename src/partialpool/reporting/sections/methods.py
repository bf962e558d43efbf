"""Statistical methods: paragraphs for a paper, which state the model, its priors, the computation and the software."""

import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from partialpool.design.design import Design
from partialpool.fitting.fit import Fit
from partialpool.names import BETA, FAMILY_PARAMETERS, INTERCEPT
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.reporting.wording import how_wide
from partialpool.tabulate import listed

__all__ = ["methods_section", "write_methods"]

_PROPER: Final = MappingProxyType(
    {"bernoulli": "Bernoulli", "poisson": "Poisson", "student_t": "Student's t", "gaussian": "normal"}
)
"""Families whose name in a sentence is not that in a model."""


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
    spec, design = fit.spec, fit.design
    kind = "hierarchical (mixed-effects) model" if design.factors else "regression model"
    left_out = design.n_given - design.n_rows
    missing = f"; {left_out} rows with missing values were left out" if left_out else ""
    yield f"We fitted a Bayesian {kind} to {_modelled(design)} ({design.n_rows} rows{missing})."
    family = _PROPER.get(spec.family, spec.family.replace("_", " "))
    given = "Given all effects, the" if design.factors else "Given the predictors, the"
    link = f"{_article(spec.link)} {spec.link} link"
    if spec.family_record.has_mean:
        yield f"{given} response has {_article(family)} {family} distribution with {link}."
    else:
        yield f"{given} response follows {_article(family)} {family} model of ordered categories with {link}."
    if spec.se:
        yield f"The standard errors of the responses are known ({spec.se})."
    if spec.precision:
        yield f"The residual variance of a row is sigma squared divided by {spec.precision}."
    yield from spec.residual_in_words
    if spec.frequency:
        yield f"Each row of the table stands for as many equal rows as {spec.frequency} says."
    if spec.offsets:
        yield f"The linear predictor has the offset {' + '.join(spec.offsets)}."
    if design.response.success:
        yield f"What is modelled is the {design.response.success}."
    if design.common.coefs:
        yield f"Fixed (population-level) effects: {', '.join(design.common.coefs)}."
    if design.references:
        yield f"Coefficients of categories compare with the reference: {design.references}."
    for factor in design.factors:
        random = "Random (group-level)"
        only = factor.names == (INTERCEPT,)
        effects = "" if only else f": {', '.join(factor.names)}"
        joined = ", with correlated effects" if factor.correlated else ""
        related = ", with a known covariance between levels" if factor.kinship is not None else ""
        what = "intercepts" if only else "effects"
        yield f"{random} {what} of {factor.name} ({factor.n_levels} levels){effects}{joined}{related}."
    yield f"In formula notation the model is {spec.to_formula()}."


def _modelled(design: Design) -> str:
    trials = design.spec.response_term.trials
    return f"{design.response.name} out of {trials}" if trials else design.response.name


def _priors(reported: Reported) -> Iterator[str]:
    entries = reported.fit.priors.entries
    stated = "; ".join(f"{_of(entry.parameter)}: {entry.prior}" for entry in entries)
    yield f"Priors: {stated}."
    own = [_of(entry.parameter) for entry in entries if not entry.is_default]
    if not own:
        yield f"All are the package's default priors{how_wide(reported.fit)}."
    elif len(own) < len(entries):
        others = f"the package's defaults{how_wide(reported.fit)}"
        yield f"The priors of {listed(own)} were set by us; the others are {others}."
    if any(entry.shares for entry in entries):
        yield (
            "In the joint prior of the coefficients, sigma is the prior sd of the effect of one sd of any combination "
            "of the predictors, so that it does not depend on their zero, unit or reference category."
        )
    if f"{BETA}[{INTERCEPT}]" in reported.fit.priors:
        yield "The prior of the intercept is at the means of the predictors."
    yield from reported.fit.priors.notes


def _computation(reported: Reported) -> Iterator[str]:
    fit = reported.fit
    run, sizes = fit.run, fit.posterior.sizes
    seed = run.settings.get("seed")
    drawn = f"{sizes['chain']} chains of {sizes['draw']} draws each{'' if seed is None else f' (seed {seed})'}"
    how = f" (sampler: {run.sampler})" if run.sampler else ""
    yield f"{run.card.method}{how}. We used {drawn}."
    verdict = fit.digest.verdict
    if verdict.good:
        yield f"The diagnostics of the draws are good: {'; '.join(f.found for f in verdict.findings)}."
    else:
        bad = "; ".join(f.found for f in verdict.findings if not f.good)
        yield f"The diagnostics of the draws are not good ({bad}), so these results must not be published yet."
    unknown = fit.digest.means_not_known
    median = f" (medians for {listed(list(unknown))}, whose means a few draws decide)" if unknown else ""
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


def _of(parameter: str) -> str:
    """Return a parameter's name for readers."""
    return f"{parameter} ({FAMILY_PARAMETERS[parameter]})" if parameter in FAMILY_PARAMETERS else parameter


def _article(name: str) -> str:
    return "an" if name[0].lower() in "aeiou" else "a"
