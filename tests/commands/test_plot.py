"""`partialpool plot`: one picture of a saved fit, as the function of its name draws it."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

mpl.use("Agg")

import partialpool as pp
from partialpool.cli import main
from partialpool.commands.plot import _OF_A_FIT
from partialpool.plots.style import save_figure

NEEDED = {"over": ["--over", "Days"], "effect": ["--effect", "Days"]}


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", list(_OF_A_FIT))
def test_every_picture_is_drawn(name, fits, capsys):
    out = fits / "picture.png"
    options = NEEDED.get(_OF_A_FIT[name], [])
    assert main(["plot", str(fits / "slopes.nc"), name, "--out", str(out), *options]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    assert pixels(out).std() > 5


def test_the_picture_is_that_of_the_function(fits):
    assert main(["plot", str(fits / "slopes.nc"), "plot_icc", "--prob", "0.8", "--title", "Alike"]) == 0
    fit = pp.load_fit(fits / "slopes.nc")
    save_figure(pp.plot_icc(fit, prob=0.8, title="Alike"), fits / "expected.png")
    np.testing.assert_array_equal(pixels(fits / "icc.png"), pixels(fits / "expected.png"))


def test_the_options_of_the_question_reach_it(fits):
    out = fits / "lines.png"
    assert main(["plot", str(fits / "slopes.nc"), "level_lines", "--over", "Days", "--out", str(out)]) == 0
    fit = pp.load_fit(fits / "slopes.nc")
    save_figure(pp.plot_level_lines(pp.level_lines(fit, "Days")), fits / "expected.png")
    np.testing.assert_array_equal(pixels(out), pixels(fits / "expected.png"))


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (["group_effects"], "Hours awake"),
        (["level_effects", "--effect", "Days"], "Hours awake of each Participant (ms/day)"),
        (["level_ranks", "--effect", "Days"], "rank of each Participant by Hours awake"),
        (["power_scale"], "coefficient of Hours awake"),
        (["predictions", "--over", "Days"], "Hours awake (days)"),
        (["predictions", "--over", "Days", "--by", "Subject"], "Participant: given each row"),
    ],
)
def test_labels_of_the_fit_are_written(fits, arguments, label):
    pp.load_fit(fits / "slopes.nc").with_labels({"Days": "Hours awake", "Subject": "Participant"}).save(fits / "l.nc")
    out = fits / "labelled.svg"
    assert main(["plot", str(fits / "l.nc"), *arguments, "--out", str(out)]) == 0
    written = re.findall("(?s)<!-- (.+?) -->", out.read_text(encoding="utf-8"))  # every text, beside its outlines
    assert any(label in text for text in written)
    assert not any(re.search("Days|Subject", text) for text in written)


def test_levels_are_ranked_by_a_parameter(fits, capsys):
    table = {"y": np.random.default_rng(1).normal(size=24).tolist(), "g": list("abcd") * 6}
    pp.fit(["y ~ 1", "sigma ~ (1 | g)"], table, seed=1, progressbar=False).save(fits / "scale.nc")
    asked = ["level_ranks", "--effect", "Intercept", "--parameter", "sigma", "--out", str(fits / "ranks.svg")]
    assert main(["plot", str(fits / "scale.nc"), *asked]) == 0
    assert "Ranks of g by sigma: Intercept" in (fits / "ranks.svg").read_text(encoding="utf-8")
    assert main(["plot", str(fits / "scale.nc"), "icc", "--parameter", "sigma"]) == 2
    assert "group_effects, level_effects, level_ranks" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_the_ending_decides_the_format(fits, suffix):
    out = fits / f"icc{suffix}"
    assert main(["plot", str(fits / "slopes.nc"), "icc", "--out", str(out)]) == 0
    assert out.read_bytes().startswith({".pdf": b"%PDF", ".svg": b"<?xml"}[suffix])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["shrinkge"], ["there is no such picture of a fit", "'shrinkge'", "shrinkage", "predictions"]),
        (["lrt"], ["there is no such picture of a fit", "are drawn in Python"]),
        (["predictions"], ["the picture predictions needs --over", "--over Days"]),
        (["level_ranks"], ["the picture level_ranks needs --effect", "--effect Intercept"]),
        (["icc", "--over", "Days"], ["the picture icc has no --over", "--over Days", "level_lines, predictions"]),
        (["singularity", "--prob", "0.9"], ["the picture singularity has no --prob", "allowed: --title"]),
        (["icc", "--out", "icc.doc"], ["the name of a picture must end in its format", ".png, .pdf", "icc.png"]),
        (["icc", "--out", "no/icc.png"], ["cannot write the picture", "a folder that exists"]),
        (["group_effects", "--factor", "Day"], ["'Day'", "Subject"]),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(arguments, expected, fits, capsys, monkeypatch):
    monkeypatch.chdir(fits)
    assert main(["plot", "slopes.nc", *arguments]) == 2
    message = capsys.readouterr().err
    for words in expected:
        assert words in message
    assert not list(fits.glob("*.png"))


def test_the_picture_does_not_replace_the_fit(fits, capsys):
    fit = fits / "slopes.nc"
    assert main(["plot", str(fit), "icc", "--out", str(fit)]) == 2
    assert "the picture would replace the fit" in capsys.readouterr().err
