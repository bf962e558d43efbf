"""Whether `engine="auto"` chooses the faster engine, over thirty designs."""

from benchmarks.engine_choice import DESIGNS, compare
from benchmarks.processes import say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table, times

WORST = 1.5
"""Largest allowed ratio of a fit's time to the better engine's time."""


def measure(settings: Settings) -> Result:
    found = {}
    for name in DESIGNS:
        say(name)
        found[name] = compare(name)
    return {"designs": found}


def ratios(result: Result) -> dict[str, float]:
    """Return the ratio of the chosen engine's time to the faster one's, by design."""
    return {
        name: runs["auto"]["seconds"] / min(run["seconds"] for run in runs.values())
        for name, runs in result["designs"].items()
    }


def lines(result: Result) -> list[str]:
    found, rows = ratios(result), []
    for name, runs in result["designs"].items():
        auto, other = runs["auto"], next(run for choice, run in runs.items() if choice != "auto")
        sampler = "NUTS on the collapsed density" if auto["sampler"].startswith("NUTS on") else auto["sampler"]
        rows.append(
            [
                f"{name}: {auto['engine']}, {sampler}",
                seconds(auto["seconds"]),
                f"{'over ' if other['given_up'] else ''}{seconds(other['seconds'])}",
                seconds(auto["wall_seconds"]),
                times(found[name]),
                number(auto["ess"]),
                "" if other["given_up"] else number(other["ess"]),
                str(auto["divergences"]),
            ]
        )
    head = [
        "design, and the engine that `auto` chose",
        "auto",
        "other engine",
        "auto, wall time",
        "auto / better",
        "ESS",
        "ESS, other",
        "divergences",
    ]
    return [
        *paragraph(
            "4 chains of 1,000 draws on 2 cores, each fit in its own process, one run each. Times are processor",
            "seconds, which other programs on the machine affect least. They include the compilation of the PyMC",
            "model, which every new formula needs. Kernels of the collapsed engine, compiled once per machine, are",
            "loaded before the clock starts. The other engine is stopped after twice the time of the chosen one (at",
            "least 30 s). The smallest bulk ESS is over fixed effects, sds, correlations and sigma.",
        ),
        *table(head, rows),
    ]


def targets(result: Result) -> list[Target]:
    found = ratios(result)
    worst = max(found, key=lambda name: found[name])
    wanted = f"at most {WORST} times the better engine's time"
    return [
        Target(
            f"Choice of engine: {len(found)} designs", wanted, f"{times(found[worst])}, {worst}", found[worst] <= WORST
        )
    ]


SECTION = Section("engine_choice", "Choice of the engine", measure, lines, targets)
