"""Counts with extra zeros, whose variance otherwise exceeds their mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.family import EFFECT_OF_EACH_ROW, SHAPE_PRIOR, SHARE_PRIOR, Notation, Own
from partialpool.families.given import Given
from partialpool.families.negative_binomial import NegativeBinomial
from partialpool.families.zero_inflated import ZeroInflated

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["ZeroInflatedNegativeBinomial"]


class ZeroInflatedNegativeBinomial(ZeroInflated):
    """y = 0 with probability zi, else y ~ NegativeBinomial(exp(eta), alpha), so that E y = (1 - zi) exp(eta)."""

    name = "zero_inflated_negative_binomial"
    proper_name = "zero-inflated negative binomial"
    row_kernels = "partialpool.families.row_kernels.zero_inflated_negative_binomial"
    counts = NegativeBinomial()
    parameters = (("alpha", SHAPE_PRIOR), ("zi", SHARE_PRIOR))
    parameter_links = MappingProxyType({"zi": "logit"})
    parameters_of_mean = frozenset({"zi"})
    notation = Notation(
        "ZeroInflatedNegativeBinomial", (("mean", "location"), ("shape", "alpha"), ("extra zeros", "zi"))
    )
    variance_formula = "mean + mean^2 (zi + 1 / alpha) / (1 - zi)"
    advice = MappingProxyType(
        {
            ("dispersion", True): f"the counts are still overdispersed: {EFFECT_OF_EACH_ROW}",
            ("zeros", True): (
                "more zeros than the family implies: their share may depend on predictors, or zeros have causes of "
                "their own: family 'hurdle_negative_binomial'"
            ),
            ("largest", True): "check the rows with the largest counts, or consider a missing predictor",
            ("largest", False): (
                "the largest counts are smaller than the family implies: check whether counts have a ceiling"
            ),
        }
    )

    @override
    def log_none(self, given: Given) -> np.ndarray:
        return -given.alpha * np.log1p(given.mean / given.alpha)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        share, alpha = 1 - given.parameters["zi"], given.parameters["alpha"]
        return given.pm.ZeroInflatedNegativeBinomial(given.name, psi=share, mu=given.mean, alpha=alpha, **given.counted)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return mean + square * (own["zi"] + 1 / own["alpha"]) / (1 - own["zi"])
