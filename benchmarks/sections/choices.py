"""Comparison with rstanarm and Bambi on counts and choices: smallest bulk ESS per second."""

from typing import Any

from benchmarks.draws import best_rate, rates
from benchmarks.generalised_cases import GENERALISED, GeneralisedCase
from benchmarks.peers.environment import python_with
from benchmarks.processes import HERE, NotMeasured, OutOfTime, ask, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.sections.bambi import REQUIREMENT
from benchmarks.tables import number, paragraph, seconds, table, times

CHAINS, DRAWS, RUNS = 4, 1000, 3
PATIENCE = 900.0
"""Seconds for all runs of Bambi on one model, whose chains may get stuck: those that were made are used."""
_CASES = [case for case in GENERALISED if case.name in ("cbpp", "contraception")]
_WANTED = {"rstanarm": 20.0, "bambi": 100.0}


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}, "versions": {}, "missing": {}, "cores": settings.cores}
    for case in _CASES:
        result["models"][case.name] = found = {}
        request = {"labels": case.labels, "chains": CHAINS, "draws": DRAWS, "cores": settings.cores}
        for program, run in {"rstanarm": _rstanarm, "bambi": _bambi}.items():
            say(f"{case.name}: {program} (minutes)")
            try:
                with table_file(case) as path:
                    answer = run(case, request | {"table": path, "seeds": settings.first_seeds(RUNS)})
            except NotMeasured as reason:
                result["missing"][program] = str(reason)
                continue
            except OutOfTime as stopped:
                answer = stopped.answer
                if not answer:
                    result["missing"][f"{program} on {case.name}"] = str(stopped)
                    continue
            found[program] = best_rate(answer["runs"]) | {"repeats": len(answer["runs"])}
            result["versions"] |= answer["versions"]
        say(f"{case.name}: ours")
        ours = ask_python("ours_generalised", {"case": case.name, "seeds": settings.seeds, "draws": True})
        found["ours"] = rates(ours["runs"]) | {"repeats": settings.repeats}
    return result


def _rstanarm(case: GeneralisedCase, request: dict[str, Any]) -> dict[str, Any]:
    full_request = request | {"formula": case.r_formula, "family": case.r_family}
    return ask_r("rstanarm_fit.R", ["rstanarm", "jsonlite"], full_request)


def _bambi(case: GeneralisedCase, request: dict[str, Any]) -> dict[str, Any]:
    python = python_with("bambi", REQUIREMENT)
    full_request = request | {"formula": case.formula, "family": case.family}
    return ask([python, str(HERE / "peers" / "bambi_fit.py")], full_request, patience=PATIENCE)


def _ratios(result: Result) -> dict[tuple[str, str], float | None]:
    """Return our ESS per second over a program's, by case and program."""
    return {
        (case, program): found["ours"]["ess_per_second"] / found[program]["ess_per_second"]
        if program in found
        else None
        for case, found in result["models"].items()
        for program in _WANTED
    }


def lines(result: Result) -> list[str]:
    ratios = _ratios(result)
    rows = [
        [
            f"{case}, {program}",
            seconds(of["seconds"]),
            number(of["ess"]),
            number(of["ess_per_second"]),
            "" if (ratio := ratios.get((case, program))) is None else times(ratio),
            str(of["repeats"]),
        ]
        for case, found in result["models"].items()
        for program, of in found.items()
    ]
    missing = [f"{program}: not measured, {reason}." for program, reason in result["missing"].items()]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    return [
        *paragraph(
            f"{CHAINS} chains of {DRAWS:,} draws, {result['cores']} cores, each with its own default priors; smallest",
            f"bulk ESS over fixed effects, group sds and correlations (Bambi has none). Of {RUNS} runs of each peer,",
            "that with the most effective draws per second (a median says little where chains get stuck); of ours, the",
            f"median. Bambi's time includes building the model; caches are warm. {versions}." if versions else "",
            *missing,
        ),
        *table(["data, program", "time", "ESS", "ESS/s", "ours / theirs", "runs"], rows),
    ]


def targets(result: Result) -> list[Target]:
    return [
        Target(
            f"{case}: bulk ESS per second against {program}",
            f"at least {times(_WANTED[program])}",
            "not measured" if ratio is None else times(ratio),
            None if ratio is None else ratio >= _WANTED[program],
        )
        for (case, program), ratio in _ratios(result).items()
    ]


SECTION = Section("choices", "Counts and choices: comparison with rstanarm and Bambi", measure, lines, targets)
