"""Software versions, settings and seed: the information needed to reproduce the fit."""

import json

from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section
from partialpool.tabulate import TextTable

__all__ = ["made_from"]

_OF_EVERY_ENGINE = ("draws", "chains", "seed")
"""Settings that every engine uses; the others apply to the nuts engine only."""


def made_from(reported: Reported) -> Section:
    """Tabulate the software and the settings that produced the draws."""
    fit = reported.fit
    run, versions = fit.run, tuple(json.loads(fit.tree.attrs["versions"]).items())
    settings = (
        ("engine", f"{run.engine}{f' ({run.sampler})' if run.sampler else ''}"),
        ("chosen because", run.reason),
        *(
            (name, _plain(value))
            for name, value in run.settings.items()
            if value != {} and (name in _OF_EVERY_ENGINE or run.card.takes_every_setting)
        ),
    )
    return Section(
        prose=("The same model, data, settings and versions give the same draws if a seed was set.",),
        tables=(
            TextTable(("setting", "value"), settings, title="Settings"),
            TextTable(("software", "version"), versions, title="Versions"),
        ),
    )


def _plain(value: object) -> str:
    return "not set" if value is None else json.dumps(value).strip('"')
