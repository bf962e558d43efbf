"""Diagnostics of a fit's draws: a verdict with its reasons and a remedy for each problem.

Thresholds: R-hat < 1.01 and bulk and tail ESS of 100 per chain (Vehtari et al. 2021, Bayesian Analysis 16:667);
no divergences; E-BFMI of at least 0.2 (Betancourt 2016); Pareto k-hat < 0.7 (Vehtari et al. 2024, JMLR 25:72).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from partialpool.sampling.chains import EVEN_WEIGHT, MAX_KHAT
from partialpool.sampling.mixing import mixing, rhats
from partialpool.sampling.run_record import RunRecord
from partialpool.sampling.settings import Settings

__all__ = ["Finding", "Verdict", "alarm", "judge"]

MAX_RHAT: Final = 1.01
ALARMING_RHAT: Final = 1.05
"""R-hat of a parameter that a few more draws will not bring down."""
ALARMING_FROM: Final = 100
"""Draws per chain needed for the alarm: with fewer, even independent draws sometimes have such an R-hat."""
MIN_ESS_PER_CHAIN: Final = 100
MIN_BFMI: Final = 0.2
_CAREFUL: Final = 0.99
_FEWEST_DRAWS: Final = 4
_OF_LEVELS: Final = ("b_", "z_")
MAX_CHECKED: Final = 4000
"""Most group effects whose R-hat and ESS are computed; of more, an evenly spaced selection."""


@dataclass(frozen=True)
class Finding:
    """One check: the finding, and the remedy if it failed. A check that cannot be made is `good` but not `judged`."""

    check: str
    good: bool
    found: str
    cure: str = ""
    judged: bool = True


@dataclass(frozen=True)
class Verdict:
    """The findings of all diagnostics."""

    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """Whether every check passed."""
        return all(finding.good for finding in self.findings)

    def __str__(self) -> str:
        """Return one line if good, else two lines per problem: finding and remedy."""
        if self.good:
            return "Diagnostics: good (" + "; ".join(f.found for f in self.findings) + ")"
        lines = ["Diagnostics: do not rely on these draws yet"]
        for finding in self.findings:
            if not finding.good:
                lines += [f"  {finding.found}", f"    -> {finding.cure}"]
        return "\n".join(lines)


def judge(tree: xr.DataTree, *, one_sided: str = "") -> Verdict:
    """Check a fit's draws; those of several completed tables within each table.

    Parameters
    ----------
    tree
        A DataTree with groups `posterior` and `sample_stats`.
    one_sided
        Categories whose coefficients the rows leave open (`one_sided_in_words`), for the remedy of divergences.
    """
    posterior, stats = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    run = RunRecord.of(tree)
    findings = _divergences(stats, run, one_sided) + _not_finite(posterior) + _importance(run)
    columns, warms_up = _scalar_columns(posterior), run.card.warms_up
    if draws < _FEWEST_DRAWS:
        return Verdict((*findings, Finding("draws", False, f"{draws} draws per chain", "raise draws to 1000")))
    if not columns:
        cure = "check whether the response varies, and whether a prior leaves nothing to be estimated"
        return Verdict((*findings, Finding("draws", False, "no parameter varies from draw to draw", cure)))
    found = mixing([column.draws for column in columns], tables=run.tables, workers=Settings().threads)
    findings.append(_rhat(columns, found.rhat, chains, warms_up=warms_up))
    findings.append(_ess(columns, found.bulk_ess, chains, "bulk", warms_up=warms_up))
    findings.append(_ess(columns, found.tail_ess, chains, "tail", warms_up=warms_up))
    if "energy" in stats:
        findings.append(_bfmi(stats, warms_up=warms_up))
    return Verdict(tuple(findings))


def alarm(tree: xr.DataTree, *, one_sided: str = "") -> str:
    """Describe problems that need a warning right after sampling; empty if there are none.

    These are divergences, draws that are not finite, and parameters on which the chains clearly disagree (group
    effects, of which there are many, are left out).

    Parameters
    ----------
    tree
        A DataTree with groups `posterior` and `sample_stats`.
    one_sided
        As for `judge`.
    """
    posterior, run = tree["posterior"].to_dataset(), RunRecord.of(tree)
    findings = _divergences(tree["sample_stats"].to_dataset(), run, one_sided) + _not_finite(posterior)
    if posterior.sizes["chain"] > 1 and posterior.sizes["draw"] >= ALARMING_FROM:
        few = posterior.drop_vars([name for name in posterior if str(name).startswith(_OF_LEVELS)])
        columns = _scalar_columns(few)
        values = rhats([column.draws for column in columns], tables=run.tables)
        if not (values < ALARMING_RHAT).all():
            findings.append(_rhat(columns, values, posterior.sizes["chain"], warms_up=run.card.warms_up))
    return "; ".join(f"{finding.found}: {finding.cure}" for finding in findings if not finding.good)


def _importance(run: RunRecord) -> list[Finding]:
    """Check importance-weighted chains by their largest weights, and by the Pareto k of the weights."""
    khat = run.importance_khat
    if khat is None or not run.is_weighted:
        return []
    cure = "raise draws, or use engine='nuts'"
    even = khat >= MAX_KHAT and run.weights_can_be_trusted
    found = f"no weight above {EVEN_WEIGHT:g} times the average" if even else f"Pareto k-hat {khat:.2f}"
    return [Finding("importance", run.weights_can_be_trusted, found, cure)]


def _not_finite(posterior: xr.Dataset) -> list[Finding]:
    """Name variables with draws that are not finite, which R-hat and ESS would ignore."""
    names = [str(name) for name, values in posterior.data_vars.items() if not np.isfinite(values.to_numpy()).all()]
    cure = "check whether the response and the predictors are of a sensible size; use tighter priors"
    return [Finding("finite", False, f"draws of {', '.join(names)} are not finite", cure)] if names else []


@dataclass(frozen=True, eq=False)
class _Column:
    """Draws (chains, draws) of one element of a variable, by its position among all of them."""

    variable: xr.DataArray
    position: int
    draws: np.ndarray

    @property
    def label(self) -> str:
        """The variable's name, with the element's coordinates."""
        variable = self.variable
        dims = [d for d in variable.dims if d not in ("chain", "draw")]
        if not dims:
            return str(variable.name)
        at = np.unravel_index(self.position, [variable.sizes[d] for d in dims])
        labels = ", ".join(str(variable[d].to_numpy()[p]) for d, p in zip(dims, at, strict=True))
        return f"{variable.name}[{labels}]"


def _scalar_columns(posterior: xr.Dataset) -> list[_Column]:
    """Flatten the posterior to columns, constants (a correlation with itself) left out."""
    columns: list[_Column] = []
    for variable in posterior.data_vars.values():
        values = variable.transpose("chain", "draw", ...).to_numpy()
        flat = values.reshape(*values.shape[:2], -1)
        step = max(1, -(-flat.shape[2] // MAX_CHECKED))
        for index in range(0, flat.shape[2], step):
            column = flat[:, :, index]
            if np.ptp(column) > 1e-12 * max(1.0, abs(float(column.flat[0]))):
                columns.append(_Column(variable, index, column))
    return columns


def _divergences(stats: xr.Dataset, run: RunRecord, one_sided: str) -> list[Finding]:
    if "diverging" not in stats:
        return []
    count, total = int(stats["diverging"].sum()), stats["diverging"].size
    found = (
        "no divergences"
        if count == 0
        else f"{count} of {total} draws diverged: the sampler could not follow the posterior"
    )
    cure = _cure_of_divergences(run)
    if one_sided:
        cure = f"{one_sided}: merge such a category with another, or state a tighter prior for it; or else {cure}"
    return [Finding("divergences", count == 0, found, cure)]


def _cure_of_divergences(run: RunRecord) -> str:
    """Return a remedy that the run's settings have not tried yet."""
    settings = run.settings
    chosen = {factor: choice for factor, choice in settings.get("parametrization", {}).items() if choice == "centered"}
    if chosen and run.card.takes_every_setting:
        return f"leave out parametrization={chosen}: centred effects of levels with few data have a funnel"
    if (settings.get("target_accept") or 0.0) < _CAREFUL:
        return f"raise target_accept to {_CAREFUL}; or use a tighter prior on the sds, or a simpler model"
    return "use a tighter prior on the sds, or a simpler model"


def _rhat(columns: list[_Column], values: np.ndarray, chains: int, *, warms_up: bool) -> Finding:
    if chains < 2:
        return Finding("R-hat", False, "R-hat needs at least two chains", "set chains=4")
    worst = int(np.argmax(values))
    good = bool(values[worst] < MAX_RHAT)
    where = "" if good else f" ({columns[worst].label}): the chains do not agree"
    return Finding(
        "R-hat",
        good,
        f"R-hat up to {values[worst]:.3f}{where}",
        f"raise {'tune and ' if warms_up else ''}draws; if it stays high, simplify the model",
    )


def _ess(columns: list[_Column], values: np.ndarray, chains: int, method: str, *, warms_up: bool) -> Finding:
    need = MIN_ESS_PER_CHAIN * chains
    worst = int(np.argmin(values))
    good = bool(values[worst] >= need)
    where = "" if good else f" ({columns[worst].label}): need {need}"
    return Finding(
        f"{method} ESS",
        good,
        f"{method} ESS from {values[worst]:.0f}{where}",
        f"raise draws{', or raise tune if R-hat is high too' if warms_up else ''}",
    )


def _bfmi(stats: xr.Dataset, *, warms_up: bool) -> Finding:
    energy = stats["energy"].transpose("chain", "draw").to_numpy()
    spread = energy.var(axis=1)
    bfmi = float(np.min(np.square(np.diff(energy, axis=1)).mean(axis=1) / np.where(spread > 0, spread, 1.0)))
    good = bfmi >= MIN_BFMI
    return Finding(
        "E-BFMI",
        good,
        f"E-BFMI from {bfmi:.2f}",
        f"the tails are explored slowly: {'raise tune, or ' if warms_up else ''}use tighter priors on the sds",
    )
