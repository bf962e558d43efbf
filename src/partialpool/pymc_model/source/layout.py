"""Lines of Python: calls and lists on one line where they fit, else one argument a line, as formatters write them."""

import re
import textwrap
from dataclasses import dataclass
from typing import Final

__all__ = ["WIDTH", "Bracket", "Chain", "Node", "assigned", "commented", "flat", "laid_out", "one_line", "prefixed"]

WIDTH: Final = 88
"""Longest line, as black and ruff format by default."""
_STEP: Final = "    "
_CALL: Final = re.compile(r"[\w\])]\($")
"""How the text before a call's arguments ends: those of a call may share a line, those of a list or tuple may not."""


@dataclass(frozen=True)
class Bracket:
    """A call, a list, or an expression in parentheses: what is before its items, the items, and what is after them."""

    before: str
    items: tuple["Node", ...]
    after: str


@dataclass(frozen=True)
class Chain:
    """Operands joined by operators that bind equally tightly: one operator less than operands."""

    operands: tuple["Node", ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Lambda:
    """A function of one expression: `lambda x: ` and what may be before it, and the expression."""

    before: str
    body: "Node"


Node = str | Bracket | Chain | Lambda


def flat(node: Node) -> str:
    """Return a node on one line."""
    match node:
        case Bracket(before, items, after):
            return f"{before}{', '.join(map(flat, items))}{after}"
        case Chain(operands, operators):
            joined = (f" {sign} {flat(one)}" for sign, one in zip(operators, operands[1:], strict=True))
            return flat(operands[0]) + "".join(joined)
        case Lambda(before, body):
            return before + flat(body)
    return node


def prefixed(before: str, node: Node) -> Node:
    """Return a node with text before it."""
    match node:
        case Bracket():
            return Bracket(before + node.before, node.items, node.after)
        case Chain(operands, operators):
            return Chain((prefixed(before, operands[0]), *operands[1:]), operators)
        case Lambda():
            return Lambda(before + node.before, node.body)
    return before + node


def laid_out(node: Node, indent: int = 0, *, after: str = "") -> list[str]:
    """Return the lines of a node.

    Parameters
    ----------
    node
        Text, a call or list, a chain of operators, or a function of one expression.
    indent
        Number of steps of indentation.
    after
        What follows on the last line.

    Examples
    --------
    >>> [len(line) for line in laid_out(Bracket("name = function(", ("x" * 40, "y" * 40), ")"))]
    [16, 86, 1]
    >>> [len(line) for line in laid_out(Bracket("name = [", ("x" * 40, "y" * 40), "]"))]
    [8, 45, 45, 1]
    """
    whole = _STEP * indent + flat(node) + after
    if len(whole) <= WIDTH:
        return [whole]
    match node:
        case Bracket(before, items, end) if items:
            is_call = _CALL.search(before)
            inside = [_STEP * (indent + 1) + ", ".join(map(flat, items))]
            if len(items) == 1 and not is_call and before.endswith("(") and end == ")":
                inside = laid_out(items[0], indent + 1)
            elif len(inside[0]) > WIDTH or not is_call:
                inside = [line for item in items for line in laid_out(item, indent + 1, after=",")]
            return [_STEP * indent + before, *inside, _STEP * indent + end.removeprefix(",") + after]
        case Chain(operands, operators):
            ends = [*[""] * (len(operands) - 1), after]
            signed = [
                operands[0],
                *(prefixed(f"{sign} ", one) for sign, one in zip(operators, operands[1:], strict=True)),
            ]
            return [line for one, end in zip(signed, ends, strict=True) for line in laid_out(one, indent, after=end)]
        case Lambda(before, Chain() as body):
            return [_STEP * indent + before + "(", *laid_out(body, indent + 1), _STEP * indent + ")" + after]
        case Lambda(before, body):
            return laid_out(prefixed(before, body), indent, after=after)
    return [whole]


def assigned(name: str, node: Node, indent: int = 0) -> list[str]:
    """Return the lines of an assignment; a chain of operators that does not fit is in parentheses."""
    whole = laid_out(prefixed(f"{name} = ", node), indent)
    if len(whole) == 1 or not isinstance(node, Chain):
        return whole
    step = _STEP * indent
    return [f"{step}{name} = (", *laid_out(node, indent + 1), f"{step})"]


def commented(*sentences: str, indent: int = 0, hanging: bool = False) -> list[str]:
    """Return a comment, each sentence from a new line, wrapped.

    Parameters
    ----------
    *sentences
        Text, in which characters that are not printed become escapes.
    indent
        Number of steps of indentation.
    hanging
        Whether the lines of one sentence after its first are indented.
    """
    start = f"{_STEP * indent}# "
    wrapper = textwrap.TextWrapper(
        WIDTH,
        initial_indent=start,
        subsequent_indent=start + _STEP * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line for one in sentences for line in wrapper.wrap(one_line(one))]


def one_line(text: str) -> str:
    r"""Return text for a comment: characters that are not printed, line ends among them, become escapes.

    Examples
    --------
    >>> one_line("one" + chr(10) + "two")
    'one\\ntwo'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
