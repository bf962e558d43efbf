"""Compare a fit with a reference posterior: first that it mixed, then that it is unbiased."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from partialpool.datasets.load import load_dataset
from partialpool.design.build import build_design
from partialpool.model.covariance import effects_at_means
from partialpool.names import corr_name, sd_name
from partialpool.sampling.mixing import bulk_ess, mcse_mean, rhat
from partialpool.spec.model import ModelSpec

FOLDER = Path(__file__).parents[1] / "reference"


def _entries(file):
    return {(entry["data"], entry["formula"]): entry for entry in json.loads((FOLDER / file).read_text())}


REFERENCE = _entries("posteriors.json")
"""Posteriors under the priors that each entry states; sds and correlations are at the predictors' zero."""
DEFAULTS = _entries("posteriors_defaults.json")
"""Posteriors under the default priors."""


def table_of(entry):
    """The data of an entry."""
    file = FOLDER / f"{entry['data']}.csv"
    return pd.read_csv(file) if file.exists() else load_dataset(entry["data"])


def stated_spec(entry):
    """The model of an entry of `REFERENCE` with the priors that the entry states."""
    formula = entry["formula"].removesuffix(", known sd")
    formula = re.sub(r"^(\w+) of (\w+)", r"p(\1, \2)", formula)
    formula = re.sub(r"\[(\w+ [\w ]+)\]", r"['\1']", formula)  # a category's name with spaces
    se = "standard_error" if entry["data"] == "eight_schools" else None
    plain = ModelSpec.from_formula(formula, family=entry["family"], se=se)
    stated = entry["priors"]
    center, width = stated.get("intercept") or stated["intercept at the predictors' means"][1:]
    priors = {"beta[Intercept]": _prior("Normal", mu=center, sigma=width)}
    common = build_design(plain, table_of(entry)).common
    slopes = stated["slopes"] if "slopes" in stated else list(2.5 / common.scale)
    priors |= {f"beta[{c}]": _prior("Normal", mu=0, sigma=s) for c, s in zip(common.names, slopes, strict=True)}
    for group in stated["groups"] if "groups" in stated else stated["sd"]:
        scales = group.get("halft_scale") or group["halft3_scale"]
        name = sd_name(group["factor"])
        priors |= {
            f"{name}[{e}]": _prior("HalfStudentT", nu=3, sigma=s) for e, s in zip(group["effects"], scales, strict=True)
        }
        if len(scales) > 1:
            priors[corr_name(group["factor"])] = _prior("LKJ", eta=group.get("lkj", 2))
    if stated.get("sigma") is not None:
        priors["sigma"] = _prior("HalfStudentT", nu=3, sigma=stated["sigma"])
    origin = dict.fromkeys(plain.factors, "zero")
    return ModelSpec.from_formula(formula, family=entry["family"], se=se, priors=priors, origin=origin)


def _prior(distribution, **arguments):
    return {"distribution": distribution, **arguments}


def draws_by_reference_name(fit, entry):
    """Our draws, shape (chains, draws), under the names of `posteriors.json`."""
    posterior, design = fit.posterior, fit.design
    beta = posterior["beta"]
    out = {str(c): beta.sel(coef=c).to_numpy() for c in beta["coef"].to_numpy()}
    if "sigma" in posterior:
        out["sigma"] = posterior["sigma"].to_numpy()
    for factor in design.factors:
        name = factor.name
        for i, effect in enumerate(factor.names):
            out[f"{sd_name(name)}[{effect}]"] = posterior[sd_name(name)].to_numpy()[..., i]
            out[f"{sd_name(name)}[{effect}] at the means"] = effects_at_means(posterior, factor)[0][..., i]
            # The reference numbers levels in order of first appearance in the file.
            seen = list(dict.fromkeys(factor.codes.tolist()))
            for k in range(min(4, factor.n_levels)):
                out[f"b_{name}[{k},{effect}]"] = posterior[f"b_{name}"].to_numpy()[:, :, seen[k], i]
            for j in range(i) if factor.correlated else ():
                pair = f"{corr_name(name)}[{factor.names[j]},{effect}]"
                out[pair] = posterior[corr_name(name)].to_numpy()[..., j, i]
    if "icc" in entry["posterior"]:
        sd = out[f"{sd_name(design.factors[0].name)}[Intercept]"]
        out["icc"] = sd**2 / (sd**2 + out["sigma"] ** 2)
    return out


def check_against_reference(fit, entry, *, min_ess=400, max_rhat=1.01):
    """Assert R-hat, ESS, and that every mean and sd is within 5 combined Monte Carlo standard errors."""
    ours = draws_by_reference_name(fit, entry)
    assert set(entry["posterior"]) <= set(ours), sorted(set(entry["posterior"]) - set(ours))
    for name, reference in entry["posterior"].items():
        draws = ours[name]
        ess = bulk_ess(draws)
        assert ess >= min_ess, (name, "ESS", ess)
        assert rhat(draws) < max_rhat, (name, "R-hat", rhat(draws))
        error = np.hypot(mcse_mean(draws), reference["mcse_mean"])
        assert abs(draws.mean() - reference["mean"]) < 5 * error, (name, "mean", draws.mean(), reference["mean"], error)
        assert abs(draws.std() - reference["sd"]) < 5 * sd_error(draws, reference), (
            name,
            "sd",
            draws.std(),
            reference["sd"],
        )


def sd_error(draws, reference):
    """Combined Monte Carlo standard error of two sds, by the delta method on the squared deviations.

    sd(s) = sd((x - m)^2) / (2 s sqrt(ESS)). The reference states its ESS for the mean only; a Gaussian's
    sd((x - m)^2) = sqrt(2) s^2 is scaled by our own draws' excess, since both have the same posterior.
    """
    squared = (draws - draws.mean()) ** 2
    ours = mcse_mean(squared) / (2 * draws.std())
    theirs = squared.std() / (2 * draws.std() * np.sqrt(reference["ess"] / 4))
    return float(np.hypot(ours, theirs))
