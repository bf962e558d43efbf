"""The collapsed engine by simulation: truths drawn from the priors rank uniformly among its draws."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.calibration import check_uniform, departures

DATA_SETS = 500
FALSE_ALARM = 1e-3 / 5
"""Of each of the five sets of ranks that must be uniform here: four designs, and one posterior in closed form."""
MAX_FALLBACK = 0.02


def slopes_table():
    """15 levels of 4 to 10 rows; x has a part of its own per level, and is far from centred."""
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(15), rng.permutation([4, 4, 5, 5, 6, 6, 7, 7, 7, 8, 8, 9, 9, 10, 10]))
    return pd.DataFrame({"g": g, "x": 2 + 0.7 * rng.normal(size=15)[g] + rng.normal(size=len(g))})


def slopes_truth(rng, table):
    slope, sigma, corr = rng.normal(0.5, 1), abs(rng.standard_t(3)), rng.uniform(-1, 1)
    sd = np.array([abs(rng.standard_t(3)), rng.exponential(0.5)])
    b = rng.normal(size=(15, 2))
    b[:, 1] = corr * b[:, 0] + np.sqrt(1 - corr**2) * b[:, 1]
    # Priors are of the sds and the correlation at the mean of x; variables are those at zero.
    move = np.array([[1, -table["x"].mean()], [0, 1]])
    covariance = move @ (np.outer(sd, sd) * np.array([[1, corr], [corr, 1]])) @ move.T
    own = np.sqrt(np.diagonal(covariance))
    return {
        "beta": np.array([rng.normal(1, 2) - slope * table["x"].mean(), slope]),
        "sd_g": own,
        "corr_g": covariance / np.outer(own, own),
        "b_g": (sd * b) @ move.T,
        "sigma": sigma,
    }


def one_icc_truth(rng, table):
    total, icc = abs(rng.normal(0, 2)), rng.beta(2, 3)
    return split_truth(rng, table, {"g": total * np.sqrt(icc)}, total * np.sqrt(1 - icc))


def two_icc_truth(rng, table):
    """The variance's three parts are Dirichlet(1, 2, 3)."""
    total, shares = rng.gamma(3, 0.5), rng.dirichlet([1, 2, 3])
    g, h, sigma = total * np.sqrt(shares)
    return split_truth(rng, table, {"g": g, "h": h}, sigma)


def split_truth(rng, table, sds, sigma):
    slope = rng.normal(0.5, 1)
    truth = {"beta": np.array([rng.normal(1, 2) - slope * table["x"].mean(), slope]), "sigma": sigma}
    for factor, sd in sds.items():
        truth[f"sd_{factor}"] = np.array([sd])
        truth[f"b_{factor}"] = sd * rng.normal(size=(table[factor].nunique(), 1))
    return truth


def crossed_table():
    """12 levels by 8, 57 of their 96 pairs seen 1 to 4 times; x has a part of its own per level of h."""
    rng = np.random.default_rng(12)
    g, h = np.append(np.arange(12), rng.integers(12, size=84)), np.append(np.arange(8), rng.integers(8, size=88))
    return pd.DataFrame({"g": g, "h": h, "x": -1 + 0.5 * rng.normal(size=8)[h] + rng.normal(size=len(g))})


def crossed_truth(rng, table):
    slope = 0.5 * rng.standard_t(4)
    sd_g, sd_h, sigma = rng.gamma(2, 0.5, 1), abs(rng.normal(0, 1, 1)), rng.exponential(1)
    return {
        "beta": np.array([rng.normal(-1, 2) - slope * table["x"].mean(), slope]),
        "sd_g": sd_g,
        "sd_h": sd_h,
        "b_g": sd_g * rng.normal(size=(12, 1)),
        "b_h": sd_h * rng.normal(size=(8, 1)),
        "sigma": sigma,
    }


@dataclass(frozen=True)
class Scheme:
    """A formula and its table; priors as the package takes them, and a truth drawn from them by hand."""

    seed: int
    formula: str
    table: pd.DataFrame
    priors: dict[str, pp.Prior]
    draw_truth: Callable


SCHEMES = {
    "correlated slopes": Scheme(
        1,
        "y ~ x + (x | g)",
        slopes_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "sd_g[Intercept]": pp.Prior("HalfStudentT", nu=3, sigma=1),
            "sd_g[x]": pp.Prior("Exponential", lam=2),
            "corr_g": pp.Prior("LKJ", eta=1),
            "sigma": pp.Prior("HalfStudentT", nu=3, sigma=1),
        },
        slopes_truth,
    ),
    "crossed": Scheme(
        2,
        "y ~ x + (1 | g) + (1 | h)",
        crossed_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=-1, sigma=2),
            "beta[x]": pp.Prior("StudentT", nu=4, mu=0, sigma=0.5),
            "sd_g": pp.Prior("Gamma", alpha=2, beta=2),
            "sd_h": pp.Prior("HalfNormal", sigma=1),
            "sigma": pp.Prior("Exponential", lam=1),
        },
        crossed_truth,
    ),
    "ICC of one factor": Scheme(
        3,
        "y ~ x + (1 | g)",
        slopes_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "icc": pp.Prior("Beta", alpha=2, beta=3),
            "total_sd": pp.Prior("HalfNormal", sigma=2),
        },
        one_icc_truth,
    ),
    "ICC of two factors": Scheme(
        4,
        "y ~ x + (1 | g) + (1 | h)",
        crossed_table(),
        {
            "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
            "beta[x]": pp.Prior("Normal", mu=0.5, sigma=1),
            "icc": pp.Prior("Beta", alpha=3, beta=3),
            "total_sd": pp.Prior("Gamma", alpha=3, beta=2),
            "share_g": pp.Prior("Dirichlet", a=1),
            "share_h": pp.Prior("Dirichlet", a=2),
        },
        two_icc_truth,
    ),
}


def predictor(table, values):
    """Linear predictor (draws, rows) of values (draws, ...) by variable."""
    columns = np.stack([np.ones(len(table)), table["x"]])
    eta = values["beta"] @ columns
    for factor in ("g", "h"):
        if factor in table:
            b = values[f"b_{factor}"][:, table[factor]]
            eta += np.einsum("dne,en->dn", b, columns[: b.shape[2]])
    return eta


def quantities(table, y, values):
    """All that is ranked, by name, (draws,) each: effects of the first and of the smallest level of each factor."""
    factors = [factor for factor in ("g", "h") if factor in table]
    variance = {factor: values[f"sd_{factor}"][:, 0] ** 2 for factor in factors}
    total = sum(variance.values()) + values["sigma"] ** 2
    eta = predictor(table, values)
    out = {
        "beta[Intercept]": values["beta"][:, 0],
        "beta[x]": values["beta"][:, 1],
        "sigma": values["sigma"],
        "log likelihood": stats.norm.logpdf(y, eta, values["sigma"][:, None]).sum(axis=1),
    }
    for factor in factors:
        sd, b = values[f"sd_{factor}"], values[f"b_{factor}"]
        smallest = int(table[factor].value_counts().sort_index().argmin())
        for i, effect in enumerate(["Intercept", "x"][: sd.shape[1]]):
            out[f"sd_{factor}[{effect}]"] = sd[:, i]
            out |= {f"b_{factor}[{level}, {effect}]": b[:, level, i] for level in (0, smallest)}
        out[f"icc_{factor}"] = variance[factor] / total
        if f"corr_{factor}" in values:
            out[f"corr_{factor}"] = values[f"corr_{factor}"][:, 0, 1]
    return out


@dataclass(frozen=True, eq=False)
class Study:
    """Truths (data sets,) and draws (data sets, draws) by quantity; the seeds of those that went to NUTS."""

    truth: dict[str, np.ndarray]
    draws: dict[str, np.ndarray]
    by_nuts: list[int]


def run_study(scheme):
    """Fit every data set; every fifth draw of four chains is as good as independent."""
    truths, draws, by_nuts = [], [], []
    for seed in range(DATA_SETS):
        rng = np.random.default_rng([scheme.seed, seed])
        truth = {name: np.asarray(value)[None] for name, value in scheme.draw_truth(rng, scheme.table).items()}
        y = rng.normal(predictor(scheme.table, truth)[0], truth["sigma"])
        fit = pp.fit(
            scheme.formula,
            scheme.table.assign(y=y),
            priors=scheme.priors,
            engine="collapsed",
            draws=250,
            seed=seed,
            progressbar=False,
        )
        if "NUTS" in json.loads(fit.tree.attrs["run"])["sampler"]:
            by_nuts.append(seed)
        truths.append(quantities(scheme.table, y, truth))
        draws.append(quantities(scheme.table, y, {name: values[::5] for name, values in fit.stacked().items()}))
    return Study(
        {name: np.concatenate([t[name] for t in truths]) for name in truths[0]},
        {name: np.stack([d[name] for d in draws]) for name in draws[0]},
        by_nuts,
    )


@pytest.fixture(scope="module", params=SCHEMES)
def study(request):
    return run_study(SCHEMES[request.param])


@pytest.mark.slow
def test_truths_rank_uniformly(study):
    note = f"{len(study.by_nuts)} of {DATA_SETS} data sets went to NUTS, seeds {study.by_nuts}"
    assert len(study.by_nuts) <= MAX_FALLBACK * DATA_SETS, note
    check_uniform(study.truth, study.draws, false_alarm=FALSE_ALARM, note=note)


def narrowed(draws):
    center = draws.mean(axis=1, keepdims=True)
    return center + 0.6 * (draws - center)


WRONG = {
    "spread of 60 %": ("", narrowed),
    "half a posterior sd too high": ("", lambda draws: draws + 0.5 * draws.std(axis=1, keepdims=True)),
    "sds 15 % too large": ("sd_", lambda draws: 1.15 * draws),
    "effects shrunk by 40 %": ("b_", lambda draws: 0.6 * draws),
}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_posterior_would_be_told(study, wrong):
    prefix, distort = WRONG[wrong]
    draws = {name: distort(values) for name, values in study.draws.items() if name.startswith(prefix)}
    found = departures({name: study.truth[name] for name in draws}, draws, false_alarm=FALSE_ALARM)
    assert found
    assert [name for name, departure in found.items() if not departure.outside] == []


def closed_form(*, spread=1.0, overlook=False):
    """Truths and draws of mu ~ N(0, 1) and of the log likelihood of 5 rows y ~ N(mu, 1); or of something wrong.

    Given y, mu ~ N(sum(y) / 6, 1 / 6).
    """
    rng = np.random.default_rng(5)
    mu = rng.normal(size=(DATA_SETS, 1))
    y = rng.normal(mu, size=(DATA_SETS, 5))
    z = rng.normal(size=(DATA_SETS, 200))
    draws = z if overlook else y.sum(axis=1, keepdims=True) / 6 + spread * z / 6**0.5

    def log_likelihood(mu):
        return stats.norm.logpdf(y[:, :, None], mu[:, None, :]).sum(axis=1)

    truth = {"mu": mu[:, 0], "log likelihood": log_likelihood(mu)[:, 0]}
    return truth, {"mu": draws, "log likelihood": log_likelihood(draws)}


def test_exact_draws_are_calibrated():
    check_uniform(*closed_form(), false_alarm=FALSE_ALARM)


def test_draws_of_a_wrong_spread_are_not():
    with pytest.raises(AssertionError, match=r"ranks are not uniform\nOUTSIDE [+-]0\.\d+ of 0\.\d+  mu\n[\s\S]*a note"):
        check_uniform(*closed_form(spread=0.7), false_alarm=FALSE_ALARM, note="a note")


def test_the_log_likelihood_tells_draws_that_overlook_the_data():
    found = departures(*closed_form(overlook=True), false_alarm=FALSE_ALARM)
    assert not found["mu"].outside
    assert found["log likelihood"].outside
