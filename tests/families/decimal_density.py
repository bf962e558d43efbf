"""Log densities of every family in 100-digit decimal arithmetic, by textbook formulas; derivatives by differences.

With that many digits central differences of step 1e-20 are exact to more digits than a float has.
"""

from decimal import Decimal as D
from decimal import localcontext
from fractions import Fraction
from functools import cache, partial
from math import comb

__all__ = ["curvature", "log_density", "own_slopes", "slope"]

DIGITS = 100
STEP = D("1e-20")
PI = D("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")


@cache
def bernoulli_number(n):
    if n == 0:
        return Fraction(1)
    return -sum(comb(n + 1, k) * bernoulli_number(k) for k in range(n)) / (n + 1)


def log_gamma(x):
    """Stirling's series at x + 60 or more."""
    product = D(1)
    while x < 60:
        product, x = product * x, x + 1
    series = D(0)
    for k in range(1, 31):
        b = bernoulli_number(2 * k)
        series += D(b.numerator) / b.denominator / (2 * k * (2 * k - 1) * x ** (2 * k - 1))
    return (x - D("0.5")) * x.ln() - x + (2 * PI).ln() / 2 + series - product.ln()


def small_normal_tail(t):
    """Phi(-t), t >= 0: Taylor's series near 0, else the continued fraction of Mills' ratio."""
    if t < 5:
        density = (-t * t / 2).exp() / (2 * PI).sqrt()
        term, total, k = t, t, 1
        while abs(term) > D(10) ** -DIGITS:
            k += 2
            term = term * t * t / k
            total += term
        return D("0.5") - density * total
    return log_far_normal_tail(t).exp()


def log_far_normal_tail(t):
    """log Phi(-t), t >= 5, also where Phi(-t) underflows."""
    fraction = t
    for k in range(300, 0, -1):
        fraction = t + k / fraction
    return -t * t / 2 - (2 * PI).ln() / 2 - fraction.ln()


def small_failure(h):
    """1 - exp(-h)."""
    return h - h**2 / 2 + h**3 / 6 - h**4 / 24 + h**5 / 120 if h < D("1e-20") else 1 - (-h).exp()


def success_and_failure(link, x):
    """log F and log(1 - F) with F and 1 - F."""
    if link == "logit":
        f, g = 1 / (1 + (-x).exp()), 1 / (1 + x.exp())
    elif link == "probit":
        rare = small_normal_tail(abs(x))
        f, g = (1 - rare, rare) if x > 0 else (rare, 1 - rare)
    else:
        h = x.exp()
        f = small_failure(h)
        return f.ln(), -h, f, (-h).exp()
    # The logarithm of a probability near 1 is computed by the series in its complement.
    log_f = f.ln() if f < D("0.9") or g > D("1e-20") else -(g + g**2 / 2 + g**3 / 3 + g**4 / 4)
    log_g = g.ln() if g < D("0.9") or f > D("1e-20") else -(f + f**2 / 2 + f**3 / 3 + f**4 / 4)
    return log_f, log_g, f, g


def mean_of(link, x):
    return {"identity": lambda: x, "log": x.exp, "sqrt": lambda: x * x, "inverse": lambda: 1 / x}[link]()


def log_binomial(n, y):
    return log_gamma(n + 1) - log_gamma(y + 1) - log_gamma(n - y + 1)


def bernoulli(link, y, known, x, own):
    log_f, log_g, _, _ = success_and_failure(link, x)
    return log_f if y == 1 else log_g


def binomial(link, y, known, x, own):
    log_f, log_g, _, _ = success_and_failure(link, x)
    return log_binomial(known, y) + y * log_f + (known - y) * log_g


def poisson(link, y, known, x, own):
    mean = mean_of(link, x)
    return (y * mean.ln() if y else D(0)) - mean - log_gamma(y + 1)


def negative_binomial(link, y, known, x, own):
    mean, alpha = mean_of(link, x), own[0]
    choose = log_gamma(y + alpha) - log_gamma(alpha) - log_gamma(y + 1)
    of_count = y * (mean / (mean + alpha)).ln() if y else D(0)
    return choose + of_count + alpha * (alpha / (mean + alpha)).ln()


def zero_inflated(counts, link, y, known, x, own):
    """The extra zeros' probability is the last of the own parameters."""
    *others, zi = own
    log_p = counts(link, y, known, x, others)
    return (zi + (1 - zi) * log_p.exp()).ln() if y == 0 else (1 - zi).ln() + log_p


def beta_binomial(link, y, known, x, own):
    _, _, f, g = success_and_failure(link, x)
    a, b, phi = f * own[0], g * own[0], own[0]
    log_p = log_binomial(known, y)
    for shape, times in ((a, y), (b, known - y)):
        log_p += log_gamma(shape + times) - log_gamma(shape)
    return log_p - log_gamma(phi + known) + log_gamma(phi)


def hurdle(positive, link, y, known, x, own, *, none=None):
    """The probability of a zero is the last of the own parameters; `none` is log P(0) before truncation."""
    *others, hu = own
    if y == 0:
        return hu.ln()
    some = D(0) if none is None else log_of_rest(none(link, x, others))
    return (1 - hu).ln() + positive(link, y, known, x, others) - some


def log_of_rest(log_p):
    """log(1 - p) given log p."""
    return small_failure(-log_p).ln()


def no_count(link, x, own):
    mean = mean_of(link, x)
    relative = mean / own[0] if own else D(0)  # 1 + relative may round to 1 even here
    return -mean if relative < D("1e-60") else -own[0] * (1 + relative).ln()


def gamma(link, y, known, x, own):
    mean, alpha = mean_of(link, x), own[0]
    return alpha * (alpha / mean).ln() - log_gamma(alpha) + (alpha - 1) * y.ln() - alpha * y / mean


def exponential(link, y, known, x, own):
    mean = mean_of(link, x)
    return -y / mean - mean.ln()


def gaussian(link, y, known, x, own):
    sigma = own[0] if known is None else known
    return -(((y - mean_of(link, x)) / sigma) ** 2) / 2 - sigma.ln() - (2 * PI).ln() / 2


def lognormal(link, y, known, x, own):
    return gaussian(link, y.ln(), known, x, own) - y.ln()


def student_t(link, y, known, x, own):
    sigma, nu = (own[0] if known is None else known), own[-1]
    z = (y - mean_of(link, x)) / sigma
    norm = log_gamma((nu + 1) / 2) - log_gamma(nu / 2) - (nu * PI).ln() / 2 - sigma.ln()
    return norm - (nu + 1) / 2 * (1 + z * z / nu).ln()


def beta(link, y, known, x, own):
    _, _, f, g = success_and_failure(link, x)
    a, b = f * own[0], g * own[0]
    norm = log_gamma(own[0]) - log_gamma(a) - log_gamma(b)
    return norm + (a - 1) * y.ln() + (b - 1) * (1 - y).ln()


def weibull(link, y, known, x, own):
    alpha = own[0]
    scale = mean_of(link, x) / log_gamma(1 + 1 / alpha).exp()
    power = alpha * (y / scale).ln()
    return alpha.ln() - y.ln() + power - power.exp()


def inverse_gaussian(link, y, known, x, own):
    mean, lam = mean_of(link, x), own[0]
    return (lam / (2 * PI * y**3)).ln() / 2 - lam * (y - mean) ** 2 / (2 * mean**2 * y)


def zero_one_inflated_beta(link, y, known, x, own):
    phi, zoi, coi = own
    if 0 < y < 1:
        return (1 - zoi).ln() + beta(link, y, known, x, [phi])
    return zoi.ln() + (coi if y == 1 else 1 - coi).ln()


def log_normal_cdf(x):
    if x < 0:
        return small_normal_tail(-x).ln() if x > -5 else log_far_normal_tail(-x)
    rare = small_normal_tail(x)
    return (1 - rare).ln() if rare > D("1e-20") else -(rare + rare**2 / 2 + rare**3 / 3 + rare**4 / 4)


def exgaussian(link, y, known, x, own):
    sigma, tau = own
    z, k = (y - mean_of(link, x) + tau) / sigma, sigma / tau
    return -tau.ln() + k * k / 2 - z * k + log_normal_cdf(z - k)


def skew_normal(link, y, known, x, own):
    sigma, alpha = own
    delta = alpha / (1 + alpha**2).sqrt()
    scale = sigma / (1 - 2 * delta**2 / PI).sqrt()
    z = (y - x + scale * delta * (2 / PI).sqrt()) / scale
    return D(2).ln() - scale.ln() - z * z / 2 - (2 * PI).ln() / 2 + log_normal_cdf(alpha * z)


def cumulative(link, y, known, x, own):
    k = int(y)
    if k == len(own):
        return success_and_failure(link, own[k - 1] - x)[1]
    if k == 0:
        return success_and_failure(link, own[0] - x)[0]
    if link == "cloglog":  # exp(-h) of huge h underflows even here
        high, low = ((own[j] - x).exp() for j in (k, k - 1))
        return small_failure(high - low).ln() - low
    upper, lower = (success_and_failure(link, own[j] - x) for j in (k, k - 1))
    return (upper[2] - lower[2] if upper[2] < lower[3] else lower[3] - upper[3]).ln()


def sratio(link, y, known, x, own):
    k = int(y)
    passed = sum((success_and_failure(link, c - x)[1] for c in own[:k]), D(0))
    return passed if k == len(own) else passed + success_and_failure(link, own[k] - x)[0]


def acat(link, y, known, x, own):
    utilities = [sum((x - c for c in own[:k]), D(0)) for k in range(len(own) + 1)]
    relative = [(u - utilities[int(y)]).exp() for u in utilities]
    others = sum(relative) - relative[int(y)]
    return -(1 + others).ln() if others > D("1e-20") else -(others - others**2 / 2 + others**3 / 3 - others**4 / 4)


DENSITIES = {
    "bernoulli": bernoulli,
    "binomial": binomial,
    "poisson": poisson,
    "negative_binomial": negative_binomial,
    "zero_inflated_poisson": partial(zero_inflated, poisson),
    "zero_inflated_negative_binomial": partial(zero_inflated, negative_binomial),
    "beta_binomial": beta_binomial,
    "hurdle_poisson": partial(hurdle, poisson, none=no_count),
    "hurdle_negative_binomial": partial(hurdle, negative_binomial, none=no_count),
    "hurdle_gamma": partial(hurdle, gamma),
    "hurdle_lognormal": partial(hurdle, lognormal),
    "gamma": gamma,
    "exponential": exponential,
    "gaussian": gaussian,
    "lognormal": lognormal,
    "student_t": student_t,
    "beta": beta,
    "cumulative": cumulative,
    "sratio": sratio,
    "acat": acat,
    "weibull": weibull,
    "inverse_gaussian": inverse_gaussian,
    "zero_one_inflated_beta": zero_one_inflated_beta,
    "exgaussian": exgaussian,
    "skew_normal": skew_normal,
}


def exactly(function):
    """Evaluate with many digits, of floats taken exactly, and return a float."""

    def evaluate(family, link, y, known, eta, own, *rest):
        with localcontext() as context:
            context.prec = DIGITS
            known = None if known is None else D(float(known))
            return function(family, link, D(float(y)), known, D(float(eta)), [D(float(v)) for v in own], *rest)

    return evaluate


@exactly
def log_density(family, link, y, known, eta, own):
    return float(DENSITIES[family](link, y, known, eta, own))


def step(x):
    """Step of a difference: absolute near 1, relative for tiny and huge numbers."""
    return STEP if x == 0 or D("1e-5") < abs(x) < 1000 else STEP * abs(x)


@exactly
def slope(family, link, y, known, eta, own):
    p, h = DENSITIES[family], step(eta)
    return float((p(link, y, known, eta + h, own) - p(link, y, known, eta - h, own)) / (2 * h))


@exactly
def curvature(family, link, y, known, eta, own):
    """-d^2 log p / d eta^2."""
    p, h = DENSITIES[family], step(eta)
    middle = p(link, y, known, eta, own)
    return float(-(p(link, y, known, eta + h, own) - 2 * middle + p(link, y, known, eta - h, own)) / h**2)


@exactly
def own_slopes(family, link, y, known, eta, own):
    p, found = DENSITIES[family], []
    for k, value in enumerate(own):
        h = step(value)
        up, down = [*own[:k], value + h, *own[k + 1 :]], [*own[:k], value - h, *own[k + 1 :]]
        found.append(float((p(link, y, known, eta, up) - p(link, y, known, eta, down)) / (2 * h)))
    return found
