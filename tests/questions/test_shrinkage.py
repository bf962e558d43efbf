"""Shrinkage by closed forms, by dense matrices, and by the conditional means it describes."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at


def test_balanced_one_way():
    """n tau^2 / (n tau^2 + sigma^2)."""
    data = pp.load_dataset("dyestuff")
    found = pp.shrinkage(fit_at("Yield ~ 1 + (1 | Batch)", data, beta=[1527.0], sd_Batch=[37.0], sigma=49.0))
    assert found["weight"].to_numpy().ravel() == pytest.approx(np.full(6, 5 * 37**2 / (5 * 37**2 + 49**2)))
    means = data.groupby("Batch")["Yield"].mean()
    assert found["no_pooling"].sel(effect="Intercept").to_numpy() == pytest.approx(means.to_numpy())
    assert found["no_pooling_se"].to_numpy().ravel() == pytest.approx(np.full(6, 49 / np.sqrt(5)))
    assert found["complete_pooling"].to_numpy() == pytest.approx([data["Yield"].mean()])
    assert found["complete_pooling_se"].to_numpy() == pytest.approx([data["Yield"].sem()])


def test_the_error_without_pooling_has_the_variance_at_its_posterior_mean():
    """Sigma of 1 and 7 in turn: sqrt(25), neither their mean nor the root of its square."""
    values = {"beta": [[1527.0]] * 2, "sd_Batch": [[37.0]] * 2, "b_Batch": np.zeros((2, 6, 1)), "sigma": [1.0, 7.0]}
    found = pp.shrinkage(fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), draws=2, **values))
    assert found["no_pooling_se"].to_numpy().ravel() == pytest.approx(np.full(6, 5 / np.sqrt(5)))


def unbalanced(seed=3):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(5), [2, 3, 1, 6, 9])
    x = rng.normal(size=len(g))
    return {"y": 3 + 2 * x + rng.normal(size=5)[g] + rng.normal(size=len(g)), "x": x, "g": g}


SLOPES = {"beta": [3.0, 2.0], "sd_g": [1.1, 0.6], "corr_g": [[1, 0.3], [0.3, 1]], "sigma": 0.9}


def test_slopes_by_dense_matrices():
    data = unbalanced()
    found = pp.shrinkage(fit_at("y ~ x + (x | g)", data, **SLOPES))
    sigma = np.diag([1.1, 0.6]) @ np.array([[1, 0.3], [0.3, 1]]) @ np.diag([1.1, 0.6])
    for level in range(5):
        z = np.column_stack([np.ones(21), data["x"]])[data["g"] == level]
        dense = sigma @ z.T @ np.linalg.inv(z @ sigma @ z.T + 0.81 * np.eye(len(z))) @ z
        assert found["weight"].sel(level=level).to_numpy()[0, 0] == pytest.approx(dense)
    assert np.isnan(found["no_pooling"].sel(level=2)).all()  # one row tells no line
    assert found["n"].to_numpy().tolist() == [2, 3, 1, 6, 9]


def test_the_conditional_mean_is_the_weighted_no_pooling_estimate():
    """E(b_j | theta, y) = B_j (no pooling - common): with maximum likelihood's modes as the independent witness."""
    data = unbalanced()
    ml = pp.maximum_likelihood("y ~ x + (x | g)", data)
    at = {"beta": ml.maximum.beta, "sd_g": ml.maximum.sd[0], "corr_g": ml.maximum.corr[0], "sigma": ml.maximum.sigma}
    found = pp.shrinkage(fit_at("y ~ x + (x | g)", data, **at)).isel(chain=0, draw=0)
    for level in (0, 1, 3, 4):
        off = found["no_pooling"].sel(level=level).to_numpy() - ml.maximum.beta
        assert found["weight"].sel(level=level).to_numpy() @ off == pytest.approx(
            ml.conditional_modes("g").loc[level].to_numpy(), rel=1e-5, abs=1e-8
        )


def test_known_errors_weigh():
    data = pp.load_dataset("eight_schools")
    fit = fit_at("effect ~ 1 + (1 | school)", data, se="standard_error", beta=[8.0], sd_school=[6.0])
    found = pp.shrinkage(fit)
    se = (
        data.sort_values("school")["standard_error"].to_numpy()
        if found["level"].values.tolist() == sorted(data["school"])
        else data["standard_error"].to_numpy()
    )
    assert found["weight"].to_numpy().ravel() == pytest.approx(36 / (36 + se**2))
    assert found["no_pooling_se"].to_numpy().ravel() == pytest.approx(se)


def test_a_posterior_lies_between_the_extremes():
    data = pp.load_dataset("dyestuff")
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", data, seed=1, progressbar=False)
    found = pp.shrinkage(fit)
    partial = found["partial_pooling"].mean(("chain", "draw")).to_numpy()[:, 0]
    none, complete = found["no_pooling"].to_numpy()[:, 0], float(found["complete_pooling"][0])
    assert (np.abs(partial - complete) < np.abs(none - complete) + 3).all()
    assert 0 < float(found["pooling_factor"][0]) < 1


def test_a_factor_must_be_named_among_several():
    crossed = fit_at(
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        pp.load_dataset("penicillin"), beta=[23.0], sd_plate=[1.0], sd_sample=[2.0], sigma=0.5,
    )  # fmt: skip
    with pytest.raises(pp.DataError, match="name a grouping factor"):
        pp.shrinkage(crossed)
