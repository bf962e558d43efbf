"""Fit a model file: a TOML file that specifies the model, its data and the sampling settings."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from partialpool.datasets.load import load_dataset
from partialpool.errors import FileError
from partialpool.fitting.fit import Fit, fit
from partialpool.spec.model import ModelSpec
from partialpool.spec.modelfile import DataSource, read_model_file
from partialpool.spec.terms import factor_columns

__all__ = ["fit_file", "read_source"]

_LEADING_ZERO: Final = r"0\d+"
_NUMBER: Final = r"-?(0|[1-9]\d{0,17})(\.\d+)?"
_OTHER_SEPARATORS: Final = ";\t|"


def fit_file(path: str | Path, **overrides: Any) -> Fit:
    """Fit the model of a model file.

    Parameters
    ----------
    path
        A TOML file in the gallery's format, for instance `models/sleepstudy.toml`.
    **overrides
        Sampling settings that replace the file's, as for `fit`: draws, chains, seed, engine, ...

    Raises
    ------
    FileError, SpecError, DataError
        The file, the model or the table is not valid. The message states what is wrong, what was found, what is
        allowed and what to do.
    """
    model = read_model_file(path)
    return fit(model.spec, read_source(model.data, model.spec), **(dict(model.sampling) | overrides))


def read_source(source: DataSource, spec: ModelSpec) -> pd.DataFrame:
    """Read the table that a model file names.

    Labels are kept as they are in the file: `1`, `01` and `1.0` are three levels. A grouping factor's labels become
    numbers only where all are written as numbers and no two are the same number, so that a dose can be both a factor
    and a predictor. A column with an integer that begins with 0, such as a postal code, stays text.

    Parameters
    ----------
    source
        A data set of the package, or a file: `.parquet`, `.tsv` (tab-separated), otherwise comma-separated.
    spec
        The model, which names the grouping factors.

    Raises
    ------
    FileError
        The file cannot be read, or its columns are not separated by commas.
    DataError
        No such embedded data set.
    """
    if source.dataset is not None:
        return load_dataset(source.dataset)
    path = source.file or Path()
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return _read_text(path, {column for name in spec.factors for column in factor_columns(name)})
    except (OSError, ValueError) as error:
        raise FileError(
            "cannot read the data file",
            got=f"{path}: {error}",
            allowed="a CSV file in UTF-8, a TSV or a Parquet file, beside the model file",
            do="check `file` under [data]; a table in another encoding: save it as UTF-8",
        ) from error


def _read_text(path: Path, factors: set[str]) -> pd.DataFrame:
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    text = pd.read_csv(path, sep=separator, dtype=str)
    if text.shape[1] == 1 and any(other in text.columns[0] for other in _OTHER_SEPARATORS):
        raise FileError(
            "the data file has no commas between its columns",
            got=f"{path} with the header {text.columns[0][:60]!r}",
            allowed="commas in a .csv file, tabs in a .tsv file",
            do="save the table with commas between columns; a table with tabs: name the file .tsv",
        )
    kept = [
        c for c in text if text[c].str.fullmatch(_LEADING_ZERO).any() or (c in factors and not _are_numbers(text[c]))
    ]
    return pd.read_csv(path, sep=separator, dtype=dict.fromkeys(kept, str))


def _are_numbers(labels: pd.Series) -> bool:
    """Whether every label is written as a number, and no two labels are the same number."""
    distinct = labels.dropna().drop_duplicates()
    return bool(distinct.str.fullmatch(_NUMBER).all()) and pd.to_numeric(distinct).nunique() == len(distinct)
