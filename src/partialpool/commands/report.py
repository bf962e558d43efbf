"""`partialpool report`: write a report of a saved fit, one HTML page."""

import argparse
from typing import Any

from partialpool.commands.exit_codes import ended
from partialpool.commands.options import a_path, add_command, add_interval_option, split_pairs
from partialpool.commands.output import say
from partialpool.commands.saved_fits import check_other_file, read_fit
from partialpool.intervals import DEFAULT_PROB

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    report = add_command(
        commands, "report", run, "write a report of a saved fit: one HTML page with tables and figures"
    )
    report.add_argument("fit", type=a_path, help="a file written by fit.save(), for instance out/fit.nc")
    report.add_argument("--out", type=a_path, help="the page to write; default: report.html beside the fit")
    report.add_argument("--title", default="", help="heading of the page; default: the name of the response")
    report.add_argument("--author", default="", help="who wrote the report")
    report.add_argument("--sections", nargs="+", metavar="TITLE", help="sections to include, or short; default: all")
    report.add_argument(
        "--claims", nargs="+", metavar="CLAIM", help="inequalities whose probabilities to state: 'Days > 5'"
    )
    report.add_argument(
        "--labels", nargs="+", metavar="NAME=LABEL", help="what to write for a column, a factor or a category"
    )
    add_interval_option(report)


def run(options: argparse.Namespace) -> int:
    """Write the page, beside the fit by default."""
    from partialpool.reporting.page import report  # noqa: PLC0415 - keeps `--help` fast

    labels = split_pairs(options.labels or (), option="--labels", example="Subject=Participant")
    fit = read_fit(options.fit)
    out = options.out or options.fit.with_name("report.html")
    check_other_file(out, options.fit, wrong="the page would replace the fit")
    about = {name: getattr(options, name) for name in ("title", "author", "sections")}
    prob = DEFAULT_PROB if options.prob is None else options.prob
    written = report(fit, out, prob=prob, labels=labels or None, claims=options.claims or (), **about)
    say(f"{fit.digest.verdict}\n\nwrote {written}")
    return ended(fit)
