"""`partialpool compare`: saved fits in, the comparison out."""

import pytest

import partialpool as pp
from partialpool.cli import main


def test_it_prints_the_comparison_below_the_formulas(fits, capsys):
    arguments = ["compare", str(fits / "slopes.nc"), str(fits / "intercepts.nc"), "--seed", "1", "--quiet"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    read = {name: pp.load_fit(fits / f"{name}.nc") for name in ("slopes", "intercepts")}
    expected = pp.compare(read, seed=1, progressbar=False)
    assert printed == (
        "slopes: Reaction ~ Days + (Days | Subject)   [gaussian]\n"
        f"intercepts: Reaction ~ Days + (1 | Subject)   [gaussian]\n\n{expected}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["slopes.nc"], "a comparison needs two or more fits"),
        (["slopes.nc", "none.nc"], "no such file"),
        (["slopes.nc", "other.nc"], "fits of different data cannot be compared"),
        (["slopes.nc", "intercepts.nc", "--factor", "Subjct"], "no such grouping factor"),
        (["slopes.nc", "slopes.nc"], "each fit needs a name of its own"),
    ],
)
def test_what_is_wrong_is_said(arguments, expected, fits, capsys, monkeypatch):
    data = pp.load_dataset("dyestuff")
    pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False).save(fits / "other.nc")
    monkeypatch.chdir(fits)
    assert main(["compare", *arguments, "--quiet"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {expected}")
    assert "do:" in captured.err
    assert captured.out == ""
