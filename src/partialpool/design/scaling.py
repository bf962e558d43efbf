"""Every prior of a model, resolved: the user's, or a default scaled to the data, with scale and reason.

Defaults, with s_y = sd(y) (ddof 0) for an identity link and 1 on a link scale without units:

    intercept, at the predictors' means   Normal(link(mean y), 2.5 s_y); Normal(0, 2.5) for logit, probit, cloglog
    slope of x                            Normal(0, 2.5 s_y / sd(x))
    sd of an effect z                     HalfStudentT(3, s_y / sd(z)), sd(z) = 1 for a constant column
    corr                                  LKJ(2)
    sigma                                 HalfStudentT(3, sd(y))

Where the user states a prior of `icc`, `total_sd` or a `share_<f>`, the sds and sigma have none of their own
(`design/decomposition.py`), and what is not stated of the three is

    icc                                   Beta(1, 1)
    total_sd                              HalfStudentT(3, sd(y))
    shares of the effects                 Dirichlet(1)

Intercept and slopes follow rstanarm's weakly informative defaults (Gelman et al. 2008), sds brms's half-t.
Links that carry units (sqrt, inverse) take s_y by the delta method, sd(y) |g'(mean y)|.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.design.build import Design, FactorEffects
from partialpool.design.decomposition import decompose
from partialpool.errors import PriorError, nearest
from partialpool.names import BETA, ICC, INTERCEPT, SIGMA, TOTAL_SD, corr_name, sd_name
from partialpool.spec.priors import Prior
from partialpool.tabulate import TextTable

__all__ = ["PriorSet", "ResolvedPrior", "default_priors", "predictor_unit", "resolve_priors"]


@dataclass(frozen=True)
class ResolvedPrior:
    """One parameter's prior, and why it is that."""

    parameter: str
    prior: Prior
    reason: str
    is_default: bool


@dataclass(frozen=True, repr=False)
class PriorSet(Mapping[str, Prior]):
    """All priors of a model on a table, by parameter; prints as a table with reasons."""

    entries: tuple[ResolvedPrior, ...]

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
    def table(self) -> TextTable:
        """Parameter, prior, where it is from."""
        rows = tuple(
            (e.parameter, str(e.prior), "default" if e.is_default else "yours", e.reason) for e in self.entries
        )
        note = "Priors are on the original scale of the data; beta[Intercept] is at the predictors' means."
        return TextTable(("parameter", "prior", "from", "reason"), rows, title="Priors", notes=(note,))

    def __repr__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


@dataclass(frozen=True)
class _Scales:
    """What the defaults are scaled by."""

    location: float
    location_reason: str
    unit: float
    """Unit of the linear predictor."""
    unit_reason: str
    residual: float
    residual_reason: str


def predictor_unit(design: Design) -> float:
    """Scale of the linear predictor that samplers work in: s_y, or 1 on a link scale."""
    return _scales(design).unit


def resolve_priors(design: Design) -> PriorSet:
    """Resolve every prior of a model.

    Raises
    ------
    PriorError
        The user's priors name a parameter that the model does not have.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)")
    >>> resolve_priors(build_design(spec, load_dataset("sleepstudy")))["sd_Subject[Days]"]
    Prior('HalfStudentT', nu=3, sigma=19.5566)
    """
    user = design.spec.priors
    defaults = {entry.parameter: entry for entry in _defaults(design, decomposed=design.spec.states_shares)}
    groups = {
        name: name.partition("[")[0] for name in defaults if name.endswith("]") and name != f"{BETA}[{INTERCEPT}]"
    }
    known = set(defaults) | set(groups.values())
    for name in user:
        if name not in known:
            raise PriorError(
                "a prior is given for a parameter that does not exist",
                got=repr(name),
                allowed=nearest(name, sorted(known)),
                do="name one of these parameters",
            )
    return PriorSet(tuple(_chosen(entry, groups.get(name), user) for name, entry in defaults.items()))


def default_priors(design: Design) -> PriorSet:
    """Return the default priors of a design, whatever the user set."""
    return PriorSet(tuple(_defaults(design, decomposed=False)))


def _chosen(entry: ResolvedPrior, group: str | None, user: Mapping[str, Prior]) -> ResolvedPrior:
    for name in (entry.parameter, group):
        if name is not None and name in user:
            return ResolvedPrior(entry.parameter, user[name], f"given as {name}", is_default=False)
    return entry


def _defaults(design: Design, *, decomposed: bool) -> Iterator[ResolvedPrior]:
    scales = _scales(design)
    common = design.common
    if common.intercept:
        prior = Prior("Normal", mu=scales.location, sigma=2.5 * scales.unit)
        yield ResolvedPrior(f"{BETA}[{INTERCEPT}]", prior, f"{scales.location_reason}; 2.5 {scales.unit_reason}", True)
    spread = "sd" if design.spec.intercept else "rms"
    for name, scale in zip(common.names, common.scale, strict=True):
        prior = Prior("Normal", mu=0.0, sigma=2.5 * scales.unit / scale)
        yield ResolvedPrior(
            f"{BETA}[{name}]",
            prior,
            f"2.5 {scales.unit_reason} / {spread}(x), {spread}(x) = {scale:.4g}",
            True,
        )
    if decomposed:
        yield from _decomposed_defaults(design, scales)
    for factor in design.factors:
        if not decomposed:
            yield from _sd_defaults(factor, scales)
        if factor.correlated:
            yield ResolvedPrior(corr_name(factor.name), Prior("LKJ", eta=2), "mild pull to no correlation", True)
    family = design.spec.family_record
    for name, prior in family.parameters:
        if name == SIGMA and (decomposed or design.se is not None):
            continue
        if name in family.in_response_units:
            yield ResolvedPrior(name, prior.in_units_of(1 / scales.residual), scales.residual_reason, True)
        else:
            reason = "every category as likely at the predictors' means" if name == "cutpoints" else "weak, unit-free"
            yield ResolvedPrior(name, prior, reason, True)


def _decomposed_defaults(design: Design, scales: _Scales) -> Iterator[ResolvedPrior]:
    parts = decompose(design)
    yield ResolvedPrior(ICC, Prior("Beta", alpha=1, beta=1), "every share of the groups as likely", True)
    if parts.residual is None:
        prior = Prior("HalfStudentT", nu=3, sigma=scales.residual)
        yield ResolvedPrior(TOTAL_SD, prior, scales.residual_reason, True)
    if parts.is_split:
        for name in parts.shares:
            yield ResolvedPrior(name, Prior("Dirichlet", a=1), "every split among the effects as likely", True)


def _sd_defaults(factor: FactorEffects, scales: _Scales) -> Iterator[ResolvedPrior]:
    for name, scale, column in zip(factor.names, factor.scale, factor.values.T, strict=True):
        constant = np.ptp(column) == 0
        reason = scales.unit_reason if constant else f"{scales.unit_reason} / sd(z), sd(z) = {scale:.4g}"
        yield ResolvedPrior(
            f"{sd_name(factor.name)}[{name}]",
            Prior("HalfStudentT", nu=3, sigma=scales.unit / scale),
            reason,
            True,
        )


def _scales(design: Design) -> _Scales:
    y, family, link = design.response.values, design.spec.family_record, design.spec.link
    if family.on_log_scale:
        y = np.log(y)
    spread, mean = float(np.std(y)), float(np.mean(y))
    # Without an intercept the coefficients carry the mean as well.
    spread_all = spread if design.spec.intercept else float(np.sqrt(np.mean(y**2)))
    shift = design.offset if design.offset is not None else np.zeros(len(y))
    what = "log y" if family.on_log_scale else "y"
    residual = (spread, f"sd({what}) = {spread:.4g}")
    if link == "identity":
        unit = (
            spread_all,
            f"s_y, s_y = {'sd' if design.spec.intercept else 'rms'}({what}) = {spread_all:.4g}",
        )
        location = mean - float(np.mean(shift))
        return _Scales(
            location,
            f"mean({what}){' less the offset' if shift.any() else ''} = {location:.4g}",
            *unit,
            *residual,
        )
    if link == "log":
        location = float(np.log(np.sum(y) / np.sum(np.exp(shift)))) if np.sum(y) > 0 else 0.0
        reason = f"log(mean y){' per unit of offset' if shift.any() else ''} = {location:.4g}"
        return _Scales(location, reason, 1.0, "on the log scale", *residual)
    if link == "sqrt":
        unit_value, location = spread / (2 * np.sqrt(mean)), float(np.sqrt(mean))
        return _Scales(
            location,
            f"sqrt(mean y) = {location:.4g}",
            unit_value,
            f"s_y, s_y = {unit_value:.4g} on the sqrt scale",
            *residual,
        )
    if link == "inverse":
        unit_value, location = spread / mean**2, 1 / mean
        return _Scales(
            location,
            f"1 / mean y = {location:.4g}",
            unit_value,
            f"s_y, s_y = {unit_value:.4g} on the inverse scale",
            *residual,
        )
    return _Scales(0.0, "even odds", 1.0, f"on the {link} scale", *residual)
