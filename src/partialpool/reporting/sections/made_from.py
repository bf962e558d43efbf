"""How the page can be made again: versions, settings, seed."""

import json

from partialpool.fitting.fit import Fit
from partialpool.reporting.section import Section
from partialpool.tabulate import TextTable

__all__ = ["made_from"]

_OF_EVERY_ENGINE = ("draws", "chains", "seed")
"""The others steer the nuts engine."""


def made_from(fit: Fit) -> Section:
    """Tabulate the software and the settings that made the draws."""
    attrs = fit.tree.attrs
    versions = tuple(json.loads(attrs["versions"]).items())
    settings = tuple(
        (name, _plain(value))
        for name, value in fit.run.settings.items()
        if value != {} and (name in _OF_EVERY_ENGINE or fit.run.card.takes_every_setting)
    )
    return Section(
        prose=("The same model, data, settings and versions give the same draws where a seed was set.",),
        tables=(
            TextTable(("setting", "value"), settings, title="Settings"),
            TextTable(("software", "version"), versions, title="Versions"),
        ),
    )


def _plain(value: object) -> str:
    return "not set" if value is None else json.dumps(value).strip('"')
