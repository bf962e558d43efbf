"""Comparison with glmer: time of the posterior of counts and choices against that of the estimate, on small tables."""

from statistics import median

from benchmarks.generalised_cases import GENERALISED
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import paragraph, seconds, table, times

_MOST_TIMES = 3.0
_LEAST_ESS = 1000.0


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}}
    for case in GENERALISED:
        request = {
            "labels": case.labels,
            "formula": case.r_formula,
            "family": case.r_family,
            "nodes": case.nodes,
            "repeats": settings.repeats,
        }
        say(f"{case.name}: glmer")
        try:
            with table_file(case) as path:
                theirs = ask_r("glmer_fit.R", ["lme4", "jsonlite"], request | {"table": path})
        except NotMeasured as reason:
            return {"missing": str(reason)}
        say(f"{case.name}: ours")
        ours = ask_python("ours_generalised", {"case": case.name, "seeds": settings.seeds})
        result["versions"] = theirs["versions"]
        result["models"][case.name] = {
            "glmer": median(theirs["seconds"]),
            "nodes": case.nodes,
            "posterior": median(ours["seconds"]),
            "ess": median(ours["ess"]),
            "divergences": ours["divergences"],
        }
    return result


def lines(result: Result) -> list[str]:
    if "missing" in result:
        return [f"Not measured: {result['missing']}."]
    rows = [
        [
            name,
            seconds(found["glmer"]) + (f" (nAGQ {found['nodes']})" if found["nodes"] > 1 else ""),
            seconds(found["posterior"]),
            times(found["posterior"] / found["glmer"]),
            f"{found['ess']:,.0f}",
            str(found["divergences"]),
        ]
        for name, found in result["models"].items()
    ]
    head = ["data", "glmer", "ours, posterior", "our posterior / glmer's estimate", "smallest bulk ESS", "divergences"]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        *paragraph(
            "Times are of `glmer` alone, by Laplace's approximation or the quadrature named, and of our `fit` (4",
            "chains of 1,000 draws) from call to result in a warm process. ESS is the smallest over the parameters of",
            f"each fit. {versions}.",
        ),
        *table(head, rows),
    ]


def targets(result: Result) -> list[Target]:
    return [
        target
        for name, found in result.get("models", {}).items()
        for target in (
            Target(
                f"{name}: posterior / glmer's estimate",
                f"at most {times(_MOST_TIMES)}",
                times(found["posterior"] / found["glmer"]),
                met=found["posterior"] <= _MOST_TIMES * found["glmer"],
            ),
            Target(
                f"{name}: smallest bulk ESS",
                f"at least {_LEAST_ESS:,.0f}",
                f"{found['ess']:,.0f}",
                met=found["ess"] >= _LEAST_ESS,
            ),
        )
    ]


SECTION = Section("glmer", "Comparison with glmer", measure, lines, targets)
