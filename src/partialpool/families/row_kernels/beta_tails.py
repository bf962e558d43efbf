"""The regularised incomplete beta function by its continued fraction, with its derivative along a line.

I_x(a, b) = x^a y^b / B(a, b) / f, y = 1 - x, with f = t_0 + s_1 / (t_1 + s_2 / (t_2 + ...)),

    s_n = (a + n - 1) (a + b + n - 1) n (b - n) x^2 / (a + 2 n - 1)^2,
    t_n = n + n (b - n) x / (a + 2 n - 1) + (a + n) / (a + 2 n + 1) (m + 1 + n (1 + y)),   m = a y - b x

(Didonato & Morris 1992, ACM Trans. Math. Softw. 18:360, equation 9). It converges where m is above 0; elsewhere the
roles of a and b, x and y are exchanged. m keeps its digits where it is given. Derivatives are carried along Lentz's
recurrence.
"""

from typing import Final

from partialpool.kernels import FUSED, part

__all__ = ["beta_fraction"]

_LOST: Final = 1e-16
_MOST: Final = 2_000_000


@part(fastmath=FUSED)
def beta_fraction(
    a: float, b: float, x: float, y: float, m: float, a_slope: float, b_slope: float, x_slope: float
) -> tuple[float, float]:
    """Return f and the derivative of its logarithm along a line, on which a, b and x have these derivatives."""
    m_slope = a_slope * y - b_slope * x - (a + b) * x_slope
    share = 1.0 / (a + 1.0)
    value = a * share * (m + 1.0)
    base_slope = a_slope * share * share * (m + 1.0) + a * share * m_slope
    slope = base_slope / value
    c, c_slope, d, d_slope = value, base_slope, 0.0, 0.0
    n = 0
    while n < _MOST:
        n += 1
        under = 1.0 / (a + 2.0 * n - 1.0)
        left, right, rest = a + n - 1.0, a + b + n - 1.0, b - n
        scale = n * (x * under) * (x * under)
        top = left * right * rest * scale
        top_slope = scale * (a_slope * right * rest + left * (a_slope + b_slope) * rest + left * right * b_slope)
        top_slope += 2.0 * top * (x_slope / x - a_slope * under)
        over = 1.0 / (a + 2.0 * n + 1.0)
        inner = m + 1.0 + n * (1.0 + y)
        base = n + n * rest * x * under + (a + n) * over * inner
        base_slope = n * under * (b_slope * x + rest * x_slope - rest * x * a_slope * under)
        base_slope += a_slope * (n + 1.0) * over * over * inner + (a + n) * over * (m_slope - n * x_slope)
        d_slope = base_slope + top_slope * d + top * d_slope
        d = 1.0 / (base + top * d)
        d_slope = -d * d * d_slope
        c_slope = base_slope + (top_slope - top * c_slope / c) / c
        c = base + top / c
        change, step = c * d, c_slope / c + d_slope / d
        value *= change
        slope += step
        if abs(change - 1.0) <= 2.0 * _LOST and abs(step) <= _LOST * abs(slope) + 1e-300:
            break
    return value, slope
