"""Counts with extra zeros, and otherwise a variance that is their mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.family import SHARE_PRIOR, Notation, Own
from partialpool.families.given import Given
from partialpool.families.poisson import Poisson
from partialpool.families.zero_inflated import ZeroInflated

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["ZeroInflatedPoisson"]


class ZeroInflatedPoisson(ZeroInflated):
    """y = 0 with probability zi, else y ~ Poisson(exp(eta)), so that E y = (1 - zi) exp(eta)."""

    name = "zero_inflated_poisson"
    proper_name = "zero-inflated Poisson"
    row_kernels = "partialpool.families.row_kernels.zero_inflated_poisson"
    counts = Poisson()
    parameters = (("zi", SHARE_PRIOR),)
    parameter_links = MappingProxyType({"zi": "logit"})
    parameters_of_mean = frozenset({"zi"})
    notation = Notation("ZeroInflatedPoisson", (("mean", "location"), ("extra zeros", "zi")))
    variance_formula = "mean + mean^2 zi / (1 - zi)"
    advice = MappingProxyType(
        {
            ("dispersion", True): (
                "the counts that are no extra zeros are overdispersed: use family 'zero_inflated_negative_binomial'"
            ),
            ("zeros", True): "more zeros than the family implies: try family 'zero_inflated_negative_binomial'",
            ("largest", True): ("larger counts than the family implies: use family 'zero_inflated_negative_binomial'"),
        }
    )
    advice_for_spreads = "family 'zero_inflated_negative_binomial', or a slope"

    @override
    def log_none(self, given: Given) -> np.ndarray:
        return -given.mean

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        share = 1 - given.parameters["zi"]
        return given.pm.ZeroInflatedPoisson(given.name, psi=share, mu=given.mean, **given.counted)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return mean + square * own["zi"] / (1 - own["zi"])
