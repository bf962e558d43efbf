"""The words: true of the fit they are about."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.explorer.curves import PoolingCurves, chosen_effect, pooling_curves
from partialpool.explorer.lesson import is_balanced, things_to_try
from partialpool.explorer.studies import FAMILIES, SCALES, Study


def say(value):
    return f"{value:.1f} ms"


def studies(medians):
    """Posteriors under half-normal priors whose medians are those given, the fit's own among them."""
    none = np.zeros(0)
    made = [
        Study("half-normal", 16 * scale, np.ones_like, np.linspace(0.5, 1.5, 101) * median, none, none, good=True)
        for scale, median in zip(SCALES, medians, strict=True)
    ]
    return (made[6], *(s for k, s in enumerate(made) if k != 6))


def curves(fit, sd, effect=None):
    factor, name = chosen_effect(fit.design, None, effect)
    return pooling_curves(fit, factor, name, np.array([0.0, sd, np.inf]))


@pytest.fixture(scope="module")
def balanced():
    fit = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), sd_Batch=[40.0], sigma=50.0, beta=[1527.0])
    return curves(fit, 40.0)


@pytest.fixture(scope="module")
def unbalanced():
    fit = fit_at("log_radon ~ 1 + (1 | county)", pp.load_dataset("radon"), sd_county=[0.3], sigma=0.8, beta=[1.3])
    return curves(fit, 0.3)


@pytest.fixture(scope="module")
def known():
    data = pp.load_dataset("eight_schools")
    return curves(fit_at("effect ~ 1 + (1 | school)", data, se="standard_error", sd_school=[4.0], beta=[8.0]), 4.0)


def tried(of: PoolingCurves, medians=(30.0,) * 9, others=()):
    return things_to_try(of, 1, factor="Batch", others=others, studies=studies(medians), say=say)


def test_the_ends_have_this_fits_numbers(balanced):
    (_, left), (_, right), *_ = tried(balanced)
    assert "1527.5 ms: complete pooling" in left
    assert "E stands farthest out, at 1600.0 ms from 5 rows" in right


def test_levels_that_weigh_alike_are_said_to(balanced, unbalanced):
    assert is_balanced(balanced.weights[1])
    assert "pulled by the same share" in tried(balanced)[2][1]
    assert not is_balanced(unbalanced.weights[1])
    assert "MAHNOMEN (1 row) gives way long before STLOUIS (116 rows)" in tried(unbalanced)[2][1]


def test_where_all_have_one_row_their_errors_part_them(known):
    assert "H (standard error 18.0 ms) gives way long before E (standard error 9.0 ms)" in tried(known)[2][1]


def test_slopes_that_move_along_are_named():
    fit = fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), sd_Subject=[25.0, 6.0],
                 corr_Subject=[[1, 0.1], [0.1, 1]], sigma=25.0, beta=[251.0, 10.0])  # fmt: skip
    of = curves(fit, 25.0)
    text = tried(of, others=("Days",))[2][1]
    assert "same share" not in text
    moved = np.abs(of.values[1] - of.values[2])
    assert f"{of.labels[np.argmax(moved)]} moves most" in text


@pytest.mark.parametrize(
    ("medians", "expected"),
    [
        # Scales 0.25 to 64.
        ((30.0,) * 9, "no prior that can be chosen here is heard"),
        ((1, 3, 9, 20, 28, 29.5, 30, 30, 30), "From a scale of 4.0 ms on it hardly moves"),
        ((1, 2, 4, 7, 11, 16, 22, 28, 33), "the prior has a say"),
    ],
)
def test_whether_the_prior_is_heard(balanced, medians, expected):
    do, seen = tried(balanced, medians)[-1]
    assert do.startswith(f"Choose the {next(iter(FAMILIES))} prior")
    assert expected in seen
    assert f"{say(medians[0])}, under the widest {say(medians[-1])}" in seen


def test_without_good_refits_nothing_is_claimed(balanced):
    none = np.zeros(0)
    only = (Study("half-t(3)", 1.0, np.ones_like, np.arange(9.0), none, none, good=True),)
    _, seen = things_to_try(balanced, 1, factor="Batch", others=(), studies=only, say=say)[-1]
    assert seen.endswith("?")
