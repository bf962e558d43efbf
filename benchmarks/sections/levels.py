"""Cost against levels, expected to be linear."""

from benchmarks.growth import exponent
from benchmarks.processes import ask_python, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table

LEVELS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
ROWS_EACH = 5
SLOPE = 1.1
"""Exponent up to which time counts as linear: above 1, since large arrays do not fit into the processor's caches."""


def measure(settings: Settings) -> Result:
    found = []
    for levels in LEVELS:
        say(f"{levels:,} levels")
        request = {"rows": ROWS_EACH * levels, "levels": levels, "batches": settings.repeats, "fit": False}
        found.append({"levels": levels} | ask_python("sizes", request))
    return {"rows_each": ROWS_EACH, "sizes": found}


def lines(result: Result) -> list[str]:
    steps = ("design", "moments", "mode", "evaluation", "draw")
    rows = [
        [
            f"{size['levels']:,}",
            *(seconds(size[step]) for step in steps),
            f"{1e9 * size['evaluation'] / size['levels']:.0f} ns",
            f"{number(size['peak_gigabytes'])} GB",
        ]
        for size in result["sizes"]
    ]
    most = result["sizes"][-1]["levels"]
    head = ["levels", "design", "moments", "mode", "one evaluation", "one draw", "evaluation per level", "peak memory"]
    return [
        *paragraph(
            f"`y ~ x + (x | g)`, {result['rows_each']} rows per level on average; levels differ in size. The steps",
            "are those of the section on rows. A whole fit is not timed: 4,000 draws of all effects of",
            f"{most:,} levels would take {most * 2 * 4000 * 8 / 1e9:.0f} GB.",
        ),
        *table(head, rows),
        "",
        f"Exponent of time against levels: {exponent(result['sizes'], 'levels', 'evaluation'):.2f} for an evaluation, "
        f"{exponent(result['sizes'], 'levels', 'draw'):.2f} for a draw.",
        "",
        "![Seconds against levels](levels.png)",
    ]


def targets(result: Result) -> list[Target]:
    value = exponent(result["sizes"], "levels", "evaluation")
    wanted = f"linear (exponent at most {SLOPE})"
    return [Target("Levels, 10³ to 10⁶: one evaluation", wanted, f"exponent {value:.2f}", value <= SLOPE)]


SECTION = Section("levels", "Cost against levels", measure, lines, targets)
