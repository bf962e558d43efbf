"""A model written as a formula."""

from typing import TYPE_CHECKING

from partialpool.spec.additions import CENS, TRUNC
from partialpool.spec.whitelist import quote_name

if TYPE_CHECKING:
    from partialpool.spec.model import ModelSpec

__all__ = ["write_formula"]


def write_formula(spec: "ModelSpec") -> str:
    """Write the formula of a model, without family, link, priors, covariances and origins."""
    stated = [f"{name}({quote_name(column)})" for name, column in spec.columns_of_rows.items()]
    said = " + ".join(
        [*stated, *(f"{name}({text})" for name, text in ((CENS, spec.cens), (TRUNC, spec.trunc)) if text)]
    )
    left = f"{spec.response} | {said}" if said else spec.response
    right = ([] if spec.intercept else ["0"]) + [*spec.common]
    right += [f"cs({' + '.join(spec.cs)})"] if spec.cs else []
    right += [f"offset({o})" for o in spec.offsets]
    if not right or (spec.offsets and not spec.common and not spec.cs and spec.intercept):
        right.insert(0, "1")
    right += [*map(str, spec.smooths), *map(str, spec.groups), *([str(spec.residual)] if spec.residual else [])]
    strata = f", sigma ~ 0 + {':'.join(map(quote_name, spec.sigma))}" if spec.sigma else ""
    others = "".join(f", {name} ~ {predictor}" for name, predictor in spec.parameters.items())
    return f"{left} ~ {' + '.join(right)}{strata}{others}"
