"""Fonts for names in any script: installed fonts with the missing characters serve as fallbacks, as in browsers."""

from functools import cache
from pathlib import Path
from typing import Final

from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.font_manager import FontEntry, FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from partialpool.errors import PartialPoolWarning, warn

__all__ = ["complete_fonts"]

_REGULAR: Final = 400
_LESS_LEGIBLE: Final = ("mono", "serif")
"""Words in the names of families that are used only if no sans-serif family has as many of the characters."""
_BOXES: Final = "Last Resort"
"""A font of matplotlib that has a box for every character."""
_MOST_SHOWN: Final = 12


def complete_fonts(artist: Artist) -> None:
    """Add fallback fonts to texts whose fonts lack some of their characters, such as names in Chinese.

    Matplotlib draws each character with the first font of a text that has it.

    Parameters
    ----------
    artist
        A text, or a figure with its texts, which keep their fonts.

    Warns
    -----
    PartialPoolWarning
        No installed font has a character, which is then drawn as a box.
    """
    unknown: set[str] = set()
    for text in artist.findobj(Text):
        missing = _missing(text)
        if missing:
            families, left = _families_with(missing)
            text.set_fontfamily([*text.get_fontfamily(), *families])
            unknown |= left
    if unknown:
        some = "".join(sorted(unknown)[:_MOST_SHOWN])
        warn(
            f"no installed font has {some!r}{' and others' if len(unknown) > _MOST_SHOWN else ''}: pictures show boxes "
            "in their place; install a font that has them (Noto Sans CJK: Chinese, Japanese, Korean), then start "
            "Python again",
            PartialPoolWarning,
        )


def _missing(text: Text) -> frozenset[str]:
    """Return the characters of a text that none of its fonts has."""
    written = text.get_text()
    if written.isascii():
        return frozenset()
    fonts = [_characters(_path_of(text.get_fontproperties(), family)) for family in text.get_fontfamily()]
    return frozenset(c for c in written if not c.isspace() and not any(ord(c) in font for font in fonts))


def _path_of(properties: FontProperties, family: str) -> str:
    one = properties.copy()
    one.set_family([family])
    return str(font_manager.findfont(one))


@cache
def _characters(path: str) -> frozenset[int]:
    return frozenset(FT2Font(path).get_charmap())


def _families_with(characters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Return installed families that have the characters, best first, and the characters that no family has."""
    families: list[str] = []
    fonts = sorted(
        (f for f in font_manager.fontManager.ttflist if _is_regular(f)),
        key=lambda f: (any(word in f.name.lower() for word in _LESS_LEGIBLE), f.name),
    )
    while characters:
        had = {font.name: frozenset(c for c in characters if ord(c) in _characters(font.fname)) for font in fonts}
        best = max(had, key=lambda name: len(had[name]), default="")
        if not had.get(best):
            break
        families.append(best)
        characters -= had[best]
    return families, characters


def _is_regular(font: FontEntry) -> bool:
    ordinary = font.style == "normal" and font.weight == _REGULAR and not font.name.startswith(_BOXES)
    return ordinary and Path(font.fname).exists()
