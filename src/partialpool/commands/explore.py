"""`partialpool explore`: write an interactive page on partial pooling in a saved fit."""

import argparse
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.options import a_path, add_command, add_interval_option
from partialpool.commands.output import say
from partialpool.commands.saved_fits import check_other_file, read_fit
from partialpool.intervals import DEFAULT_PROB

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    explore = add_command(commands, "explore", run, "write an interactive page on partial pooling in a saved fit")
    explore.add_argument("fit", type=a_path, help="a file written by fit.save(), for instance out/fit.nc")
    explore.add_argument("--out", type=a_path, help="the page to write; default: explorer.html beside the fit")
    explore.add_argument("--title", default="", help="heading of the page; default: factor and response")
    explore.add_argument("--factor", help="the grouping factor; default: the first")
    explore.add_argument("--effect", help="the effect of the factor; default: the intercept")
    explore.add_argument("--levels", nargs="+", help="the levels to show; default: all, or 200 of many")
    explore.add_argument("--seed", type=int, help="seed of the fits under other priors; default: that of the fit")
    explore.add_argument("--quiet", action="store_true", help="no progress line")
    add_interval_option(explore)


def run(options: argparse.Namespace) -> int:
    """Write the page, beside the fit by default."""
    from partialpool.explorer.page import explore  # noqa: PLC0415 - keeps `--help` fast

    fit = read_fit(options.fit)
    out = options.out or options.fit.with_name("explorer.html")
    check_other_file(out, options.fit, wrong="the page would replace the fit")
    chosen = {name: getattr(options, name) for name in ("title", "factor", "effect", "levels", "seed")}
    prob = DEFAULT_PROB if options.prob is None else options.prob
    written = explore(fit, out, **chosen, prob=prob, progressbar=not options.quiet)
    say(f"{fit.digest.verdict}\n\nwrote {written}")
    return ended(fit)
