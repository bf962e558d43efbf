"""`partialpool check`: the checks of a fit; or a model file's model and priors, without sampling."""

import argparse
from pathlib import Path
from typing import Any

from partialpool.commands.exit_codes import DIAGNOSTICS_FAILED, GOOD
from partialpool.commands.from_formula import fit_of_formula, is_formula, refuse_options_of_formula
from partialpool.commands.options import a_path, add_command, add_sampling_options, add_table_options
from partialpool.commands.output import say
from partialpool.commands.saved_fits import read_fit

__all__ = ["add"]

_MODEL_FILE = ".toml"


def add(commands: Any) -> None:
    """Add the command."""
    check = add_command(
        commands,
        "check",
        run,
        "check a saved fit, or fit a formula to a table and check it; of a model file, show the model and its priors "
        "without sampling",
    )
    check.add_argument(
        "model",
        help="a formula, 'count ~ habitat + (1 | site)'; a file written by fit.save(), out/fit.nc; or a TOML file, "
        "models/sleepstudy.toml",
    )
    add_table_options(check)
    add_sampling_options(check)


def run(options: argparse.Namespace) -> int:
    """Check a formula's fit, a saved fit, or show a model file."""
    if is_formula(options.model):
        fit = fit_of_formula(options)
        say(f"{fit}\n")
        return _checked(fit, options)
    path = a_path(options.model)
    refuse_options_of_formula(
        options, wrong="this file needs no table, family or link", do="leave them out, or give a formula"
    )
    if path.suffix.lower() == _MODEL_FILE:
        return _shown(path)
    return _checked(read_fit(path), options)


def _checked(fit: Any, options: argparse.Namespace) -> int:
    from partialpool.questions.check import check  # noqa: PLC0415 - keeps `--help` fast

    found = check(fit, seed=options.seed)
    say(str(found))
    return GOOD if found.good else DIAGNOSTICS_FAILED


def _shown(path: Path) -> int:
    from partialpool.design.build import build_design  # noqa: PLC0415
    from partialpool.design.imputed_tables import build_imputed_designs  # noqa: PLC0415
    from partialpool.design.label_names import check_labels  # noqa: PLC0415
    from partialpool.fitting.model_files import read_sources  # noqa: PLC0415
    from partialpool.model.default_priors import resolve_priors  # noqa: PLC0415
    from partialpool.reporting.describe import describe_data, describe_mathematics, describe_words  # noqa: PLC0415
    from partialpool.spec.modelfile import read_model_file  # noqa: PLC0415

    model = read_model_file(path)
    tables = read_sources(model.data, model.spec)
    if len(tables) == 1:
        design = build_design(model.spec, tables[0])
        resolved = resolve_priors(design)
    else:
        completed = build_imputed_designs(model.spec, tables)
        design, resolved = completed.each[0], resolve_priors(completed.whole)
    check_labels([design], model.labels)
    factors, priors = describe_data(design, resolved)
    about = [line for line in (model.title, model.shows, model.source) if line]
    parts = ["\n".join(about), str(model.spec), describe_words(design), describe_mathematics(design, resolved)]
    parts += [str(factors)] if design.grouping else [f"Data: {design.n_rows} rows"]
    say("\n\n".join([*parts, str(priors)]))
    return GOOD
