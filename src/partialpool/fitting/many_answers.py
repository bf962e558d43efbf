"""The answers of one fit among many: estimates of its parameters and shares of the variance, and its diagnostics."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.labels import coordinates, variable_dims
from partialpool.errors import SpecError, nearest
from partialpool.fitting.convergence import MAX_RHAT, MIN_ESS_PER_CHAIN
from partialpool.model.default_priors import resolve_priors
from partialpool.model.heavy_effects import share_of
from partialpool.model.partition import partition_over_rows, shares_over_rows
from partialpool.model.prior import draw_parameters
from partialpool.names import BETA, COEF, FIXED, RESIDUAL, SIGMA, b_name, part_names
from partialpool.sampling.chains import MAX_KHAT, has_no_tail
from partialpool.sampling.engine import RawDraws
from partialpool.sampling.mixing import mixing

__all__ = ["CUTS", "RESPONSE", "STATISTICS", "ManyAnswers", "answer_layout", "icc_under_prior"]

RESPONSE: Final = "response"
STATISTICS: Final = ("mean", "sd", "2.5%", "25%", "50%", "75%", "97.5%")
_LEVELS: Final = (0.025, 0.25, 0.5, 0.75, 0.975)
CUTS: Final = tuple(round(0.02 * at, 2) for at in range(1, 50))
"""Values of the ICC of which the probability below is kept."""
_NUMBERS: Final = (
    *("log_evidence", "log_evidence_se", "rhat", "ess_bulk", "ess_tail", "importance_khat"),
    *("n_rows",),
)
_ICC: Final = "icc"
_SHARE: Final = "share"
_TAKEN: Final = frozenset({RESPONSE, "statistic", "cut", "factor", "part", "chain", "draw", COEF})
_SAME: Final = 1e-12
_PRIOR_DRAWS: Final = 100_000


@dataclass(frozen=True, eq=False)
class ManyAnswers:
    """Names, dimensions and coordinates of what is kept of each response.

    Attributes
    ----------
    estimated
        Dimensions of each quantity that is summarised, by name.
    kept
        Those of each quantity whose draws are kept, by name.
    coords
        Coordinates of all dimensions but that of the responses.
    draws_levels
        Whether group effects must be drawn: where they are kept, and where curves are part of the fixed effects.
    """

    estimated: Mapping[str, tuple[str, ...]]
    kept: Mapping[str, tuple[str, ...]]
    coords: Mapping[str, Sequence[Any]]
    draws_levels: bool

    def nothing(self, names: Sequence[str], seeds: Sequence[int] | np.ndarray, chains: int, draws: int) -> xr.Dataset:
        """Return the answers of responses that are not fitted yet: missing values, with all names and coordinates.

        Arrays repeat one number, which takes no memory; they cannot be written to.
        """
        coords: dict[str, Sequence[Any] | np.ndarray] = {
            **self.coords,
            "chain": np.arange(chains),
            "draw": np.arange(draws),
        }
        n = len(names)

        def missing(dims: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
            return (RESPONSE, *dims), np.broadcast_to(np.nan, (n, *(len(coords[dim]) for dim in dims)))

        variables: dict[str, Any] = {name: missing((*dims, "statistic")) for name, dims in self.estimated.items()}
        if BETA in self.estimated:
            variables["beta_above_0"] = missing((COEF,))
        if _ICC in self.estimated:
            variables["icc_below"] = missing(("factor", "cut"))
        variables |= {f"draws_{name}": missing(("chain", "draw", *dims)) for name, dims in self.kept.items()}
        variables |= {name: missing(()) for name in _NUMBERS}
        variables |= {name: (RESPONSE, np.zeros(n, bool)) for name in ("done", "fitted", "good")}
        variables["reason"] = (RESPONSE, np.array([""] * n, dtype=object))
        variables["seed"] = (RESPONSE, np.array(seeds, np.int64))
        used = {dim for dims, _ in variables.values() for dim in ([dims] if isinstance(dims, str) else dims)}
        return xr.Dataset(
            variables, coords={RESPONSE: list(names)} | {dim: values for dim, values in coords.items() if dim in used}
        )

    def of(self, design: Design, raw: RawDraws) -> dict[str, Any]:
        """Return the answers of one response by name, arrays without the dimension of the responses.

        Parameters
        ----------
        design
            The response's own design: rows in which it is missing are left out, and so may be levels.
        raw
            Its draws.
        """
        dims = variable_dims(design)
        posterior = xr.Dataset({name: (("chain", "draw", *dims[name]), raw.posterior[name]) for name in raw.posterior})
        draws = dict(raw.posterior)
        parameters = {name: draws[name] for name in self.estimated if name in draws}
        partition = partition_over_rows(posterior, design)
        draws[_SHARE] = shares_over_rows(posterior, design, partition)[1]
        if design.grouping:
            total = partition.total[..., 0]
            draws[_ICC] = np.stack([share_of(own[..., 0], total) for own in partition.factors.values()], axis=-1)
        out: dict[str, Any] = _summaries({name: draws[name] for name in self.estimated})
        if BETA in draws:
            out["beta_above_0"] = (draws[BETA] > 0).mean(axis=(0, 1))
        if _ICC in draws:
            below = draws[_ICC][..., None] < np.array(CUTS)
            out["icc_below"] = below.mean(axis=(0, 1))
        levels = {b_name(factor.name): factor.levels.labels for factor in design.factors}
        for name, own in self.kept.items():
            values = draws[name]
            out[f"draws_{name}"] = self._placed(values, own, levels[name]) if name in levels else values
        return out | _judged(parameters, raw.facts) | {"fitted": True, "n_rows": float(design.n_rows)}

    def _placed(self, values: np.ndarray, dims: tuple[str, ...], levels: Sequence[Any]) -> np.ndarray:
        """Put draws of group effects at the places of their levels among those of all rows; NaN for others."""
        places = {label: at for at, label in enumerate(self.coords[dims[0]])}
        out = np.full((*values.shape[:2], *(len(self.coords[dim]) for dim in dims)), np.nan)
        out[:, :, [places[label] for label in levels]] = values
        return out


def answer_layout(design: Design, keep: Collection[str]) -> ManyAnswers:
    """Say what is kept of each response.

    Parameters
    ----------
    design
        The design of all rows.
    keep
        Quantities whose draws are kept: variables of the posterior, `icc`, `share`.

    Raises
    ------
    SpecError
        A quantity that the model does not have; a factor with the name of a dimension of the answer.
    """
    dims, coords = variable_dims(design), coordinates(design)
    effects = {b_name(factor.name) for factor in design.factors}
    estimated = {name: own for name, own in dims.items() if name not in effects}
    if design.grouping:
        estimated[_ICC] = ("factor",)
        coords["factor"] = [factor.name for factor in design.grouping]
        coords["cut"] = list(CUTS)
    estimated[_SHARE] = ("part",)
    coords["part"] = [FIXED, *part_names([factor.name for factor in design.grouping]), RESIDUAL]
    coords["statistic"] = list(STATISTICS)
    known = {**estimated, **{name: dims[name] for name in dims if name in effects}}
    for name in keep:
        if name not in known:
            raise SpecError(
                "no such quantity to keep", got=repr(name), allowed=nearest(str(name), known), do="name one of these"
            )
    kept = {name: known[name] for name in dict.fromkeys(keep)}
    used = {"statistic", "cut", *(dim for own in (*estimated.values(), *kept.values()) for dim in own)}
    of_levels = [dims[name][0] for name in kept if name in effects]
    if taken := sorted(_TAKEN.intersection(of_levels)):
        raise SpecError(
            "the effects of a factor cannot be kept: a dimension of the answer has its name",
            got=", ".join(map(repr, taken)),
            allowed=f"a factor that is not called {', '.join(sorted(_TAKEN))}",
            do="rename the column",
        )
    known_coords = {dim: values for dim, values in coords.items() if dim in used}
    return ManyAnswers(estimated, kept, known_coords, bool(of_levels or design.spec.smooths))


def icc_under_prior(design: Design) -> dict[str, Any]:
    """Return the prior probability that each factor's ICC is below each cut; nothing where it depends on the response.

    Default priors of sds and sigma are in units of the response's sd, so that the ICC has the same prior for all
    responses; stated ones are not. A prior that is stated for the ICC is the same for all, too.

    Returns
    -------
    dict
        `icc_prior_below` (factor, cut), as a variable of a Dataset; empty if there is none.
    """
    stated = {name.partition("[")[0] for name in design.spec.priors}
    in_units = SIGMA in stated or design.se is not None or any(name.startswith("sd_") for name in stated)
    if not design.grouping or in_units:
        return {}
    drawn = draw_parameters(design, resolve_priors(design), _PRIOR_DRAWS, seed=np.random.SeedSequence(0))
    dims = variable_dims(design)
    prior = xr.Dataset({name: (("chain", "draw", *dims[name]), drawn[name][None]) for name in drawn})
    partition = partition_over_rows(prior, design)
    total = partition.total[0, :, 0]
    shares = np.stack([share_of(own[0, :, 0], total) for own in partition.factors.values()])
    return {"icc_prior_below": (("factor", "cut"), (shares[..., None] < np.array(CUTS)).mean(axis=1))}


def _summaries(draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return mean, sd and quantiles of each quantity, in a last dimension."""
    flat = {name: values.reshape(-1, int(np.prod(values.shape[2:]))) for name, values in draws.items()}
    together = np.concatenate(list(flat.values()), axis=1)
    spread = together.std(axis=0, ddof=1) if len(together) > 1 else np.full(together.shape[1], np.nan)
    found = np.stack([together.mean(axis=0), spread, *np.quantile(together, _LEVELS, axis=0)], axis=-1)
    out, at = {}, 0
    for name, values in draws.items():
        width = flat[name].shape[1]
        out[name] = found[at : at + width].reshape(*values.shape[2:], len(STATISTICS))
        at += width
    return out


def _judged(parameters: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return diagnostics, and whether they are good by the thresholds of `convergence.py`, group effects left out."""
    columns = [
        column
        for values in parameters.values()
        for column in np.moveaxis(values.reshape(*values.shape[:2], -1), 2, 0)
        if np.ptp(column) > _SAME * max(1.0, abs(float(column.flat[0])))
    ]
    found = mixing(columns)
    rhat, bulk, tail = (
        (float(one(values)) if len(columns) else np.nan)
        for one, values in ((np.max, found.rhat), (np.min, found.bulk_ess), (np.min, found.tail_ess))
    )
    chains = next(iter(parameters.values())).shape[0]
    khat = facts.get("importance_khat", np.nan)
    weighted = "log_evidence" in facts
    troubles = []
    if not all(np.isfinite(values).all() for values in parameters.values()):
        troubles.append("draws are not finite")
    if not rhat < MAX_RHAT:
        troubles.append(f"R-hat up to {rhat:.3f}")
    for name, value in (("bulk", bulk), ("tail", tail)):
        if not value >= MIN_ESS_PER_CHAIN * chains:
            troubles.append(f"{name} ESS down to {value:.0f}")
    if weighted and not has_no_tail(khat, facts.get("importance_largest", np.inf)) and facts["log_evidence_se"] != 0:
        troubles.append(f"Pareto k-hat {khat:.2f} is not below {MAX_KHAT}")
    return {
        "rhat": rhat,
        "ess_bulk": bulk,
        "ess_tail": tail,
        "importance_khat": khat,
        "log_evidence": facts["log_evidence"] if weighted else np.nan,
        "log_evidence_se": facts["log_evidence_se"] if weighted else np.nan,
        "good": not troubles,
        "reason": "; ".join(troubles),
    }
