"""Any column name works for any role, or is refused in four parts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.labels import observed_name
from partialpool.fitting.fit import Fit
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior import draw_prior
from partialpool.names import RESERVED, part_names
from partialpool.sampling.engine import RawDraws
from partialpool.sampling.pack import pack
from partialpool.sampling.settings import Settings
from partialpool.spec.whitelist import quote_name

OF_THE_PACKAGE = [
    *(
        "variance",
        "residual",
        "fixed",
        "common",
        "mean",
        "parts",
        "covariance",
        "icc",
        "same",
        "total",
        "unadjusted",
        "level",
    ),
    *("effect", "factor", "part", "coef", "obs", "chain", "draw", "beta", "sigma", "alpha", "cutpoints", "all factors"),
    *("sd_g", "b_g", "corr_g", "g_effect", "codes_g", "response", "expectation", "level_line", "offset"),
]
OF_LANGUAGES = [
    "self",
    "Intercept",
    "log",
    "I",
    "C",
    "p",
    "trials",
    "True",
    "None",
    "if",
    "np.log",
    "_hidden",
    "2010",
    "1",
]
ODD = ["speed m/s", "a:b", "a|b", "a b", "a'b", 'a"b', "a\\b", "x[u]", "$x_1^2$", "<b>", "100%", ".", "身長", "(-"]
ODD += ["x²", "a,b", "\N{SNOWMAN}"]
NAMES = [*OF_THE_PACKAGE, *OF_LANGUAGES, *ODD]
ROLES = ("response", "number", "category", "slope", "factor", "crossed", "offset", "se", "trials")
PLAIN = {role: f"the {role}" for role in ROLES}
REPORTED = (0, 13, 26, 44)
"""Shifts whose report is written in the quick tests."""


def refused(call, *mentions: str) -> None:
    """Call something that must be refused, in four parts that name what is refused."""
    with pytest.raises(pp.SpecError) as raised:
        call()
    error = raised.value
    assert all(part.strip() for part in (error.wrong, error.got, error.allowed, error.do))
    for mention in mentions:
        assert mention in str(error)


@dataclass(frozen=True)
class Columns:
    """The column of each role, and the table with these columns."""

    names: dict[str, str]

    def __getattr__(self, role: str) -> str:
        return self.names[role]

    @property
    def quoted(self) -> dict[str, str]:
        return {role: quote_name(name) for role, name in self.names.items()}

    @property
    def table(self) -> pd.DataFrame:
        rng = np.random.default_rng(3)
        factor, crossed = np.repeat(np.arange(8), 6), np.tile(np.arange(6), 8)
        number, slope, offset = rng.normal(size=(3, 48))
        y = 2 + number + offset + rng.normal(size=8)[factor] + 0.5 * rng.normal(size=8)[factor] * slope
        columns = {
            "response": y + rng.normal(size=48),
            "number": number,
            "category": np.array(["u", "v", "w"])[rng.integers(0, 3, 48)],
            "slope": slope,
            "factor": factor,
            "crossed": crossed,
            "offset": offset,
            "se": rng.uniform(0.5, 1.5, 48),
            "trials": np.full(48, 9),
        }
        return pd.DataFrame({self.names[role]: values for role, values in columns.items()})

    @property
    def counted(self) -> pd.DataFrame:
        """The same, the response a number of successes."""
        table = self.table
        return table.assign(**{self.response: np.arange(len(table)) % 9})


def is_refused(role: str, name: str) -> bool:
    """Whether the documentation excludes the name in this role: see docs/formula.md."""
    factor = role in ("factor", "crossed") and (name in RESERVED or any(c in name for c in ":/[]"))
    return name == "Intercept" or factor


def rotated(shift: int) -> Columns:
    """Columns of one shift; over all shifts each name has every role once. Names that are refused are replaced."""
    names = {role: NAMES[(shift + 7 * k) % len(NAMES)] for k, role in enumerate(ROLES)}
    return Columns({role: PLAIN[role] if is_refused(role, name) else name for role, name in names.items()})


def quick(chosen: Callable[[int], bool]) -> list:
    """All shifts; those that are not chosen are for `make test-slow`."""
    every = range(len(NAMES))
    return [shift if chosen(shift) else pytest.param(shift, marks=pytest.mark.slow) for shift in every]


def formula_of(columns: Columns) -> str:
    form = "{response} ~ {number} + {category} + {slope} + offset({offset}) + ({slope} | {factor}) + (1 | {crossed})"
    return form.format(**columns.quoted)


def drawn_from_the_prior(formula: str, table: pd.DataFrame, **options) -> Fit:
    """A fit with draws from the prior: labels, files and answers are like those of any other fit."""
    spec = pp.ModelSpec.from_formula(formula, **options)
    design = build_design(spec, table)
    priors, settings = resolve_priors(design), Settings(20, 1, 1, 1, progressbar=False)
    draws = {name: values[None] for name, values in draw_prior(design, priors, 20, seed=1).items()}
    stats = {"diverging": np.zeros((1, 20), dtype=bool)}
    return Fit(spec, design, priors, pack(RawDraws(draws, stats), design, priors, settings, engine="nuts", reason=""))


def ask(fit: Fit, columns: Columns, path) -> None:
    """Ask a fit the questions whose answers contain names of columns."""
    assert str(fit)
    assert fit._repr_html_()
    places = {columns.number: [0.0, 1.0], columns.slope: [0.0, 1.0]}
    known = [name for name in places if name in fit.spec.expression_columns]
    at = {name: places[name] for name in known}
    if columns.category in fit.spec.expression_columns:
        at[columns.category] = ["u"]
    shape = [len(values) for values in at.values()]
    along = pp.icc(fit, at=at)["icc"]
    assert list(along.shape[3:]) == shape
    assert [along[dim].attrs["long_name"] for dim in along.dims[3:]] == list(at)
    assert np.isfinite(pp.icc(fit)["unadjusted"]).all()
    r2 = pp.variance_components(fit)
    assert (r2["r2_conditional"] >= r2["r2_marginal"]).all()
    assert list(r2["part"].values) == ["fixed", *part_names(fit.spec.factors), "residual"]
    variances = pp.variance_function(fit, at)
    assert list(variances["covariance"].shape[3:]) == [*shape, *shape]
    rows = pp.predict(fit, columns.table if fit.spec.se or fit.design.response.trials is None else columns.counted)
    assert rows["expectation"].sizes["obs"] == 48
    held = {str(c.attrs["long_name"]) for c in rows.coords.values() if "long_name" in c.attrs}
    assert held == set(fit.spec.predictor_columns)
    residuals = pp.quantile_residuals(fit, seed=1)
    held = {str(c.attrs["long_name"]) for c in residuals.coords.values() if "long_name" in c.attrs}
    assert held == set(fit.spec.predictor_columns)
    assert set(residuals.data_vars) == {"u", "z", "expected"}
    checks = pp.posterior_checks(fit, seed=1)
    assert list(checks["observed_data"].data_vars) == list(fit.tree["observed_data"].data_vars)
    loaded = pp.load_fit(fit.save(path / "fit.nc"))
    assert loaded.spec == fit.spec
    assert loaded.posterior.equals(fit.posterior)
    assert loaded.tree["observed_data"].equals(fit.tree["observed_data"])


@pytest.mark.parametrize("shift", range(len(NAMES)))
def test_any_role_may_have_any_name(shift, tmp_path):
    columns = rotated(shift)
    formula = formula_of(columns)
    if shift % 4 == 0:  # the slow tests fit them all, for the report
        fit = pp.fit(formula, columns.table, draws=25, chains=2, seed=1, progressbar=False)
    else:
        fit = drawn_from_the_prior(formula, columns.table)
    assert pp.ModelSpec.from_formula(fit.spec.to_formula()) == fit.spec
    ask(fit, columns, tmp_path)
    assert pp.shrinkage(fit, columns.factor)["weight"].sizes["level"] == 8
    assert pp.level_statistics(fit, columns.factor, seed=1)["observed_data"].sizes["level"] == 8
    assert pp.level_lines(fit, columns.slope, factor=columns.factor, at={columns.category: "v"})
    assert pp.level_lines(fit, columns.category, factor=columns.factor)["grid"].to_numpy().tolist() == ["u", "v", "w"]
    assert pp.level_ranks(fit, columns.slope, factor=columns.factor, top=2).sizes["level"] == 8
    before = pp.prior_predictive(formula, columns.table, draws=5, seed=1)
    assert before["outlook"]["variance"].attrs == {}
    assert before["outlook"].attrs["along"] == columns.slope
    assert pp.build_model(formula, columns.table).observed_RVs[0].name == observed_name(fit.design)


@pytest.mark.parametrize("shift", quick(lambda shift: shift % 4 == 0))
def test_standard_errors_and_trials_may_have_any_name(shift, tmp_path):
    columns = rotated(shift)
    plain = "{response} ~ {number} + ({slope} | {factor})".format(**columns.quoted)
    known = drawn_from_the_prior(plain, columns.table, se=columns.se)
    ask(known, columns, tmp_path)
    of_trials = "p({response}, {trials}) ~ {number} + offset({offset}) + ({slope} | {factor})"
    counted = drawn_from_the_prior(of_trials.format(**columns.quoted), columns.counted, family="binomial")
    ask(counted, columns, tmp_path)
    for fit, table in ((known, columns.table), (counted, columns.counted)):
        assert pp.build_model(fit.spec, table).observed_RVs[0].name == observed_name(fit.design)


@pytest.mark.thorough
@pytest.mark.parametrize("shift", quick(lambda shift: shift in REPORTED))
def test_a_report_may_contain_any_name(shift, tmp_path):
    columns = rotated(shift)
    fit = pp.fit(formula_of(columns), columns.table, draws=25, chains=2, seed=1, progressbar=False)
    ask(fit, columns, tmp_path)
    assert pp.report(fit, tmp_path / "report.html").stat().st_size > 1e5


@pytest.mark.parametrize(("role", "name"), [(r, n) for r in ROLES for n in NAMES if is_refused(r, n)])
def test_an_excluded_name_is_refused_and_named(role, name):
    columns = Columns(PLAIN | {role: name})
    form = {
        "se": ("{response} ~ {number} + ({slope} | {factor})", {"se": columns.se}),
        "trials": ("p({response}, {trials}) ~ {number} + ({slope} | {factor})", {"family": "binomial"}),
    }
    formula, options = form.get(role, (formula_of(columns), {}))
    formula = formula.format(**columns.quoted)
    refused(lambda: pp.ModelSpec.from_formula(formula, **options), name)


@pytest.mark.parametrize("other", ["g_effect", "g_effect_bis", "sd_g", "corr_g", "b_g", "z_g", "codes_g", "values_g"])
def test_a_factor_named_like_a_part_of_another_is_refused(other):
    refused(lambda: pp.ModelSpec.from_formula(f"y ~ 1 + (1 | g) + (1 | {other})"), repr(other))
    pp.ModelSpec.from_formula(f"y ~ 1 + (1 | h) + (1 | {other})")


def test_columns_that_differ_only_by_a_replaced_character_stay_separate():
    rng = np.random.default_rng(1)
    columns = ["a/b", "a_b", "variance", "variance_column"]
    table = pd.DataFrame(rng.normal(size=(40, 4)), columns=columns).assign(g=np.arange(40) % 8)
    table["y"] = table[columns].sum(axis=1) + rng.normal(size=40)
    fit = pp.fit(
        "y ~ `a/b` + a_b + variance + variance_column + (1 | g)", table, draws=25, seed=1, chains=2, progressbar=False
    )
    data = pp.level_statistics(fit, seed=1)["observed_data"]
    along = {str(name): v.attrs["along"] for name, v in data.data_vars.items() if "along" in v.attrs}
    assert list(along.values()) == columns
    both = pp.variance_function(fit, {"variance": [0, 1], "variance_column": [2, 3, 4]})["variance"]
    sizes = {both[dim].attrs["long_name"]: both.sizes[dim] for dim in both.dims[2:]}
    assert sizes == {"variance": 2, "variance_column": 3}


@pytest.mark.thorough
def test_names_with_commas_change_nothing_in_the_pymc_engine():
    """nutpie joins the names of dimensions by commas."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"site, plot": np.repeat(np.arange(8), 6), "x, z": rng.normal(size=48)})
    table["y"] = rng.normal(size=48) + rng.normal(size=8)[table["site, plot"]]
    settings = {"engine": "pymc", "draws": 100, "tune": 300, "chains": 1, "seed": 1, "progressbar": False}
    fit = pp.fit("y ~ `x, z` + (`x, z` || `site, plot`)", table, **settings)
    plain = pp.fit("y ~ x + (x || g)", table.rename(columns={"site, plot": "g", "x, z": "x"}), **settings)
    for name in ("beta", "sd_g", "b_g", "sigma"):
        ours = fit.posterior[name.replace("_g", "_site, plot")]
        np.testing.assert_allclose(ours.to_numpy(), plain.posterior[name].to_numpy(), rtol=1e-10)


def test_a_prediction_is_drawn_over_the_column_and_not_over_the_rows():
    """A predictor called `obs` has a coordinate of another name in the answer; the picture uses it."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"obs": rng.normal(size=40), "g": np.arange(40) % 8})
    table["y"] = table["obs"] + rng.normal(size=40)
    fit = pp.fit("y ~ obs + (1 | g)", table, draws=25, seed=1, chains=2, progressbar=False)
    ahead = pp.predict(fit, pp.datagrid(fit, {"obs": [-3.0, 5.0]}), kind="typical", seed=1)
    figure = pp.plot_predictions(ahead, "obs")
    assert figure.axes[0].lines[0].get_xdata().tolist() == [-3.0, 5.0]
    assert figure.axes[0].get_xlabel() == "obs"


def test_r2_does_not_depend_on_what_a_factor_is_called():
    """Before, R2 was 0.59 instead of 0.93 for a factor called `residual`. The same seed draws the same effects."""
    rng = np.random.default_rng(3)
    level, x = np.repeat(np.arange(12), 10), rng.normal(size=120)
    y = 2 + x + 3 * rng.normal(size=12)[level] + rng.normal(size=120)
    found = {}
    for name in ("g", "residual", "fixed"):
        table = pd.DataFrame({"y": y, "x": x, name: level})
        fit = pp.fit(f"y ~ x + (1 | {name})", table, draws=100, seed=1, progressbar=False)
        found[name] = pp.variance_components(fit)
        assert len(set(found[name]["part"].values.tolist())) == 3
        assert pp.variance_function(fit, {"x": [0.0]})["part"].values[-1] == "residual"
    assert float(found["g"]["r2_conditional"].mean()) > 0.8
    for name in ("residual", "fixed"):
        assert found[name]["part"].values.tolist() == ["fixed", f"{name}_column", "residual"]
        for answer in ("r2_marginal", "r2_conditional", "share"):
            np.testing.assert_array_equal(found[name][answer], found["g"][answer])
