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
from partialpool.fitting.imputed import fit_imputed
from partialpool.fitting.reference_categories import with_references
from partialpool.fitting.table_file import read_table_file
from partialpool.spec.keywords import explains_keywords
from partialpool.spec.model import ModelSpec
from partialpool.spec.modelfile import DataSource, read_model_file
from partialpool.spec.terms import factor_columns

__all__ = ["columns_of_factors", "fit_file", "read_sources"]


@explains_keywords
def fit_file(path: str | Path, **overrides: Any) -> Fit:
    """Fit the model of a model file; several files of its table are completed tables, as for `fit_imputed`.

    Parameters
    ----------
    path
        A TOML file in the gallery's format, for instance `models/sleepstudy.toml`.
    **overrides
        Sampling settings that replace the file's, as for `fit`: draws, chains, seed, engine, ...

    Returns
    -------
    Fit
        As `fit` returns it. The file's `prob` is of the command line: here each question takes `prob=`.

    Raises
    ------
    FileError, SpecError, DataError
        The file, the model or the table is not valid. The message states what is wrong, what was found, what is
        allowed and what to do.
    """
    model = read_model_file(path)
    tables, options = read_sources(model.data, model.spec), dict(model.sampling) | overrides
    if model.labels:  # refused before sampling
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartialPoolWarning)  # `fit` gives them
            check_labels([build_design(model.spec, tables[0])], model.labels)
    made = fit(model.spec, tables[0], **options) if len(tables) == 1 else fit_imputed(model.spec, tables, **options)
    return made.with_labels(model.labels) if model.labels else made


def read_sources(source: DataSource, spec: ModelSpec) -> list[pd.DataFrame]:
    """Read the tables that a model file names: a data set of the package, or files as `read_table_file` does.

    Parameters
    ----------
    source
        Where the tables are.
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
        tables = [load_dataset(source.dataset)]
    else:
        labels = columns_of_factors(spec)
        tables = [
            read_table_file(file, labels, encoding=source.encoding, na_values=source.na_values) for file in source.files
        ]
    return [with_references(table, source.reference, spec) if source.reference else table for table in tables]


def columns_of_factors(spec: ModelSpec) -> set[str]:
    """Return the columns of the table that are read as labels."""
    return {column for name in spec.factors for column in factor_columns(name)}
