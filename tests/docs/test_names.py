"""The functions, keywords, attributes and files that pages name exist, values agree, public names are documented."""

import ast
import inspect
import re
from functools import cached_property
from importlib import import_module
from typing import get_type_hints

import arviz
import matplotlib.pyplot as plt
import numpy
import pytest
import xarray

import partialpool as pp
from docs.reading import DOCS, ROOT, code_in, table_rows, text_of
from partialpool.cli import main
from partialpool.families.registry import FAMILIES
from partialpool.fitting.varying_terms import EXTREME
from partialpool.likelihood.bootstrap import _EXACT
from partialpool.questions.near_zero import NEGLIGIBLE
from partialpool.sampling.settings import Settings

SOURCE = ROOT / "src" / "partialpool"
PAGES = sorted(DOCS.rglob("*.md"))
COMING = [DOCS / "coming" / f"{name}.md" for name in ("lme4", "brms", "bambi")]
ROOTS = {"fit": pp.Fit, "m": pp.LikelihoodFit, "arviz": arviz, "numpy": numpy}
COSTLY = {"fit", "load_fit", "report", "build_model", "prior_grid", "lrt"}
"""Functions whose calls are checked but not run."""
STAND_INS = {"A", "tables", "grid", "pedigree", "full", "reduced", "other_table", "pymc"}
"""Objects that only the reader has: a matrix, a pedigree, models, tables."""


def calls(page):
    """Pieces of code on a page that use the package, parsed where they can be."""
    for code in code_in(text_of(page)):
        if re.search(r"\b(pp|fit|m|arviz|numpy)\.\w", code) and not re.search(r"\.(nc|html|toml|csv)$", code):
            try:
                yield code, ast.parse(code, mode="eval")
            except SyntaxError:
                continue


def resolve(node):
    """What a chain of names refers to: a module, a class, a function; None if that is known only at run time."""
    if isinstance(node, ast.Name):
        return pp if node.id == "pp" else ROOTS.get(node.id)
    if isinstance(node, ast.Call):
        called = resolve(node.func)
        if inspect.isclass(called):
            return called
        return get_type_hints(called).get("return") if inspect.isfunction(called) and called is not pp.icc else None
    if not isinstance(node, ast.Attribute):
        return None
    return member(resolve(node.value), node.attr)


def member(owner, name):
    """What an attribute of an instance is: its type where it is stated, a function where it is a method."""
    if inspect.ismodule(owner):
        assert hasattr(owner, name), f"{owner.__name__}.{name}"
        return getattr(owner, name)
    if not inspect.isclass(owner) or not owner.__module__.startswith("partialpool"):
        return None
    hints = get_type_hints(owner)
    if name in hints:
        return hints[name]
    assert hasattr(owner, name), f"{owner.__name__}.{name}"
    static = inspect.getattr_static(owner, name)
    if isinstance(static, property | cached_property):
        getter = static.fget if isinstance(static, property) else static.func
        return get_type_hints(getter).get("return")
    return getattr(owner, name)


def check_keywords(node):
    called = resolve(node.func)
    if called is None or not callable(called) or not getattr(called, "__module__", "").startswith("partialpool"):
        return
    parameters = inspect.signature(called).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for keyword in node.keywords:
        assert keyword.arg in parameters, f"{called.__name__}({keyword.arg}=)"


def check_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            resolve(node)
        if isinstance(node, ast.Call):
            check_keywords(node)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_names_attributes_and_keywords_exist(page):
    for code in code_in(text_of(page)):
        for name in re.findall(r"\bpp\.(\w+)", code):
            assert name in {*pp.__all__, "xxx"}, f"pp.{name} in {code}"
    for _, tree in calls(page):
        check_names(tree)


@pytest.mark.parametrize(
    "code", ["pp.iccc(fit)", "fit.posteriors", "fit.spec.formula_of()", "pp.icc(fit, att=1)", "pp.compare(fits).frames"]
)
def test_a_wrong_name_is_detected(code):
    with pytest.raises(AssertionError):
        check_names(ast.parse(code, mode="eval"))


@pytest.fixture(scope="module")
def names(sleepstudy):
    """The objects that the tables of the pages for newcomers use."""
    formula = "Reaction ~ Days + (Days | Subject)"
    fit = pp.fit(formula, sleepstudy, seed=1, draws=500, progressbar=False)
    other = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, seed=1, draws=200, progressbar=False)
    return {
        "arviz": arviz, "tree": tree_of(fit, formula, sleepstudy),
        "pp": pp, "fit": fit, "other": other, "fits": {"a": fit, "b": other}, "formula": formula, "data": sleepstudy,
        "m": pp.maximum_likelihood(formula, sleepstudy), "new": {"Days": [0, 9], "Subject": ["308", "309"]},
        "rows": sleepstudy.head(20), "rng": numpy.random.default_rng(1), "numpy": numpy,
        "effects": pp.average_effect(fit, "Days", values=[0, 9]),
        "predictions": pp.predict(fit, {"Days": range(10)}, kind="marginal", seed=1),
    }  # fmt: skip


def tree_of(fit, formula, data):
    """`tree` of those tables, by the page's own code."""
    (code,) = re.findall(r"^tree = fit.tree.assign\(.*?^\)\n", text_of(DOCS / "coming.md"), re.M | re.S)
    names = {"pp": pp, "xarray": xarray, "fit": fit, "formula": formula, "data": data}
    exec(code, names)
    return names["tree"]


@pytest.mark.thorough
@pytest.mark.filterwarnings(
    "ignore:Estimated shape parameter of Pareto:UserWarning"
)  # of a few rows of the sleep study
@pytest.mark.parametrize("page", COMING, ids=lambda page: page.stem)
def test_calls_on_the_pages_for_newcomers_run(page, names):
    done = 0
    for code, tree in calls(page):
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        unknown = used - {*names, "print", "range"}
        assert unknown <= STAND_INS, f"{unknown} in {code}"
        if not unknown and not called & COSTLY and "..." not in code and "save(" not in code:
            eval(compile(tree, str(page), "eval"), dict(names))
            plt.close("all")
            done += 1
    assert done > 25


def test_statements_of_the_tables_about_calls_are_true(names):
    fit, m = names["fit"], names["m"]
    with pytest.raises(ValueError, match="subplots"):
        arviz.plot_rank(names["fit"].tree)
    assert arviz.dataset_to_dataframe(fit.posterior).shape == (4 * 500, 2 + 2 + 4 + 1 + 36)
    # lme4 1.1-31: AIC and BIC of lmer(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
    assert m.deviance + 2 * m.n_parameters == pytest.approx(1763.939, abs=1e-3)
    assert m.deviance + numpy.log(m.design.n_rows) * m.n_parameters == pytest.approx(1783.097, abs=1e-3)
    alone, typical = pp.predict(fit)["linear_predictor"], pp.predict(fit, kind="typical")["linear_predictor"]
    b = fit.posterior["b_Subject"].sel(Subject="308")
    numpy.testing.assert_allclose((alone - typical)[..., 9], b[..., 0] + 9 * b[..., 1])


ACCESSORS = {
    "lme4": """
        fixef ranef coef VarCorr sigma fitted predict residuals simulate confint profile anova
        isSingular rePCA getME logLik AIC deviance REML bootMer allFit update ngrps nobs vcov
        formula model.frame model.matrix weights offset refit drop1 summary family terms getData
        influence cooks.distance hatvalues rstudent refitML REMLcrit isREML df.residual extractAIC
        lmList glmer.nb nlmer dotplot plot print nAGQ subset na.action contrasts start verbose
        dummy Anova tidy augment DHARMa MuMIn se.ranef emmeans marginaleffects lmerTest
        predictInterval as.data.frame type""",
    "brms": """
        fixef ranef coef VarCorr posterior_summary as_draws as_draws_df posterior_predict
        posterior_epred posterior_linpred re_formula conditional_effects pp_check loo loo_compare
        kfold bayes_factor bridge_sampler hypothesis get_prior default_prior set_prior prior_summary
        make_stancode make_standata stancode standata add_criterion ngrps nsamples log_lik bayes_R2
        icc update powerscale_sensitivity mcmc_plot waic reloo loo_moment_match loo_model_weights
        pp_average posterior_average predictive_interval predictive_error posterior_interval
        residuals fitted predict nobs vcov validate_prior prior_draws rhat neff_ratio nuts_params
        pairs variables parnames ndraws nchains post_prob as.matrix expose_functions
        launch_shinystan combine_models brm_multiple model.frame save_pars log_posterior
        as_draws_rvars as_draws_array as_draws_matrix lf nlf horseshoe R2D2 lasso car sar fcor
        arma thres rate backend algorithm init make_conditions get_y loo_R2 loo_predict
        spread_draws add_epred_draws emmeans marginaleffects bridgesampling""",
    "bambi": """
        Model build fit predict kind include_group_specific plot_priors prior_predictive
        set_priors predictions comparisons slopes graph compute_log_likelihood compute_log_prior
        r2_score set_alias sample_new_groups noncentered plot_predictions plot_comparisons
        plot_slopes load_data parameters components dropna potentials categorical
        center_predictors auto_scale summary plot_trace loo compare psense_summary""",
}


@pytest.mark.parametrize("package", ACCESSORS)
def test_a_newcomer_finds_every_accessor(package):
    page = DOCS / "coming" / f"{package}.md"
    theirs = "\n".join(row[0] for row in table_rows(text_of(page)) if len(row) == 3)
    missing = [name for name in ACCESSORS[package].split() if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", theirs)]
    assert not missing


def test_every_public_name_has_one_entry_in_the_reference():
    entries = [
        name
        for page in (DOCS / "api").glob("*.md")
        for name in re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)$", text_of(page), re.M)
    ]
    assert sorted(entries) == sorted(pp.__all__), (
        "docs/api/: one `.. autofunction::` or `.. autoclass::` per public name"
    )


def test_files_named_on_the_page_extend_exist():
    found = 0
    for code in code_in(text_of(DOCS / "extend.md")):
        if re.fullmatch(r"[\w./]+(?:\.(?:py|pyi|md|json)|/)", code):
            base = ROOT if code.startswith(("tests/", "docs/", "src/")) else SOURCE
            assert (base / code).exists(), code
            found += 1
    assert found > 30
    for name in ("FAMILY_PARAMETERS", "ENGINES", "EngineCard"):
        assert any(name in path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")), name
    for name, path in re.findall(r"`(\w+)`\s\(`(tests/[\w/]+\.py)`", text_of(DOCS / "extend.md")):
        assert re.search(rf"^(def )?{name}\b", text_of(ROOT / path), re.M), f"{name} in {path}"


def test_families_are_listed_with_their_links_and_parameters():
    listed = {row[0].strip("`"): row for row in table_rows(text_of(DOCS / "defaults.md")) if len(row) == 4}
    assert set(listed) - {"family"} == set(FAMILIES)
    for name, family in FAMILIES.items():
        assert re.sub(r" \(of the [a-z0-9 ]+\)", "", listed[name][2]).split(", ") == list(family.links)
        assert re.findall(r"`(\w+)`", listed[name][3]) == [parameter for parameter, _ in family.parameters]


def test_thresholds_are_listed_with_their_values():
    found = 0
    for cells in table_rows(text_of(DOCS / "defaults.md")):
        named = re.fullmatch(r"`([\w/]+)\.py` `(\w+)`", cells[-1])
        if named:
            module = import_module(f"partialpool.{named[1].replace('/', '.')}")
            assert float(cells[1]) == getattr(module, named[2]), cells
            found += 1
    assert found > 15


def test_settings_are_listed_with_their_defaults():
    stated = {row[0]: row[1] for row in table_rows(text_of(DOCS / "defaults.md")) if len(row) == 3}
    settings = Settings()
    assert stated["`draws`, `tune`, `chains`"] == f"{settings.draws}, {settings.tune}, {settings.chains}"
    assert stated["`sampler`, `target_accept`"] == f"`{settings.sampler}`, {settings.acceptance}"
    assert stated["`missing`"] == f"`{inspect.signature(pp.fit).parameters['missing'].default}`"


def test_every_worked_model_is_listed():
    listed = text_of(ROOT / "models" / "README.md")
    for model in (ROOT / "models").glob("*.toml"):
        assert f"{model.name})" in listed, model.name


def test_reasons_for_thresholds_hold():
    assert 1.04 < numpy.sqrt(1 + NEGLIGIBLE) < 1.05
    assert 1 - EXTREME**2 < 0.1
    assert round(numpy.sqrt(0.05 * 0.95 / _EXACT), 3) == 0.002


def test_every_command_is_listed(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.M)
    listed = [row[0] for row in table_rows(text_of(DOCS / "api" / "reports.md"))[1:]]
    assert sorted(commands) == sorted(re.match(r"`partialpool (\w+)", cell)[1] for cell in listed)
    assert len(commands) > 5
