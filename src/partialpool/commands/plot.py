"""`partialpool plot`: draw one picture of a saved fit."""

import argparse
import inspect
from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final

from partialpool.commands.exit_codes import ended
from partialpool.commands.options import a_path, add_command, add_interval_option
from partialpool.commands.output import say
from partialpool.commands.saved_fits import check_other_file, read_fit
from partialpool.errors import SpecError, nearest

__all__ = ["add"]

_OF_A_FIT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "design_effect": "",
        "group_effects": "",
        "icc": "",
        "level_effects": "effect",
        "level_lines": "over",
        "level_ranks": "effect",
        "level_statistics": "",
        "naive_errors": "",
        "posterior_checks": "",
        "power_scale": "",
        "predictions": "over",
        "quantile_residuals": "",
        "shrinkage": "",
        "singularity": "",
        "variance_components": "",
    }
)
"""Pictures by the names of their functions without `plot_`, with the option that they need; empty where it is none."""
_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType({"over": "--over Days", "effect": "--effect Intercept"})


def add(commands: Any) -> None:
    """Add the command."""
    plot = add_command(commands, "plot", run, "draw one picture of a saved fit")
    plot.add_argument("fit", type=a_path, help="a file written by fit.save(), for instance out/fit.nc")
    plot.add_argument("picture", help=f"the picture: {', '.join(_OF_A_FIT)}")
    plot.add_argument(
        "--out", type=a_path, help="the file to write: .png, .pdf, .svg, ...; default: <picture>.png beside the fit"
    )
    plot.add_argument("--factor", help="the grouping factor, where the fit has several")
    plot.add_argument("--over", metavar="PREDICTOR", help="the predictor of predictions and level_lines")
    plot.add_argument("--by", metavar="PREDICTOR", help="a second predictor of predictions, or a factor")
    plot.add_argument("--effect", help="the effect of level_effects and level_ranks")
    plot.add_argument(
        "--parameter", help="the parameter of the family, or the category, of group_effects, level_effects, level_ranks"
    )
    plot.add_argument("--seed", type=int, help="seed of simulated responses")
    plot.add_argument("--title", help='text in place of the title; "" for none')
    plot.add_argument("--xlabel", help="text in place of the label of the horizontal axis")
    plot.add_argument("--ylabel", help="text in place of the label of the vertical axis")
    add_interval_option(plot)


def run(options: argparse.Namespace) -> int:
    """Draw the picture, beside the fit by default."""
    from partialpool.files import check_place  # noqa: PLC0415 - keeps `--help` fast
    from partialpool.plots.picture_files import check_picture_name  # noqa: PLC0415
    from partialpool.plots.style import save_figure  # noqa: PLC0415

    asked = _asked(options)
    fit = read_fit(options.fit)
    out = options.out or options.fit.with_name(f"{options.picture}.png")
    check_other_file(out, options.fit, wrong="the picture would replace the fit")
    check_picture_name(out)
    check_place(out, doing="write the picture")
    say(f"wrote {save_figure(_drawn(fit, options.picture, asked, _drawing(options)), out)}")
    return ended(fit)


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the question that the picture answers.

    Raises
    ------
    SpecError
        No such picture; an option that it needs and that is not given, or the reverse.
    """
    name = options.picture.removeprefix("plot_")
    if name not in _OF_A_FIT:
        raise SpecError(
            "there is no such picture of a fit",
            got=repr(options.picture),
            allowed=nearest(name, _OF_A_FIT),
            do="name one of these; pictures that need more than a fit are drawn in Python",
        )
    options.picture, needed = name, _OF_A_FIT[name]
    if needed and getattr(options, needed) is None:
        raise SpecError(
            f"the picture {name} needs --{needed}",
            got="no such option",
            allowed="a column of the model" if needed == "over" else "an effect that varies over the levels",
            do=f"name it, for instance {_EXAMPLES[needed]}",
        )
    wanted = ("factor", "over", "by", "effect", "parameter", "seed")
    given = {option: getattr(options, option) for option in wanted if getattr(options, option) is not None}
    takes = _parameters(name)
    for option, value in given.items():
        if option not in takes:
            can = [other for other in _OF_A_FIT if option in _parameters(other)]
            raise SpecError(
                f"the picture {name} has no --{option}", got=f"--{option} {value}", allowed=", ".join(can),
                do=f"leave --{option} out",
            )  # fmt: skip
    return given


def _parameters(name: str) -> set[str]:
    """Return the options of a picture's question; those of predictions are the picture's own."""
    of = "partialpool:plot_predictions" if name == "predictions" else f"partialpool:{name}"
    return {*inspect.signature(resolve_name(of)).parameters}


def _drawing(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the drawing that were given, and that the picture has."""
    takes = inspect.signature(resolve_name(f"partialpool:plot_{options.picture}")).parameters
    given = {name: getattr(options, name) for name in ("prob", "title", "xlabel", "ylabel")}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in takes:
            raise SpecError(
                f"the picture {options.picture} has no --{name}",
                got=f"--{name} {given[name]}",
                allowed=", ".join(f"--{other}" for other in ("prob", "title", "xlabel", "ylabel") if other in takes),
                do=f"leave --{name} out",
            )
    return given


def _drawn(fit: Any, name: str, asked: Mapping[str, Any], drawing: Mapping[str, Any]) -> Any:
    """Ask the question and draw the answer, with the labels of the fit."""
    from partialpool.labels.names_of_fit import names_of_fit  # noqa: PLC0415

    plot = resolve_name(f"partialpool:plot_{name}")
    if name == "predictions":
        return plot(fit, **asked, **drawing)
    answer = resolve_name(f"partialpool:{name}")(fit, **asked)
    return plot(names_of_fit(fit).relabelled(answer), **drawing)
