"""Counts and choices: the first call, a fresh process, cost against rows and levels, a large table, many priors."""

from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.growth import exponent
from benchmarks.processes import ask_python, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table

ROWS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
LEVELS_OF_ROWS = 1_000
LEVELS = (1_000, 3_000, 10_000, 30_000, 100_000)
ROWS_EACH = 5
LARGE = {"rows": 100_000, "levels": 5_000}
FIRST_EVER, FRESH, OF_LARGE, OF_PRIORS = 20.0, 2.5, 60.0, 60.0
SLOPE = 1.1
"""Exponent up to which time counts as linear: above 1, since large arrays do not fit into the processor's caches."""


def measure(settings: Settings) -> Result:
    say("cbpp: first call ever, and fresh processes")
    cold = {"case": "cbpp", "cold": True}
    with TemporaryDirectory(prefix="bench-kernels-") as empty:
        first = ask_python(
            "ours_generalised", cold | {"seeds": settings.first_seeds(1)}, env={"NUMBA_CACHE_DIR": empty}
        )
    fresh = [ask_python("ours_generalised", cold | {"seeds": [seed]}) for seed in settings.seeds]
    of_rows, of_levels = [], []
    for rows in ROWS:
        say(f"{rows:,} rows")
        request = {"rows": rows, "levels": LEVELS_OF_ROWS, "batches": settings.repeats, "fit": False}
        of_rows.append({"rows": rows} | ask_python("sizes_generalised", request))
    for levels in LEVELS:
        say(f"{levels:,} levels")
        request = {"rows": ROWS_EACH * levels, "levels": levels, "batches": settings.repeats, "fit": False}
        of_levels.append({"levels": levels} | ask_python("sizes_generalised", request))
    say(f"a whole fit of {LARGE['rows']:,} rows")
    large = ask_python("sizes_generalised", LARGE | {"batches": 1, "fit": True})
    say("a hundred priors")
    return {
        "first_process": first["process_seconds"],
        "fresh_process": median(answer["process_seconds"] for answer in fresh),
        "fresh_call": median(answer["seconds"][0] for answer in fresh),
        "rows": of_rows,
        "levels": of_levels,
        "large": large,
        "priors": ask_python("prior_grid", {}),
    }


def lines(result: Result) -> list[str]:
    large, priors = result["large"], result["priors"]
    sizes = [[f"{found['rows']:,}", f"{LEVELS_OF_ROWS:,}", found] for found in result["rows"]]
    sizes += [[f"{ROWS_EACH * found['levels']:,}", f"{found['levels']:,}", found] for found in result["levels"]]
    rows = [
        [of_rows, of_levels, seconds(found["mode"]), seconds(found["evaluation"])]
        for of_rows, of_levels, found in sizes
    ]
    return [
        *paragraph(
            "cbpp, 4 chains of 1,000 draws, whole processes with start, imports and reading:",
            f"{number(result['first_process'])} s where no kernel is compiled yet, {number(result['fresh_process'])} s",
            f"afterwards, of which the call to `fit` takes {seconds(result['fresh_call'])}.",
        ),
        "",
        *paragraph(
            "`y ~ x + (x | g)`, yes-or-no responses. An evaluation is that of the log density of everything, group",
            "effects included, with its gradient, on one thread; every row is visited.",
        ),
        *table(["rows", "levels", "mode", "one evaluation"], rows),
        "",
        *paragraph(
            f"Exponent of an evaluation's time against rows: {exponent(result['rows'], 'rows', 'evaluation'):.2f};",
            f"against levels: {exponent(result['levels'], 'levels', 'evaluation'):.2f}.",
            f"The whole fit of {LARGE['rows']:,} rows in {LARGE['levels']:,} levels (4 chains of 1,000 draws) takes",
            f"{number(large['fit'])} s; smallest bulk ESS {large['ess']:,.0f}, {large['divergences']} divergences.",
            f"`prior_grid` fits cbpp under {priors['priors']} priors in {number(priors['seconds'])} s.",
        ),
    ]


def targets(result: Result) -> list[Target]:
    found = [
        Target(
            "cbpp: first fit ever, whole process", f"at most {FIRST_EVER:.0f} s", seconds(value), value <= FIRST_EVER
        )
        for value in [result["first_process"]]
    ]
    value = result["fresh_process"]
    found.append(Target("cbpp: fresh process", f"at most {FRESH} s", seconds(value), value <= FRESH))
    for by in ("rows", "levels"):
        value = exponent(result[by], by, "evaluation")
        wanted = f"linear (exponent at most {SLOPE})"
        found.append(Target(f"Yes or no, {by}: one evaluation", wanted, f"exponent {value:.2f}", value <= SLOPE))
    value = result["large"]["fit"]
    what = f"{LARGE['rows']:,} yes-or-no rows, {LARGE['levels']:,} levels"
    found.append(Target(what, f"at most {OF_LARGE:.0f} s", seconds(value), value <= OF_LARGE))
    value = result["priors"]["seconds"]
    found.append(Target("cbpp under 100 priors", f"at most {OF_PRIORS:.0f} s", seconds(value), value <= OF_PRIORS))
    return found


SECTION = Section("growth", "Counts and choices: first calls, large tables, many priors", measure, lines, targets)
