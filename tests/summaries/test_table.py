"""Tables of draws: printed ends have the digits of the mean, everywhere the same, and the numbers lose none."""

import re

import numpy as np
import pytest
import xarray as xr

import partialpool as pp


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


def _step(cell):
    """The unit of a cell's last digit, a whole number's being 1."""
    digits, _, exponent = cell.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
