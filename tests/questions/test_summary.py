"""Tables of draws: printed ends have the digits of the mean, everywhere the same, and the numbers lose none."""

import re

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from checks.fixed import fit_at


@pytest.mark.parametrize(("centre", "sd"), [(146.8, 1.5), (-3.2e4, 900.0), (0.0031, 0.0004), (2.5e-7, 1e-8)])
def test_ends_have_the_decimals_of_the_mean_in_text_html_and_latex(centre, sd):
    values = np.random.default_rng(1).normal(centre, sd, size=(4, 1000))
    frame = pp.summary(xr.DataArray(values, dims=("chain", "draw"), name="a"))
    columns = [str(c) for c in frame.columns]
    low, high = (float(frame.loc["a", columns[k]]) for k in (2, 3))
    assert (low, high) != (round(low), round(high))  # full precision
    cells = frame.to_string().splitlines()[-1].split()[1:]
    mean_step = _step(cells[0])
    for cell, value in ((cells[2], low), (cells[3], high)):
        assert _step(cell) <= mean_step
        assert abs(float(cell) - value) <= mean_step / 2 * (1 + 1e-9)
        assert re.search(rf"[>\s]{re.escape(cell)}[<\s]", frame.to_html())
        assert cell in frame.to_latex()
        assert cell in frame._repr_html_()
        assert cell in str(frame.iloc[:, :4])


SIZES = [
    (0, 1e-9),
    (3e-9, 1e-9),
    (1e-5, 2e-6),
    (0.0031, 0.0004),
    (0.1, 0.06),
    (146.8, 1.5),
    (-3.2e4, 900.0),
    (2e7, 150.0),
]
SIZES += [(1e12, 1e11), (5e9, 40.0), (146.8, 1e-9), (3e-12, 1e-9)]


@pytest.mark.parametrize(("centre", "sd"), SIZES)
def test_a_row_is_written_in_one_notation(centre, sd):
    rng = np.random.default_rng(1)
    values = rng.normal(centre, sd, size=(4, 1000))
    if centre == 0.1:  # a lower end near zero
        values = centre * rng.gamma(0.35, 1 / 0.35, size=(4, 1000))
    frame = pp.summary(xr.DataArray(values, dims=("chain", "draw"), name="a"))
    cells = str(frame.iloc[:, :4]).splitlines()[-1].split()[1:]
    assert len({"e" in cell for cell in cells if cell != "0"}) == 1, cells
    numbers = frame.iloc[0, :4].to_numpy(float)
    for k, (cell, value) in enumerate(zip(cells, numbers, strict=True)):
        digits = {"rel": 0.05} if k == 1 else {"abs": 0.55 * min(_step(cells[0]), values.std())}
        assert float(cell) == pytest.approx(value, **digits), cells
        assert cell in frame.to_html()
        assert not re.fullmatch(r"-0[.0]*(e.*)?", cell)


def test_a_median_is_written_in_the_notation_of_its_row():
    _, wild = _steady_and_wild()
    for scale in (1e-12, 1.0, 1e12):
        with pytest.warns(pp.SamplingWarning, match="read the median"):
            frame = pp.summary(xr.DataArray(scale * wild, dims=("chain", "draw"), name="a"))
        cells = str(frame.iloc[:, :5]).splitlines()[-1].split()[1:]
        assert len({"e" in cell for cell in cells}) == 1, cells
        assert float(cells[1]) == pytest.approx(scale * np.median(wild), rel=0.1)


def _step(cell):
    """The unit of a cell's last digit, a whole number's being 1."""
    digits, _, exponent = cell.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


def _steady_and_wild():
    """Normal draws, and exp of three times as many: the mean of those, exp(4.5), is not known with 4000."""
    rng = np.random.default_rng(1)
    return rng.normal(size=(4, 1000)), np.exp(3 * rng.normal(size=(4, 1000)))


def test_a_median_stands_beside_means_that_a_few_draws_decide_and_a_warning_names_them():
    steady, wild = _steady_and_wild()
    values = np.stack([np.stack([steady, wild]), np.stack([wild, steady])])
    draws = xr.Dataset({"n": (("chain", "draw"), steady), "x": (("a", "b", "chain", "draw"), values)})
    draws = draws.assign_coords(a=["p", "q"], b=[1, 2])
    with pytest.warns(pp.SamplingWarning, match=r"mean and sd of x\[p, 2\], x\[q, 1\]: read the median"):
        frame = pp.summary(draws)
    assert [str(c) for c in frame.columns[:3]] == ["mean", "median", "sd"]
    assert frame.loc["x[p, 2]", "median"] == np.median(wild)
    assert frame.loc["x[q, 2]", "median"] == np.median(steady)
    assert frame.loc["x[p, 2]", "mean"] == pytest.approx(wild.mean())
    # Digits by the central half of the draws: quartiles of exp(3 z) are 0.13 and 7.6.
    cell = str(frame.iloc[:, :2]).splitlines()[3].split()[-1]
    assert cell == f"{np.median(wild):.1f}"
    assert cell in frame.to_html()


def test_tables_of_means_that_are_known_have_no_median():
    steady, _ = _steady_and_wild()
    gaps = np.full((4, 1000), np.nan)
    frame = pp.summary(xr.Dataset({"n": (("chain", "draw"), steady), "gap": (("chain", "draw"), gaps)}))
    assert "median" not in frame.columns
    none = xr.Dataset({"n": (("chain", "draw"), steady), "pairs": (("chain", "draw", "pair"), np.zeros((4, 1000, 0)))})
    assert pp.summary(none).index.tolist() == ["n"]


def test_the_summary_of_a_fit_has_medians_only_in_the_table_that_needs_them():
    steady, wild = (draws.reshape(-1) for draws in _steady_and_wild())
    data = {"y": np.arange(6.0), "g": list("aabbcc")}
    values = {
        "beta": steady[:, None],
        "sd_g": wild[:, None],
        "sigma": np.exp(0.1 * steady),
        "b_g": np.zeros((4000, 3, 1)),
    }
    printed = str(pp.summary(fit_at("y ~ 1 + (1 | g)", data, draws=4000, **values)).tables[0])
    low, middle, high = np.quantile(wild, [0.025, 0.5, 0.975])
    head, first, _, note = printed.splitlines()[1:]
    assert head.split() == ["factor", "effect", "mean", "median", "sd", "2.5%", "97.5%", "ESS", "R-hat"]
    assert first.split()[3] == f"{middle:.1f}"
    assert first.split()[5:7] == [f"{low:.1f}", f"{high:.1f}"]
    assert note == "a few draws decide the mean and sd of g Intercept: read the median"
    digest = fit_at("y ~ 1 + (1 | g)", data, draws=4000, **values).digest
    assert digest.means_not_known == ("sd_g[Intercept]",)
    assert "median" not in str(digest.tables[1])
