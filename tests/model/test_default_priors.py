import re

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.posterior import REFERENCE, stated_spec, table_of
from partialpool.datasets.load import load_dataset
from partialpool.design.build import build_design
from partialpool.distributions.prior import Prior
from partialpool.errors import DataWarning, PriorError
from partialpool.model.default_priors import resolve_priors
from partialpool.model.prior_scales import predictor_unit
from partialpool.spec.model import ModelSpec


def priors_of(formula, data, **options):
    return resolve_priors(build_design(ModelSpec.from_formula(formula, **options), data))


def close(prior, distribution, **arguments):
    assert prior.distribution == distribution
    assert set(prior.arguments) == set(arguments)
    for name, value in arguments.items():
        np.testing.assert_allclose(prior.arguments[name], value, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("entry", REFERENCE.values(), ids=lambda e: f"{e['data']} {e['formula']}")
def test_defaults_are_those_of_the_reference_posteriors_with_one_prior_for_all_slopes(entry):
    """The references state a prior per coefficient; if columns are uncorrelated, it is that of the default."""
    stated = stated_spec(entry)
    defaults = resolve_priors(build_design(stated.with_terms(), table_of(entry)))
    slopes = {name for name in stated.priors if name.startswith("beta[") and name != "beta[Intercept]"}
    for name, prior in stated.priors.items():
        if name == "beta[Intercept]" and stated.offsets:
            continue  # the reference has log(mean y) less the mean offset, the default log(mean y per unit of offset)
        if name not in slopes or len(slopes) == 1:
            close(defaults[name], prior.distribution, **prior.arguments)
    assert set(defaults) - set(stated.priors) == ({"beta"} if len(slopes) > 1 else set())
    if len(slopes) > 1:
        assert {f"beta[{name}]" for name in defaults.together} == slopes
        assert defaults["beta"].arguments["sigma"] == defaults["beta[Intercept]"].arguments["sigma"]


@pytest.mark.parametrize("name", ["sleepstudy", "cbpp", "eight_schools", "radon", "contraception", "pastes"])
def test_the_reference_has_an_entry_of_the_data_set(name):
    assert name in {entry["data"] for entry in REFERENCE.values()}


def test_defaults_of_sleepstudy_by_hand(sleepstudy):
    y, days = sleepstudy.Reaction.to_numpy(), sleepstudy.Days.to_numpy()
    priors = priors_of("Reaction ~ Days + (Days | Subject)", sleepstudy)
    expected = {
        "beta[Intercept]": ("Normal", {"mu": y.mean(), "sigma": 2.5 * y.std()}),
        "beta[Days]": ("Normal", {"mu": 0, "sigma": 2.5 * y.std() / days.std()}),
        "sd_Subject[Intercept]": ("HalfStudentT", {"nu": 3, "sigma": y.std()}),
        "sd_Subject[Days]": ("HalfStudentT", {"nu": 3, "sigma": y.std() / days.std()}),
        "corr_Subject": ("LKJ", {"eta": 2}),
        "sigma": ("HalfStudentT", {"nu": 3, "sigma": y.std()}),
    }
    assert list(priors) == list(expected)
    for name, (distribution, arguments) in expected.items():
        close(priors[name], distribution, **arguments)
    assert all(entry.is_default and entry.reason for entry in priors.entries)


def test_defaults_of_counts_by_hand():
    ticks = load_dataset("grouseticks")
    priors = priors_of("TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)", ticks, family="poisson")
    close(priors["beta[Intercept]"], "Normal", mu=np.log(ticks.TICKS.mean()), sigma=2.5)
    close(priors["beta"], "UnitInformation", mu=0, sigma=2.5)
    assert priors.together == ("YEAR[96]", "YEAR[97]", "cHEIGHT")
    for factor in ("BROOD", "INDEX", "LOCATION"):
        close(priors[f"sd_{factor}[Intercept]"], "HalfStudentT", nu=3, sigma=1)
    assert len(priors) == 5


FAMILIES = {
    "gaussian": ("y", {}, lambda y: (y.mean(), y.std()), {"sigma": None}),
    "gaussian, log link": (
        "y",
        {"family": "gaussian", "link": "log"},
        lambda y: (np.log(y.mean()), 1),
        {"sigma": None},
    ),
    "student_t": ("y", {}, lambda y: (y.mean(), y.std()), {"sigma": None, "nu": {"alpha": 2, "beta": 0.1}}),
    "lognormal": ("pos", {}, lambda y: (np.log(y).mean(), np.log(y).std()), {"sigma": None}),
    "bernoulli": ("I(count > 3)", {}, lambda y: (0, 1), {}),
    "bernoulli, probit": ("I(count > 3)", {"link": "probit"}, lambda y: (0, 1), {}),
    "binomial": ("p(count, trials)", {}, lambda y: (0, 1), {}),
    "poisson": ("count", {}, lambda y: (np.log(y.mean()), 1), {}),
    "poisson, sqrt": ("count", {"link": "sqrt"}, lambda y: (y.mean() ** 0.5, y.std() / (2 * y.mean() ** 0.5)), {}),
    "negative_binomial": ("count", {}, lambda y: (np.log(y.mean()), 1), {"alpha": {"alpha": 0.4, "beta": 0.3}}),
    "zero_inflated_poisson": ("count", {}, lambda y: (np.log(y.mean()), 1), {"zi": {"alpha": 1, "beta": 1}}),
    "zero_inflated_negative_binomial": (
        "count",
        {},
        lambda y: (np.log(y.mean()), 1),
        {"alpha": {"alpha": 0.4, "beta": 0.3}, "zi": {"alpha": 1, "beta": 1}},
    ),
    "beta_binomial": ("p(count, trials)", {}, lambda y: (0, 1), {"phi": {"alpha": 0.4, "beta": 0.3}}),
    "hurdle_poisson": ("count", {}, lambda y: (np.log(y[y > 0].mean()), 1), {"hu": {"alpha": 1, "beta": 1}}),
    "hurdle_negative_binomial": (
        "count",
        {},
        lambda y: (np.log(y[y > 0].mean()), 1),
        {"alpha": {"alpha": 0.4, "beta": 0.3}, "hu": {"alpha": 1, "beta": 1}},
    ),
    "hurdle_gamma": (
        "I(pos * (count > 3))",
        {},
        lambda y: (np.log(y[y > 0].mean()), 1),
        {"alpha": {"alpha": 0.4, "beta": 0.3}, "hu": {"alpha": 1, "beta": 1}},
    ),
    "hurdle_lognormal": (
        "I(pos * (count > 3))",
        {},
        lambda y: (np.log(y[y > 0]).mean(), np.log(y[y > 0]).std()),
        {"sigma": None, "hu": {"alpha": 1, "beta": 1}},
    ),
    "gamma": ("pos", {}, lambda y: (np.log(y.mean()), 1), {"alpha": {"alpha": 0.4, "beta": 0.3}}),
    "exponential": ("pos", {}, lambda y: (np.log(y.mean()), 1), {}),
    "gamma, inverse": (
        "pos",
        {"link": "inverse"},
        lambda y: (1 / y.mean(), y.std() / y.mean() ** 2),
        {"alpha": {"alpha": 0.4, "beta": 0.3}},
    ),
    "beta": ("pos", {}, lambda y: (0, 1), {"phi": {"alpha": 0.4, "beta": 0.3}}),
    "weibull": ("pos", {}, lambda y: (np.log(y.mean()), 1), {"alpha": {"alpha": 0.4, "beta": 0.3}}),
    "inverse_gaussian": ("pos", {}, lambda y: (np.log(y.mean()), 1), {"lam": None}),
    "zero_one_inflated_beta": (
        "pos",
        {},
        lambda y: (0, 1),
        {
            "phi": {"alpha": 0.4, "beta": 0.3},
            "zoi": {"alpha": 1, "beta": 1},
            "coi": {"alpha": 1, "beta": 1},
        },
    ),
    "exgaussian": ("y", {}, lambda y: (y.mean(), y.std()), {"sigma": None, "tau": None}),
    "skew_normal": ("y", {}, lambda y: (y.mean(), y.std()), {"sigma": None, "alpha": {"mu": 0, "sigma": 4}}),
    "cumulative": ("h", {}, lambda y: (None, 1), {"cutpoints": {"a": 1}}),
    "sratio": ("h", {}, lambda y: (None, 1), {"cutpoints": {"a": 1}}),
    "acat": ("h", {}, lambda y: (None, 1), {"cutpoints": {"a": 1}}),
}


def of_response(response, table):
    if response.startswith("I(pos *"):
        return (table.pos * (table["count"] > 3)).to_numpy()
    return table["count" if "count" in response else response].to_numpy(dtype=float)


@pytest.mark.parametrize("case", FAMILIES)
def test_every_family_has_defaults_in_its_units(case, table):
    response, options, scales, own = FAMILIES[case]
    y = of_response(response, table)
    location, unit = scales(y)
    spec = {"family": case.partition(",")[0], **options}
    priors = priors_of(f"{response} ~ x + (z || g)", table, **spec)
    if location is None:
        assert "beta[Intercept]" not in priors
    else:
        close(priors["beta[Intercept]"], "Normal", mu=location, sigma=2.5 * unit)
    close(priors["beta[x]"], "Normal", mu=0, sigma=2.5 * unit / table.x.std(ddof=0))
    close(priors["sd_g[Intercept]"], "HalfStudentT", nu=3, sigma=unit)
    close(priors["sd_g[z]"], "HalfStudentT", nu=3, sigma=unit / table.z.std(ddof=0))
    parameters = [n for n in priors if not n.startswith(("beta", "sd_"))]
    assert parameters == list(own)
    for name, arguments in own.items():
        if name == "lam":
            close(priors[name], "InverseGamma", alpha=0.27, beta=0.1 * y.std())
        elif name in ("sigma", "tau"):
            spread = np.log(y[y > 0]).std() if "lognormal" in case else y.std()
            close(priors[name], "HalfStudentT", nu=3, sigma=spread)
        else:
            assert priors[name].arguments == arguments
    design = build_design(ModelSpec.from_formula(f"{response} ~ x + (z || g)", **spec), table)
    np.testing.assert_allclose(predictor_unit(design), unit, rtol=1e-12)


def test_known_standard_errors_replace_sigma(table):
    assert "sigma" not in priors_of("y ~ x + (1 | g)", table, se="pos")
    assert list(priors_of("y ~ 1 + (1 | g)", table, se="pos", family="student_t")) == [
        "beta[Intercept]",
        "sd_g[Intercept]",
        "nu",
    ]


def test_an_offset_moves_the_intercept(table):
    close(
        priors_of("y ~ x + offset(z) + (1 | g)", table)["beta[Intercept]"],
        "Normal",
        mu=(table.y - table.z).mean(),
        sigma=2.5 * (table.y - table.z).std(ddof=0),
    )
    close(
        priors_of("count ~ x + offset(log(pos)) + (1 | g)", table, family="poisson")["beta[Intercept]"],
        "Normal",
        mu=np.log(table["count"].sum() / table.pos.sum()),
        sigma=2.5,
    )


def test_without_an_intercept_the_prior_means_of_categories_are_the_mean_of_y(table):
    """The columns of all categories add up to a constant, so that each has the prior mean of an intercept."""
    priors = priors_of("y ~ 0 + f + (1 | g)", table)
    close(priors["beta"], "UnitInformation", mu=table.y.mean(), sigma=2.5 * table.y.std(ddof=0))
    for f in "uvw":
        own = priors.marginal(f"beta[f[{f}]]")
        close(own, "Normal", mu=table.y.mean(), sigma=2.5 * table.y.std(ddof=0) / np.sqrt(np.mean(table.f == f)))
    assert "beta[Intercept]" not in priors


def test_without_a_constant_the_coefficients_are_scaled_by_the_root_mean_square(table):
    rms = np.sqrt(np.mean(table.y**2))
    close(
        priors_of("y ~ 0 + x + (1 | g)", table)["beta[x]"],
        "Normal",
        mu=0,
        sigma=2.5 * rms / np.sqrt(np.mean(table.x**2)),
    )


def test_the_joint_prior_is_stated_for_the_centred_columns(table):
    """The marginal prior of a coefficient has its sd from (Xc'Xc / n)^-1; without correlation that is 1 / sd(x)."""
    priors = priors_of("y ~ x * z + f + (1 | g)", table)
    names = ["x", "z", "x:z"]
    columns = np.column_stack([table.x, table.z, table.x * table.z, table.f == "v", table.f == "w"]).astype(float)
    centred = columns - columns.mean(axis=0)
    spreads = np.sqrt(np.diagonal(np.linalg.inv(centred.T @ centred / len(table))))
    sigma = 2.5 * table.y.std(ddof=0)
    close(priors["beta"], "UnitInformation", mu=0, sigma=sigma)
    assert set(priors.together) == {*names, "f[v]", "f[w]"}
    for name, spread in zip([*names, "f[v]", "f[w]"], spreads, strict=True):
        close(priors.marginal(f"beta[{name}]"), "Normal", mu=0, sigma=sigma * spread)
    assert f"sigma={sigma:.4g}" in str(priors)


def test_a_coefficient_with_a_stated_prior_is_not_in_the_joint_prior(table):
    own = Prior("Normal", mu=1, sigma=2)
    priors = priors_of("y ~ x + z + f + (1 | g)", table, priors={"beta[z]": own})
    assert priors["beta[z]"] == own
    assert set(priors.together) == {"x", "f[v]", "f[w]"}
    wide = Prior("UnitInformation", mu=0, sigma=100)
    assert priors_of("y ~ x + z + (1 | g)", table, priors={"beta": wide})["beta"] == wide
    alone = priors_of("y ~ x + (1 | g)", table, priors={"beta": wide})
    close(alone["beta[x]"], "Normal", mu=0, sigma=100 / table.x.std(ddof=0))
    alike = priors_of("y ~ x + z + (1 | g)", table, priors={"beta": own})
    assert (alike["beta[x]"], alike["beta[z]"], alike.together) == (own, own, ())


def test_a_nonzero_mean_of_a_joint_prior_needs_a_constant_among_the_columns(table):
    prior = Prior("UnitInformation", mu=3, sigma=100)
    with pytest.raises(PriorError) as error:
        priors_of("y ~ x + z + (1 | g)", table, priors={"beta": prior})
    assert "mu=3" in error.value.got
    assert "mu=0" in error.value.allowed
    kept = priors_of("y ~ 0 + f + (1 | g)", table, priors={"beta": prior})
    close(kept.marginal("beta[f[u]]"), "Normal", mu=3, sigma=100 / np.sqrt(np.mean(table.f == "u")))


CHANGES = {
    "y * 1e6": ({"y": lambda t: t.y * 1e6}, {"beta[Intercept]": 1e6, "beta[x]": 1e6, "sd_g": 1e6, "sigma": 1e6}),
    "y * 1e-6": ({"y": lambda t: t.y * 1e-6}, {"beta[Intercept]": 1e-6, "beta[x]": 1e-6, "sd_g": 1e-6, "sigma": 1e-6}),
    "x * 1e6": ({"x": lambda t: t.x * 1e6}, {"beta[x]": 1e-6, "sd_g[x]": 1e-6}),
    "x * 1e-6": ({"x": lambda t: t.x * 1e-6}, {"beta[x]": 1e6, "sd_g[x]": 1e6}),
    "x + 1e4": ({"x": lambda t: t.x + 1e4}, {}),
    "x + 1e6": ({"x": lambda t: t.x + 1e6}, {}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_defaults_follow_a_change_of_units(change, table):
    columns, factors = CHANGES[change]
    formula = "y ~ x + (x | g)"
    before = priors_of(formula, table)
    after = priors_of(formula, table.assign(**{name: make(table) for name, make in columns.items()}))
    assert list(before) == list(after)
    for name, prior in before.items():
        factor = factors.get(name, factors.get(name.partition("[")[0], 1.0))
        for argument, value in prior.arguments.items():
            scaled = value if argument in ("nu", "eta") else value * factor
            np.testing.assert_allclose(after[name].arguments[argument], scaled, rtol=1e-8, err_msg=f"{name} {argument}")


NORMAL, HALF_NORMAL = Prior("Normal", mu=1, sigma=2), Prior("HalfNormal", sigma=7)
OVERRIDES = {
    "beta": ("beta", NORMAL, ["beta[Days]"]),
    "beta[Days]": ("beta[Days]", NORMAL, ["beta[Days]"]),
    "beta[Intercept]": ("beta[Intercept]", NORMAL, ["beta[Intercept]"]),
    "sd_Subject": ("sd_Subject", HALF_NORMAL, ["sd_Subject[Intercept]", "sd_Subject[Days]"]),
    "sd_Subject[Days]": ("sd_Subject[Days]", HALF_NORMAL, ["sd_Subject[Days]"]),
    "corr_Subject": ("corr_Subject", Prior("LKJ", eta=5), ["corr_Subject"]),
    "sigma": ("sigma", HALF_NORMAL, ["sigma"]),
}


@pytest.mark.parametrize("case", OVERRIDES)
def test_a_users_prior_replaces_only_the_parameters_it_names(case, sleepstudy):
    name, prior, replaced = OVERRIDES[case]
    formula = "Reaction ~ Days + (Days | Subject)"
    defaults = priors_of(formula, sleepstudy)
    mine = resolve_priors(build_design(ModelSpec.from_formula(formula, priors={name: prior}), sleepstudy))
    assert list(mine) == list(defaults)
    assert {n for n in mine if mine[n] != defaults[n]} == set(replaced)
    for entry in mine.entries:
        assert entry.is_default == (entry.parameter not in replaced)
        assert (entry.reason == f"given as {name}") == (entry.parameter in replaced)


def test_a_prior_of_an_element_takes_precedence_over_that_of_its_group(table):
    priors = priors_of(
        "y ~ x + z + (x | g)",
        table,
        priors={
            "beta": NORMAL,
            "beta[x]": Prior("Normal", mu=9, sigma=9),
            "sd_g[x]": HALF_NORMAL,
            "sd_g": Prior("HalfNormal", sigma=1),
        },
    )
    assert priors["beta[x]"] == Prior("Normal", mu=9, sigma=9)
    assert priors["beta[z]"] == NORMAL
    assert priors["sd_g[x]"] == HALF_NORMAL
    assert priors["sd_g[Intercept]"] == Prior("HalfNormal", sigma=1)


def test_elements_of_categories_nests_and_interactions_can_be_named(table):
    names = ["beta[f[v]]", "beta[x:f[w]]", "sd_g:f[Intercept]", "sd_g[f[v]]", "sd_g:f"]
    for name in names:
        prior = NORMAL if name.startswith("beta") else HALF_NORMAL
        priors = priors_of("y ~ x * f + (f || g) + (1 | g:f)", table, priors={name: prior})
        assert [e.prior for e in priors.entries if not e.is_default] == [prior]


UNKNOWN = {
    "beta[Dayz]": (NORMAL, "'beta[Days]' (nearest)"),
    "beta[days]": (NORMAL, "'beta[Days]' (nearest)"),
    "Days": (NORMAL, "'beta[Days]'"),
    "Intercept": (NORMAL, "'beta[Intercept]' (nearest)"),
    "sd_subject": (HALF_NORMAL, "'sd_Subject' (nearest)"),
    "sd_Subject[Dayz]": (HALF_NORMAL, "'sd_Subject[Days]' (nearest)"),
    "sd": (HALF_NORMAL, "'sd_Subject'"),
    "corr_subject": (Prior("LKJ", eta=1), "'corr_Subject' (nearest)"),
    "Sigma": (HALF_NORMAL, "'sigma' (nearest)"),
    "nu": (HALF_NORMAL, "'sigma'"),
    "b_Subject": (NORMAL, "'sd_Subject' (nearest)"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_prior_for_a_parameter_that_does_not_exist_is_refused(name, sleepstudy, check_parts):
    prior, allowed = UNKNOWN[name]
    spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)", priors={name: prior})
    with pytest.raises(PriorError) as caught:
        resolve_priors(build_design(spec, sleepstudy))
    check_parts(caught.value, "parameter that does not exist", repr(name), allowed, "name one of these parameters")


@pytest.mark.parametrize(
    ("formula", "options", "prior"),
    [
        ("y ~ x + (x || g)", {}, ("corr_g", Prior("LKJ", eta=1))),
        ("y ~ x + (1 | g)", {"se": "pos"}, ("sigma", HALF_NORMAL)),
        ("y ~ 1 + (1 | g)", {}, ("beta[x]", NORMAL)),
        ("y ~ 0 + x + (1 | g)", {}, ("beta[Intercept]", NORMAL)),
        ("count ~ x + (1 | g)", {"family": "poisson"}, ("sigma", HALF_NORMAL)),
        ("h ~ x + (1 | g)", {"family": "cumulative"}, ("beta[Intercept]", NORMAL)),
    ],
)
def test_a_prior_for_a_parameter_this_model_lacks_is_refused(formula, options, prior, table, check_parts):
    name, prior = prior
    with pytest.raises(PriorError) as caught:
        priors_of(formula, table, priors={name: prior}, **options)
    check_parts(caught.value, "parameter that does not exist", repr(name), "'sd_g", "name one of these")


def test_a_set_of_priors_is_printed_with_scale_and_reason(sleepstudy):
    priors = priors_of(
        "Reaction ~ Days + (Days | Subject)", sleepstudy, priors={"beta[Days]": Prior("Normal", mu=0, sigma=20)}
    )
    text = repr(priors)
    for line in (
        r"beta\[Days\] +Normal\(mu=0, sigma=20\) +yours +given as beta\[Days\]",
        r"beta\[Intercept\] +Normal\(mu=298.5, sigma=140.4\) +default +mean\(y\) = 298.5; .* sd\(y\) = 56.17",
        r"sd_Subject\[Days\] +HalfStudentT\(nu=3, sigma=19.56\) +default .*sd\(z\) = 2.872",
        r"corr_Subject +LKJ\(eta=2\)",
        r"beta\[Intercept\] is at the predictors' means",
    ):
        assert re.search(line, text), line
    assert "<table" in priors._repr_html_()
    with pytest.raises(KeyError):
        priors["beta"]
    assert len(priors) == len(list(priors)) == 6


def test_dropped_rows_do_not_count_in_the_scales(table):
    data = pd.concat([table, table[:1].assign(x=np.nan, y=1e9)])
    with pytest.warns(DataWarning):
        priors = priors_of("y ~ x + (1 | g)", data)
    assert priors["sigma"] == priors_of("y ~ x + (1 | g)", table)["sigma"]


@pytest.mark.parametrize(
    ("family", "y", "said"),
    [
        ("gaussian", [1, 2, 4], "Priors are on the original scale of the data; beta[Intercept] is at the predictors'"),
        ("lognormal", [1, 2, 4], "are on the scale of log(y); beta[Intercept] is"),
        ("poisson", [1, 2, 4], "Priors of coefficients and of sds are on the log scale; beta[Intercept] is"),
        ("bernoulli", [0, 1, 0], "are on the logit scale; beta[Intercept] is"),
        ("cumulative", [1, 2, 3], "Priors of coefficients and of sds are on the logit scale.\n"),
    ],
)
def test_the_scale_of_the_priors_is_said(family, y, said):
    table = pd.DataFrame({"y": y * 8, "x": range(24), "g": np.arange(24) % 4})
    if family == "cumulative":
        table["y"] = pd.Categorical(table["y"], ordered=True)
    assert said in f"{pp.priors('y ~ x + (1 | g)', table, family=family)}\n"


def test_the_centre_under_a_log_link_is_the_mean_per_exposure():
    """The log of all counts over all hours, and its words."""
    hours, y = np.array([0.5, 1.0, 2.0, 4.0] * 6), np.arange(24.0)
    spec = ModelSpec.from_formula("y ~ 1 + offset(log(h))", family="poisson")
    priors = resolve_priors(build_design(spec, {"y": y, "h": hours}))
    centre = np.log(y.sum() / hours.sum())
    assert priors["beta[Intercept]"].arguments["mu"] == pytest.approx(centre)
    assert f"log(mean y / mean exp(offset)) = {centre:.4g}" in str(priors)
