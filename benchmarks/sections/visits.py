"""Correlated residuals: a trial with visits and long series against nlme's gls, and the trial against brms."""

from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks.draws import largest_gap, rates
from benchmarks.processes import NotMeasured, OutOfTime, ask_python, ask_r, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import number, paragraph, seconds, table, times
from benchmarks.visit_cases import BRMS_CASE, BRMS_FORMULA, BRMS_PRIOR, VISITS, by_visit

DRAWS = 1000
BRMS_CHAINS, BRMS_DRAWS = 2, 500
PATIENCE = 900
"""Seconds after which brms is stopped, compilation included."""
MOST = 3
"""Greatest number of gls fits, which may take tens of seconds."""
WANTED_TIME, WANTED_RATE = 3, 500


def measure(settings: Settings) -> Result:
    result: Result = {"models": {}, "versions": {}, "missing": {}}
    for name in VISITS:
        found: dict[str, Any] = {}
        try:
            if name == BRMS_CASE:
                say(f"{name}: brms (minutes)")
                found["brms"] = _by_brms(settings, result["versions"])
            else:
                say(f"{name}: gls")
                found["gls"] = _by_gls(name, settings, result["versions"])
        except NotMeasured as reason:
            result["missing"]["brms" if name == BRMS_CASE else "nlme"] = str(reason)
        say(f"{name}: ours")
        ours = ask_python("ours_visits", {"case": name, "draws": DRAWS, "seeds": settings.seeds})
        found["ours"] = rates(ours["runs"]) | {
            "log_likelihood": ours["log_likelihood"],
            "stages": ours["runs"][-1]["stages"] | {"whole": ours["runs"][-1]["seconds"]},
        }
        theirs = found.get("brms", {}).pop("draws", None)
        if theirs:
            found["gap"] = largest_gap(ours["by_response"], theirs)
        result["models"][name] = found
    return result


def _by_gls(name: str, settings: Settings, versions: dict[str, str]) -> dict[str, Any]:
    case = VISITS[name]
    request = {
        "labels": case.labels,
        "gls": case.gls,
        "correlation": case.correlation,
        "weights": case.weights,
        "repeats": min(settings.repeats, MOST),
    }
    with table_file(case) as path:
        answer = ask_r("gls_fit.R", ["nlme", "jsonlite"], request | {"table": path})
    versions |= answer["versions"]
    return {"seconds": median(answer["seconds"]), "log_likelihood": answer["log_likelihood"]}


def _by_brms(settings: Settings, versions: dict[str, str]) -> dict[str, Any]:
    """Return rates of the draws; where brms did not finish, the rate if every draw were independent."""
    case = replace(VISITS[BRMS_CASE], read=by_visit, labels=("arm",))
    request = {
        "labels": case.labels,
        "formula": BRMS_FORMULA,
        "prior": BRMS_PRIOR,
        "chains": BRMS_CHAINS,
        "draws": BRMS_DRAWS,
        "cores": settings.cores,
        "seeds": settings.first_seeds(1),
    }
    with table_file(case) as path:
        try:
            answer = ask_r("brms_fit.R", ["brms", "rstan", "jsonlite"], request | {"table": path}, patience=PATIENCE)
        except OutOfTime as stopped:
            print(stopped)
            if not stopped.answer:
                raise NotMeasured(f"it did not compile within {PATIENCE} s") from stopped
            versions |= stopped.answer["versions"]
            most = BRMS_CHAINS * BRMS_DRAWS
            bound = {"seconds": stopped.seconds, "ess": most, "ess_per_second": most / stopped.seconds}
            return bound | {"compile": stopped.answer["compile"], "finished": False}
        except RuntimeError as error:
            print(error)
            raise NotMeasured("it is installed, but its run failed") from error
    versions |= answer["versions"]
    return rates(answer["runs"]) | {"compile": answer["compile"], "finished": True, "draws": answer["runs"][0]["draws"]}


def lines(result: Result) -> list[str]:
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    models, estimates, draws = result["models"], [], []
    for name, found in models.items():
        ours = found["ours"]
        if "gls" in found:
            gap = abs(ours["log_likelihood"] - found["gls"]["log_likelihood"])
            cells = [seconds(found["gls"]["seconds"]), seconds(ours["seconds"]), times(_time(found)), f"{gap:.1e}"]
            estimates.append([name, *cells])
        for program in ("brms", "ours"):
            if program in found:
                rate = found[program]
                most = "" if rate.get("finished", True) else "at most "
                cells = [seconds(rate["seconds"]), most + number(rate["ess"]), most + number(rate["ess_per_second"])]
                draws.append([f"{name}, {program}", *cells, "" if program == "ours" else _rate_ratio(found)])
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
            "brms 2.18 has no `unstr()`; with complete data, a model of one response per visit (`mvbind`), residuals",
            "correlated, is the same model, except that the baseline has a coefficient per visit: ours is fitted in",
            "that form too. Both have the prior LKJ(2) of the correlations, and each its own wide priors of the rest.",
            f"brms: {BRMS_CHAINS} chains of {BRMS_DRAWS} draws after as many warm-up draws; its time does not include",
            "compilation. ESS is the smallest over fixed effects, sds and correlations.",
            *_agreement(models[BRMS_CASE]),
            *_shares(models[BRMS_CASE]["ours"].get("stages")),
        ),
        *table(["data, program", "time", "ESS", "ESS/s", "ours / brms"], draws),
    ]


def _agreement(found: dict[str, Any]) -> list[str]:
    """Say how well both posteriors agree, or that brms did not finish."""
    if "gap" in found:
        gap, name = found["gap"]
        return [
            "Posterior means of sds, correlations and effects of the arm differ by at most",
            f"{number(gap)} Monte Carlo standard errors ({name}).",
        ]
    if "brms" in found:
        return [
            f"brms was stopped after {PATIENCE} s, compilation included, before it had finished: its row shows what",
            "all of its draws would be worth if they were independent and had been ready at that moment.",
        ]
    return []


def _shares(stages: dict[str, float] | None) -> list[str]:
    """Say which parts of our time the stages of the trial's last run took."""
    if not stages:
        return []
    shares = {name: value / stages["whole"] for name, value in stages.items() if name != "whole"}
    rest = 1 - sum(shares.values())
    return ["Our time:", ", ".join(f"{name} {share:.0%}" for name, share in shares.items()) + f", the rest {rest:.0%}."]


def _rate_ratio(found: dict[str, Any]) -> str:
    ratio = found["ours"]["ess_per_second"] / found["brms"]["ess_per_second"]
    return ("" if found["brms"]["finished"] else "at least ") + times(ratio)


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
    return [*found, Target(what, wanted, _rate_ratio(models[BRMS_CASE]), ratio >= WANTED_RATE)]


SECTION = Section("visits", "Correlated residuals", measure, lines, targets)
