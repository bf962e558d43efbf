"""Sentences that state the findings of `singularity`, and the advice."""

import numpy as np
import xarray as xr

from partialpool.design.identifiability import Dependency
from partialpool.fitting.fit import Fit
from partialpool.fitting.varying_terms import read_label
from partialpool.names import INTERCEPT
from partialpool.questions.straight_line_in_words import straight_line_in_words
from partialpool.tabulate import capitalised

__all__ = ["finding_in_words", "singularity_in_words"]


def singularity_in_words(
    fit: Fit, found: xr.Dataset, confounded: tuple[Dependency, ...], *, doubtful_intercept: bool
) -> str:
    """Return the finding and the advice, in sentences."""
    simpler = found.attrs["simpler"]
    keep = " Keep it if the design has it." if doubtful_intercept else ""
    if found["good"]:
        return f"{found.attrs['finding']}.{keep}"
    advice = f" A simpler model: {simpler}{fit.spec.beside_formula}." if simpler else _other_advice(confounded)
    return f"{found.attrs['finding']}.{keep}{advice}"


def _other_advice(confounded: tuple[Dependency, ...]) -> str:
    """Advise which of the effects to leave out that data of this design cannot separate."""
    if not confounded:
        return " No simpler model is advised."
    return f" Consider {'; '.join(dict.fromkeys(one.do for one in confounded))}."


def finding_in_words(fit: Fit, found: xr.Dataset, confounded: tuple[Dependency, ...]) -> str:
    """State which effects lack support, which correlations are extreme, and whether the classical fit is singular."""
    parts = [f"with this design {one.wrong}: {one.got}" for one in confounded]
    parameters = tuple(fit.spec.parameters)
    smooths = [("", smooth.name) for smooth in fit.spec.smooths]
    smooths += [(name, one.name) for name, other in fit.spec.parameters.items() for one in other.smooths]
    parts += [text for name, one in smooths if (text := straight_line_in_words(fit, found, one, name))]
    for k in np.flatnonzero(~found["supported"].to_numpy()):
        factor, parameter, effect = read_label(str(found["term"].to_numpy()[k]), parameters)
        if (parameter, factor) in smooths:
            continue
        if parameter:
            effect = f"{effect} of {parameter}"
        near = f"(near zero with probability {float(found['near_zero'][k]):.2f})"
        if effect == INTERCEPT:
            parts.append(f"the variation of the {INTERCEPT} over {factor} is estimated to be small {near}")
        else:
            parts.append(f"the data do not support that {effect} varies over {factor} {near}")
    for k in np.flatnonzero(found["piled"].to_numpy()):
        factor, _, effects = str(found["pair"].to_numpy()[k]).partition(": ")
        mass = float(found["extreme"][k])
        parts.append(
            f"{effects} over {factor} are nearly one effect (correlation near +-1 with probability {mass:.2f})"
        )
    for term in found["term"].to_numpy()[found["undecided"].to_numpy()]:
        factor, parameter, effect = read_label(str(term), parameters)
        if (parameter, factor) in smooths:
            continue
        effect = f"{effect} of {parameter}" if parameter else effect
        mass = float(found["near_zero"].sel(term=term))
        parts.append(
            f"the data do not determine whether {effect} varies over {factor} (near zero with probability {mass:.2f})"
        )
    said = _classical(found.attrs["ml_singular"], found.attrs["reml_singular"])
    if not parts:
        beside = f", although {said}" if "yes" in (found.attrs["ml_singular"], found.attrs["reml_singular"]) else ""
        what = ["every effect that varies"] if fit.spec.all_factors else []
        what += ["every curve"] if smooths else []
        return f"The data support {' and '.join(what)}{beside}"
    text = "; ".join([*parts, *([said] if said else [])])
    return capitalised(text)


def _classical(ml: str, reml: str) -> str:
    """Say whether the fits by maximum likelihood and by REML are singular; empty where there is neither.

    Examples
    --------
    >>> print(_classical("yes", "no"))
    the fit by maximum likelihood (ML) is singular, that by REML is not
    >>> print(_classical("no", "no"))
    the fits by maximum likelihood (ML) and by REML are not singular
    >>> print(_classical("yes", "no REML: a reason"))
    the fit by maximum likelihood (ML) is singular
    """
    words = {"yes": "singular", "no": "not singular"}
    if ml not in words:
        return ""
    if reml not in words:
        return f"the fit by maximum likelihood (ML) is {words[ml]}"
    if ml == reml:
        return f"the fits by maximum likelihood (ML) and by REML are {words[ml]}"
    return f"the fit by maximum likelihood (ML) is {words[ml]}, that by REML is{' not' if reml == 'no' else ''}"
