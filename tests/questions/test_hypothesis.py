"""Inequalities between quantities: their probability is the share of draws in which they are true."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import partialpool as pp


@pytest.fixture(scope="module")
def draws(sleepstudy_fit):
    return pp.draws_frame(sleepstudy_fit)


@pytest.mark.parametrize(
    ("claim", "by_hand"),
    [
        ("beta[Days] > 10", lambda d: (d["beta[Days]"], 10)),
        ("Days > 10", lambda d: (d["beta[Days]"], 10)),
        ("10 < Days", lambda d: (d["beta[Days]"], 10)),
        (
            "sd_Subject[Days] * 5 < sd_Subject[Intercept]",
            lambda d: (d["sd_Subject[Days]"] * 5 - d["sd_Subject[Intercept]"], 0),
        ),
        ("abs(corr_Subject[Intercept, Days]) < 0.2", lambda d: (d["corr_Subject[Intercept, Days]"].abs(), 0.2)),
        (
            "sd_Subject[Intercept]**2 / (sd_Subject[Intercept]**2 + sigma**2) > .6",
            lambda d: (d["sd_Subject[Intercept]"] ** 2 / (d["sd_Subject[Intercept]"] ** 2 + d["sigma"] ** 2), 0.6),
        ),
        ("-(log(sigma) - 3.2) > exp(-3)", lambda d: (3.2 - np.log(d["sigma"]), np.exp(-3))),
        ("Intercept + 9*Days > 345", lambda d: (d["beta[Intercept]"] + 9 * d["beta[Days]"], 345)),
    ],
)
def test_a_claim_is_judged_draw_by_draw(sleepstudy_fit, draws, claim, by_hand):
    (row,) = pp.hypothesis(sleepstudy_fit, claim, prob=0.8).itertuples()
    compared, threshold = by_hand(draws)
    compared = compared.to_numpy()
    true = compared > threshold if (">" in claim) or claim.startswith("10 <") else compared < threshold
    np.testing.assert_allclose(row.probability, true.mean())
    np.testing.assert_allclose(row.evidence_ratio, true.mean() / (1 - true.mean()))
    np.testing.assert_allclose(row.estimate, compared.mean())
    np.testing.assert_allclose(row.threshold, threshold)
    np.testing.assert_allclose([row.conf_low, row.conf_high], np.quantile(compared, [0.1, 0.9]))


def test_of_opposite_claims_the_probabilities_add_to_1(sleepstudy_fit):
    found = pp.hypothesis(sleepstudy_fit, "Days > 10.5", "Days < 10.5")
    np.testing.assert_allclose(found["probability"].sum(), 1.0)
    assert found["hypothesis"].tolist() == ["Days > 10.5", "Days < 10.5"]


def test_a_claim_without_a_contradicting_draw_has_an_infinite_ratio(sleepstudy_fit):
    assert pp.hypothesis(sleepstudy_fit, "sigma > 0")["evidence_ratio"].tolist() == [np.inf]


def test_names_of_any_coefficient_are_read_whole():
    """One name is part of another, and names have brackets, operators and spaces."""
    names = ["x", "x:z", "C(x)[T.b]", "a b", "x**2"]
    values = np.arange(5.0)
    answer = xr.DataArray(
        np.broadcast_to(values, (1, 3, 5)), dims=("chain", "draw", "coef"), coords={"coef": names}, name="beta"
    )
    for name, value in zip(names, values, strict=True):
        found = pp.hypothesis(answer, f"beta[{name}] > {value - 0.5}")
        np.testing.assert_allclose(found["estimate"] - found["threshold"], 0.5)


def test_predictions_are_compared(sleepstudy_fit):
    rows = pp.predict(sleepstudy_fit, pp.datagrid(sleepstudy_fit, Days=[0, 9]), kind="typical")["expectation"]
    found = pp.hypothesis(rows, "expectation[1] - expectation[0] > 90")
    difference = (rows[..., 1] - rows[..., 0]).to_numpy()
    np.testing.assert_allclose(found["probability"], (difference > 90).mean())


@pytest.mark.parametrize(
    "claim",
    [
        "",
        "Days",
        "Days = 0",
        "Days == 0",
        "0 < Days < 5",
        "Hours > 0",
        "Days >",
        "Days > '0'",
        "2 > 1",
        "__import__('os').getcwd() > 0",
        "Days.__class__ > 0",
        "(lambda: 1)() > 0",
        "max(Days, 1) > 0",
        "9**9**9 > 0",
        "1/0 > Days",
        "Days > " + "-" * 500 + "1",
    ],
)
def test_what_is_no_inequality_of_quantities_is_refused(sleepstudy_fit, claim):
    with pytest.raises(pp.SpecError) as raised:
        pp.hypothesis(sleepstudy_fit, claim)
    error = raised.value
    assert all(part.strip() for part in (error.wrong, error.allowed, error.do))


def test_no_claim_is_refused(sleepstudy_fit):
    for claims in ((), (3,)):
        with pytest.raises(pp.SpecError, match="must be text"):
            pp.hypothesis(sleepstudy_fit, *claims)


@pytest.mark.parametrize(
    ("claim", "works"),
    [
        ("308 > 309", "effects[308, Intercept] > effects[309, Intercept]"),
        ("308 > Kai", "effects[308, Intercept] > Kai"),
        ("b_Subject[308] > b_Subject[309]", "effects[308, Intercept] > effects[309, Intercept]"),
        ("Subject[308, Days] - Subject[309, Days] < 2", "effects[308, Days] - effects[309, Days] < 2"),
    ],
)
def test_effects_of_levels_are_compared_in_their_own_answer(sleepstudy_fit, claim, works):
    with pytest.raises(pp.SpecError) as caught:
        pp.hypothesis(sleepstudy_fit, claim)
    assert f"pp.hypothesis(pp.group_effects(fit, 'Subject'), \"{works}\")" in caught.value.do
    if "Kai" not in claim:
        assert len(pp.hypothesis(pp.group_effects(sleepstudy_fit, "Subject"), works)) == 1


def test_a_study_has_the_probability_under_each_prior():
    """Each row is that of the fit under its prior; a fit that failed has no probability."""
    data, model = pp.load_dataset("sleepstudy"), "Reaction ~ Days + (Days | Subject)"
    priors = [pp.Prior("Normal", mu=0, sigma=sd) for sd in (1, 5, 50)]
    options = {"seed": 1, "progressbar": False}
    study = pp.prior_grid(model, data, {"beta[Days]": priors}, jobs=1, **options)
    claims = ("Days > 7", "sd_Subject[Days] > 5", "beta[Days] * 9 > beta[Intercept] / 3")
    found = pp.hypothesis(study, *claims, prob=0.9)
    assert found["hypothesis"].tolist() == [claim for claim in claims for _ in priors]
    assert found["prior"].tolist() == study["prior"].to_numpy().tolist() * 3
    for k, prior in enumerate(priors):
        alone = pp.hypothesis(pp.fit(model, data, priors={"beta[Days]": prior}, **options), *claims, prob=0.9)
        own = (
            found[found["prior"] == found["prior"][k]]
            .drop(columns=["prior", "prior_probability"])
            .reset_index(drop=True)
        )
        pd.testing.assert_frame_equal(own, alone)
    assert found["probability"][0] < found["probability"][1] < found["probability"][2]
    before = stats.norm.sf(7, scale=[1, 5, 50])
    assert found["prior_probability"][:3].tolist() == pytest.approx(before, abs=1e-4)
    assert found["prior_probability"][6:].isna().all()  # two quantities
    near = pp.hypothesis(study.isel(prior=[2, 0]), "abs(Days) < 2")["prior_probability"]
    assert near.tolist() == pytest.approx([1 - 2 * stats.norm.sf(2, scale=sd) for sd in (50, 1)], abs=2e-4)
    del (old := study.copy()).attrs["priors"]  # a study of an older version
    assert pp.hypothesis(old, "Days > 7")["prior_probability"].isna().all()
    broken = study.where(study["prior"] != study["prior"][1])
    missing = pp.hypothesis(broken, "Days > 7")["probability"].isna().tolist()
    assert missing == [False, True, False]
    one = pp.hypothesis(study.isel(prior=2), "beta[Days] > 7")
    assert one["probability"].item() == found["probability"][2]
    with pytest.raises(pp.SpecError, match="a hypothesis is not understood"):
        pp.hypothesis(study, "Dyas > 0")
