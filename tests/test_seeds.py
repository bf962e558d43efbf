"""Seeds of questions: they repeat draws, differ from those of engines, and are checked."""

import numpy as np
import pytest

import partialpool as pp
from partialpool.seeds import seed_sequence, shifted


def test_a_seed_repeats_and_differs_from_the_streams_of_engines():
    assert seed_sequence(3).generate_state(2).tolist() == seed_sequence(3).generate_state(2).tolist()
    engines = [tuple(child.generate_state(4)) for child in np.random.SeedSequence(3).spawn(64)]
    questions = [tuple(child.generate_state(4)) for child in seed_sequence(3).spawn(64)]
    assert not set(engines) & set(questions)
    assert seed_sequence(None).entropy != seed_sequence(None).entropy


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True])
def test_an_invalid_seed_is_refused(seed):
    with pytest.raises(pp.SpecError, match="seed must be a non-negative integer"):
        seed_sequence(seed)


@pytest.mark.parametrize(("shift", "made_from"), [("", 3), ("0", 3), ("2", 2_000_009)])
def test_a_shift_gives_every_seed_other_draws(shift, made_from, monkeypatch):
    monkeypatch.setenv("PARTIALPOOL_SEED_SHIFT", shift)
    assert shifted(3) == made_from
    assert shifted(None) is None
    assert seed_sequence(3).entropy == made_from


@pytest.mark.filterwarnings("ignore::partialpool.SamplingWarning")  # 50 draws of one chain are few
def test_a_shift_reaches_engines_and_questions_and_is_not_recorded(monkeypatch):
    def draws(engine):
        fit = pp.fit(
            "Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, engine=engine, draws=50, tune=50, chains=1,
            progressbar=False,
        )  # fmt: skip
        predicted = pp.posterior_predictive(fit, seed=1)["Yield"].to_numpy()
        return fit.posterior["sigma"].to_numpy(), predicted, fit.tree.attrs["seed"]

    monkeypatch.delenv("PARTIALPOOL_SEED_SHIFT", raising=False)
    first = draws("nuts")
    monkeypatch.setenv("PARTIALPOOL_SEED_SHIFT", "1")
    second = draws("nuts")
    assert not np.isin(first[0], second[0]).any()
    assert first[2] == second[2] == 1
    moved = draws("collapsed")
    monkeypatch.setenv("PARTIALPOOL_SEED_SHIFT", "0")
    plain = draws("collapsed")
    assert not np.isin(plain[0], moved[0]).any()
    assert not np.isin(plain[1], moved[1]).any()


def test_an_invalid_shift_is_refused(monkeypatch):
    monkeypatch.setenv("PARTIALPOOL_SEED_SHIFT", "-1")
    with pytest.raises(pp.SpecError, match="PARTIALPOOL_SEED_SHIFT must be a non-negative integer"):
        shifted(3)
