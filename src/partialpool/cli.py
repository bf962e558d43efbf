"""The command line: `partialpool demo | fit | check | sensitivity | report | explore | classroom | compile`.

Exit codes: 0 good; 1 the fit's diagnostics failed; 2 bad input; 70 a bug, with its traceback; 130 interrupted.
"""

import argparse
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from partialpool import __version__
from partialpool.errors import FileError, PartialPoolError, PartialPoolWarning, SpecError
from partialpool.intervals import DEFAULT_PROB, central_ends

__all__ = ["main"]

GOOD, DIAGNOSTICS_FAILED, BAD_INPUT, BUG, INTERRUPTED = 0, 1, 2, 70, 130
"""A bug must not look like failed diagnostics: 70 is EX_SOFTWARE of sysexits.h; Python itself would return 1."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("always", PartialPoolWarning)
        try:
            options = _parser().parse_args(arguments)
            return options.run(options)
        except PartialPoolError as error:
            _say(f"error: {error}", sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            _say("interrupted: nothing was written", sys.stderr)
            return INTERRUPTED
        except Exception:
            traceback.print_exc()
            return BUG


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="partialpool", description="Bayesian hierarchical models from a grouping specification."
    )
    parser.add_argument("--version", action="version", version=f"partialpool {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = _command(commands, "demo", _demo, "fit a random-slope model of real data and show its posterior")
    _sampling_options(demo, out=Path("out/demo"))
    _interval_option(demo)
    fit = _command(commands, "fit", _fit, "fit a formula to a table, or a model file, and print the fit")
    fit.add_argument("model", help="a formula, 'count ~ habitat + (1 | site)', or a TOML file, models/sleepstudy.toml")
    fit.add_argument("table", type=_path, nargs="?", help="with a formula: a CSV, TSV, Parquet, Feather or Excel file")
    fit.add_argument("--family", help="with a formula: the family of the response; default: gaussian")
    fit.add_argument("--link", help="with a formula: the link; default: the family's")
    fit.add_argument(
        "--encoding", help="with a formula: the encoding of a text file, cp1252 for instance; default: utf-8"
    )
    _sampling_options(fit, out=None)
    _interval_option(fit, more="; default: the model file's, or 0.95")
    check = _command(
        commands, "check", _check, "read a model file and its data, and show the model and its priors without sampling"
    )
    check.add_argument("spec", type=_path, help="a TOML file, for instance models/sleepstudy.toml")
    sensitivity = _command(
        commands,
        "sensitivity",
        _sensitivity,
        "fit a model file and check its sensitivity to the priors",
    )
    sensitivity.add_argument("spec", type=_path, help="a TOML file, for instance models/eight_schools.toml")
    _sampling_options(sensitivity, out=Path("out/sensitivity"))
    report = _command(
        commands, "report", _report, "write a report of a saved fit: one HTML page with tables and figures"
    )
    report.add_argument("fit", type=_path, help="a file written by fit.save(), for instance out/fit.nc")
    report.add_argument("--out", type=_path, help="the page to write; default: report.html beside the fit")
    report.add_argument("--title", default="", help="heading of the page; default: the name of the response")
    report.add_argument("--author", default="", help="who wrote the report")
    report.add_argument("--sections", nargs="+", metavar="TITLE", help="sections to include, or short; default: all")
    _interval_option(report)
    explore = _command(commands, "explore", _explore, "write an interactive page on partial pooling in a saved fit")
    explore.add_argument("fit", type=_path, help="a file written by fit.save(), for instance out/fit.nc")
    explore.add_argument("--out", type=_path, help="the page to write; default: explorer.html beside the fit")
    explore.add_argument("--title", default="", help="heading of the page; default: factor and response")
    explore.add_argument("--factor", help="the grouping factor; default: the first")
    explore.add_argument("--effect", help="the effect of the factor; default: the intercept")
    explore.add_argument("--levels", nargs="+", help="the levels to show; default: all, or 200 of many")
    explore.add_argument("--seed", type=int, help="seed of the fits under other priors; default: that of the fit")
    explore.add_argument("--quiet", action="store_true", help="no progress line")
    _interval_option(explore)
    classroom = _command(
        commands, "classroom", _classroom, "serve a form for a table, which shows the explorer's page of its fit"
    )
    classroom.add_argument("--host", default="127.0.0.1", help="the address; 0.0.0.0 lets devices in the network in")
    classroom.add_argument("--port", type=int, default=8000, help="the port; 0 for a free one; default: 8000")
    kernels = _command(
        commands, "compile", _compile, "compile the numerical kernels, so that the first fit starts at once"
    )
    kernels.add_argument("--quiet", action="store_true", help="no progress line")
    return parser


def _path(text: str) -> Path:
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


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def _sampling_options(command: argparse.ArgumentParser, *, out: Path | None) -> None:
    wrote = "folder for fit.nc, summary.csv and a forest plot per factor"
    command.add_argument("--out", type=_path, default=out, help=wrote if out else f"{wrote}; default: nothing is saved")
    command.add_argument("--draws", type=int, help="kept draws per chain")
    command.add_argument("--tune", type=int, help="warm-up draws per chain")
    command.add_argument("--chains", type=int)
    command.add_argument("--seed", type=int, help="makes the draws exactly reproducible")
    command.add_argument("--engine", help="'auto' or an engine's name")
    command.add_argument("--sampler", choices=("nutpie", "pymc"))
    command.add_argument("--quiet", action="store_true", help="no progress line")


def _interval_option(command: argparse.ArgumentParser, more: str = "; default: 0.95") -> None:
    command.add_argument("--prob", type=probability, help=f"probability of the intervals{more}")


def _demo(options: argparse.Namespace) -> int:
    from partialpool.datasets.load import load_dataset  # noqa: PLC0415 - keeps `--help` fast
    from partialpool.fitting.fit import fit  # noqa: PLC0415

    table = load_dataset("sleepstudy")
    _say(f"{table.attrs['about']}\n  ({table.attrs['source']})\n")
    overrides = {"seed": 1} | _overrides(options)
    return _finish(fit("Reaction ~ Days + (Days | Subject)", table, **overrides), options)


def _fit(options: argparse.Namespace) -> int:
    if "~" in options.model:
        return _finish(_fit_of_formula(options), options)
    return _finish(_fit_of_file(options), options)


def _fit_of_file(options: argparse.Namespace) -> Any:
    from partialpool.fitting.model_files import fit_file  # noqa: PLC0415

    given = [f"--{name}" for name in ("family", "link", "encoding") if getattr(options, name)]
    if options.table is not None or given:
        raise SpecError(
            "a model file names its own table, family and link",
            got=", ".join([*([str(options.table)] if options.table else []), *given]) + f" with {options.model}",
            allowed="these with a formula, which has a ~",
            do="write them into the file, or give a formula",
        )
    return fit_file(_path(options.model), **_overrides(options))


def _fit_of_formula(options: argparse.Namespace) -> Any:
    from partialpool.fitting.fit import fit  # noqa: PLC0415
    from partialpool.fitting.model_files import columns_of_factors  # noqa: PLC0415
    from partialpool.fitting.table_file import read_table_file  # noqa: PLC0415
    from partialpool.spec.options import as_spec  # noqa: PLC0415

    if options.table is None:
        raise SpecError(
            "a formula needs a table",
            got=f"fit {options.model!r} and no file",
            allowed="a formula and the file of its table",
            do=f"for instance: partialpool fit {options.model!r} table.csv",
        )
    spec = as_spec(options.model, family=options.family, link=options.link)
    table = read_table_file(options.table, columns_of_factors(spec), encoding=options.encoding)
    return fit(spec, table, **_overrides(options))


def _check(options: argparse.Namespace) -> int:
    from partialpool.design.build import build_design  # noqa: PLC0415
    from partialpool.fitting.model_files import read_source  # noqa: PLC0415
    from partialpool.model.default_priors import resolve_priors  # noqa: PLC0415
    from partialpool.reporting.describe import describe_data, describe_mathematics, describe_words  # noqa: PLC0415
    from partialpool.spec.modelfile import read_model_file  # noqa: PLC0415

    model = read_model_file(options.spec)
    design = build_design(model.spec, read_source(model.data, model.spec))
    resolved = resolve_priors(design)
    factors, priors = describe_data(design, resolved)
    about = [line for line in (model.title, model.shows, model.source) if line]
    parts = ["\n".join(about), str(model.spec), describe_words(design), describe_mathematics(design, resolved)]
    parts += [str(factors)] if design.factors else [f"Data: {design.n_rows} rows"]
    _say("\n\n".join([*parts, str(priors)]))
    return GOOD


def _sensitivity(options: argparse.Namespace) -> int:
    from partialpool.fitting.model_files import fit_file  # noqa: PLC0415
    from partialpool.questions.sensitivity_report import sensitivity_report  # noqa: PLC0415
    from partialpool.reporting.bundle import write_sensitivity  # noqa: PLC0415

    fit = fit_file(options.spec, **_overrides(options))
    verdict = sensitivity_report(fit, seed=options.seed, progressbar=not options.quiet)
    written = write_sensitivity(verdict, options.out)
    _say("wrote " + "\n      ".join(str(path) for path in written) + f"\n\n{fit.spec}\n\n{verdict}")
    return _ended(fit)


def _report(options: argparse.Namespace) -> int:
    from partialpool.reporting.page import report  # noqa: PLC0415

    fit, out = _saved_fit(options, "report.html")
    about = {name: getattr(options, name) for name in ("title", "author", "sections")}
    written = report(fit, out, prob=_interval(options), **about)
    _say(f"{fit.digest.verdict}\n\nwrote {written}")
    return _ended(fit)


def _explore(options: argparse.Namespace) -> int:
    from partialpool.explorer.page import explore  # noqa: PLC0415

    fit, out = _saved_fit(options, "explorer.html")
    chosen = {name: getattr(options, name) for name in ("title", "factor", "effect", "levels", "seed")}
    written = explore(fit, out, **chosen, prob=_interval(options), progressbar=not options.quiet)
    _say(f"{fit.digest.verdict}\n\nwrote {written}")
    return _ended(fit)


def _classroom(options: argparse.Namespace) -> int:
    from partialpool.explorer.classroom.server import serve_classroom  # noqa: PLC0415

    serve_classroom(options.host, options.port, _say)
    return GOOD


def _compile(options: argparse.Namespace) -> int:
    from partialpool.fitting.compile_kernels import compile_kernels  # noqa: PLC0415

    compile_kernels(progressbar=not options.quiet)
    _say("the numerical kernels are compiled, for this user on this machine")
    return GOOD


def _saved_fit(options: argparse.Namespace, page: str) -> tuple[Any, Path]:
    """Return the fit that a page is written from, and the page's path (beside the fit by default)."""
    from partialpool.fitting.fit import load_fit  # noqa: PLC0415

    if options.fit.exists() and not options.fit.is_file():
        raise FileError(
            "cannot read this as a fit",
            got=f"{options.fit}: {'a folder' if options.fit.is_dir() else 'not a file'}",
            allowed="a file written by fit.save()",
            do=f"name the file, for instance {options.fit / 'fit.nc'}" if options.fit.is_dir() else "name another file",
        )
    fit = load_fit(options.fit)
    out = options.out or options.fit.with_name(page)
    if out.exists() and out.samefile(options.fit):
        raise FileError(
            "the page would replace the fit",
            got=f"--out {out}",
            allowed="a separate file",
            do="name another --out",
        )
    return fit, out


def _finish(fit: Any, options: argparse.Namespace) -> int:
    """Print the fit, write its output folder if there is one, and return the exit code."""
    from partialpool.reporting.bundle import write_bundle  # noqa: PLC0415

    prob = _interval(options)
    _say(str(fit.digest.with_prob(prob)))
    if options.out is None:
        return _ended(fit)
    written = write_bundle(fit, options.out, prob=prob)
    _say("\nwrote " + "\n      ".join(str(path) for path in written))
    return _ended(fit)


def _interval(options: argparse.Namespace) -> float:
    """Return the probability of the intervals: the option's, the model file's, or the package's default."""
    from partialpool.spec.modelfile import read_model_file  # noqa: PLC0415

    given = options.prob
    if given is None and "~" not in getattr(options, "model", "~"):
        given = read_model_file(_path(options.model)).prob
    return DEFAULT_PROB if given is None else given


def _ended(fit: Any) -> int:
    return GOOD if fit.digest.verdict.good else DIAGNOSTICS_FAILED


def _overrides(options: argparse.Namespace) -> dict[str, Any]:
    names = ("draws", "tune", "chains", "seed", "engine", "sampler")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return given | {"progressbar": not options.quiet}


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, PartialPoolWarning):
        _say(f"warning: {message}", sys.stderr)


def _say(text: str, stream: Any = None) -> None:
    stream = stream or sys.stdout
    stream.write(text + "\n")
    stream.flush()  # a line about a server must not wait for its end
