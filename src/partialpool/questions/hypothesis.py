"""Hypotheses as inequalities between parameters or predictions, and their posterior probabilities."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.errors import SpecError, nearest
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import MEAN, MEDIAN, central_ends, mean_is_known, quantiles
from partialpool.questions.to_frame import draws_frame

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
_FEWEST: Final = 2
"""Fewest draws that have an sd."""
_LONGEST: Final = 400
"""Most characters of a claim."""


def hypothesis(answer: Fit | xr.Dataset | xr.DataArray, *claims: str, prob: float = 0.95) -> pd.DataFrame:
    """Return the posterior probability of each claim, which is an inequality.

    Parameters
    ----------
    answer
        A fit, or draws that a function of a fit returns.
    claims
        Inequalities between expressions of quantities, named as in `draws_frame`: `"sd_Subject[Days] > 5"`,
        `"abs(beta[Days]) < 0.5"` for a region of practical equivalence. Of a fit, a fixed effect may be written without
        `beta[...]`: `"Days > 0"`.
    prob
        Probability of the central interval of the difference.

    Returns
    -------
    pandas.DataFrame
        A row for each claim: `hypothesis`; `estimate`, `std_error`, `conf_low` and `conf_high` of the left side less
        the right side, as in `to_frame`; `probability` of the claim, the share of draws for which it is true;
        `evidence_ratio`, that over the probability of the opposite, infinite if no draw contradicts the claim.

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
    >>> found["probability"].round(1).tolist()
    [1.0, 0.0]
    """
    ends = central_ends(prob)
    draws = draws_frame(answer).drop(columns=["chain", "draw"])
    known = {name: draws[name].to_numpy() for name in draws.columns}
    for name in draws.columns if isinstance(answer, Fit) else ():
        short = name.removeprefix("beta[").removesuffix("]")
        if name.startswith("beta[") and short not in known:
            known[short] = known[name]
    return pd.DataFrame([_judge(claim, known, ends) for claim in _claims(claims)])


def _claims(claims: tuple[str, ...]) -> tuple[str, ...]:
    if not claims or not all(isinstance(claim, str) for claim in claims):
        raise SpecError(
            "a hypothesis must be text",
            got=repr(claims)[:60] if claims else "none",
            allowed=_ALLOWED,
            do="for instance pp.hypothesis(fit, 'Days > 0')",
        )
    return claims


def _judge(claim: str, known: Mapping[str, np.ndarray], ends: tuple[float, float]) -> dict[str, object]:
    """Evaluate one claim in every draw."""
    text, names = _with_placeholders(claim, known)
    if len(text) > _LONGEST:
        raise _unclear(claim[:60] + "...", f"it has more than {_LONGEST} characters", known)
    try:
        compared = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise _unclear(claim, "it cannot be read", known) from None
    if not isinstance(compared, ast.Compare) or len(compared.ops) != 1 or type(compared.ops[0]) not in _COMPARISONS:
        raise _unclear(claim, "it is not an inequality of two sides", known)
    values = {place: known[name] for place, name in names.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        try:
            left = _evaluate(compared.left, values, claim, known)
            right = _evaluate(compared.comparators[0], values, claim, known)
        except ArithmeticError:
            raise _unclear(claim, "a number is too large, or divided by 0", known) from None
        difference = np.broadcast_to(left - right, len(next(iter(known.values())))).astype(float)
        true = _COMPARISONS[type(compared.ops[0])](difference, 0.0)
    known_mean = mean_is_known(difference)
    low, high = quantiles(difference, ends)
    against = float((~true).mean())
    return {
        "hypothesis": claim,
        "estimate": float((MEAN if known_mean else MEDIAN).of(difference)),
        "std_error": float(difference.std(ddof=1)) if known_mean and len(difference) >= _FEWEST else np.nan,
        "conf_low": float(low),
        "conf_high": float(high),
        "probability": 1.0 - against,
        "evidence_ratio": (1.0 - against) / against if against > 0.0 else np.inf,
    }


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


def _evaluate(node: ast.AST, values: Mapping[str, np.ndarray], claim: str, known: Mapping[str, np.ndarray]) -> Any:
    """Evaluate one side; nothing but arithmetic of quantities and numbers is understood."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_evaluate(operand, values, claim, known))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            sides = (_evaluate(side, values, claim, known) for side in (left, right))
            return _ARITHMETIC[type(op)](*sides)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_evaluate(argument, values, claim, known))
    raise _unclear(claim, f"{ast.unparse(node)!r} is not known", known)


def _unclear(claim: str, wrong: str, known: Mapping[str, np.ndarray]) -> SpecError:
    return SpecError(
        f"a hypothesis is not understood: {wrong}",
        got=claim,
        allowed=f"{_ALLOWED}; quantities: {nearest(claim, known)}",
        do="write an inequality of quantities that draws_frame lists; for equality, abs(x) < what is negligible",
    )
