"""The quantities that a sensitivity study follows: every parameter, the ICC, and those that the user adds."""

import contextlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.joined_factors import joined_factors
from partialpool.errors import DataError, PartialPoolError, SpecError, in_words
from partialpool.fitting.fit import Fit
from partialpool.names import BETA, across_name, corr_name, names_of_predictor, nu_name, sd_name
from partialpool.questions.icc import icc

__all__ = [
    "NOTHING_MORE",
    "Quantity",
    "check_draws",
    "check_quantities",
    "follow",
    "follow_each",
    "in_words",
    "weighted_moments",
]

_FEWEST: Final = 100
_TAKEN: Final = frozenset({"prior", "level", "chain", "draw", "good", "quantity"})

Quantity = Callable[[Fit], xr.DataArray]
"""A function from a fit to labelled draws, dims (chain, draw, ...)."""
NOTHING_MORE: Final[Mapping[str, Quantity]] = MappingProxyType({})


def follow(fit: Fit, asked: Mapping[str, Quantity]) -> dict[str, np.ndarray]:
    """Return the draws of every quantity by name, (chains, draws): `sd_Subject[Days]`, `icc[Subject]`, the user's.

    Parameters
    ----------
    fit
        A fit.
    asked
        Further quantities, by name. Those that do not vary from draw to draw are left out.

    Raises
    ------
    SpecError
        A quantity that is not labelled draws.
    """
    check_quantities(asked)
    out = _always(fit)
    for name, ask in asked.items():
        out |= _asked(fit, name, ask, out)
    return {name: column for name, column in out.items() if np.ptp(column) > 0}


def follow_each(fit: Fit, asked: Mapping[str, Quantity]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Do as `follow`, one quantity at a time; return the draws, and the reason of each failure by name.

    Quantities that do not vary from draw to draw are kept too, since under another prior they may.
    """
    out, failed = _always(fit), {}
    for name, ask in asked.items():
        try:
            out |= _asked(fit, name, ask, out)
        except Exception as error:  # a quantity is a function of the user's
            failed[name] = in_words(error)
    return out, failed


def check_quantities(asked: Mapping[str, Quantity]) -> None:
    """Refuse quantities that are invalid for any fit.

    Raises
    ------
    SpecError
        A name that a dimension has; a quantity that is not a function.
    """
    for name, ask in asked.items():
        if name in _TAKEN:
            raise _taken(name)
        if not callable(ask):
            raise _not_draws(name, ask)


def weighted_moments(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sd of each quantity, (quantities,), of draws (quantities, draws) whose weights sum to 1."""
    mean = values @ weights
    return mean, np.sqrt(np.maximum((values - mean[:, None]) ** 2 @ weights, 0.0))


def check_draws(fit: Fit) -> None:
    """Refuse a fit with too few draws to judge their weights.

    Raises
    ------
    DataError
        Fewer than a hundred.
    """
    sizes = fit.posterior.sizes
    if sizes["chain"] * sizes["draw"] < _FEWEST:
        raise DataError(
            "importance weights cannot be judged from so few draws",
            got=f"{sizes['chain']} chains of {sizes['draw']} draws",
            allowed=f"{_FEWEST} draws or more in all",
            do="fit with more draws",
        )


def _always(fit: Fit) -> dict[str, np.ndarray]:
    """Return the draws of all parameters and, if there is one, of the ICC."""
    top = {BETA, *(name for name, _ in fit.spec.family_record.parameters)}
    top |= {name for f in fit.design.grouping for name in (sd_name(f.name), corr_name(f.name), nu_name(f.name))}
    top |= {across_name(joined.factor) for joined in joined_factors(fit.design)}
    curves = {sd_name(f.name): f for f in fit.design.factors if f.is_smooth}
    for parameter, other in fit.design.parameters.items():
        names = names_of_predictor(parameter, other.spec.parts_with_sds)
        top |= {names[BETA]}
        top |= {names[name] for f in other.grouping for name in (sd_name(f.name), corr_name(f.name))}
        curves |= {names[sd_name(f.name)]: f for f in other.factors if f.is_smooth}
    out: dict[str, np.ndarray] = {}
    for name, draws in fit.posterior.data_vars.items():
        if str(name) in top:
            out |= _columns(str(name), draws)
        elif str(name) in curves:
            smooth = curves[str(name)]
            own = draws.isel({draws.dims[-1]: list(smooth.structure.own_sds)})
            out |= _columns(str(name), own.assign_coords({own.dims[-1]: list(dict.fromkeys(smooth.curves))}))
    with contextlib.suppress(PartialPoolError):  # no groups, or no variance of the response: nothing to follow
        out |= _columns("icc", icc(fit)["icc"])
    return out


def _asked(fit: Fit, name: str, ask: Quantity, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Check one quantity and return its columns."""
    answer = ask(fit)
    if not isinstance(answer, xr.DataArray) or not {"chain", "draw"} <= set(answer.dims):
        raise _not_draws(name, answer)
    have, want = (tuple(of.sizes[d] for d in ("chain", "draw")) for of in (answer, fit.posterior))
    if have != want:
        raise SpecError(
            f"the quantity {name!r} has a different number of draws than its fit",
            got="{} chains of {} draws".format(*have),
            allowed="{} chains of {} draws".format(*want),
            do="keep every draw of the fit",
        )
    if not np.isfinite(answer.to_numpy()).all():
        raise SpecError(
            f"the quantity {name!r} has draws that are not finite numbers",
            got=f"{int((~np.isfinite(answer.to_numpy())).sum())} of {answer.size}",
            allowed="finite draws",
            do="leave out parts that are not defined in every draw",
        )
    added = _columns(name, answer)
    if set(added) & set(known):
        raise _taken(name)
    return added


def _taken(name: str) -> SpecError:
    return SpecError(
        f"the name {name!r} is taken",
        got=repr(name),
        allowed="a name that no parameter and no dimension has",
        do="call the quantity something else",
    )


def _not_draws(name: str, answer: object) -> SpecError:
    return SpecError(
        f"the quantity {name!r} is not labelled draws",
        got=type(answer).__name__,
        allowed="a function from a fit to an xarray.DataArray with dimensions chain and draw",
        do="pick one variable of an answer: lambda f: pp.icc(f)['icc']",
    )


def _columns(name: str, draws: xr.DataArray) -> dict[str, np.ndarray]:
    """Split labelled draws into columns; a correlation matrix above its diagonal."""
    dims = [d for d in draws.dims if d not in ("chain", "draw")]
    values = draws.transpose("chain", "draw", *dims).to_numpy()
    square = len(dims) == 2 and str(dims[1]) == f"{dims[0]}_bis"
    out = {}
    for place in np.ndindex(values.shape[2:]):
        if square and not place[0] < place[1]:
            continue
        labels = ", ".join(str(draws[d].to_numpy()[p]) for d, p in zip(dims, place, strict=True))
        # A copy, since a view would keep the whole array in memory.
        out[f"{name}[{labels}]" if labels else name] = values[(slice(None), slice(None), *place)].copy()
    return out
