"""Comparison with lme4: time of the posterior against that of the maximum-likelihood estimate, on small tables."""

from statistics import median

from benchmarks.cases import CASES, THREE
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import paragraph, seconds, table, times


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}}
    for name in THREE:
        case = CASES[name]
        request = {"labels": case.labels, "formula": case.formula, "repeats": settings.repeats}
        say(f"{name}: lme4")
        try:
            with table_file(case) as path:
                theirs = ask_r("lme4_fit.R", ["lme4", "jsonlite"], request | {"table": path})
        except NotMeasured as reason:
            return {"missing": str(reason)}
        say(f"{name}: ours")
        own_request = {
            "case": name,
            "warm": name,
            "draws": 1000,
            "seeds": settings.seeds,
            "likelihood": settings.repeats,
        }
        ours = ask_python("ours", own_request)
        result["versions"] = theirs["versions"]
        result["models"][name] = {
            "lme4": median(theirs["seconds"]),
            "likelihood": median(ours["likelihood"]),
            "posterior": median(run["seconds"] for run in ours["runs"]),
        }
    return result


def lines(result: Result) -> list[str]:
    if "missing" in result:
        return [f"Not measured: {result['missing']}."]
    rows = [
        [
            name,
            seconds(found["lme4"]),
            seconds(found["likelihood"]),
            seconds(found["posterior"]),
            times(found["posterior"] / found["lme4"]),
        ]
        for name, found in result["models"].items()
    ]
    head = ["data", "lme4, ML", "ours, ML", "ours, posterior", "our posterior / lme4's estimate"]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        *paragraph(
            "Times are of `lmer(..., REML = FALSE)` alone, and of our `maximum_likelihood` and `fit` (4 chains of",
            f"1,000 draws) from call to result. {versions}.",
        ),
        *table(head, rows),
    ]


def targets(result: Result) -> list[Target]:
    return []


SECTION = Section("lme4", "Comparison with lme4", measure, lines, targets)
