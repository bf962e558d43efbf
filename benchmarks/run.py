"""Run the benchmarks, all or some, and write the results: `make bench`, `make bench ONLY="bambi insteval"`.

Every section's result is written to results.json as soon as it is available; results.md is written from all of them, so
that a single section can be measured again.
"""

import argparse
import json
import os
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks.machine import cores, describe
from benchmarks.processes import HERE, ask_python, say
from benchmarks.report import write_report
from benchmarks.section import Section, Settings
from benchmarks.sections import (
    bambi,
    call,
    choices,
    crossed,
    curves,
    distributional,
    engine_choice,
    glmer,
    growth,
    insteval,
    levels,
    lme4,
    many_responses,
    parts,
    rows,
    stan,
    streamed,
    visits,
)

SECTIONS: list[Section] = [
    module.SECTION
    for module in (
        bambi,
        lme4,
        glmer,
        stan,
        choices,
        distributional,
        visits,
        parts,
        growth,
        call,
        engine_choice,
        insteval,
        rows,
        levels,
        streamed,
        many_responses,
        crossed,
        curves,
    )
]
NAMES = [section.name for section in SECTIONS]


def run_section(section: Section, settings: Settings) -> dict[str, Any]:
    """Measure one section, and record date, machine and result."""
    started, (load, _, _) = time.perf_counter(), os.getloadavg()
    result = section.measure(settings)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "minutes": round((time.perf_counter() - started) / 60, 1),
        "repeats": settings.repeats,
        "load_before": round(load, 1),
        "machine": describe(),
        "result": result,
    }


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="sections to measure")
    parser.add_argument("--repeats", type=int, default=5, help="repetitions of each measurement")
    parser.add_argument("--folder", type=Path, default=HERE, help="where results go")
    chosen = parser.parse_args()
    settings = Settings(chosen.repeats, cores())
    path, failed = chosen.folder / "results.json", []
    say("compiling kernels that are not compiled yet")
    for case in ("sleepstudy", "penicillin"):
        ask_python("ours", {"case": case, "draws": 10, "seeds": [1], "likelihood": 1})
    for section in [s for s in SECTIONS if s.name in chosen.only]:
        say(f"== {section.title}")
        try:
            record = run_section(section, settings)
        except Exception:
            traceback.print_exc()
            failed.append(section.name)
            continue
        records = load(path) | {section.name: record}
        path.write_text(json.dumps(records, indent=1) + "\n")
        for target in section.targets(record["result"]):
            verdict = {True: "met", False: "NOT MET", None: "not measured"}[target.met]
            say(f"   {target.what}: {target.measured}, wanted {target.wanted}: {verdict}")
    records = load(path)
    missing = [name for name in NAMES if name not in records]
    if missing:
        say(f"results.md is not written, because these sections have no result yet: {', '.join(missing)}")
    else:
        say(f"wrote {write_report(SECTIONS, records, chosen.folder).name}")
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
