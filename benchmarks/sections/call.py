"""`fit()` from call to result: in a warm process, in a fresh one, and the first call on a machine."""

from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.cases import CASES, THREE
from benchmarks.processes import ask_python, say
from benchmarks.section import Result, Section, Settings, Target
from benchmarks.stages import stage_medians
from benchmarks.tables import paragraph, seconds, table

GUIDE = {"sleepstudy": 0.25, "exam": 0.4, "radon": 0.6}
FIRST_EVER = 10.0
DRAWS = 1000


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}}
    for name in THREE:
        say(f"{name}: warm, fresh, and with nothing compiled")
        warm = ask_python("ours", {"case": name, "warm": name, "draws": DRAWS, "seeds": settings.seeds})["runs"]
        fresh = [ask_python("ours", {"case": name, "draws": DRAWS, "seeds": [seed]}) for seed in settings.seeds]
        with TemporaryDirectory(prefix="bench-kernels-") as empty:
            request = {"case": name, "draws": DRAWS, "seeds": settings.first_seeds(1)}
            first = ask_python("ours", request, env={"NUMBA_CACHE_DIR": empty})
        result["models"][name] = {
            "warm": median(run["seconds"] for run in warm),
            "fresh_call": median(answer["runs"][0]["seconds"] for answer in fresh),
            "fresh_process": median(answer["process_seconds"] for answer in fresh),
            "first_call": first["runs"][0]["seconds"],
            "first_process": first["process_seconds"],
            "stages": stage_medians(warm),
            "each": {"warm": [run["seconds"] for run in warm]},
        }
    return result


def lines(result: Result) -> list[str]:
    columns = ("warm", "fresh_call", "fresh_process", "first_call", "first_process")
    rows = [
        [f"{name}: `{CASES[name].formula}`".replace("|", "\\|"), *(seconds(found[column]) for column in columns)]
        for name, found in result["models"].items()
    ]
    head = ["model", "warm", "fresh process: call", "whole process", "first ever: call", "whole process"]
    return [
        *paragraph(
            f"4 chains of {DRAWS:,} draws. *Warm*: the process has fitted the model before. *Fresh process*:",
            "kernels are loaded from the disk; the whole process includes the start of Python, imports, reading the",
            "table and the fit. *First ever*: no kernel is compiled yet (one run each).",
        ),
        *table(head, rows),
    ]


def targets(result: Result) -> list[Target]:
    found = []
    for name, guide in GUIDE.items():
        value = result["models"][name]["warm"]
        found.append(Target(f"{name}: fit() in a warm process", f"about {guide} s", seconds(value), value <= guide))
    slowest = max(model["first_call"] for model in result["models"].values())
    found.append(Target("First fit() ever", f"at most {FIRST_EVER:.0f} s", seconds(slowest), slowest <= FIRST_EVER))
    return found


SECTION = Section("call", "Time of a call to fit()", measure, lines, targets)
