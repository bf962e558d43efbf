"""The slider's axis: from nothing to infinity without a jump, and back."""

import numpy as np
import pytest

from partialpool.explorer.axis import LAST, PLAIN, SdAxis


@pytest.mark.parametrize("edge", [1e-6, 0.57, 40.0, 3e9])
def test_steps_and_sds_are_each_others_inverse(edge):
    axis = SdAxis(edge)
    sds = axis.sds
    assert len(sds) == LAST + 1
    assert sds[0] == 0.0
    assert sds[PLAIN] == edge
    assert sds[-1] == np.inf
    assert (np.diff(sds) > 0).all()
    np.testing.assert_allclose([axis.step_of(sd) for sd in sds], np.arange(LAST + 1), atol=1e-9)


def test_the_axis_leaves_its_even_part_at_the_same_pace():
    steps = np.diff(SdAxis(1.0).sds[:-1])
    assert steps[PLAIN] == pytest.approx(steps[PLAIN - 1], rel=0.05)
    assert (np.diff(steps[PLAIN - 1 :]) > 0).all()
    assert SdAxis(1.0).sds[-2] > 5


@pytest.mark.parametrize("edge", [0.0123, 0.99, 1.0, 4.2, 57.3, 8000.0])
def test_ticks_are_round_few_and_reach_far(edge):
    ticks = SdAxis(edge).ticks()
    assert 3 <= len(ticks) <= 5
    assert ticks[0] == 0
    assert 0.5 * edge < ticks[-1] <= edge * (1 + 1e-9)
    np.testing.assert_allclose(np.diff(ticks), ticks[1])
