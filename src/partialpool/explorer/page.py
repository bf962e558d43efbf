"""The explorer: one interactive HTML page on partial pooling."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.labels import mean_on_axis, predictor_on_axis
from partialpool.errors import DataError
from partialpool.explorer.amounts import amounts, brackets
from partialpool.explorer.axis import LAST, SdAxis
from partialpool.explorer.captions import Topic, is_balanced, readings, things_to_try
from partialpool.explorer.certainty_numbers import certainty_numbers, own_intervals
from partialpool.explorer.curves import PoolingCurves, Pull, chosen_effect, pooling_curves
from partialpool.explorer.highest import equal_records, percent_of, ties, with_shared_ties
from partialpool.explorer.means import MeanAxis, mean_numbers
from partialpool.explorer.pictures import (
    NEW_COLOR,
    THUMB,
    bokeh_script,
    icc_picture,
    levels_picture,
    newcomer_rows,
    sd_picture,
)
from partialpool.explorer.scale import SdScale, sd_scale_of
from partialpool.explorer.script_data import drawn_edge, interval_name, level_numbers, study_numbers
from partialpool.explorer.shown import axis_ends, levels_in_order, levels_to_show
from partialpool.explorer.studies import FAMILIES, OWN, PriorChoice, PriorScales, Study, prior_scales, prior_studies
from partialpool.explorer.words import Words, words_of
from partialpool.families.link import ProbabilityLink
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import of_first_table
from partialpool.fitting.pooling_ends import check_pooling_ends, check_pooling_of, complete_pooling
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.names import FAMILY_PARAMETERS, INTERCEPT
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, short
from partialpool.reporting.pagemaker import page_environment, write_page
from partialpool.reporting.wording import response_name
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords
from partialpool.tabulate import printable

__all__ = ["explore", "render_explorer"]

_EVERY: Final = PriorChoice()


@explains_keywords
@of_first_table
def explore(
    fit: Fit,
    path: str | Path,
    *,
    factor: str | None = None,
    effect: str | None = None,
    levels: Sequence[Any] | None = None,
    prob: float = DEFAULT_PROB,
    title: str = "",
    seed: int | None = None,
    progressbar: bool = True,
) -> Path:
    """Write an interactive page: a slider moves the sd of a factor, and every level's estimate moves with it.

    The page is self-contained: it needs no network and no server. The left end of its slider is complete pooling, the
    right end is no pooling, and the posterior of the sd is in between. The reader can choose another prior of the sd;
    the posteriors of the sd and of the ICC under that prior are then shown.

    Effects of a correlated block are evaluated at the means of the predictors that vary it, where their priors are
    stated, so that the slider moves the sd that the prior describes. Other predictors are fixed as in `shrinkage`. The
    page states these values.

    An estimate is E(fixed effect + b_j | sd, everything else fixed, y): sigma and the sds of other factors are at their
    posterior medians, correlations at their means, and fixed effects have flat priors (generalised least squares). The
    sds of the factor's other effects move in proportion, so that the two ends are one line for all levels and a
    separate line for each. The page interpolates between 201 sds. For a response that is not normal it is the most
    probable value given the sd, on the scale of the linear predictor (log odds, log counts), with the family's own
    parameters at their posterior means; a second axis and the table have the mean of the response.

    Posteriors under other priors of the sd are full refits, without reweighting, by the collapsed engine (random
    effects integrated out exactly), or by NUTS if the response is not normal: four families (half-normal, half-t with
    3 degrees of freedom, half-Cauchy, exponential) at nine scales, from 1/64 of the default prior's scale to four times
    it, or a wider range where the scale of the fit's prior requires it. This takes about 36 times as long as the fit.

    Under each of these priors the page also has the interval of every level, with the sd as uncertain as it is; the
    probability that a level is the highest of all (`best` of `level_ranks`); and what is expected of a new level:
    beta + b, b ~ N(0, sd^2), in every draw. These do not depend on the slider. Where levels have different values of
    other predictors, nothing is said of a new one.

    Parameters
    ----------
    fit
        A fit of any family but those of categories, by either engine.
    path
        The file to write, for instance `explorer.html`. It appears only when it is complete.
    factor
        The grouping factor; the first if left out.
    effect
        The factor's effect whose sd is moved; the intercept, where there is one, if left out.
    levels
        Labels of the levels to show, or the labels as text; if left out, all of them, or 200 spread from the levels
        with fewest rows to those with most. Either way, the estimates are those of the whole model.
    prob
        Probability of the intervals of the levels, of the sd and of the ICC.
    title
        Heading of the page; if empty, "Partial pooling over" and the factor.
    seed
        Seed of the refits; that of the fit if left out.
    progressbar
        Whether to show the number of refits done.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        Ordered categories; fixed effects without a finite estimate; no groups; no such factor, effect or level; a
        factor whose levels have a known covariance.
    EngineError
        The design columns of the other factors do not fit into memory.
    SpecError
        `prob` is not between 0 and 1.
    FileError
        The folder does not exist or cannot be written to, or the path is a folder, a device or a pipe.

    Examples
    --------
    >>> import tempfile
    >>> import partialpool as pp
    >>> schools = pp.load_dataset("eight_schools")
    >>> fit = pp.fit("effect ~ 1 + (1 | school)", schools, se="standard_error", seed=1, progressbar=False)
    >>> pp.explore(fit, Path(tempfile.mkdtemp()) / "explorer.html", progressbar=False).name
    'explorer.html'
    """
    chosen: dict[str, Any] = {"factor": factor, "effect": effect, "levels": levels, "prob": prob, "title": title}
    render = partial(render_explorer, fit, **chosen, seed=seed, progressbar=progressbar)
    return write_page(path, render, doing="write the explorer")


def render_explorer(
    fit: Fit,
    *,
    factor: str | None = None,
    effect: str | None = None,
    levels: Sequence[Any] | None = None,
    prob: float = DEFAULT_PROB,
    title: str = "",
    seed: int | None = None,
    progressbar: bool = True,
    above: str = "",
    choice: PriorChoice = _EVERY,
    called: str = "",
) -> str:
    """Return the page as text.

    `above` is HTML for the top of its body, `choice` the priors that it offers, `called` what one level is called.
    """
    central_ends(prob)  # an error, if any, comes before the refits
    asked: dict[str, Any] = {"levels": levels, "prob": prob, "choice": choice}
    found = _explored(fit, factor, effect, **asked, seed=_seed(fit, seed), progressbar=progressbar)
    environment = page_environment("explorer/templates")
    # Bokeh must read a model before anything that refers to it, so the order of keys matters.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":"), "allow_nan": False}
    text = environment.get_template("explorer.html").render(
        **_content(fit, found, prob, called),
        title=title.strip(),
        above=above,
        bokeh=bokeh_script(),
        thumb=THUMB,
        last=LAST,
        colors={"blue": BLUE, "vermilion": VERMILION, "ink": INK, "grey": GREY, "green": NEW_COLOR},
        version=json.loads(fit.tree.attrs["versions"])["partialpool"],
    )
    return printable(text)


@dataclass(frozen=True, eq=False)
class _Explored:
    """Content of the page: the effect whose sd the slider moves, the estimates, and the refits under other priors.

    `order` are the positions of the levels shown, the highest first; `at` is the slider step of the posterior median;
    `predictor` is the name of the linear predictor, empty where it is the response.
    """

    factor: FactorEffects
    effect: str
    unit: str
    scales: PriorScales
    studies: tuple[Study, ...]
    axis: SdAxis
    curves: PoolingCurves
    at: int
    order: np.ndarray
    predictor: str

    @property
    def decimals(self) -> int:
        """Number of decimals that show the sd with three significant digits."""
        return int(max(0, 2 - np.floor(np.log10(np.median(self.studies[0].sd)))))

    @property
    def label(self) -> str:
        at = f" at {short(self.curves.origin, 40)}" if self.curves.origin else ""
        if not self.predictor:
            return _with_unit(f"{self.effect}{at}", self.unit)
        return f"{self.predictor}{at}" if self.effect == INTERCEPT else f"{self.effect} ({self.predictor}, per unit)"

    def say(self, value: float) -> str:
        text = f"{value:z.{self.decimals}f}{f' {self.unit}' if self.unit else ''}"
        return text.replace("-", "\N{MINUS SIGN}", 1) if text.startswith("-") else text


def _explored(
    fit: Fit,
    factor: str | None,
    effect: str | None,
    *,
    levels: Sequence[Any] | None,
    prob: float,
    choice: PriorChoice,
    seed: int,
    progressbar: bool,
) -> _Explored:
    """Compute the page's numbers."""
    check_pooling_ends(fit)
    chosen, effect = chosen_effect(fit.design, factor, effect)
    check_pooling_of(fit, chosen)
    fit.design.check_series_within(chosen, "an estimate from a level's own rows")
    _check_complete(fit)
    kept = levels_to_show(chosen.levels, chosen.counts, levels)
    scales = prior_scales(fit, chosen, effect, choice.places)
    options: dict[str, Any] = {"families": choice.families, "shown": kept, "prob": prob}
    studies = prior_studies(fit, chosen, effect, scales, seed=seed, progressbar=progressbar, **options)
    axis = SdAxis(drawn_edge(studies, prob))
    curves = pooling_curves(fit, chosen, effect, axis.sds)
    studies = with_shared_ties(studies, equal_records(curves))
    at = round(axis.step_of(float(np.median(studies[0].sd))))
    unit = fit.design.axis_units.of_effects([effect]).get(effect, "")
    predictor = "" if fit.spec.link_record.is_identity else predictor_on_axis(fit.design)
    order = levels_in_order(curves, at, kept)
    return _Explored(chosen, effect, unit, scales, studies, axis, curves, at, order, predictor)


def _content(fit: Fit, found: _Explored, prob: float, called: str) -> dict[str, Any]:
    """Return the numbers, pictures and texts of the page."""
    design, chosen, curves, order = fit.design, found.factor, found.curves, found.order
    others = [name for name in chosen.names if name != found.effect]
    other_factors = [factor.name for factor in design.factors if factor is not chosen]
    words = words_of(design, chosen.name, called)
    counts, beside = amounts(design, chosen), brackets(design, chosen)
    sd_scale = SdScale() if found.unit else sd_scale_of(fit.spec.link_record, found.effect)
    means = _means(fit, found)
    say_mean = None if means is None else means.said(found.say, curves.values[found.at, order])
    known = design.se is not None
    topic = Topic(chosen.name, others, other_factors, known, found.say, words, say_mean, sd_scale.name, counts)
    own = found.studies[0]
    reach, new = own_intervals(own, order, prob)
    ends = axis_ends(curves.values[:, order], found.at, curves.infinite[order], _least_width(found), reach, new=new)
    names = [short(curves.labels[k], 18) for k in order[::-1]]
    return {
        "about": _about(fit, found, words, sd_scale),
        "levels": [(curves.labels[k], int(curves.rows[k])) for k in order],
        "left_out": chosen.n_levels - len(order),
        "n_levels": chosen.n_levels,
        "chance": percent_of(1 / chosen.n_levels),
        "balanced": is_balanced(curves.own_errors),
        "pull": curves.pull,
        "pulls": Pull,
        "given": curves.given,
        "held": curves.held,
        "origin": curves.origin,
        "differ": curves.differ,
        "endless": bool(curves.infinite.any()),
        "others": others,
        "other_factors": other_factors,
        "known": topic.known,
        "families": [name for name in (OWN, *FAMILIES) if name in {study.family for study in found.studies}],
        "scales": found.scales.sizes,
        "has_icc": any(len(study.icc) for study in found.studies),
        "interval": interval_name(prob),
        "start": found.at,
        "newcomer": own.newcomer is not None,
        "tries": things_to_try(curves, found.at, topic, found.studies, found.scales.sizes[found.scales.start]),
        "means": means,
        "numbers": {
            "unit": found.unit,
            "sd_scale": sd_scale.name,
            "one": words.one,
            "ties": ties(curves.labels, equal_records(curves), order),
            "probable": means is not None and isinstance(means.link, ProbabilityLink),
            "ends_said": {"1": words.highest, "-1": words.lowest},
            "amounts": [counts[k] for k in order],
            "beside": [beside[k] for k in order],
            "pull": curves.pull,
            "decimals": found.decimals,
            "readings": readings(curves, topic),
            **level_numbers(curves, order),
            **mean_numbers(curves, found.at, order, means),
            **study_numbers(found.studies, found.scales, found.axis, prob),
            "newcomer_rows": asdict(newcomer_rows(len(order))),
            "n_levels": chosen.n_levels,
            **certainty_numbers(found.studies, order, ends, prob, means),
        },
        "pictures": [
            sd_picture(found.axis, _with_unit("sd", found.unit or sd_scale.name)),
            icc_picture(),
            levels_picture(names, *ends, short(found.label, 60), means, has_newcomer=own.newcomer is not None),
        ],
    }


def _about(fit: Fit, found: _Explored, words: Words, sd_scale: SdScale) -> dict[str, Any]:
    """Return what the template's texts are about."""
    return {
        "factor": found.factor.name,
        "effect": found.effect,
        "unit": found.unit,
        "response": response_name(fit),
        "formula": str(fit.spec),
        "rows": fit.design.n_rows,
        "scale": _scale_in_words(fit, found.predictor),
        "words": words,
        "sd_scale": sd_scale,
        "icc_scale": sd_scale_of(fit.spec.link_record, INTERCEPT).name,
        "normal": fit.spec.is_normal,
        "own": " and ".join(FAMILY_PARAMETERS[name] for name, _ in fit.spec.family_record.parameters),
    }


def _scale_in_words(fit: Fit, predictor: str) -> str:
    """Name the scale of the estimates where it is not the response's."""
    if fit.spec.family_record.on_log_scale:
        return f"on the log scale of {response_name(fit)}"
    return f"on the scale of the {predictor}" if predictor else ""


def _means(fit: Fit, found: _Explored) -> MeanAxis | None:
    """Return a second axis, of the response's mean, for an intercept under a link that increases."""
    link = fit.spec.link_record
    if found.effect != INTERCEPT or link.is_identity or not link.is_increasing:
        return None
    return MeanAxis(link, short(mean_on_axis(fit.design), 60), short(found.predictor, 60))


def _least_width(found: _Explored) -> float:
    """Return the least width of the axis of estimates: one standard error of an own estimate to each side.

    Levels that are alike would otherwise have an axis as wide as rounding errors. Without a standard error the
    posterior median of the sd replaces it. Both have the unit of the estimates.
    """
    errors = found.curves.own_errors[np.isfinite(found.curves.own_errors)]
    return 2 * float(np.median(errors if len(errors) else found.studies[0].sd))


def _with_unit(name: str, unit: str) -> str:
    """Return a label with its unit, in brackets unless the unit has brackets itself.

    Examples
    --------
    >>> _with_unit("sd", "ms"), _with_unit("sd", "log(pCi/L)"), _with_unit("sd", "")
    ('sd (ms)', 'sd, log(pCi/L)', 'sd')
    """
    if not unit:
        return name
    return f"{name}, {unit}" if "(" in unit else f"{name} ({unit})"


def _check_complete(fit: Fit) -> None:
    """Refuse fixed effects that are infinite without a prior: they are so at every sd of the slider."""
    if complete_pooling(fit).infinite is not None:
        raise DataError(
            "the fixed effects have no finite estimate under the flat priors of this page",
            got="a predictor, or a category, that separates the outcomes; or one outcome only",
            allowed="fixed effects with a maximum of the likelihood",
            do="leave out the predictor that separates the outcomes, or use pp.prior_grid, which keeps all priors",
        )


def _seed(fit: Fit, seed: int | None) -> int:
    """Return the seed of the refits: the given one, else the fit's, else a new one."""
    stored = int(fit.tree.attrs.get("seed", -1))
    if seed is None and stored >= 0:
        return stored
    source = seed_sequence(seed)
    return int(source.generate_state(1)[0]) if seed is None else int(seed)
