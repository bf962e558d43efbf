"""Names of local variables for factors, whose names may be any text."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["FactorNames", "names_of_factors"]

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
    """

    factor: str
    plain: str

    def of(self, kind: str) -> str:
        """Return the local variable of a kind: `sd_Subject`, `z_Subject`."""
        return f"{kind}_{self.plain}"


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
        found[factor] = FactorNames(factor, free)
    return found


def _numbered(plain: str, at: int) -> str:
    return plain if at == 1 else f"{plain}_{at}"


def _identifier(text: str) -> str:
    """Replace what no identifier has; Python reads identifiers in the form NFKC."""
    normal = unicodedata.normalize("NFKC", text)
    return "".join(c if f"_{c}".isidentifier() else "_" for c in normal)[:_LONGEST]
