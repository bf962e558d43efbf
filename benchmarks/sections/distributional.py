"""Comparison with glmmTMB: predictors of parameters and responses with zeros, our posterior against its estimate."""

from statistics import median

from benchmarks.distributional_cases import DISTRIBUTIONAL
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import paragraph, seconds, table, times

_MOST_TIMES = 5.0


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
    return result


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
