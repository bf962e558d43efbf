import os

import pytest

import partialpool as pp
from partialpool.sampling.settings import Settings


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("draws", 0, "1, 2"),
        ("tune", 1.5, "1, 2"),
        ("chains", True, "1, 2"),
        ("seed", -1, "0, 1, 2"),
        ("cores", 0, "1, 2"),
        ("target_accept", 1.0, "below 1"),
        ("sampler", "stan", "'nutpie' or 'pymc'"),
        ("parametrization", "centered", "{'Subject': 'centered'}"),
    ],
)
def test_settings_are_checked_on_construction(setting, value, allowed):
    with pytest.raises(pp.SpecError) as error:
        Settings(**{setting: value})
    assert error.value.got == repr(value)
    assert allowed in error.value.allowed


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("PARTIALPOOL_NUM_THREADS", "1")
    assert Settings(chains=4).workers == 1
    monkeypatch.setenv("PARTIALPOOL_NUM_THREADS", "3")
    assert Settings(chains=4).workers == 3
    assert Settings(chains=2).workers == 2
    assert Settings(chains=4, cores=2).workers == 2


def test_by_default_all_allowed_cores_are_used(monkeypatch):
    monkeypatch.delenv("PARTIALPOOL_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5}, raising=False)
    assert Settings().threads == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert Settings().threads == 7


@pytest.mark.parametrize("value", ["0", "many", "-2", "1.5"])
def test_an_invalid_number_of_threads_is_an_error(monkeypatch, value):
    monkeypatch.setenv("PARTIALPOOL_NUM_THREADS", value)
    with pytest.raises(pp.EngineError, match="PARTIALPOOL_NUM_THREADS must be a positive integer"):
        _ = Settings().threads


def test_without_a_funnel_steps_are_longer_unless_settings_are_stated():
    settings = Settings()
    assert settings.acceptance == 0.9
    assert (settings.without_funnel().acceptance, settings.without_funnel().tune) == (0.8, 300)
    careful = Settings(target_accept=0.95, tune=100)
    assert careful.acceptance == careful.without_funnel().acceptance == 0.95
    assert careful.without_funnel().tune == 100
