"""Figures as bytes: the same every time, small enough, closed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from partialpool.plots.style import figure_image


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
