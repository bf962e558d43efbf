"""The command line: its output, the files it writes, its exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import partialpool as pp
from partialpool.cli import main

EIGHT_SCHOOLS = """
title = "Eight schools"
source = "Rubin (1981)"
shows = "Every school is pulled to the mean."

[data]
dataset = "eight_schools"

[model]
formula = "effect | se(standard_error) ~ 1 + (1 | school)"

[sampling]
seed = 1
"""


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "eight_schools.toml"
    path.write_text(EIGHT_SCHOOLS)
    return path


def test_fit_writes_the_fit_its_table_and_a_picture(spec_file, tmp_path, capsys):
    assert main(["fit", str(spec_file), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "Variance components: random (group-level) effects" in out
    assert "Diagnostics: good" in out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["effects_school.png", "fit.nc", "summary.csv"]
    fit = pp.load_fit(tmp_path / "out" / "fit.nc")
    table = pd.read_csv(tmp_path / "out" / "summary.csv", index_col="parameter")
    assert table.loc["beta[Intercept]", "mean"] == pytest.approx(float(fit.posterior["beta"].mean()), rel=1e-4)
    assert (tmp_path / "out" / "effects_school.png").read_bytes().startswith(b"\x89PNG")


def test_failed_diagnostics_exit_with_1_and_advice(spec_file, tmp_path, capsys):
    arguments = ["--draws", "20", "--tune", "20", "--chains", "2", "--quiet", "--seed", "3"]
    assert main(["fit", str(spec_file), "--out", str(tmp_path / "out"), *arguments]) == 1
    out = capsys.readouterr().out
    assert "do not rely on these draws yet" in out
    assert "-> raise" in out


def test_check_prints_the_whole_model_and_does_not_sample(spec_file, capsys, monkeypatch):
    monkeypatch.setattr("partialpool.sampling.nuts.NutsEngine.run", lambda *_: pytest.fail("check must not sample"))
    assert main(["check", str(spec_file)]) == 0
    out = capsys.readouterr().out
    for expected in (
        "Every school is pulled to the mean.",
        "Intercept varies over the 8 levels of school.",
        "effect[i] ~ Normal(eta[i], standard_error[i])",
        "eta[i]    = Intercept + b_school[g(i)]",
        "b_school[g] ~ Normal(0, sd_school)",
        "sd_school[Intercept]  HalfStudentT(nu=3, sigma=9.769)  default  s_y, s_y = sd(y) = 9.769",
        "Data: 8 rows",
    ):
        assert expected in out


def test_check_shows_warnings(tmp_path, capsys):
    (tmp_path / "table.csv").write_text(
        "y,x,g\n" + "\n".join(f"{i % 7}.5,{i // 4},{'abcd'[i // 4]}" for i in range(16)) + "\n,1,a\n"
    )
    (tmp_path / "m.toml").write_text('[data]\nfile = "table.csv"\n[model]\nformula = "y ~ 1 + (x | g)"\n')
    assert main(["check", str(tmp_path / "m.toml")]) == 0
    err = capsys.readouterr().err
    assert "warning: dropped 1 of 17 rows with missing values, in y (1)" in err
    assert "warning: the slope of 'x' does not vary within any level of 'g'" in err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[model", "this is not TOML"),
        ('[model]\nformula = "y ~ x"\n[data]\nfile = "none.csv"', "cannot read the data file"),
        ('[model]\nformula = "effect ~ 1 + (1 | schol)"\n[data]\ndataset = "eight_schools"', "no column 'schol'"),
        ('[model]\nformula = "effect ~ __import__(1)"\n[data]\ndataset = "eight_schools"', "__import__"),
        ('[model]\nformula = "y ~ x"\n[data]\ndataset = "eight"', "'eight_schools' (nearest)"),
    ],
)
@pytest.mark.parametrize("command", ["check", "fit"])
def test_bad_input_exits_with_2_and_writes_nothing(text, expected, command, tmp_path, capsys):
    (tmp_path / "m.toml").write_text(text)
    out = ["--out", str(tmp_path / "out")] if command == "fit" else []
    assert main([command, str(tmp_path / "m.toml"), *out]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert "do:" in captured.err
    assert captured.out == ""
    assert [p.name for p in tmp_path.iterdir()] == ["m.toml"]


def test_report_writes_a_page_beside_the_fit(tmp_path, capsys):
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    assert main(["report", str(tmp_path / "fit.nc")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Diagnostics: good")
    assert out.endswith(f"wrote {tmp_path / 'report.html'}\n")
    assert "<h1>Yield</h1>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(tmp_path / "fit.nc"), "--out", str(tmp_path / "other.html")]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.nc", "other.html", "report.html"]


def test_a_report_takes_title_author_interval_and_sections(tmp_path):
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    about = ["--title", "Yields of dye", "--author", "A. Chemist", "--prob", "0.8", "--sections", "Estimates", "short"]
    assert main(["report", str(tmp_path / "fit.nc"), *about]) == 0
    asked = {"title": "Yields of dye", "author": "A. Chemist", "prob": 0.8, "sections": ["Estimates", "short"]}
    pp.report(fit, tmp_path / "other.html", **asked)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page == (tmp_path / "other.html").read_text(encoding="utf-8")
    assert "<h1>Yields of dye</h1>" in page
    assert "A. Chemist" in page
    assert "10%" in page
    assert "Support for the varying effects" not in page


def test_report_writes_labels(tmp_path, capsys):
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    assert main(["report", str(tmp_path / "fit.nc"), "--labels", "Batch=Production batch"]) == 0
    assert "Production batch" in (tmp_path / "report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["report", str(tmp_path / "fit.nc"), "--labels", "Batch"]) == 2
    assert capsys.readouterr().err.startswith("error: --labels takes pairs of a name and what belongs to it")


def test_report_of_a_fit_that_failed_its_diagnostics_is_written_and_exits_with_1(tmp_path, capsys):
    data = pp.load_dataset("dyestuff")
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    assert main(["report", str(tmp_path / "fit.nc")]) == 1
    assert "do not rely on these draws yet" in capsys.readouterr().out
    assert "Draws: do not rely on these numbers yet." in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "out", "expected"),
    [
        ("none.nc", "report.html", "no such file"),
        ("notes.txt", "report.html", "cannot read this file as a fit"),
        ("fit.nc", "nowhere/report.html", "cannot write the report"),
        ("fit.nc", "fit.nc", "the page would replace the fit"),
    ],
)
def test_report_refuses_bad_input_with_2(name, out, expected, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("not a fit")
    data = pp.load_dataset("dyestuff")
    pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False).save(tmp_path / "fit.nc")
    before = (tmp_path / "fit.nc").read_bytes()
    assert main(["report", str(tmp_path / name), "--out", str(tmp_path / out)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {expected}")
    assert "do:" in captured.err
    assert captured.out == ""
    assert (tmp_path / "fit.nc").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.nc", "notes.txt"]


def test_help_and_unknown_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "check" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["frobnicate"])
    assert ended.value.code == 2


def test_report_of_a_path_that_is_no_file_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: cannot read this as a fit\n  got:     {tmp_path}: a folder\n"
        f"  allowed: a file written by fit.save()\n  do:      name the file, for instance {tmp_path / 'fit.nc'}\n"
    )
    os.mkfifo(tmp_path / "pipe")
    assert main(["report", str(tmp_path / "pipe")]) == 2
    assert f"got:     {tmp_path / 'pipe'}: not a file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["report", "fit.nc", "--out", ""], ["report", ""], ["fit", "m.toml", "--out="]])
def test_an_empty_name_is_not_the_current_folder(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        "error: an empty name was given\n  got:     ''\n  allowed: a file or a folder\n"
        "  do:      name one, or check the variable\n"
    )


def test_report_does_not_replace_the_fit_under_another_name(tmp_path, capsys):
    data = pp.load_dataset("dyestuff")
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=20, chains=2, seed=1, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    before = (tmp_path / "fit.nc").read_bytes()
    (tmp_path / "hard.nc").hardlink_to(tmp_path / "fit.nc")
    (tmp_path / "soft.nc").symlink_to(tmp_path / "fit.nc")
    for name in ("hard.nc", "soft.nc"):
        assert main(["report", str(tmp_path / "fit.nc"), "--out", str(tmp_path / name)]) == 2
        assert capsys.readouterr().err.startswith("error: the page would replace the fit")
        assert (tmp_path / name).read_bytes() == before


def test_a_bug_is_not_mistaken_for_failed_diagnostics(spec_file, capsys, monkeypatch):
    def break_down(_):
        raise ValueError("a bug")

    monkeypatch.setattr("partialpool.commands.check.run", break_down)
    assert main(["check", str(spec_file)]) == 70
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.endswith("ValueError: a bug\n")


def test_sensitivity_ends_in_two_sentences(tmp_path, capsys, monkeypatch):
    model, drawn = str(Path(__file__).parents[1] / "models" / "eight_schools.toml"), []

    def plot(*arguments, prob):
        drawn.append(prob)
        return pp.plot_prior_grid(*arguments, prob=prob)

    monkeypatch.setattr("partialpool.reporting.bundle.plot_prior_grid", plot)
    into = ["--out", str(tmp_path / "out"), "--seed", "1", "--quiet"]
    assert main(["sensitivity", model, *into, "--prob", "0.8"]) == 0
    assert drawn == [0.8] * 3
    text = capsys.readouterr().out
    assert text.rstrip().endswith("with 8 levels of school the prior dominates. beta[Intercept] does not move.")
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"power_scaling.csv", "power_scaling.png", "study_icc_school.png"} <= made
    assert all(path.stat().st_size > 200 for path in (tmp_path / "out").iterdir())
    assert main(["sensitivity", str(tmp_path / "none.toml"), "--out", str(tmp_path)]) == 2


@pytest.fixture
def birds(tmp_path):
    path = tmp_path / "birds.csv"
    rows = [f"{(7 * i) % 5};{'wood' if i % 2 else 'field'};s{i % 6:02d}" for i in range(48)]
    path.write_text("count;habitat;site\n" + "\n".join(rows) + "\n")
    return path


def test_a_formula_and_a_table_are_fitted_and_printed(birds, capsys):
    arguments = ["fit", "count ~ habitat + (1 | site)", str(birds), "--family", "poisson", "--seed", "1", "--quiet"]
    assert main([*arguments, "--draws", "500"]) == 0
    out = capsys.readouterr().out
    assert "count ~ habitat + (1 | site)   [poisson]" in out
    assert "habitat = field" in out
    assert "wrote" not in out
    assert [p.name for p in birds.parent.iterdir()] == ["birds.csv"]


def test_a_table_of_windows_is_fitted_with_its_encoding(birds, capsys):
    birds.write_bytes(birds.read_text().replace("wood", "Wäldchen").encode("cp1252"))
    arguments = ["fit", "count ~ habitat + (1 | site)", str(birds), "--seed", "1", "--quiet"]
    assert main(arguments) == 2
    assert "--encoding cp1252" in capsys.readouterr().err
    assert main([*arguments, "--encoding", "cp1252"]) == 0
    assert "habitat = Wäldchen" in capsys.readouterr().out


def test_words_for_missing_values_are_named_on_the_command_line_or_in_the_model_file(birds, capsys):
    lines = birds.read_text().splitlines()
    lines[5] = f"?;{lines[5].split(';', 1)[1]}"
    birds.write_text("\n".join(lines) + "\n")
    arguments = ["fit", "count ~ 1 + (1 | site)", str(birds), "--seed", "1", "--quiet"]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "'?' in line 6 of the file" in said
    assert '--na-values "?" on the command line, na_values = ["?"] in [data] of a model file' in said
    assert main([*arguments, "--na-values", "?", "n.d."]) == 0
    assert "dropped 1 of 48 rows" in capsys.readouterr().err
    model = birds.parent / "m.toml"
    model.write_text('[model]\nformula = "count ~ 1 + (1 | site)"\n[data]\nfile = "birds.csv"\nna_values = ["?"]\n')
    assert main(["check", str(model)]) == 0
    assert "dropped 1 of 48 rows" in capsys.readouterr().err


def test_out_saves_the_fit_of_a_formula(birds, capsys):
    folder = birds.parent / "out"
    assert main(["fit", "count ~ 1 + (1 | site)", str(birds), "--out", str(folder), "--seed", "1", "--quiet"]) == 0
    assert "wrote" in capsys.readouterr().out
    assert pp.load_fit(folder / "fit.nc").design.n_rows == 48


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["count ~ 1 + (1 | site)"], "a formula needs a table"),
        (["count ~ 1 + (1 | site)", "none.csv"], "cannot read the data file"),
        (["m.toml", "birds.csv"], "a model file names its own table"),
        (["m.toml", "--family", "poisson"], "a model file names its own table"),
        (["m.toml", "--encoding", "cp1252"], "a model file names its own table"),
        (["m.toml", "--na-values", "?"], "--na-values with m.toml"),
        (["count ~ 1 + (1 | site)", "birds.csv", "--encoding", "cp-1"], "this encoding does not exist"),
        (["count ~ 1 + (1 | site)", "birds.xlsx", "--encoding", "cp1252"], "only a text file has an encoding"),
        (["count ~ 1 + (1 | site)", "birds.csv", "--family", "negbinomial"], "write --family negative_binomial"),
        (["p(count, 9) ~ 1 + (1 | site)", "birds.csv"], "do:      name --family binomial"),
        (["birds.csv", "count ~ 1 + (1 | site)"], "the formula comes first, then the table"),
        (["birds.csv", "count ~ 1 + (1 | site)"], "do:      partialpool fit 'count ~ 1 + (1 | site)' birds.csv"),
    ],
)
def test_missing_or_conflicting_arguments_are_refused(arguments, expected, birds, capsys, monkeypatch):
    monkeypatch.chdir(birds.parent)
    assert main(["fit", *arguments, "--quiet"]) == 2
    assert expected in capsys.readouterr().err


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"partialpool {pp.__version__}\n"


def test_it_is_run_as_a_module():
    found = subprocess.run(
        [sys.executable, "-m", "partialpool", "--version"], capture_output=True, text=True, check=True
    )
    assert found.stdout == f"partialpool {pp.__version__}\n"


def test_the_probability_of_intervals_is_an_option_or_in_the_model_file(tmp_path, capsys):
    table = tmp_path / "t.csv"
    pp.load_dataset("dyestuff").to_csv(table, index=False)
    formula = "Yield ~ 1 + (1 | Batch)"
    common = ["--seed", "1", "--draws", "100", "--quiet"]
    model = tmp_path / "m.toml"
    model.write_text(f'prob = 0.8\n[model]\nformula = "{formula}"\n[data]\nfile = "t.csv"\n', encoding="utf-8")
    for arguments, ends in (
        ([formula, str(table)], ("2.5%", "97.5%")),
        ([formula, str(table), "--prob", "0.9"], ("5%", "95%")),
        ([str(model)], ("10%", "90%")),
        ([str(model), "--prob", "0.5"], ("25%", "75%")),
    ):
        main(["fit", *arguments, *common])
        heads = next(line.split() for line in capsys.readouterr().out.splitlines() if "ESS" in line)
        assert set(ends) <= set(heads)


def test_a_wrong_probability_is_refused_before_sampling(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("partialpool.commands.fit.fit_of_formula", lambda _: pytest.fail("sampled in vain"))
    assert main(["fit", "y ~ 1", "t.csv", "--prob", "95"]) == 2
    assert "prob must be a probability" in capsys.readouterr().err


def test_a_demo_with_a_wrong_probability_is_refused_before_sampling(capsys, monkeypatch):
    monkeypatch.setattr("partialpool.commands.demo.run", lambda _: pytest.fail("sampled in vain"))
    assert main(["demo", "--prob", "95"]) == 2
    assert "prob must be a probability" in capsys.readouterr().err


def test_several_formulas_are_one_argument(tmp_path, capsys):
    data = pp.load_dataset("grouseticks")
    data.to_csv(tmp_path / "ticks.csv", index=False)
    formula, family = "TICKS ~ YEAR + (1 |p| LOCATION), zi ~ cHEIGHT + (1 |p| LOCATION)", "zero_inflated_poisson"
    arguments = [formula, str(tmp_path / "ticks.csv"), "--family", family, "--quiet", "--seed", "1"]
    assert main(["fit", *arguments, "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{formula}   [{family}]\n")
    assert all(name in out for name in ("zi: cHEIGHT", "zi: Intercept", "corr(Intercept, zi: Intercept)"))
    assert pp.load_fit(tmp_path / "out" / "fit.nc").spec.to_formula() == formula
