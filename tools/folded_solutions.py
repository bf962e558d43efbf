"""Read and write the folded solutions of notebooks: `<details>` with Python in it, which runs like the cells.

Folded text is folded wherever a notebook is read: on GitHub, in JupyterLab, in the built documentation. A hidden code
cell is hidden only in some of them. So a solution is Markdown with a code fence, followed by a fence with its output.
"""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["FoldedCode", "folded_code", "with_printed"]

_FENCE: Final = re.compile(
    r"(?P<code>^```python\n(?P<source>.*?)\n```\n)(?P<printed>\n```text\n(?P<text>.*?)```\n)?", re.S | re.M
)


@dataclass(frozen=True)
class FoldedCode:
    """One fence of Python in a folded solution.

    Attributes
    ----------
    source
        Code in the fence.
    printed
        Output recorded in the text.
    """

    source: str
    printed: str


def folded_code(markdown: str) -> tuple[FoldedCode, ...]:
    r"""List the code of a cell's folded solutions, in order.

    Examples
    --------
    >>> cell = "<details><summary>Solution</summary>\n\n```python\nprint(1 + 1)\n```\n\n```text\n2\n```\n"
    >>> folded_code(cell)
    (FoldedCode(source='print(1 + 1)', printed='2\n'),)
    >>> folded_code("```python\nshown but not run\n```\n")
    ()
    """
    if "<details>" not in markdown:
        return ()
    return tuple(FoldedCode(m["source"], m["text"] or "") for m in _FENCE.finditer(markdown))


def with_printed(markdown: str, printed: list[str]) -> str:
    """Put the output of each code fence after it; fences without output get none."""
    texts = iter(printed)

    def renewed(fence: re.Match[str]) -> str:
        text = next(texts)
        return fence["code"] + (f"\n```text\n{text.rstrip()}\n```\n" if text.strip() else "")

    return _FENCE.sub(renewed, markdown)
