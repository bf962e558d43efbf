"""The Design: named arrays of a model, and everything learned from its table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pandas as pd

from partialpool.design.categories import Categories, merge_categories
from partialpool.design.common_basis import CommonBasis
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.left_out import LeftOut
from partialpool.design.recipe import Recipe
from partialpool.design.residual_rows import ResidualRows
from partialpool.design.response import Response
from partialpool.design.units import Units
from partialpool.errors import DataError, nearest
from partialpool.names import INTERCEPT
from partialpool.spec.model import ModelSpec
from partialpool.spec.predictor_spec import predictor_spec

__all__ = ["CommonEffects", "Design"]


@dataclass(frozen=True, eq=False)
class CommonEffects:
    """Columns of the fixed (population-level) effects, without the intercept.

    Attributes
    ----------
    names
        Coefficients, as in the formula.
    values
        X, shape (rows, columns), on the original scale.
    center, scale
        Mean and sd (ddof 0) of each column, shape (columns,); without an intercept the centre is 0 and the scale is the
        root mean square, since no parameter could absorb a shift.
    intercept
        Whether there is an intercept.
    basis
        The columns made orthonormal.
    """

    names: tuple[str, ...]
    values: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    intercept: bool
    recipe: Recipe
    basis: CommonBasis

    @property
    def coefs(self) -> tuple[str, ...]:
        """All coefficients, `Intercept` first where there is one."""
        return ((INTERCEPT,) if self.intercept else ()) + self.names

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the columns over the rows, ddof 1, (columns, columns)."""
        return np.atleast_2d(np.cov(self.values.T))

    @property
    def standardised(self) -> np.ndarray:
        """X centred and scaled, as samplers see it, shape (rows, columns)."""
        return (self.values - self.center) / self.scale


@dataclass(frozen=True, eq=False)
class Design:
    """A model's arrays, with names, and everything learned from the table.

    Attributes
    ----------
    spec
        The specification.
    response
        The response.
    common
        Columns of the fixed effects.
    factors
        One entry per grouping factor, and after these one per smooth.
    offset
        Known part of the linear predictor, shape (rows,), or None.
    offset_recipes
        How each part of the offset is computed from a table.
    se
        Known standard errors of the response, shape (rows,), or None.
    precision
        Weights w of the residual variance sigma^2 / w, shape (rows,), or None.
    residual
        Strata and series of the rows' residuals; None where all rows share one sd and are independent given the
        effects.
    rows
        Row numbers in the table as given, shape (rows,).
    n_given
        Number of rows of the table as given.
    frame
        The columns and rows the model read.
    units
        Unit of each column, where the model or the table's `attrs["units"]` states one.
    left_out
        The rows that were left out because of missing values; None where there are none or a file does not say.
    parameters
        The predictors of the family's parameters, by parameter: designs of the same rows and response whose terms,
        factors and offset are those of the parameter, on the scale of its link. Those of categories and of thresholds
        are among them.
    """

    spec: ModelSpec
    response: Response
    common: CommonEffects
    factors: tuple[FactorEffects, ...]
    offset: np.ndarray | None
    offset_recipes: tuple[Recipe, ...]
    se: np.ndarray | None
    precision: np.ndarray | None
    residual: ResidualRows | None
    rows: np.ndarray
    n_given: int
    frame: pd.DataFrame
    units: Mapping[str, str] = MappingProxyType({})
    left_out: LeftOut | None = None
    parameters: Mapping[str, "Design"] = MappingProxyType({})

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The family's own parameters in the order of its kernels; predictors of categories are such."""
        if self.spec.family_record.has_predictors_of_categories:
            return tuple(self.parameters)
        return tuple(name for name, _ in self.spec.family_record.parameters)

    @property
    def thresholds(self) -> tuple[str, ...]:
        """Names of the predictors of thresholds between ordered categories, which are in `parameters`."""
        return tuple(self.parameters) if self.spec.cs else ()

    @property
    def threshold_labels(self) -> tuple[str, ...]:
        """What is to either side of each threshold: `low|middle`, `middle|high`."""
        return tuple(f"{low}|{high}" for low, high in pairwise(self.response.categories))

    @property
    def grouping(self) -> tuple[FactorEffects, ...]:
        """The grouping factors alone, without smooths."""
        return tuple(factor for factor in self.factors if not factor.is_smooth)

    @property
    def grouping_names(self) -> tuple[str, ...]:
        """The grouping factors of the mean and of all parameters, each once."""
        others = (factor.name for other in self.parameters.values() for factor in other.grouping)
        return tuple(dict.fromkeys([*(factor.name for factor in self.grouping), *others]))

    @property
    def n_rows(self) -> int:
        """Number of rows used."""
        return len(self.rows)

    @property
    def has_rows(self) -> bool:
        """Whether the rows are in memory."""
        return True

    def distinct_rows(self, columns: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the distinct rows of some columns, sorted, and their shares of all rows."""
        counts = self.frame.groupby(list(columns), observed=True, sort=True, dropna=False).size()
        return counts.index.to_frame(index=False), counts.to_numpy() / counts.sum()

    def some_rows(self, columns: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
        """Return `distinct_rows`, or where rows are not in memory some of them."""
        return self.distinct_rows(columns)

    @property
    def row_weights(self) -> np.ndarray:
        """Weights of least squares, shape (rows,): 1 / se^2, or the precision, or 1."""
        if self.se is not None:
            return 1 / self.se**2
        return np.ones(self.n_rows) if self.precision is None else self.precision

    @property
    def stratum_shares(self) -> np.ndarray:
        """By stratum, what the mean of the rows' residual variances takes of sigma^2: the mean of its rows' 1 / w.

        Shape (strata,): 1 for a single stratum without precisions.
        """
        inverse = np.ones(self.n_rows) if self.precision is None else 1 / self.precision
        if self.residual is None:
            return np.array([inverse.mean()])
        return np.bincount(self.residual.stratum, inverse, len(self.residual.strata)) / self.n_rows

    @property
    def mean_inverse_precision(self) -> float:
        """What the mean of the rows' residual variances is a multiple of sigma^2 by: the mean of 1 / w, or 1."""
        return 1.0 if self.precision is None else float(np.mean(1 / self.precision))

    @property
    def axis_units(self) -> Units:
        """Units of the columns, of the response and of the linear predictor."""
        response = self.units.get(self.response.name, "")
        own = self.spec.link_record.is_identity and not self.spec.family_record.on_log_scale
        return Units(self.units, response, response if own else "")

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """How columns are computed: those of the fixed effects, of each factor, of the offset."""
        own = (self.common.recipe, *(r for factor in self.factors for r in factor.recipes), *self.offset_recipes)
        return (*own, *(recipe for other in self.parameters.values() for recipe in other.recipes))

    @property
    def categories(self) -> Mapping[str, Categories]:
        """The columns that terms use as categories, with their order and reference.

        Every other column that terms read is a quantity.
        """
        return MappingProxyType(merge_categories(*(recipe.categories for recipe in self.recipes)))

    @property
    def references(self) -> str:
        """The reference category of each column, as text: `arm = placebo, sex = f`; empty where there is none."""
        return ", ".join(c.in_words for c in self.categories.values() if c.in_words)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Columns of fixed and group effects that are left out because the rows do not identify them."""
        return tuple(dict.fromkeys(name for recipe in self.recipes for name in recipe.dropped))

    @property
    def crossing_factor(self) -> str:
        """The first grouping factor of which one series of residuals has several levels; empty if there is none."""
        return next((factor.name for factor in self.grouping if self.is_crossed_by_series(factor)), "")

    def is_crossed_by_series(self, factor: FactorEffects) -> bool:
        """Whether a series of residuals has rows of several levels of a factor."""
        series = None if self.residual is None else self.residual.series
        if series is None:
            return False
        pairs = series.of_row.astype(np.int64) * factor.n_levels + factor.codes
        return len(np.unique(pairs)) > len(np.unique(series.of_row))

    def check_series_within(self, factor: FactorEffects, question: str) -> None:
        """Refuse a question about the rows of single levels where rows of several levels are correlated.

        Raises
        ------
        DataError
            A series of residuals has rows of several levels of the factor.
        """
        if self.spec.residual is not None and self.is_crossed_by_series(factor):
            of = self.spec.residual.gr
            raise DataError(
                f"{question} does not exist where rows of several levels of {factor.name} are correlated: rows of "
                "other levels tell something of its residuals",
                got=f"{self.spec.residual}, and a {of} with rows of several levels of {factor.name}",
                allowed=f"each {of} within one level of {factor.name}",
                do="use pp.group_effects or pp.level_effects, which are from all rows",
            )

    def check_no_smooths(self, question: str, *, because: str, do: str) -> None:
        """Refuse a question that has no meaning for models with smooths, with the reason and what to do.

        Raises
        ------
        DataError
            There is a smooth.
        """
        if self.spec.smooths:
            raise DataError(
                f"{question} is not available for models with smooths: {because}",
                got=f"{self.spec}",
                allowed="a model without s(...)",
                do=do,
            )

    def check_no_parameters(self, question: str, *, because: str, do: str) -> None:
        """Refuse a question that is not defined where parameters of the family have predictors.

        Raises
        ------
        DataError
            A parameter has a predictor.
        """
        if self.thresholds:
            raise DataError(
                f"{question} is not available where the thresholds have effects of their own: {because}",
                got=f"{self.spec}",
                allowed="a model without cs(...)",
                do=do,
            )
        if self.parameters:
            raise DataError(
                f"{question} is not available where parameters of the family have predictors: {because}",
                got=f"{self.spec}",
                allowed=f"a model without a predictor of {' and '.join(self.parameters)}",
                do=do,
            )

    def check_all_seen(self, question: str, *, because: str, do: str) -> None:
        """Refuse a question about the responses themselves where some are censored.

        Raises
        ------
        DataError
            A response is known within bounds only.
        """
        if self.response.censoring is not None:
            raise DataError(
                f"{question} is not available for censored responses: {because}",
                got=f"cens({self.spec.cens}): {self.response.censoring.in_words(self.response.values)}",
                allowed="a model whose responses were all seen",
                do=do,
            )

    def check_untruncated(self, question: str, *, because: str, do: str) -> None:
        """Refuse a question that is not defined where responses outside bounds are not in the table.

        Raises
        ------
        DataError
            Responses are truncated.
        """
        if self.response.truncation is not None:
            raise DataError(
                f"{question} is not available for truncated responses: {because}",
                got=f"{self.spec}",
                allowed="a model without trunc(...)",
                do=do,
            )

    def predictor_named(self, parameter: str | None) -> "Design":
        """Return the predictor of a parameter or category by name; that of the mean where none is named.

        Raises
        ------
        DataError
            It has none; or the mean has none, and categories have.
        """
        if parameter is None and not self.spec.family_record.has_predictors_of_categories:
            return self
        if parameter is None or parameter not in self.parameters:
            raise DataError(
                "name a category" if parameter is None else "no such predictor",
                got=repr(parameter),
                allowed=nearest(str(parameter), self.parameters) if self.parameters else "the predictor of the mean",
                do="pass parameter=" if self.parameters else "leave parameter= out",
            )
        return self.parameters[parameter]

    def factor_named(self, factor: str | None) -> FactorEffects:
        """Return a grouping factor by name; the only one, where there is only one and none is named.

        Raises
        ------
        DataError
            There is no such factor, or there are several and none is named.
        """
        names = [f.name for f in self.grouping]
        if not names:
            raise DataError(
                "this model has no groups",
                got=f"{self.spec}",
                allowed="a model with a grouping term, such as (1 | g)",
                do="add a grouping term and fit again",
            )
        chosen = names[0] if factor is None and len(names) == 1 else factor
        if chosen not in names:
            raise DataError(
                "no such grouping factor" if factor is not None else "name a grouping factor",
                got=repr(factor),
                allowed=nearest(str(factor), names),
                do="name one of these",
            )
        return self.grouping[names.index(chosen)]

    def with_units(self, spec: ModelSpec, units: Mapping[str, str]) -> "Design":
        """Return the same design with the model that states these units; other columns keep theirs."""
        changed = replace(self, spec=spec, units=MappingProxyType({**self.units, **units}))
        return changed.with_parameters(lambda name, other: other.with_units(predictor_spec(spec, name), units))

    def with_parameters(self, change: Callable[[str, "Design"], "Design"]) -> "Design":
        """Return the same design with the predictors of parameters changed."""
        changed = {name: change(name, other) for name, other in self.parameters.items()}
        return replace(self, parameters=MappingProxyType(changed))

    def with_origin(self, rows: np.ndarray, n_given: int, units: Mapping[str, str]) -> "Design":
        """Return the same design with its rows numbered as in the original table, and with that table's units."""
        changed = replace(
            self, rows=rows, n_given=n_given, frame=self.frame.set_axis(rows), units=MappingProxyType(dict(units))
        )
        return changed.with_parameters(lambda _, other: other.with_origin(rows, n_given, units))
