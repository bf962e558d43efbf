"""Say whether a straight line would do in place of a smooth, by the findings of `singularity`."""

from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.simplify import without_smooth
from partialpool.fitting.fit import Fit
from partialpool.fitting.varying_terms import read_label

__all__ = ["straight_line_in_words"]

_ZERO: Final = 1e-4
"""Sd in units of the residual's below which it counts as 0 at maximum likelihood, as in `singularity`."""


def straight_line_in_words(fit: Fit, found: xr.Dataset, name: str, parameter: str = "") -> str:
    """Return why a straight line (a constant, for a cyclic smooth) would do, and what tests it; empty if it would not.

    Parameters
    ----------
    fit, found
        A fit, and what `singularity` found.
    name
        The smooth, by its name in parameters: `s(x)`.
    parameter
        The parameter whose predictor it is in; empty for the mean.
    """
    labels = [read_label(str(term), tuple(fit.spec.parameters)) for term in found["term"].to_numpy()]
    own = found.isel(term=[k for k, label in enumerate(labels) if label[:2] == (name, parameter)])
    smooths = fit.spec.parameters[parameter].smooths if parameter else fit.spec.smooths
    smooth = next(one for one in smooths if one.name == name)
    shown = f"{name} of {parameter}" if parameter else name
    line = f"a {'constant' if smooth.bs == 'cc' else 'straight line'} would do"
    after, before = (_listed(own, which) for which in ("near_zero", "near_zero_prior"))
    mass = f"the sd of its departures is near zero with probability {after}"
    if not (own["undecided"] | ~own["supported"]).all():
        return ""
    simpler = without_smooth(fit.spec, name, parameter)
    if not np.isfinite(own["ml_relative"]).all():
        sure = line if not own["supported"].any() else f"the data do not determine whether {line}"
        compare = f"compare it with {simpler.to_formula()} by pp.compare"
        return f"{sure} for {shown}: {mass}, under the prior {before}; {compare}"
    flat = bool((own["ml_relative"] < _ZERO).all())
    why = "the sd of its departures is 0 at maximum likelihood" if flat else f"{mass}, and the AIC is no larger"
    return f"{line} for {shown}: {why}; pp.lrt({fit.spec.to_formula()!r}, {simpler.to_formula()!r}, table) tests it"


def _listed(own: xr.Dataset, which: str) -> str:
    """Write the masses of the curves: `0.12`; by category `0.12 (a), 0.03 (b)`."""
    masses = [f"{float(mass):.2f}" for mass in own[which]]
    labels = [str(term).rpartition(": ")[2] for term in own["term"].to_numpy()]
    return (
        masses[0] if len(masses) == 1 else ", ".join(f"{m} ({label})" for m, label in zip(masses, labels, strict=True))
    )
