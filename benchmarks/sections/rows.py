"""Cost against rows: one pass over them, after which the cost does not depend on them."""

from benchmarks.growth import exponent
from benchmarks.processes import ask_python, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table

ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
LEVELS = 1000
FLAT = 0.03
"""Exponent up to which a time counts as flat: a quarter more time for a thousand times the rows."""


def measure(settings: Settings) -> Result:
    found = []
    for rows in ROWS:
        say(f"{rows:,} rows")
        request = {"rows": rows, "levels": LEVELS, "batches": settings.repeats, "fit": True}
        found.append({"rows": rows} | ask_python("sizes", request))
    return {"levels": LEVELS, "sizes": found}


def lines(result: Result) -> list[str]:
    steps = ("design", "moments", "mode", "evaluation", "draw", "fit")
    rows = [
        [f"{size['rows']:,}", *(seconds(size[step]) for step in steps), f"{number(size['peak_gigabytes'])} GB"]
        for size in result["sizes"]
    ]
    return [
        *paragraph(
            f"`y ~ x + (x | g)`, {result['levels']:,} levels. The design is built from a pandas table; moments",
            "are computed in one pass over its rows; the mode is found before adaptation; an evaluation is that of the",
            "log density at one theta; a draw is one draw of all effects given one theta; all run on one thread. The",
            "whole fit is 4 chains of 1,000 draws, from the pandas table. Peak memory is that of a process that does",
            "all of this and makes the table.",
        ),
        *table(["rows", "design", "moments", "mode", "one evaluation", "one draw", "whole fit", "peak memory"], rows),
        "",
        "![Seconds against rows](rows.png)",
    ]


def targets(result: Result) -> list[Target]:
    found = []
    for step, what in (("evaluation", "one evaluation"), ("draw", "one draw of the effects")):
        value = exponent(result["sizes"], "rows", step)
        wanted = f"flat (exponent at most {FLAT})"
        found.append(Target(f"Rows, 10⁴ to 10⁷: {what}", wanted, f"exponent {value:.2f}", value <= FLAT))
    return found


SECTION = Section("rows", "Cost against rows", measure, lines, targets)
