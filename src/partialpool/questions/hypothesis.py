"""Hypotheses as inequalities between parameters or predictions, and their posterior probabilities."""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeGuard

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.errors import SpecError, nearest
from partialpool.fitting.fit import Fit
from partialpool.intervals import DEFAULT_PROB
from partialpool.names import b_name
from partialpool.questions.to_frame import draws_frame, to_frame
from partialpool.spec.keywords import explains_keywords

__all__ = ["hypothesis"]

_COMPARISONS: Final = MappingProxyType({ast.Gt: operator.gt, ast.Lt: operator.lt})
_ARITHMETIC: Final[Mapping[type, Callable[..., Any]]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
    }
)
_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"abs": np.abs, "exp": np.exp, "log": np.log, "sqrt": np.sqrt}
)
_ALLOWED: Final = "quantities, numbers, + - * / **, abs, exp, log, sqrt, and one < or > in each"
_QUANTILES: Final = 20_000
"""Quantiles of a prior that stand for it."""
_LONGEST: Final = 400
"""Most characters of a claim."""


class _Unclear(Exception):
    """Why a claim is not understood."""


@explains_keywords
def hypothesis(answer: Fit | xr.Dataset | xr.DataArray, *claims: str, prob: float = DEFAULT_PROB) -> pd.DataFrame:
    """Return the posterior probability of each claim, which is an inequality.

    Parameters
    ----------
    answer
        A fit, or draws that a function of a fit returns; or a study from `prior_grid`, for the probability of each
        claim under each of its priors.
    claims
        Inequalities between expressions of quantities, named as in `draws_frame`: `"sd_Subject[Days] > 5"`,
        `"abs(beta[Days]) < 0.5"` for a region of practical equivalence. Of a fit, a fixed effect may be written without
        `beta[...]`: `"Days > 0"`; so of a study.
    prob
        Probability of the central interval.

    Returns
    -------
    pandas.DataFrame
        A row for each claim: `hypothesis`; `estimate`, `std_error`, `conf_low` and `conf_high`, as in `to_frame`, of
        what is compared with a number, which is the `threshold`: of `Days`, with the threshold 5, for `"Days > 5"`; if
        both sides have quantities, of the left side less the right side, with the threshold 0; `probability` of the
        claim, the share of draws for which it is true; `evidence_ratio`, that over the probability of the opposite,
        infinite if no draw contradicts the claim. Of a study a row for each claim and prior, with the columns `prior`
        and `prior_probability`, the probability of the claim before the data, which is missing unless the claim has a
        single quantity with a prior of its own; other numbers are missing where the fit failed.

    Raises
    ------
    SpecError
        A claim is not an inequality of known quantities.
    DataError
        There are no draws.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> found = pp.hypothesis(fit, "Days > 5", "sd_Subject[Intercept] > 10 * sd_Subject[Days]")
    >>> found["probability"].round(1).tolist(), found["threshold"].tolist()
    ([1.0, 0.0], [5.0, 0.0])
    """
    if _is_study(answer):
        return _under_each_prior(answer, _claims(claims), prob)
    known = _quantities(answer, short=isinstance(answer, Fit))
    advice = partial(_advice, answer)
    return _judged([(claim, *_sides(claim, known, advice)) for claim in _claims(claims)], prob)


def _is_study(answer: Fit | xr.Dataset | xr.DataArray) -> TypeGuard[xr.Dataset]:
    """Whether an answer is a study of `prior_grid`, not yet reduced to one prior."""
    if not isinstance(answer, xr.Dataset) or "prior" not in answer.dims:
        return False
    return any(str(name).startswith("prior_of_") for name in answer.coords)


def _under_each_prior(study: xr.Dataset, claims: tuple[str, ...], prob: float) -> pd.DataFrame:
    """Judge claims under each prior of a study; rows in the order of the claims, then of the priors."""
    followed = study[[name for name, values in study.data_vars.items() if {"chain", "draw"} <= set(values.dims)]]
    tables, priors = [], json.loads(study.attrs.get("priors", "{}"))
    for place, label in enumerate(study["prior"].to_numpy()):
        known = _quantities(followed.isel(prior=place).reset_coords(drop=True), short=True)
        sides = [(claim, *_sides(claim, known, partial(_advice, study))) for claim in claims]
        table = _judged(sides, prob)
        unknown = [not np.isfinite(shown).any() for _, shown, _, _ in sides]
        numbers = ~table.columns.isin(["hypothesis", "threshold"])
        table.loc[unknown, numbers] = np.nan  # the fit under this prior failed
        table.insert(1, "prior", str(label))
        own = [_prior_probability(claim, known, priors.get(str(label), {})) for claim in claims]
        table.insert(list(table.columns).index("probability"), "prior_probability", own)
        tables.append(table)
    return pd.concat(tables).sort_index(kind="stable", ignore_index=True)


def _prior_probability(claim: str, known: Mapping[str, np.ndarray], priors: Mapping[str, Any]) -> float:
    """Return the probability of a claim under a prior; NaN unless it has one quantity, which has a prior.

    Evenly spaced quantiles stand for the prior, so that the claim may have any function of the quantity.
    """
    names = set(_with_placeholders(claim, known)[1].values())
    stated = next((priors[full] for name in names for full in (name, f"beta[{name}]") if full in priors), None)
    if len(names) != 1 or stated is None:
        return np.nan
    distribution, arguments = stated
    values = frozen(Prior(distribution, **arguments)).ppf((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    return float(_sides(claim, {names.pop(): values}, lambda _: "")[1].mean())


def _quantities(answer: Fit | xr.Dataset | xr.DataArray, *, short: bool) -> dict[str, np.ndarray]:
    """Return the draws of each quantity, (draws,); fixed effects also without `beta[...]`, if they may be short."""
    draws = draws_frame(answer).drop(columns=["chain", "draw"])
    known = {name: draws[name].to_numpy() for name in draws.columns}
    for name in draws.columns if short else ():
        bare = name.removeprefix("beta[").removesuffix("]")
        if name.startswith("beta[") and bare not in known:
            known[bare] = known[name]
    return known


def _claims(claims: tuple[str, ...]) -> tuple[str, ...]:
    if not claims or not all(isinstance(claim, str) for claim in claims):
        raise SpecError(
            "a hypothesis must be text",
            got=repr(claims)[:60] if claims else "none",
            allowed=_ALLOWED,
            do="for instance pp.hypothesis(fit, 'Days > 0')",
        )
    return claims


def _sides(
    claim: str, known: Mapping[str, np.ndarray], advice: Callable[[str], str]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return what is compared in every draw, in which draws the claim is true, (draws,) each, and the threshold.

    What is compared is the side with quantities, and the other side is the threshold; if both have quantities, it is
    the left side less the right side, and the threshold is 0.
    """
    text, names = _with_placeholders(claim, known)
    try:
        if len(text) > _LONGEST:
            raise _Unclear(f"it has more than {_LONGEST} characters")
        compared = ast.parse(text.strip(), mode="eval").body
        if not isinstance(compared, ast.Compare) or len(compared.ops) != 1 or type(compared.ops[0]) not in _COMPARISONS:
            raise _Unclear("it is not an inequality of two sides")
        if not names:
            raise _Unclear("it names no quantity")
        values = {place: known[name] for place, name in names.items()}
        with np.errstate(invalid="ignore", divide="ignore"):
            left, right = (_evaluate(side, values) for side in (compared.left, compared.comparators[0]))
            true = np.asarray(_COMPARISONS[type(compared.ops[0])](left - right, 0.0))
            if np.ndim(left) and np.ndim(right):
                return np.asarray(left - right, float), true, 0.0
            shown, threshold = (left, right) if np.ndim(left) else (right, left)
            return np.asarray(shown, float), true, float(threshold)
    except _Unclear as reason:
        wrong = str(reason)
    except (SyntaxError, ValueError):
        wrong = "it cannot be read"
    except ArithmeticError:
        wrong = "a number is too large, or divided by 0"
    raise SpecError(
        f"a hypothesis is not understood: {wrong}",
        got=claim if len(claim) <= _LONGEST else f"{claim[:60]}...",
        allowed=f"{_ALLOWED}; quantities: {nearest(claim, known)}",
        do=advice(claim[:_LONGEST]),
    )


def _advice(answer: Fit | xr.Dataset | xr.DataArray, claim: str) -> str:
    """Advise on a claim that is not understood: levels are compared in the answer of `group_effects`."""
    for factor in answer.design.grouping if isinstance(answer, Fit) else ():
        labels = sorted(map(str, factor.levels.labels), key=len, reverse=True)
        label, effects = "|".join(map(re.escape, labels)), "|".join(map(re.escape, factor.names))
        variable = rf"(?:effects|{re.escape(factor.name)}|{re.escape(b_name(factor.name))})"
        named = rf"{variable}\[\s*(?P<own>{label})\s*(?:,\s*(?P<effect>{effects})\s*)?\]"
        pattern = rf"{named}|(?<![\w.\[])(?P<alone>{label})(?![\w.\]])"
        rewritten, count = re.subn(pattern, partial(_as_effect, factor.names[0]), claim)
        if count:
            return (
                "the effects of levels are compared in their own answer: "
                f'pp.hypothesis(pp.group_effects(fit, {factor.name!r}), "{rewritten}")'
            )
    return "write an inequality of quantities that draws_frame lists; for equality, abs(x) < what is negligible"


def _as_effect(first: str, found: re.Match[str]) -> str:
    """Write a level as the quantity that `draws_frame` names."""
    return f"effects[{found['own'] or found['alone']}, {found['effect'] or first}]"


def _judged(sides: list[tuple[str, np.ndarray, np.ndarray, float]], prob: float) -> pd.DataFrame:
    """Tabulate claims with what they compare, in every draw, their truth there, and their thresholds."""
    names, compared, true, thresholds = zip(*sides, strict=True)
    dims, coords = ("chain", "draw", "hypothesis"), {"hypothesis": list(names)}
    table = to_frame(xr.DataArray(np.stack(compared, axis=-1)[None], dims=dims, coords=coords), prob=prob)
    table["threshold"] = thresholds
    against = (~np.stack(true)).mean(axis=1)
    with np.errstate(divide="ignore"):
        table["probability"], table["evidence_ratio"] = 1.0 - against, (1.0 - against) / against
    return table.drop(columns=["term", "statistic"])


def _with_placeholders(claim: str, known: Mapping[str, np.ndarray]) -> tuple[str, dict[str, str]]:
    """Replace every quantity by a plain name, the longest first; return the text, and the quantity of each name."""
    used: dict[str, str] = {}
    longest_first = sorted(known, key=len, reverse=True)
    pattern = "|".join(re.escape(name) for name in longest_first)

    def place(found: re.Match[str]) -> str:
        name = f"quantity_{len(used)}"
        used[name] = found.group(1)
        return f" {name} "

    return re.sub(rf"(?<![\w.\]])({pattern})(?![\w\[(])", place, claim), used


def _evaluate(node: ast.AST, values: Mapping[str, np.ndarray]) -> Any:
    """Evaluate one side; nothing but arithmetic of quantities and numbers is understood."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_evaluate(operand, values))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_evaluate(left, values), _evaluate(right, values))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_evaluate(argument, values))
    raise _Unclear(f"{ast.unparse(node)!r} is not known")
