"""Fit a formula to a table's file, as `fit` and `check` do."""

import argparse
import re
from typing import Any

from partialpool.commands.options import reading_options, sampling_overrides, split_pairs
from partialpool.errors import PartialPoolError, SpecError

__all__ = ["fit_of_formula", "is_formula", "refuse_options_of_formula"]


def is_formula(text: str) -> bool:
    """Whether a command was given a formula; a model file's name has no ~."""
    return "~" in text


def fit_of_formula(options: argparse.Namespace) -> Any:
    """Fit the formula of a command to the table beside it.

    Raises
    ------
    SpecError
        There is no table.
    """
    from partialpool.fitting.fit import fit  # noqa: PLC0415 - keeps `--help` fast
    from partialpool.fitting.model_files import columns_of_factors  # noqa: PLC0415
    from partialpool.fitting.reference_categories import with_references  # noqa: PLC0415
    from partialpool.fitting.table_file import read_table_file  # noqa: PLC0415
    from partialpool.spec.options import as_spec  # noqa: PLC0415

    if options.table is None:
        raise SpecError(
            "a formula needs a table",
            got=f"{options.command} {options.model!r} and no file",
            allowed="a formula and the file of its table",
            do=f"for instance: partialpool {options.command} {options.model!r} table.csv",
        )
    try:
        spec = as_spec(options.model, family=options.family, link=options.link)
        table = read_table_file(options.table, columns_of_factors(spec), **reading_options(options))
        references = split_pairs(options.reference, option="--reference", example="habitat=meadow")
        table = with_references(table, references, spec)
        return fit(spec, table, **sampling_overrides(options))
    except PartialPoolError as error:
        raise _with_options(error) from error


def _with_options(error: PartialPoolError) -> PartialPoolError:
    """Write keywords of `fit` in an advice as options of the command line: family='binomial' as --family binomial.

    Examples
    --------
    >>> print(_with_options(SpecError("no", got="a", allowed="b", do="name family='binomial'")).do)
    name --family binomial
    """
    do = re.sub(r"\b(family|link)='(\w+)'", r"--\1 \2", error.do)
    return type(error)(error.wrong, got=error.got, allowed=error.allowed, do=do)


def refuse_options_of_formula(options: argparse.Namespace, *, wrong: str, do: str) -> None:
    """Refuse a table, a family, a link, a reference category and how to read a table beside a file that has its own.

    Raises
    ------
    SpecError
        One of them was given; or a formula stands behind its table.
    """
    if options.table is not None and is_formula(str(options.table)):
        raise SpecError(
            "the formula comes first, then the table",
            got=f"{options.command} {options.model!r} {str(options.table)!r}",
            allowed="a formula, which has a ~, and after it the file of its table",
            do=f"partialpool {options.command} {str(options.table)!r} {options.model}",
        )
    named = ("family", "link", "reference", "encoding", "na_values")
    given = [f"--{name.replace('_', '-')}" for name in named if getattr(options, name)]
    if options.table is not None or given:
        raise SpecError(
            wrong,
            got=", ".join([*([str(options.table)] if options.table else []), *given]) + f" with {options.model}",
            allowed="these with a formula, which has a ~",
            do=do,
        )
