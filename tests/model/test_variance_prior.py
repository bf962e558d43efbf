"""The total variance and its parts: from parameters to parts and back."""

import numpy as np
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.subset import keep_rows
from partialpool.model.default_priors import resolve_priors
from partialpool.model.variance_prior import decompose, is_decomposed
from partialpool.spec.model import ModelSpec

FLAT = pp.Prior("Beta", alpha=1, beta=1)


def design_of(formula, name, **options):
    return build_design(ModelSpec.from_formula(formula, **options), pp.load_dataset(name))


def test_parameters_and_parts_are_inverses():
    parts = decompose(design_of("Reaction ~ Days + (Days | Subject)", "sleepstudy"))
    rng = np.random.default_rng(1)
    total, icc, shares = rng.gamma(2, 30, 50), rng.beta(2, 3, 50), rng.dirichlet([1, 2], 50)
    draws = parts.parameters(total[:, None], icc[:, None], shares)
    assert {name: value.shape for name, value in draws.items()} == {"sd_Subject": (50, 2), "sigma": (50,)}
    for got, want in zip(parts.parts(draws), (total, icc, shares), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_the_icc_is_that_of_the_question_if_effects_are_uncorrelated():
    data = pp.load_dataset("sleepstudy")
    fit = pp.fit("Reaction ~ Days + (Days || Subject)", data, seed=1, progressbar=False)
    _, icc, _ = decompose(fit.design).parts(fit.stacked())
    ours = pp.icc(fit)["icc"].stack(sample=("chain", "draw")).sel(factor="Subject").to_numpy()
    np.testing.assert_allclose(np.sort(icc), np.sort(ours), rtol=1e-10)


def test_a_latent_residual_is_known():
    parts = decompose(design_of("use ~ 1 + (1 | district)", "contraception", family="bernoulli"))
    assert parts.residual == pytest.approx(np.pi**2 / 3)
    icc = np.array([[0.25]])
    (sd,) = parts.parameters(parts.total(icc), icc, np.ones((1, 1)))["sd_district"][0]
    assert sd**2 / (sd**2 + np.pi**2 / 3) == pytest.approx(0.25)


def test_defaults_are_marked_as_defaults():
    priors = resolve_priors(design_of("strength ~ 1 + (1 | batch/cask)", "pastes", priors={"icc": FLAT}))
    assert is_decomposed(priors)
    assert list(priors) == [
        "beta[Intercept]",
        "icc",
        "total_sd",
        "share_batch[Intercept]",
        "share_batch:cask[Intercept]",
    ]
    assert [e.is_default for e in priors.entries] == [True, False, True, True, True]


def test_shares_are_of_several_effects_only():
    spec = {"icc": FLAT, "share_Batch": pp.Prior("Dirichlet", a=2)}
    with pytest.raises(pp.PriorError, match="does not exist"):
        resolve_priors(design_of("Yield ~ 1 + (1 | Batch)", "dyestuff", priors=spec))


@pytest.mark.parametrize("stated", ["icc", "total_sd"])
def test_either_prior_adds_the_default_of_the_other(stated):
    prior = FLAT if stated == "icc" else pp.Prior("HalfNormal", sigma=100)
    priors = resolve_priors(design_of("Yield ~ 1 + (1 | Batch)", "dyestuff", priors={stated: prior}))
    assert {"icc", "total_sd"} <= set(priors)
    assert "sigma" not in priors


def test_fewer_rows_keep_the_prior():
    """The mean squares of columns are those of the whole table: a refit without a level has the same prior."""
    design = design_of("Reaction ~ Days + (Days | Subject)", "sleepstudy", priors={"icc": FLAT})
    kept = keep_rows(design, (design.factors[0].codes != 3) & (design.factors[0].values[:, 1] > 2))
    np.testing.assert_array_equal(decompose(kept).mean_squares, decompose(design).mean_squares)
