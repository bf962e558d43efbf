"""Base class of the families: the distribution of a response given its linear predictor.

Each family is a subclass in a separate file. To add one whose link exists: write that file, list it in
`families/registry.py`, give it a row in `docs/defaults.md` (`docs/extend.md` has every step).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NoReturn

import numpy as np

from partialpool.distributions.prior import Prior
from partialpool.families.cutpoints import Cutpoints
from partialpool.families.given import Given
from partialpool.families.link import Link, ProbabilityLink
from partialpool.families.links import LINKS
from partialpool.families.support import POSITIVE, Support
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["EFFECT_OF_EACH_ROW", "SHAPE_PRIOR", "SHARE_PRIOR", "Family", "Notation", "Own"]

Own = Mapping[str, np.ndarray]
SHAPE_PRIOR: Final = Prior("InverseGamma", alpha=0.4, beta=0.3)
"""Default prior of shapes and precisions; brms uses it for the shape of the negative binomial only. It has little mass
at 0, and a tail heavy enough for nearly Poisson data."""
SHARE_PRIOR: Final = Prior("Beta", alpha=1, beta=1)
"""Default prior of a probability of zeros: uniform, as in brms."""
EFFECT_OF_EACH_ROW: Final = "add an effect for each row: a column of row numbers, (1 | row)"
"""Advice where counts or successes vary more than the family implies."""


@dataclass(frozen=True)
class Notation:
    """How a family is written: `NegativeBinomial(mean m, shape alpha)`.

    Attributes
    ----------
    distribution
        Name of the distribution.
    arguments
        Pairs of a label, which may be empty, and the labelled argument: `location` (the inverse link of the linear
        predictor), `trials`, or a parameter of the family.
    """

    distribution: str
    arguments: tuple[tuple[str, str], ...]


class Family(ABC):
    """A response distribution. Subclasses define everything the package uses.

    Arrays of the linear predictor have shape (draws, rows), those of parameters (draws, 1); densities and draws have
    the shape of the linear predictor.
    """

    name: ClassVar[str]
    """Name in a specification."""
    proper_name: ClassVar[str] = ""
    """Name in a sentence, where it is not `name` with blanks: `normal`, `zero-inflated Poisson`."""
    support: ClassVar[Support]
    """Values that the response can take."""
    links: ClassVar[tuple[str, ...]]
    """The available links, the default first."""
    parameters: ClassVar[tuple[tuple[str, Prior], ...]] = ()
    """The family's parameters and default priors, in units of the response's sd for those in `in_response_units`."""
    parameter_links: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Link of each parameter's predictor, where it has one: `logit` of a probability, `identity` of a number of any
    sign; `log` of those that are not named."""
    parameters_of_mean: ClassVar[frozenset[str]] = frozenset()
    """Parameters on which the mean depends beside the linear predictor."""
    in_response_units: ClassVar[frozenset[str]] = frozenset()
    on_log_scale: ClassVar[bool] = False
    """Whether the location is that of log(y), so that scales are computed from log(y)."""
    has_predictors_of_categories: ClassVar[bool] = False
    """Whether every category but the first has a predictor of its own, and the mean has none."""
    has_effects_by_threshold: ClassVar[bool] = False
    """Whether terms may have a coefficient for each cutpoint: where cutpoints may be in any order."""
    meaning_of_cutpoints: ClassVar[Cutpoints | None] = None
    """What its cutpoints mean; None for a family without."""
    is_normal: ClassVar[bool] = False
    """Whether the response, or its logarithm, is normal."""
    is_latent: ClassVar[bool] = False
    """Whether the response is determined by a latent variable of known variance."""
    has_mean: ClassVar[bool] = True
    """Whether the response has a mean and a variance: ordered categories have neither."""
    takes_se: ClassVar[bool] = False
    """Whether known standard errors can replace sigma."""
    log_concave_links: ClassVar[frozenset[str]] = frozenset()
    """Links under which the log density is concave in the linear predictor, that of categories in all of them."""
    row_kernels: ClassVar[str] = ""
    """Module of its compiled kernels (`families/row_kernels/load.py`), which is imported on first use."""
    censored_row_kernels: ClassVar[str] = ""
    """The same for rows that are known within bounds only; empty for a family without `log_tails`."""
    notation: ClassVar[Notation | None] = None
    """How the family is written; None for cutpoints, which have a separate equation."""
    variance_formula: ClassVar[str] = ""
    """Var(y | mean) in words; binomial: of one trial."""
    checks: ClassVar[tuple[str, ...]] = ()
    """Statistics of `posterior_checks` in which models of this family most often fail to match the data."""
    picture: ClassVar[Literal["frequencies", "calibration", "categories", "densities", "distributions"]]
    """Type of picture in which data and new responses are compared."""
    logarithmic_axis: ClassVar[bool] = False
    """Whether responses are drawn along a logarithmic axis."""
    advice: ClassVar[Mapping[tuple[str, bool], str]] = MappingProxyType({})
    """Advice where a statistic of the data is above (True) or below its distribution under the model."""
    advice_for_spreads: ClassVar[str] = "a slope, or a predictor that differs within levels"
    """Advice where spreads within levels differ more than the family implies."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Raise an error: families are constants."""
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    @property
    def in_words(self) -> str:
        """Name in a sentence."""
        return self.proper_name or self.name.replace("_", " ")

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
        """Whether every single value of the response has probability 0."""
        return self.support.is_continuous

    @property
    def has_cutpoints(self) -> bool:
        """Whether the model has cutpoints in place of an intercept."""
        return self.meaning_of_cutpoints is not None

    @property
    def cutpoints(self) -> Cutpoints:
        """What the family's cutpoints mean.

        Raises
        ------
        TypeError
            The family has none.
        """
        if self.meaning_of_cutpoints is None:
            raise TypeError(f"{self.name} has no cutpoints")
        return self.meaning_of_cutpoints

    @property
    def has_residuals_of_logs(self) -> bool:
        """Whether residuals are those of log y; where y may be 0 they are of y itself."""
        return self.on_log_scale and self.support is POSITIVE

    def depends_on_location(self, y: np.ndarray) -> np.ndarray:
        """Whether the density of each response depends on the linear predictor, boolean: not in zeros of a hurdle."""
        return np.ones(np.shape(y), bool)

    @property
    def shapes(self) -> tuple[str, ...]:
        """The family's parameters other than the scale and cutpoints."""
        return tuple(name for name, _ in self.parameters if name not in (SIGMA, "cutpoints"))

    def link_of(self, parameter: str) -> Link:
        """Return the link of the predictor of a parameter, where it has one."""
        return LINKS[self.parameter_links.get(parameter, "log")]

    @property
    def has_variance(self) -> bool:
        """Whether the response has a variance on the scale of the linear predictor: its own, or a latent variable's."""
        return self.has_mean or self.is_latent

    @property
    def is_scored(self) -> bool:
        """Whether the mean is the distribution's only parameter, so that Fisher scoring can fit it."""
        return self.has_mean and not self.parameters

    def latent_variance(self, link: Link) -> float | None:
        """Return the variance of the response's latent variable; None where there is none."""
        return link.latent_variance if self.is_latent and isinstance(link, ProbabilityLink) else None

    def is_log_concave(self, link: Link) -> bool:
        """Whether the log density is concave in the linear predictor."""
        return link.name in self.log_concave_links

    def is_additive(self, link: Link) -> bool:
        """Whether the residual is added to the linear predictor and has a single variance."""
        return self.is_latent or (self.is_normal and link.is_identity)

    @abstractmethod
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        """Evaluate log p(y | eta, parameters)."""

    @abstractmethod
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate P(new < y) and P(new > y). Both, since 1 - P loses all digits far in the tails."""

    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate log P(new <= y) and log P(new > y), which keep their digits where a probability underflows."""
        raise NotImplementedError

    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        """Return the same in a PyMC model."""
        raise NotImplementedError

    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Evaluate E(new | low < new <= high), (draws, rows), where there are `log_tails`."""
        raise NotImplementedError

    def probability(self, given: Given, y: np.ndarray) -> np.ndarray:
        """Evaluate P(new = y): on a continuous scale 0, except for the support's atoms."""
        p = np.exp(self.log_density(given, y))
        return np.where(np.isin(y, self.support.atoms), p, 0.0) if self.is_continuous else p

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
            The family's parameters, broadcastable to `mean`; `sigma` may be known standard errors.
        """
        raise NotImplementedError

    def variance(self, mean: np.ndarray, own: Own) -> np.ndarray:
        """Evaluate Var(y | mean), elementwise; binomial: of one trial.

        Infinite for a Student t of 2 degrees of freedom or fewer.
        """
        return self.expected_variance(mean, mean**2, own)

    def variance_over_normal(
        self, link: Link, eta: np.ndarray, spread: np.ndarray, moments: tuple[np.ndarray, np.ndarray], own: Own
    ) -> np.ndarray:
        """Evaluate E Var(y | eta + u), u ~ N(0, spread), elementwise.

        Parameters
        ----------
        link, eta
            As `on_mean_scale` returns them.
        moments
            E m and E m^2 of the mean m(eta + u).
        """
        return self.expected_variance(*moments, own)

    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the link and linear predictor such that the mean is the inverse link of the predictor."""
        return link, eta

    def line_of_mean(self, own: Own) -> tuple[np.ndarray | float, np.ndarray | float]:
        """Return a and b of the mean a + b m, m being the inverse of the link and predictor of `on_mean_scale`."""
        return 0.0, 1.0

    def mean(self, link: Link, eta: np.ndarray, spread: np.ndarray | None, own: Own) -> np.ndarray:
        """Evaluate E(y | eta), or E(y | eta + u) with u ~ N(0, spread) integrated out; binomial: of one trial.

        Parameters
        ----------
        eta, spread
            (draws, rows); a spread of None means that nothing is integrated out.
        own
            The family's parameters.

        Returns
        -------
        numpy.ndarray
            (draws, rows). Ordinal: (draws, rows, categories), the probability of each.
        """
        link, eta = self.on_mean_scale(link, eta, own)
        constant, factor = self.line_of_mean(own)
        return constant + factor * (link.inverse(eta) if spread is None else link.mean_over_normal(eta, spread))

    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance for standardising residuals, those of the logarithm where `on_log_scale`.

        Both of shape (draws, rows), or one that broadcasts to it.
        """
        mean = self.mean(given.link, given.eta, None, given.parameters)
        trials = 1.0 if given.trials is None else given.trials
        return trials * mean, trials * np.broadcast_to(self.variance(mean, given.parameters), given.eta.shape)

    def row_information(self, given: Given) -> np.ndarray:
        """Evaluate the expected information of a row about its linear predictor, (draws, rows), where ordered
        categories have no variance.
        """
        raise NotImplementedError

    def variance_needs_mean(self, link: Link) -> bool:
        """Whether `predictor_variance` depends on the mean."""
        return not self.is_latent

    def predictor_variance(self, link: Link, mean: np.ndarray, own: Own, known: float | None) -> tuple[np.ndarray, str]:
        """Return the distribution's variance on the scale of the linear predictor, and its definition in words.

        Parameters
        ----------
        link
            The model's link.
        mean
            Mean of the response, of any shape; not used where `variance_needs_mean` is false.
        own
            The family's parameters, broadcastable to `mean`.
        known
            Mean square of known standard errors, which replaces sigma^2; None where sigma is estimated.
        """
        latent = self.latent_variance(link)
        if latent is not None:
            return np.full(mean.shape, latent), f"latent variance of the {link.name} link"
        variance = self.variance(mean, own)
        return link.variance_of_prediction(mean, variance), link.words_of_variance(self.variance_formula)

    def observed_sd(self, link: Link, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return the sd of the data minus the offset, on the scale of `predictor_variance`; None if not defined."""
        return None if self.support.mean_is_probability else link.observed_sd(y, shift)

    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses, moved into the link's domain, as the means at which Newton's steps start.

        Shares are moved away from 0 and 1. A family whose responses have a unit must not depend on it.
        """
        return (y + 0.5) / (trials + 1)
