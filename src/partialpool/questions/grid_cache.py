"""Fits that a study keeps in a folder, each under a name that comes from what its draws depend on."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pandas as pd

from partialpool.fitting.fit import Fit, load_fit
from partialpool.sampling.pack import FORMAT
from partialpool.sampling.settings import Settings
from partialpool.spec.model import ModelSpec

__all__ = ["address", "keep_fit", "kept_fit", "table_digest"]

_MARK: Final = "study_cell"
"""Attribute of a kept fit that says its address once more: a file's name may be anybody's."""


def address(spec: ModelSpec, table: str, engine: str, settings: Settings) -> str:
    """Return the name under which a fit is kept: a digest of everything its draws depend on, and of nothing else.

    Parameters
    ----------
    spec
        The model with its priors.
    table
        The data's digest.
    engine
        The engine's name, not `auto`.
    settings
        How it samples; cores and progress change no draw.
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


def table_digest(table: pd.DataFrame) -> str:
    """Return a digest of a table: its columns, their kinds and its values."""
    # The order of categories decides which is the reference, and of an ordinal response what is more.
    kinds = [
        [str(t), *((list(t.categories), t.ordered) if isinstance(t, pd.CategoricalDtype) else ())] for t in table.dtypes
    ]
    digest = hashlib.sha256(json.dumps([list(table.columns), kinds], default=str).encode())
    digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()


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
    """Return a fit of so many chains and draws that was kept before; None where there is none, or something else."""
    try:
        if not _path(folder, name).exists():
            return None
        fit = load_fit(_path(folder, name))
        sizes = fit.posterior.sizes
    except Exception:  # whatever the file holds: the fit can be made again
        return None
    return fit if (sizes["chain"], sizes["draw"]) == shape and fit.tree.attrs.get(_MARK) == name else None


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.nc"
