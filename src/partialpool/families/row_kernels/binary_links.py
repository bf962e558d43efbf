"""Logit, probit and complementary log-log for one row: both log probabilities with their derivatives.

F(eta) is the probability of success, G = 1 - F, f = F'. Each function returns

    log F,   log G,   f / F = d log F / d eta,   f / G = -d log G / d eta,
    -d^2 log F / d eta^2,   -d^2 log G / d eta^2,

without ever subtracting a probability from 1, so that all of them keep their digits where F or G underflows.
"""

from typing import Final

from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, excess_of_exp, exp, log, log1p, log1p_of_share
from partialpool.kernels import FUSED, part

__all__ = ["complementary_log_log", "logistic", "mills_ratio", "normal"]

_ROOT_TWO_PI: Final = 2.5066282746310002
_LN2: Final = 0.6931471805599453
_FAR: Final = 200.0
"""Distance from which the second derivative of log Phi is computed by its asymptotic series."""
_OVERFLOW: Final = 708.0


@part(fastmath=FUSED, inlined=True)
def logistic(eta: float) -> tuple[float, float, float, float, float, float]:
    """F = 1 / (1 + exp(-eta)): log F = -max(-eta, 0) - log(1 + exp(-abs(eta))), f = F G."""
    distance = abs(eta)
    a = exp(-distance)
    common = log1p_of_share(a)
    larger = 1.0 / (1.0 + a)
    smaller = a * larger
    success = larger if eta > 0.0 else smaller
    failure = smaller if eta > 0.0 else larger
    information = larger * smaller
    return (
        -(0.5 * (distance - eta) + common),
        -(0.5 * (distance + eta) + common),
        failure,
        success,
        information,
        information,
    )


@part(fastmath=FUSED, inlined=True)
def mills_ratio(t: float) -> float:
    """Evaluate R(t) = Phi(-t) / phi(t), t >= 0, to 2e-15 of its value.

    (1 + t) R(t) falls from sqrt(pi / 2) to 1; it is a polynomial of degree 24 in (t - 5) / (t + 5), interpolated at
    Chebyshev's nodes to 1.2e-17 (Shepherd & Laframboise 1981, Mathematics of Computation 36:249, do so for erfcx).
    """
    z = (t - 5.0) / (t + 5.0)
    q = 6.288377855487237e-11
    q = -9.56483293471313e-10 + z * q
    q = -1.084692528885422e-09 + z * q
    q = 1.1032071151574655e-08 + z * q
    q = 1.0082895646258537e-08 + z * q
    q = -7.758520236786419e-08 + z * q
    q = -6.73832346517681e-08 + z * q
    q = 4.919962331478351e-07 + z * q
    q = 3.2197131609041973e-07 + z * q
    q = -3.277287633208866e-06 + z * q
    q = -1.7723438185601427e-07 + z * q
    q = 2.270961270923768e-05 + z * q
    q = -2.48054584472145e-05 + z * q
    q = -0.0001343742785571135 + z * q
    q = 0.00045704381820007954 + z * q
    q = 1.9530638370790786e-05 + z * q
    q = -0.004201290310663574 + z * q
    q = 0.01634823128102938 + z * q
    q = -0.038026592187762366 + z * q
    q = 0.0615050458401865 + z * q
    q = -0.0661776007789934 + z * q
    q = 0.0250721793016388 + z * q
    q = 0.07778159886873554 + z * q
    q = -0.22948753825211315 + z * q
    q = 1.1568486282918946 + z * q
    return q / (1.0 + t)


@part(fastmath=FUSED, inlined=True)
def normal(eta: float) -> tuple[float, float, float, float, float, float]:
    """F = Phi: with t = abs(eta) the rarer outcome has probability phi(t) R(t), R being Mills' ratio.

    Its log density has the slope l = 1 / R(t) and the second derivative -l (l - t), which for large t is
    -(1 - 1 / t^2 + 6 / t^4 - ...). The commoner one has log(1 - phi(t) R(t)), the slope l = phi / (1 - phi R), and
    -l (l + t).
    """
    t = abs(eta)
    ratio = mills_ratio(t)
    density = exp(-0.5 * t * t) / _ROOT_TWO_PI
    rarer = -0.5 * t * t - HALF_LOG_TWO_PI + log(ratio)
    chance = density * ratio
    commoner = log1p(-chance)
    steep = 1.0 / ratio
    flat = density / (1.0 - chance)
    square = 1.0 / (t * t) if t > _FAR else 0.0
    curved = 1.0 - square + 6.0 * square * square if t > _FAR else steep * (steep - t)
    level = flat * (flat + t)
    return (
        commoner if eta > 0.0 else rarer,
        rarer if eta > 0.0 else commoner,
        flat if eta > 0.0 else steep,
        steep if eta > 0.0 else flat,
        level if eta > 0.0 else curved,
        curved if eta > 0.0 else level,
    )


@part(fastmath=FUSED, inlined=True)
def complementary_log_log(eta: float) -> tuple[float, float, float, float, float, float]:
    """F = 1 - exp(-h), h = exp(eta): log G = -h, and with k = h / (exp(h) - 1) the slope of log F is k.

    The second derivatives are -k (k + h - 1) and -h. k + h - 1 = (exp(-h) - 1 + h) / F loses nothing to
    cancellation; log F is log(1 - exp(-h)) for h > ln 2 and eta + log(F / h) below.
    """
    h = exp(eta)
    less_one, excess = excess_of_exp(-h)
    success = -less_one
    failure = 0.0 if h > _OVERFLOW else 1.0 - success if h < _LN2 else exp(-h)
    large = h > _LN2
    log_success = log1p(-failure) if large else eta + log(success / h)
    k = 0.0 if h > _OVERFLOW else h * failure / success
    return log_success, -h, k, h, k * excess / success if k > 0.0 else 0.0, h
