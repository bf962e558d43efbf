"""Keywords of other packages: what to write here instead."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Final

from partialpool.errors import KeywordError, nearest

__all__ = ["explains_keywords"]

_WEIGHTS: Final = (
    "state what the weights mean: y | se(s) for known standard errors, p(successes, n) for trials, offset(log(n)) for "
    "exposure; repeat rows that stand for several equal ones"
)
_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("iter", "n_samples", "samples", "ndraws", "num_samples"), "write draws=1000, the kept draws per chain"
        ),
        **dict.fromkeys(
            ("warmup", "burn", "burnin", "num_warmup", "n_tune"), "write tune=1000, the warm-up draws per chain"
        ),
        "thin": "leave it out; fit.posterior.isel(draw=slice(None, None, 5)) has every fifth draw",
        **dict.fromkeys(("random_seed", "random_state", "rng", "rng_key"), "write seed=1"),
        **dict.fromkeys(("n_chains", "num_chains"), "write chains=4"),
        **dict.fromkeys(("adapt_delta", "control"), "write target_accept=0.95"),
        **dict.fromkeys(
            ("method", "algorithm", "backend", "inference_method"), "write engine='auto', or an engine's name"
        ),
        "prior": "write priors={'sd_g': pp.Prior('HalfNormal', sigma=1)}",
        "offset": "write offset(log(n)) as a term of the formula",
        "weights": _WEIGHTS,
        "nAGQ": "leave it out: draws need no quadrature, and maximum_likelihood chooses its own",
        **dict.fromkeys(("REML", "reml"), "call maximum_likelihood(formula, data, reml=True) for the point estimate"),
        **dict.fromkeys(("na_action", "dropna"), "write missing='drop' or missing='error'"),
        "subset": "pass the rows that are meant, for instance data[data['x'] > 0]",
        **dict.fromkeys(("groups", "re_formula", "vc_formula", "group"), "write (1 + x | g) as a term of the formula"),
    }
)
"""By keyword, what to write."""
_LONGEST: Final = 40
"""Most characters of a value that a message repeats."""


def explains_keywords[**Arguments, Result](function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function refuse unknown keywords in four parts, with advice on those of other packages.

    Examples
    --------
    >>> @explains_keywords
    ... def fit(model, *, draws=1000): ...
    >>> fit("y ~ x", iter=2000)
    Traceback (most recent call last):
        ...
    partialpool.errors.KeywordError: fit() does not have the keyword 'iter'
      got:     iter=2000
      allowed: 'model', 'draws'
      do:      write draws=1000, the kept draws per chain
    """
    known = tuple(inspect.signature(function).parameters)

    @wraps(function)
    def explained(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        for name, value in kwargs.items():
            if name not in known:
                raise _unknown(function.__name__, name, value, known)
        return function(*args, **kwargs)

    return explained


def _unknown(function: str, name: str, value: object, known: tuple[str, ...]) -> KeywordError:
    shown = repr(value)
    return KeywordError(
        f"{function}() does not have the keyword {name!r}",
        got=f"{name}={shown if len(shown) <= _LONGEST else '...'}",
        allowed=nearest(name, known),
        do=_ELSEWHERE.get(name, "use one of these keywords"),
    )
