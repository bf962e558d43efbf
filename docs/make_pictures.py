"""Regenerate the README's output and pictures from its example: `make gallery`."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

import partialpool as pp
from partialpool.plots.style import save_figure

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
EXAMPLE = re.compile(
    r"(<!-- example: begin -->\n```python\n)(.*?)(```\n\n```text\n)(.*?)(```\n<!-- example: end -->)", re.S
)
UNITS = {"Intercept": "ms", "Days": "ms/day"}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WINDOW = (1100, 1122)
"""Width and height, in pixels, of what the explorer\'s picture shows: both columns, to the first row of the table."""
TABLE = (790, 1400)
"""The same for the picture of a table; the white below its last note is cut off."""
MARGIN = 16
"""Pixels that are left below the last note."""
COLORS = 128


def run_example(code: str) -> tuple[str, pp.Fit]:
    """Run the README's example in an empty folder; return its printed output and its fit."""
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), names)
    return printed.getvalue(), names["fit"]


def photograph_table(fit: pp.Fit, picture: Path) -> None:
    """Save a screenshot of a table of two models."""
    other = pp.fit("Reaction ~ Days + (1 | Subject)", pp.load_dataset("sleepstudy"), seed=1)
    labels, title = {"Days": "Days awake", "Subject": "Participant"}, "Reaction times (ms)"
    with tempfile.TemporaryDirectory() as folder:
        fits = {"Slopes": fit, "Intercepts": other}
        page = pp.table(fits, Path(folder) / "table.html", labels=labels, title=title)
        photograph(page, picture, TABLE)
    with Image.open(picture) as image:
        used = ImageOps.invert(image.convert("L")).getbbox()
        cut = image.crop((0, 0, image.width, min(image.height, used[3] + MARGIN)))
    cut.save(picture, optimize=True)


def photograph_explorer(fit: pp.Fit, picture: Path) -> None:
    """Save a screenshot of the explorer's page."""
    with tempfile.TemporaryDirectory() as folder:
        page = pp.explore(fit, Path(folder) / "explorer.html", progressbar=False)
        photograph(page, picture, WINDOW)


def photograph(page: Path, picture: Path, window: tuple[int, int]) -> None:
    """Save a screenshot of a page in a browser; without a browser the picture is not changed."""
    named = (os.environ.get("PARTIALPOOL_CHROMIUM"), *BROWSERS)
    browser = next((found for name in named if name and (found := shutil.which(name))), None)
    if browser is None:
        print(f"no Chromium: {picture.name} stays as it is")
        return
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=5000")
    size = "--window-size={},{}".format(*window)
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / picture.name
        command = [browser, *options, size, f"--screenshot={shot}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(shot) as image:
            # Colours of few pixels, such as those of a legend, are kept too.
            few = image.convert("RGB").quantize(COLORS, method=Image.Quantize.MAXCOVERAGE)
            few.save(picture, optimize=True)


def main() -> None:
    """Rewrite the README's output block and draw its pictures."""
    text = README.read_text(encoding="utf-8")
    code = EXAMPLE.search(text).group(2)
    printed, fit = run_example(code)
    README.write_text(EXAMPLE.sub(lambda m: m[1] + m[2] + m[3] + printed + m[5], text), encoding="utf-8")
    (HERE / "pictures").mkdir(exist_ok=True)
    pictures = HERE / "pictures"
    save_figure(pp.plot_group_effects(pp.group_effects(fit, "Subject"), units=UNITS), pictures / "sleepstudy.png")
    lines = pp.plot_level_lines(pp.level_lines(fit, "Days"))
    save_figure(lines, pictures / "level_lines.png")
    photograph_explorer(fit, pictures / "explorer.png")
    photograph_table(fit, pictures / "table.png")


if __name__ == "__main__":
    main()
