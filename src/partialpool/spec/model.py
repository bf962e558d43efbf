"""ModelSpec: the specification of a model, in one frozen, hashable object."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from partialpool.distributions.prior import Prior
from partialpool.families.family import Family
from partialpool.families.link import Link, ProbabilityLink
from partialpool.families.links import LINKS
from partialpool.families.registry import family_named
from partialpool.spec.additions import CENS, COLUMNS_OF_ROWS, TRUNC, cens_columns, said_once
from partialpool.spec.canonical_model import canonical_model, check_model
from partialpool.spec.changed_model import changed_model
from partialpool.spec.columns_read import expression_columns, predictor_columns
from partialpool.spec.expression import columns_of
from partialpool.spec.formula import ResponseTerm, parse_formula, read_response
from partialpool.spec.grouporigins import with_origins
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.parameter_predictor import ParameterTable
from partialpool.spec.priorchecks import replaced_by, share_parameters
from partialpool.spec.priortable import PriorTable
from partialpool.spec.residual import Residual, residual_sentences
from partialpool.spec.smooth import Smooth
from partialpool.spec.terms import Group
from partialpool.spec.toml import read_spec_tables, read_toml_file, write_spec_tables
from partialpool.spec.unit_table import UnitTable
from partialpool.spec.written_formula import write_formula

__all__ = ["ModelSpec"]


@dataclass(frozen=True, init=False)
class ModelSpec:
    """A hierarchical model as a grouping specification.

    The same object can be created from keywords, from a formula (`from_formula`) or from TOML (`from_toml`): the three
    are equal, hashable, and can be converted into each other (`to_formula`, `to_toml`).

    Parameters
    ----------
    response
        A column, a listed function of one (`"log(y)"`), `"use[Y]"` (the category that counts as success)
        or `"p(successes, trials)"`.
    common
        Fixed (population-level) terms, as in a formula: `["Days"]`, `["x*z"]`, `["offset(log(n))"]`.
    groups
        `Group` objects. Several groups on one factor are blocks: their effects are independent between blocks.
    intercept
        Whether there is a population intercept.
    family, link
        See `FAMILIES`; the family's usual link is the default.
    priors
        By parameter: `beta`, `beta[Days]`, `beta[Intercept]` (at the predictors' means), `sd_<f>`,
        `sd_<f>[effect]`, `corr_<f>`, `sigma` and the family's own parameters. A parameter that is not named keeps its
        default prior. In place of the sds and sigma: `icc` (Beta), the share of the variance that is between groups,
        `total_sd`, and `share_<f>` or `share_<f>[effect]` (Dirichlet concentrations), how that variance is split.
    se
        Column of known standard errors of the response (meta-analysis); sigma is then absent.
    precision
        Column of weights w of a normal response: the residual variance of a row is sigma^2 / w, as with lme4's weights.
    frequency
        Column of positive integers n: a row stands for n equal rows.
    cens
        Columns of censored responses, `"status"` or `"status, y2"`: the status of each row, upper ends of intervals.
    trunc
        Bounds outside which responses are not in the table, `"lb=0, ub=high"`: numbers or columns.
    smooths
        `Smooth` objects: penalised curves. Their straight lines become fixed terms.
    residual
        Correlation of the residuals of a normal response within groups of rows: a `Residual`.
    sigma
        Columns whose combinations of categories have residual standard deviations of their own, for a normal response.
    parameters
        Predictors of the family's own parameters, `{"sigma": "~ arm + (1 | g)"}`: logs of scales, logits of shares.
    cs
        Terms with a coefficient for each threshold, as inside `cs(...)` of a formula; families sratio and acat.
    cov
        Known covariances among levels, by factor, where they are not given in the groups: tables or paths of files.
    units
        Units by column, `{"Reaction": "ms"}`, of this or other models; they replace the table's `attrs["units"]`.

    Raises
    ------
    SpecError, FormulaError, PriorError
        A family, link, term, response or prior is not valid, or two of them contradict each other.

    Examples
    --------
    >>> spec = ModelSpec(response="Reaction", common=["Days"], groups=[Group("Subject", slopes=["Days"])])
    >>> spec.to_formula()
    'Reaction ~ Days + (Days | Subject)'
    >>> spec == ModelSpec.from_formula(spec.to_formula())
    True
    """

    response: str
    common: tuple[str, ...]
    groups: tuple[Group, ...]
    intercept: bool
    family: str
    link: str
    priors: PriorTable
    se: str | None
    precision: str | None
    frequency: str | None
    cens: str | None
    trunc: str | None
    smooths: tuple[Smooth, ...]
    residual: Residual | None
    sigma: tuple[str, ...]
    parameters: ParameterTable
    cs: tuple[str, ...]
    offsets: tuple[str, ...]
    units: UnitTable

    @explains_keywords
    def __init__(
        self,
        response: str,
        common: Iterable[str] | str = (),
        groups: Iterable[Group] | Group = (),
        *,
        intercept: bool = True,
        family: str = "gaussian",
        link: str | None = None,
        priors: Mapping[str, object] = MappingProxyType({}),
        se: str | None = None,
        precision: str | None = None,
        frequency: str | None = None,
        cens: str | Iterable[str] | None = None,
        trunc: str | Mapping[str, str | float] | None = None,
        smooths: Iterable[Smooth] | Smooth = (),
        residual: Residual | None = None,
        sigma: Iterable[str] | str = (),
        parameters: Mapping[str, object] = MappingProxyType({}),
        cs: Iterable[str] | str = (),
        cov: Mapping[str, object] = MappingProxyType({}),
        units: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        values = canonical_model(
            response,
            common,
            groups,
            intercept=intercept,
            family=family_named(family),
            link=link,
            priors=priors,
            rows={
                **{"se": se, "precision": precision, "frequency": frequency, "cens": cens},
                **{"trunc": trunc, "residual": residual, "sigma": sigma},
            },
            smooths=smooths,
            parameters=parameters,
            cs=cs,
            cov=cov,
            units=units,
        )
        for name, value in values.items():
            object.__setattr__(self, name, value)
        check_model(self)

    @classmethod
    @explains_keywords
    def from_formula(
        cls,
        formula: str,
        *,
        family: str = "gaussian",
        link: str | None = None,
        priors: Mapping[str, object] = MappingProxyType({}),
        se: str | None = None,
        precision: str | None = None,
        frequency: str | None = None,
        cens: str | Iterable[str] | None = None,
        trunc: str | Mapping[str, str | float] | None = None,
        cov: Mapping[str, object] = MappingProxyType({}),
        origin: Mapping[str, object] = MappingProxyType({}),
        parameters: Mapping[str, object] = MappingProxyType({}),
        units: Mapping[str, str] = MappingProxyType({}),
    ) -> "ModelSpec":
        """Read lme4's (and brms's) notation.

        Parameters
        ----------
        formula
            For instance `"y ~ x + (x | g)"` or `"y ~ x, sigma ~ arm + (1 | g)"`; `docs/formula.md` has the grammar.
        family, link, priors, se, precision, frequency, cens, trunc, cov, units
            As for `ModelSpec`. Columns may be in the formula too: `"y | precision(w) + frequency(n) ~ 1 + (1 | g)"`.
        origin
            By factor, where the priors of its correlated groups are stated, as for `Group`: `{"g": "zero"}`.

        Examples
        --------
        >>> ModelSpec.from_formula("y ~ 1 + (1 | batch/cask)").groups[1].factor
        'batch:cask'
        """
        parsed = parse_formula(formula)
        beside = {"se": se, "precision": precision, "frequency": frequency, CENS: cens, TRUNC: trunc}
        return cls(
            parsed.response.text,
            [*parsed.common.terms, *(f"offset({o})" for o in parsed.common.offsets)],
            with_origins(parsed.groups, origin) if origin else parsed.groups,
            intercept=parsed.common.intercept,
            family=family,
            link=link,
            priors=priors,
            **said_once(parsed.additions, beside),
            smooths=parsed.smooths,
            residual=parsed.residual,
            parameters={**parameters, **parsed.parameters},
            cs=parsed.cs,
            cov=cov,
            units=units,
        )

    @classmethod
    def from_toml(cls, path: str | Path) -> "ModelSpec":
        """Read the model from a TOML file; its `[data]` and `[sampling]` are for `read_model_file`."""
        return cls.from_toml_text(read_toml_file(path), folder=Path(path).parent)

    @classmethod
    def from_toml_text(
        cls, text: str, *, folder: Path | None = None, cov: Mapping[str, object] = MappingProxyType({})
    ) -> "ModelSpec":
        """Read the model from TOML text: `[model]`, `[[group]]`, `[cov]`, `[priors]`, `[units]`.

        Paths of covariances (`cov = "kinship.csv"`) are relative to `folder`; covariances that are not in the text may
        be given as `cov`.

        Examples
        --------
        >>> spec = ModelSpec.from_formula("y ~ x + (x || g)", family="poisson")
        >>> ModelSpec.from_toml_text(spec.to_toml()) == spec
        True
        """
        tables = read_spec_tables(text, folder, cov)
        if tables.formula is not None:
            return cls.from_formula(tables.formula, **tables.options)
        return cls(**tables.parts, **tables.options)

    def to_toml(self, *, covariances: bool = True) -> str:
        """Write `[model]`, `[[group]]`, `[priors]` and `[units]` as TOML text; known covariances may be left out."""
        return write_spec_tables(
            response=self.response,
            common=[*self.common, *(f"offset({o})" for o in self.offsets)],
            intercept=self.intercept,
            family=self.family,
            link=self.link,
            of_rows=self.of_rows,
            smooths=self.smooths,
            residual=self.residual,
            sigma=self.sigma,
            cs=self.cs,
            groups=self.groups if covariances else [replace(group, cov=None) for group in self.groups],
            parameters=self.parameters,
            priors=self.priors,
            units=self.units,
        )

    def to_formula(self) -> str:
        """Write the formula, without family, link, priors, covariances and origins."""
        return write_formula(self)

    def with_terms(self, *, common: Iterable[str] | None = None, groups: Iterable[Group] | None = None) -> "ModelSpec":
        """Return a model of the same response with other fixed terms or groups, and default priors.

        Priors are not carried over: their parameters may no longer exist.

        Examples
        --------
        >>> ModelSpec.from_formula("y ~ x + (x | g)").with_terms(groups=[Group("g")]).to_formula()
        'y ~ x + (1 | g)'
        """
        return changed_model(self, self.common if common is None else common, groups=groups)

    def with_priors(self, priors: Mapping[str, object]) -> "ModelSpec":
        """Return the same model with some priors replaced or added; its other stated priors are kept.

        A prior for all effects of a factor (`sd_g`) or all coefficients (`beta`) replaces priors stated one by one.
        Priors of `icc`, `total_sd` and shares replace those of sds and sigma, and vice versa.

        Examples
        --------
        >>> half = {"distribution": "HalfNormal", "sigma": 2}
        >>> dict(ModelSpec.from_formula("y ~ x + (1 | g)").with_priors({"sigma": half}).priors)
        {'sigma': Prior('HalfNormal', sigma=2)}
        """
        parts, own = self.parts_with_sds, self.priors.items()
        kept = {name: prior for name, prior in own if not replaced_by(name, priors, parts)}
        return changed_model(self, self.common, priors={**kept, **priors})

    def with_units(self, units: Mapping[str, str]) -> "ModelSpec":
        """Return the same model with other units, of the columns that it uses; those of other columns are dropped."""
        known = UnitTable({column: unit for column, unit in units.items() if column in self.columns})
        changed = copy(self)
        object.__setattr__(changed, "units", known)
        return changed

    @property
    def is_normal(self) -> bool:
        """Whether the response, or its log, is observed, and normal with a mean that is linear in the effects."""
        return self.family_record.is_normal and self.link_record.is_identity and not (self.cens or self.trunc)

    @property
    def fixed_parameters(self) -> dict[str, Prior]:
        """The family's parameters that the model fixes, by name: a part of the model, not a prior."""
        return {name: prior for name, prior in self.priors.items() if prior.support == "fixed"}

    @property
    def states_shares(self) -> bool:
        """Whether the stated priors are for the ICC, the total sd and shares of the variance instead of each sd."""
        return any(name.partition("[")[0] in share_parameters(self.factors) for name in self.priors)

    @property
    def beside_formula(self) -> str:
        """Text to add to a formula in advice: `, with the same cov` where a covariance must be kept; usually empty."""
        return ", with the same cov" if any(group.cov for group in self.groups) else ""

    @property
    def columns_of_rows(self) -> dict[str, Any]:
        """The columns of what is said of each row's response, by what they say: se, precision, frequency."""
        return {name: column for name in COLUMNS_OF_ROWS if (column := getattr(self, name)) is not None}

    @property
    def of_rows(self) -> dict[str, Any]:
        """All that is said of each row's response after the bar, by its name."""
        return self.columns_of_rows | {name: text for name in (CENS, TRUNC) if (text := getattr(self, name))}

    @property
    def residual_in_words(self) -> tuple[str, ...]:
        """Sentences on residual sds and correlations, where they are not one sd and independent."""
        return residual_sentences(self.residual, self.sigma)

    @property
    def response_term(self) -> ResponseTerm:
        """The parts of the response."""
        return read_response(self.response)

    @property
    def family_record(self) -> Family:
        """The family's entry in `FAMILIES`."""
        return family_named(self.family)

    @property
    def link_record(self) -> Link:
        """The link's entry in `LINKS`."""
        return LINKS[self.link]

    @property
    def probability_link(self) -> ProbabilityLink:
        """The link of a family whose mean is a probability."""
        link = self.link_record
        if not isinstance(link, ProbabilityLink):
            raise TypeError(f"{self.link} is not a link for probabilities")
        return link

    @property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors, each once, in order."""
        return tuple(dict.fromkeys(group.factor for group in self.groups))

    @property
    def all_factors(self) -> tuple[str, ...]:
        """The grouping factors of the mean and of all parameters, each once, in order."""
        others = (factor for predictor in self.parameters.values() for factor in predictor.factors)
        return tuple(dict.fromkeys([*self.factors, *others]))

    @property
    def parts_with_sds(self) -> tuple[str, ...]:
        """The grouping factors and the smooths, whose effects have sds."""
        return (*self.factors, *(smooth.name for smooth in self.smooths))

    @property
    def expression_columns(self) -> tuple[str, ...]:
        """Columns that terms, offsets and slopes read, each once; columns that are only factors are not included."""
        return expression_columns(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the table that the model reads, each once."""
        counted = [*([self.frequency] if self.frequency else []), *cens_columns(self.cens)]
        return tuple(dict.fromkeys([*columns_of(self.response_term.expression), *counted, *self.predictor_columns]))

    @property
    def predictor_columns(self) -> tuple[str, ...]:
        """Every column except those of the response: the columns that new data must have."""
        return self.predictor_columns_with(self.all_factors)

    def predictor_columns_with(self, factors: Iterable[str]) -> tuple[str, ...]:
        """Columns that new data must have where only the levels of these factors are used."""
        return predictor_columns(self, factors)

    def __str__(self) -> str:
        """Write the formula with its family."""
        link = "" if self.link == self.family_record.default_link else f", link {self.link}"
        return f"{self.to_formula()}   [{self.family}{link}]"
