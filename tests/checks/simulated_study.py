"""Tables, true values and ranked quantities that calibration studies of mixed models share.

Values are given by variable of a fit, (draws, ...) each; true values, drawn without the package, are one draw.
"""

import numpy as np
import pandas as pd
from scipy import stats


def one_factor_table(repeated=1):
    """15 levels of 4 to 10 rows, or a multiple of them; the mean of x varies between levels and is far from 0."""
    rng = np.random.default_rng(11)
    rows = np.tile([4, 4, 5, 5, 6, 6, 7, 7, 7, 8, 8, 9, 9, 10, 10], repeated)
    g = np.repeat(np.arange(len(rows)), rng.permutation(rows))
    return pd.DataFrame({"g": g, "x": 2 + 0.7 * rng.normal(size=len(rows))[g] + rng.normal(size=len(g))})


def crossed_table():
    """12 levels by 8, 57 of their 96 pairs seen 1 to 4 times; the mean of x varies between levels of h."""
    rng = np.random.default_rng(12)
    g, h = np.append(np.arange(12), rng.integers(12, size=84)), np.append(np.arange(8), rng.integers(8, size=88))
    return pd.DataFrame({"g": g, "h": h, "x": -1 + 0.5 * rng.normal(size=8)[h] + rng.normal(size=len(g))})


def at_zero(table, intercept, slope):
    """Return beta at x = 0 from an intercept at the mean of x and a slope."""
    return np.array([intercept - slope * table["x"].mean(), slope])


def slopes_at_zero(rng, table, sd, corr):
    """Draw correlated intercepts and slopes of g, whose sds and correlation are those at the mean of x."""
    b = rng.normal(size=(table["g"].nunique(), 2))
    b[:, 1] = corr * b[:, 0] + np.sqrt(1 - corr**2) * b[:, 1]
    move = np.array([[1, -table["x"].mean()], [0, 1]])
    covariance = move @ (np.outer(sd, sd) * np.array([[1, corr], [corr, 1]])) @ move.T
    own = np.sqrt(np.diagonal(covariance))
    return {"sd_g": own, "corr_g": covariance / np.outer(own, own), "b_g": (sd * b) @ move.T}


def intercepts(rng, table, sds):
    """Draw intercepts of each factor from its sd."""
    truth = {}
    for factor, sd in sds.items():
        truth[f"sd_{factor}"] = np.array([sd])
        truth[f"b_{factor}"] = sd * rng.normal(size=(level_of_row(table, factor).max() + 1, 1))
    return truth


def level_of_row(table, factor):
    """Number the levels of a factor, or of a pair g:h, in the order of their values."""
    return table.groupby(factor.split(":"), sort=True).ngroup().to_numpy()


def predictor(table, values):
    """Linear predictor (draws, rows); it has no fixed intercept if there are cutpoints."""
    columns = np.stack([np.ones(len(table)), table["x"]])
    eta = values["beta"] @ columns[-values["beta"].shape[1] :]
    for factor in factors_of(values):
        b = values[f"b_{factor}"][:, level_of_row(table, factor)]
        eta += np.einsum("dne,en->dn", b, columns[: b.shape[2]])
    return eta


def factors_of(values):
    return [name.removeprefix("sd_") for name in values if name.startswith("sd_")]


def quantities(table, values):
    """beta, sds, correlations, and effects of the first and of the smallest level of each factor."""
    beta = values["beta"]
    out = {f"beta[{name}]": beta[:, k] for k, name in enumerate(["Intercept", "x"][-beta.shape[1] :])}
    for factor in factors_of(values):
        sd, b = values[f"sd_{factor}"], values[f"b_{factor}"]
        smallest = int(np.bincount(level_of_row(table, factor)).argmin())
        for i, effect in enumerate(["Intercept", "x"][: sd.shape[1]]):
            out[f"sd_{factor}[{effect}]"] = sd[:, i]
            out |= {f"b_{factor}[{level}, {effect}]": b[:, level, i] for level in (0, smallest)}
        if f"corr_{factor}" in values:
            out[f"corr_{factor}"] = values[f"corr_{factor}"][:, 0, 1]
    return out


def one_draw(truth):
    return {name: np.asarray(value)[None] for name, value in truth.items()}


def narrowed(draws):
    center = draws.mean(axis=1, keepdims=True)
    return center + 0.6 * (draws - center)


WRONG = {
    "spread of 60 %": ("", narrowed),
    "half a posterior sd too high": ("", lambda draws: draws + 0.5 * draws.std(axis=1, keepdims=True)),
    "sds 15 % too large": ("sd_", lambda draws: 1.15 * draws),
    "effects shrunk by 40 %": ("b_", lambda draws: 0.6 * draws),
}
"""Distortions of posterior draws (data sets, draws), each with the prefix of the quantities that must reveal it."""


def closed_form(data_sets, draws, *, spread=1.0, ignore_data=False):
    """Return true values and draws of mu ~ N(0, 1) and of the log likelihood of 5 rows y ~ N(mu, 1).

    Given y, mu ~ N(sum(y) / 6, 1 / 6). Draws are wrong if `spread` is not 1 or if they ignore the data.
    """
    rng = np.random.default_rng(5)
    mu = rng.normal(size=(data_sets, 1))
    y = rng.normal(mu, size=(data_sets, 5))
    z = rng.normal(size=(data_sets, draws))
    drawn = z if ignore_data else y.sum(axis=1, keepdims=True) / 6 + spread * z / 6**0.5

    def log_likelihood(mu):
        return stats.norm.logpdf(y[:, :, None], mu[:, None, :]).sum(axis=1)

    truth = {"mu": mu[:, 0], "log likelihood": log_likelihood(mu)[:, 0]}
    return truth, {"mu": drawn, "log likelihood": log_likelihood(drawn)}
