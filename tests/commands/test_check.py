"""`partialpool check` of a formula and of a saved fit; of a model file, see tests/test_cli.py."""

import pytest

import partialpool as pp
from partialpool.cli import main


def test_a_saved_fit_is_checked(fits, capsys):
    """The sleep study's slopes vary: without them a check fails, which the exit code says."""
    assert main(["check", str(fits / "intercepts.nc"), "--seed", "1"]) == 1
    fit = pp.load_fit(fits / "intercepts.nc")
    assert capsys.readouterr().out == f"{pp.check(fit, seed=1)}\n"


def test_a_formula_is_fitted_and_checked_at_once(fits, capsys):
    table = fits / "batches.csv"
    data = pp.load_dataset("dyestuff")
    data.to_csv(table, index=False)
    code = main(["check", "Yield ~ 1 + (1 | Batch)", str(table), "--seed", "1", "--quiet"])
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", data, seed=1, progressbar=False)
    found = pp.check(fit, seed=1)
    printed = capsys.readouterr().out
    assert printed.startswith("Yield ~ 1 + (1 | Batch)   [gaussian]\n")
    assert printed.endswith(f"{str(fit).split('log evidence')[1]}\n\n{found}\n")
    assert code == (0 if found.good else 1)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["y ~ x"], "a formula needs a table"),
        (["y ~ x", "none.csv"], "cannot read the data file"),
        (["slopes.nc", "none.csv"], "this file needs no table, family or link"),
        (["slopes.nc", "--family", "poisson"], "this file needs no table, family or link"),
        (["none.nc"], "no such file"),
        (["", "none.csv"], "an empty name was given"),
    ],
)
def test_what_is_wrong_is_said(arguments, expected, fits, capsys, monkeypatch):
    monkeypatch.chdir(fits)
    assert main(["check", *arguments, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {expected}")
    assert "do:" in captured.err
    assert captured.out == ""
