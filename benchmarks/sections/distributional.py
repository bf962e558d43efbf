"""Predictors of parameters and responses with zeros: our posterior against glmmTMB's estimate and brms's posterior."""

from statistics import median
from typing import Any

from benchmarks.distributional_cases import DISTRIBUTIONAL, DistributionalCase
from benchmarks.draws import rates
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import paragraph, seconds, table, times

_MOST_TIMES = 5.0
_PATIENCE = 900.0
"""Seconds after which brms is stopped, compilation included."""


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}}
    for case in DISTRIBUTIONAL:
        request = {
            "labels": case.labels,
            "formula": case.r_formula,
            "zi": case.zi,
            "disp": case.disp,
            "family": case.r_family,
            "repeats": settings.repeats,
        }
        say(f"{case.name}: glmmTMB")
        try:
            with table_file(case) as path:
                theirs = ask_r("glmmTMB_fit.R", ["glmmTMB", "jsonlite"], request | {"table": path})
        except NotMeasured as reason:
            return {"missing": str(reason)}
        say(f"{case.name}: ours")
        ours = ask_python("ours_distributional", {"case": case.name, "seeds": settings.seeds})
        result["versions"] = theirs["versions"]
        result["models"][case.name] = {
            "glmmTMB": median(theirs["seconds"]),
            "posterior": median(ours["seconds"]),
            "ess": median(ours["ess"]),
            "divergences": ours["divergences"],
            "compiled": ours["compiled"],
        }
        if case.brms:
            say(f"{case.name}: brms (minutes)")
            try:
                result["models"][case.name]["brms"] = _by_brms(case, settings, result["versions"])
            except (NotMeasured, RuntimeError) as reason:
                result["without_brms"] = str(reason)
    return result


def _by_brms(case: DistributionalCase, settings: Settings, versions: dict[str, str]) -> dict[str, Any]:
    """Return seconds to compile the model and to draw, and the smallest bulk ESS of coefficients and sds."""
    request = {
        "labels": case.labels,
        "formula": case.brms,
        "prior": None,
        "chains": 4,
        "draws": 1000,
        "cores": settings.cores,
        "seeds": settings.first_seeds(1),
    }
    with table_file(case) as path:
        answer = ask_r("brms_fit.R", ["brms", "rstan", "jsonlite"], request | {"table": path}, patience=_PATIENCE)
    versions |= answer["versions"]
    return rates(answer["runs"]) | {"compile": answer["compile"]}


def lines(result: Result) -> list[str]:
    if "missing" in result:
        return [f"Not measured: {result['missing']}."]
    models = result["models"]
    rows = [
        [
            name,
            seconds(found["glmmTMB"]),
            seconds(found["posterior"]),
            times(found["posterior"] / found["glmmTMB"]),
            f"{found['ess']:,.0f}",
            str(found["divergences"]),
        ]
        for name, found in models.items()
    ]
    head = ["data", "glmmTMB", "ours, posterior", "our posterior / its estimate", "smallest bulk ESS", "divergences"]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    nothing = "Nothing was compiled for a model." if not any(found["compiled"] for found in models.values()) else ""
    return [
        *paragraph(
            "Predictors of sigma, of zero inflation and of hurdles. Times are of `glmmTMB` with its standard errors,",
            "and of our `fit` (4 chains of 1,000 draws) from call to result, after a first call of each that is not",
            "timed. ESS is the smallest over coefficients, sds and parameters. Models and data are those of",
            f"`tests/sampling/test_parameter_references.py`, where the estimates are compared. {nothing} {versions}.",
        ),
        *table(head, rows),
        *_brms_lines(result),
    ]


def _brms_lines(result: Result) -> list[str]:
    models = result["models"]
    rows = [
        [
            name,
            seconds(found["brms"]["compile"]),
            seconds(found["brms"]["seconds"]),
            f"{found['brms']['ess']:,.0f}",
            times((found["brms"]["compile"] + found["brms"]["seconds"]) / found["posterior"]),
        ]
        for name, found in models.items()
        if "brms" in found
    ]
    if not rows:
        return ["", f"brms: not measured, {result.get('without_brms', 'in this run')}."]
    return [
        "",
        *paragraph(
            "brms compiles each model, then draws as many: 4 chains of 1,000 draws after as many of warm-up, with its",
            f"own default priors; one run. {result.get('without_brms', '')}",
        ),
        *table(["data", "brms, compiling", "brms, drawing", "smallest bulk ESS", "brms's time / ours"], rows),
    ]


def targets(result: Result) -> list[Target]:
    return [
        Target(
            f"{name}: posterior / glmmTMB's estimate",
            f"at most {times(_MOST_TIMES)}",
            times(found["posterior"] / found["glmmTMB"]),
            met=found["posterior"] <= _MOST_TIMES * found["glmmTMB"],
        )
        for name, found in result.get("models", {}).items()
    ]


SECTION = Section("distributional", "Predictors of parameters, and zeros", measure, lines, targets)
