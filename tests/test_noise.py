"""No needless warnings or output; a warning refers to the line that called the package."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.errors import PartialPoolWarning, warn
from partialpool.reporting.reported import Reported
from partialpool.reporting.sections.posterior_checks import posterior_checks_section

ONE_ROW_A_LEVEL = [*range(12), 0, 0, 0]


def table(**more):
    rng = np.random.default_rng(15)
    return pd.DataFrame({"g": ONE_ROW_A_LEVEL, "x": rng.normal(size=15), "y": rng.normal(size=15)} | more)


def test_levels_of_one_row_give_no_warnings_and_are_not_counted():
    """Warnings are errors in tests. Only one level has an sd, so that the share of levels inside is 0 or 100 %."""
    fit = pp.fit("y ~ x + (1 | g)", table(), seed=1, progressbar=False, draws=50)
    picture = posterior_checks_section(Reported(fit)).pictures[-1]
    shares = [part.split("of levels")[0].strip() for part in picture.alt.partition(": ")[2].split(";")]
    assert [s.rpartition(" of ")[0] for s in shares] == ["mean", "spread", "trend along x"]
    assert shares[1].endswith(("of 100 %", "of 0 %"))
    assert shares[2].endswith(("of 100 %", "of 0 %"))


@pytest.mark.parametrize("term", ["T(f, 'zz')", "S(f, 'zz')"])
def test_a_refusal_prints_nothing(term, capfd):
    with pytest.raises(pp.DataError, match="cannot evaluate"):
        pp.maximum_likelihood(f"y ~ {term} + (1 | g)", table(f=list("abc") * 5))
    assert capfd.readouterr() == ("", "")


def test_a_power_of_a_column_is_refused_and_prints_nothing(capfd):
    """Before, it was read as the column itself, and a line about another package's notation was written to stderr."""
    for power in ("x**2", "(x)**2", "`x`**2", "log(x)**2"):
        with pytest.raises(pp.FormulaError, match="means interactions"):
            pp.ModelSpec.from_formula(f"y ~ {power} + (1 | g)")
    assert pp.ModelSpec.from_formula("y ~ (x + z)**2").common == ("x", "z", "x:z")
    assert capfd.readouterr() == ("", "")


CALLS = {
    "fit": lambda t: pp.fit("y ~ x + (1 | g)", t, seed=1, draws=20, chains=1, progressbar=False),
    "maximum_likelihood": lambda t: pp.maximum_likelihood("y ~ x + (1 | g)", t),
    "priors": lambda t: pp.priors("y ~ x + (1 | g)", t),
    "build_model": lambda t: pp.build_model("y ~ x + (1 | g)", t),
    "pymc_source": lambda t: pp.pymc_source("y ~ x + (1 | g)", t),
    "prior_predictive": lambda t: pp.prior_predictive("y ~ x + (1 | g)", t, draws=5, seed=1),
    "lrt": lambda t: pp.lrt("y ~ x + (1 | g)", "y ~ x", t),
    "a spec": lambda t: pp.maximum_likelihood(pp.ModelSpec.from_formula("y ~ x + (1 | g)"), t, reml=True),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_warning_refers_to_the_line_that_called_the_package(call):
    rows = table()
    rows.loc[3, "x"] = np.nan
    with pytest.warns(pp.DataWarning, match="dropped 1 of 15 rows") as caught:
        call(rows)
    assert {warning.filename for warning in caught if "dropped" in str(warning.message)} == {__file__}


def test_warnings_of_predictions_refer_to_the_calling_line():
    fit = CALLS["fit"](table())
    new = pd.DataFrame({"g": [1, 2], "x": [0.0, np.nan]})
    with pytest.warns(pp.DataWarning, match="dropped 1 of 2 rows") as caught:
        pp.predict(fit, new)
    assert caught[0].filename == __file__


def test_every_warning_of_the_package_is_given_by_one_function():
    """A fixed stacklevel would refer to a line of the package if another function is called in between."""
    package = Path(pp.__file__).parent
    direct = []
    for path in package.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        direct += [path.name for call in calls if ast.unparse(call.func) == "warnings.warn"]
    assert direct == ["errors.py"]
    with pytest.warns(PartialPoolWarning, match="this") as caught:
        warn("this", pp.DataWarning)
    assert caught[0].filename == __file__
