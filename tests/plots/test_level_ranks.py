"""Level ranks: order, intervals, probabilities."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import partialpool as pp


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def ranks(levels=5, top=None):
    """Ranks of independent levels, the last the best."""
    rng = np.random.default_rng(0)
    own = rng.normal(np.arange(levels), 0.8, size=(2, 300, levels))
    rank = levels - own.argsort(axis=-1).argsort(axis=-1).astype(float)
    variables = {
        "rank": (("chain", "draw", "level"), rank),
        "expected": ("level", rank.mean(axis=(0, 1))),
        "best": ("level", (rank == 1).mean(axis=(0, 1))),
    }
    attrs = {"effect": "x", "factor": "g", "best": "highest", "response": "y", "held": "sex=boy"}
    if top:
        variables["among_top"] = ("level", (rank <= top).mean(axis=(0, 1)))
        attrs["top"] = top
    return xr.Dataset(variables, coords={"level": [f"g{k}" for k in range(levels)]}, attrs=attrs)


def test_order_and_intervals():
    answer = ranks()
    figure = pp.plot_level_ranks(answer, prob=0.9)
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["g4", "g3", "g2", "g1", "g0"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the best on top
    outer, inner, dots = axes.collections
    draws = answer["rank"].to_numpy()[..., 4].ravel()
    assert outer.get_segments()[0][:, 0] == pytest.approx(np.quantile(draws, [0.05, 0.95]))
    assert inner.get_segments()[0][:, 0] == pytest.approx(np.quantile(draws, [0.25, 0.75]))
    assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx(np.sort(answer["expected"].to_numpy()))
    assert axes.get_xlabel() == "rank of each g by x, 1 the highest\n50 % and 90 % intervals"
    assert figure.get_suptitle() == "Ranks of g by x, response y\nheld: sex=boy"


@pytest.mark.parametrize(("top", "name", "label"), [(None, "best", "the best"), (2, "among_top", "among the 2 best")])
def test_probabilities_are_beside_the_levels(top, name, label):
    answer = ranks(top=top)
    (axes,) = pp.plot_level_ranks(answer).axes
    (right,) = axes.child_axes
    assert right.get_ylabel() == f"probability of being {label}"
    written = [t.get_text() for t in right.get_yticklabels()]
    shares = answer[name].to_numpy()[::-1]
    for text, share in zip(written, shares, strict=True):
        assert text == ("<1 %" if share < 0.005 else ">99 %" if share > 0.995 else f"{100 * share:.0f} %")
    assert written[-1] == "<1 %"


def test_many_levels_lose_their_labels():
    (axes,) = pp.plot_level_ranks(ranks(80)).axes
    assert axes.get_yticklabels() == []
    assert axes.get_ylabel() == "g (80 levels, sorted)"
    assert axes.child_axes == []


def test_a_fit_is_refused_with_the_question(sleepstudy_fit):
    with pytest.raises(pp.DataError, match=r"pp\.plot_level_ranks\(pp\.level_ranks\(fit, effect\)\)"):
        pp.plot_level_ranks(sleepstudy_fit)
