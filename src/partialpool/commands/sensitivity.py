"""`partialpool sensitivity`: fit a model file and check its sensitivity to the priors."""

import argparse
from pathlib import Path
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.fit import add_output_folder
from partialpool.commands.options import (
    OF_FILE,
    a_path,
    add_command,
    add_interval_option,
    add_sampling_options,
    interval_of_file,
    sampling_overrides,
)
from partialpool.commands.output import say

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    sensitivity = add_command(commands, "sensitivity", run, "fit a model file and check its sensitivity to the priors")
    sensitivity.add_argument("spec", type=a_path, help="a TOML file, for instance models/eight_schools.toml")
    add_output_folder(sensitivity, Path("out/sensitivity"))
    add_sampling_options(sensitivity)
    add_interval_option(sensitivity, more=OF_FILE)


def run(options: argparse.Namespace) -> int:
    """Fit, rescale the priors, and write tables and pictures."""
    from partialpool.fitting.model_files import fit_file  # noqa: PLC0415 - keeps `--help` fast
    from partialpool.questions.sensitivity_report import sensitivity_report  # noqa: PLC0415
    from partialpool.reporting.bundle import write_sensitivity  # noqa: PLC0415

    prob = interval_of_file(options, options.spec)  # an error of the file comes before the fit
    fit = fit_file(options.spec, **sampling_overrides(options))
    verdict = sensitivity_report(fit, seed=options.seed, progressbar=not options.quiet)
    written = write_sensitivity(verdict, options.out, prob=prob)
    say("wrote " + "\n      ".join(str(path) for path in written) + f"\n\n{fit.spec}\n\n{verdict}")
    return ended(fit)
