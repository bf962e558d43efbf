"""Names of local variables: of factors and categories, whose names may be any text, and of predictors."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from partialpool.names import BETA, COEF, THRESHOLDS, names_of_predictor

__all__ = [
    "OF_THE_MEAN",
    "FactorNames",
    "PredictorNames",
    "names_of_categories",
    "names_of_factors",
    "names_of_parameters",
    "names_of_thresholds",
]

_LONGEST: Final = 18
"""Characters of a factor's name that are kept."""


@dataclass(frozen=True)
class FactorNames:
    """Local variables of one factor.

    Attributes
    ----------
    factor
        The factor.
    plain
        Its name, as far as an identifier may contain it.
    plain_of_rows
        The same of the factor that numbers the rows, which effects of several predictors have in common.
    """

    factor: str
    plain: str
    plain_of_rows: str

    @property
    def level(self) -> str:
        """The level of each row, as a number."""
        return f"level_{self.plain_of_rows}"

    @property
    def levels(self) -> str:
        """The labels of the levels."""
        return f"levels_{self.plain_of_rows}"

    def of(self, kind: str) -> str:
        """Return the local variable of a kind: `sd_Subject`, `z_Subject`."""
        return f"{kind}_{self.plain}"


@dataclass(frozen=True)
class PredictorNames:
    """Names of the variables of one predictor.

    Attributes
    ----------
    name
        The parameter or category; empty for the mean.
    suffix
        What its local variables end in.
    suffix_of_columns
        The same for its columns, which categories have in common.
    beta, coef
        The model's variable and dimension of its coefficients.
    in_priors
        The names under which priors are told, by those that they would have as the mean's.
    told
        What comments call it; empty for the mean.
    name_of_columns
        What comments and the script's table call its columns.
    """

    name: str = ""
    suffix: str = ""
    suffix_of_columns: str = ""
    beta: str = BETA
    coef: str = COEF
    in_priors: Mapping[str, str] = MappingProxyType({})
    told: str = ""
    name_of_columns: str = ""

    def of(self, kind: str) -> str:
        """Return a local variable: `eta`, `eta_sigma`."""
        return f"{kind}{self.suffix}"

    def of_columns(self, kind: str) -> str:
        """Return a local variable that has to do with the columns: `Xc`, `Xc_sigma`."""
        return f"{kind}{self.suffix_of_columns}"

    def stored(self, column: str) -> str:
        """Name a column of the script's table for the predictor."""
        return f"{self.name_of_columns}: {column}" if self.suffix_of_columns else column


OF_THE_MEAN: Final = PredictorNames()


def names_of_parameters(parameters: Sequence[str]) -> dict[str, PredictorNames]:
    """Return the names of the variables of parameters' predictors.

    Examples
    --------
    >>> names = names_of_parameters(["sigma"])["sigma"]
    >>> names.of("eta"), names.of_columns("Xc"), names.beta, names.coef
    ('eta_sigma', 'Xc_sigma', 'beta_sigma', 'coef_sigma')
    """
    found = {}
    for name in parameters:
        own = names_of_predictor(name, ())
        found[name] = PredictorNames(
            name, f"_{name}", f"_{name}", own[BETA], own[COEF], MappingProxyType(own), name, name
        )
    return found


def names_of_thresholds(thresholds: Sequence[str]) -> dict[str, PredictorNames]:
    """Return the names of the variables of thresholds' predictors, which have their columns in common.

    Examples
    --------
    >>> names = names_of_thresholds(["cs1", "cs2"])["cs2"]
    >>> names.of("eta"), names.of_columns("Xc"), names.beta, names.told
    ('eta_cs2', 'Xc_cs', 'beta_cs2', 'threshold 2')
    """
    found = {}
    for at, (name, own) in enumerate(names_of_parameters(thresholds).items(), start=1):
        told, columns = f"threshold {at}", f"_{THRESHOLDS}"
        found[name] = replace(own, told=told, suffix_of_columns=columns, name_of_columns=THRESHOLDS)
    return found


def names_of_categories(categories: Sequence[str]) -> dict[str, PredictorNames]:
    """Return the names of the variables of the contrasts that are reported as differences of categories.

    Examples
    --------
    >>> names = names_of_categories(["on foot"])["on foot"]
    >>> names.of("eta"), names.of_columns("Xc"), names.beta, names.coef
    ('eta_on_foot_contrast', 'Xc', 'beta_on foot_contrast', 'coef_on foot')
    """
    found = {}
    for at, (name, local) in enumerate(names_of_factors(categories).items(), start=1):
        own = names_of_predictor(name, ())
        beta = f"{own[BETA]}_contrast"
        found[name] = PredictorNames(name, f"_{local.plain}_contrast", "", beta, own[COEF], told=f"contrast {at}")
    return found


def names_of_factors(factors: Sequence[str]) -> dict[str, FactorNames]:
    """Return names of local variables by factor, distinct from each other.

    Examples
    --------
    >>> [names.of("sd") for names in names_of_factors(["batch", "batch:cask", "batch_cask"]).values()]
    ['sd_batch', 'sd_batch_cask', 'sd_batch_cask_2']
    """
    found: dict[str, FactorNames] = {}
    for factor in factors:
        plain = _identifier(factor)
        taken = [one.plain for one in found.values()]
        free = next(name for at in range(1, len(factors) + 2) if (name := _numbered(plain, at)) not in taken)
        found[factor] = FactorNames(factor, free, free)
    return found


def _numbered(plain: str, at: int) -> str:
    return plain if at == 1 else f"{plain}_{at}"


def _identifier(text: str) -> str:
    """Replace what no identifier has; Python reads identifiers in the form NFKC."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c if f"_{c}".isidentifier() else "_" for c in normal)[:_LONGEST]
