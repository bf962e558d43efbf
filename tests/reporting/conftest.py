"""Fits whose pages are looked at."""

import numpy as np
import pytest

import partialpool as pp
from partialpool.reporting.page import render

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
def doubtful():
    """Too few draws: the diagnostics say so."""
    data = pp.load_dataset("dyestuff")
    return pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False)


@pytest.fixture(scope="session")
def pages(sleep, pastes, without_groups, hostile, doubtful):
    """The page of each fit, drawn once."""
    fits = {"sleep": sleep, "pastes": pastes, "plain": without_groups, "hostile": hostile, "doubtful": doubtful}
    return {name: render(fit) for name, fit in fits.items()}
