"""R's summaries of lme4 fits (`tests/reference/r_summaries.json`), and our fits at lme4's estimates."""

import json
from pathlib import Path

import numpy as np

import partialpool as pp
from checks.fixed import fit_at

REFERENCE = Path(__file__).parents[1] / "reference"
_VALUES = json.loads((REFERENCE / "r_summaries.json").read_text())
SUMMARIES, BOUNDARY = _VALUES["summaries"], _VALUES["boundary_tests"]

_FORMULAS = {
    "cbpp": "p(incidence, size) ~ period + (1 | herd)",
    "contraception": "use ~ age + I(age**2) + livch + urban + (1 | district)",
    "grouseticks": "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
}
_TEXT = (
    "Subject",
    "Batch",
    "plate",
    "sample",
    "batch",
    "cask",
    "county",
    "herd",
    "period",
    "district",
    "YEAR",
    "BROOD",
)


def fit_at_estimates(reference):
    """Return a fit of one of `SUMMARIES` whose only draw is lme4's estimate."""
    data = pp.load_dataset(reference["data"])
    data = data.assign(
        **{
            c: data[c].astype(str).astype("category")
            for c in (*_TEXT, "INDEX", "LOCATION", "livch", "urban")
            if c in data
        }
    )
    formula = _FORMULAS.get(reference["data"], reference["formula"])
    family = "bernoulli" if reference["data"] == "contraception" else reference["family"]
    values = {"beta": np.array(list(reference["estimates"]["fixef"].values()))}
    rows = [row for row in reference["estimates"]["varcorr"] if row["grp"] != "Residual"]
    for name in dict.fromkeys(row["grp"] for row in rows):
        own = ":".join(reversed(name.split(":"))) if ":" in name else name
        values[f"sd_{own}"] = np.array([r["sdcor"] for r in rows if r["grp"] == name and r["var2"] is None])
        correlations = [r["sdcor"] for r in rows if r["grp"] == name and r["var2"] is not None]
        if correlations:
            values[f"corr_{own}"] = np.array([[1, correlations[0]], [correlations[0], 1]])
    if family == "gaussian":
        values["sigma"] = reference["estimates"]["sigma"]
    return fit_at(formula, data, family=family, **values)
