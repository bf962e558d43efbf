"""Run the code of the pages, and write its output and its pictures into the pages: `make gallery`.

A page is read from top to bottom, like a notebook: each block of Python runs after the blocks above it, and the value
of its last line is shown. A block may be followed by its output (a block of text) and by a picture, which is the figure
that the last line returns. A block below `<!-- not run: why -->` is not run. The tests in tests/docs/ compare the pages
with what their code does.
"""

import ast
import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from partialpool.plots.style import save_figure

HERE = Path(__file__).parent
BLOCK = re.compile(
    r"(?P<skip><!-- not run: [^>]*-->\n\n?)?"
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?P<output>\n```text\n(?P<shown>.*?)^```\n)?"
    r"(?P<image>\n!\[[^\]]*\]\((?P<picture>[^)]+\.png)\)\n)?",
    re.S | re.M,
)
COLORS = 96
"""Number of colours of a picture on a page: enough for smooth edges, with a third of the bytes."""


@dataclass(frozen=True)
class Ran:
    """A block, its printed output, and the figure that its last line returned."""

    block: re.Match[str]
    printed: str
    figure: Figure | None


def pages() -> list[Path]:
    """Return every page with at least one block that is run."""
    found = sorted(HERE.rglob("*.md"))
    return [page for page in found if any(not block["skip"] for block in BLOCK.finditer(page.read_text("utf-8")))]


def run_page(page: Path) -> list[Ran]:
    """Run a page's blocks in an empty folder, in order."""
    names: dict[str, Any] = {}
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), pd.option_context("display.width", 100):
        return [run_block(block, names, page) for block in BLOCK.finditer(text) if not block["skip"]]


def run_block(block: re.Match[str], names: dict[str, Any], page: Path) -> Ran:
    """Run one block, and print the value of its last line unless it is a figure or a path."""
    line = block.string[: block.start("code")].count("\n")
    tree = ast.parse("\n" * line + block["code"], filename=str(page))
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None  # type: ignore[attr-defined]
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, page, "exec"), names)
        value = eval(compile(last, page, "eval"), names) if last else None
        if value is not None and not isinstance(value, Figure | Path):
            print(value)
    return Ran(block, printed.getvalue(), value if isinstance(value, Figure) else None)


def rewritten(page: Path, ran: list[Ran]) -> str:
    """Return the text of the page with every output replaced by the current one."""
    text, end, pieces = page.read_text(encoding="utf-8"), 0, []
    for one in ran:
        start = one.block.end("code") + len("```\n")
        output = f"\n```text\n{one.printed}```\n" if one.printed.strip() else ""
        pieces += [text[end:start], output, one.block["image"] or ""]
        end = one.block.end()
    return "".join([*pieces, text[end:]])


def draw(page: Path, ran: list[Ran]) -> Iterator[Path]:
    """Save every figure that is shown on the page, with few colours."""
    for one in ran:
        if one.figure is not None and one.block["picture"]:
            path = save_figure(one.figure, (page.parent / one.block["picture"]).resolve(), colors=COLORS)
            yield path


def main(wanted: list[str]) -> None:
    """Run all pages, or those named, and write their outputs and pictures."""
    for page in pages():
        if wanted and page.stem not in wanted:
            continue
        ran = run_page(page)
        page.write_text(rewritten(page, ran), encoding="utf-8")
        drawn = ", ".join(f"{path.name} {path.stat().st_size // 1024} kB" for path in draw(page, ran))
        print(f"{page.relative_to(HERE)}: {len(ran)} blocks{'; ' if drawn else ''}{drawn}")


if __name__ == "__main__":
    main(sys.argv[1:])
