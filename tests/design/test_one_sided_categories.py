"""Categories that explain divergences: with responses at one end only, or of one row."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.one_sided_categories import one_sided_in_words
from partialpool.fitting.convergence import alarm, judge
from partialpool.spec.model import ModelSpec

LABELS = np.resize(["a", "b", "c"], 30)


def words(response, family, labels=LABELS, formula="{} ~ v", **columns):
    spec = ModelSpec.from_formula(formula.format(response), family=family)
    return one_sided_in_words(build_design(spec, {"v": labels, "k": np.arange(30), **columns}))


def test_counts_that_are_all_zero():
    counts = np.where(LABELS == "b", 0, np.arange(30) % 7 + 1)
    assert words("y", "poisson", y=counts) == "the category 'b' of 'v' has only zeros (10 rows)"
    assert words("y", "negative_binomial", y=counts, formula="{} ~ 0 + v") != ""
    assert words("y", "poisson", y=counts + 1) == ""
    assert words("y", "gaussian", y=counts) == ""


def test_outcomes_that_are_all_alike():
    y = np.where(LABELS == "b", "dead", np.resize(["alive", "dead"], 30))
    assert words("y[dead]", "bernoulli", y=y) == "the category 'b' of 'v' has only 'dead' (10 rows)"
    k = np.where(LABELS == "c", 5, np.arange(30) % 5)
    assert words("p(s, n)", "binomial", s=k, n=np.full(30, 5)) == "the category 'c' of 'v' has only successes (10 rows)"
    k = np.where(LABELS == "c", 0, np.arange(30) % 5 + 1)
    assert words("p(s, n)", "binomial", s=k, n=np.full(30, 5)) == "the category 'c' of 'v' has only failures (10 rows)"


@pytest.mark.filterwarnings("ignore:categories of 'v' have one row")
def test_a_category_of_one_row_and_many_of_them():
    labels = LABELS.astype(object)
    labels[:5] = ["d", "e", "f", "g", "h"]
    y = np.arange(30) % 7 + 1
    found = words("y", "poisson", labels=labels, y=y)
    assert found == (
        "the category 'd' of 'v' has one row, the category 'e' of 'v' has one row, the category 'f' of 'v' has one row "
        "and 2 more"
    )


def test_the_remedy_of_divergences_names_the_category():
    table = pd.DataFrame({"y": np.where(LABELS == "b", 0, np.arange(30) % 7 + 1), "v": LABELS, "g": np.arange(30) % 5})
    fit = pp.fit(
        "y ~ v + (1 | g)", table, family="poisson", engine="nuts", draws=100, tune=200, seed=1, progressbar=False
    )
    assert "divergences" in {finding.check for finding in fit.digest.verdict.findings}
    tree = fit.tree.copy()
    tree["sample_stats"]["diverging"] = tree["sample_stats"]["diverging"] | True
    cure = "the category 'b' of 'v' has only zeros (10 rows): merge such a category with another, or state a tighter"
    one_sided = one_sided_in_words(fit.design)
    assert cure in str(judge(tree, one_sided=one_sided))
    assert cure in alarm(tree, one_sided=one_sided)
    assert "merge" not in alarm(tree)
