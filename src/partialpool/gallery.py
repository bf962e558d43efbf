"""Worked models: a TOML file with its data, fitted as it says."""

from pathlib import Path
from typing import Any

import pandas as pd

from partialpool.datasets.load import load_dataset
from partialpool.errors import FileError
from partialpool.fitting import Fit, fit
from partialpool.spec.modelfile import DataSource, read_model_file

__all__ = ["fit_file", "read_source"]


def fit_file(path: str | Path, **overrides: Any) -> Fit:
    """Fit a worked model as its file says.

    Parameters
    ----------
    path
        A TOML file in the gallery's format, for instance `models/sleepstudy.toml`.
    **overrides
        Sampling settings that replace the file's, as for `fit`: draws, chains, seed, engine, ...

    Raises
    ------
    FileError, SpecError, DataError
        What is wrong, what was found, what is allowed, what to do.
    """
    model = read_model_file(path)
    return fit(model.spec, read_source(model.data), **(dict(model.sampling) | overrides))


def read_source(source: DataSource) -> pd.DataFrame:
    """Read the table a model file names.

    Raises
    ------
    FileError
        The CSV file cannot be read.
    DataError
        No such embedded data set.
    """
    if source.dataset is not None:
        return load_dataset(source.dataset)
    path = source.file or Path()
    try:
        return pd.read_csv(path)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise FileError(
            "cannot read the data file",
            got=f"{path}: {error}",
            allowed="a CSV file beside the model file",
            do="check `file` under [data]",
        ) from error
