"""The gallery's format: one TOML file with a model, its data, its sampling options, and a note on what it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from partialpool.errors import SpecError
from partialpool.intervals import central_ends
from partialpool.spec.model import ModelSpec
from partialpool.spec.toml import check_keys, parse_toml, read_toml_file, section

__all__ = ["DataSource", "ModelFile", "read_model_file"]

SAMPLING_KEYS: Final = (
    "draws",
    "tune",
    "chains",
    "seed",
    "engine",
    "sampler",
    "target_accept",
    "parametrization",
)


@dataclass(frozen=True)
class DataSource:
    """Where the table comes from: a data set of the package, or files next to the TOML file, and how to read them.

    Attributes
    ----------
    dataset, files
        One of them; several files are completed tables of one table with missing values.
    encoding, na_values
        Encoding of a text file, and words that mean a missing value.
    reference
        By column, the category that the others are compared with; the first one of columns that are not named.
    """

    dataset: str | None = None
    files: tuple[Path, ...] = ()
    encoding: str | None = None
    na_values: tuple[str, ...] = ()
    reference: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelFile:
    """One worked model.

    Attributes
    ----------
    spec
        The model.
    data
        Where its table is.
    sampling
        Keyword arguments for `fit`: draws, tune, chains, seed, engine, sampler, target_accept, parametrization.
    labels
        What tables, reports and pictures write for names of the model.
    prob
        Probability of the intervals that are printed and drawn; None for the package's default.
    title, source, shows
        A heading, where the data come from, and one sentence on what the model shows.
    """

    spec: ModelSpec
    data: DataSource
    sampling: Mapping[str, Any]
    labels: Mapping[str, str]
    prob: float | None
    title: str
    source: str
    shows: str


def read_model_file(path: str | Path) -> ModelFile:
    """Read a worked model.

    Raises
    ------
    FileError
        The file does not exist or is not text.
    SpecError
        The file is not TOML, or it has keys or values that are not allowed.
    """
    text = read_toml_file(path)
    path = Path(path)
    document = parse_toml(text)
    sampling = section(document, "sampling")
    check_keys("[sampling]", sampling, SAMPLING_KEYS)
    about = {key: document.get(key, "") for key in ("title", "source", "shows")}
    if not all(isinstance(value, str) for value in about.values()):
        raise SpecError(
            "title, source and shows must be text", got=repr(about), allowed="text", do="put them in quotes"
        )
    prob = document.get("prob")
    if prob is not None:
        central_ends(prob)
    return ModelFile(
        spec=ModelSpec.from_toml_text(text, folder=path.parent),
        data=_read_source(section(document, "data"), path.parent),
        sampling=MappingProxyType(sampling),
        labels=MappingProxyType(section(document, "labels")),
        prob=prob,
        title=about["title"] or path.stem,
        source=about["source"],
        shows=about["shows"],
    )


def _read_source(table: Mapping[str, Any], folder: Path) -> DataSource:
    check_keys("[data]", table, ("dataset", "file", "files", "encoding", "na_values", "reference"))
    encoding, words, reference = table.get("encoding"), table.get("na_values", ()), _references(table)
    match {key: value for key, value in table.items() if key != "reference"}:
        case {"dataset": str(name), **others} if not others:
            return DataSource(dataset=name, reference=reference)
        case {"file": str(name)} if not {"dataset", "files"} & set(table) and isinstance(encoding, str | None):
            return DataSource(None, (folder / name,), encoding, _words(words), reference)
        case {"files": [str(), str(), *_] as names} if not {"dataset", "file"} & set(table) and _all_text(names):
            if isinstance(encoding, str | None):
                files = tuple(folder / name for name in names)
                return DataSource(None, files, encoding, _words(words), reference)
    raise SpecError(
        "[data] must name one table, or several completed ones",
        got=repr(dict(table)),
        allowed="dataset = 'sleepstudy', or file = 'table.csv' (next to the TOML file), or files = ['a.csv', 'b.csv'], "
        "completed by multiple imputation; with encoding = 'cp1252' if the text is not UTF-8, and "
        "na_values = ['?'] for other missing values than NA",
        do="give one of dataset, file and files",
    )


def _all_text(names: Sequence[Any]) -> bool:
    return all(isinstance(name, str) for name in names)


def _references(table: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the reference category of each column; numbers and booleans as they are written."""
    stated = table.get("reference", {})
    if isinstance(stated, dict) and all(isinstance(value, str | int | float) for value in stated.values()):
        return MappingProxyType({column: str(value) for column, value in stated.items()})
    raise SpecError(
        "reference in [data] must name a category for each column",
        got=repr(stated),
        allowed="a table of columns and categories",
        do='for instance reference = { habitat = "meadow" }',
    )


def _words(stated: object) -> tuple[str, ...]:
    """Return the words for missing values; numbers as they are written."""
    if isinstance(stated, list | tuple) and all(isinstance(w, str | int | float) for w in stated):
        return tuple(map(str, stated))
    raise SpecError(
        "na_values in [data] must be a list",
        got=repr(stated),
        allowed="the words that mean a missing value",
        do='for instance na_values = ["?", "n.d.", -99]',
    )
