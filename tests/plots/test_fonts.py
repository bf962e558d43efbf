"""Names in any script: a font that has the characters is found, or one warning says that there is none."""

import warnings

import matplotlib.pyplot as plt
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from partialpool.errors import PartialPoolWarning
from partialpool.plots.style import figure_image, house_style, save_figure

LETTER = "\N{GOTHIC LETTER AHSA}"  # no font of matplotlib's has it
NEVER = "\U000105ff"  # not assigned to any character


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def gothic(tmp_path):
    """An installed font, for as long as a test, with one letter."""
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for point in ((50, 700), (450, 700), (450, 0)):
        pen.lineTo(point)
    pen.closePath()
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", "ahsa"])
    font.setupCharacterMap({ord(LETTER): "ahsa"})
    font.setupGlyf({".notdef": pen.glyph(), "ahsa": pen.glyph()})
    font.setupHorizontalMetrics({".notdef": (500, 0), "ahsa": (500, 0)})
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Aaa Gothic", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(tmp_path / "gothic.ttf")
    before = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(tmp_path / "gothic.ttf")
    yield "Aaa Gothic"
    font_manager.fontManager.ttflist[:] = before


def titled(text):
    with house_style():
        figure, axes = plt.subplots()
        axes.set_xticks([0, 1], [text, "plain"])
        figure.suptitle("plain")
    return figure


def test_a_font_that_has_the_characters_is_found(gothic, tmp_path):
    figure = titled(f"school {LETTER}")
    strange, plain = figure.axes[0].get_xticklabels()
    assert strange.get_fontfamily()[-1] != plain.get_fontfamily()[-1]
    assert plain.get_fontfamily() == plt.figure().text(0, 0, "").get_fontfamily()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(tmp_path / "picture.png")
        figure.savefig(tmp_path / "picture.svg")


def test_one_warning_where_no_font_has_them(tmp_path):
    with pytest.warns(PartialPoolWarning, match="no installed font has .*: pictures show boxes") as said:
        figure = titled(f"a{NEVER}b{NEVER}")
    assert len(said) == 1
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(titled("plain"), tmp_path / "plain.png")
        save_figure(figure, tmp_path / "picture.png")


def test_pages_hold_the_figure_without_more_warnings():
    with pytest.warns(PartialPoolWarning):
        figure = titled(NEVER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert figure_image(figure).mime == "image/svg+xml"


def test_texts_with_glyphs_keep_their_fonts():
    before = plt.figure().text(0, 0, "").get_fontfamily()
    for text in ("plain", "größer als ½ °C", "Ελληνικά", "кириллица"):
        assert titled(text).axes[0].get_xticklabels()[0].get_fontfamily() == before
