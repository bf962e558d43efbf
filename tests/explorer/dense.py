"""The slow, obvious way: generalised least squares with V as a dense matrix, and regression with a column per level."""

import numpy as np

from checks.residuals import residual_covariance
from partialpool.marginal.gaussian.standardise import working_response
from partialpool.names import SIGMA


def design_matrices(design):
    """X, and Z of each factor at the predictors' means, dense, on the original scale."""
    ones = np.ones((design.n_rows, 1 if design.common.intercept else 0))
    zs = []
    for factor in design.factors:
        n, q = factor.values.shape
        z = np.zeros((n, factor.n_levels, q))
        z[np.arange(n), factor.codes] = factor.values @ np.linalg.inv(at_means(factor))
        zs.append(z.reshape(n, -1))
    return np.concatenate([ones, design.common.values], axis=1), zs


def at_means(factor):
    """T of intercept and slopes: effects at the predictors' means from those at zero."""
    turn = np.eye(len(factor.names))
    if factor.correlated and factor.names[0] == "Intercept":
        turn[0, 1:] = factor.values[:, 1:].mean(axis=0)
    return turn


def covariance(posterior, factor):
    """Sigma of a fit with one draw, at the predictors' means."""
    sd = posterior[f"sd_{factor.name}"].to_numpy()[0, 0]
    corr = posterior[f"corr_{factor.name}"].to_numpy()[0, 0] if factor.correlated else np.eye(len(sd))
    turn = at_means(factor)
    return turn @ (sd[:, None] * corr * sd) @ turn.T


def place_of(design, factor, effect):
    """What each fixed effect counts: an effect's own, and in an intercept those of other columns at the means."""
    x, _ = design_matrices(design)
    means = x.mean(axis=0) if effect == "Intercept" else np.zeros(x.shape[1])
    turn = dict(zip(factor.names, at_means(factor)[factor.names.index(effect)], strict=True))
    return np.array([turn.get(name, mean) for name, mean in zip(design.common.coefs, means, strict=True)])


def noise_of(fit):
    """R of a fit with one draw, (rows, rows)."""
    design, posterior = fit.design, fit.posterior
    if design.residual is not None:
        correlation = posterior["residual_corr"].to_numpy()[0, 0] if design.residual.series else None
        return residual_covariance(design, posterior[SIGMA].to_numpy()[0, 0], correlation)
    return np.diag(design.se**2 if design.se is not None else np.full(design.n_rows, posterior[SIGMA].item() ** 2))


def estimates(fit, factor, effect, sd):
    """E(beta_e + b_je | sd, y), beta_e, and diag(Sigma Z' V^-1 Z): b by its definition, V a matrix of rows."""
    design, posterior = fit.design, fit.posterior
    y = working_response(design)
    x, zs = design_matrices(design)
    v = noise_of(fit)
    at = factor.names.index(effect)
    for f, z in zip(design.factors, zs, strict=True):
        sigma = covariance(posterior, f)
        if f is factor:
            sigma = sigma * (sd**2 / sigma[at, at])
            mine, pulled = z, np.kron(np.eye(f.n_levels), sigma)
        v = v + z @ np.kron(np.eye(f.n_levels), sigma) @ z.T
    vx = np.linalg.solve(v, x)
    beta = np.linalg.solve(x.T @ vx, vx.T @ y) if x.shape[1] else np.zeros(0)
    b = (pulled @ mine.T @ np.linalg.solve(v, y - x @ beta)).reshape(factor.n_levels, -1)[:, at]
    common = place_of(design, factor, effect) @ beta
    weights = np.diagonal(pulled @ mine.T @ np.linalg.solve(v, mine)).reshape(factor.n_levels, -1)[:, at]
    return common + b, common, weights


def without_pooling(fit, factor, effect):
    """Least squares with the effects of every level among the predictors, the common ones that vary left out."""
    x, zs = design_matrices(fit.design)
    own = zs[fit.design.factors.index(factor)]
    kept = [k for k, name in enumerate(fit.design.common.coefs) if name not in factor.names]
    half = np.linalg.cholesky(noise_of(fit))
    columns = np.linalg.solve(half, np.concatenate([own, x[:, kept]], axis=1))
    solution = np.linalg.lstsq(columns, np.linalg.solve(half, working_response(fit.design)), rcond=None)[0]
    rest = place_of(fit.design, factor, effect)[kept] @ solution[own.shape[1] :]
    return solution[: own.shape[1]].reshape(factor.n_levels, -1)[:, factor.names.index(effect)] + rest
