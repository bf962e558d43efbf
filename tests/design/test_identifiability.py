"""Variances that the data do not identify: the rank by dense matrices, the text of warnings, no false warnings."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.kin import sib_matrix
from partialpool.design.build import build_design
from partialpool.design.covariance_gram import common_basis, gram_matrices, part_of, residual_part
from partialpool.design.identifiability import not_identified
from partialpool.errors import DataWarning
from partialpool.spec.model import ModelSpec

N = 60


@pytest.fixture
def rows():
    """12 subjects in 5 conditions, one row each; `pair` has 2 rows per level, `row` 1; `twin` is ID relabelled."""
    rng = np.random.default_rng(1)
    subject = np.repeat(np.arange(12), 5)
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "se": rng.uniform(0.1, 0.9, N),
            "count": rng.integers(0, 9, N),
            "trials": 10,
            "yes": np.tile([0, 1], N // 2),
            "ID": [f"i{k}" for k in subject],
            "twin": [f"t{7 * k % 12}" for k in subject],
            "operator": "SCF",
            "trt": np.tile(list("abcde"), 12),
            "batch": np.tile(list("pqrs"), 15),
            "sex": np.where(subject % 2, "m", "f"),
            "x": rng.normal(size=N),
            "row": np.arange(N),
            "pair": np.repeat(np.arange(N // 2), 2),
            "t": np.tile([0.0, 1.0], N // 2),
        }
    )


def built(formula, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return build_design(ModelSpec.from_formula(formula, **options), data)


def dense_gram(design, parts):
    """tr(P D_j P D_k) from dense matrices of rows by rows, one for each variance and covariance of every part."""
    basis = common_basis(design)
    project = np.eye(len(basis)) - basis @ basis.T
    columns = []
    for part in parts:
        known = np.eye(part.n_levels) if part.relatives is None else part.relatives
        same = known[np.ix_(part.codes, part.codes)]
        for a, b in part.pairs:
            lone = same * np.outer(part.values[:, a], part.values[:, b])
            columns.append((project @ (lone if a == b else (lone + lone.T) / np.sqrt(2)) @ project).ravel())
    return np.array(columns) @ np.array(columns).T


KIN = sib_matrix(families=3, size=4).rename(index=lambda a: f"i{a[1:]}", columns=lambda a: f"i{a[1:]}")
FAR_KIN = sib_matrix(families=2, size=2).set_axis(list("pqrs")).set_axis(list("pqrs"), axis=1)


@pytest.mark.parametrize(
    ("formula", "cov"),
    [
        ("y ~ x + (x | ID) + (t + x || batch)", {}),
        ("y ~ trt + (0 + trt | ID)", {}),
        ("y ~ 0 + x + (x | ID) + (1 | batch) + (1 | ID:batch)", {}),
        ("y ~ ID + (1 | ID) + (x | twin)", {}),
        ("y ~ x + (x | ID) + (1 | trt)", {"ID": KIN}),
        ("y ~ x + (x | ID) + (x | batch)", {"ID": KIN, "batch": FAR_KIN}),
    ],
)
def test_the_gram_matrix_is_that_of_dense_matrices(formula, cov, rows):
    design = built(formula, rows, cov=cov)
    parts = [*map(part_of, design.factors), residual_part(N)]
    dense = dense_gram(design, parts)
    _, found = gram_matrices(parts, common_basis(design))
    np.testing.assert_allclose(found, dense, atol=1e-11 * np.abs(dense).max())


CASES = {
    "one partition": (
        "y ~ (1 | ID) + (1 | twin)",
        "sd_ID[Intercept] and sd_twin[Intercept] are not identified: got (1 | ID) and (1 | twin), whose levels are the "
        "same groups of rows, so that only the priors separate them; allowed, but consider leaving one of them out",
    ),
    "a combination that adds nothing": (
        "y ~ (1 | ID) + (1 | ID:operator)",
        "sd_ID[Intercept] and sd_ID:operator[Intercept] are not identified",
    ),
    "one row per cell": (
        "y ~ trt + (0 + trt | ID)",
        "sd_ID[trt[a]], sd_ID[trt[b]], sd_ID[trt[c]], sd_ID[trt[d]] and 2 more are not identified: got (0 + trt | ID), "
        "60 effects in addition to 5 fixed effects in 60 rows, so that only the priors separate them; allowed, but "
        "consider fewer effects, such as (1 | ID), or more rows for each level and condition",
    ),
    "one row per cell, contrasts": ("y ~ trt + (trt | ID)", "and 12 more are not identified: got (trt | ID), 60 eff"),
    "one row per cell, apart": ("y ~ trt + (0 + trt || ID)", "2 more are not identified: got (0 + trt || ID), 60 eff"),
    "two times": (
        "y ~ t + (t | pair)",
        "sd_pair[Intercept], sd_pair[t], sigma and corr_pair[Intercept, t] are not identified: got (t | pair), 60 ",
    ),
    "two years": (
        "y ~ I(t + 2010) + (I(t + 2010) | pair)",
        "sd_pair[Intercept], sd_pair[I(t + 2010)], sigma and corr_pair[Intercept, I(t + 2010)] are not identified",
    ),
    "no level has both": (
        "y ~ sex + (0 + sex | ID)",
        "corr_ID[sex[f], sex[m]] is not identified: got (0 + sex | ID), where no level informs both effects, so "
        "that only the prior is informative; allowed, but consider independent effects: || in place of | in "
        "(0 + sex | ID)",
    ),
    "fixed effects of every level": (
        "y ~ batch + (1 | batch)",
        "sd_batch[Intercept] is not identified: got (1 | batch), and fixed effects that already explain the "
        "same variation, so that only the prior is informative; allowed, but consider leaving out (1 | batch), or "
        "those fixed eff",
    ),
    "nested in fixed effects": (
        "y ~ ID + x + (1 | sex)",
        "sd_sex[Intercept] is not identified: got (1 | sex), and fixed",
    ),
    "part of two factors": (
        "y ~ x + (x | ID) + (1 | twin)",
        "sd_ID[Intercept] and sd_twin[Intercept] are not identified: got (x | ID) and (1 | twin), whose levels are",
    ),
    "two factors, all effects": (
        "y ~ x + (x | ID) + (x | twin)",
        "sd_ID[Intercept], sd_ID[x], sd_twin[Intercept], sd_twin[x] and 2 more are not identified",
    ),
    "two terms of a factor": (
        "y ~ (1 | batch) + (0 + sex | batch)",
        "are not identified: got (1 | batch) and (0 + sex | batch), which imply the same covariances of rows, so that "
        "only the priors separate them; allowed, but consider leaving one of them out",
    ),
    "effects that depend on each other": (
        "y ~ x + (x + I(2*x) | ID)",
        "not identified: got (x + I(2 * x) | ID), which imply the same covariances of rows, so that only the priors "
        "separate them; allowed, but consider leaving an effect out of (x + I(2 * x) | ID)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_warning_names_what_is_not_identified(case, rows):
    formula, expected = CASES[case]
    with pytest.warns(DataWarning) as caught:
        build_design(ModelSpec.from_formula(formula), rows)
    (text,) = [str(w.message) for w in caught]
    assert expected in text


USED_UP = {
    3: ["sd_g[Intercept] is not identified", "sigma is not identified: got 3 fixed effects in 3 rows, so that only"],
    4: [
        "sd_g[Intercept] and sigma are not identified: got (1 | g), 2 effects in addition to 3 fixed effects in "
        "4 rows, so"
    ],
}


@pytest.mark.parametrize("rows", USED_UP)
def test_as_many_fixed_effects_as_rows_leave_sigma_unidentified(rows):
    table = pd.DataFrame({"y": [1.0, 2, 4, 3], "x": [0.0, 1, 3, 1], "w": [1.0, 5, 2, 3], "g": [0, 0, 1, 1]}).head(rows)
    with pytest.warns(DataWarning) as caught:
        build_design(ModelSpec.from_formula("y ~ x + w + (1 | g)"), table)
    for warning, text in zip(caught, USED_UP[rows], strict=True):
        assert text in str(warning.message)


@pytest.mark.parametrize(
    ("formula", "family", "names"),
    [
        ("y ~ (1 | row)", "student_t", "sd_row[Intercept] and sigma are"),
        ("count ~ (1 | row)", "negative_binomial", "sd_row[Intercept] and alpha are"),
        ("count ~ (1 | row)", "zero_inflated_negative_binomial", "sd_row[Intercept] and alpha are"),
        ("yes ~ (1 | row)", "bernoulli", "sd_row[Intercept] and the latent scale are"),
        ("p(yes, one) ~ (1 | row)", "binomial", "sd_row[Intercept] and the latent scale are"),
        ("yes ~ trt + (0 + trt | ID)", "bernoulli", "sd_ID[trt[d]] and 2 more are"),
    ],
)
def test_the_warning_names_the_residual_parameter_of_other_families(formula, family, names, rows):
    with pytest.warns(DataWarning, match="are not identified") as caught:
        build_design(ModelSpec.from_formula(formula, family=family), rows.assign(one=1))
    assert names in str(caught[0].message)


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("y ~ x + (x | ID)", {}),
        ("y ~ x + (x | ID) + (1 | trt) + (1 | batch)", {}),
        ("y ~ x + (x | ID) + (x | trt)", {}),
        ("y ~ (1 | sex/ID)", {}),
        ("y ~ sex + (0 + sex || ID)", {}),
        ("y ~ trt + (trt || ID)", {}),
        ("y ~ t + (t || pair)", {}),
        ("y ~ I(x + 2010) + (I(x + 2010) | ID)", {}),
        ("y ~ I(x + 2010) + (I(x + 2010) || ID)", {}),
        ("y ~ I(1000000000 * x) + (I(1000000000 * x) | ID)", {}),
        ("y ~ (0 + x | row)", {}),
        ("y ~ (1 | row)", {"se": "se"}),
        ("y ~ trt + (0 + trt | ID)", {"se": "se"}),
        ("y ~ (1 | ID/row)", {"se": "se"}),
        ("count ~ (1 | row)", {"family": "poisson"}),
        ("count ~ trt + (0 + trt | ID)", {"family": "poisson"}),
        ("p(count, trials) ~ (1 | row)", {"family": "binomial"}),
        ("yes ~ x + (x | ID)", {"family": "bernoulli"}),
        ("y ~ x + (1 | ID) + (1 | twin)", {"cov": {"ID": KIN}}),
        ("y ~ (1 | kin)", {"cov": {"kin": sib_matrix(families=15, size=4)}}),
    ],
)
@pytest.mark.filterwarnings("error", "ignore:.*is independent of the intercept where")
def test_identified_models_give_no_warning(formula, options, rows):
    data = rows.assign(kin=[f"a{k}" for k in range(N)])
    assert not_identified(build_design(ModelSpec.from_formula(formula, **options), data)) == ()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rare", [1, 2])
def test_levels_of_very_different_sizes_give_no_warning(rare):
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"y": rng.normal(size=20_000), "g": np.where(np.arange(20_000) < rare, "rare", "usual")})
    build_design(ModelSpec.from_formula("y ~ (1 | g)"), data)


def test_the_likelihood_is_flat_along_what_is_not_identified(rows):
    """The rule agrees with the likelihood: where every cell has one row, Sigma can include sigma^2."""
    with pytest.warns(DataWarning, match="not identified"):
        found = pp.maximum_likelihood("y ~ trt + (0 + trt | ID)", rows)
    best = found.maximum
    y = rows["y"].to_numpy().reshape(12, 5)
    y = y - y.mean(axis=0)
    V = np.outer(best.sd[0], best.sd[0]) * best.corr[0] + best.sigma**2 * np.eye(5)
    by_hand = -0.5 * (N * np.log(2 * np.pi) + 12 * np.linalg.slogdet(V)[1] + np.trace(y @ np.linalg.solve(V, y.T)))
    assert found.log_likelihood == pytest.approx(by_hand, abs=1e-5)
    assert best.sigma**2 < np.linalg.eigvalsh(V)[0] + 1e-9  # any smaller sigma has a Sigma that gives the same V


def test_a_large_table_is_judged_in_little_time():
    rng = np.random.default_rng(3)
    n = 200_000
    data = pd.DataFrame(
        {"y": rng.normal(size=n), "x": rng.normal(size=n), "g": rng.integers(0, 9000, n), "h": rng.integers(0, 300, n)}
    )
    design = built("y ~ x + (x | g) + (x | h)", data)
    start = time.process_time()
    assert not_identified(design) == ()
    assert time.process_time() - start < 5  # 0.2 s when this was written
