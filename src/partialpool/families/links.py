"""Link functions and their inverses, on arrays."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy import special

__all__ = ["INVERSE_LINKS", "LINKS"]

Elementwise = Callable[[np.ndarray], np.ndarray]

INVERSE_LINKS: Final[Mapping[str, Elementwise]] = MappingProxyType(
    {
        "identity": lambda eta: eta,
        "log": np.exp,
        "logit": special.expit,
        "probit": special.ndtr,
        "cloglog": lambda eta: -np.expm1(-np.exp(eta)),
        "sqrt": np.square,
        "inverse": np.reciprocal,
    }
)
"""From linear predictor to mean."""

LINKS: Final[Mapping[str, Elementwise]] = MappingProxyType(
    {
        "identity": lambda mean: mean,
        "log": np.log,
        "logit": special.logit,
        "probit": special.ndtri,
        "cloglog": lambda mean: np.log(-np.log1p(-mean)),
        "sqrt": np.sqrt,
        "inverse": np.reciprocal,
    }
)
"""From mean to linear predictor."""
