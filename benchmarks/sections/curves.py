"""Time and memory of whole fits against rows, levels, effects of a level, crossed factors and responses.

Each size runs in a process of its own, which has loaded its kernels before the clock starts. A curve ends at the first
size that takes longer than its limit of time.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.growth import exponent
from benchmarks.processes import NotMeasured, OutOfTime, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.tables import number, paragraph, seconds, table
from benchmarks.whole_fit import Shape, formula, simulate

PATIENCE = 700.0
"""Seconds for one size, its table and its start included."""
MEMORY_OF_ROWS, MEMORY_OF_LEVELS = 1.1, 1.1
"""Exponents up to which memory counts as linear."""


@dataclass(frozen=True)
class Curve:
    """Sizes of one kind, and what has them.

    Attributes
    ----------
    by
        What grows: `rows`, `levels`, `effects`, `factors` or `responses`.
    title
        The horizontal axis.
    sizes
        From small to large.
    shape
        The table and model of a size.
    largest_of_lme4
        Above this lme4 is not tried.
    said
        What is the same at all sizes, in words.
    """

    by: str
    title: str
    sizes: tuple[int, ...]
    shape: Callable[[int], Shape]
    largest_of_lme4: int
    said: str


CURVES = (
    Curve(
        "rows",
        "rows",
        (10_000, 100_000, 1_000_000, 10_000_000),
        lambda n: Shape(rows=n, levels=1_000, effects=2),
        1_000_000,
        "`y ~ x1 + (x1 | g1)`, 1,000 levels.",
    ),
    Curve(
        "levels",
        "levels",
        (100, 1_000, 10_000, 100_000, 1_000_000),
        lambda n: Shape(rows=5 * n, levels=n, effects=2, keeps_effects=n < 100_000),
        100_000,
        "The same, 5 rows per level; from 100,000 levels on with `keep_levels=[]`, which keeps means and quantiles.",
    ),
    Curve(
        "effects",
        "effects of a level",
        (1, 2, 4, 8),
        lambda n: Shape(rows=20_000, levels=500, effects=n),
        4,
        "20,000 rows, 500 levels, correlated slopes of more and more predictors.",
    ),
    Curve(
        "factors",
        "crossed factors",
        (1, 2, 4, 8),
        lambda n: Shape(rows=20_000, levels=100, factors=n),
        8,
        "20,000 rows, intercepts over factors of 100 levels each.",
    ),
    Curve(
        "responses",
        "responses",
        (10, 100, 1_000),
        lambda n: Shape(rows=200, levels=20, factors=2, responses=n),
        0,
        "`fit_many`, 200 rows, intercepts over two factors of 20 levels; memory is that of all its processes.",
    ),
)


def measure(settings: Settings) -> Result:
    result: Result = {"cores": settings.cores, "curves": {}, "missing": ""}
    for curve in CURVES:
        found: dict[str, list[dict[str, Any]]] = {"ours": [], "lme4": []}
        result["curves"][curve.by] = found
        for size in curve.sizes:
            say(f"{size:,} {curve.title}")
            try:
                answer = ask_python("whole_fit", asdict(curve.shape(size)), patience=PATIENCE)
            except OutOfTime:
                break
            found["ours"].append({curve.by: size} | answer)
        for size in [size for size in curve.sizes if size <= curve.largest_of_lme4]:
            say(f"{size:,} {curve.title}: lme4")
            try:
                found["lme4"].append({curve.by: size} | _lme4(curve.shape(size)))
            except OutOfTime:
                break
            except NotMeasured as reason:
                result["missing"] = str(reason)
    return result


def _lme4(shape: Shape) -> dict[str, Any]:
    with TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder, "table.csv")
        simulate(shape).to_csv(path, index=False)
        labels = [f"g{k}" for k in range(1, shape.factors + 1)]
        request = {"table": str(path), "labels": labels, "formula": formula(shape), "repeats": 1}
        answer = ask_r("lme4_fit.R", ["lme4", "jsonlite"], request, patience=PATIENCE)
    return {"seconds": answer["seconds"][0], "peak_gigabytes": answer["peak_gigabytes"]}


def last_exponent(sizes: list[dict[str, Any]], by: str, step: str) -> float:
    """Return the slope of the last piece of a curve, on logarithmic axes: what the next size will cost."""
    return exponent(sizes[-2:], by, step)


def lines(result: Result) -> list[str]:
    said = [
        *paragraph(
            "Calls of `pp.fit` with default settings (4 chains of 1,000 draws of everything), from a pandas table, on",
            f"{result['cores']} cores; the process has fitted a small model of the kind before. Peak memory is the",
            "high-water mark of the whole process, Python, libraries and the table included. lme4: the ML estimate.",
            "Exponents are of the last two sizes: time or memory grows with this power of the size.",
            f"lme4: {result['missing']}." if result["missing"] else "",
        ),
        "![Time and memory of whole fits](curves.png)",
    ]
    for curve in CURVES:
        found = result["curves"][curve.by]
        theirs = {size[curve.by]: size for size in found["lme4"]}
        rows = [
            [
                f"{size[curve.by]:,}",
                size["engine"],
                seconds(size["seconds"]),
                f"{number(size['peak_gigabytes'])} GB",
                *_cells(theirs.get(size[curve.by])),
            ]
            for size in found["ours"]
        ]
        powers = [f"{last_exponent(found['ours'], curve.by, step):.2f}" for step in ("seconds", "peak_gigabytes")]
        head = [curve.title, "engine", "ours, posterior", "peak memory", "lme4, estimate", "its peak memory"]
        said += ["", f"**{curve.title.capitalize()}.** {curve.said}", "", *table(head, rows), ""]
        said.append(f"Exponent of time {powers[0]}, of memory {powers[1]}.{_ended(curve, found['ours'])}")
    return said


def _cells(found: dict[str, Any] | None) -> list[str]:
    return ["", ""] if found is None else [seconds(found["seconds"]), f"{number(found['peak_gigabytes'])} GB"]


def _ended(curve: Curve, found: list[dict[str, Any]]) -> str:
    rest = curve.sizes[len(found) :]
    return f" {rest[0]:,} {curve.title} took more than {PATIENCE:.0f} s." if rest else ""


def targets(result: Result) -> list[Target]:
    found = []
    for by, most in (("rows", MEMORY_OF_ROWS), ("levels", MEMORY_OF_LEVELS)):
        value = last_exponent(result["curves"][by]["ours"], by, "peak_gigabytes")
        found.append(
            Target(
                f"Whole fits: peak memory against {by}",
                f"at most linear (exponent {most})",
                f"exponent {value:.2f}",
                value <= most,
            )
        )
    return found


SECTION = Section("curves", "Time and memory of whole fits", measure, lines, targets)
