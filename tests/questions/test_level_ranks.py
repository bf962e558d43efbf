"""Ranks of levels, draw by draw."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at

LEVELS, DRAWS = 6, 300
RNG = np.random.default_rng(7)
OWN = RNG.normal(0, [[0.5], [1], [2], [0.1], [1], [0.3]], size=(DRAWS, LEVELS, 1))
TABLE = pd.DataFrame({"y": RNG.normal(size=4 * LEVELS), "g": np.repeat(list("abcdef"), 4)})


def intercepts(table=TABLE, own=OWN, scale=1.0):
    """A fit with given effects of the levels, in the order of the table's labels."""
    n = len(own)
    values = {"beta": np.full((n, 1), 5.0), "sd_g": np.full((n, 1), 1.0), "sigma": np.ones(n), "b_g": own}
    return fit_at(
        "y ~ 1 + (1 | g)", table.assign(y=scale * table["y"]), draws=n,
        **{name: scale * value for name, value in values.items()},
    )  # fmt: skip


@pytest.mark.parametrize("best", ["highest", "lowest"])
def test_ranks_are_those_of_each_draw(best):
    found = pp.level_ranks(intercepts(), "Intercept", best=best, top=2)
    sign = -1 if best == "highest" else 1
    by_hand = np.array([stats.rankdata(sign * draw) for draw in OWN[..., 0]])
    np.testing.assert_array_equal(found["rank"].to_numpy()[0], by_hand)
    assert found["expected"].to_numpy() == pytest.approx(by_hand.mean(axis=0))
    assert found["best"].to_numpy() == pytest.approx((by_hand == 1).mean(axis=0))
    assert found["among_top"].to_numpy() == pytest.approx((by_hand <= 2).mean(axis=0))
    assert found.attrs["top"] == 2


def test_the_coefficients_are_those_of_level_effects():
    """With the fixed effects at each level's own values of the predictors, or at those of `at`."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"child": np.repeat(list("abcdef"), 4), "age": np.tile(np.arange(4.0), 6)})
    table = table.assign(sex=np.repeat(["boy", "girl"], 12), y=rng.normal(size=24))
    fit = fit_at(
        "y ~ age * sex + (age | child)", table, draws=50, beta=rng.normal(size=(50, 4)), sd_child=np.ones((50, 2)),
        corr_child=np.tile(np.eye(2), (50, 1, 1)), sigma=np.ones(50), b_child=rng.normal(size=(50, 6, 2)),
    )  # fmt: skip
    ranks = []
    for at in ({}, {"sex": "boy"}):
        effects = pp.level_effects(fit, "age", at=at)
        found = pp.level_ranks(fit, "age", at=at)
        ranks.append(found["rank"].to_numpy())
        np.testing.assert_array_equal(ranks[-1], stats.rankdata(-effects["effect"].to_numpy(), axis=-1))
        assert {k: found.attrs[k] for k in ("held", "origin")} == {k: effects.attrs[k] for k in ("held", "origin")}
    assert (ranks[0] != ranks[1]).any()


def test_levels_that_are_equal_share_their_ranks():
    own = np.array([[2.0, 2, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6]])[..., None]
    found = pp.level_ranks(intercepts(own=own), "Intercept", top=2)
    assert found["rank"].to_numpy()[0].tolist() == [[1.5, 1.5, 3, 5, 5, 5], [3.5] * 6, [6, 5, 4, 3, 2, 1]]
    third, half = 1 / 3, 0.5
    assert found["best"].to_numpy() == pytest.approx(
        third * np.array([half + 1 / 6, half + 1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 + 1 / 6])
    )
    assert found["among_top"].to_numpy() == pytest.approx(
        third * np.array([1 + third, 1 + third, third, third, 1 + third, 1 + third])
    )
    for top in range(1, LEVELS + 1):
        shares = pp.level_ranks(intercepts(own=own), "Intercept", top=top)
        assert float(shares["best"].sum()) == pytest.approx(1)
        assert float(shares["among_top"].sum()) == pytest.approx(top)


def test_two_levels_change_places_as_the_normal_distribution_says():
    """P(a above b) = Phi(difference / sd of the difference), on a grid of quantiles that is exact up to its step."""
    step = (np.arange(999) + 0.5) / 999
    difference = 0.7 + 1.3 * stats.norm.ppf(step)
    own = np.stack([difference, np.zeros(999)], axis=1)[..., None]
    table = pd.DataFrame({"y": [0.0, 1, 2, 4], "g": list("aabb")})
    found = pp.level_ranks(intercepts(table, own), "Intercept")
    above = stats.norm.cdf(0.7 / 1.3)
    assert found["best"].to_numpy() == pytest.approx([above, 1 - above], abs=1 / 999)
    assert found["expected"].to_numpy() == pytest.approx([2 - above, 1 + above], abs=1 / 999)


def test_units_and_the_order_of_levels_change_nothing():
    plain = pp.level_ranks(intercepts(), "Intercept", top=3)
    in_milli = pp.level_ranks(intercepts(scale=1000.0), "Intercept", top=3)
    np.testing.assert_array_equal(plain["rank"], in_milli["rank"])
    order = [4, 2, 0, 5, 1, 3]
    renamed = TABLE.assign(
        g=TABLE["g"].map(dict(zip("abcdef", np.array(list("abcdef"))[np.argsort(order)], strict=True)))
    )
    moved = pp.level_ranks(intercepts(renamed, OWN[:, order]), "Intercept", top=3)
    for name in ("rank", "expected", "best", "among_top"):
        np.testing.assert_array_equal(moved[name].to_numpy(), plain[name].to_numpy()[..., order])


def test_the_lowest_is_the_highest_of_the_negative():
    up = pp.level_ranks(intercepts(), "Intercept")["rank"]
    down = pp.level_ranks(intercepts(), "Intercept", best="lowest")["rank"]
    np.testing.assert_array_equal(up + down, np.full(up.shape, LEVELS + 1))


def test_tables_have_the_expected_rank_and_its_interval():
    found = pp.level_ranks(intercepts(), "Intercept")
    table = pp.to_frame(found, prob=0.8)
    assert table["term"].tolist() == ["rank"] * LEVELS
    assert table["level"].tolist() == list("abcdef")
    assert table["estimate"].to_numpy() == pytest.approx(found["expected"].to_numpy())
    ends = np.quantile(found["rank"].to_numpy()[0], [0.1, 0.9], axis=0)
    np.testing.assert_allclose(table[["conf_low", "conf_high"]].T, ends)


def test_most_draws_of_one_rank_are_no_reason_for_a_median():
    """Of the first level four fifths of the draws are rank 1, the others spread: its quartiles are both 1."""
    rng = np.random.default_rng(5)
    levels, draws = 40, 1000
    own = rng.normal(size=(draws, levels, 1))
    own[: 4 * draws // 5, 0] = 10
    table = pd.DataFrame({"y": rng.normal(size=levels * 2), "g": np.repeat([f"g{k:02d}" for k in range(levels)], 2)})
    found = pp.level_ranks(intercepts(table, own), "Intercept")
    first = found["rank"].to_numpy()[0, :, 0]
    assert np.quantile(first, 0.75) < first.mean()
    assert set(pp.to_frame(found)["statistic"]) == {"mean"}
    assert "median" not in pp.summary(found).columns


def test_wrong_questions():
    fit = intercepts()
    with pytest.raises(pp.DataError, match="name one coefficient that varies") as error:
        pp.level_ranks(fit, "x")
    assert "Intercept over g" in error.value.allowed
    for best in ("largest", 1, None):
        with pytest.raises(pp.DataError, match="best= says which end of the coefficients is the best") as error:
            pp.level_ranks(fit, "Intercept", best=best)
        assert (error.value.got, error.value.allowed) == (repr(best), "'highest' or 'lowest'")
    for top in (0, 7, 1.5, True, "3"):
        with pytest.raises(pp.DataError, match="top= must be a number of levels") as error:
            pp.level_ranks(fit, "Intercept", top=top)
        assert error.value.got == repr(top)
        assert error.value.allowed == "an integer from 1 to 6, the number of levels"
