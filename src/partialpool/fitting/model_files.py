"""Fit a model file: a TOML file that specifies the model, its data and the sampling settings."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from partialpool.datasets.load import load_dataset
from partialpool.design.build import build_design
from partialpool.design.label_names import check_labels
from partialpool.errors import PartialPoolWarning
from partialpool.fitting.fit import Fit, fit
from partialpool.fitting.reference_categories import with_references
from partialpool.fitting.table_file import read_table_file
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.modelfile import DataSource, read_model_file
from partialpool.spec.terms import factor_columns

__all__ = ["columns_of_factors", "fit_file", "read_source"]


@explains_keywords
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
    table = read_source(model.data, model.spec)
    if model.labels:  # refused before sampling
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartialPoolWarning)  # `fit` gives them
            check_labels([build_design(model.spec, table)], model.labels)
    made = fit(model.spec, table, **(dict(model.sampling) | overrides))
    return made.with_labels(model.labels) if model.labels else made


def read_source(source: DataSource, spec: ModelSpec) -> pd.DataFrame:
    """Read the table that a model file names: a data set of the package, or a file as `read_table_file` does.

    Parameters
    ----------
    source
        Where the table is.
    spec
        The model, which names the grouping factors.

    Raises
    ------
    FileError
        The file cannot be read.
    DataError
        No such embedded data set; a reference category that the table does not have.
    """
    if source.dataset is not None:
        table = load_dataset(source.dataset)
    else:
        table = read_table_file(
            source.file or Path(), columns_of_factors(spec), encoding=source.encoding, na_values=source.na_values
        )
    return with_references(table, source.reference, spec) if source.reference else table


def columns_of_factors(spec: ModelSpec) -> set[str]:
    """Return the columns of the table that are read as labels."""
    return {column for name in spec.factors for column in factor_columns(name)}
