"""Report on sensitivity to the priors: power scaling, a study over priors of the sds, and two sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.distributions.prior import Prior
from partialpool.errors import DataError
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.model.default_priors import default_priors
from partialpool.model.variance_prior import decompose, is_decomposed
from partialpool.names import BETA, ICC, SIGMA, TOTAL_SD, sd_name
from partialpool.questions.power_scale import NEAR, ROBUST, STRONG_PRIOR, PowerScaling, power_scale
from partialpool.questions.prior_grid import prior_grid
from partialpool.questions.quantities import NOTHING_MORE, Quantity, follow
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import TextTable, listed, number

__all__ = ["SensitivityVerdict", "sensitivity_report"]

_SCALES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the default prior's scale."""
MOVES: Final = 0.5
"""A quantity moves if its posterior median ranges over at least this many posterior sds."""


@dataclass(frozen=True, eq=False, repr=False)
class SensitivityVerdict:
    """What a sensitivity report found; prints as tables that end in two sentences.

    Attributes
    ----------
    power
        Power-scaling sensitivity.
    study
        The study over priors of the sds, as returned by `prior_grid`; None if refits are slow.
    ranges
        By quantity: `lowest` and `highest` posterior median over the study and the fit itself, `sd`, the median of the
        posterior sds, `moves`. Empty without a study.
    sentences
        Which quantities move and which do not.
    """

    power: PowerScaling
    study: xr.Dataset | None
    ranges: pd.DataFrame
    sentences: tuple[str, str]

    def __str__(self) -> str:
        parts = [str(self.power)]
        if self.study is not None:
            rows = tuple(
                (
                    str(name),
                    number(row["lowest"]),
                    number(row["highest"]),
                    number(row["sd"]),
                    "moves" if row["moves"] else "",
                )
                for name, row in self.ranges.iterrows()
            )
            varied = "of the sds" if f"prior_of_{ICC}" not in self.study.coords else "of ICC, total sd and shares"
            title = f"Posterior medians under {self.study.sizes['prior']} priors {varied}"
            parts.append(str(TextTable(("", "lowest", "highest", "posterior sd", ""), rows, title=title)))
        return "\n\n".join([*parts, " ".join(self.sentences)])

    __repr__ = __str__


@explains_keywords
@of_first_table
def sensitivity_report(
    fit: Fit,
    quantities: Mapping[str, Quantity] = NOTHING_MORE,
    *,
    jobs: int = -1,
    seed: int | None = None,
    progressbar: bool = True,
) -> SensitivityVerdict:
    """Assess sensitivity to the priors by power scaling and, for the collapsed engine, by refits under other priors.

    The study gives the sds of all group effects HalfNormal, HalfStudentT(3) and Exponential priors at a quarter to
    four times the default's scale, 15 fits; for a fit with a joint prior it tries five priors of the ICC, with three of
    the total sd if that is free. A quantity moves if its posterior median ranges over half a posterior sd.

    Parameters
    ----------
    fit
        A fit with grouping factors. A NUTS fit is judged by power scaling alone, since each refit would be compiled.
    quantities
        Further quantities to follow, by name, as for `power_scale`.
    jobs
        Number of processes of the study.
    seed
        Seed of the study.
    progressbar
        Whether to show the progress of the study.

    Returns
    -------
    SensitivityVerdict
        Prints as tables and two sentences.

    Raises
    ------
    DataError
        No grouping factor.

    Examples
    --------
    >>> import partialpool as pp
    >>> schools = pp.load_dataset("eight_schools")
    >>> fit = pp.fit("effect ~ 1 + (1 | school)", schools, se="standard_error", seed=1, progressbar=False)
    >>> print(pp.sensitivity_report(fit, jobs=1, seed=1, progressbar=False).sentences[1])
    beta[Intercept] does not move.
    """
    if not fit.design.grouping:
        raise DataError(
            "priors of group sds need groups", got=f"{fit.spec}", allowed="a model with a grouping term", do="add one"
        )
    power = power_scale(fit, quantities, seed=seed)
    sensitive = [str(name) for name in power.frame.index[~power.frame["diagnosis"].isin((ROBUST, NEAR))]]
    if not fit.run.card.refits_cheaply:
        return SensitivityVerdict(power, None, pd.DataFrame(), _sentences(fit, power, pd.DataFrame(), sensitive))
    study = prior_grid(
        fit.spec, fit.design.frame, _combinations(fit), quantities, jobs=jobs, seed=seed, progressbar=progressbar
    )
    ranges = _ranges(study, follow(fit, quantities))
    moving = [*ranges.index[ranges["moves"]], *(name for name in sensitive if not ranges["moves"].get(name, False))]
    return SensitivityVerdict(power, study, ranges, _sentences(fit, power, ranges, moving))


def _combinations(fit: Fit) -> list[dict[str, Prior]]:
    """Return one family and multiple of the default scales for all sds at a time, or joint priors for a joint one."""
    if is_decomposed(fit.priors):
        return _joint_combinations(fit)
    defaults = default_priors(fit.design)
    scales = {
        name: float(defaults[name].arguments["sigma"])
        for factor in fit.design.factors
        for name in (f"{sd_name(factor.name)}[{effect}]" for effect in dict.fromkeys(factor.sd_parameters))
    }
    families = (
        lambda s: Prior("HalfNormal", sigma=s),
        lambda s: Prior("HalfStudentT", nu=3, sigma=s),
        lambda s: Prior("Exponential", lam=1 / s),
    )
    return [{name: family(times * s) for name, s in scales.items()} for times in _SCALES for family in families]


def _joint_combinations(fit: Fit) -> list[dict[str, Prior]]:
    """Return priors of the ICC, flat to informative, of the total sd at half to double its scale, and of the split."""
    alike = [Prior("Beta", alpha=a, beta=b) for a, b in ((1, 1), (0.5, 0.5), (2, 2), (1, 3), (3, 1))]
    totals: list[dict[str, Prior]] = [{}]
    if TOTAL_SD in fit.priors:
        scale = float(default_priors(fit.design)[SIGMA].arguments["sigma"]) * fit.design.mean_inverse_precision**0.5
        totals = [{TOTAL_SD: Prior("HalfStudentT", nu=3, sigma=times * scale)} for times in (1, 0.5, 2)]
    parts = decompose(fit.design)

    def split(a: float) -> dict[str, Prior]:
        return {name: Prior("Dirichlet", a=a) for name in parts.shares if parts.is_split}

    tried = [{ICC: prior, **total, **split(1)} for total in totals for prior in alike]
    return tried + [{ICC: alike[0], **totals[0], **split(a)} for a in (0.5, 3) if parts.is_split]


def _ranges(study: xr.Dataset, followed: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return ranges over the study and the fit itself, since the user's prior may be far from all of the study's."""
    rows = {}
    for name, draws in followed.items():
        if name not in study:
            continue
        medians = np.append(study[name].median(("chain", "draw")).to_numpy(), np.median(draws))
        low, high = float(np.nanmin(medians)), float(np.nanmax(medians))
        sd = float(np.nanmedian(study[name].std(("chain", "draw")).to_numpy()))
        rows[name] = {"lowest": low, "highest": high, "sd": sd, "moves": bool(high - low > MOVES * sd)}
    return pd.DataFrame(rows).T.astype({"lowest": float, "highest": float, "sd": float, "moves": bool})


def _levels_behind(fit: Fit, names: list[str]) -> str:
    """Count the levels of the factors that quantities belong to; empty where they name none."""
    named = [f for f in fit.design.grouping if any(f"_{f.name}" in n or f"[{f.name}" in n for n in names)]
    return ", ".join(f"{factor.n_levels} levels of {factor.name}" for factor in named)


def _sentences(fit: Fit, power: PowerScaling, ranges: pd.DataFrame, moving: list[str]) -> tuple[str, str]:
    """State what moves, the ICC first, and with how many levels; then what does not, fixed effects first."""
    levels = ", ".join(f"{factor.n_levels} levels of {factor.name}" for factor in fit.design.grouping)
    studied = len(ranges) > 0
    if not moving:
        tried = "with the priors that were tried, nor with" if studied else "with"
        second = _near(power, moving) or f"With {levels} the data determine the answers."
        return f"No answer moves {tried} powers of its priors near 1.", second.strip()
    moving = sorted(moving, key=lambda name: not name.startswith("icc"))
    span = {str(n): (float(r["lowest"]), float(r["highest"])) for n, r in ranges.iterrows() if bool(r["moves"])}
    said = [
        f"{name} moves from {number(span[name][0])} to {number(span[name][1])} over these priors"
        if name in span
        else f"{name} is sensitive to the priors as they are"
        for name in moving[:3]
    ]
    more = f", and {len(moving) - 3} more" if len(moving) > 3 else ""
    # If the data hardly inform what moves, the prior dominates; otherwise it is only influential.
    weak = power.frame["diagnosis"].reindex([moving[0]]).eq(STRONG_PRIOR).any()
    role = "the prior dominates" if weak else "the prior is influential"
    first = f"{'; '.join(said)}{more}: with {_levels_behind(fit, moving[:3]) or levels} {role}."
    near = _near(power, moving)
    still = sorted((n for n in power.frame.index if n not in moving), key=lambda name: not name.startswith(BETA))
    if not still:
        return first, "Every answer moves."
    shown = ", ".join(still[:4]) + (f" and {len(still) - 4} more" if len(still) > 4 else "")
    return first, f"{shown} {'does' if len(still) == 1 else 'do'} not move.{near}"


def _near(power: PowerScaling, moving: list[str]) -> str:
    """Name the answers near the threshold of power scaling, as a sentence that follows another; empty where none is."""
    near = [str(name) for name in power.frame.index[power.frame["diagnosis"] == NEAR] if name not in moving]
    verb = "is" if len(near) == 1 else "are"
    return f" {listed(near)} {verb} near the threshold of power scaling: more draws have to decide." if near else ""
