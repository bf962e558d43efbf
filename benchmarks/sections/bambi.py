"""Comparison with Bambi and its default sampler: smallest bulk ESS per second."""

from benchmarks.cases import CASES, THREE
from benchmarks.draws import rates
from benchmarks.peers.environment import python_with
from benchmarks.processes import HERE, NotMeasured, ask, ask_python, say
from benchmarks.section import Result, Section, Settings, Target, table_file
from benchmarks.tables import number, paragraph, seconds, table, times

REQUIREMENT = "bambi==0.21.*"
WANTED = {"sleepstudy": 40, "exam": 100, "radon": 40}
CHAINS, DRAWS = 4, 1000


def measure(settings: Settings) -> Result:
    try:
        python = python_with("bambi", REQUIREMENT)
    except NotMeasured as reason:
        return {"missing": str(reason)}
    result: Result = {"models": {}, "cores": settings.cores}
    for name in THREE:
        case, common = CASES[name], {"draws": DRAWS, "seeds": settings.seeds}
        request = common | {"labels": case.labels, "formula": case.formula, "chains": CHAINS, "cores": settings.cores}
        with table_file(case) as path:
            say(f"{name}: Bambi")
            theirs = ask([python, str(HERE / "peers" / "bambi_fit.py")], request | {"table": path})
        say(f"{name}: ours")
        ours = ask_python("ours", common | {"case": name, "warm": name})
        simpler = ask_python("ours", common | {"case": name, "warm": name, "formula": case.uncorrelated})
        divergences = sum(run["divergences"] for run in theirs["runs"])
        found = {
            "bambi": rates(theirs["runs"]) | {"divergences": divergences},
            "ours": rates(ours["runs"]),
            "ours_uncorrelated": rates(simpler["runs"]),
        }
        result["models"][name] = found
        result |= {"versions": theirs["versions"], "sampler": theirs["sampler"]}
        say(f"{name}: {number(ratio(found))} times Bambi's ESS per second")
    return result


def ratio(found: Result, side: str = "ours") -> float:
    return found[side]["ess_per_second"] / found["bambi"]["ess_per_second"]


def lines(result: Result) -> list[str]:
    if "missing" in result:
        return [f"Not measured: {result['missing']}."]
    rows = []
    for name, found in result["models"].items():
        cells = [name]
        for side in ("bambi", "ours"):
            cells += [
                seconds(found[side]["seconds"]),
                number(found[side]["ess"]),
                number(found[side]["ess_per_second"]),
            ]
        simpler = number(found["ours_uncorrelated"]["ess_per_second"])
        rows.append([*cells, times(ratio(found)), simpler, times(ratio(found, "ours_uncorrelated"))])
    head = ["data", "Bambi: time", "ESS", "ESS/s", "ours: time", "ESS", "ESS/s", "ratio", "ours, `‖`: ESS/s", "ratio"]
    versions = ", ".join(f"{name} {value}" for name, value in result["versions"].items())
    divergences = ", ".join(f"{n} {found['bambi']['divergences']}" for n, found in result["models"].items())
    return [
        *paragraph(
            f"{CHAINS} chains of {DRAWS:,} draws on {result['cores']} cores, caches warm, timed from call to result",
            "(Bambi: building the model and fitting it); smallest bulk ESS over fixed effects, group sds, correlations",
            "and sigma.",
            f"{versions}; Bambi's sampler: {result['sampler']}.",
        ),
        *paragraph(
            "The formula is the same, but the models differ: Bambi's `(x | g)` leaves out the correlation of intercept",
            "and slope, which ours estimates. The last two columns are our fit of Bambi's simpler model, `(x || g)`.",
        ),
        *table(head, rows),
        "",
        f"Divergences of Bambi, summed over its runs: {divergences}.",
    ]


def targets(result: Result) -> list[Target]:
    found = []
    for name, wanted in WANTED.items():
        what = f"{name}: bulk ESS per second against Bambi"
        if "missing" in result:
            found.append(Target(what, f"at least {wanted}×", "not measured", None))
        else:
            value = ratio(result["models"][name])
            found.append(Target(what, f"at least {wanted}×", times(value), value >= wanted))
    return found


SECTION = Section("bambi", "Comparison with Bambi", measure, lines, targets)
