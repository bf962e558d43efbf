"""Time of the stages of a fit, as reported by the engine, and of the rest of the call."""

from statistics import median
from typing import Any

from benchmarks.section import Result
from benchmarks.tables import paragraph, seconds, table

REST = "design and packing"


def stage_medians(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Return the median seconds of each stage over some runs, and of the rest of the call."""
    laps = [{**run["stages"], REST: run["seconds"] - sum(run["stages"].values())} for run in runs]
    names = [name for name in dict.fromkeys(name for lap in laps for name in lap) if name != REST]
    return {name: median(lap.get(name, 0.0) for lap in laps) for name in [*names, REST]}


def stage_lines(found: dict[str, Result]) -> list[str]:
    """Return the report's lines on the stages of several models."""
    names = [name for name in dict.fromkeys(name for stages in found.values() for name in stages) if name != REST]
    rows = [[model, *(seconds(stages.get(n, 0.0)) for n in [*names, REST])] for model, stages in found.items()]
    return [
        *paragraph(
            "Medians over the same runs as in the sections above. Where an evaluation takes milliseconds",
            "(insteval), the engine draws theta and effects in one pass, and counts that as *proposal*.",
        ),
        *table(["model", *names, REST], rows),
    ]
