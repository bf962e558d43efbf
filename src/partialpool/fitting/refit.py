"""Repeat a fit on other rows or under other priors, with the same engine and settings."""

from dataclasses import fields, replace

from partialpool.design.design import Design
from partialpool.fitting.fit import Fit
from partialpool.model.prior_set import PriorSet
from partialpool.sampling.choose import load_engine
from partialpool.sampling.pack import pack
from partialpool.sampling.settings import Settings

__all__ = ["repeat_fit"]


def repeat_fit(fit: Fit, *, design: Design | None = None, priors: PriorSet | None = None, seed: int | None) -> Fit:
    """Fit the same model to other rows or under other priors, by the same engine with the same settings.

    Parameters
    ----------
    fit
        The fit to repeat.
    design, priors
        The rows or priors that differ.
    seed
        Seed of the draws.

    Returns
    -------
    Fit
        Only for immediate use: a saved file would not record rows or priors that are not in the specification.
    """
    run = fit.run
    known = {field.name: run.settings[field.name] for field in fields(Settings) if field.name in run.settings}
    settings = replace(Settings(**known), seed=seed, progressbar=False, keep_z=False)
    engine = load_engine(run.engine)
    used, stated = design or fit.design, priors or fit.priors
    raw = engine.run(used, stated, settings)
    tree = pack(raw, used, stated, settings, engine=engine.name, reason="as the fit it repeats")
    return Fit(fit.spec, used, stated, tree)
