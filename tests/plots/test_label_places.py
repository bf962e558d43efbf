"""Names beside points: they cover no marks and no other names, and every name is near its point."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.label_places import write_beside


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def boxes(figure, texts):
    figure.canvas.draw()
    return [text.get_window_extent() for text in texts]


def covered(box, pixels):
    return [(x, y) for x, y in pixels if box.x0 < x < box.x1 and box.y0 < y < box.y1]


def test_names_cover_no_marks_and_no_other_names():
    figure, axes = plt.subplots(figsize=(5, 4))
    at = np.array([[0.0, 0.0], [0.06, 0.04], [0.5, 0.5], [1.0, 1.0]])
    others = np.array([[0.55, 0.55], [0.1, 0.08]])
    axes.plot(*at.T, "o")
    axes.plot(*others.T, "o")
    write_beside(axes, ["first", "second", "third", "at the edge"], at, marks=np.concatenate([at, others]))
    found = boxes(figure, axes.texts)
    pixels = axes.transData.transform(np.concatenate([at, others]))
    assert not [hit for box in found for hit in covered(box, pixels)]
    assert not [pair for pair in combinations(found, 2) if pair[0].overlaps(pair[1])]
    frame = axes.get_window_extent()
    assert all(box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1 for box in found)
    for box, point in zip(found, axes.transData.transform(at), strict=True):
        nearest = np.clip(point, box.min, box.max)
        assert np.hypot(*(nearest - point)) < 20


def test_names_of_the_plane_of_shrinkage_are_beside_marks_and_arrows():
    fit = fit_at(
        "Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"),
        beta=[250, 10], sd_Subject=[20, 5], corr_Subject=[[1, 0.1], [0.1, 1]], sigma=25,
        b_Subject=np.random.default_rng(4).normal(size=(18, 2)) * [20, 5],
    )  # fmt: skip
    figure = pp.plot_shrinkage(pp.shrinkage(fit))
    (axes,) = figure.axes
    texts = [text for text in axes.texts if text.get_text()]
    assert len(texts) == 18
    found = boxes(figure, texts)
    dots = [line.get_xydata() for line in axes.lines if line.get_marker() in ("o", "X")]
    pixels = axes.transData.transform(np.concatenate(dots))
    assert not [hit for box in found for hit in covered(box, pixels)]
    assert not [pair for pair in combinations(found, 2) if pair[0].overlaps(pair[1])]
