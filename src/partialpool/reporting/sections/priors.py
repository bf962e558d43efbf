"""The priors: a table with reasons, and data simulated from them."""

from typing import Final

import numpy as np
import xarray as xr

from partialpool.intervals import central_ends, percent
from partialpool.names import BETA, COEF, INTERCEPT
from partialpool.plots.prior_predictive import plot_prior_predictive
from partialpool.plots.style import figure_image
from partialpool.questions.prior_predictive import MOST, prior_predictive_of
from partialpool.reporting.intercept_at import intercept_at
from partialpool.reporting.reported import SEED, Reported
from partialpool.reporting.section import Note, Picture, Section, which_can
from partialpool.reporting.wording import held_meanwhile, how_wide
from partialpool.tabulate import capitalised, number

__all__ = ["priors_section"]

_DRAWS: Final = 200
_MOST_ROWS: Final = 20_000
"""Most rows for which data are simulated from the priors; with more it would take too long."""


def priors_section(reported: Reported) -> Section:
    """Tabulate every prior with its reason, and draw data simulated from the priors."""
    fit = reported.fit
    table = reported.names.prior_table(fit.priors)
    yours = sum(not entry.is_default for entry in fit.priors.entries)
    total = len(fit.priors.entries)
    if not yours:
        who = f"All are defaults{how_wide(fit)}"
    else:
        who = f"{yours} of {total} were set, the rest are defaults" if yours < total else f"All {total} were set"
    prose = f"What was assumed about each parameter before the data were seen. {who}.{_of_intercept(reported)}"
    if fit.design.n_rows > _MOST_ROWS:
        return Section(prose=(prose,), tables=(table,))
    answers, refused = which_can([("", lambda: _foreseen(reported))])
    pictures = tuple(picture for picture, _ in answers)
    absurd = tuple(note for _, notes in answers for note in notes)
    return Section(prose=(prose, *absurd, *refused), pictures=pictures, tables=(table,))


def _of_intercept(reported: Reported) -> str:
    """Say where the prior of the intercept is, and its posterior there; empty where that is where it is stated."""
    fit = reported.fit
    where = intercept_at(fit.design, reported.names.written)
    if f"{BETA}[{INTERCEPT}]" not in fit.priors or not where:
        return ""
    beta = fit.posterior[BETA]
    slopes = xr.DataArray(fit.design.common.center, dims=COEF, coords={COEF: list(fit.design.common.names)})
    at_means = beta.sel({COEF: INTERCEPT}) + (beta.sel({COEF: list(fit.design.common.names)}) * slopes).sum(COEF)
    return (
        " The prior of Intercept is at the predictors' means, and there it has the "
        f"{reported.in_words(at_means.transpose('chain', 'draw').to_numpy())}; in the tables of estimates Intercept is "
        f"at {where}."
    )


def _foreseen(reported: Reported) -> tuple[Picture, tuple[Note, ...]]:
    """Draw data simulated from the priors; add a note where too many of them are implausible."""
    fit = reported.fit
    tree = reported.names.relabelled(prior_predictive_of(fit.design, fit.priors, draws=_DRAWS, seed=SEED))
    share, means = number(100 * tree.attrs["implausible"], 2), tree.attrs["implausible_means"]
    said = f"{share} % of the data simulated from the priors are {means}"
    parts = [said, *_averages(tree, reported), *_course(tree, reported)]
    if "outlook" in tree.children:  # it shows the same along the predictor
        tree = tree.filter(lambda node: node.name not in ("prior_predictive", "derived"))
    along = tree["outlook"].attrs["along"] if "outlook" in tree.children else ""
    figure = plot_prior_predictive(tree, lines=20, prob=reported.prob)
    held = held_meanwhile(tree["outlook"].to_dataset()) if along else ""
    caption = f"Data simulated from {_DRAWS} draws of the priors, with the observed data.{held}"
    bad = Note(f"{capitalised(said)}: check the priors, and consider narrower ones.", "bad")
    return Picture(figure_image(figure), f"{'; '.join(parts)}.", caption), (
        (bad,) if tree.attrs["implausible"] > MOST else ()
    )


def _averages(tree: xr.DataTree, reported: Reported) -> list[str]:
    if "derived" not in tree.children:
        return []
    derived = tree["derived"].to_dataset()
    out = [f"sd of a response {_in_words(derived['sd'].to_numpy(), reported.prob)}"]
    if "icc" in derived:
        draws = {str(f): derived["icc"].sel(factor=f).to_numpy() for f in derived["factor"].values}
        out += [f"ICC of {f} {_in_words(of_factor, reported.prob)}" for f, of_factor in draws.items()]
    return out


def _course(tree: xr.DataTree, reported: Reported) -> list[str]:
    if "outlook" not in tree.children:
        return []
    outlook = tree["outlook"].to_dataset()
    along, what = outlook.attrs["along"], outlook.attrs["lines"]
    lines = outlook["level_line"]
    places = lines[lines.dims[-1]]
    ends = (places.to_numpy().min(), places.to_numpy().max())
    out = []
    for end in ends:
        line = lines.sel({places.name: end}).to_numpy()
        out.append(f"{what} of new levels at {along} {number(float(end))} {_in_words(line, reported.prob)}")
    return out


def _in_words(draws: np.ndarray, prob: float) -> str:
    """Return the median and a central interval of draws from a prior, in words.

    Examples
    --------
    >>> _in_words(np.linspace(0, 1, 101), 0.9)
    'median 0.5, 90 % from 0.05 to 0.95'
    """
    below, above = central_ends(prob)
    low, middle, high = (number(float(q)) for q in np.nanquantile(draws, [below, 0.5, above]))
    return f"median {middle}, {percent(prob)} from {low} to {high}"
