"""All checks of a fit in one table, each finding with a remedy."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.identifiability import not_identified
from partialpool.design.odd_labels import find_odd_labels
from partialpool.errors import PartialPoolError
from partialpool.fitting.convergence import Finding
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.names import SIGMA
from partialpool.questions.check_advice import advice_for, advice_for_spreads, finding_in_words
from partialpool.questions.level_statistics import level_statistics
from partialpool.questions.posterior_checks import posterior_checks
from partialpool.questions.residual_trends import residual_trends
from partialpool.questions.singularity import singularity
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.whitelist import quote_name
from partialpool.tabulate import TextTable, number, p_value

__all__ = ["Checklist", "check", "judge_response", "response_checks"]

DOUBTFUL = 0.01
"""Posterior-predictive p-values below this are reported: with several of them, each may be low by chance."""
FEWEST = 100
"""Fewest draws for judging: with fewer, a share of new data is too imprecise to compare with `DOUBTFUL`."""
LEVELS_OF: Final = "levels of {}"
MEANS_OF: Final = "means of {}"
SPREADS_WITHIN: Final = "spreads within {}"
TREND_OF: Final = "trend of {} in {}"
"""Names of the checks of a factor, and of a column and a factor."""
_STANDARDISED: Final = ("spreads within ", "trend of ")
_DISPERSION_FIRST: Final = "first the dispersion's remedy: this check assumes that the family's variance is right"
ENOUGH = 1000
"""Draws for which new responses of levels are made first, evenly spaced; all draws where those do not decide."""
_NEAR: Final = f"near the threshold of {DOUBTFUL:g}"


@dataclass(frozen=True, repr=False)
class Checklist:
    """Findings about a fit; prints as a table of verdicts with remedies.

    Attributes
    ----------
    findings
        Each with `check`, `good`, `found` and `cure`.
    modelled
        The outcome whose probability is modelled, in words; empty if the response is not binary, or is coded 0 and 1.
    """

    findings: tuple[Finding, ...]
    modelled: str = ""

    @property
    def good(self) -> bool:
        """Whether every check passed."""
        return all(finding.good for finding in self.findings)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per finding; `good` is missing where it was not judged."""
        rows = [(f.check, f.good if f.judged else None, f.found, "" if f.good else f.cure) for f in self.findings]
        return pd.DataFrame(rows, columns=["check", "good", "found", "cure"]).astype({"good": "boolean"})

    @property
    def table(self) -> TextTable:
        """The findings, with the remedies of failed checks below."""
        rows = tuple((f.check, _verdict(f), f.found) for f in self.findings)
        title = f"Checks\nmodelled: {self.modelled}" if self.modelled else "Checks"
        cures = tuple(f"{f.check}: {f.cure}" for f in self.findings if not f.good)
        return TextTable(("check", "", "found"), rows, title=title, notes=cures)

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def _verdict(finding: Finding) -> str:
    return "-" if not finding.judged else "good" if finding.good else "LOOK"


@explains_keywords
@of_first_table
def check(fit: Fit, *, seed: int | None = None) -> Checklist:
    """Check draws, effects and fit to the data, level by level.

    - the draws: divergences, R-hat, ESS, E-BFMI or importance weights (`fit.digest.verdict`);
    - the effects: variances, correlations and sigma that data of this design cannot identify, if any; effects and
      correlations that the data do not support (`singularity`);
    - the categories: the reference category of coefficients, labels that differ only in case or space, categories with
      a single row;
    - the response, by new responses (`posterior_checks`, of the same seed): dispersion, zeros and largest values of
      counts; dispersion and ends of proportions; skewness, tails and a spread that changes with the mean; shares of
      categories; residuals along the expected response. p is two-sided; the remedy depends on the family. Where the
      dispersion check fails, checks that standardise by the family's variance give no other remedy;
    - per factor, by new responses: a level whose mean is far from what its predictors imply (its mean minus the
      expectation for a new level with the same predictors, in sds of means of such new levels; the statistic is the
      largest deviation from the levels' mean of this, in their sd), spreads within levels that differ more than the
      model implies (their coefficient of variation), trends along numeric predictors that remain in the residuals
      (`residual_trends`).

    A check fails below p = 0.01; p = P(new >= data), from new responses of up to 1,000 draws, and of all draws if p is
    within two Monte Carlo errors of 0.01. Where it still is, the finding says that it is near the threshold: more draws
    would have to decide. Fits with fewer than 100 draws are not compared with the data.

    Parameters
    ----------
    fit
        A fit by any engine.
    seed
        Makes the new responses reproducible.

    Returns
    -------
    Checklist
        Prints as a table, preceded by which of two outcomes is modelled; `.good`, `.frame`.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Reaction ~ Days + (1 | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)
    >>> [finding.cure for finding in pp.check(fit, seed=1).findings if not finding.good][-1]
    'fit Reaction ~ Days + (Days | Subject)'
    """
    findings = list(fit.digest.verdict.findings)
    findings += [Finding("identified", False, f"{d.wrong}: {d.got}", d.do) for d in not_identified(fit.design)]
    if fit.design.factors:
        findings.append(_effects(fit))
    findings += _categories(fit.design)
    draws = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    if draws < FEWEST:
        findings.append(
            Finding("new data", True, f"not judged: p-values need {FEWEST} draws or more, here {draws}", judged=False)
        )
        return Checklist(tuple(findings), fit.design.response.success)
    findings += judge_response(response_checks(fit, seed=seed))
    for factor, own in zip(fit.design.grouping, seed_sequence(seed).spawn(len(fit.design.grouping)), strict=True):
        findings += _of_levels(fit, factor, [int(s) for s in own.generate_state(3)])
    return Checklist(tuple(_after_dispersion(findings)), fit.design.response.success)


def _effects(fit: Fit) -> Finding:
    try:
        found = singularity(fit)
    except PartialPoolError as error:
        return Finding("effects", True, f"not judged: {error.wrong}", judged=False)
    simpler = found.attrs["simpler"]
    cure = (
        f"a simpler model: {simpler}{fit.spec.beside_formula}"
        if simpler
        else "compare it with models that have fewer effects: pp.compare"
    )
    return Finding("effects", bool(found["good"]), found.attrs["finding"], cure)


def _categories(design: Design) -> Iterator[Finding]:
    odd = find_odd_labels(design.frame, design.categories)
    found = [f"reference: {design.references}"] if design.references else []
    found += [one.what for one in odd]
    if found:
        cure = "; ".join(dict.fromkeys(f"{one.column}: {one.do}" for one in odd))
        yield Finding("categories", not odd, "; ".join(found), cure)


def _thinned(fit: Fit) -> Fit:
    sizes = fit.posterior.sizes
    step = max(1, sizes["chain"] * sizes["draw"] // ENOUGH)
    some = fit.posterior.isel(draw=slice(None, None, step))
    return replace(fit, tree=xr.DataTree.from_dict({"posterior": some}))


def _decided[Found](
    fit: Fit, ask: Callable[[Fit], Found], p_of: Callable[[Found], Iterable[float]], *, sides: int = 1
) -> Found:
    """Ask of some draws, and of all draws where some leave it open on which side of the threshold a p-value is."""
    some = _thinned(fit)
    found = ask(some)
    decided = not any(_is_near(float(p), _count(some), sides=sides) for p in p_of(found))
    return found if decided or _count(some) == _count(fit) else ask(fit)


def _count(fit: Fit) -> int:
    return int(fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"])


def _is_near(p: float, draws: int, *, sides: int = 1) -> bool:
    """Whether a p-value of one side or two is within two Monte Carlo errors of the threshold (errors of one there)."""
    tail = DOUBTFUL / sides
    return abs(p - DOUBTFUL) <= 2 * sides * float(np.sqrt(tail * (1 - tail) / draws))


def response_checks(fit: Fit, *, seed: int | None) -> xr.DataTree:
    """Return the answer that `check` judges: `posterior_checks` of the same fit and seed."""
    return posterior_checks(fit, seed=seed)


def judge_response(checks: xr.DataTree) -> Iterator[Finding]:
    """Judge the response as a whole, by the ways in which models of its family most often misfit.

    Parameters
    ----------
    checks
        From `posterior_checks`.
    """
    found = checks["checks"].to_dataset()
    draws = found.sizes["chain"] * found.sizes["draw"]
    for name in [str(s) for s in found["statistic"].to_numpy()]:
        one = found.sel(statistic=name)
        real, new, p = float(one["data"].mean()), float(one["new"].mean()), float(one["p_value"])
        above = float((one["new"] >= one["data"]).mean()) < 0.5
        cure = advice_for(checks.attrs["family"], name, above=above)
        yield _judged(name.replace("_", " "), finding_in_words(name, real, new), p, cure, draws, sides=2)


def _sigma_is_the_same(design: Design) -> bool:
    """Say whether all rows have one sigma, which could have a predictor."""
    spec = design.spec
    stated = spec.se or spec.residual or spec.sigma or SIGMA in spec.parameters
    return SIGMA in dict(spec.family_record.parameters) and not stated


def _of_levels(fit: Fit, factor: FactorEffects, seeds: list[int]) -> Iterator[Finding]:
    name = factor.name
    try:
        new = _decided(fit, partial(level_statistics, factor=name, seed=seeds[0]), lambda tree: _p_values(_far(tree)))
    except PartialPoolError as error:
        yield Finding(LEVELS_OF.format(name), True, f"not judged: {error.wrong}", judged=False)
        return
    if far := _far(new):
        level, z, p = far
        apart = f"{number(abs(z), 2)} sds {'above' if z > 0 else 'below'} what its predictors imply"
        cure = (
            f"look at the rows of {level}, whose mean is {apart}; all levels: "
            f"pp.plot_level_statistics(pp.level_statistics(fit, {name!r}))"
        )
        yield _judged(MEANS_OF.format(name), f"the most extreme level, {level}", p, cure, _draws_of(new))
    ask = partial(level_statistics, factor=name, levels="same", seed=seeds[1])
    same = _decided(fit, ask, lambda tree: _p_values(_uneven(tree)))
    if uneven := _uneven(same):
        told, p = uneven
        of_sigma = (
            ":".join(map(quote_name, name.split(":")))
            if _sigma_is_the_same(fit.design) and not factor.has_members
            else None
        )
        cure = f"the levels differ in variance: try {advice_for_spreads(fit.spec.family, of_sigma=of_sigma)}"
        some = "" if told == factor.n_levels else f" ({told} levels of two rows or more)"
        yield _judged(SPREADS_WITHIN.format(name), f"how they differ between levels{some}", p, cure, _draws_of(same))
    for column in [v.attrs["along"] for v in new["observed_data"].data_vars.values() if "along" in v.attrs]:
        yield _trend(fit, column, name, seeds[2])


def _far(tree: xr.DataTree) -> tuple[str, float, float] | None:
    """Return the level whose mean is farthest from its expectation, how far in sds, and p; None with few levels.

    z = (mean - E) / sd, E and sd those of new levels with the predictors of this one, over draws and new responses. As
    the sd of z is 1 only if the model's sd over levels is right, which an outlying level makes larger, levels are
    compared with each other: T = max |z - mean z| / sd of z.
    """
    real, new = _statistic(tree, "mean")
    if real.size <= 2:
        return None
    center, sd = new.mean(axis=0), new.std(axis=0)
    sd = np.where(sd > 0, sd, np.inf)  # a mean that no new response changes is not far from anything
    real, new = (real - center) / sd, (new - center) / sd
    which = int(np.abs(real - real.mean()).argmax())
    level = str(tree["observed_data"]["level"].to_numpy()[_told(tree, "mean")][which])
    p = _tail(real, new, lambda z: np.abs(z - z.mean(-1, keepdims=True)).max(-1) / z.std(-1))
    return level, float(real[which]), p


def _uneven(tree: xr.DataTree) -> tuple[int, float] | None:
    """Return how many levels have a spread, and p of their coefficient of variation; None with few levels."""
    real, new = _statistic(tree, "spread")
    return (real.size, _tail(real, new, lambda s: s.std(-1) / s.mean(-1))) if real.size > 2 else None


def _p_values(found: tuple[object, ...] | None) -> list[float]:
    return [] if found is None else [float(found[-1])]  # type: ignore[arg-type]


def _statistic(tree: xr.DataTree, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a statistic of the levels that have it: of the data, (levels,), and of new responses, (draws, levels)."""
    told = _told(tree, name)
    if not told.any():
        return np.empty(0), np.empty((0, 0))
    new = tree["posterior_predictive"][name].transpose("chain", "draw", "level").to_numpy()[..., told]
    return tree["observed_data"][name].to_numpy()[told], new.reshape(-1, told.sum())


def _draws_of(tree: xr.DataTree) -> int:
    sizes = tree["posterior_predictive"].sizes
    return int(sizes["chain"] * sizes["draw"])


def _told(tree: xr.DataTree, name: str) -> np.ndarray:
    """Return which levels have the statistic, boolean (levels,)."""
    data = tree["observed_data"]
    return np.isfinite(data[name].to_numpy()) if name in data else np.zeros(data.sizes["level"], bool)


def _tail(real: np.ndarray, new: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return P(T(new) >= T(data)) of a statistic over levels; a T of 0 / 0 (nothing varies) counts as the smallest."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ours, theirs = (np.nan_to_num(statistic(values), nan=-1.0) for values in (real, new))
    return float((theirs >= ours).mean())


def _after_dispersion(findings: list[Finding]) -> Iterator[Finding]:
    """Refer checks that standardise by the family's variance to the dispersion's remedy where that check failed."""
    wrong = any(finding.check == "dispersion" and not finding.good for finding in findings)
    for finding in findings:
        follows = finding.check == "fitted" or finding.check.startswith(_STANDARDISED)
        yield replace(finding, cure=_DISPERSION_FIRST) if wrong and follows and not finding.good else finding


def _judged(name: str, what: str, p: float, cure: str, draws: int, *, sides: int = 1) -> Finding:
    near = f", {_NEAR}" if _is_near(p, draws, sides=sides) else ""
    return Finding(name, p >= DOUBTFUL, f"{what}: {p_value(p)}{near}", cure)


def _trend(fit: Fit, over: str, factor: str, seed: int) -> Finding:
    try:
        ask = partial(residual_trends, over=over, factor=factor, seed=seed)
        found = _decided(fit, ask, lambda one: [float(one["p_value"])])
    except PartialPoolError as error:
        return Finding(TREND_OF.format(over, factor), True, f"not judged: {error.wrong}", judged=False)
    suggestion = found.attrs["suggestion"]
    cure = (
        f"fit {suggestion}{fit.spec.beside_formula}" if suggestion else f"try a curve, such as I({quote_name(over)}**2)"
    )
    draws = found.sizes["chain"] * found.sizes["draw"]
    return _judged(TREND_OF.format(over, factor), "left in the residuals", float(found["p_value"]), cure, draws)
