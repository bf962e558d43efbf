"""The explorer: one HTML page on which partial pooling is taken in hand."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from partialpool.design.build import Design
from partialpool.errors import DataError, nearest
from partialpool.explorer.axis import LAST, PLAIN, SdAxis
from partialpool.explorer.curves import PoolingCurves, chosen_effect, pooling_curves
from partialpool.explorer.lesson import is_balanced, things_to_try
from partialpool.explorer.outlines import Outline, outline
from partialpool.explorer.pictures import THUMB, bokeh_script, icc_picture, levels_picture, sd_picture
from partialpool.explorer.studies import FAMILIES, OWN, SCALES, Study, prior_studies
from partialpool.files import whole_file
from partialpool.fitting import Fit
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, printable, short
from partialpool.reporting.limits import MOST_LEVELS
from partialpool.reporting.pagemaker import page_environment
from partialpool.reporting.wording import effect_units, response_name
from partialpool.seeds import seed_sequence
from partialpool.tabulate import number

__all__ = ["explore", "render_explorer"]

_DIGITS: Final = 10
"""Significant digits of the curves on the page."""
_ICC_POINTS: Final = 201


def explore(
    fit: Fit,
    path: str | Path,
    *,
    factor: str | None = None,
    effect: str | None = None,
    levels: Sequence[Any] | None = None,
    seed: int | None = None,
    progressbar: bool = True,
) -> Path:
    """Write a page on which the sd of a factor is moved by hand, and every level's estimate moves with it.

    The page needs nothing else: no network, no server. At the left end of its slider stands complete pooling, at the
    right end no pooling, and the posterior of the sd in between, at what the data say. Another prior of the sd can be
    chosen; the posteriors of the sd and of the ICC follow.

    Estimates are exact given the sd: E(common effect + b_j | sd, y), with sigma and the sds of other factors at their
    posterior medians, correlations at their means, common effects under flat priors (generalised least squares). The
    sds of the factor's other effects move in proportion, so that the ends are one line for all levels and a line of its
    own for each. The page interpolates between 201 sds.

    Posteriors under other priors of the sd are full refits by the collapsed engine, nothing is reweighted: four
    families (half-normal, half-t with 3 degrees of freedom, half-Cauchy, exponential) at nine scales, from a 64th of
    the fit's own to four times that.

    Parameters
    ----------
    fit
        A fit of a normal response (gaussian or lognormal, identity link) by either engine.
    path
        The file to write, for instance `explorer.html`. It appears only when it is whole.
    factor
        Its grouping factor; the first if left out.
    effect
        The factor's effect whose sd is moved; the intercept, where there is one, if left out.
    levels
        Labels of the levels to show; left out, all of them, or 200 from those with fewest rows to those with most.
        The estimates are those of the whole model either way.
    seed
        Of the refits; the fit's own if left out.
    progressbar
        Whether to show how many refits are made.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        Another family; no groups; no such factor, effect or level; a factor whose levels have a known covariance.
    EngineError
        The columns of the other factors do not fit into memory.
    FileError
        The folder is not there or cannot be written to, or a folder, a device or a pipe has this name.

    Examples
    --------
    >>> import tempfile
    >>> import partialpool as pp
    >>> schools = pp.load_dataset("eight_schools")
    >>> fit = pp.fit("effect ~ 1 + (1 | school)", schools, se="standard_error", seed=1, progressbar=False)
    >>> pp.explore(fit, Path(tempfile.mkdtemp()) / "explorer.html", progressbar=False).name
    'explorer.html'
    """
    with whole_file(path, doing="write the explorer") as temporary:
        text = render_explorer(fit, factor=factor, effect=effect, levels=levels, seed=seed, progressbar=progressbar)
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def render_explorer(
    fit: Fit,
    *,
    factor: str | None = None,
    effect: str | None = None,
    levels: Sequence[Any] | None = None,
    seed: int | None = None,
    progressbar: bool = True,
) -> str:
    """Return the page as text."""
    _check_normal(fit)
    # 1. What is explored.
    design = fit.design
    chosen, effect = chosen_effect(design, factor, effect)
    kept = _kept(chosen.levels.labels, np.bincount(chosen.codes, minlength=chosen.n_levels), levels)
    seed = _seed(fit, seed)
    # 2. The numbers.
    studies = prior_studies(fit, chosen, effect, seed=seed, progressbar=progressbar)
    axis = SdAxis(_edge(studies))
    curves = pooling_curves(fit, chosen, effect, axis.sds)
    at = round(axis.step_of(float(np.median(studies[0].sd))))
    order = _order(curves, at, kept)
    others = [name for name in chosen.names if name != effect]
    unit = effect_units(fit, chosen.names).get(effect, "")
    decimals = int(max(0, 2 - np.floor(np.log10(np.median(studies[0].sd)))))
    scales = [float(times * _center(studies)) for times in SCALES]
    numbers = {
        "plain": PLAIN,
        "last": LAST,
        "unit": unit,
        "decimals": decimals,
        "sds": _listed(curves.sds),
        "population": _listed(curves.population),
        "values": [_listed(row[order]) for row in curves.values],
        "weights": [_listed(row[order], 5) for row in curves.weights],
        "errors": _listed(curves.own_errors[order]),
        "rows": curves.rows[order].tolist(),
        "names": [curves.labels[k] for k in order],
        "ranks": _ranks(curves, order),
        "studies": [_outlined(study, scales, axis) for study in studies],
        "scales": [number(scale) for scale in scales],
        "own_scale": SCALES.index(1.0),
    }
    # 3. The pictures and the words.
    seen = curves.values[:, order]
    label = f"{effect}{f' ({unit})' if unit else ''}"
    names = [short(curves.labels[k], 18) for k in order[::-1]]
    pictures = [
        sd_picture(axis),
        icc_picture(),
        levels_picture(names, float(np.nanmin(seen)), float(np.nanmax(seen)), short(label, 60)),
    ]

    def say(value: float) -> str:
        return f"{value:.{decimals}f}{f' {unit}' if unit else ''}".replace("-", "\N{MINUS SIGN}", value < 0)

    environment = page_environment("explorer/templates")
    # Bokeh reads a model before what refers to it: the order of keys matters.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "separators": (",", ":"), "allow_nan": False}
    text = environment.get_template("explorer.html").render(
        about=_about(fit, chosen.name, effect, unit),
        levels=[(curves.labels[k], int(curves.rows[k])) for k in order],
        balanced=is_balanced(curves.weights[at]),
        left_out=chosen.n_levels - len(order),
        n_levels=chosen.n_levels,
        others=others,
        other_factors=[f.name for f in design.factors if f is not chosen],
        known=design.se is not None,
        families=[OWN] * (studies[0].family == OWN) + list(FAMILIES),
        scales=scales,
        has_icc=any(len(study.icc) for study in studies),
        tries=things_to_try(curves, at, factor=chosen.name, others=others, studies=studies, say=say),
        numbers=numbers,
        pictures=pictures,
        bokeh=bokeh_script(),
        thumb=THUMB,
        last=LAST,
        start=at,
        colors={"blue": BLUE, "vermilion": VERMILION, "ink": INK, "grey": GREY},
        version=json.loads(fit.tree.attrs["versions"])["partialpool"],
    )
    return printable(text)


def _check_normal(fit: Fit) -> None:
    if not fit.spec.is_normal:
        raise DataError(
            "the explorer works out estimates at every sd exactly, which only a normal response allows",
            got=f"family {fit.spec.family!r}, link {fit.spec.link!r}",
            allowed="family 'gaussian' or 'lognormal' with the identity link",
            do="use pp.prior_grid to see what other priors of the sds would make of this model",
        )


def _kept(labels: Sequence[Any], rows: np.ndarray, levels: Sequence[Any] | None) -> np.ndarray:
    """Positions of the levels to show."""
    if levels is None:
        if len(labels) <= MOST_LEVELS:
            return np.arange(len(labels))
        by_rows = np.argsort(rows, kind="stable")
        return by_rows[np.linspace(0, len(labels) - 1, MOST_LEVELS).round().astype(int)]
    wanted = [levels] if isinstance(levels, str) else list(levels)
    unknown = [level for level in wanted if level not in labels]
    if unknown or not wanted:
        raise DataError(
            "no such level" if unknown else "no level is named",
            got=", ".join(map(repr, unknown)) or "an empty list",
            allowed=nearest(str(unknown[0]) if unknown else "", map(str, labels)),
            do="name some of these, or leave levels= out",
        )
    return np.array(sorted({list(labels).index(level) for level in wanted}))


def _seed(fit: Fit, seed: int | None) -> int:
    """Return the seed of the refits: what is given, or the fit's own, or a new one."""
    stored = int(fit.tree.attrs.get("seed", -1))
    if seed is None and stored >= 0:
        return stored
    source = seed_sequence(seed)
    return int(source.generate_state(1)[0]) if seed is None else int(seed)


def _edge(studies: Sequence[Study]) -> float:
    """Return the largest sd drawn to scale: room for the posteriors, but not for the tail that a vague prior leaves."""
    own = studies[0].sd
    median, high = (float(q) for q in np.quantile(own, [0.5, 0.95]))
    widest = max(float(np.quantile(study.sd, 0.95)) for study in studies if len(study.sd))
    return max(1.15 * high, min(1.15 * widest, 6 * median), 2.2 * median)


def _center(studies: Sequence[Study]) -> float:
    """Return the scale that the others are multiples of."""
    return max(study.scale for study in studies if study.family != OWN) / max(SCALES)


def _order(curves: PoolingCurves, at: int, kept: np.ndarray) -> np.ndarray:
    """Positions of the levels from the highest own estimate to the lowest; where there is none, by partial pooling."""
    own = np.where(np.isfinite(curves.values[-1]), curves.values[-1], curves.values[at])
    return kept[np.argsort(-own[kept], kind="stable")]


def _ranks(curves: PoolingCurves, order: np.ndarray) -> dict[str, list[int]]:
    """Row of the picture of each level, from 1 at the foot: by own estimate, and by how well its rows tell it."""
    errors = np.where(np.isfinite(curves.own_errors), curves.own_errors, np.inf)[order]
    by_error = np.empty(len(order), int)
    by_error[np.argsort(-errors, kind="stable")] = np.arange(1, len(order) + 1)
    return {"estimate": list(range(len(order), 0, -1)), "information": by_error.tolist()}


def _outlined(study: Study, scales: Sequence[float], axis: SdAxis) -> dict[str, Any]:
    """Write one prior's curves as the page takes them."""
    scale = [k for k, size in enumerate(scales) if np.isclose(size, study.scale, rtol=1e-9)]
    out: dict[str, Any] = {"family": study.family, "scale": scale[0] if scale else None, "good": study.good}
    out["sd"] = out["icc"] = None
    if len(study.sd):
        curve = outline(study.sd, study.prior, axis.sds[: PLAIN + 1], np.inf)
        steps = {name: axis.step_of(getattr(curve, name)) for name in ("low", "median", "high")}
        out["sd"] = _curve(curve) | {"steps": steps}
    if len(study.icc):
        out["icc"] = _curve(outline(study.icc, study.prior_icc, np.linspace(0, 1, _ICC_POINTS), 1.0))
    return out


def _curve(curve: Outline) -> dict[str, Any]:
    return {
        "posterior": _listed(curve.posterior, 4),
        "prior": _listed(curve.prior, 4),
        "low": curve.low,
        "median": curve.median,
        "high": curve.high,
        "beyond": round(curve.beyond, 4),
    }


def _listed(values: np.ndarray, digits: int = _DIGITS) -> list[float | None]:
    """Write numbers to some significant digits; what is no finite number becomes a gap."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values.tolist()]


def _about(fit: Fit, factor: str, effect: str, unit: str) -> dict[str, Any]:
    design: Design = fit.design
    return {
        "factor": factor,
        "effect": effect,
        "unit": unit,
        "response": response_name(fit),
        "formula": str(fit.spec),
        "rows": design.n_rows,
        "log": fit.spec.family == "lognormal",
    }
