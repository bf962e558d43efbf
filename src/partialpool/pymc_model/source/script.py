"""The whole script: heading, imports, the model as a function of the table, the table, and sampling."""

import ast
from collections.abc import Iterable, Mapping
from itertools import pairwise

from partialpool import __version__
from partialpool.design.design import Design
from partialpool.design.labels import variable_dims
from partialpool.errors import EngineError
from partialpool.model.prior_set import PriorSet
from partialpool.names import CUTPOINT, OBS, SIGMA, b_name, predictor_name
from partialpool.pymc_model.source.categories import every_category
from partialpool.pymc_model.source.code import Code, listed, written
from partialpool.pymc_model.source.layout import Bracket, assigned, commented, laid_out, prefixed
from partialpool.pymc_model.source.piece import Piece, read_by
from partialpool.pymc_model.source.predictors import WrittenPredictors, every_predictor, mean_alone
from partialpool.pymc_model.source.residual import ResidualCode, residual_code
from partialpool.pymc_model.source.response import likelihood
from partialpool.pymc_model.source.table import SourceTable, table_values, text_block

__all__ = ["write_script"]

_MODULES = (
    ("base64", "import base64"),
    ("io", "import io"),
    ("zlib", "import zlib"),
    ("", ""),
    ("np", "import numpy as np"),
    ("pd", "import pandas as pd"),
    ("pm", "import pymc as pm"),
    ("pt", "import pytensor.tensor as pt"),
)
"""What a script may import, by the name that its code uses."""


def write_script(design: Design, priors: PriorSet) -> str:
    """Write the PyMC script of a model.

    Parameters
    ----------
    design, priors
        From `build_design` and `resolve_priors`.

    Raises
    ------
    EngineError
        Rows that belong to several levels.
    """
    _check_written(design)
    written_out = _predictors(design, priors)
    residual = None if design.residual is None else residual_code(design, priors)
    known = written_out.parameters if residual is None else {SIGMA: residual.sd}
    response = likelihood(design, priors, Code("eta"), written_out.shift, known)
    pieces = [*written_out.pieces, *([] if residual is None else [residual.piece]), response]
    table = _table(design, pieces)
    inside = [
        *_separated(piece.inside for piece in written_out.pieces),
        *written_out.lines,
        *([] if residual is None else residual.piece.inside),
        *response.inside,
    ]
    labels = _labels(design, written_out.labels, residual)
    before = _separated([*(piece.before for piece in pieces), _coordinates(labels)])
    functions = dict.fromkeys(text for piece in pieces for text in piece.functions)
    texts = {"TABLE": table.text} | {name: text for piece in pieces for name, text in piece.texts.items()}
    body = [
        *(line for text in functions for line in ["", "", *text.splitlines()]),
        *_function(before, inside),
        *["", "", *table.reader()],
        *["", ""],
        *_separated(text_block(name, text) for name, text in texts.items()),
        *["", "model = make_model(read_table())", ""],
        *_main(design),
    ]
    return "\n".join([*_heading(design), *_imports(body), *body]) + "\n"


def _predictors(design: Design, priors: PriorSet) -> WrittenPredictors:
    if design.spec.family_record.has_predictors_of_categories:
        return every_category(design, priors)
    return every_predictor(design, priors) if design.parameters else mean_alone(design, priors)


def _check_written(design: Design) -> None:
    """Refuse a model that is not written as a script."""
    if any(factor.has_members for factor in design.factors):
        raise EngineError(
            "there is no script of a model whose rows belong to several levels",
            got=f"{design.spec}",
            allowed="factors without mm(...)",
            do="use pp.build_model, which returns the PyMC model itself",
        )


def _table(design: Design, pieces: Iterable[Piece]) -> SourceTable:
    reads, stores = read_by(pieces)
    columns = {name: table_values(design.frame[name]) for name in design.frame.columns if name in reads}
    return SourceTable(columns | dict(stores), design.rows)


def _heading(design: Design) -> list[str]:
    spec = design.spec
    rows = f"{design.n_rows} rows"
    return commented(
        spec.to_formula(),
        f"Family {spec.family}, link {spec.link}; {rows}. Written by partialpool {__version__}.",
        "This script has the model and its data, and needs PyMC 6, pandas and NumPy only.",
        "Priors are in the data's units; the intercept's is at the predictors' means.",
    )


def _imports(body: Iterable[str]) -> list[str]:
    """Return the imports that the code uses."""
    used = {node.id for node in ast.walk(ast.parse("\n".join(body))) if isinstance(node, ast.Name)}
    return ["", *(line for name, line in _MODULES if name in used or not name)]


def _separated(parts: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of all parts, an empty line between them."""
    lines: list[str] = []
    for part in map(list, parts):
        lines += ["", *part] if lines and part else part
    return lines


def _labels(design: Design, of_predictors: Mapping[str, Code], residual: ResidualCode | None) -> dict[str, Code]:
    """Return the labels of every dimension."""
    labels: dict[str, Code] = {OBS: Code("table").index, **of_predictors}
    if residual is not None:
        labels |= residual.labels
    if design.spec.family_record.has_cutpoints:
        categories = design.response.categories
        labels[CUTPOINT] = listed(written(f"{low}|{high}") for low, high in pairwise(categories))
    return labels


def _coordinates(labels: Mapping[str, Code]) -> list[str]:
    """Return the lines that assign the labels of every dimension."""
    items = tuple(prefixed(f"{written(name).text}: ", code.node) for name, code in labels.items())
    return assigned("coords", Bracket("{", items, "}"), 1)


def _function(before: Iterable[str], inside: Iterable[str]) -> list[str]:
    start = list(inside)
    while start and not start[0]:
        start.pop(0)
    return [
        *["", "", "def make_model(table):"],
        '    """Return the model of the rows of a table."""',
        *before,
        "",
        "    with pm.Model(coords=coords) as model:",
        *start,
        "    return model",
    ]


def _main(design: Design) -> list[str]:
    effects = {b_name(f.name) for f in design.factors}
    for name, other in design.parameters.items():
        effects |= {b_name(predictor_name(name, f.name)) for f in other.factors}
    shown = [name for name in variable_dims(design) if name not in effects]
    names = listed(map(written, shown)).node
    call = Bracket("print(", (Bracket("pm.stats.summary(", ("idata", prefixed("var_names=", names)), ")"),), ")")
    return [
        'if __name__ == "__main__":',
        "    with model:",
        "        idata = pm.sample(chains=4, target_accept=0.9, random_seed=1)",
        *laid_out(call, 1),
    ]
