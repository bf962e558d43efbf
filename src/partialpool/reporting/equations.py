"""Write a model's equations in MathML: the same equations as `describe_mathematics`."""

from collections.abc import Container, Iterator
from types import MappingProxyType
from typing import Final
from xml.etree.ElementTree import Element

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors
from partialpool.design.residual_rows import Series
from partialpool.families.link import Link
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, INTERCEPT, SIGMA
from partialpool.reporting.describe import describe_mathematics
from partialpool.reporting.mathml import (
    applied,
    identifier,
    operator,
    row,
    subscript,
    superscript,
    table,
    word,
    write_math,
)
from partialpool.reporting.section import Equations
from partialpool.reporting.smooth_equations import smooth_equations, smooth_symbols
from partialpool.spec.model import ModelSpec

__all__ = ["write_equations"]

_WIDEST = 26
"""Characters of a sum per line: as many as a phone shows without scrolling."""

_MULTIVARIATE: Final = "MvNormal"
"""Has a covariance matrix, where Normal has a standard deviation: the convention of PyMC and of the printed priors."""

_LETTERS: Final = MappingProxyType({"sigma": "σ", "nu": "ν", "alpha": "α", "phi": "φ", "lam": "λ", "tau": "τ"})

_Line = tuple[Element, Element, Element]


def write_equations(design: Design, priors: PriorSet) -> Equations:
    """Write the response's distribution, the linear predictor, the group effects' distributions and a joint prior.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> from partialpool.model.default_priors import resolve_priors
    >>> design = build_design(ModelSpec.from_formula("Yield ~ 1 + (1 | Batch)"), load_dataset("dyestuff"))
    >>> write_equations(design, resolve_priors(design)).mathml.startswith("<math")
    True
    """
    text = describe_mathematics(design, priors)
    lines = [_response(design)]
    if not design.spec.family_record.has_predictors_of_categories:
        lines += _predictor(design, _eta())
    if design.thresholds:
        lines += _predictor(design.parameters[design.thresholds[0]], _threshold_effect(), of="k")
    for name, other in design.parameters.items():
        if name in design.thresholds:
            continue
        symbol = _of_row(identifier(_LETTERS.get(name, name)))
        link = design.spec.family_record.link_of(name)
        lines += _predictor(other, symbol if link.is_identity else applied(word(link.name), symbol), of=name)
    if design.residual is not None and design.residual.series is not None:
        lines += _correlation(design.response.name, design.residual.series)
    joined = joined_factors(design)
    names = {one.factor for one in joined}
    lines += [line for f in design.grouping if f.name not in names for line in _effects(f)]
    for name, other in design.parameters.items():
        own = (f.called(f"{name}: {f.name}") for f in other.grouping if f.name not in names)
        lines += [line for factor in own for line in _effects(factor)]
    lines += [line for one in joined for line in _joined(one)]
    lines += smooth_equations(design)
    lines += [line for name, other in design.parameters.items() for line in smooth_equations(other, name)]
    lines += _joint_prior(design, priors)
    return Equations(write_math(table(lines), alternative=text), text)


def _response(design: Design) -> _Line:
    spec = design.spec
    observed = _of_row(word(design.response.name))
    link, notation = spec.link_record, spec.family_record.notation
    if notation is None:
        event = row(
            *(_part_of_event(part, design.response.name) for part in spec.family_record.cutpoints.event.split())
        )
        cutpoint = subscript(identifier("c"), identifier("k"))
        own = (operator("−"), _threshold_effect()) if spec.cs else ()
        inner = row(cutpoint, operator("−"), _eta(), *own)
        return applied(identifier("P"), event), operator("="), applied(_inverse(link), inner)
    arguments = [_argument(spec, label, what, design.parameters) for label, what in notation.arguments]
    if spec.family_record.has_predictors_of_categories:
        utilities = [word("0"), *(_of_row(identifier(name)) for name in design.parameters)]
        arguments = [applied(word("softmax"), *utilities)]
    return observed, operator("∼"), applied(word(notation.distribution), *arguments)


def _part_of_event(part: str, response: str) -> Element:
    """Write one symbol of an event of ordered categories, such as `y <= k`."""
    if part == "y":
        return _of_row(word(response))
    if part == "k" or part.isdigit():
        return identifier(part)
    return operator({"<=": "≤", ">=": "≥"}.get(part, part))


def _argument(spec: ModelSpec, label: str, what: str, predicted: Container[str]) -> Element:
    """Write one argument of the response's distribution: location, trials, standard errors, or a Greek letter."""
    if what == "location":
        value = _eta() if spec.link_record.is_identity else applied(_inverse(spec.link_record), _eta())
    elif what == "trials":
        trials = spec.response_term.trials or ""
        value = word(trials) if trials.isdigit() else _of_row(word(trials))
    elif what == SIGMA and spec.se:
        value = _of_row(word(spec.se))
    elif what in predicted:
        value = _of_row(identifier(_LETTERS.get(what, what)))
    elif what == SIGMA and (spec.sigma or spec.precision or spec.residual):
        value = _of_row(identifier(_LETTERS[SIGMA]))
    else:
        value = identifier(_LETTERS.get(what, what))
    return row(word(f"{label} "), value) if label else value


def _predictor(design: Design, left: Element, *, of: str = "") -> Iterator[_Line]:
    """Write a linear predictor, with as many terms per line as fit; `of` is its parameter, empty for the mean."""
    terms = [_common(name, of) for name in design.common.coefs]
    terms += [_of_row(word(offset)) for offset in design.spec.offsets]
    factors = [factor.called(f"{of}: {factor.name}") if of else factor for factor in design.grouping]
    terms += [_varying(factor, effect) for factor in factors for effect in factor.names]
    terms += smooth_symbols(design, of)
    relation = operator("=")
    right: list[Element] = []
    for k, term in enumerate(terms or [word("0")]):
        if right and sum(len("".join(part.itertext())) for part in (*right, term)) > _WIDEST:
            yield left, relation, row(*right)
            left, relation, right = row(), row(), []
        right += [operator("+", form="infix"), term] if k else [term]
    yield left, relation, row(*right)


def _correlation(response: str, series: Series) -> Iterator[_Line]:
    """Write the correlation of two responses of one series, given the group effects: rho, its power, or a matrix."""
    order, comma, bar = word(series.stated.order or ""), operator(","), operator("|")
    first, second = (subscript(order, identifier(letter)) for letter in "ij")
    pair = (subscript(word(response), identifier(letter)) for letter in "ij")
    rho = identifier("ρ")
    if series.kind == "unstr":
        value = subscript(identifier("R"), row(first, comma, second))
    elif series.kind == "ar":
        step = () if series.step == 1 else (operator("/"), word(f"{series.step:g}"))
        value = superscript(rho, row(bar, first, operator("−"), second, bar, *step))
    else:
        value = rho
    left = applied(word("Corr"), *pair)
    yield left, operator("="), row(value, word(f" within one {series.stated.gr}"))


def _effects(factor: FactorEffects) -> Iterator[_Line]:
    """Write the effects' distribution, b ~ Normal(0, sd) or b ~ MvNormal(0, Sigma), and the parts of Sigma."""
    b = subscript(identifier("b"), row(word(factor.name), operator("="), identifier("g")))
    sds = [subscript(word("sd"), word(f"{factor.name}, {effect}")) for effect in factor.sd_parameters]
    known: tuple[Element, ...] = ()
    heavy = (subscript(identifier("ν"), word(factor.name)),) if factor.is_heavy else ()
    if factor.kinship is not None:
        b = subscript(identifier("b"), word(factor.name))
        known = (subscript(identifier("K"), word(factor.name)), operator("⊗"))
    if len(sds) == 1:
        if known:
            variance = row(*known, superscript(sds[0], word("2")))
            yield b, operator("∼"), applied(word(_MULTIVARIATE), word("0"), variance)
        else:
            name = "StudentT" if heavy else "Normal"
            yield b, operator("∼"), applied(word(name), *heavy, word("0"), sds[0])
        return
    sigma, diagonal = (subscript(identifier(letter), word(factor.name)) for letter in ("Σ", "D"))
    name = "MvStudentT" if heavy else _MULTIVARIATE
    yield b, operator("∼"), applied(word(name), *heavy, word("0"), row(*known, sigma))
    parts = (diagonal, subscript(identifier("R"), word(factor.name)), diagonal) if factor.correlated else None
    yield sigma, operator("="), row(*parts) if parts else superscript(diagonal, word("2"))
    yield diagonal, operator("="), applied(word("diag"), *sds)
    if factor.structure.has_one_correlation:
        rho = subscript(identifier("ρ"), word(factor.name))
        power = row(operator("|"), identifier("i"), operator("−"), identifier("j"), operator("|"))
        entry = subscript(identifier("R"), row(word(factor.name), operator(","), identifier("i"), identifier("j")))
        yield entry, operator("="), rho if factor.structure.kind == "cs" else superscript(rho, power)


def _joint_prior(design: Design, priors: PriorSet) -> Iterator[_Line]:
    """Write the joint prior of several coefficients: MvNormal(mean, sigma^2 (X'X / n)^-1)."""
    if not priors.together:
        return
    stated = priors[BETA].arguments
    x = identifier("X") if not design.spec.intercept else subscript(identifier("X"), word("c"))
    inner = row(operator("("), superscript(x, operator("⊤")), x, operator("/"), identifier("n"), operator(")"))
    mean = word("0") if stated["mu"] == 0 else row(word(f"{stated['mu']:.4g}"), identifier("c"))
    spread = row(
        superscript(word(f"{stated['sigma']:.4g}"), word("2")), superscript(inner, row(operator("−"), word("1")))
    )
    yield identifier("β"), operator("∼"), applied(word(_MULTIVARIATE), mean, spread)


def _joined(joined: JoinedFactor) -> Iterator[_Line]:
    """Write the distribution of effects over a factor that are correlated across predictors."""
    level = row(word(joined.factor), operator("="), identifier("g"))
    sigma, diagonal, corr = (subscript(identifier(letter), word(joined.factor)) for letter in ("Σ", "D", "R"))
    yield subscript(identifier("b"), level), operator("∼"), applied(word(_MULTIVARIATE), word("0"), sigma)
    yield sigma, operator("="), row(diagonal, corr, diagonal)
    shown = [f"{part}: {effect}" if part else effect for part, effects in joined.parts for effect in effects]
    sds = [subscript(word("sd"), word(f"{joined.factor}, {effect}")) for effect in shown]
    yield diagonal, operator("="), applied(word("diag"), *sds)


def _common(name: str, of: str = "") -> Element:
    beta = subscript(identifier("β"), word(f"{of}: {name}" if of else name))
    return beta if name == INTERCEPT else row(beta, _of_row(word(name)))


def _varying(factor: FactorEffects, effect: str) -> Element:
    if factor.has_members:
        level = row(word(factor.name), operator("="), identifier("g"))
        b = subscript(identifier("b"), level) if factor.names == (INTERCEPT,) else _b(level, effect)
        share = subscript(identifier("w"), row(identifier("i"), operator(","), identifier("g")))
        total = row(subscript(operator("∑"), identifier("g")), share, b)
        return total if effect == INTERCEPT else row(total, _of_row(word(effect)))
    level = row(word(factor.name), operator("["), identifier("i"), operator("]"))
    if factor.names == (INTERCEPT,):
        return subscript(identifier("b"), level)
    return _b(level, effect) if effect == INTERCEPT else row(_b(level, effect), _of_row(word(effect)))


def _b(level: Element, effect: str) -> Element:
    return subscript(identifier("b"), row(level, operator(","), word(effect)))


def _of_row(name: Element) -> Element:
    return subscript(name, identifier("i"))


def _eta() -> Element:
    return _of_row(identifier("η"))


def _threshold_effect() -> Element:
    return subscript(word("cs"), row(identifier("i"), operator(","), identifier("k")))


def _inverse(link: Link) -> Element:
    if link.as_function:
        return word(link.as_function)
    return superscript(word(link.name), row(operator("−"), word("1")))
