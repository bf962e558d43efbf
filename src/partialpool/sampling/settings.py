"""Sampling settings, checked once here and then passed on unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from partialpool.errors import SpecError
from partialpool.workers import cores_allowed, threads_wished

__all__ = ["Settings"]

_SAMPLERS: Final = ("nutpie", "pymc")
"""Samplers of the PyMC model, the default first."""
_SHORT_WARM_UP: Final = 300
_SHORTEST_WARM_UP: Final = 150
_ACCEPTANCE: Final = 0.9
_ACCEPTANCE_WHITENED: Final = 0.8
_ACCEPTANCE_FOLLOWING: Final = 0.75
_ACCEPTANCE_AGAIN: Final = 0.995
_LONGER_WARM_UP: Final = 600


@dataclass(frozen=True)
class Settings:
    """Sampling settings, the same for every engine.

    Attributes
    ----------
    draws, tune, chains
        Kept draws per chain, warm-up draws per chain, chains. The nuts engine warms up for 150 at most, NUTS on the
        collapsed density and the gibbs engine for 300; importance-weighted chains need none.
    seed
        Reproduces the draws exactly on the same machine and versions; None for a new seed.
    sampler
        `nutpie` or `pymc`, for the pymc engine.
    target_accept
        NUTS's target acceptance probability; None for 0.9 on the PyMC model, 0.75 in the coordinates of the nuts
        engine (0.995 in a second run) and 0.8 on the collapsed density, which have no funnel.
    parametrization
        `noncentered` (the default) or `centered` by factor, for the pymc engine.
    cores
        Number of chains run at once; None for all cores, or `PARTIALPOOL_NUM_THREADS`.
    progressbar
        Whether to show progress.
    keep_z
        Whether to keep the standard-normal offsets of the group effects, `z_<f>`.
    keep_levels
        The levels whose draws are kept, a list of labels or lists by factor; None for all. With it there is always a
        seed, from which the draws of other levels can be made later.
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int | None = None
    sampler: str = "nutpie"
    target_accept: float | None = None
    parametrization: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    cores: int | None = None
    progressbar: bool = True
    keep_z: bool = False
    keep_levels: Any = None

    def __post_init__(self) -> None:
        for name in ("draws", "tune", "chains"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SpecError(
                    f"{name} must be a positive integer",
                    got=repr(value),
                    allowed="1, 2, ...",
                    do=f"change {name}",
                )
        if self.seed is not None and (isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0):
            raise SpecError(
                "seed must be a non-negative integer",
                got=repr(self.seed),
                allowed="0, 1, 2, ... or None",
                do="change seed",
            )
        if self.cores is not None and (
            isinstance(self.cores, bool) or not isinstance(self.cores, int) or self.cores < 1
        ):
            raise SpecError(
                "cores must be a positive integer",
                got=repr(self.cores),
                allowed="1, 2, ... or None for all",
                do="change cores",
            )
        target = 0.9 if self.target_accept is None else self.target_accept
        if not isinstance(target, (int, float)) or not 0.5 <= target < 1:
            raise SpecError(
                "target_accept must be a probability",
                got=repr(self.target_accept),
                allowed="from 0.5 to below 1, or None for the engine's own",
                do="for instance 0.95",
            )
        if self.sampler not in _SAMPLERS:
            raise SpecError(
                "unknown sampler",
                got=repr(self.sampler),
                allowed="'nutpie' or 'pymc'",
                do="name one of the two",
            )
        if not isinstance(self.parametrization, Mapping):
            raise SpecError(
                "parametrization must be given by factor",
                got=repr(self.parametrization),
                allowed="{'Subject': 'centered'}",
                do="write a dictionary",
            )
        object.__setattr__(self, "parametrization", MappingProxyType(dict(self.parametrization)))
        if self.keep_levels is not None and self.seed is None:
            object.__setattr__(self, "seed", int(np.random.SeedSequence().generate_state(1)[0]))

    @property
    def is_for_pymc(self) -> bool:
        """Whether they ask for what only the PyMC model has: another sampler, or a parametrization."""
        return self.sampler != _SAMPLERS[0] or bool(self.parametrization)

    @property
    def acceptance(self) -> float:
        """Target acceptance for NUTS on the PyMC model, whose posterior may have funnels."""
        return _ACCEPTANCE if self.target_accept is None else self.target_accept

    def warmed_up_briefly(self) -> "Settings":
        """Return settings for coordinates whitened beforehand, whose warm-up only has to find the step size."""
        return replace(self, tune=min(self.tune, _SHORT_WARM_UP))

    def without_funnel(self) -> "Settings":
        """Return settings for whitened coordinates: a short warm-up for the step size, and longer steps."""
        return self._accepting(_ACCEPTANCE_WHITENED, _SHORT_WARM_UP)

    def following_theta(self) -> "Settings":
        """Return settings for coordinates that follow theta, in which everything is nearly N(0, 1): long steps.

        The warm-up only has to find the step size, and scales that differ little: with 150 draws instead of 300 the
        effective draws are the same. For many normal coordinates the cost of an independent draw is least at an
        acceptance of 0.65 (Beskos et al. 2013, Bernoulli 19:1501), and hardly more at 0.75, where few runs diverge.
        """
        return self._accepting(_ACCEPTANCE_FOLLOWING, _SHORTEST_WARM_UP)

    def of_heavy_effects(self) -> "Settings":
        """Return settings for the same where effects have a Student t distribution: as for a density of any shape.

        On simulated tables with a level far out a warm-up of 600 gave at least 700 effective draws of a scale, the
        short one of nearly normal elements 300.
        """
        return self._accepting(_ACCEPTANCE, _LONGER_WARM_UP)

    def in_smaller_steps(self) -> "Settings":
        """Return settings for a second run, after one with divergences: a longer warm-up, and smaller steps.

        The steps are those of the target acceptance where one is stated. Of a table of few yes-or-no rows, 40 seeds:
        second runs with the short warm-up and an acceptance of 0.98 still had a divergence in 8, in a fifth less time;
        with the longer one in 3, 1 and 0 at 0.98, 0.99 and 0.995.
        """
        return self._accepting(_ACCEPTANCE_AGAIN, _LONGER_WARM_UP)

    def _accepting(self, target: float, warm_up: int) -> "Settings":
        """Return settings with a target acceptance, unless one is stated, and a warm-up of at most so many draws."""
        accept = target if self.target_accept is None else self.target_accept
        return replace(self, target_accept=accept, tune=min(self.tune, warm_up))

    @property
    def threads(self) -> int:
        """Number of threads to use."""
        return self.cores or threads_wished() or cores_allowed()

    @property
    def workers(self) -> int:
        """Number of chains to run at once."""
        return min(self.threads, self.chains)

    def as_record(self) -> dict[str, Any]:
        """Return the settings to store with the draws."""
        skip = ("progressbar", "cores")
        record = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in skip}
        if self.keep_levels is None:  # what runs without it recorded stays as it was
            del record["keep_levels"]
        else:
            record["keep_levels"] = _plain(self.keep_levels)
        return record | {"parametrization": dict(self.parametrization)}


def _plain(wanted: Any) -> Any:
    """Return levels to keep as lists of plain labels."""
    if isinstance(wanted, Mapping):
        return {str(factor): _plain(labels) for factor, labels in wanted.items()}
    return [label.item() if isinstance(label, np.generic) else label for label in wanted]
