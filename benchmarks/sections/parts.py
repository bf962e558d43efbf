"""Parts that are exact too: memberships of several levels against lme4, a smooth curve against mgcv's gam."""

from statistics import median
from typing import Any

from benchmarks.cases import CASES
from benchmarks.draws import rates
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import number, paragraph, seconds, table, times

PEERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "schools": (
        "lme4_members_fit.R",
        "lme4",
        {"formula": "y ~ x + (1 | members)", "members": ["school1", "school2"]},
    ),
    "curve": ("gam_fit.R", "mgcv", {"formula": 'y ~ s(x, bs = "cr", k = 10)'}),
}
"""Script, package and request of the program that estimates each case."""


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}, "versions": {}, "missing": {}}
    for name, (script, package, request) in PEERS.items():
        case = CASES[name]
        found: dict[str, Any] = {}
        say(f"{name}: {package}")
        try:
            with table_file(case) as path:
                answer = ask_r(script, [package, "jsonlite"], request | {"table": path, "repeats": settings.repeats})
        except NotMeasured as reason:
            result["missing"][package] = str(reason)
        else:
            result["versions"] |= answer["versions"]
            found["theirs"] = {"seconds": median(answer["seconds"]), "log_likelihood": answer["log_likelihood"]}
        say(f"{name}: ours")
        own = {"case": name, "warm": name, "draws": 1000, "seeds": settings.seeds, "likelihood": settings.repeats}
        ours = ask_python("ours", own)
        found["ours"] = rates(ours["runs"]) | {
            "likelihood": median(ours["likelihood"]),
            "log_likelihood": ours["log_likelihood"],
        }
        result["models"][name] = found
    return result


def lines(result: Result) -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    rows = []
    for name, found in result["models"].items():
        ours, theirs = found["ours"], found.get("theirs")
        own = [seconds(ours["likelihood"]), seconds(ours["seconds"]), number(ours["ess"])]
        if theirs:
            gap = abs(ours["log_likelihood"] - theirs["log_likelihood"])
            peer, ratio = seconds(theirs["seconds"]), times(ours["seconds"] / theirs["seconds"])
            rows.append([f"{name}, {PEERS[name][1]}", peer, *own, ratio, f"{gap:.1e}"])
        else:
            rows.append([name, "", *own, "", ""])
    head = [
        "data, program",
        "their estimate",
        "ours, ML",
        "ours, posterior",
        "smallest bulk ESS",
        "our posterior / their estimate",
        "gap of log likelihoods",
    ]
    return [
        *paragraph(
            "`schools`: `y ~ x + (1 | mm(school1, school2))` of 20,000 simulated pupils in 500 schools; lme4 has no",
            "`mm`, so that the matrix Zt of a model with one factor is replaced, which is timed with the fit. `curve`:",
            "`y ~ s(x, k=10)` of 10,000 simulated rows, against",
            '`gam(y ~ s(x, bs = "cr", k = 10), method = "REML")`. Ours: `maximum_likelihood`, and `fit` (4 chains of',
            f"1,000 draws) from call to result. {versions}.",
            *(f"{name}: not measured, {reason}." for name, reason in result["missing"].items()),
        ),
        *table(head, rows),
    ]


def targets(result: Result) -> list[Target]:
    return []


SECTION = Section("parts", "Memberships and smooths", measure, lines, targets)
