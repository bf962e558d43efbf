"""Options that several commands take."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from partialpool.errors import FileError, SpecError
from partialpool.intervals import DEFAULT_PROB, central_ends

__all__ = [
    "OF_FILE",
    "a_path",
    "add_command",
    "add_interval_option",
    "add_reading_options",
    "add_sampling_options",
    "add_table_options",
    "interval_of_file",
    "reading_options",
    "sampling_overrides",
    "split_pairs",
]

OF_FILE = "; default: the model file's, or 0.95"
"""Where commands that take a model file find the probability of intervals."""


def a_path(text: str) -> Path:
    """Return a path; refuse an empty text (a script's unset variable), which would mean the current folder."""
    if not text:
        raise FileError(
            "an empty name was given", got="''", allowed="a file or a folder", do="name one, or check the variable"
        )
    return Path(text)


def probability(text: str) -> float:
    """Return the probability of an interval; argparse shows this function's name where the text is no number."""
    prob = float(text)
    central_ends(prob)  # refused here, before sampling
    return prob


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Add a command, which `run` carries out and which `text` describes."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def add_table_options(command: argparse.ArgumentParser) -> None:
    """Add a formula's table, family and link, and how to read the table."""
    command.add_argument(
        "table", type=a_path, nargs="?", help="with a formula: a CSV, TSV, Parquet, Feather or Excel file"
    )
    command.add_argument("--family", help="with a formula: the family of the response; default: gaussian")
    command.add_argument("--link", help="with a formula: the link; default: the family's")
    command.add_argument(
        "--reference",
        nargs="+",
        default=(),
        metavar="COLUMN=CATEGORY",
        help="with a formula: the category that the others of a column are compared with; default: the first one",
    )
    add_reading_options(command, before="with a formula: ")


def add_reading_options(command: argparse.ArgumentParser, before: str = "") -> None:
    """Add how to read a table: its encoding, and its words for missing values."""
    command.add_argument("--encoding", help=f"{before}the encoding of a text file, cp1252 for instance; default: utf-8")
    command.add_argument(
        "--na-values",
        nargs="+",
        default=(),
        metavar="WORD",
        help=f'{before}words that mean a missing value, besides NA and the like, for instance --na-values "?" -99',
    )


def reading_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return how to read a table, as keywords of `read_table_file`."""
    return {"encoding": options.encoding, "na_values": tuple(options.na_values)}


def add_sampling_options(command: argparse.ArgumentParser) -> None:
    """Add the settings of the sampler."""
    command.add_argument("--draws", type=int, help="kept draws per chain")
    command.add_argument("--tune", type=int, help="warm-up draws per chain")
    command.add_argument("--chains", type=int)
    command.add_argument("--seed", type=int, help="makes the draws exactly reproducible")
    command.add_argument("--engine", help="'auto' or an engine's name")
    command.add_argument("--sampler", choices=("nutpie", "pymc"))
    command.add_argument("--quiet", action="store_true", help="no progress line")


def add_interval_option(command: argparse.ArgumentParser, more: str = "; default: 0.95") -> None:
    """Add the probability of the intervals."""
    command.add_argument("--prob", type=probability, help=f"probability of the intervals{more}")


def interval_of_file(options: argparse.Namespace, path: str | Path) -> float:
    """Return the probability of the intervals: the option's, the model file's, or the package's default."""
    from partialpool.spec.modelfile import read_model_file  # noqa: PLC0415 - keeps `--help` fast

    given = options.prob if options.prob is not None else read_model_file(a_path(str(path))).prob
    return DEFAULT_PROB if given is None else given


def sampling_overrides(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, as keywords of `fit`."""
    names = ("draws", "tune", "chains", "seed", "engine", "sampler")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return given | {"progressbar": not options.quiet}


def split_pairs(pairs: Sequence[str], *, option: str, example: str) -> dict[str, str]:
    """Return what an option such as `--labels Days="Days awake"` states, by name.

    Raises
    ------
    SpecError
        A word has no `=`, or a name is given twice.

    Examples
    --------
    >>> split_pairs(["Days=Days awake", "g=Site"], option="--labels", example="g=Site")
    {'Days': 'Days awake', 'g': 'Site'}
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals or name in found:
            raise SpecError(
                f"{option} takes pairs of a name and what belongs to it, each name once",
                got=repr(pair),
                allowed=f"name=text, for instance {example}",
                do="write an = between the two; put quotation marks around a pair with spaces",
            )
        found[name] = value
    return found
