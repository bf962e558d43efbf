"""Comparison with rstanarm and brms, where they are installed: smallest bulk ESS per second."""

from typing import Any

from benchmarks.cases import CASES, THREE
from benchmarks.draws import rates
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import number, paragraph, seconds, table, times

CHAINS, DRAWS = 4, 1000
PROGRAMS = {"rstanarm": ["rstanarm", "jsonlite"], "brms": ["brms", "rstan", "jsonlite"]}
MOST = {"sleepstudy": 3}
"""Greatest number of repetitions; 1 for cases not listed, since a run takes a minute or more."""


def measure(settings: Settings) -> Result:
    result: Result = {"models": {name: {} for name in THREE}, "cores": settings.cores, "versions": {}, "missing": {}}
    for name in THREE:
        seeds = settings.first_seeds(MOST.get(name, 1))
        for program in PROGRAMS:
            if program in result["missing"]:
                continue
            say(f"{name}: {program} (minutes)")
            try:
                answer = _ask(program, name, seeds, settings)
            except NotMeasured as reason:
                result["missing"][program] = str(reason)
                continue
            found = rates(answer["runs"]) | {"repeats": len(seeds), "compile": answer.get("compile")}
            result["models"][name][program] = found
            result["versions"] |= answer["versions"]
        say(f"{name}: ours")
        ours = ask_python("ours", {"case": name, "warm": name, "draws": DRAWS, "seeds": settings.seeds})
        result["models"][name]["ours"] = rates(ours["runs"]) | {"repeats": settings.repeats, "compile": None}
    return result


def _ask(program: str, name: str, seeds: list[int], settings: Settings) -> dict[str, Any]:
    case = CASES[name]
    request = {"labels": case.labels, "formula": case.formula, "chains": CHAINS, "draws": DRAWS, "seeds": seeds}
    with table_file(case) as path:
        full_request = request | {"cores": settings.cores, "table": path}
        try:
            return ask_r(f"{program}_fit.R", PROGRAMS[program], full_request)
        except RuntimeError as error:
            print(error)
            raise NotMeasured("it is installed, but its run failed") from error


def lines(result: Result) -> list[str]:
    rows = []
    for name, programs in result["models"].items():
        ours = programs["ours"]["ess_per_second"]
        for program, found in programs.items():
            rows.append(
                [
                    f"{name}, {program}",
                    seconds(found["compile"]) if found["compile"] else "",
                    seconds(found["seconds"]),
                    number(found["ess"]),
                    number(found["ess_per_second"]),
                    "" if program == "ours" else times(ours / found["ess_per_second"]),
                    str(found["repeats"]),
                ]
            )
    head = ["data, program", "compilation (separate)", "time", "ESS", "ESS/s", "ours / theirs", "runs"]
    missing = [f"{program}: not measured, {reason}." for program, reason in result["missing"].items()]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        *paragraph(
            f"{CHAINS} chains of {DRAWS:,} draws after as many warm-up draws, {result['cores']} cores, each with",
            "its own default priors; all estimate the correlation. rstanarm's models come compiled; brms compiles each",
            "model once, and its time does not include that. Times are medians of the runs, whose number is in the",
            "last column.",
            f"{versions}." if versions else "",
            *missing,
        ),
        *table(head, rows),
    ]


def targets(result: Result) -> list[Target]:
    return []


SECTION = Section("stan", "Comparison with rstanarm and brms", measure, lines, targets)
