"""Write results.md and three figures from results.json."""

from pathlib import Path
from typing import Any

from benchmarks.charts import draw_curves, draw_levels, draw_rows
from benchmarks.section import Section, Target
from benchmarks.stages import stage_lines
from benchmarks.tables import paragraph, table

BUSY = 1.5
"""Programs that ran before a section was measured, above which the report says so; this one is among them."""
MET = {True: "met", False: "**not met**", None: "not measured"}


def write_report(sections: list[Section], records: dict[str, Any], folder: Path) -> Path:
    """Write results.md and the figures from the records of all sections."""
    draw_rows(records["rows"]["result"], folder / "rows.png")
    draw_levels(records["levels"]["result"], folder / "levels.png")
    draw_curves(records["curves"]["result"], folder / "curves.png")
    text = [
        "# Benchmarks",
        "",
        *paragraph(
            "Written by `make bench`; the [README](README.md) describes what is run and how. ESS is ArviZ's bulk ESS,",
            "computed by one function for every program. Times are medians.",
        ),
        *_machine_lines(sections, records),
        "## Targets",
        "",
        *_target_lines([t for s in sections for t in s.targets(records[s.name]["result"])]),
    ]
    for section in sections:
        record = records[section.name]
        text += ["", f"## {section.title}", "", _when(record), "", *section.lines(record["result"])]
    found = {name: model["stages"] for name, model in records["call"]["result"]["models"].items()}
    found["insteval"] = records["insteval"]["result"]["stages"]
    text += ["", "## Time of each stage", "", *stage_lines(found)]
    path = folder / "results.md"
    path.write_text("\n".join(text) + "\n")
    return path


def _when(record: dict[str, Any]) -> str:
    when = f"Measured {record['date']}; repetitions: {record['repeats']} unless stated otherwise."
    load = record.get("load_before", 0)
    if load <= BUSY:
        return when
    return f"{when} **The machine had other work** (load {load}): times are too long, and ratios less precise."


def _machine_lines(sections: list[Section], records: dict[str, Any]) -> list[str]:
    """Describe the machine, once for all sections that ran on the same one."""
    groups: dict[str, list[str]] = {}
    for section in sections:
        machine = ", ".join(f"{name} {value}" for name, value in records[section.name]["machine"].items())
        groups.setdefault(machine.replace("CPU ", "", 1), []).append(section.name)
    if len(groups) == 1:
        return [f"Machine: {next(iter(groups))}.", ""]
    lines = ["The sections did not all run on the same machine and versions:", ""]
    return [*lines, *(f"- {', '.join(names)}: {machine}" for machine, names in groups.items()), ""]


def _target_lines(targets: list[Target]) -> list[str]:
    rows = [[t.what, t.wanted, t.measured, MET[t.met]] for t in targets]
    return table(["target", "wanted", "measured", ""], rows)
