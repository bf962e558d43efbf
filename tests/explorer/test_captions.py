"""The words: true of the fit they are about."""

import re

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.explorer.captions import Topic, is_balanced, isolated, readings, things_to_try
from partialpool.explorer.curves import PoolingCurves, chosen_effect, pooling_curves
from partialpool.explorer.prior_influence import Influence, prior_influence
from partialpool.explorer.studies import Study

SCALES = tuple(2.0**power for power in range(-2, 7))


def say(value):
    return f"{value:.1f} ms"


def topic(others=(), other_factors=(), *, known=False):
    return Topic("Batch", others, other_factors, known, say)


def plain(text):
    return text.replace("\u2068", "").replace("\u2069", "").replace("\xa0", " ")


def studies(medians):
    """Posteriors under half-normal priors whose medians are those given, the fit's own (of scale 16) first."""
    none = np.zeros(0)
    made = [
        Study("half-normal", scale, np.ones_like, np.linspace(0.5, 1.5, 101) * median, none, none, good=True)
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


@pytest.fixture(scope="module")
def sleeping():
    fit = fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), sd_Subject=[25.0, 6.0],
                 corr_Subject=[[1, 0.1], [0.1, 1]], sigma=25.0, beta=[251.0, 10.0])  # fmt: skip
    return curves(fit, 25.0)


def nested(factor, data=None):
    fit = fit_at("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes") if data is None else data, sd_batch=[1.3],
                 sigma=0.8, beta=[60.0], **{"sd_batch:cask": [2.9]})  # fmt: skip
    chosen, name = chosen_effect(fit.design, factor, None)
    return pooling_curves(fit, chosen, name, np.array([0.0, 1.3 if factor == "batch" else 2.9, np.inf]))


def tried(of: PoolingCurves, medians=(30.0,) * 9, about=None):
    return [(do, plain(seen)) for do, seen in things_to_try(of, 1, about or topic(), studies(medians))]


def test_the_ends_have_this_fits_numbers(balanced):
    (_, left), (_, right), *_ = tried(balanced)
    assert "1527.5 ms: complete pooling" in left
    assert "each level has an estimate from its own rows, including their noise, which is luck" in right
    assert "E is farthest out, at 1600.0 ms from 5 rows" in right
    said = readings(balanced, topic())
    assert said["complete"] == (
        "All together (complete pooling): as if no level differed from another, all rows together give one estimate."
    )
    assert said["none"] == (
        "Each alone (no pooling): each level may differ without limit, and each estimate is from its own rows."
    )
    assert "gives {share} of its weight to the level\u2019s own rows" in said["between"]


def test_what_all_rows_tell_is_said_at_the_right_end():
    """A coefficient that all rows tell is given to every level; that of a predictor of levels is a limit there."""
    fit = fit_at("log_radon ~ floor + log_uranium + (1 | county)", pp.load_dataset("radon"), sd_county=[0.15],
                 sigma=0.75, beta=[1.46, -0.67, 0.72])  # fmt: skip
    of = curves(fit, 0.15)
    right, none = tried(of)[1][1], plain(readings(of, topic())["none"])
    for text in (right, none):
        assert "own rows, given fixed effects of floor, log_uranium estimated from all rows" in text
        assert "Without pooling the rows do not identify the coefficient of log_uranium" in text
    assert plain(readings(of, topic())["between"]).startswith("Given the fixed effects, an estimate gives")
    rows_only = curves(
        fit_at("log_radon ~ floor + (1 | county)", pp.load_dataset("radon"), sd_county=[0.3], sigma=0.75,
               beta=[1.46, -0.67]), 0.3)  # fmt: skip
    assert "do not identify" not in readings(rows_only, topic())["none"]


def test_known_errors_weigh_the_rows(known):
    assert "all rows together give one estimate, weighted by their standard errors" in readings(
        known, topic(known=True)
    )["complete"]  # fmt: skip


def test_levels_that_weigh_alike_are_said_to(balanced, unbalanced):
    assert is_balanced(balanced.own_errors)
    assert "pulled by the same share" in tried(balanced)[2][1]
    assert not is_balanced(unbalanced.own_errors)
    few, many = (list(unbalanced.labels).index(name) for name in ("MAHNOMEN", "STLOUIS"))
    ways = [f"{100 * (1 - unbalanced.shares[1][k]):.0f}" for k in (few, many)]
    assert (
        f"MAHNOMEN, 1 row: {ways[0]} % of the way; STLOUIS, 116 rows: {ways[1]} % of the way: "
        "the fewer rows, the larger the share of the way."
    ) in tried(unbalanced)[2][1]
    # For normal rows this is also where the estimates are drawn.
    here, own, middle = unbalanced.values[1], unbalanced.values[-1], unbalanced.population[1]
    moved = (own - here)[[few, many]] / (own - middle)[[few, many]]
    assert [f"{100 * share:.0f}" for share in moved] == ways


def test_a_small_sd_does_not_make_levels_alike():
    """Weights near 0 differ by little whatever the rows."""
    fit = fit_at("log_radon ~ 1 + (1 | county)", pp.load_dataset("radon"), sd_county=[0.005], sigma=0.8, beta=[1.3])
    of = curves(fit, 0.005)
    assert np.ptp(of.shares[1]) < 0.005
    assert "MAHNOMEN (1 row) gives way before STLOUIS (116 rows): the fewer rows" in tried(of)[2][1]


def test_a_little_more_rows_are_not_a_long_time():
    rng = np.random.default_rng(2)
    levels = np.repeat(["few", "many", "most"], [20, 21, 22])
    fit = fit_at("y ~ 1 + (1 | g)", {"y": rng.normal(size=63), "g": levels}, sd_g=[0.3], sigma=1.0, beta=[0.0])
    said = tried(curves(fit, 0.3))[2][1]
    assert re.search(r"few, 20 rows: 3\d % of the way; most, 22 rows: 3\d % of the way", said)


def test_where_all_have_one_row_their_errors_part_them(known):
    said = tried(known)[2][1]
    ways = [f"{100 * (1 - 16 / (16 + error**2)):.0f}" for error in (18, 9)]
    assert f"H, standard error 18.0 ms: {ways[0]} % of the way; E, standard error 9.0 ms: {ways[1]} % of the" in said
    assert said.endswith("the less its own rows tell, the larger the share of the way.")


def test_rows_are_not_named_where_they_are_not_the_reason():
    """A level with more rows, which are worth less."""
    rng = np.random.default_rng(3)
    data = {"y": rng.normal(size=11), "se": np.repeat([5.0, 0.5, 1.0], [6, 2, 3]), "g": np.repeat([*"abc"], [6, 2, 3])}
    fit = fit_at("y ~ 1 + (1 | g)", data, se="se", sd_g=[1.0], beta=[0.0])
    said = tried(curves(fit, 1.0))[2][1]
    assert (
        f"a, standard error {5 / 6**0.5:.1f} ms: 81 % of the way; b, standard error {0.5 / 2**0.5:.1f} ms: 11 %" in said
    )


def test_slopes_that_move_along_are_named(sleeping):
    about = topic(others=("Days",))
    text = tried(sleeping, about=about)[2][1]
    assert "same share" not in text
    moved = np.abs(sleeping.values[1] - sleeping.values[2])
    assert f"{sleeping.labels[np.argmax(moved)]} moves most" in text
    said = readings(sleeping, about)
    assert plain(said["between"]) == (
        "No single weight describes how far an estimate is pulled: the level\u2019s Days moves along."
    )
    assert "give one line" in said["complete"]


def test_levels_between_which_other_factors_move_have_no_one_share():
    about = topic(other_factors=("batch",))
    of = nested("batch:cask")
    low, high = np.nanmin(of.shares[1]), np.nanmax(of.shares[1])
    assert f"between {100 * low:.0f} and {100 * high:.0f} %, since effects of batch move along" in tried(
        of, about=about
    )[2][1]  # fmt: skip
    batches = nested("batch")
    assert "pulled by the same share" in tried(batches, about=topic(other_factors=("batch:cask",)))[2][1]
    assert readings(batches, about)["between"].startswith("An estimate is {share} of the way from the population")
    assert "own rows, given effects of batch estimated from all rows" in plain(readings(of, about)["none"])
    # With batches of one cask and of three those of one give way first.
    data = pp.load_dataset("pastes")
    few = nested("batch", data[~data["batch"].isin([*"ABC"]) | (data["cask"] == "a")])
    said = tried(few, about=topic(other_factors=("batch:cask",)))[2][1]
    least, most = (np.flatnonzero(np.isfinite(few.shares[1]) & (few.rows == rows))[0] for rows in (2, 6))
    ways = [f"{100 * (1 - few.shares[1][k]):.0f}" for k in (least, most)]
    assert (
        f"{few.labels[least]}, 2 rows: {ways[0]} % of the way; {few.labels[most]}, 6 rows: {ways[1]} % of the way"
        in said
    )
    assert few.shares[1][least] < few.shares[1][most]


def test_names_keep_their_direction_to_themselves():
    data = pp.load_dataset("dyestuff")
    fit = fit_at("Yield ~ 1 + (1 | Batch)", data, sd_Batch=[40.0], sigma=50.0, beta=[1527.0])
    text = things_to_try(curves(fit, 40.0), 1, topic(), studies((30.0,) * 9))[1][1]
    assert f"{isolated('E')} is farthest out" in text


NOBODY, BOTH = "The sd need not be chosen", "Here both matter"


@pytest.mark.parametrize(
    ("medians", "expected", "median"),
    [
        # Scales 0.25 to 64; those compared are 4, 16 and 64.
        ((30.0,) * 9, "With 6 levels the data determine it: none of these three priors is influential", NOBODY),
        ((1, 3, 9, 20, 28, 29.5, 30, 30, 30), "the data determine it", NOBODY),
        (
            (1, 3, 5, 9, 18, 28, 29, 30, 30),
            "a wider prior hardly changes it: only a narrower prior is influential",
            NOBODY,
        ),
        ((1, 2, 4, 7, 11, 16, 22, 28, 33), "the data alone do not determine it: the prior is influential", BOTH),
    ],
)
def test_whether_the_prior_is_heard(balanced, medians, expected, median):
    *_, (press, about_median), (do, seen) = tried(balanced, medians)
    assert press == "Press \u201cCompromise\u201d."
    assert median in about_median
    assert do.startswith("Choose the half-normal prior")
    assert expected in seen
    told = ", ".join(say(medians[k]) for k in (4, 6)) + f" and {say(medians[8])}"
    assert f"With the scales 4.0 ms, 16.0 ms and 64.0 ms the median of the sd is {told}." in seen
    # A grid with fewer of these priors gets the same sentence.
    made = studies(medians)
    fewer = [study for study in made if study.scale in {1.0, 4.0, 16.0, 64.0}]
    *_, (_, again) = things_to_try(balanced, 1, topic(), fewer)
    assert plain(again) == seen


def test_scales_that_a_grid_does_not_have_are_between_its_others():
    none = np.zeros(0)
    made = [Study("half-normal", scale, np.ones_like, np.full(9, 1 + np.log2(scale)), none, none, good=True)
            for scale in (0.5, 2.0, 8.0, 32.0)]  # fmt: skip
    found, said = prior_influence(made, 4.0, "3 levels", say)
    # The medians are linear in the logarithm of the scale: at 1, 4 and 16 they are 1, 3 and 5.
    assert "the median of the sd is 1.0 ms, 3.0 ms and 5.0 ms." in said
    assert found is Influence.BOTH
    # Scales too far apart tell nothing of what is between them.
    assert prior_influence([made[0], made[2], made[3]], 2.0, "3 levels", say)[0] is Influence.UNTRIED


def test_without_good_refits_nothing_is_claimed(balanced):
    none = np.zeros(0)
    only = (Study("half-t(3)", 1.0, np.ones_like, np.arange(9.0), none, none, good=True),)
    *_, (_, about_median), (_, seen) = things_to_try(balanced, 1, topic(), only)
    assert seen.endswith("?")
    assert NOBODY not in about_median


def test_the_estimates_have_their_means_where_the_page_has_them(balanced):
    about = Topic("Batch", (), (), False, say, say_mean=lambda value: f"mean of {value:.0f}")
    (_, left), (_, right), *_ = tried(balanced, about=about)
    assert "the same estimate, mean of 1528: complete pooling" in left
    assert "E is farthest out, at mean of 1600 from 5 rows" in right
