"""The chapter of predictions: slopes of splines, and effects within levels."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.predict import predict_section


@pytest.fixture(scope="module")
def data():
    rng, x = np.random.default_rng(1), np.linspace(0, 9, 60)
    return pd.DataFrame({"x": x, "y": np.sin(x) + 0.3 * rng.normal(size=60), "g": np.arange(60) % 6})


def test_a_report_of_a_spline_has_slopes_and_no_warning(data, tmp_path):
    fit = pp.fit("y ~ bs(x, df=4) + (1 | g)", data, seed=1, progressbar=False)
    page = pp.report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "x has a spline: the table lists its slope, per unit, inside the range of the rows" in page
    (table,) = predict_section(Reported(fit)).tables
    slope = pp.average_effect(fit, "x", measure="slope")["population_average"]
    assert [row[:2] for row in table.rows] == [("x", "slope")]
    assert float(table.rows[0][2]) == pytest.approx(float(slope.mean()), abs=0.006)


def test_an_effect_within_levels_is_called_one(data):
    fit = fit_at("y ~ x + between(x, g) + (1 | g)", data, beta=[0.0, 2.0, 5.0], sd_g=[1.0], sigma=1.0)
    section = predict_section(Reported(fit))
    assert "The table's effect of x leaves means of x by g (effect within g) unchanged." in section.prose
    plain = predict_section(Reported(fit_at("y ~ x + (1 | g)", data, beta=[0.0, 2.0], sd_g=[1.0], sigma=1.0)))
    assert not any("leaves" in str(text) or "spline" in str(text) for text in plain.prose)
