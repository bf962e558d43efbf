"""`partialpool predict`: a saved fit in, a tidy frame out."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.cli import main


def saved(out):
    return pd.read_csv(out).reset_index(drop=True)


def test_by_default_it_predicts_on_the_datagrid(fits):
    out = fits / "new.csv"
    assert main(["predict", str(fits / "slopes.nc"), "--out", str(out), "--seed", "1"]) == 0
    fit = pp.load_fit(fits / "slopes.nc")
    expected = pp.to_frame(pp.predict(fit, pp.datagrid(fit), seed=1))
    pd.testing.assert_frame_equal(saved(out), expected, check_dtype=False, rtol=1e-12)


def test_values_and_levels_are_named(fits):
    out = fits / "new.csv"
    arguments = ["predict", str(fits / "slopes.nc"), "--out", str(out), "--seed", "1", "--prob", "0.8"]
    assert main([*arguments, "--at", "Days=0,9.5", "--by", "Subject"]) == 0
    fit = pp.load_fit(fits / "slopes.nc")
    rows = pp.datagrid(fit, Days=[0, 9.5], by="Subject")
    expected = pp.to_frame(pp.predict(fit, rows, seed=1), prob=0.8)
    found = saved(out)
    assert found["Subject"].nunique() == 18
    pd.testing.assert_series_equal(found["estimate"], expected["estimate"], rtol=1e-12)


def test_the_rows_of_a_table_are_predicted_with_the_kind_that_is_named(fits, capsys):
    (fits / "rows.csv").write_text("Days;Subject\n0;308\n9;nobody\n")
    out = fits / "new.csv"
    arguments = ["predict", str(fits / "slopes.nc"), str(fits / "rows.csv"), "--out", str(out), "--seed", "1"]
    assert main(arguments) == 2
    assert "nobody" in capsys.readouterr().err
    assert not out.exists()
    assert main([*arguments, "--new-levels", "sample"]) == 0
    fit, table = pp.load_fit(fits / "slopes.nc"), {"Days": [0, 9], "Subject": ["308", "nobody"]}
    expected = pp.to_frame(pp.predict(fit, table, new_levels="sample", seed=1))
    pd.testing.assert_series_equal(saved(out)["estimate"], expected["estimate"], rtol=1e-12)
    assert main([*arguments, "--kind", "typical"]) == 0
    expected = pp.to_frame(pp.predict(fit, table, kind="typical", seed=1))
    pd.testing.assert_series_equal(saved(out)["estimate"], expected["estimate"], rtol=1e-12)


def test_without_a_file_the_predictions_are_printed(fits, capsys):
    assert main(["predict", str(fits / "slopes.nc"), "--at", "Days=0,9", "--prob", "0.9", "--seed", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Predicted Reaction"
    assert lines[1].split() == ["term", "obs", "Days", "mean", "sd", "5%", "95%"]
    assert [line.split()[:3] for line in lines[2:6]] == [
        ["expectation", "0", "0"], ["expectation", "1", "9"], ["response", "0", "0"], ["response", "1", "9"],
    ]  # fmt: skip
    assert lines[6] == "group effects: Subject: group effects integrated out"


def test_categories_written_as_numbers_are_named_by_their_numbers(tmp_path, capsys):
    data = pp.load_dataset("cbpp")
    fit = pp.fit("incidence | trials(size) ~ C(period) + (1 | herd)", data, family="binomial", seed=1,
                 progressbar=False)  # fmt: skip
    fit.save(tmp_path / "fit.nc")
    assert main(["predict", str(tmp_path / "fit.nc"), "--at", "period=1,4", "--seed", "1"]) == 0
    assert [line.split()[2] for line in capsys.readouterr().out.splitlines()[2:4]] == ["1", "4"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["none.nc"], "no such file"),
        (["slopes.nc", "none.csv"], "cannot read the data file"),
        (["slopes.nc", "rows.csv", "--at", "Days=1"], "a table has its own values"),
        (["slopes.nc", "rows.csv", "--by", "Subject"], "a table has its own values"),
        (["slopes.nc", "--at", "Days"], "--at takes pairs"),
        (["slopes.nc", "--at", "Days=1", "Days=2"], "--at takes pairs"),
        (["slopes.nc", "--at", "Days=one"], "the values of 'Days' must be numbers"),
        (["slopes.nc", "--at", "Dayz=1"], "the model reads no such column"),
        (["slopes.nc", "--out", "new.xlsx"], "predictions are written as CSV"),
        (["slopes.nc", "--out", "nowhere/new.csv"], "cannot write the predictions"),
        (["slopes.nc", "rows.csv", "--out", "rows.csv"], "the predictions would replace a file"),
        (["slopes.nc", "--draws", "0"], "draws must be the number of posterior draws"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(arguments, expected, fits, capsys, monkeypatch):
    (fits / "rows.csv").write_text("Days,Subject\n0,308\n")
    before = {path.name: path.read_bytes() for path in fits.iterdir()}
    monkeypatch.chdir(fits)
    assert main(["predict", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {expected}")
    assert "do:" in captured.err
    assert captured.out == ""
    assert {path.name: path.read_bytes() for path in fits.iterdir()} == before


def test_an_unknown_kind_is_refused(fits):
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(fits / "slopes.nc"), "--kind", "average"])
    assert ended.value.code == 2


def test_the_exposure_is_named_by_its_column_with_the_unit(tmp_path, capsys):
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"birds": rng.poisson(4, 60), "hours": rng.uniform(1, 4, 60), "site": np.arange(60) % 6})
    formula = "birds ~ 1 + offset(log(hours)) + (1 | site)"
    fit = pp.fit(formula, table, family="poisson", units={"hours": "h"}, draws=50, seed=1, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    main(["predict", str(tmp_path / "fit.nc"), "--at", "hours=1"])
    assert capsys.readouterr().out.rstrip().endswith("\nat hours=1 h")
    main(["predict", str(tmp_path / "fit.nc"), "--at", "hours=1,2"])
    assert capsys.readouterr().out.rstrip().endswith("\nat offset log(hours) = 0 to 0.6931")
