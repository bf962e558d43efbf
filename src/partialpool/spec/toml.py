"""TOML tables: those of a model, and the whole file of the gallery."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import tomli_w

from partialpool.distributions.prior import Prior
from partialpool.errors import FileError, SpecError, nearest
from partialpool.spec.additions import CENS, COLUMNS_OF_ROWS, TRUNC
from partialpool.spec.members import Members
from partialpool.spec.parameter_predictor import ParameterPredictor
from partialpool.spec.residual import Residual, read_residual
from partialpool.spec.smooth import Smooth, read_smooth
from partialpool.spec.terms import Group

__all__ = [
    "MODEL_KEYS",
    "SECTIONS",
    "SpecTables",
    "parse_toml",
    "read_spec_tables",
    "read_toml_file",
    "write_spec_tables",
]

_PARTS: Final = ("response", "common", "intercept", "cs", "smooths", "residual", "sigma")
_OF_ROWS: Final = (*COLUMNS_OF_ROWS, CENS, TRUNC)
MODEL_KEYS: Final = ("formula", "family", "link", *_OF_ROWS, *_PARTS)
SECTIONS: Final = (
    "title",
    "source",
    "shows",
    "prob",
    "data",
    "model",
    "group",
    "cov",
    "origin",
    "parameters",
    "priors",
    "units",
    "labels",
    "sampling",
)
NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_GROUP_KEYS: Final = (
    *("factor", "slopes", "intercept", "correlated", "cov", "origin", "covariance", "hom", "by", "dist", "tag"),
    *("members", "weights", "scale"),
)


@dataclass(frozen=True)
class SpecTables:
    """A model as read from TOML: a formula, or its parts; and the options that go with either."""

    formula: str | None
    parts: Mapping[str, Any]
    options: Mapping[str, Any]


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML text and refuse unknown sections.

    Raises
    ------
    SpecError
        Text that is not TOML; an unknown section.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, TypeError, AttributeError, RecursionError) as error:
        raise SpecError(
            "this is not TOML",
            got=str(error) or type(error).__name__,
            allowed="[data], [model], [[group]], [parameters], [priors], [units], [labels], [sampling]",
            do="correct the text there",
        ) from error
    check_keys("file", document, SECTIONS)
    return document


def read_toml_file(path: str | Path) -> str:
    """Read a model file's text.

    Raises
    ------
    FileError
        The file does not exist or is not text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # UnicodeDecodeError and a null in the path are ValueErrors
        raise FileError(
            "cannot read the model file",
            got=f"{path!s}: {error}",
            allowed="a TOML file, for instance models/sleepstudy.toml",
            do="check the path",
        ) from error


def read_spec_tables(text: str, folder: Path | None = None, cov: Mapping[str, object] = NOTHING) -> SpecTables:
    """Read the sections of a model, from `[model]` to `[units]`; paths are relative to a folder.

    Covariances that are not in the text may be given as `cov`.
    """
    document = parse_toml(text)
    model = section(document, "model")
    check_keys("[model]", model, MODEL_KEYS)
    options: dict[str, Any] = {key: model[key] for key in ("family", "link", *_OF_ROWS) if key in model}
    options["priors"] = section(document, "priors")
    options["units"] = section(document, "units")
    options["parameters"] = section(document, "parameters")
    options["cov"] = {name: _covariance(value, folder) for name, value in section(document, "cov").items()}
    options["cov"] |= cov
    groups = document.get("group", [])
    if not isinstance(groups, list) or not all(isinstance(g, dict) for g in groups):
        raise SpecError(
            "groups must be an array of tables",
            got=repr(groups),
            allowed="[[group]]",
            do="write [[group]] above each group",
        )
    for key, value in model.items():
        _check_type(key, value)
    if "formula" in model:
        both = [key for key in _PARTS if key in model] + (["[[group]]"] if groups else [])
        options["origin"] = section(document, "origin")
        if both:
            raise SpecError(
                "the model is given twice",
                got="formula and " + ", ".join(both),
                allowed="a formula, or response, common and [[group]]",
                do="remove one of the two",
            )
        return SpecTables(model["formula"], {}, options)
    if "response" not in model:
        raise SpecError(
            "[model] names no response",
            got=", ".join(model) or "an empty table",
            allowed="formula = '...' or response = '...'",
            do="name the response",
        )
    if section(document, "origin"):
        raise SpecError(
            "[origin] is only for a model given as a formula",
            got=", ".join(section(document, "origin")),
            allowed="origin = 'zero' in the [[group]] it applies to",
            do="move it there",
        )
    parts: dict[str, Any] = {
        key: model[key] for key in ("response", "common", "intercept", "cs", "sigma") if key in model
    }
    if "smooths" in model:
        parts["smooths"] = [_smooth(text) for text in model["smooths"]]
    if "residual" in model:
        parts["residual"] = _residual(model["residual"])
    parts["groups"] = [_read_group(table, folder) for table in groups]
    return SpecTables(None, parts, options)


def write_spec_tables(
    *,
    response: str,
    common: list[str],
    intercept: bool,
    family: str,
    link: str,
    of_rows: Mapping[str, str],
    smooths: Iterable[Smooth],
    residual: Residual | None,
    sigma: Iterable[str],
    cs: Iterable[str],
    groups: Iterable[Group],
    parameters: Mapping[str, ParameterPredictor],
    priors: Mapping[str, Prior],
    units: Mapping[str, str],
) -> str:
    """Write a model as TOML text."""
    model: dict[str, Any] = {
        "response": response,
        "common": common,
        "intercept": intercept,
        "family": family,
        "link": link,
        **of_rows,
    }
    document: dict[str, Any] = {"model": model}
    if shown := [str(smooth) for smooth in smooths]:
        model["smooths"] = shown
    if cs:
        model["cs"] = list(cs)
    if sigma:
        model["sigma"] = list(sigma)
    if residual is not None:
        model["residual"] = str(residual)
    tables = [
        {"factor": g.factor, "slopes": list(g.slopes), "intercept": g.intercept, "correlated": g.correlated}
        | ({} if g.cov is None else {"cov": {"levels": list(g.cov.levels), "lower": list(g.cov.lower)}})
        | ({} if g.origin == "means" else {"origin": g.origin})
        | ({} if g.covariance is None else {"covariance": g.covariance})
        | ({"hom": g.hom} if g.hom != (g.covariance == "ar1") else {})
        | ({} if g.by is None else {"by": g.by})
        | ({"dist": g.dist} if g.is_heavy else {})
        | ({} if g.tag is None else {"tag": g.tag})
        | ({} if g.members is None else _member_keys(g.members))
        for g in groups
    ]
    if tables:
        document["group"] = tables
    if parameters:
        document["parameters"] = {name: f"~ {predictor}" for name, predictor in parameters.items()}
    if priors:
        document["priors"] = {name: {"distribution": p.distribution, **p.stated} for name, p in priors.items()}
    if units:
        document["units"] = dict(units)
    return tomli_w.dumps(document)


def section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Fetch one table, empty if absent."""
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise SpecError(
            f"[{name}] must be a table",
            got=repr(table),
            allowed=f"[{name}] with key = value lines",
            do="write it as a table",
        )
    return table


def check_keys(where: str, table: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Refuse an unknown key: a misspelt key must not be ignored silently."""
    allowed = tuple(allowed)
    for key in table:
        if key not in allowed:
            raise SpecError(
                f"unknown key in {where}",
                got=repr(key),
                allowed=nearest(key, allowed),
                do="correct or remove it",
            )


def _check_type(key: str, value: object) -> None:
    listed = isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))
    listing = isinstance(value, list) and listed
    lists_too = dict.fromkeys(("common", "sigma", "cs"), listed)
    fits = {**lists_too, "smooths": listing, "intercept": isinstance(value, bool)}.get(key, isinstance(value, str))
    if not fits:
        lists = {"common": "a list of terms", "sigma": "a list of columns", "intercept": "true or false"}
        lists["cs"] = lists["common"]
        lists["smooths"] = "a list such as ['s(x, k=10)']"
        raise SpecError(
            f"{key} in [model] has the wrong type", got=repr(value), allowed=lists.get(key, "text"), do="correct it"
        )


def _smooth(text: str) -> Smooth:
    found = read_smooth(text)
    if found is None:
        raise SpecError(
            "cannot read a smooth", got=repr(text), allowed="smooths = ['s(x, k=10)']", do="write it as in a formula"
        )
    return found


def _residual(text: str) -> Residual:
    found = read_residual(text)
    if found is None:
        raise SpecError(
            "cannot read the correlation of residuals",
            got=repr(text),
            allowed="residual = 'ar(time, gr=subject)', 'cosy(gr=subject)' or 'unstr(visit, gr=subject)'",
            do="write one of these",
        )
    return found


def _covariance(value: object, folder: Path | None) -> object:
    return folder / value if isinstance(value, str) and folder is not None else value


def _member_keys(members: Members) -> dict[str, Any]:
    if members.table is not None:
        lines = zip(members.table.rows, members.table.members, members.table.weights, strict=True)
        table = {"row": members.columns[0], "member": members.table.member, "lines": [list(line) for line in lines]}
        return {"members": table, **({} if members.scale else {"scale": False})}
    weights = {"weights": list(members.weights)} if members.weights else {}
    return {"members": list(members.columns), **weights, **({} if members.scale else {"scale": False})}


def _members(table: Mapping[str, Any]) -> Members:
    if isinstance(table["members"], dict):
        return _member_table(table["members"], table.get("scale", True))
    for key in ("members", "weights"):
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(column, str) for column in value):
            raise SpecError(
                f"{key} in [[group]] must be a list of columns",
                got=repr(value),
                allowed=f"{key} = ['school1', 'school2']",
                do="put them in [ ]",
            )
    members = Members(*table["members"], weights=table.get("weights", ()), scale=table.get("scale", True))
    if table.get("factor", members.factor) != members.factor:
        raise SpecError(
            "a [[group]] names a factor and other members",
            got=f"factor = {table['factor']!r}, members = {table['members']!r}",
            allowed=f"factor = {members.factor!r}, or no factor",
            do="leave out factor",
        )
    return members


def _member_table(table: Mapping[str, Any], scale: object) -> Members:
    check_keys("members", table, ("row", "member", "lines"))
    lines = table.get("lines", [])
    if not isinstance(lines, list) or not all(isinstance(line, list) and len(line) == 3 for line in lines):
        raise SpecError(
            "a table of memberships in [[group]] must be a list of lines",
            got=repr(lines)[:80],
            allowed="members = {row = 'pupil', member = 'school', lines = [['ann', 'north', 0.5], ...]}",
            do="write a row, its member and its weight on each line",
        )
    row, member = str(table.get("row", "")), str(table.get("member", ""))
    columns = {
        row: [a for a, _, _ in lines],
        member: [b for _, b, _ in lines],
        f"{row} {member}": [c for *_, c in lines],
    }
    return Members(columns, row=row, member=member, weight=f"{row} {member}", scale=scale)  # type: ignore[arg-type]


def _read_group(table: Mapping[str, Any], folder: Path | None) -> Group:
    check_keys("[[group]]", table, _GROUP_KEYS)
    if "members" in table:
        table = {**table, "factor": _members(table)}
    elif "weights" in table or "scale" in table:
        raise SpecError(
            "weights in a [[group]] without members",
            got=", ".join(table),
            allowed="members = ['school1', 'school2'], weights = ['w1', 'w2']",
            do="name the columns of members, or leave out weights and scale",
        )
    if "factor" not in table:
        raise SpecError(
            "a [[group]] names no factor",
            got=", ".join(table) or "nothing",
            allowed="factor = 'column'",
            do="add the factor",
        )
    slopes = table.get("slopes", [])
    if not isinstance(slopes, list) or not all(isinstance(s, str) for s in slopes):
        raise SpecError(
            "slopes must be a list of terms", got=repr(slopes), allowed="slopes = ['x']", do="put them in [ ]"
        )
    for key in ("intercept", "correlated", "hom"):
        if not isinstance(table.get(key, True), bool):
            raise SpecError(
                f"{key} in [[group]] has the wrong type",
                got=repr(table[key]),
                allowed="true or false",
                do="correct it",
            )
    return Group(
        table["factor"],
        slopes=slopes,
        intercept=table.get("intercept", True),
        correlated=table.get("correlated", True),
        cov=_covariance(table.get("cov"), folder),
        origin=table.get("origin", "means"),
        covariance=table.get("covariance"),
        hom=table.get("hom"),
        by=table.get("by"),
        dist=table.get("dist", "gaussian"),
        tag=table.get("tag"),
    )
