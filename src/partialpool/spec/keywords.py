"""Arguments that a function does not have: four-part errors, with what to write instead of other packages' keywords."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import Any, Final

from partialpool.errors import KeywordError, nearest
from partialpool.spec.whitelist import WEIGHTS

__all__ = ["explains_keywords"]

_ROWS: Final = "pass the table as the second argument: pp.{function}(fit, newdata)"
_SCALE: Final = (
    "leave it out: the answer has ['expectation'] on the response's scale, ['linear_predictor'] on the link's, and "
    "['response'], new responses"
)
_INTERVALS: Final = "leave it out, and pass the answer on: pp.summary(answer, prob=0.9)"
_ZEROS: Final = (
    "write family='zero_inflated_poisson' or 'zero_inflated_negative_binomial', whose parameter zi is the probability "
    "of an extra zero, or a hurdle family with hu; predictors of it follow in the formula: 'y ~ x, zi ~ z'"
)
_DISPERSION: Final = (
    "write predictors of the family's parameter in the formula, on the scale of its link: 'y ~ x, sigma ~ arm', or "
    "'count ~ x, alpha ~ arm' for negative_binomial; an sd for each category of a normal response is sigma ~ 0 + arm"
)
_ELSEWHERE: Final[tuple[tuple[str, str, str], ...]] = (
    ("tune", "iter n_samples samples ndraws num_samples", "write draws=1000, the kept draws per chain"),
    ("tune", "warmup burn burnin num_warmup n_tune", "write tune=1000, the warm-up draws per chain"),
    ("tune", "thin", "leave it out; fit.posterior.isel(draw=slice(None, None, 5)) has every fifth draw"),
    ("seed", "random_seed random_state rng rng_key", "write seed=1"),
    ("chains", "n_chains num_chains", "write chains=4"),
    ("target_accept", "adapt_delta control", "write target_accept=0.95"),
    ("engine", "method algorithm backend inference_method", "write engine='auto', or an engine's name"),
    ("priors", "prior", "write priors={'sd_g': pp.Prior('HalfNormal', sigma=1)}"),
    ("family", "offset", "write offset(log(n)) as a term of the formula"),
    ("new_rows", "priors draws tune chains engine model", "leave it out: an update keeps the fit's model and settings"),
    ("family", "weights", WEIGHTS),
    ("family", "precision frequency", "write it in the formula: y | precision(w) ~ x, or y | frequency(n) ~ x"),
    ("family", "cens censoring censored event status", "write it in the formula: y | cens(status) ~ x"),
    ("family", "trunc truncated truncation lb ub", "write it in the formula: y | trunc(lb=0, ub=10) ~ x"),
    ("family", "sigma alpha phi nu", _DISPERSION),
    (
        "family",
        "residual correlation correlations autocor",
        "write it in the formula: y ~ x + ar(time, gr=subject), cosy(gr=subject) or unstr(visit, gr=subject)",
    ),
    ("family", "cs", "write it in the formula: y ~ z + cs(x)"),
    ("family", "smooths", "write it in the formula: y ~ x + s(x)"),
    ("family", "nAGQ", "leave it out: draws need no quadrature, and maximum_likelihood chooses its own"),
    ("reml", "REML", "write reml=True for restricted maximum likelihood"),
    ("family", "ziformula zi hu zi_formula", _ZEROS),
    ("family", "dispformula disp_formula dispersion sigma_formula", _DISPERSION),
    ("family", "REML reml", "call maximum_likelihood(formula, data, reml=True) for the point estimate"),
    ("missing", "na_action dropna", "write missing='drop' or missing='error'"),
    ("family", "subset", "pass the rows that are meant, for instance data[data['x'] > 0]"),
    ("family", "groups re_formula vc_formula group", "write (1 + x | g) as a term of the formula"),
    ("new_levels", "newdata new_data data_new newData table", _ROWS),
    ("new_levels", "allow_new_levels allow_new sample_new_levels sample_new_groups", "write new_levels='sample'"),
    (
        "kind",
        "re_formula re_form include_group_specific random_effects level",
        "write kind='conditional' (re_formula=NULL), kind='typical' (re_formula=NA: all effects 0), or kind='marginal' "
        "(the population's mean); kind={'g': 'typical'} leaves out the effects of one factor",
    ),
    ("new_levels", "type scale transform", _SCALE),
    ("new_levels", "interval se_fit se probs summary ci hdi_prob prob", _INTERVALS),
    ("draws", "ndraws n_draws nsamples num_draws", "write draws=100, for a part of the draws"),
    ("prob", "ci ci_prob hdi_prob level conf_level alpha probs interval", "write prob=0.9"),
    ("factor", "group groups by grouping", "write factor='g', the name of the grouping factor"),
    ("title", "main suptitle plot_title", "write title='...'"),
    (
        "title",
        "ax axes axis fig figure",
        "leave it out: the picture is a figure of its own, and figure.axes are its panels",
    ),
    ("title", "figsize size width height", "leave it out, and call figure.set_size_inches(8, 5) of the figure"),
    ("fit", "ci ci_prob hdi_prob conf_level prob probs", _INTERVALS),
)
"""Another argument by which to recognise the function, keywords of other packages, and what to write there."""
_WITHOUT_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "compare": "pass the fits as one dictionary or list: pp.compare({'slopes': fit, 'intercepts': other})",
        "icc": "the answer has every factor: pp.icc(fit)['icc'].sel(factor='g')",
        "variance_components": "the answer has every factor: pp.variance_components(fit)['sd'].sel(factor='g')",
        "singularity": "the answer has every factor: pp.singularity(fit)",
        "to_frame": "the result is a data frame, which can write files: pp.to_frame(answer).to_csv('x.csv')",
        "draws_frame": "the result is a data frame, which can write files: pp.draws_frame(fit).to_csv('x.csv')",
    }
)
"""By function, what to write instead of too many arguments."""
_LONGEST: Final = 40
"""Most characters of a value that a message repeats."""


def explains_keywords[**Arguments, Result](function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function refuse wrong arguments in four parts, with advice on keywords of other packages.

    Examples
    --------
    >>> @explains_keywords
    ... def fit(model, *, tune=1000, draws=1000): ...
    >>> fit("y ~ x", iter=2000)
    Traceback (most recent call last):
        ...
    partialpool.errors.KeywordError: fit() does not have the keyword 'iter'
      got:     iter=2000
      allowed: 'model', 'tune', 'draws'
      do:      write draws=1000, the kept draws per chain
    >>> fit("y ~ x", 2000)
    Traceback (most recent call last):
        ...
    partialpool.errors.KeywordError: fit() has 1 argument that needs no name
      got:     2 arguments without a name, the last 2000
      allowed: fit(model, tune=..., draws=...)
      do:      write the name of every argument after model, for instance tune=2000
    """
    whole = inspect.signature(function)
    parameters = list(whole.parameters.values())
    bound = int(bool(parameters) and parameters[0].name in ("self", "cls"))
    signature = whole.replace(parameters=parameters[bound:])
    name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @wraps(function)
    def explained(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            signature.bind(*args[bound:], **kwargs)
        except TypeError as error:
            raise _refused(name, signature, args[bound:], kwargs, str(error)) from None
        return function(*args, **kwargs)

    return explained


def _refused(
    function: str, signature: inspect.Signature, args: tuple[object, ...], kwargs: Mapping[str, object], reason: str
) -> KeywordError:
    """Find what is wrong with the arguments of a call."""
    parameters = signature.parameters.values()
    placed = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    known = (*placed, *named)
    for name, value in kwargs.items():
        if name not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return _unknown(function, name, value, known)
    call = f"{function}({', '.join([*placed, *(f'{name}=...' for name in named)])})"
    if len(args) > len(placed):
        return _too_many(function, (placed, [name for name in named if name not in kwargs]), args, call)
    lacking = [name for name in placed[len(args) :] if name not in kwargs and _is_required(signature, name)]
    lacking += [name for name in named if name not in kwargs and _is_required(signature, name)]
    twice = [name for name in placed[: len(args)] if name in kwargs]
    given = [*map(_short, args), *(f"{name}={_short(value)}" for name, value in kwargs.items())]
    return KeywordError(
        f"{function}() is called without {' and '.join(map(repr, lacking))}" if lacking else f"{function}(): {reason}",
        got=", ".join(given) or "nothing",
        allowed=call,
        do=f"pass {', '.join(lacking)} too" if lacking else f"pass {', '.join(twice) or 'each argument'} once",
    )


def _is_required(signature: inspect.Signature, name: str) -> bool:
    return signature.parameters[name].default is inspect.Parameter.empty


def _too_many(function: str, names: tuple[list[str], list[str]], args: tuple[object, ...], call: str) -> KeywordError:
    """Refuse arguments without a name where there are more than may have none."""
    placed, named = names
    count = len(placed)
    usual = "leave out the others"
    if named:
        last = f"after {placed[-1]}" if placed else ""
        usual = f"write the name of every argument {last}, for instance {named[0]}={_short(args[count])}"
    return KeywordError(
        f"{function}() has {count} argument{'s that need' if count != 1 else ' that needs'} no name",
        got=f"{len(args)} arguments without a name, the last {_short(args[-1])}",
        allowed=call,
        do=_WITHOUT_NAMES.get(function, usual),
    )


def _unknown(function: str, name: str, value: object, known: tuple[str, ...]) -> KeywordError:
    advice = (do for own, others, do in _ELSEWHERE if own in known and name in others.split())
    return KeywordError(
        f"{function}() does not have the keyword {name!r}",
        got=f"{name}={_short(value)}",
        allowed=nearest(name, known),
        do=next(advice, "use one of these keywords").replace("{function}", function),
    )


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _LONGEST else "..."
