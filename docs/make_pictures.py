"""Make the README's output and picture again from its own example: `make gallery`."""

import contextlib
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import partialpool as pp
from partialpool.plots.style import save_figure

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
EXAMPLE = re.compile(
    r"(<!-- example: begin -->\n```python\n)(.*?)(```\n\n```text\n)(.*?)(```\n<!-- example: end -->)", re.S
)
UNITS = {"Intercept": "ms", "Days": "ms/day"}


def run_example(code: str) -> tuple[str, pp.Fit]:
    """Run the README's example in an empty folder; return what it prints, and its fit."""
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), names)
    return printed.getvalue(), names["fit"]


def main() -> None:
    """Rewrite the output block and draw the picture."""
    text = README.read_text(encoding="utf-8")
    code = EXAMPLE.search(text).group(2)
    printed, fit = run_example(code)
    README.write_text(EXAMPLE.sub(lambda m: m[1] + m[2] + m[3] + printed + m[5], text), encoding="utf-8")
    (HERE / "pictures").mkdir(exist_ok=True)
    pictures = HERE / "pictures"
    save_figure(pp.plot_group_effects(pp.group_effects(fit, "Subject"), units=UNITS), pictures / "sleepstudy.png")
    lines = pp.plot_level_lines(pp.level_lines(fit, "Days"), unit="ms", xunit="days")
    save_figure(lines, pictures / "level_lines.png")


if __name__ == "__main__":
    main()
