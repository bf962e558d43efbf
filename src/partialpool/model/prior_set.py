"""The priors of a model on a table: by parameter, with reasons; prints as a table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from partialpool.distributions.prior import Prior
from partialpool.names import BETA, INTERCEPT, renamed
from partialpool.tabulate import TextTable

__all__ = ["CoefficientShare", "PriorSet", "ResolvedPrior"]


@dataclass(frozen=True)
class CoefficientShare:
    """Marginal of one coefficient under a joint prior: Normal(mu location, sigma spread).

    Attributes
    ----------
    coef
        The coefficient.
    location, spread
        Per unit of the joint prior's mu and sigma, in units of 1 / column.
    """

    coef: str
    location: float
    spread: float


@dataclass(frozen=True)
class ResolvedPrior:
    """The prior of one parameter, and the reason for it."""

    parameter: str
    prior: Prior
    reason: str
    is_default: bool
    shares: tuple[CoefficientShare, ...] = ()
    """Marginals of the coefficients under a joint prior; empty for a prior of one parameter."""

    @property
    def marginals(self) -> dict[str, Prior]:
        """The marginal prior of each coefficient under a joint one, by parameter."""
        stated = self.prior.arguments
        return {
            f"{self.parameter}[{s.coef}]": Prior(
                "Normal", mu=stated["mu"] * s.location, sigma=stated["sigma"] * s.spread
            )
            for s in self.shares
        }


@dataclass(frozen=True, repr=False)
class PriorSet(Mapping[str, Prior]):
    """All priors of a model on a table, by parameter; prints as a table with reasons."""

    entries: tuple[ResolvedPrior, ...]
    notes: tuple[str, ...] = ()
    scale: str = ""
    """Scale of coefficients and of sds of group effects, in words; empty where it is that of the data."""

    def __getitem__(self, parameter: str) -> Prior:
        for entry in self.entries:
            if entry.parameter == parameter:
                return entry.prior
        raise KeyError(parameter)

    def __iter__(self) -> Iterator[str]:
        return iter(entry.parameter for entry in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def together(self) -> tuple[str, ...]:
        """Coefficients that have one prior together, under `beta`."""
        return tuple(share.coef for entry in self.entries if entry.parameter == BETA for share in entry.shares)

    def of_predictor(self, names: Mapping[str, str]) -> "PriorSet":
        """Return the priors of a parameter's predictor, under the names that they would have as the mean's.

        Parameters
        ----------
        names
            From `names_of_predictor`.
        """
        inner = {outer: name for name, outer in names.items()}
        return self.called(inner)

    def called(self, names: Mapping[str, str]) -> "PriorSet":
        """Return the priors whose parameters have other names, under these."""
        own = ((renamed(entry.parameter, names), entry) for entry in self.entries)
        return PriorSet(tuple(replace(entry, parameter=name) for name, entry in own if name is not None))

    def marginal(self, parameter: str) -> Prior:
        """Return a parameter's marginal prior; for a coefficient under a joint prior, its marginal."""
        for entry in self.entries:
            if parameter in entry.marginals:
                return entry.marginals[parameter]
        return self[parameter]

    @property
    def table(self) -> TextTable:
        """Parameter, prior and its source; below a joint prior the marginals of the coefficients."""
        rows: list[tuple[str, ...]] = []
        for e in self.entries:
            rows.append((e.parameter, str(e.prior), "default" if e.is_default else "yours", e.reason))
            rows += [(f"  {name}", str(own), "", "by itself") for name, own in e.marginals.items()]
        scale = (
            f"of coefficients and of sds are on {self.scale}" if self.scale else "are on the original scale of the data"
        )
        intercept = f"{BETA}[{INTERCEPT}]"
        where = f"; {intercept} is at the predictors' means" if intercept in self else ""
        notes = [f"Priors {scale}{where}."]
        if self.together:
            notes.append(
                "beta is one prior of the coefficients below it, whatever their predictors' zero, unit or reference "
                "category: sigma is the prior sd of the effect of one sd of any combination of these predictors."
            )
        notes += self.notes
        return TextTable(("parameter", "prior", "from", "reason"), tuple(rows), title="Priors", notes=tuple(notes))

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()
