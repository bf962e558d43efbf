"""Exponentials and logarithms in plain arithmetic. LLVM vectorises loops that use them, but not calls of libm.

Each is computed by range reduction and a polynomial, evaluated by Horner's rule, with no branch and no table
(Muller 2016, Elementary Functions, 3rd ed., chapters 3 and 11). The polynomials are Taylor series economised by
Chebyshev polynomials on the reduced range, in rational arithmetic. The error of each is below 2e-17 of the function's
value; the rest is rounding.

Integers are read from and written to the bits of floats: adding `_SHIFT` = 1.5 * 2^52 rounds a float to an integer,
which is then in the lowest bits of the sum. These functions must not be compiled with `reassoc`, which would undo
that and the splitting of ln 2 in two.
"""

from typing import Final

import numpy as np

from partialpool.kernels import FUSED, part

__all__ = [
    "HALF_LOG_TWO_PI",
    "LARGEST",
    "NORMAL",
    "excess_of_exp",
    "exp",
    "log",
    "log1p",
    "log1p_of_share",
    "log_excess",
]

HALF_LOG_TWO_PI: Final = 0.9189385332046727
LARGEST: Final = 709.0
"""Largest argument of `exp`; beyond it is infinity. Below -708, `exp` is exp(-708) = 3.3e-308."""
NORMAL: Final = 2.2250738585072014e-308
"""Smallest argument of `log`."""
_SMALLEST: Final = -708.0
_INVERSE_LN2: Final = 1.4426950408889634
_LN2_HIGH: Final = 6.93147180369123816490e-01
"""The leading 32 bits of ln 2, so that a product with an integer below 2^20 is exact (fdlibm, `e_exp.c`)."""
_LN2_LOW: Final = 1.90821492927058770002e-10
_LN2: Final = 0.6931471805599453
_SHIFT: Final = 6755399441055744.0
_SHIFT_BITS: Final = 0x4338000000000000
_BIAS: Final = 1023
_MANTISSA: Final = 52
_ROOT_HALF_BITS: Final = 0x3FE6A09E667F3BCD
"""Bits of sqrt(1/2)."""
_ROOT_TWO_LESS_ONE: Final = 0.41421356237309503


@part(fastmath=FUSED, inlined=True)
def _reduced(x: float) -> tuple[float, float, float, float]:
    """Return r, e^r - 1 - r, 2^k and k of x = k ln 2 + r with an integer k and abs(r) <= ln(2) / 2.

    e^r - 1 - r = r^2 (1/2 + r/6 + r^2/24 + ...): the bracket by a polynomial of degree 9, to 1.1e-16.
    """
    bounded = min(max(x, _SMALLEST), LARGEST)
    shifted = bounded * _INVERSE_LN2 + _SHIFT
    k = shifted - _SHIFT
    r = (bounded - k * _LN2_HIGH) - k * _LN2_LOW
    q = 2.7620086491464514e-07 + r * 2.5105215165649368e-08
    q = 2.75572554044176e-06 + r * q
    q = 2.4801521299750923e-05 + r * q
    q = 0.00019841269874817515 + r * q
    q = 0.001388888891721154 + r * q
    q = 0.008333333333326136 + r * q
    q = 0.04166666666662413 + r * q
    q = 0.1666666666666667 + r * q
    q = 0.5 + r * q
    power = np.int64((np.float64(shifted).view(np.int64) + _BIAS) << _MANTISSA).view(np.float64)
    return r, r * r * q, power, k


@part(fastmath=FUSED, inlined=True)
def exp(x: float) -> float:
    """Evaluate e^x to 5e-16 of its value for x from -708 to 709; infinity above, 3.3e-308 below."""
    r, rest, power, _ = _reduced(x)
    value = power + power * (r + rest)
    return np.inf if x > LARGEST else value


@part(fastmath=FUSED, inlined=True)
def excess_of_exp(x: float) -> tuple[float, float]:
    """Evaluate e^x - 1 and e^x - 1 - x, to 1e-15 and 2e-15 of their values however small x is.

    With x = k ln 2 + r they are (2^k - 1) + 2^k (e^r - 1), and for k = 0, where they are small, e^r - 1 and
    e^r - 1 - r. Both are infinite for x above 709; below -708, the second is of x itself.
    """
    r, rest, power, k = _reduced(x)
    less_one = (power - 1.0) + power * (r + rest)
    excess = rest if k == 0.0 else less_one - x
    return (np.inf, np.inf) if x > LARGEST else (less_one, excess)


@part(fastmath=FUSED, inlined=True)
def _log_near_one(numerator: float, denominator: float) -> tuple[float, float]:
    """Return s = numerator / denominator and 2 (atanh(s) - s), abs(s) <= 0.1716: log((1 + s) / (1 - s)) = 2 atanh(s).

    atanh(s) - s = s^3 (1/3 + s^2/5 + s^4/7 + ...): the bracket by a polynomial of degree 6 in s^2, to 1.6e-16.
    """
    s = numerator / denominator
    z = s * s
    q = 0.07665827264432241 + z * 0.07308610050851845
    q = 0.090914456571345 + z * q
    q = 0.11111105550939514 + z * q
    q = 0.14285714313099557 + z * q
    q = 0.19999999999949475 + z * q
    q = 0.3333333333333335 + z * q
    return s, 2.0 * s * z * q


@part(fastmath=FUSED, inlined=True)
def log1p_of_share(a: float) -> float:
    """Evaluate log(1 + a), 0 <= a <= 1, to 5e-16 of its value: above sqrt(2) - 1 as ln 2 + log((1 + a) / 2)."""
    large = a > _ROOT_TWO_LESS_ONE
    s, rest = _log_near_one(a - 1.0 if large else a, a + 3.0 if large else a + 2.0)
    return (_LN2 if large else 0.0) + (2.0 * s + rest)


@part(fastmath=FUSED, inlined=True)
def log(x: float) -> float:
    """Evaluate log(x) of a positive normal number to 5e-16 of its value, also near 1.

    x = 2^k m with m from sqrt(1/2) to sqrt(2): log x = k ln 2 + log m. The result is infinity for infinity and NaN,
    and meaningless for zero, negative and subnormal numbers.
    """
    bits = np.float64(x).view(np.int64)
    k = ((bits - _ROOT_HALF_BITS + (_BIAS << _MANTISSA)) >> _MANTISSA) - _BIAS
    m = np.int64(bits - (k << _MANTISSA)).view(np.float64)
    exponent = np.int64(k + _SHIFT_BITS).view(np.float64) - _SHIFT
    s, rest = _log_near_one(m - 1.0, m + 1.0)
    value = exponent * _LN2_HIGH + (2.0 * s + (rest + exponent * _LN2_LOW))
    return value if x < np.inf else np.inf


@part(fastmath=FUSED, inlined=True)
def log1p(x: float) -> float:
    """Evaluate log(1 + x), x > -1, to 7e-16 of its value however small x is.

    What 1 + x loses by rounding is added to first order (Goldberg 1991, ACM Computing Surveys 23:5, theorem 4).
    """
    total = 1.0 + x
    lost = (x - (total - 1.0)) / total
    return log(total) + (lost if total < np.inf else 0.0)


@part(fastmath=FUSED, inlined=True)
def log_excess(ratio: float) -> float:
    """Evaluate r - 1 - log r of a positive r to 6e-15 of its value, also near r = 1, where it is small.

    With s = (r - 1) / (r + 1), log r = 2 atanh(s) and r - 1 - 2 s = (r - 1) s, so that near 1 it is
    (r - 1) s - 2 (atanh(s) - s).
    """
    near = abs(ratio - 1.0) < 0.25
    less_one = ratio - 1.0
    bounded = less_one if near else 0.0
    s, rest = _log_near_one(bounded, 2.0 + bounded)
    return bounded * s - rest if near else less_one - log(ratio)
