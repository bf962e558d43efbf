"""Draw each worked model's picture, and write the tables of true values and estimates: `make gallery`.

If models are named, only those are made: `python models/make_pictures.py pastes species`.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

import partialpool as pp
from partialpool.plots.style import BLUE, INK, VERMILION, house_style, save_figure

HERE = Path(__file__).parent
README = HERE / "README.md"
PICTURES = HERE / "pictures"
COLORS = 160
"""Number of colours of a picture without a colour bar: enough for smooth edges, with a third of the bytes."""
Draws = float | np.ndarray
GENES = ("gene_a", "gene_b", "gene_c", "gene_d", "gene_e", "gene_f")


def sleepstudy(fit: pp.Fit) -> Figure:
    """Draw the lines of subjects."""
    return pp.plot_level_lines(pp.level_lines(fit, "Days"), unit="ms", xunit="days", most=12)


def radon(fit: pp.Fit) -> Figure:
    """Draw how far the estimates of counties are pulled."""
    figure = pp.plot_shrinkage(pp.shrinkage(fit))
    title = "Radon: basement level and effect of the first floor, county by county"
    return in_words(figure, title=title, x="basement (log pCi/L)", y="first floor, less basement (log pCi/L)")


def eight_schools(fit: pp.Fit) -> Figure:
    """Draw how far the estimates of schools are pulled."""
    return pp.plot_shrinkage(pp.shrinkage(fit), unit="SAT points")


def penicillin(fit: pp.Fit) -> Figure:
    """Draw the shares of the variance."""
    return pp.plot_variance_components(pp.variance_components(fit))


def pastes(fit: pp.Fit) -> Figure:
    """Draw the ICC of two samples of a cask and of a batch."""
    return pp.plot_icc(pp.icc(fit))


def cbpp(fit: pp.Fit) -> Figure:
    """Draw the incidence over the periods, in the population."""
    new = pd.DataFrame({"period": ["1", "2", "3", "4"], "size": 1})
    figure = pp.plot_predictions(pp.predict(fit, new, kind="marginal", seed=1), "period")
    return predicted(figure, title="New cases in a herd, averaged over herds", y="share of the herd")


def contraception(fit: pp.Fit) -> Figure:
    """Draw the use of contraception over age, in towns and in the country."""
    new = pd.MultiIndex.from_product([range(-13, 20, 2), ["N", "Y"]], names=["age", "urban"]).to_frame(index=False)
    predictions = pp.predict(fit, new.assign(livch="1"), kind="marginal", seed=1)
    figure = pp.plot_predictions(predictions, "age", by="urban", xunit="years from the mean")
    return predicted(figure, title="Women with one child who use contraception, averaged over districts", y="share")


def grouseticks(fit: pp.Fit) -> Figure:
    """Draw the shares of the variance."""
    return pp.plot_variance_components(pp.variance_components(fit))


def pain_trials(fit: pp.Fit) -> Figure:
    """Draw the effect of the drug on each patient."""
    effects = pp.level_effects(fit, "drug", threshold=-1)
    figure = pp.plot_level_effects(effects, unit="points of 10; below 0 it helps")
    less = 1 - effects["above"].to_numpy()
    sure = (
        f"{(less > 0.95).sum()} of {len(less)} surely have at least a point less pain, {(less < 0.05).sum()} surely not"
    )
    title = f"Whose drug works? Effect on the pain of each patient\n{sure} (probability above 0.95)"
    in_words(figure, title=title, x="pain on the drug, less pain on the placebo (points of 10)")
    figure.axes[1].set_ylabel("probability of less relief than a point")
    return figure


def ovary(fit: pp.Fit) -> Figure:
    """Draw the number of follicles over the cycle, for a new mare."""
    predictions = pp.predict(fit, pp.datagrid(fit, time=np.linspace(-0.25, 1.25, 61)), kind="marginal", seed=1)
    return predicted(pp.plot_predictions(predictions, "time"), title="Large follicles over the cycle", y="follicles")


def body_weight(fit: pp.Fit) -> Figure:
    """Draw the lines of rats."""
    return pp.plot_level_lines(pp.level_lines(fit, "time"), most=16)


def vaccination(fit: pp.Fit) -> Figure:
    """Draw vaccination over deprivation, for young and old people, in the population."""
    new = pd.MultiIndex.from_product([np.linspace(-2, 2, 17), [30, 70]], names=["deprivation", "age"])
    predictions = pp.predict(fit, new.to_frame(index=False), kind="marginal", seed=1)
    figure = pp.plot_predictions(predictions, "deprivation", by="age", xunit="sd")
    return predicted(figure, title="Vaccination, averaged over districts and neighbourhoods", y="share vaccinated")


def species(fit: pp.Fit) -> Figure:
    """Draw the effect of elevation on each species."""
    effects = pp.level_effects(fit, "elevation")
    climb = effects["above"].to_numpy()
    sure = f"{(climb > 0.95).sum()} of {len(climb)} surely do, {(climb < 0.05).sum()} surely do the opposite"
    title = f"Which species become more common with elevation?\n{sure} (probability above 0.95)"
    figure = in_words(pp.plot_level_effects(effects), title=title, x="change of the log count per 100 m of elevation")
    figure.axes[1].set_ylabel("probability of more with elevation")
    return figure


def epilepsy(fit: pp.Fit) -> Figure:
    """Draw the counts beside new ones of the model."""
    return pp.plot_posterior_checks(pp.posterior_checks(fit, seed=1))


def steadiness(fit: pp.Fit) -> Figure:
    """Draw the sd of each subject, in order, at the middle of the study."""
    subjects = pd.unique(fit.design.frame["Subject"])
    rows = pd.DataFrame({"Subject": subjects, "Days": 4.5})
    sigma = pp.predict(fit, rows, seed=1)["sigma"].transpose("obs", ...).to_numpy().reshape(len(rows), -1)
    order = np.argsort(sigma.mean(axis=1))
    sigma, places = sigma[order], np.arange(len(order))
    with house_style():
        figure, axes = plt.subplots(figsize=(7.0, 4.6))
        axes.hlines(places, *np.quantile(sigma, [0.025, 0.975], axis=1), color=BLUE, lw=1)
        axes.hlines(places, *np.quantile(sigma, [0.25, 0.75], axis=1), color=BLUE, lw=3)
        axes.plot(sigma.mean(axis=1), places, "o", ms=5, mfc="white", mec=BLUE, mew=1.4)
        axes.set_yticks(places, subjects[order])
        axes.set_xlim(left=0)
        axes.set_ylabel("Subject")
        axes.set_xlabel("sd of reaction times about the subject's own line (ms)")
        title = "Who is more variable? Sigma of each subject on day 4.5\nposterior mean, 50 % and 95 % interval"
        figure.suptitle(title, fontsize=10.5, x=0.01, ha="left")
    return figure


def catheters(fit: pp.Fit) -> Figure:
    """Draw the share of catheters without an infection, estimated from the times alone and replicated by the model."""
    frame, name = fit.design.frame, fit.design.response.name
    new = pp.posterior_predictive(fit, seed=1)[name].transpose("obs", ...).to_numpy().reshape(len(frame), -1)
    days = np.linspace(0, 560, 141)
    with house_style():
        figure, axes = plt.subplots(figsize=(7.0, 4.4))
        for sex, color in (("female", BLUE), ("male", VERMILION)):
            rows = (frame["sex"] == sex).to_numpy()
            free = (new[rows][:, :, None] > days).mean(axis=0)
            axes.fill_between(days, *np.quantile(free, [0.025, 0.975], axis=0), color=color, alpha=0.15, lw=0)
            axes.plot(days, free.mean(axis=0), color=color, lw=1.6, label=sex)
            axes.step(*without_infection(frame[rows]), where="post", color=color, lw=1, ls="--")
        axes.set_xlim(0, days[-1])
        axes.set_ylim(0, 1)
        axes.set_xlabel("days with the catheter")
        axes.set_ylabel("share without an infection")
        axes.legend(title="sex", loc="upper right")
        title = "Catheters without an infection: the same patients in the model, mean and 95 % interval"
        figure.suptitle(f"{title}\ndashed: Kaplan-Meier estimates", fontsize=10.5, x=0.01, ha="left")
    return figure


def without_infection(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return days and the Kaplan-Meier estimate of the share without an infection after each."""
    days, share = [0.0], [1.0]
    for day, at in rows.groupby("days"):
        infected = (at["removed"] == 0).sum()
        days.append(float(day))
        share.append(share[-1] * (1 - infected / (rows["days"] >= day).sum()))
    return np.array(days), np.array(share)


def predicted(figure: Figure, *, title: str, y: str) -> Figure:
    """Set a title in the terms of the field, and keep the line that explains the bands."""
    bands = figure.get_suptitle().splitlines()[-1]
    return in_words(figure, title=f"{title}\n{bands}", y=y)


def in_words(figure: Figure, *, title: str, x: str = "", y: str = "") -> Figure:
    """Replace the package's title and labels by those of the field."""
    figure.suptitle(title, fontsize=10.5, x=0.01, ha="left")
    if x:
        figure.axes[0].set_xlabel(x)
    if y:
        figure.axes[0].set_ylabel(y)
    return figure


def heritabilities() -> pd.DataFrame:
    """Return each gene's heritability, mean and 90 % interval, from the models with and without environment."""
    data = pp.load_dataset("gene_expression")
    kinship = {"person": HERE / "gene_expression_kinship.csv"}
    rows = []
    for gene in GENES:
        for environment in (True, False):
            formula = f"{gene} ~ sex + (1 | person)" + (" + (1 | environment)" if environment else "")
            fit = pp.fit(formula, data, cov=kinship, seed=1, draws=2000, progressbar=False)
            share = pp.icc(fit)["icc"].sel(factor="person").to_numpy()
            low, high = np.quantile(share, [0.05, 0.95])
            truth = data.attrs["truth"][gene]["icc[person]"]
            rows.append((gene, environment, truth, share.mean(), low, high))
    return pd.DataFrame(rows, columns=["gene", "environment", "truth", "mean", "low", "high"])


def draw_heritabilities(found: pd.DataFrame) -> Figure:
    """Draw each gene's heritability from both models, beside the true value."""
    with house_style():
        figure, axes = plt.subplots(figsize=(7.0, 4.2))
        views = ((True, BLUE, -0.13, "with (1 | environment)"), (False, VERMILION, 0.13, "without"))
        for environment, color, shift, label in views:
            part = found[found["environment"] == environment]
            places = np.arange(len(part)) + shift
            axes.hlines(places, part["low"], part["high"], color=color, lw=2)
            axes.plot(part["mean"], places, "o", ms=5, mfc="white", mec=color, mew=1.4, label=label)
        truths = found.drop_duplicates("gene")
        places = np.arange(len(truths))
        axes.vlines(truths["truth"], places - 0.3, places + 0.3, color=INK, lw=1.6, label="truth")
        axes.set_yticks(places, truths["gene"])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.set_xlabel("heritability: share of the variance that is inherited")
        title = "What is inherited of the expression of six genes\nposterior mean and 90 % interval"
        figure.suptitle(title, fontsize=10.5, x=0.01, ha="left")
        figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def share_helped(slope: Draws, sd: Draws) -> Draws:
    """Share of all patients whose pain the drug reduces by a point or more."""
    return stats.norm.cdf((-1 - slope) / sd)


def median_odds_ratio(sd: Draws) -> Draws:
    """Median ratio of the odds in the higher of two neighbourhoods to those in the lower (Larsen & Merlo 2005)."""
    return np.exp(np.sqrt(2) * stats.norm.ppf(0.75) * sd)


def share_climbing(slope: Draws, sd: Draws) -> Draws:
    """Share of all species that become more common with elevation."""
    return stats.norm.cdf(slope / sd)


FOLLOWING: dict[str, tuple[str, Callable[..., Draws], tuple[str, ...]]] = {
    "pain_trials": (
        "share of patients with a point less pain, or more",
        share_helped,
        ("beta[drug]", "sd_patient[drug]"),
    ),
    "vaccination": (
        "median odds ratio of two neighbourhoods of a district",
        median_odds_ratio,
        ("sd_district:neighbourhood[Intercept]",),
    ),
    "species": (
        "share of species that climb",
        share_climbing,
        ("beta[elevation]", "sd_species[elevation]"),
    ),
}
"""For each model: a quantity computed from its parameters, the function, and the parameters."""


def draws_of(fit: pp.Fit, parameter: str) -> np.ndarray:
    """Draws of a parameter, given by its name in tables, such as `sd_patient[drug]`."""
    variable, effect = parameter.rstrip("]").split("[")
    values = fit.posterior[variable]
    return values.sel({values.dims[-1]: effect}).to_numpy()


def truths_table(name: str, fit: pp.Fit) -> str:
    """Return a Markdown table of the true values of a simulated data set and their estimates from the fit."""
    frame, rows = fit.digest.frame, []
    truths = pp.load_dataset(name).attrs["truth"]
    for parameter, truth in truths.items():
        rows.append((f"`{parameter}`", truth, *frame.loc[parameter, ["mean", "conf_low", "conf_high"]]))
    label, function, of = FOLLOWING[name]
    draws = function(*(draws_of(fit, parameter) for parameter in of))
    rows.append(
        (label, function(*(truths[parameter] for parameter in of)), draws.mean(), *np.quantile(draws, [0.05, 0.95]))
    )
    told = [(what, f"{truth:.3g}", f"{mean:.3g}", f"{low:.3g} to {high:.3g}") for what, truth, mean, low, high in rows]
    return markdown(("", "truth", "posterior mean", "90 % interval"), told)


def heritability_table(found: pd.DataFrame) -> str:
    """Return a Markdown table of each gene's true heritability and its estimates from both models."""
    rows = []
    for gene, both in found.groupby("gene"):
        with_it, without = (both[both["environment"] == environment].iloc[0] for environment in (True, False))
        told = [f"{one['mean']:.2f} ({one['low']:.2f} to {one['high']:.2f})" for one in (with_it, without)]
        rows.append((f"`{gene}`", f"{with_it['truth']:g}", *told))
    return markdown(("gene", "truth", "with `(1 \\| environment)`", "without"), rows)


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [list(header), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def put(name: str, table: str) -> None:
    """Replace a model's table in the README."""
    text = README.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.S)
    README.write_text(marked.sub(lambda match: f"{match[1]}\n{table}\n{match[2]}", text), encoding="utf-8")


def save(figure: Figure, name: str) -> Path:
    """Save a picture with few colours."""
    PICTURES.mkdir(exist_ok=True)
    return save_figure(figure, PICTURES / f"{name}.png", colors=COLORS)


DRAWN: dict[str, Callable[[pp.Fit], Figure]] = {
    one.__name__: one
    for one in (
        sleepstudy,
        radon,
        eight_schools,
        penicillin,
        pastes,
        cbpp,
        contraception,
        grouseticks,
        ovary,
        body_weight,
        epilepsy,
        catheters,
        steadiness,
        pain_trials,
        vaccination,
        species,
    )
}
"""The drawing function of each model, except gene_expression, whose picture needs several fits."""


def make(name: str) -> Path:
    """Fit a model, write its table if it has one, and draw its picture."""
    if name == "gene_expression":
        found = heritabilities()
        put(name, heritability_table(found))
        return save(draw_heritabilities(found), name)
    fit = pp.fit_file(HERE / f"{name}.toml", progressbar=False)
    if name in pp.dataset_names() and "truth" in pp.load_dataset(name).attrs:
        put(name, truths_table(name, fit))
    return save(DRAWN[name](fit), name)


def main(wanted: list[str]) -> None:
    """Make the pictures and tables of all models, or of those named."""
    for name in wanted or [*DRAWN, "gene_expression"]:
        path = make(name)
        print(f"{name}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
