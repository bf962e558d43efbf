"""Store of a study's fits in a folder, each under a name derived from everything that determines its draws."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Final

from partialpool.fitting.fit import Fit
from partialpool.fitting.load_fit import load_fit
from partialpool.sampling.pack import FORMAT
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec

__all__ = ["address", "keep_fit", "kept_fit"]

_MARK: Final = "study_cell"
"""Attribute of a stored fit that repeats its address, since a file of that name may have another origin."""


def address(spec: ModelSpec, table: str, engine: str, settings: Settings) -> str:
    """Return the name under which a fit is stored: a digest of everything that determines its draws, and nothing else.

    Parameters
    ----------
    spec
        The model with its priors.
    table
        The data's digest.
    engine
        The engine's name, not `auto`.
    settings
        The sampling settings; cores and progress do not change the draws.
    """
    facts = {
        "format": FORMAT,
        "version": version("partialpool"),
        "spec": spec.to_toml(),
        "table": table,
        "engine": engine,
        "settings": settings.as_record(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def keep_fit(fit: Fit, folder: Path, name: str) -> None:
    """Write a fit under its address.

    Raises
    ------
    FileError
        It cannot be written.
    """
    fit.tree.attrs[_MARK] = name
    fit.save(_path(folder, name))


def kept_fit(folder: Path, name: str, shape: tuple[int, int]) -> Fit | None:
    """Return the stored fit with this number of chains and draws; None if there is no such fit."""
    try:
        if not _path(folder, name).exists():
            return None
        fit = load_fit(_path(folder, name))
        sizes = fit.posterior.sizes
    except Exception:  # an unreadable file of any kind: the fit can be made again
        return None
    return fit if (sizes["chain"], sizes["draw"]) == shape and fit.tree.attrs.get(_MARK) == name else None


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.nc"
