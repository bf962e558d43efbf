"""The methods as text: those of the report, with the fit's own numbers."""

import pytest

import partialpool as pp
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.methods import methods_section


def test_they_are_the_reports_paragraphs(sleepstudy_fit):
    text = pp.methods(sleepstudy_fit, prob=0.9)
    assert tuple(text.split("\n\n")) == methods_section(Reported(sleepstudy_fit, 0.9)).prose[1:]
    assert "has a normal distribution with an identity link" in text
    assert "Random (group-level) effects of Subject (18 levels): Intercept, Days, with correlated effects." in text
    assert "equal-tailed 90 % intervals" in text


def test_families_have_their_names_and_intercepts_are_called_so():
    table = {"y": [1, 3, 2, 5, 0, 4] * 4, "x": [2.0, 4, 6] * 8, "g": [0, 0, 1, 1, 2, 2] * 4, "w": [1.0, 2] * 12}
    formula = "y ~ x + offset(log(w)) + (1 | g)"
    text = pp.methods(pp.fit(formula, table, family="poisson", seed=1, draws=100, progressbar=False))
    assert "the response has a Poisson distribution with a log link" in text
    assert "Random (group-level) intercepts of g (3 levels)." in text
    assert "The linear predictor has the offset log(w)." in text


def test_an_interval_must_be_one(sleepstudy_fit):
    with pytest.raises(pp.SpecError, match="prob must be a probability"):
        pp.methods(sleepstudy_fit, prob=95)


@pytest.mark.parametrize(
    ("write", "name"), [(pp.report, "report.docx"), (pp.explore, "page.pdf"), (pp.report, "report")]
)
def test_a_page_is_no_other_kind_of_file(sleepstudy_fit, tmp_path, write, name):
    with pytest.raises(pp.FileError) as raised:
        write(sleepstudy_fit, tmp_path / name)
    error = raised.value
    assert "it is an HTML page" in error.wrong
    assert error.got == (f"a name that ends in .{name.split('.')[1]}" if "." in name else "a name without an ending")
    assert error.allowed == ".html or .htm"
    assert "pp.table" in error.do
    assert not list(tmp_path.iterdir())
