"""Power-scaling sensitivity: how much each prior, and the likelihood, influence each quantity."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats

from partialpool.design.newdata import own_rows
from partialpool.distributions.power import power_prior
from partialpool.errors import PriorError, SpecError
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.fitting.refit import repeat_fit
from partialpool.model.chunks import pieces_of
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import draw_parameters, log_prior_density
from partialpool.model.prior_set import PriorSet
from partialpool.model.response import log_density
from partialpool.names import BETA, SHARES, corr_name, sd_name
from partialpool.questions.asked_quantities import check_asked
from partialpool.questions.quantities import NOTHING_MORE, Quantity, check_draws, follow, weighted_moments
from partialpool.questions.sensitivity_error import blocks_of, jackknifed_error
from partialpool.sampling.pack import label_draws
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import TextTable, fixed

__all__ = ["PowerScaling", "power_scale", "scaled_priors"]

_GRADIENT: Final = (0.99, 1.01)
MAX_KHAT: Final = 0.7
THRESHOLD: Final = 0.05
LIKELIHOOD: Final = "likelihood"
EVERY_PRIOR: Final = "prior"
ROBUST, STRONG_PRIOR, CONFLICT = "robust", "strong prior / weak likelihood", "prior-data conflict"
BOTH: Final = "prior and likelihood both move it"
"""Diagnoses."""
NEAR: Final = "near the threshold"
"""Diagnosis of a quantity of which the draws do not say whether it is sensitive to the priors."""
NEAR_LIKELIHOOD: Final = "prior moves it, likelihood near the threshold"
ERRORS: Final = 2.0
"""A sensitivity is near the threshold if it is within so many Monte Carlo standard errors of it."""
FEW_LEVELS: Final = 10
"""Number of levels that determine an sd well enough for a prior on the data's scale to matter little."""
_CENTRAL: Final = (0.025, 0.975)
"""Central range of the prior; a posterior median outside it is a conflict."""
_PRIOR_DRAWS: Final = 4000


@final
@dataclass(frozen=True, eq=False, repr=False)
class PowerScaling:
    """Sensitivity of each quantity to each prior and to the likelihood; prints as a table with a diagnosis per row.

    Attributes
    ----------
    frame
        One row per quantity; one column per top-level prior (`sd_Subject`, `corr_Subject`, `sigma`, `beta`), `prior`
        for all of them together, `likelihood`, and `diagnosis`. Values are the gradient of the cumulative
        Jensen-Shannon distance of Kallioinen et al., per doubling of the power.
    errors
        Monte Carlo standard errors of the columns that decide the diagnosis, `prior` and `likelihood`, by a jackknife
        over blocks of draws; one row per quantity.
    shifts
        `mean` and `sd` (component, alpha, quantity) of each quantity under each component raised to the power alpha,
        including 1; by component and alpha `khat`, Pareto k of the weights, and `refitted`.
    """

    frame: pd.DataFrame
    errors: pd.DataFrame
    shifts: xr.Dataset

    @property
    def near(self) -> tuple[str, ...]:
        """Quantities near the threshold: other draws could give them another diagnosis."""
        return tuple(str(name) for name in self.frame.index[self.frame["diagnosis"].isin((NEAR, NEAR_LIKELIHOOD))])

    @property
    def table(self) -> TextTable:
        """The sensitivities, rounded, with a mark on those above 0.05."""
        columns = [c for c in self.frame.columns if c != "diagnosis"]
        rows = tuple(
            (str(name), *(fixed(row[c], 3) for c in columns), str(row["diagnosis"]))
            for name, row in self.frame.iterrows()
        )
        refits = [
            f"{component} to the power {float(alpha):g}"
            for component in self.shifts["component"].to_numpy()
            for alpha in self.shifts["alpha"].to_numpy()
            if bool(self.shifts["refitted"].sel(component=component, alpha=alpha))
        ]
        notes: tuple[str, ...] = ("A sensitivity above 0.05 counts (Kallioinen et al. 2024).",)
        notes += self._near_in_words
        notes += (f"Importance weights failed, fitted again: {'; '.join(refits)}.",) if refits else ()
        return TextTable(("", *columns, "diagnosis"), rows, title="Power-scaling sensitivity", notes=notes)

    @property
    def _near_in_words(self) -> tuple[str, ...]:
        """State the sensitivities near the threshold, with their errors, and what to do."""
        said = []
        for name in self.near:
            of = EVERY_PRIOR if self.frame.loc[name, "diagnosis"] == NEAR else LIKELIHOOD
            value, error = float(self.frame[of][name]), float(self.errors[of][name])
            said.append(f"{name}, {of} {fixed(value, 3)} +- {fixed(error, 3)}")
        if not said:
            return ()
        return (
            f"Near the threshold, within {ERRORS:g} Monte Carlo standard errors: {'; '.join(said)}. More draws decide.",
        )

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


@explains_keywords
@of_first_table
def power_scale(
    fit: Fit,
    quantities: Mapping[str, Quantity] = NOTHING_MORE,
    *,
    alphas: tuple[float, ...] = (0.8, 1.25),
    seed: int | None = None,
) -> PowerScaling:
    """Raise each prior and the likelihood to powers near 1 and compute which quantities change.

    Only top-level priors are scaled, under their names in `pp.priors`, each alone and all together; the distributions
    of group effects and their offsets are never scaled. The likelihood is that of the rows given the group effects. The
    result depends only on the posterior, not on engine or parametrization.

    Parameters
    ----------
    fit
        A fit by any engine.
    quantities
        Further quantities to follow, by name: functions from a fit to labelled draws, such as
        `{"slope of 308": lambda f: pp.level_effects(f, "Days")["effect"].sel(level="308")}`. Sds, correlations, fixed
        effects, the family's parameters and the ICC, if there is one, are always followed.
    alphas
        Powers at which means and sds are reported. If the importance weights of a prior are unreliable (k-hat above
        0.7) and the prior raised to that power belongs to a known family, the model is fitted again.
    seed
        Seed of the refits.

    Returns
    -------
    PowerScaling
        Prints as a table; numbers in `.frame`, `.errors` and `.shifts`. A component is influential if its sensitivity
        is above 0.05. Diagnoses: `robust`, the prior is not influential; `strong prior / weak likelihood`, the prior is
        influential and the likelihood is not; `prior and likelihood both move it`, with the number of levels if they
        are few and the quantity is an sd, a correlation or an ICC; `prior-data conflict`, both are influential and the
        posterior median is outside the central 95 % of the quantity's prior; `near the threshold`, the sensitivity to
        the priors is within two Monte Carlo standard errors of 0.05, so that other draws could give another diagnosis;
        `prior moves it, likelihood near the threshold`, the same of the likelihood.

    Raises
    ------
    SpecError
        A power that is not above 0; quantities that are not a mapping; a quantity that is not labelled draws.

    Examples
    --------
    >>> import partialpool as pp
    >>> fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"), seed=1, progressbar=False)
    >>> frame = pp.power_scale(fit).frame
    >>> bool(frame.loc["sd_Batch[Intercept]", "prior"] > 0.05)  # no variance between batches
    True
    """
    if not isinstance(alphas, tuple | list) or not all(isinstance(a, int | float) and a > 0 for a in alphas):
        raise SpecError(
            "powers must be above 0",
            got=repr(alphas),
            allowed="numbers above 0, such as (0.8, 1.25)",
            do="change alphas",
        )
    check_asked(quantities, do="write a name before each function")
    check_draws(fit)
    asked = dict(quantities)
    followed = follow(fit, asked)
    components = _components(fit)
    errors = _errors(followed, components)
    frame = _sensitivities(fit, followed, components, errors)
    shifts = _shifts(fit, asked, followed, (components, tuple(sorted({*alphas, 1.0})), seed))
    return PowerScaling(frame, errors, shifts)


def _components(fit: Fit) -> dict[str, np.ndarray]:
    """Return the log density of each top-level prior, of all together, and of the rows, (chains, draws)."""
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"])
    draws = fit.stacked()
    densities = log_prior_density(fit.design, fit.priors, draws)
    priors = {name: values.reshape(len(values), -1).sum(axis=1).reshape(shape) for name, values in densities.items()}
    rows = own_rows(fit.design)
    likelihood = [
        log_density(fit.design, rows, linear_predictor(fit.design, rows, some), some).sum(axis=1)
        for some, _ in pieces_of(draws, fit.design.n_rows, 0)
    ]
    together = np.sum(list(priors.values()), axis=0)
    every = {**priors, EVERY_PRIOR: together, LIKELIHOOD: np.concatenate(likelihood).reshape(shape)}
    # A uniform prior stays the same under any power.
    return {name: density for name, density in every.items() if np.ptp(density) > 0}


def _errors(followed: Mapping[str, np.ndarray], components: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return Monte Carlo standard errors of the sensitivities to all priors and to the likelihood."""
    decisive = {name: components[name].ravel() for name in (EVERY_PRIOR, LIKELIHOOD) if name in components}
    # ArviZ takes the negative logarithm: weights are proportional to exp(-ary).
    logs = [[array_stats.psislw((1 - alpha) * density)[0] for alpha in _GRADIENT] for density in decisive.values()]
    weights, first = np.exp(logs), next(iter(components.values()))
    blocks = blocks_of(*first.shape)
    rows = {
        name: np.zeros(len(decisive)) if np.ptp(own) == 0 else jackknifed_error(own.ravel(), weights, _GRADIENT, blocks)
        for name, own in followed.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(decisive)).rename_axis("quantity")


def _sensitivities(
    fit: Fit, followed: Mapping[str, np.ndarray], components: Mapping[str, np.ndarray], errors: pd.DataFrame
) -> pd.DataFrame:
    """Return ArviZ's power-scaling sensitivity of each quantity to each component, and a diagnosis."""
    dims = ("chain", "draw")
    # Names are a coordinate: as the name of a variable, one with a slash would be a path in a tree.
    values = np.stack(list(followed.values()), axis=-1)
    posterior = xr.Dataset({"followed": ((*dims, "quantity"), values)}, coords={"quantity": list(followed)})
    columns = {}
    for component, density in components.items():
        tree = xr.DataTree.from_dict({"posterior": posterior, "log_prior": xr.Dataset({"scaled": (dims, density)})})
        found = azs.psense(tree, group="prior", group_var_names="scaled", alphas=_GRADIENT)
        columns[component] = found["followed"].to_series()
    frame = pd.DataFrame(columns).rename_axis("quantity")
    prior = frame.get(EVERY_PRIOR, pd.Series(0.0, index=frame.index))
    counts, informed = prior >= THRESHOLD, frame[LIKELIHOOD] >= THRESHOLD
    words = np.where(counts, STRONG_PRIOR, ROBUST).astype(object)
    both = [str(name) for name in frame.index[counts & informed]]
    words[(counts & informed).to_numpy()] = _of_both(fit, {name: followed[name] for name in both}) if both else []
    unsure = {c: (frame[c] - THRESHOLD).abs() <= ERRORS * errors[c] for c in errors.columns}
    words[(counts & unsure[LIKELIHOOD]).to_numpy()] = NEAR_LIKELIHOOD
    if EVERY_PRIOR in unsure:
        words[unsure[EVERY_PRIOR].to_numpy()] = NEAR
    return frame.assign(diagnosis=words)


def _of_both(fit: Fit, moved: Mapping[str, np.ndarray]) -> list[str]:
    """Diagnose quantities that prior and likelihood both move: a conflict if the prior made the value improbable."""
    expected = _expected(fit)
    few = {
        name: f"{BOTH} (few levels: {factor.n_levels} of {factor.name})"
        for factor in fit.design.grouping
        if factor.n_levels < FEW_LEVELS
        for name in moved
        if name.startswith((f"{sd_name(factor.name)}[", f"{corr_name(factor.name)}[")) or name == f"icc[{factor.name}]"
    }
    words = []
    for name, draws in moved.items():
        low, high = expected.get(name, (-np.inf, np.inf))
        words.append(few.get(name, BOTH) if low <= np.median(draws) <= high else CONFLICT)
    return words


def _expected(fit: Fit) -> dict[str, tuple[float, float]]:
    """Return the central 95 % of each parameter, and of the ICC, under the prior."""
    with np.errstate(all="ignore"):  # a wide prior may overflow
        drawn = draw_parameters(fit.design, fit.priors, _PRIOR_DRAWS, seed=0)
        posterior = label_draws(fit.design, {name: values[None] for name, values in drawn.items()})
        columns = follow(replace(fit, tree=xr.DataTree.from_dict({"posterior": posterior})), {})
    found = {}
    for name, column in columns.items():
        low, high = np.quantile(column[np.isfinite(column)], _CENTRAL)
        found[name] = (float(low), float(high))
    return found


def _shifts(
    fit: Fit,
    asked: Mapping[str, Quantity],
    followed: Mapping[str, np.ndarray],
    plan: tuple[Mapping[str, np.ndarray], tuple[float, ...], int | None],
) -> xr.Dataset:
    """Return mean and sd of each quantity under each component to each power."""
    components, alphas, seed = plan
    values = np.stack([column.ravel() for column in followed.values()])
    shape = (len(components), len(alphas))
    mean, sd = np.empty((*shape, len(values))), np.empty((*shape, len(values)))
    khat, refitted = np.full(shape, np.nan), np.zeros(shape, bool)
    seeds = seed_sequence(seed).generate_state(shape[0] * shape[1]).reshape(shape)
    for c, (component, density) in enumerate(components.items()):
        for a, alpha in enumerate(alphas):
            scaled, weights = values, np.full(values.shape[1], 1 / values.shape[1])
            if alpha != 1:
                # ArviZ takes the negative logarithm: weights are proportional to exp(-ary).
                log_weights, k = array_stats.psislw((1 - alpha) * density.ravel())
                khat[c, a], weights = float(k), np.exp(log_weights)
                again = _again(fit, component, alpha, int(seeds[c, a])) if k > MAX_KHAT else None
                if again is not None:
                    scaled = np.stack([column.ravel() for column in follow(again, asked).values()])
                    weights, refitted[c, a] = np.full(scaled.shape[1], 1 / scaled.shape[1]), True
            mean[c, a], sd[c, a] = weighted_moments(scaled, weights)
    dims = ("component", "alpha", "quantity")
    return xr.Dataset(
        {
            "mean": (dims, mean),
            "sd": (dims, sd),
            "khat": (dims[:2], khat),
            "refitted": (dims[:2], refitted),
        },
        coords={"component": list(components), "alpha": list(alphas), "quantity": list(followed)},
        attrs={"definition": "posterior under the component to the power alpha, by Pareto-smoothed weights or a refit"},
    )


def _again(fit: Fit, component: str, alpha: float, seed: int) -> Fit | None:
    """Fit again under a prior raised to a power; None for the likelihood, or if the power is not in a known family."""
    if component == LIKELIHOOD:
        return None
    try:
        return repeat_fit(fit, priors=scaled_priors(fit.priors, component, alpha), seed=seed)
    except PriorError:
        return None


def scaled_priors(priors: PriorSet, component: str, alpha: float) -> PriorSet:
    """Raise the priors of a component (`sd_Subject`, `beta`, ..., `prior` for all) to a power.

    Raises
    ------
    PriorError
        The power is not a prior of a known family.
    """
    entries = tuple(
        replace(entry, prior=power_prior(entry.prior, alpha))
        if component in (EVERY_PRIOR, _component_of(entry.parameter))
        else entry
        for entry in priors.entries
    )
    return replace(priors, entries=entries)


def _component_of(parameter: str) -> str:
    """Return `sd_Subject` for `sd_Subject[Days]`; a factor's name may have brackets, so that the last pair counts."""
    if parameter.startswith("share_"):
        return SHARES
    if parameter.startswith((f"{BETA}[", "sd_")) and parameter.endswith("]"):
        return parameter.rpartition("[")[0]
    return parameter
