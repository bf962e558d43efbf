"""Split formula text at the outermost level, never inside brackets, quotes or backquotes."""

from collections.abc import Iterator

from partialpool.errors import FormulaError

__all__ = ["outer_split", "split_call", "split_group", "split_sum", "split_tag"]

_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "'\"`"


def outer_split(text: str, separator: str) -> list[str]:
    """Split at a single character outside brackets and quotes.

    Examples
    --------
    >>> outer_split("y ~ (1 | a ~ b)", "~")
    ['y ', ' (1 | a ~ b)']
    """
    parts, start = [], 0
    for position, character, depth in _walk(text):
        if depth == 0 and character == separator:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def split_sum(text: str) -> Iterator[tuple[str, str]]:
    """Split a sum into signed pieces.

    Examples
    --------
    >>> list(split_sum("x + (1 | g) - 1"))
    [('+', 'x'), ('+', '(1 | g)'), ('-', '1')]
    """
    sign, start = "+", 0
    for position, character, depth in _walk(text):
        if depth == 0 and character in "+-":
            if text[start:position].strip():
                yield sign, text[start:position].strip()
                sign = character
            elif character == "-":
                sign = "+" if sign == "-" else "-"
            start = position + 1
    if not text[start:].strip():
        raise FormulaError(
            "a formula ends in an operator",
            got=repr(text.strip()),
            allowed="a term after every + and -",
            do="add the missing term",
        )
    yield sign, text[start:].strip()


def split_group(piece: str) -> tuple[str, str, bool] | None:
    """Split `(effects | factor)` into effects, factor, correlated; None for a fixed term.

    Examples
    --------
    >>> split_group("(0 + x || a/b)")
    ('0 + x', 'a/b', False)
    >>> split_group("I(x**2)") is None
    True
    """
    whole = piece.startswith("(") and next((p for p, _, d in _walk(piece[1:], 1) if d == 0), -1) == len(piece) - 2
    inner = piece[1:-1] if whole else ""
    parts = outer_split(inner, "|")
    if len(parts) == 1:
        return None
    correlated = len(parts) == 2
    if len(parts) > 3 or (len(parts) == 3 and parts[1]) or not parts[0].strip() or not parts[-1].strip():
        raise FormulaError(
            "cannot read a grouping term",
            got=repr(piece),
            allowed="(effects | factor) or (effects || factor)",
            do="write the effects to the left of the bar (1 for an intercept), the factor to the right",
        )
    return parts[0].strip(), parts[-1].strip(), correlated


def split_call(piece: str, name: str) -> tuple[str, str] | None:
    """Split `name(inside)rest` into what is inside and the rest; None where a text does not begin with that call.

    Examples
    --------
    >>> split_call("cs(x):z", "cs"), split_call("cos(x)", "cs")
    (('x', ':z'), None)
    """
    start = piece.removeprefix(name).lstrip()
    if not piece.startswith(name) or not start.startswith("("):
        return None
    end = next(place for place, _, depth in _walk(start[1:], 1) if depth == 0)
    return start[1 : 1 + end].strip(), start[2 + end :].strip()


def split_tag(piece: str) -> tuple[str, str | None]:
    """Split brms's `(1 |p| g)` into `(1 | g)` and the tag p; None where a term has no tag.

    Examples
    --------
    >>> split_tag("(1 |p| g)"), split_tag("(x || g)")
    (('(1 | g)', 'p'), ('(x || g)', None))
    """
    whole = piece.startswith("(") and next((p for p, _, d in _walk(piece[1:], 1) if d == 0), -1) == len(piece) - 2
    parts = outer_split(piece[1:-1], "|") if whole else []
    if len(parts) != 3 or not parts[1].strip().isidentifier():
        return piece, None
    return f"({parts[0].strip()} | {parts[2].strip()})", parts[1].strip()


def _walk(text: str, depth: int = 0) -> Iterator[tuple[int, str, int]]:
    """Yield each unquoted character with its depth; a bracket has the depth of the text around it."""
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
            continue
        if character in _QUOTES:
            quote = character
        elif character in _CLOSE:
            depth -= 1
        if depth < 0:
            break
        if not quote:
            yield position, character, depth
        if character in _OPEN:
            depth += 1
    if depth != 0:
        raise FormulaError(
            "brackets do not match in a formula",
            got=repr(text),
            allowed="every bracket closed",
            do="close or remove a bracket",
        )
