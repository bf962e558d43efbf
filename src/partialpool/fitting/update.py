"""Add rows to a fit, under its priors."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from partialpool.design.append_rows import FIT_TOGETHER, append_rows
from partialpool.design.one_sided_categories import one_sided_in_words
from partialpool.design.table import Missing
from partialpool.errors import DataError, SamplingWarning, warn
from partialpool.fitting.convergence import alarm
from partialpool.fitting.fit import Fit
from partialpool.sampling.choose import ENGINES, load_engine, load_engine_of_moments
from partialpool.sampling.pack import pack
from partialpool.sampling.settings import Settings
from partialpool.workers import single_lapack

__all__ = ["updated"]


def updated(fit: Fit, new_rows: Any, *, seed: int | None, missing: Missing, progressbar: bool) -> Fit:
    """Return the fit of the rows so far and new ones; see `Fit.update`."""
    _check_priors_keep_their_meaning(fit)
    run = fit.run
    known = {field.name: run.settings[field.name] for field in fields(Settings) if field.name in run.settings}
    settings = replace(Settings(**known), seed=seed, progressbar=progressbar)
    engine = load_engine(run.engine)
    with single_lapack():
        appended = append_rows(fit.design, new_rows, missing=missing)
        design = appended.whole
        if ENGINES[engine.name].takes_moments:
            so_far, of_moments = fit.accumulated, load_engine_of_moments(engine.name)
            raw = of_moments.run_on(
                design, fit.priors, settings, None if so_far is None else so_far.plus(appended.added)
            )
        else:
            raw = engine.run(design, fit.priors, settings)
        before: Sequence[Sequence[int]] = run.batches or ((fit.design.n_rows, fit.design.n_given),)
        batches = [*map(list, before), [appended.added.n_rows, appended.added.n_given]]
        raw = replace(raw, facts={**raw.facts, "batches": batches})
        tree = pack(raw, design, fit.priors, settings, engine=engine.name, reason="as the fit that it updates")
        trouble = alarm(tree, one_sided=one_sided_in_words(design))
    if trouble:
        warn(f"do not rely on these draws: {trouble}", SamplingWarning)
    made = Fit(design.spec, design, fit.priors, tree, raw.accumulated)
    return made.with_labels(fit.labels) if fit.labels else made


def _check_priors_keep_their_meaning(fit: Fit) -> None:
    """Refuse priors of the ICC where it depends on the mean of 1 / w over the rows, which new rows change."""
    if fit.spec.states_shares and fit.spec.precision is not None:
        raise DataError(
            "a prior of the icc or the total sd would mean something else with new rows",
            got=f"precisions {fit.spec.precision!r}, whose mean is part of the definition",
            allowed="update() of models without precisions, or with priors of the sds",
            do=FIT_TOGETHER,
        )
