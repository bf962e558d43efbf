"""Correlated slopes of a normal or lognormal response: simulation, answers of fits, closed formulas of true answers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import partialpool as pp

SLOPES = "y ~ x + (x | g)"
LEVELS = 15
PLACES = (0.0, 2.0, 3.5)
HERE, CENTRE, THERE = PLACES
OUTER = (0, 7)
"""Levels whose effects are compared: those with the most and the fewest rows."""
NEW = 99
"""A level that is in no table."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Parameters of a simulation: beta (2,); by factor Sigma (effects, effects) and b (levels, effects); sigma."""

    beta: np.ndarray
    covariance: dict[str, np.ndarray]
    b: dict[str, np.ndarray]
    sigma: float


def covariance_of(sd, corr):
    return np.outer(sd, sd) * np.array([[1, corr], [corr, 1]])


def weight_of(sigma, z, noise):
    """Sigma Z' V^-1 Z, V = Z Sigma Z' + noise^2 I."""
    return sigma @ z.T @ np.linalg.solve(z @ sigma @ z.T + noise**2 * np.eye(len(z)), z)


def mean_inflation(noise, parts):
    """1'V1 / tr V, the variance of a mean over that of independent rows; parts of V by codes, Z, Sigma."""
    v = noise**2 * np.eye(len(parts[0][0]))
    for codes, z, sigma in parts:
        v += np.equal.outer(np.asarray(codes), np.asarray(codes)) * (z @ sigma @ z.T)
    return v.sum() / np.trace(v)


def flat(answer, **where):
    """All draws of one number, (draws,), in any order."""
    chosen = answer.sel(**where)
    assert set(chosen.dims) == {"chain", "draw"}, chosen.dims
    return chosen.to_numpy().ravel()


def slopes_table():
    """15 levels of 3 to 12 rows; the mean of x varies between levels, and 0 is at the edge of the values of x."""
    rng = np.random.default_rng(21)
    g = np.repeat(np.arange(LEVELS), [12, 4, 5, 9, 6, 10, 7, 3, 8, 6, 5, 7, 4, 8, 5])
    return pd.DataFrame({"g": g, "x": 2 + 0.6 * rng.normal(size=LEVELS)[g] + 0.8 * rng.normal(size=len(g))})


def at_zero(covariance, frame):
    """Covariance of intercept and slope at x = 0, from that at the mean of x, where priors are stated."""
    move = np.array([[1, -frame["x"].mean()], [0, 1]])
    return move @ covariance @ move.T


def slopes_truth(rng, frame):
    slope = rng.normal(0.5, 1)
    covariance = covariance_of([abs(rng.normal(0, 1.5)), rng.exponential(0.5)], 2 * rng.beta(2, 2) - 1)
    covariance = at_zero(covariance, frame)
    return given_slopes(rng, [rng.normal(1, 2) - slope * frame["x"].mean(), slope], covariance, rng.gamma(3, 1 / 3))


def lognormal_truth(rng, frame):
    slope = rng.normal(0.3, 0.3)
    covariance = covariance_of([rng.gamma(4, 0.1), abs(rng.normal(0, 0.4))], 2 * rng.beta(1, 1) - 1)
    covariance = at_zero(covariance, frame)
    return given_slopes(rng, [rng.normal(0, 1) - slope * frame["x"].mean(), slope], covariance, abs(rng.normal(0, 0.5)))


def plausible_truth(rng, frame):
    """Return the same plausible parameters, stated at the mean of x as default priors are; effects are drawn anew."""
    return given_slopes(rng, [1.0, 0.5], at_zero(covariance_of([1.0, 0.5], 0.3), frame), 1.0)


def given_slopes(rng, beta, covariance, sigma):
    return Truth(np.array(beta), {"g": covariance}, {"g": levels_from(rng, covariance, LEVELS)}, sigma)


def levels_from(rng, covariance, count):
    return rng.normal(size=(count, len(covariance))) @ np.linalg.cholesky(covariance).T


def slopes_predictor(truth, frame):
    return truth.beta[0] + truth.b["g"][frame["g"], 0] + (truth.beta[1] + truth.b["g"][frame["g"], 1]) * frame["x"]


def slopes_answers(fit, seed):
    """Draws (draws,) by quantity, from public functions alone."""
    out = {}
    rows, places, between = (
        pp.icc(fit),
        pp.icc(fit, at={"x": PLACES}),
        pp.icc(fit, at={"x": [HERE]}, other={"x": THERE}),
    )
    for name in ("icc", "total", "unadjusted"):
        out[f"icc: {name}, over the rows"] = flat(rows[name].squeeze())
    for x in (HERE, THERE):
        for name in ("icc", "total"):
            out[f"icc: {name} at {x}"] = flat(places[name].squeeze(), x=x)
    out["icc: one here, one there"] = flat(between["icc"].squeeze())
    variances = pp.variance_function(fit, {"x": PLACES}).squeeze()
    for x in PLACES:
        out[f"variance_function: variance at {x}"] = flat(variances["variance"], x=x)
        out[f"variance_function: part of g at {x}"] = flat(variances["parts"], part="g", x=x)
        out[f"variance_function: mean at {x}"] = flat(variances["mean"], x=x)
    out["variance_function: covariance"] = flat(variances["covariance"], x=HERE, x_bis=THERE)
    shrunk = pp.shrinkage(fit)
    for level in OUTER:
        for i in ("Intercept", "x"):
            out[f"shrinkage: {i} of level {level}"] = flat(shrunk["partial_pooling"], level=level, effect=i)
            for j in ("Intercept", "x"):
                out[f"shrinkage: weight of level {level}, {i}, {j}"] = flat(
                    shrunk["weight"], level=level, effect=i, effect_bis=j
                )
    out |= slopes_predictions(fit, seed)
    moved = pp.recenter(fit, x=CENTRE)
    out["recenter: sd"] = flat(moved["sd"], effect="Intercept")
    out["recenter: correlation"] = flat(moved["correlation"], effect="Intercept", effect_bis="x")
    out["recenter: covariance"] = flat(moved["covariance"], effect="Intercept", effect_bis="x")
    out["recenter: uncorrelated at"] = flat(moved["uncorrelated_at"], slope="x")
    costs = pp.design_effect(fit).squeeze()
    for name in ("design_effect", "effective_sample_size", "overconfidence"):
        out[f"design_effect: {name}"] = flat(costs[name])
    parts = pp.variance_components(fit)
    for part in ("fixed", "g", "residual"):
        out[f"variance_components: share of {part}"] = flat(parts["share"], part=part)
    out["variance_components: R2, conditional"] = flat(parts["r2_conditional"])
    for effect in ("Intercept", "x"):
        out[f"variance_components: sd of {effect}"] = flat(parts["sd"], component=f"g: {effect}")
    out["variance_components: correlation"] = flat(parts["correlation"].squeeze())
    by_level = pp.level_effects(fit, "x")
    out["level_effects: population"] = flat(by_level["population"])
    return out | {f"level_effects: level {level}": flat(by_level["effect"], level=level) for level in OUTER}


def slopes_predictions(fit, seed):
    rows = {"x": [HERE, THERE] * 3, "g": np.repeat([*OUTER, NEW], 2)}
    given = pp.predict(fit, rows, new_levels="sample", seed=seed)
    out = {}
    for obs, (x, level) in enumerate(zip(*rows.values(), strict=True)):
        for what in ("expectation", "response"):
            out[f"predict: {what}, level {level} at {x}"] = flat(given[what], obs=obs)
    out[f"predict: response, level {NEW}, mean of both"] = flat(given["response"].sel(obs=[4, 5]).mean("obs"))
    out[f"predict: expectation, level {NEW}, difference"] = flat(
        given["expectation"].sel(obs=[4, 5]).diff("obs").squeeze()
    )
    for kind in ("marginal", "typical"):
        found = pp.predict(fit, {"x": [THERE]}, kind=kind, seed=seed).squeeze()
        out |= {f"predict: {what}, {kind} at {THERE}": flat(found[what]) for what in ("expectation", "response")}
    return out


def slopes_known(truth, frame, rng, *, log=False):
    """Return the true value of each quantity; responses and the effects of a new level are simulated."""
    (b0, b1), sigma, noise, x_rows = truth.beta, truth.covariance["g"], truth.sigma**2, frame["x"].to_numpy()
    variance = {x: sigma[0, 0] + 2 * x * sigma[0, 1] + x**2 * sigma[1, 1] for x in PLACES}
    groups = np.mean(sigma[0, 0] + 2 * x_rows * sigma[0, 1] + x_rows**2 * sigma[1, 1])
    common = b1**2 * x_rows.var(ddof=1)
    icc = groups / (groups + noise)
    across = sigma[0, 0] + (HERE + THERE) * sigma[0, 1] + HERE * THERE * sigma[1, 1]
    out = {"icc: icc, over the rows": icc, "icc: total, over the rows": icc}
    out["icc: unadjusted, over the rows"] = groups / (groups + noise + common)
    for x in (HERE, THERE):
        out |= dict.fromkeys([f"icc: icc at {x}", f"icc: total at {x}"], variance[x] / (variance[x] + noise))
    out["icc: one here, one there"] = across / np.sqrt((variance[HERE] + noise) * (variance[THERE] + noise))
    for x in PLACES:
        out[f"variance_function: variance at {x}"] = variance[x] + noise
        out[f"variance_function: part of g at {x}"] = variance[x]
        out[f"variance_function: mean at {x}"] = b0 + b1 * x
    out["variance_function: covariance"] = across
    for level in OUTER:
        own = x_rows[frame["g"] == level]
        weight = weight_of(sigma, np.stack([np.ones(len(own)), own], axis=1), truth.sigma)
        for i, effect in enumerate(("Intercept", "x")):
            out[f"shrinkage: {effect} of level {level}"] = truth.beta[i] + truth.b["g"][level, i]
            for j, other in enumerate(("Intercept", "x")):
                out[f"shrinkage: weight of level {level}, {effect}, {other}"] = weight[i, j]
        out[f"level_effects: level {level}"] = b1 + truth.b["g"][level, 1]
    out["level_effects: population"] = b1
    out |= slopes_future(truth, variance, rng, log=log)
    moved = sigma[0, 1] + CENTRE * sigma[1, 1]
    out["recenter: sd"] = np.sqrt(variance[CENTRE])
    out["recenter: covariance"] = moved
    out["recenter: correlation"] = moved / np.sqrt(variance[CENTRE] * sigma[1, 1])
    out["recenter: uncorrelated at"] = -sigma[0, 1] / sigma[1, 1]
    effect = mean_inflation(truth.sigma, [(frame["g"], np.stack([np.ones(len(frame)), x_rows], axis=1), sigma)])
    out["design_effect: design_effect"] = effect
    out["design_effect: effective_sample_size"] = len(frame) / effect
    out["design_effect: overconfidence"] = effect**0.5
    for part, value in (("fixed", common), ("g", groups), ("residual", noise)):
        out[f"variance_components: share of {part}"] = value / (common + groups + noise)
    out["variance_components: R2, conditional"] = (common + groups) / (common + groups + noise)
    out["variance_components: sd of Intercept"] = sigma[0, 0] ** 0.5
    out["variance_components: sd of x"] = sigma[1, 1] ** 0.5
    out["variance_components: correlation"] = sigma[0, 1] / np.sqrt(sigma[0, 0] * sigma[1, 1])
    return out


def slopes_future(truth, variance, rng, *, log):
    """Return true values of predictions; for a lognormal response, E exp(N(m, s^2)) = exp(m + s^2 / 2)."""

    def mean_of(eta, spread=0.0):
        return np.exp(eta + (spread + truth.sigma**2) / 2) if log else eta

    def response_of(eta):
        value = rng.normal(eta, truth.sigma)
        return np.exp(value) if log else value

    new = levels_from(rng, truth.covariance["g"], 1)[0]
    out, means, responses = {}, [], []
    for level, b in ((OUTER[0], truth.b["g"][OUTER[0]]), (OUTER[1], truth.b["g"][OUTER[1]]), (NEW, new)):
        for x in (HERE, THERE):
            eta = (truth.beta + b) @ [1, x]
            means.append(mean_of(eta))
            responses.append(response_of(eta))
            out[f"predict: expectation, level {level} at {x}"] = means[-1]
            out[f"predict: response, level {level} at {x}"] = responses[-1]
    out[f"predict: response, level {NEW}, mean of both"] = np.mean(responses[-2:])
    out[f"predict: expectation, level {NEW}, difference"] = means[-1] - means[-2]
    eta, spread = truth.beta @ [1, THERE], variance[THERE]
    out[f"predict: expectation, marginal at {THERE}"] = mean_of(eta, spread)
    out[f"predict: response, marginal at {THERE}"] = response_of(rng.normal(eta, np.sqrt(spread)))
    out[f"predict: expectation, typical at {THERE}"] = mean_of(eta)
    out[f"predict: response, typical at {THERE}"] = response_of(eta)
    return out


def slopes_with_effects(fit, seed):
    """All answers for a normal response, whose average effects are multiples of one coefficient."""
    out = slopes_answers(fit, seed)
    for name, options in {"+1": {}, "values": {"values": [HERE, THERE]}}.items():
        effects = pp.average_effect(fit, "x", **options).squeeze()
        for view in ("population_average", "subject_specific"):
            out[f"average_effect: {name}, {view}"] = flat(effects[view])
    return out


def slopes_known_with_effects(truth, frame, rng):
    out = slopes_known(truth, frame, rng)
    for view in ("population_average", "subject_specific"):
        out[f"average_effect: +1, {view}"] = truth.beta[1]
        out[f"average_effect: values, {view}"] = (THERE - HERE) * truth.beta[1]
    return out


MEASURES = {
    "ratio +1": {"measure": "ratio"},
    "ratio": {"measure": "ratio", "values": [0, 1]},
    "difference": {},
    "slope": {"measure": "slope"},
}


def lognormal_answers(fit, seed):
    out = slopes_answers(fit, seed)
    for name, options in MEASURES.items():
        effects = pp.average_effect(fit, "x", **options).squeeze()
        for view in ("population_average", "subject_specific"):
            out[f"average_effect: {name}, {view}"] = flat(effects[view])
    for x in (HERE, THERE):
        out[f"icc: of the response at {x}"] = flat(pp.icc(fit, at={"x": [x]}, scale="response")["icc"].squeeze())
    return out


def lognormal_known(truth, frame, rng):
    """Var(y) and Cov(y, y') are those of a lognormal: proportional to exp(v + sigma^2) - 1 and exp(v) - 1."""
    out = slopes_known(truth, frame, rng, log=True)
    (b0, b1), sigma, noise, own = truth.beta, truth.covariance["g"], truth.sigma**2, frame["x"].to_numpy()

    def spread(x):
        return sigma[0, 0] + 2 * x * sigma[0, 1] + x**2 * sigma[1, 1]

    def typical(x):
        return np.exp(b0 + b1 * x + noise / 2)

    def population(x):
        return np.exp(b0 + b1 * x + (spread(x) + noise) / 2)

    out["average_effect: ratio +1, population_average"] = population(own + 1).mean() / population(own).mean()
    out["average_effect: ratio, population_average"] = np.exp(b1 + (spread(1) - spread(0)) / 2)
    out |= dict.fromkeys([f"average_effect: {name}, subject_specific" for name in ("ratio", "ratio +1")], np.exp(b1))
    for view, mean in (("population_average", population), ("subject_specific", typical)):
        out[f"average_effect: difference, {view}"] = (mean(own + 1) - mean(own)).mean()
    out["average_effect: slope, population_average"] = ((b1 + sigma[0, 1] + own * sigma[1, 1]) * population(own)).mean()
    out["average_effect: slope, subject_specific"] = (b1 * typical(own)).mean()
    for x in (HERE, THERE):
        out[f"icc: of the response at {x}"] = np.expm1(spread(x)) / np.expm1(spread(x) + noise)
    return out
