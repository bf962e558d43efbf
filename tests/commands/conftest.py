"""Saved fits that the commands read: made once, copied for each test."""

import shutil

import pytest

import partialpool as pp


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fits")
    data = pp.load_dataset("sleepstudy")
    for name, formula in (("slopes", "(Days | Subject)"), ("intercepts", "(1 | Subject)")):
        pp.fit(f"Reaction ~ Days + {formula}", data, seed=1, progressbar=False).save(folder / f"{name}.nc")
    return folder


@pytest.fixture
def fits(_made, tmp_path):
    """A folder with `slopes.nc` and `intercepts.nc`, of the sleep study."""
    for path in _made.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path
