"""Every family by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partialpool.errors import SpecError, nearest
from partialpool.families.acat import AdjacentCategory
from partialpool.families.beta import Beta
from partialpool.families.beta_binomial import BetaBinomial
from partialpool.families.binary import Bernoulli, Binomial
from partialpool.families.categorical import Categorical
from partialpool.families.cumulative import Cumulative
from partialpool.families.exgaussian import ExGaussian
from partialpool.families.exponential import Exponential
from partialpool.families.family import Family
from partialpool.families.gamma import Gamma
from partialpool.families.gaussian import Gaussian
from partialpool.families.hurdle_gamma import HurdleGamma
from partialpool.families.hurdle_lognormal import HurdleLogNormal
from partialpool.families.hurdle_negative_binomial import HurdleNegativeBinomial
from partialpool.families.hurdle_poisson import HurdlePoisson
from partialpool.families.inverse_gaussian import InverseGaussian
from partialpool.families.lognormal import LogNormal
from partialpool.families.negative_binomial import NegativeBinomial
from partialpool.families.poisson import Poisson
from partialpool.families.skew_normal import SkewNormal
from partialpool.families.sratio import StoppingRatio
from partialpool.families.student_t import StudentT
from partialpool.families.weibull import Weibull
from partialpool.families.zero_inflated_negative_binomial import ZeroInflatedNegativeBinomial
from partialpool.families.zero_inflated_poisson import ZeroInflatedPoisson
from partialpool.families.zero_one_inflated_beta import ZeroOneInflatedBeta

__all__ = ["FAMILIES", "family_named"]

FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        family.name: family
        for family in (
            Gaussian(),
            StudentT(),
            SkewNormal(),
            ExGaussian(),
            LogNormal(),
            Bernoulli(),
            Binomial(),
            BetaBinomial(),
            Poisson(),
            NegativeBinomial(),
            ZeroInflatedPoisson(),
            ZeroInflatedNegativeBinomial(),
            HurdlePoisson(),
            HurdleNegativeBinomial(),
            Gamma(),
            Exponential(),
            Weibull(),
            InverseGaussian(),
            HurdleGamma(),
            HurdleLogNormal(),
            Beta(),
            ZeroOneInflatedBeta(),
            Cumulative(),
            StoppingRatio(),
            AdjacentCategory(),
            Categorical(),
        )
    }
)

_ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("normal", "linear", "norm"), "gaussian"),
        **dict.fromkeys(("t", "student", "studentt"), "student_t"),
        **dict.fromkeys(("lognorm", "log_normal"), "lognormal"),
        **dict.fromkeys(("binary", "bernoulli_logit"), "bernoulli"),
        "binom": "binomial",
        **dict.fromkeys(("pois", "count"), "poisson"),
        **dict.fromkeys(
            ("negbinomial", "negbin", "nbinom", "nbinom2", "neg_binomial_2", "nb"),
            "negative_binomial",
        ),
        **dict.fromkeys(("zip", "zero_inflatedpoisson", "zeroinflatedpoisson", "zipoisson"), "zero_inflated_poisson"),
        **dict.fromkeys(
            (
                *("zinb", "zero_inflated_negbinomial", "zeroinflatednegativebinomial", "zinegbinomial"),
                *("zero_inflated_nbinom2", "zinb2"),
            ),
            "zero_inflated_negative_binomial",
        ),
        **dict.fromkeys(("hurdlepoisson", "zap", "ptpoisson"), "hurdle_poisson"),
        **dict.fromkeys(("hurdle_negbinomial", "hurdlenegativebinomial", "zanb"), "hurdle_negative_binomial"),
        **dict.fromkeys(("hurdlegamma", "zaga"), "hurdle_gamma"),
        **dict.fromkeys(("hurdlelognormal", "delta_lognormal"), "hurdle_lognormal"),
        **dict.fromkeys(("betabinomial", "bb"), "beta_binomial"),
        **dict.fromkeys(("ordinal", "ordered", "polr", "clm", "cumulative_logit"), "cumulative"),
        **dict.fromkeys(("sequential", "stopping_ratio", "stoppingratio"), "sratio"),
        **dict.fromkeys(("adjacent", "adjacent_category", "adjacent_categories", "adjacentcategory"), "acat"),
        **dict.fromkeys(("multinomial", "nominal", "softmax", "multinom", "mlogit"), "categorical"),
        "exp": "exponential",
        **dict.fromkeys(("inversegaussian", "invgauss", "inverse_gauss", "wald", "ig"), "inverse_gaussian"),
        **dict.fromkeys(("zoib", "zoi_beta", "zero_one_beta", "beta_inflated", "beinf"), "zero_one_inflated_beta"),
        **dict.fromkeys(("ex_gaussian", "exgauss", "exgaus", "exponnorm", "emg"), "exgaussian"),
        **dict.fromkeys(("skewnormal", "skew_gaussian", "skewnorm", "sn"), "skew_normal"),
        "weibull_min": "weibull",
    }
)
"""Names that other packages have for these families."""
_BINARY: Final = "write family='bernoulli' for a column of 0 and 1, or 'binomial' with p(successes, trials) ~ ..."
_ZEROS: Final = (
    "write family='zero_inflated_poisson' or 'zero_inflated_negative_binomial': the second where counts vary more than "
    "their mean implies"
)
_HURDLES: Final = (
    "write family='hurdle_poisson' or 'hurdle_negative_binomial', whose parameter hu is the probability of a zero: the "
    "second where counts above 0 vary more than their mean implies; where no count can be 0, write y | trunc(lb=1) and "
    "family='poisson' or 'negative_binomial'"
)
_COSTS: Final = (
    "write family='hurdle_gamma' or 'hurdle_lognormal', for responses that are 0 or above; their parameter hu is the "
    "probability of a zero"
)
_PROPORTIONAL: Final = (
    "a family whose variance is proportional to the mean is not available; write family='negative_binomial', whose "
    "variance is mean + mean^2 / alpha, and compare the spread at small and at large means: "
    "pp.plot_quantile_residuals(pp.quantile_residuals(fit))"
)
_TIMES: Final = (
    "times until an event that happened in every row: write family='weibull', 'exponential', 'gamma' or 'lognormal'; "
    "events that have not happened yet are right censored times: y | cens(status), status 1"
)
_ENDS: Final = (
    "write family='zero_one_inflated_beta', for proportions of which some are exactly 0 or 1; where only one of the "
    "two occurs, coi is near it"
)
_CONTINUATION: Final = (
    "write family='sratio', P(y = k | y >= k) = F(cutpoint_k - eta): under logit and probit it is the same model, with "
    "coefficients and cutpoints of the same sign as in brms's cratio; under cloglog it is another"
)
_ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("logistic", "logit", "probit", "cloglog"), _BINARY),
        **dict.fromkeys(("zero_inflated", "zeroinfl"), _ZEROS),
        **dict.fromkeys(("hurdle", "ziplss", "truncated_poisson", "truncated_nbinom2"), _HURDLES),
        **dict.fromkeys(("tweedie", "zigamma", "delta_gamma"), _COSTS),
        **dict.fromkeys(("survival", "surv", "cox", "coxph", "cox_ph", "survreg", "event_times"), _TIMES),
        **dict.fromkeys(("zero_inflated_beta", "one_inflated_beta", "zib", "ordbeta", "ordered_beta"), _ENDS),
        **dict.fromkeys(("nbinom1", "nb1", "negbinomial1", "quasipoisson"), _PROPORTIONAL),
        **dict.fromkeys(("cratio", "continuation_ratio", "continuationratio"), _CONTINUATION),
        "quasibinomial": "write family='beta_binomial', whose successes vary more than those of independent trials",
    }
)
"""What to do instead of families that are not available, or where the name alone does not determine the family."""


def _plain(name: object) -> str:
    return str(name).lower().replace("-", "_").replace(" ", "_").replace(".", "")


def _families_for(name: object) -> str:
    """List the families; the nearest spelling is marked only where the name is not known from another package."""
    if _plain(name) in {*_ELSEWHERE, *_ADVICE}:
        return ", ".join(map(repr, FAMILIES))
    return nearest(name, FAMILIES)


def _what_to_write(name: object) -> str:
    """Advise on a name that is no family's."""
    plain = _plain(name)
    if plain in _ADVICE:
        return _ADVICE[plain]
    meant = _ELSEWHERE.get(plain, plain if plain in FAMILIES else "")
    return f"write family={meant!r}" if meant else "name one of these families"


def family_named(name: str) -> Family:
    """Return a family by name.

    Raises
    ------
    SpecError
        The name is not one of `FAMILIES`.

    Examples
    --------
    >>> family_named("poisson").default_link
    'log'
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise SpecError(
            "unknown family",
            got=repr(name),
            allowed=_families_for(name),
            do=_what_to_write(name),
        )
    return FAMILIES[name]
