"""The chapter on the priors: its picture in numbers, when there is none, and a word where the priors are absurd."""

from dataclasses import replace

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.model.prior_set import PriorSet
from partialpool.reporting.reported import SEED, Reported
from partialpool.reporting.section import Note
from partialpool.reporting.sections import priors as chapter
from partialpool.reporting.sections.priors import priors_section
from partialpool.tabulate import number

VALUES = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": np.eye(2), "sigma": 25}
FORMULA = "Reaction ~ Days + (Days | Subject)"


@pytest.fixture(scope="module")
def fit():
    return fit_at(FORMULA, pp.load_dataset("sleepstudy"), **VALUES)


def test_the_picture_is_said_in_numbers(fit):
    (picture,) = priors_section(Reported(fit)).pictures
    tree = pp.prior_predictive(FORMULA, pp.load_dataset("sleepstudy"), draws=200, seed=SEED)
    low, middle, high = np.quantile(tree["derived"]["sd"], [0.025, 0.5, 0.975])
    assert f"sd of a response median {number(middle)}, 95 % from {number(low)} to {number(high)};" in picture.alt
    low, middle, high = np.quantile(tree["outlook"]["level_line"].sel(Days=9), [0.025, 0.5, 0.975])
    said = f"at Days 9 median {number(middle)}, 95 % from {number(low)} to {number(high)}."
    assert picture.alt.endswith(f"mean of the response of new levels {said}")
    assert picture.caption == "Data simulated from 200 draws of the priors, with the observed data."
    assert priors_section(Reported(fit)).pictures[0].image.data == picture.image.data


def test_without_a_slope_there_are_tables_and_shares():
    values = {"beta": [60.0], "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8}
    nested = fit_at("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), **values)
    (picture,) = priors_section(Reported(nested)).pictures
    assert "ICC of batch:cask median" in picture.alt
    assert "new levels" not in picture.alt


def test_absurd_priors_are_called_so(fit):
    wild = pp.Prior("Normal", mu=0, sigma=1e6)
    entries = tuple(replace(e, prior=wild) if e.parameter == "beta[Intercept]" else e for e in fit.priors.entries)
    (note,) = (p for p in priors_section(Reported(replace(fit, priors=PriorSet(entries)))).prose if isinstance(p, Note))
    assert note.tone == "bad"
    assert note.text == (
        "100 % of the data simulated from the priors are responses more than 10 observed sds from the observed mean: "
        "check the priors, and consider narrower ones."
    )
    assert not any(isinstance(p, Note) for p in priors_section(Reported(fit)).prose)


def test_a_large_table_has_no_picture(fit, monkeypatch):
    monkeypatch.setattr(chapter, "_MOST_ROWS", 179)
    assert priors_section(Reported(fit)).pictures == ()
    assert priors_section(Reported(fit)).tables == (fit.priors.table,)


def test_where_the_intercept_of_the_priors_is_and_where_that_of_the_estimates(fit):
    prose = " ".join(p for p in priors_section(Reported(fit)).prose if isinstance(p, str))
    assert (  # 250 + 10 times the mean of Days
        "The prior of Intercept is at the predictors' means, and there it has the posterior mean 295, 95 % interval "
        "295 to 295; in the tables of estimates Intercept is at Days = 0."
    ) in prose
    only = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), beta=[1500], sd_Batch=[40], sigma=50)
    assert "predictors' means" not in " ".join(map(str, priors_section(Reported(only)).prose))


def test_priors_that_are_all_set_have_no_rest(fit):
    entries = tuple(replace(entry, is_default=False) for entry in fit.priors.entries)
    prose = priors_section(Reported(replace(fit, priors=PriorSet(entries)))).prose[0]
    assert f"All {len(entries)} were set." in prose
    assert "rest" not in prose
