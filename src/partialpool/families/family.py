"""A family: the distribution of a response given its linear predictor, and everything the package asks of it.

Each family is a subclass in a file of its own. To add one whose link exists: write that file, list it in
`families/registry.py`, give it a row in `docs/defaults.md` (`docs/extend.md` has every step).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NoReturn

import numpy as np

from partialpool.distributions.prior import Prior
from partialpool.families.given import Given
from partialpool.families.link import Link, ProbabilityLink
from partialpool.families.support import Support
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["EFFECT_OF_EACH_ROW", "SHAPE_PRIOR", "Family", "Notation", "Own"]

Own = Mapping[str, np.ndarray]
SHAPE_PRIOR: Final = Prior("InverseGamma", alpha=0.4, beta=0.3)
"""Of shapes and precisions, what brms takes for the negative binomial's shape alone: little mass at 0, a tail heavy
enough for nearly Poisson data."""
EFFECT_OF_EACH_ROW: Final = "add an effect of each row: a column of row numbers, (1 | row)"
"""What to try where counts or successes vary more than the family says."""


@dataclass(frozen=True)
class Notation:
    """How a family is written: `NegativeBinomial(mean m, shape alpha)`.

    Attributes
    ----------
    distribution
        Its name.
    arguments
        Pairs of a label, which may be empty, and what it stands before: `location` (the inverse link of the linear
        predictor), `trials`, or a parameter of the family.
    """

    distribution: str
    arguments: tuple[tuple[str, str], ...]


class Family(ABC):
    """A response distribution. Subclasses say what is true of it; the package asks for no more.

    Arrays of the linear predictor have shape (draws, rows), those of parameters (draws, 1); densities and draws have
    the shape of the linear predictor.
    """

    name: ClassVar[str]
    """As written in a specification."""
    support: ClassVar[Support]
    """What the response can be."""
    links: ClassVar[tuple[str, ...]]
    """The links it knows, the default first."""
    parameters: ClassVar[tuple[tuple[str, Prior], ...]] = ()
    """Its own parameters with their default prior, in units of the response's sd where `in_response_units` has it."""
    in_response_units: ClassVar[frozenset[str]] = frozenset()
    on_log_scale: ClassVar[bool] = False
    """Whether the location describes log(y), so that scales come from log(y)."""
    is_normal: ClassVar[bool] = False
    """Whether the response, or its logarithm, is normal."""
    is_latent: ClassVar[bool] = False
    """Whether a latent variable of known variance stands behind the response."""
    has_mean: ClassVar[bool] = True
    """Whether the response has a mean and a variance: ordered categories have neither."""
    takes_se: ClassVar[bool] = False
    """Whether known standard errors can take the place of sigma."""
    log_concave_links: ClassVar[frozenset[str]] = frozenset()
    """Links under which the log density is concave in the linear predictor."""
    row_kernels: ClassVar[str] = ""
    """Module of its compiled kernels (`families/row_kernels/load.py`), which is imported on first use."""
    notation: ClassVar[Notation | None] = None
    """How it is written; None for cutpoints, which have an equation of their own."""
    variance_formula: ClassVar[str] = ""
    """Var(y | mean) in words; binomial: of one trial."""
    checks: ClassVar[tuple[str, ...]] = ()
    """Statistics of `posterior_checks` in which models of this family most often miss the data."""
    picture: ClassVar[Literal["frequencies", "calibration", "categories", "densities", "distributions"]]
    """How data and new responses are drawn over each other."""
    logarithmic_axis: ClassVar[bool] = False
    """Whether responses are drawn along a logarithmic axis."""
    advice: ClassVar[Mapping[tuple[str, bool], str]] = MappingProxyType({})
    """What to try where a statistic of the data lies above (True) or below what the model makes."""
    advice_for_spreads: ClassVar[str] = "a slope, or a predictor that differs within levels"
    """What to try where spreads within levels differ more than the family says."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: a family is a constant."""
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    @property
    def default_link(self) -> str:
        """The link used when none is named."""
        return self.links[0]

    @property
    def kind(self) -> str:
        """Name of the support."""
        return self.support.name

    @property
    def is_continuous(self) -> bool:
        """Whether no single value of the response has a probability of its own."""
        return self.support.is_continuous

    @property
    def has_cutpoints(self) -> bool:
        """Whether cutpoints take the place of the intercept."""
        return any(name == "cutpoints" for name, _ in self.parameters)

    @property
    def shapes(self) -> tuple[str, ...]:
        """Its own parameters that are no scale and no cutpoints."""
        return tuple(name for name, _ in self.parameters if name not in (SIGMA, "cutpoints"))

    @property
    def is_scored(self) -> bool:
        """Whether the distribution has no parameter but its mean, so that Fisher scoring fits it."""
        return self.has_mean and not self.parameters

    def latent_variance(self, link: Link) -> float | None:
        """Return the variance of the latent variable behind the response; None where there is none."""
        return link.latent_variance if self.is_latent and isinstance(link, ProbabilityLink) else None

    def is_additive(self, link: Link) -> bool:
        """Whether a residual of one variance is added to the linear predictor."""
        return self.is_latent or (self.is_normal and link.is_identity)

    @abstractmethod
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        """Evaluate log p(y | eta, parameters)."""

    @abstractmethod
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate P(new < y) and P(new > y). Both, since 1 - P has no digits left far out."""

    @abstractmethod
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        """Draw new responses, as floats."""

    @abstractmethod
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        """Register the observed variable in the PyMC model in whose context this is called."""

    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        """Evaluate E Var(y | m) over a distribution of m, elementwise: a polynomial of degree 2 in m.

        Parameters
        ----------
        mean, square
            E m and E m^2; binomial: of one trial.
        own
            The family's parameters, broadcastable to `mean`; known standard errors stand for `sigma`.
        """
        raise NotImplementedError

    def variance(self, mean: np.ndarray, own: Own) -> np.ndarray:
        """Evaluate Var(y | mean), elementwise; binomial: of one trial.

        Infinite for a Student t of 2 degrees of freedom or fewer.
        """
        return self.expected_variance(mean, mean**2, own)

    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the link and the linear predictor of which the mean is the inverse."""
        return link, eta

    def mean(self, link: Link, eta: np.ndarray, spread: np.ndarray | None, own: Own) -> np.ndarray:
        """Evaluate E(y | eta), or E(y | eta + u) with u ~ N(0, spread) integrated out; binomial: of one trial.

        Parameters
        ----------
        eta, spread
            (draws, rows); no spread for nothing to integrate out.
        own
            The family's parameters.

        Returns
        -------
        numpy.ndarray
            (draws, rows). Ordinal: (draws, rows, categories), the probability of each.
        """
        link, eta = self.on_mean_scale(link, eta, own)
        return link.inverse(eta) if spread is None else link.mean_over_normal(eta, spread)

    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance by which residuals are standardised, of the logarithm where `on_log_scale`.

        Both of shape (draws, rows), or one that broadcasts to it.
        """
        mean = self.mean(given.link, given.eta, None, given.parameters)
        trials = 1.0 if given.trials is None else given.trials
        return trials * mean, trials * np.broadcast_to(self.variance(mean, given.scaled), given.eta.shape)

    def variance_needs_mean(self, link: Link) -> bool:
        """Whether `predictor_variance` depends on the mean."""
        return not self.is_latent

    def predictor_variance(self, link: Link, mean: np.ndarray, own: Own, known: float | None) -> tuple[np.ndarray, str]:
        """Return the distribution's variance on the scale of the linear predictor, and its definition in words.

        Parameters
        ----------
        link
            Of the model.
        mean
            Mean of the response, of any shape; any value where `variance_needs_mean` says it plays no part.
        own
            The family's parameters, broadcastable to `mean`.
        known
            Mean square of known standard errors, which stands for sigma^2; None where sigma is estimated.
        """
        latent = self.latent_variance(link)
        if latent is not None:
            return np.full(mean.shape, latent), f"latent variance of the {link.name} link"
        variance = self.variance(mean, own)
        return link.variance_of_prediction(mean, variance), link.words_of_variance(self.variance_formula)

    def observed_sd(self, link: Link, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return the sd of the data, offset taken off, on the scale of `predictor_variance`; None where it has none."""
        return None if self.support.mean_is_probability else link.observed_sd(y, shift)

    @abstractmethod
    def pilot(
        self, y: np.ndarray, trials: np.ndarray, residual: Callable[[], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return rough means and variances of the rows' responses, before any fit.

        Parameters
        ----------
        y, trials
            The response, of the logarithm where `on_log_scale`, and trials (1 where there are none), (rows,).
        residual
            Works out the residual variance once every level has its own mean, for families that have one.
        """

    def pilot_information(
        self, link: Link, y: np.ndarray, trials: np.ndarray, residual: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Estimate each row's Fisher information about its linear predictor, (d mu / d eta)^2 / Var(y), (rows,)."""
        mean, variance = self.pilot(y, trials, residual)
        return trials * link.slope(link.forward(mean)) ** 2 / variance

    def starting_mean(self, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses as means, moved off the edges, where Fisher scoring begins."""
        return (y + 0.5) / (trials + 1)
