"""Figures as bytes: the same every time, small enough, closed."""

from xml.etree import ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from partialpool.plots.style import figure_image, house_style, short
from partialpool.tabulate import printable


def draw(points=5, width=6.0):
    figure, axes = plt.subplots(figsize=(width, 3))
    axes.plot(np.arange(points), np.arange(points), "o")
    return figure


def test_a_figure_is_svg_and_the_same_every_time():
    first, second = figure_image(draw()), figure_image(draw())
    assert (first.mime, first.width, first.height) == ("image/svg+xml", 576, 288)
    assert first == second
    assert b"<dc:date>" not in first.data
    assert plt.get_fignums() == []


def test_a_large_figure_is_png():
    image = figure_image(draw(), largest_svg=1000)
    assert image.mime == "image/png"
    assert image.data.startswith(b"\x89PNG")
    # Twice the pixels of its natural size: sharp on a phone.
    assert int.from_bytes(image.data[16:20]) == 2 * image.width
    assert figure_image(draw(20_000)).mime == "image/png"


@pytest.mark.parametrize(("width", "expected"), [(8.0, 480), (4.0, 384)])
def test_a_wide_figure_is_narrowed_a_narrow_one_is_not(width, expected):
    assert figure_image(draw(width=width), widest=5.0).width == expected


def test_no_control_character_reaches_a_picture():
    figure = draw()
    figure.axes[0].set_title("a\x07b\x1b[31m")
    data = figure_image(figure).data
    assert ET.fromstring(data).tag.endswith("svg")
    assert "a\ufffdb\ufffd[31m" in data.decode()


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\ud800", "\ufffe"])
def test_what_cannot_be_printed_is_replaced(bad):
    assert printable(f"a{bad}b") == "a\ufffdb"
    assert printable("a\tb\nc é 東 😀") == "a\tb\nc é 東 😀"


def test_long_labels_keep_their_ends():
    assert short(308) == "308"
    assert short("x" * 30) == "x" * 30
    long = short("a" * 200 + "z" * 100)
    assert len(long) == 30
    assert (long[0], long[-1], long.count("…")) == ("a", "z", 1)
    assert short("one\ntwo\tthree\x07") == "one two three\ufffd"
    assert all(len(short("ab " * 20, most)) <= most for most in range(4, 40))


def test_labels_are_no_mathematics_unless_asked():
    with house_style():
        figure, axes = plt.subplots()
        axes.set_title(r"$\x$")
        axes.set_xticks([0, 1], [r"$\bad$", "$"])
        axes.text(0, 0, r"$\chi^2$", parse_math=True)
    figure.canvas.draw()
    assert not axes.title.get_parse_math()
    plt.close(figure)


def test_only_what_the_style_sets_comes_back():
    """A notebook's first picture switches its back end, and `interactive` with it, while it is drawn."""
    import matplotlib as mpl

    before = mpl.rcParams["interactive"], mpl.rcParams["font.size"]
    try:
        with house_style():
            mpl.rcParams["interactive"] = not before[0]
            assert mpl.rcParams["font.size"] == 10
        assert mpl.rcParams["interactive"] is not before[0]
        assert mpl.rcParams["font.size"] == before[1]
    finally:
        mpl.rcParams["interactive"] = before[0]


def test_a_layout_that_differs_in_the_last_digit_gives_the_same_bytes():
    def drawn(shift):
        figure, axes = plt.subplots(figsize=(6, 3))
        axes.set_position((0.1 + shift, 0.1, 0.8, 0.8))
        axes.plot([0, 1], [0, 1])
        return figure_image(figure).data

    assert drawn(0.0) == drawn(1e-15)
    assert b'clip-path="url(#clip0)"' in drawn(0.0)
    assert b'<clipPath id="clip0">' in drawn(0.0)
