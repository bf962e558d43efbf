"""Correlated residuals: a trial with visits and long series against nlme's gls, and the trial against brms."""

from statistics import median
from typing import Any

from benchmarks.draws import rates
from benchmarks.processes import NotMeasured, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import number, paragraph, seconds, table, times
from benchmarks.visit_cases import VISITS

CHAINS, DRAWS = 4, 1000
BRMS_CASE = "trial, baseline by visit"
MOST = 3
"""Greatest number of gls fits, which may take tens of seconds."""
WANTED_TIME, WANTED_RATE = 3, 500


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}, "versions": {}, "missing": {}}
    for name, case in VISITS.items():
        found: dict[str, Any] = {}
        with table_file(case) as path:
            try:
                if name == BRMS_CASE:
                    say(f"{name}: brms (minutes)")
                    found["brms"] = _by_brms(path, settings, result["versions"])
                else:
                    say(f"{name}: gls")
                    found["gls"] = _by_gls(name, path, settings, result["versions"])
            except NotMeasured as reason:
                result["missing"]["brms" if name == BRMS_CASE else "nlme"] = str(reason)
        say(f"{name}: ours")
        ours = ask_python("ours_visits", {"case": name, "draws": DRAWS, "seeds": settings.seeds})
        found["ours"] = rates(ours["runs"]) | {"log_likelihood": ours["log_likelihood"]}
        result["models"][name] = found
    return result


def _by_gls(name: str, path: str, settings: Settings, versions: dict[str, str]) -> dict[str, Any]:
    case = VISITS[name]
    request = {
        "table": path,
        "labels": case.labels,
        "gls": case.gls,
        "correlation": case.correlation,
        "weights": case.weights,
        "repeats": min(settings.repeats, MOST),
    }
    answer = ask_r("gls_fit.R", ["nlme", "jsonlite"], request)
    versions |= answer["versions"]
    return {"seconds": median(answer["seconds"]), "log_likelihood": answer["log_likelihood"]}


def _by_brms(path: str, settings: Settings, versions: dict[str, str]) -> dict[str, Any]:
    request = {
        "table": path,
        "chains": CHAINS,
        "draws": DRAWS,
        "cores": settings.cores,
        "seeds": settings.first_seeds(1),
    }
    try:
        answer = ask_r("brms_visits_fit.R", ["brms", "rstan", "jsonlite"], request)
    except RuntimeError as error:
        print(error)
        raise NotMeasured("it is installed, but its run failed") from error
    versions |= answer["versions"]
    return rates(answer["runs"]) | {"compile": answer["compile"]}


def lines(result: Result) -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    estimates, draws = [], []
    for name, found in result["models"].items():
        ours = found["ours"]
        if "gls" in found:
            gap = abs(ours["log_likelihood"] - found["gls"]["log_likelihood"])
            cells = [seconds(found["gls"]["seconds"]), seconds(ours["seconds"]), times(_time(found)), f"{gap:.1e}"]
            estimates.append([name, *cells])
        for program in ("brms", "ours"):
            if program in found:
                cells = [seconds(found[program]["seconds"]), number(found[program]["ess"])]
                draws.append([f"{name}, {program}", *cells, number(found[program]["ess_per_second"])])
    return [
        *paragraph(
            "`trial`: 200 simulated patients with six visits, a residual sd for each visit and a correlation for each",
            "pair (corSymm and varIdent). `series`: 1,000 first-order autoregressive series of 50 rows (corAR1).",
            'Times are of `gls(..., method = "ML")` alone, and of our `fit` (4 chains of 1,000 draws) from call to',
            f"result. gls has at most {MOST} repetitions, brms one. {versions}.",
            *(f"{name}: not measured, {reason}." for name, reason in result["missing"].items()),
        ),
        *table(
            ["data", "gls", "ours, posterior", "our posterior / gls's estimate", "gap of log likelihoods"], estimates
        ),
        "",
        *paragraph(
            "brms 2.18 has no `unstr()`; with complete data, a model of one response per visit, residuals correlated,",
            "is the same model, except that the baseline has a coefficient per visit: ours is fitted in that form too.",
            "Each program has its own default priors. brms's time does not include compilation.",
        ),
        *table(["data, program", "time", "ESS", "ESS/s"], draws),
    ]


def _time(found: dict[str, Any]) -> float:
    return float(found["ours"]["seconds"] / found["gls"]["seconds"])


def targets(result: Result) -> list[Target]:
    models = result["models"]
    what, wanted = "trial: posterior / gls's estimate", f"at most {times(WANTED_TIME)}"
    if "gls" in models["trial"]:
        ratio = _time(models["trial"])
        found = [Target(what, wanted, times(ratio), ratio <= WANTED_TIME)]
    else:
        found = [Target(what, wanted, "not measured", None)]
    what, wanted = "trial: bulk ESS per second against brms", f"at least {times(WANTED_RATE)}"
    if "brms" not in models[BRMS_CASE]:
        return [*found, Target(what, wanted, "not measured", None)]
    ratio = models[BRMS_CASE]["ours"]["ess_per_second"] / models[BRMS_CASE]["brms"]["ess_per_second"]
    return [*found, Target(what, wanted, times(ratio), ratio >= WANTED_RATE)]


SECTION = Section("visits", "Correlated residuals", measure, lines, targets)
