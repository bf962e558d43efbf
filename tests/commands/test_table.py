"""`partialpool table`: saved fits in, a table out, as `pp.table` makes it."""

import pandas as pd
import pytest

import partialpool as pp
from partialpool.cli import main


@pytest.mark.parametrize("suffix", [".docx", ".tex", ".html", ".md"])
def test_fits_are_written_side_by_side(suffix, fits, capsys):
    out = fits / f"table{suffix}"
    assert main(["table", str(fits / "slopes.nc"), str(fits / "intercepts.nc"), str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    assert out.stat().st_size > 500


def test_the_file_has_the_numbers_of_the_function(fits):
    out = fits / "table.csv"
    assert main(["table", str(fits / "slopes.nc"), str(fits / "intercepts.nc"), str(out), "--prob", "0.8"]) == 0
    read = {name: pp.load_fit(fits / f"{name}.nc") for name in ("slopes", "intercepts")}
    expected = pp.table(read, prob=0.8).frame
    pd.testing.assert_frame_equal(pd.read_csv(out), expected, check_dtype=False, rtol=1e-12)


def test_without_a_file_the_table_is_printed_with_labels_and_names(fits, capsys):
    arguments = ["table", str(fits / "slopes.nc"), str(fits / "intercepts.nc"), "--title", "Sleep"]
    labels = ["--labels", "Days=Days awake", "Subject=Participant"]
    assert main([*arguments, "--names", "A", "B", *labels]) == 0
    printed = capsys.readouterr().out
    read = [pp.load_fit(fits / f"{name}.nc") for name in ("slopes", "intercepts")]
    known = {"Days": "Days awake", "Subject": "Participant"}
    assert printed == f"{pp.table(dict(zip('AB', read, strict=True)), labels=known, title='Sleep')}\n"
    assert "Days awake" in printed


def test_one_fit_has_no_name_above_its_column(fits, capsys):
    assert main(["table", str(fits / "slopes.nc")]) == 0
    assert capsys.readouterr().out == f"{pp.table(pp.load_fit(fits / 'slopes.nc'))}\n"


def test_fits_of_one_file_name_are_named_by_their_folders(fits, capsys):
    for name in ("slopes", "intercepts"):
        (fits / name).mkdir()
        (fits / f"{name}.nc").rename(fits / name / "fit.nc")
    assert main(["table", str(fits / "slopes" / "fit.nc"), str(fits / "intercepts" / "fit.nc")]) == 0
    head = capsys.readouterr().out.splitlines()[1]
    assert head.split() == ["slopes", "intercepts"]


def test_failed_diagnostics_exit_with_1(fits, capsys):
    data = pp.load_dataset("dyestuff")
    short = pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False)
    short.save(fits / "short.nc")
    assert main(["table", str(fits / "short.nc"), str(fits / "table.md")]) == 1
    assert (fits / "table.md").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["table.docx"], "a table shows fits"),
        (["none.nc", "table.docx"], "no such file"),
        (["notes.txt", "table.docx"], "cannot read this file as a fit"),
        (["slopes.nc", "intercepts.nc", "table.pdf"], "unknown format of a table"),
        (["slopes.nc", "nowhere/table.md"], "cannot write the table"),
        (["slopes.nc", "link.md"], "the table would replace a fit"),
        (["slopes.nc", "intercepts.nc", "--names", "A"], "each fit needs a name of its own"),
        (["slopes.nc", "intercepts.nc", "--names", "A", "A"], "each fit needs a name of its own"),
        (["slopes.nc", "table.md", "--labels", "Days awake"], "--labels takes pairs"),
        (["slopes.nc", "table.md", "--labels", "Dayz=Days awake"], "'Days' (nearest)"),
        (["slopes.nc", "table.md", "--prob", "95"], "prob must be a probability"),
        (["slopes.nc", "table.md", "--digits", "0"], "digits must be a whole number"),
        (["slopes.nc", "table.md", "--exponentiate"], "exponentials of these coefficients have no meaning"),
        (["", "table.md"], "an empty name was given"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(arguments, expected, fits, capsys, monkeypatch):
    (fits / "notes.txt").write_text("not a fit")
    (fits / "link.md").symlink_to(fits / "slopes.nc")
    before = {path.name: path.read_bytes() for path in fits.iterdir()}
    monkeypatch.chdir(fits)
    assert main(["table", *arguments]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "do:" in captured.err
    assert captured.out == ""
    assert {path.name: path.read_bytes() for path in fits.iterdir()} == before
