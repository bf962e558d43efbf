"""Fits whose pages are looked at."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.reporting.page import render
from partialpool.reporting.reported import Reported

HOSTILE = ("<script>boom()</script>", '" onerror="boom()', "a & b", "</style><b>", "{{ 7 * 7 }}", "'é'")


@pytest.fixture(scope="session")
def sleep():
    data = pp.load_dataset("sleepstudy")
    return pp.fit("Reaction ~ Days + (Days | Subject)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def pastes():
    return pp.fit("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), seed=1, progressbar=False)


@pytest.fixture(scope="session")
def without_groups():
    return pp.fit("Reaction ~ Days", pp.load_dataset("sleepstudy"), seed=1, progressbar=False)


@pytest.fixture(scope="session")
def hostile():
    """Labels that would be markup, code or a broken attribute, had they not been escaped."""
    rng = np.random.default_rng(5)
    levels = np.repeat(HOSTILE, 8)
    effects = np.repeat(rng.normal(0, 2, len(HOSTILE)), 8)
    data = {"y": effects + rng.normal(0, 1, len(levels)), "who": levels}
    return pp.fit("y ~ 1 + (1 | who)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def awkward():
    """Names that are long, look like mathematics, or cannot be printed."""
    rng = np.random.default_rng(3)
    names = [r"$\x$", "a\x07b", "\x1b[31mred", "v\x0bt", "x" * 300, "W" * 40, "a label of several words " * 3]
    levels = np.repeat(names, 8)
    b = np.repeat(rng.normal(0, 1, len(names)), 8)
    x, y, g = r"$\bad$_and_an_unbroken_name_that_goes_on_and_on", "y (cm)", "the_factor_whose_name_is_long_and_unbroken"
    steps = np.tile(np.arange(8.0), len(names))
    data = {x: steps, y: 3 * b + b * steps + rng.normal(0, 1, len(levels)), g: levels, "c": np.resize(names, len(b))}
    return pp.fit(f"`{y}` ~ `{x}` + c + (`{x}` | `{g}`)", data, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def ordered():
    """Many ordered categories with long names: tables with a wide column for each."""
    grades = ["strongly disagree", "disagree", "rather disagree", "undecided", "rather agree", "strongly agree"]
    rng = np.random.default_rng(4)
    latent = np.repeat(rng.normal(size=12), 20) + np.tile([0.0, 1.0], 120) + rng.logistic(size=240)
    rating = pd.Categorical.from_codes(np.digitize(latent, [-2, -1, 0, 1, 2]), grades, ordered=True)
    data = {"rating": rating, "arm": np.tile(["old", "new"], 120), "judge": np.repeat(np.arange(12), 20)}
    formula = "rating ~ arm + (1 | judge)"
    return pp.fit(formula, pd.DataFrame(data), family="cumulative", draws=250, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def doubtful():
    """Too few draws: the diagnostics say so."""
    data = pp.load_dataset("dyestuff")
    return pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def pages(sleep, pastes, without_groups, hostile, doubtful, awkward, ordered):
    """The page of each fit, drawn once."""
    fits = {"sleep": sleep, "pastes": pastes, "plain": without_groups, "hostile": hostile, "doubtful": doubtful}
    fits |= {"awkward": awkward, "ordered": ordered}
    return {name: render(Reported(fit)) for name, fit in fits.items()}
