"""All simulated data sets: their simulation, seed and true values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from partialpool.datasets.simulate import gene_expression, pain_trials, species, vaccination
from partialpool.datasets.simulate.record import Simulated

__all__ = ["SIMULATIONS", "Simulation"]


@dataclass(frozen=True)
class Simulation:
    """One simulated data set.

    Attributes
    ----------
    simulate
        Function from a seed to a draw.
    seed
        Seed of the table that comes with the package.
    truth
        True parameter values, under the names of a fit; for several responses, by response.
    """

    simulate: Callable[[int], Simulated]
    seed: int
    truth: Mapping[str, float] | Mapping[str, Mapping[str, float]]


SIMULATIONS: Final[Mapping[str, Simulation]] = MappingProxyType(
    {
        "pain_trials": Simulation(pain_trials.simulate, pain_trials.SEED, pain_trials.TRUTH.parameters),
        "vaccination": Simulation(vaccination.simulate, vaccination.SEED, vaccination.TRUTH.parameters),
        "gene_expression": Simulation(
            gene_expression.simulate,
            gene_expression.SEED,
            {gene: of.parameters for gene, of in gene_expression.TRUTH.items()},
        ),
        "species": Simulation(species.simulate, species.SEED, species.TRUTH.parameters),
    }
)
