"""Crossed factors at scale: the posterior of a table of ratings, and point estimates at a size that they can do."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.crossed_fit import FORMULA, WITH_SLOPES, simulate
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table

LARGE: dict[str, Any] = {"rows": 5_000_000, "levels": (100_000, 10_000), "draws": 1000}
BOTH: dict[str, Any] = {"rows": 200_000, "levels": (5000, 1000), "draws": 1000}
MOST_SECONDS, FEWEST_ESS = 900.0, 200.0


def measure(settings: Settings) -> Result:
    seed = settings.seeds[0]
    say("crossed: 5,000,000 ratings")
    result: Result = {
        "cores": settings.cores,
        "large": ask_python("crossed_fit", LARGE | {"seed": seed, "engine": "auto"}),
    }
    for engine in ("gibbs", "collapsed"):
        say(f"crossed: 200,000 ratings, {engine}")
        request = BOTH | {"seed": seed, "engine": engine, "likelihood": engine == "collapsed"}
        result[engine] = ask_python("crossed_fit", request)
    say("crossed: 200,000 ratings, slopes of users")
    result["slopes"] = ask_python("crossed_fit", BOTH | {"seed": seed, "engine": "gibbs", "slopes": True})
    for name, slopes in (("lme4", False), ("lme4 with slopes", True)):
        say(f"crossed: 200,000 ratings, {name}")
        try:
            result[name] = _by_lme4(slopes=slopes)
        except NotMeasured as reason:
            result["missing"] = str(reason)
    return result


def _by_lme4(*, slopes: bool) -> float:
    """Return the seconds of lme4's fit."""
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "ratings.csv")
        simulate(BOTH["rows"], BOTH["levels"], slopes=slopes).to_csv(path, index=False)
        formula = WITH_SLOPES if slopes else FORMULA
        request = {"table": str(path), "labels": ["user", "item"], "formula": formula, "repeats": 1}
        seconds: float = ask_r("lme4_fit.R", ["lme4", "jsonlite"], request)["seconds"][0]
        return seconds


def gap(result: Result) -> float:
    """Return the largest difference of posterior means of the two engines, in posterior sds."""
    ours, other = result["gibbs"]["posterior"], result["collapsed"]["posterior"]
    return max(abs(mean - other[name][0]) / sd for name, (mean, sd) in ours.items())


def lines(result: Result) -> list[str]:
    large, both, slopes = result["large"], result["gibbs"], result.get("slopes")
    runs = [large, both, result["collapsed"], *([slopes] if slopes else [])]
    rows = [
        [
            f"{run['rows']:,}",
            f"{run['effects']:,}",
            run["engine"],
            seconds(run["seconds"]),
            number(run["ess"][0]),
            number(run["ess_of_effects"][0]),
            f"{number(run['peak_gigabytes'])} GB",
        ]
        for run in runs
    ]
    estimates = {
        "our ML estimate": (both, result["collapsed"]["likelihood_seconds"]),
        "lme4's ML estimate": (both, result.get("lme4")),
        "lme4's ML estimate with slopes": (slopes or both, result.get("lme4 with slopes")),
    }
    for what, (run, time) in estimates.items():
        if time is not None:
            rows.append([f"{run['rows']:,}", f"{run['effects']:,}", what, seconds(time), "", "", ""])
    effects = number(4 * LARGE["draws"] * 8 * large["effects"] / 1e9)
    return [
        *paragraph(
            f"`{FORMULA}`, simulated; users and items differ much in their numbers of rows, and {large['pairs']:,}",
            f"pairs of the larger table occur. 4 chains of {LARGE['draws']} draws of all effects, on {result['cores']}",
            "cores; ESS is the smallest bulk ESS of the sds and sigma, and of 200 effects. Time is that of the whole",
            f"call; peak memory is that of the process. In the larger run {number(large['before_gigabytes'])} GB were",
            f"used before the call, and the draws of the effects take {effects} GB. Posterior means of the two engines",
            f"differ by {number(gap(result))} posterior sds at most.",
            f"The last run is of `{WITH_SLOPES}`." if slopes else "",
            f"lme4: {result['missing']}." if "missing" in result else "",
        ),
        *table(["rows", "effects", "engine", "time", "ESS of variances", "ESS of effects", "peak memory"], rows),
    ]


def targets(result: Result) -> list[Target]:
    large = result["large"]
    what = f"{large['rows']:,} ratings of 100,000 by 10,000"
    return [
        Target(
            f"{what}: the whole fit",
            f"at most {MOST_SECONDS / 60:.0f} min",
            seconds(large["seconds"]),
            large["seconds"] <= MOST_SECONDS,
        ),
        Target(
            f"{what}: smallest bulk ESS of a variance",
            f"at least {FEWEST_ESS:.0f}",
            number(large["ess"][0]),
            large["ess"][0] >= FEWEST_ESS,
        ),
    ]


SECTION = Section("crossed", "Crossed factors at scale", measure, lines, targets)
