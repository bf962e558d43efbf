"""Many responses of one design: time per response, beside refits by lme4 in the same run."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import paragraph, seconds, table, times

RESPONSES, ROWS, GOAL = 500, 200, 20_000
_MINUTES = 10.0


def measure(settings: Settings) -> Result:
    with TemporaryDirectory(prefix="bench-") as folder:
        files = {"table": str(Path(folder, "table.csv")), "values": str(Path(folder, "values.csv"))}
        say(f"{RESPONSES} responses: ours")
        request = {"responses": RESPONSES, "rows": ROWS, "jobs": settings.cores}
        result: Result = {"ours": ask_python("many_responses", request | files), "cores": settings.cores}
        say(f"{RESPONSES} responses: lme4")
        try:
            result["lme4"] = ask_r("lme4_many_fit.R", ["lme4", "jsonlite"], {"responses": RESPONSES} | files)
        except NotMeasured as reason:
            result["missing"] = str(reason)
    return result


def _each(result: Result) -> dict[str, float]:
    """Return seconds per response, by program."""
    found = {
        f"ours, {result['cores']} processes": result["ours"]["seconds"] / RESPONSES,
        "ours, pp.fit one by one": median(result["ours"]["one_by_one"]),
    }
    if "lme4" in result:
        found["lme4, refit, one process"] = result["lme4"]["seconds"] / RESPONSES
    return found


def lines(result: Result) -> list[str]:
    each = _each(result)
    ours = next(iter(each.values()))
    rows = [[name, seconds(one), times(one / ours), seconds(GOAL * one)] for name, one in each.items()]
    said = [f"lme4: not measured, {result['missing']}."] if "missing" in result else []
    if "lme4" in result:
        of = result["lme4"]
        said.append(f"lme4 has no sds of its variances; {of['singular']} of its {RESPONSES} estimates are singular.")
    return [
        *paragraph(
            f"{RESPONSES} responses of {ROWS} rows, `y ~ x + (1 | a) + (1 | b)` with 20 and 10 levels. Ours:",
            "posteriors, 4 chains of 500 draws, with ICC, shares, evidence and diagnostics of each;",
            f"{result['ours']['good']} of {result['ours']['fitted']} have good diagnostics. Starting the processes is",
            "not included. lme4: REML estimates.",
            *said,
        ),
        *table(["program", "per response", "relative", f"{GOAL:,} responses"], rows),
    ]


def targets(result: Result) -> list[Target]:
    minutes = GOAL * next(iter(_each(result).values())) / 60
    return [
        Target(
            f"{GOAL:,} responses of {ROWS} rows with two factors",
            f"within {_MINUTES:.0f} min on 2 cores",
            f"{minutes:.1f} min on {result['cores']} cores, from {RESPONSES} responses",
            minutes <= _MINUTES,
        )
    ]


SECTION = Section("many_responses", "Many responses of one design", measure, lines, targets)
