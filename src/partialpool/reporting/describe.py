"""Describe a model in words and as equations, before any draws are made."""

from collections.abc import Iterable

import numpy as np

from partialpool.design.censoring import KNOWN_WITHIN
from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors
from partialpool.design.residual_rows import Series
from partialpool.design.truncation import GIVEN_THE_BOUNDS, truncation_in_words
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, INTERCEPT, SIGMA
from partialpool.reporting.describe_effects import covariance_line, predictor_terms, words_of
from partialpool.reporting.describe_parameters import parameter_covariances, parameter_predictors, parameter_words
from partialpool.reporting.describe_smooths import smooth_lines, smooth_terms, smooth_words
from partialpool.spec.model import ModelSpec
from partialpool.tabulate import TextTable, capitalised

__all__ = ["describe_data", "describe_mathematics", "describe_words"]


def describe_words(design: Design) -> str:
    """Describe in words which coefficients the model has and which of them vary over which factor.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)")
    >>> print(describe_words(build_design(spec, load_dataset("sleepstudy"))))
    Reaction (family gaussian, link identity) depends on Intercept, Days in the population.
    Intercept and Days vary over the 18 levels of Subject, correlated.
    """
    spec = design.spec
    coefs = ", ".join(design.common.coefs) or ("its cutpoints only" if spec.family_record.has_cutpoints else "")
    depends = f"depends on {coefs} in the population" if coefs else "has no fixed effects"
    if spec.family_record.has_predictors_of_categories:
        depends = f"has the reference {design.response.categories[0]}, and a predictor for each other category"
    lines = [f"{spec.response} (family {spec.family}, link {spec.link}) {depends}."]
    if design.response.success:
        lines.append(f"What is modelled is the {design.response.success}.")
    if spec.offsets:
        lines.append(f"{' + '.join(spec.offsets)} is added with coefficient 1 (offset).")
    if spec.se:
        lines.append(f"Its standard errors are known: {spec.se}.")
    if spec.precision:
        lines.append(f"Its residual variance is sigma^2 / {spec.precision}.")
    if design.response.censoring is not None:
        lines.append(f"{design.response.censoring.in_words(design.response.values)}; {KNOWN_WITHIN}.")
    if spec.trunc:
        lines.append(f"{capitalised(truncation_in_words(spec.trunc))}; {GIVEN_THE_BOUNDS}.")
    lines += spec.residual_in_words
    if spec.frequency:
        lines.append(f"Each row of the table stands for {spec.frequency} equal rows.")
    if design.references:
        lines.append(f"Coefficients of categories compare with the reference: {design.references}.")
    if design.dropped:
        lines.append(f"Left out, because the rows do not identify them: {', '.join(design.dropped)}.")
    lines += [words_of(factor) for factor in design.grouping] + smooth_words(design) + parameter_words(design)
    return "\n".join(lines)


def describe_mathematics(design: Design, priors: PriorSet) -> str:
    """Write the model as equations, including a joint prior of several coefficients where there is one.

    As in PyMC, `Normal` has a standard deviation and `MvNormal` a covariance matrix.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> from partialpool.model.default_priors import resolve_priors
    >>> design = build_design(ModelSpec.from_formula("Yield ~ 1 + (1 | Batch)"), load_dataset("dyestuff"))
    >>> print(describe_mathematics(design, resolve_priors(design)))
    Yield[i] ~ Normal(eta[i], sigma)
    eta[i]   = Intercept + b_Batch[g(i)]
    b_Batch[g] ~ Normal(0, sd_Batch)
    """
    spec = design.spec
    left = f"{design.response.name}[i]"
    distribution = _distribution(spec, design.parameters)
    width = max(len(left), len("eta[i]"))
    terms = [c if c == INTERCEPT else f"beta[{c}] {c}[i]" for c in design.common.coefs]
    terms += [f"{offset}[i]" for offset in spec.offsets]
    terms += [term for factor in design.grouping for term in predictor_terms(factor)] + smooth_terms(design)
    lines = [f"{left:<{width}} ~ {distribution}", f"{'eta[i]':<{width}} = {' + '.join(terms) or '0'}"]
    if spec.family_record.has_predictors_of_categories:
        utilities = ", ".join(["0", *(f"{name}[i]" for name in design.parameters)])
        lines = [f"{left} ~ {distribution.removesuffix('()')}(softmax({utilities}))"]
    lines += parameter_predictors(design)
    if design.residual is not None and design.residual.series is not None:
        lines.append(_correlation_line(design.response.name, design.residual.series))
    joined = {one.factor for one in joined_factors(design)}
    lines += [covariance_line(factor) for factor in design.grouping if factor.name not in joined]
    lines += parameter_covariances(design) + smooth_lines(design)
    if priors.together:
        stated = priors[BETA].arguments
        lines.append(
            f"beta ~ MvNormal({_joint_mean(stated['mu'])}, {stated['sigma']:.4g}^2 (X'X / n)^-1), X the columns of "
            f"{', '.join(priors.together)}{', centred' if design.spec.intercept else ''}"
        )
    return "\n".join(lines)


def describe_data(design: Design, priors: PriorSet) -> tuple[TextTable, TextTable]:
    """Tabulate the factors (levels, rows per level) and the priors."""
    rows = []
    for factor in design.grouping:
        counts = np.sort(factor.counts)
        middle = counts[len(counts) // 2]
        rows.append((factor.name, str(factor.n_levels), f"{counts[0]}", f"{middle}", f"{counts[-1]}"))
    heads = ("factor", "levels", "rows per level: least", "middle", "most")
    return TextTable(heads, tuple(rows), title=f"Data: {design.n_rows} rows"), priors.table


def _correlation_line(response: str, series: Series) -> str:
    """Write the correlation of two responses of one series, given the group effects."""
    order = series.stated.order
    step = "" if series.step == 1 else f" / {series.step:g}"
    value = {
        "ar": f"rho^(|{order}[i] - {order}[j]|{step})",
        "cosy": "rho",
        "unstr": f"R[{order}[i], {order}[j]]",
    }[series.kind]
    return f"Corr({response}[i], {response}[j] | eta) = {value} within one {series.stated.gr}, 0 between"


def _distribution(spec: ModelSpec, predicted: Iterable[str]) -> str:
    notation = spec.family_record.notation
    if notation is None:
        less = "cutpoint[k] - eta[i]" + (" - cs[i, k]" if spec.cs else "")
        return f"Ordered(P({spec.family_record.cutpoints.event}) = F({less}), F = inverse {spec.link})"
    known = {
        "location": "eta[i]" if spec.link_record.is_identity else f"inverse_{spec.link}(eta[i])",
        "trials": "trials[i]",
    }
    known |= {} if spec.se is None else {SIGMA: f"{spec.se}[i]"}
    if spec.sigma or (spec.residual is not None and spec.residual.correlation == "unstr"):
        known[SIGMA] = "sigma[i]"
    if spec.precision is not None:
        known[SIGMA] = f"{known.get(SIGMA, 'sigma')} / sqrt({spec.precision}[i])"
    known |= {name: f"{name}[i]" for name in predicted}
    arguments = (f"{label} {known.get(what, what)}".strip() for label, what in notation.arguments)
    return f"{notation.distribution}({', '.join(arguments)})"


def _joint_mean(mu: float) -> str:
    return "0" if mu == 0 else f"{mu:.4g} c"  # c solves X c = 1
