"""insteval, 73,421 rows in three crossed factors: the whole posterior against lme4's estimate."""

from statistics import median

from benchmarks.cases import CASES
from benchmarks.draws import smallest_bulk_ess
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.stages import stage_medians
from benchmarks.tables import number, paragraph, seconds, table, times

DRAWS, EFFECTS, MOST = 400, 200, 3
FACTORS = ("s", "d", "dept")
ESS, RATIO, GIGABYTES = 400, 2.0, 2.0


def measure(settings: Settings) -> Result:
    case = CASES["insteval"]
    theirs, runs, result = [], [], {}
    with table_file(case) as path:
        for seed in settings.first_seeds(MOST):
            say("insteval: lme4")
            try:
                request = {"table": path, "labels": case.labels, "formula": case.formula, "repeats": 1}
                answer = ask_r("lme4_fit.R", ["lme4", "jsonlite"], request)
                theirs += answer["seconds"]
                result["versions"] = answer["versions"]
            except NotMeasured as reason:
                result["missing"] = str(reason)
            say("insteval: ours")
            own_request = {"case": case.name, "warm": "penicillin", "draws": DRAWS, "seeds": [seed], "effects": EFFECTS}
            runs += ask_python("ours", own_request)["runs"]
    sizes = [smallest_bulk_ess(run["draws"]) for run in runs]
    data = case.table()
    return result | {
        "rows": len(data),
        "effects": sum(data[factor].nunique() for factor in FACTORS),
        "lme4": median(theirs) if theirs else None,
        "seconds": median(run["seconds"] for run in runs),
        "ess": min(sizes)[0],
        "slowest_quantity": min(sizes)[1],
        "gigabytes": max(run["peak_gigabytes"] for run in runs),
        "stages": stage_medians(runs),
        "each": {"lme4": theirs, "ours": [run["seconds"] for run in runs], "ess": [size for size, _ in sizes]},
    }


def lines(result: Result) -> list[str]:
    rows = [
        ["lme4's ML estimate", seconds(result["lme4"]) if result["lme4"] else "not measured", "", ""],
        ["our posterior", seconds(result["seconds"]), number(result["ess"]), f"{number(result['gigabytes'])} GB"],
    ]
    runs = len(result["each"]["ours"])
    note = f"lme4: {result['missing']}." if "missing" in result else ""
    versions = ", ".join(f"{name} {value}" for name, value in result.get("versions", {}).items())
    return [
        *paragraph(
            f"`{CASES['insteval'].formula}` on {result['rows']:,} rows; 4 chains of {DRAWS} draws of everything,",
            f"{result['effects']:,} effects included. The two programs ran one after the other, {runs} times. The",
            "table gives medians of the times, the smallest ESS of any run and the highest memory peak of the whole",
            f"process. ESS is the smallest bulk ESS over all parameters and {EFFECTS} effects chosen at random.",
            f"{versions}." if versions else "",
            note,
        ),
        *table(["side", "time", "smallest bulk ESS", "peak memory"], rows),
    ]


def targets(result: Result) -> list[Target]:
    if result["lme4"]:
        value = result["seconds"] / result["lme4"]
        first = Target("insteval: time against lme4's estimate", f"at most {RATIO:.0f}×", times(value), value <= RATIO)
    else:
        first = Target("insteval: time against lme4's estimate", f"at most {RATIO:.0f}×", "not measured", None)
    ess, size = result["ess"], result["gigabytes"]
    return [
        first,
        Target("insteval: smallest bulk ESS", f"at least {ESS}", number(ess), ess >= ESS),
        Target("insteval: peak memory", f"under {GIGABYTES:.0f} GB", f"{number(size)} GB", size < GIGABYTES),
    ]


SECTION = Section("insteval", "insteval: 73,421 rows, three crossed factors", measure, lines, targets)
