"""Effects of levels on a parameter of the family, or on a category: coefficients, ranks and pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.labels.names_of_fit import names_of_fit

DRAWS, LEVELS = 50, 6
RNG = np.random.default_rng(4)
TABLE = pd.DataFrame(
    {
        "mood": RNG.normal(50, 9, 4 * LEVELS),
        "x": np.tile(np.arange(4.0), LEVELS),
        "arm": np.repeat(["a", "b", "a", "b", "a", "b"], 4),
        "person": np.repeat([f"p{k}" for k in range(LEVELS)], 4),
        "mode": np.tile(["bus", "car", "walk"], 8),
    }
)
TABLE.attrs["units"] = {"mood": "points"}
COEFFICIENTS = RNG.normal([2.0, -0.5, 0.1], 0.1, (DRAWS, 3))
OF_MEAN, OF_SIGMA = RNG.normal(0, 5, (DRAWS, LEVELS, 1)), RNG.normal(0, 0.3, (DRAWS, LEVELS, 2))


def fitted():
    """Moods whose log sigma is 2 - 0.5 [arm b] + 0.1 x, plus each person's own effects."""
    values = {
        "beta": np.full((DRAWS, 1), 50.0), "sd_person": np.full((DRAWS, 1), 5.0), "b_person": OF_MEAN,
        "beta_sigma": COEFFICIENTS, "sd_sigma_person": np.full((DRAWS, 2), 0.3), "b_sigma_person": OF_SIGMA,
    }  # fmt: skip
    return fit_at("mood ~ 1 + (1 | person), sigma ~ arm + x + (x || person)", TABLE, draws=DRAWS, **values)


def commutes():
    values = {
        "beta_car": np.full((DRAWS, 1), 0.2), "beta_walk": np.full((DRAWS, 1), -0.1),
        "sd_car_person": np.full((DRAWS, 1), 0.3), "sd_walk_person": np.full((DRAWS, 1), 0.3),
        "corr_across_person": np.tile(np.eye(2), (DRAWS, 1, 1)),
        "b_car_person": OF_SIGMA[..., :1], "b_walk_person": OF_SIGMA[..., 1:],
    }  # fmt: skip
    return fit_at("mode ~ 1 + (1 | person)", TABLE, draws=DRAWS, family="categorical", **values)


def texts(figure):
    found = [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]
    plt.close(figure)
    return found


def test_log_sigma_of_each_level_is_that_of_its_rows():
    fit = fitted()
    slope = pp.level_effects(fit, "x", parameter="sigma", threshold=0.1)
    np.testing.assert_allclose(slope["effect"][0], COEFFICIENTS[:, 2:] + OF_SIGMA[..., 1])
    np.testing.assert_allclose(slope["population"][0], COEFFICIENTS[:, 2])
    np.testing.assert_allclose(slope["above"], (COEFFICIENTS[:, 2:] + OF_SIGMA[..., 1] > 0.1).mean(axis=0))
    start = pp.level_effects(fit, "Intercept", parameter="sigma", at={"arm": "b"})
    expected = pp.predict(fit, {"x": [0.0] * LEVELS, "arm": ["b"] * LEVELS, "person": [f"p{k}" for k in range(LEVELS)]})
    np.testing.assert_allclose(np.exp(start["effect"][0]), expected["sigma"][0])
    assert start["level"].to_numpy().tolist() == [f"p{k}" for k in range(LEVELS)]
    assert (start.attrs["parameter"], start.attrs["scale"], start.attrs["held"]) == ("sigma", "log", "arm=b (given)")


def test_the_mean_s_coefficients_are_still_those_without_a_parameter():
    found = pp.level_effects(fitted(), "Intercept")
    np.testing.assert_allclose(found["effect"][0], 50 + OF_MEAN[..., 0])
    assert "parameter" not in found.attrs


def test_ranks_of_the_most_variable_are_those_of_each_draw():
    found = pp.level_ranks(fitted(), "Intercept", parameter="sigma", top=2)
    by_hand = np.array([stats.rankdata(-draw) for draw in OF_SIGMA[..., 0]])
    np.testing.assert_array_equal(found["rank"][0], by_hand)
    np.testing.assert_allclose(found["best"], (by_hand == 1).mean(axis=0))
    np.testing.assert_allclose(found["among_top"], (by_hand <= 2).mean(axis=0))


def test_levels_of_a_category():
    fit = commutes()
    np.testing.assert_allclose(
        pp.level_effects(fit, "Intercept", parameter="walk")["effect"][0], -0.1 + OF_SIGMA[..., 1]
    )
    assert pp.level_ranks(fit, "Intercept", parameter="car").attrs["parameter"] == "car"
    for question in (pp.level_effects, pp.level_ranks):
        with pytest.raises(pp.DataError, match="name a category") as error:
            question(fit, "Intercept")
        assert (error.value.allowed, error.value.do) == ("'car', 'walk'", "pass parameter=")


def test_wrong_questions():
    fit = fitted()
    for question in (
        pp.level_effects,
        pp.level_ranks,
        lambda f, _, parameter: pp.group_effects(f, parameter=parameter),
    ):
        with pytest.raises(pp.DataError, match="no such predictor") as error:
            question(fit, "Intercept", parameter="nu")
        assert error.value.allowed == "'sigma'"
    with pytest.raises(pp.DataError, match="name one coefficient that varies") as error:
        pp.level_effects(fit, "arm[b]", parameter="sigma")
    assert "x over person" in error.value.allowed
    plain = fit_at("mood ~ 1 + (1 | person)", TABLE, beta=[50.0], sd_person=[5.0], sigma=8.0)
    with pytest.raises(pp.DataError, match="no such predictor") as error:
        pp.level_ranks(plain, "Intercept", parameter="sigma")
    assert (error.value.allowed, error.value.do) == ("the predictor of the mean", "leave parameter= out")


def test_pictures_name_the_parameter_and_its_scale_and_no_unit_of_the_response():
    fit = fitted()
    of_mean = texts(pp.plot_level_effects(pp.level_effects(fit, "Intercept")))
    assert any("Intercept of each person (points)" in text for text in of_mean)
    drawn = texts(pp.plot_level_effects(pp.level_effects(fit, "Intercept", parameter="sigma")))
    assert any("sigma: Intercept of each person (log scale)" in text for text in drawn)
    assert any(text.startswith("Effects of sigma: Intercept by person, response mood") for text in drawn)
    ranked = texts(pp.plot_level_ranks(pp.level_ranks(fit, "x", parameter="sigma")))
    assert any("rank of each person by sigma: x, 1 the highest" in text for text in ranked)
    forest = texts(pp.plot_group_effects(pp.group_effects(fit, parameter="sigma")))
    assert "log scale" in forest
    assert any(text.startswith("mood: effects on sigma by person") for text in forest)
    for text in (*drawn, *ranked, *forest):
        assert "points" not in text


def test_pictures_write_labels():
    fit = fitted().with_labels({"sigma": "Unrest", "person": "Participant", "x": "Day"})
    names = names_of_fit(fit)
    drawn = texts(pp.plot_level_effects(names.relabelled(pp.level_effects(fit, "x", parameter="sigma"))))
    assert any("Unrest: Day of each Participant (log scale)" in text for text in drawn)
    ranked = texts(pp.plot_level_ranks(names.relabelled(pp.level_ranks(fit, "Intercept", parameter="sigma"))))
    assert any(text.startswith("Ranks of Participant by Unrest: Intercept") for text in ranked)
    assert not any("person" in text for text in (*drawn, *ranked))
