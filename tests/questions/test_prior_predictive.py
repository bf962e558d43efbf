"""What the prior says of tables, of derived quantities and along a predictor, and the warning when it says too much."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from checks.fixed import fit_at
from partialpool.names import corr_name, sd_name

SLOPES = "Reaction ~ Days + (Days | Subject)"
DAYS = [0.0, 2.5, 9.0]


@pytest.fixture(scope="module")
def data():
    return pp.load_dataset("sleepstudy")


@pytest.fixture(scope="module")
def tree(data):
    return pp.prior_predictive(SLOPES, data, along={"Days": DAYS}, draws=4000, seed=1)


def table(n=60, levels=12, seed=0):
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=n), np.arange(n) % levels
    eta = 0.3 + 0.5 * x + rng.normal(size=levels)[g] / 2
    columns = {"x": x, "g": g, "c": list("vuw") * (n // 3), "yes": np.arange(n) % 2 == 0, "n": np.full(n, 7)}
    return columns | {"eta": eta, "noisy": eta + rng.normal(size=n), "counts": rng.poisson(np.exp(eta))}


def test_the_priors_icc_is_that_of_its_draws():
    tree = pp.prior_predictive("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), draws=300, seed=1)
    prior, derived = tree["prior"].to_dataset(), tree["derived"].to_dataset()
    sd, sigma = prior["sd_Batch"].to_numpy()[..., 0], prior["sigma"].to_numpy()
    assert derived["icc"].to_numpy()[..., 0] == pytest.approx(sd**2 / (sd**2 + sigma**2))
    assert derived["sd"].to_numpy() == pytest.approx(np.hypot(sd, sigma))


def test_default_priors_are_quiet_and_absurd_ones_warn():
    data = pp.load_dataset("contraception")
    formula = "use ~ age + urban + (1 | district)"
    quiet = pp.prior_predictive(formula, data, family="bernoulli", draws=200, seed=1)
    assert quiet.attrs["implausible"] < 0.2
    absurd = {"beta[Intercept]": pp.Prior("Normal", mu=0, sigma=200)}
    with pytest.warns(pp.DataWarning, match="the priors put .* % of their mass on tables in which everybody fails"):
        loud = pp.prior_predictive(formula, data, family="bernoulli", priors=absurd, draws=200, seed=1)
    assert loud.attrs["implausible"] > 0.5


def test_the_variance_is_a_parabola_of_the_same_draws(tree):
    prior = tree["prior"].to_dataset().isel(chain=0)
    tau, corr = prior["sd_Subject"].to_numpy(), prior["corr_Subject"].to_numpy()[:, 0, 1]
    x = np.array(DAYS)[:, None]
    expected = tau[:, 0] ** 2 + 2 * corr * tau[:, 0] * tau[:, 1] * x + tau[:, 1] ** 2 * x**2
    expected += prior["sigma"].to_numpy() ** 2
    variance = tree["outlook"]["variance"]
    assert variance.dims == ("chain", "draw", "Days")
    assert variance.isel(chain=0).transpose("Days", "draw").to_numpy() == pytest.approx(expected)


def test_it_is_the_variance_function_of_a_fit_with_those_draws(tree, data):
    prior = tree["prior"].to_dataset().isel(chain=0)
    values = {name: prior[name].to_numpy() for name in prior.data_vars}
    fit = fit_at(SLOPES, data, draws=4000, **values)
    assert tree["outlook"]["variance"].to_numpy() == pytest.approx(
        pp.variance_function(fit, {"Days": DAYS})["variance"].to_numpy()
    )


def test_lines_scatter_about_the_typical_one_by_z_sigma_z(tree):
    outlook, prior = tree["outlook"].to_dataset().isel(chain=0), tree["prior"].to_dataset().isel(chain=0)
    beta = prior["beta"].to_numpy()
    typical = outlook["typical_line"].to_numpy()
    assert typical == pytest.approx(beta[:, :1] + beta[:, 1:] * np.array(DAYS))
    apart = outlook["level_line"].to_numpy() - typical
    # Straight lines: what lies between the ends is on them.
    assert apart[:, 1] == pytest.approx(apart[:, 0] + (apart[:, 2] - apart[:, 0]) * 2.5 / 9)
    groups = outlook["variance"].to_numpy() - prior["sigma"].to_numpy()[:, None] ** 2
    z = apart / np.sqrt(groups)
    # Standard normal and independent draws: 5 standard errors of mean, variance, and correlation with the typical line.
    n = len(z)
    assert np.abs(z.mean(axis=0)).max() < 5 / np.sqrt(n)
    assert np.abs((z**2).mean(axis=0) - 1).max() < 5 * np.sqrt(2 / n)
    assert abs(np.corrcoef(z[:, 0], typical[:, 0])[0, 1]) < 5 / np.sqrt(n)
    ends = z[:, 0] * z[:, 2]
    covariance = _covariance(prior, 0.0, 9.0) / np.sqrt(groups[:, 0] * groups[:, 2])
    assert abs((ends - covariance).mean()) < 5 * (ends - covariance).std() / np.sqrt(n)


def _covariance(prior, x, other):
    sd, corr = prior[sd_name("Subject")].to_numpy(), prior[corr_name("Subject")].to_numpy()
    sigma = sd[:, :, None] * corr * sd[:, None, :]
    return np.einsum("dij,i,j->d", sigma, [1, x], [1, other])


def test_lines_of_a_level_are_new(tree):
    """They are of no level of the table, which are drawn beside them."""
    effects = tree["prior"]["b_Subject"].to_numpy()[0, :, :, 0]
    own = (tree["outlook"]["level_line"] - tree["outlook"]["typical_line"]).sel(Days=0).to_numpy()[0]
    assert not np.isclose(effects, own[:, None]).any()


def test_units_change_nothing_but_units(data):
    plain = pp.prior_predictive(SLOPES, data, draws=100, seed=3)["outlook"].to_dataset()
    scaled = data.assign(Reaction=data["Reaction"] * 1e6, Days=data["Days"] / 1e3)
    other = pp.prior_predictive(SLOPES, scaled, draws=100, seed=3)["outlook"].to_dataset()
    assert other["Days"].to_numpy() == pytest.approx(plain["Days"].to_numpy() / 1e3)
    assert other["variance"].to_numpy() == pytest.approx(plain["variance"].to_numpy() * 1e12, rel=1e-6)
    assert other["level_line"].to_numpy() == pytest.approx(plain["level_line"].to_numpy() * 1e6, rel=1e-6)
    for name in ("observed_sd", "observed_low", "observed_high"):
        assert other.attrs[name] == pytest.approx(1e6 * plain.attrs[name])


def test_it_follows_the_predictor_whose_slope_varies(data):
    outlook = pp.prior_predictive(SLOPES, data, draws=10, seed=1)["outlook"]
    assert outlook["Days"].to_numpy() == pytest.approx(np.linspace(0, 9, 25))
    named = pp.prior_predictive(SLOPES, data, along="Days", draws=10, seed=1)["outlook"]
    assert named.to_dataset().identical(outlook.to_dataset())
    for formula, along in (
        (SLOPES, {}),
        ("Reaction ~ Days + (1 | Subject)", None),
        ("Reaction ~ Days + More + (Days + More || Subject)", None),
    ):
        more = data.assign(More=np.arange(180) % 7)
        assert "outlook" not in pp.prior_predictive(formula, more, along=along, draws=10, seed=1).children
    intercepts = pp.prior_predictive("Reaction ~ Days + (1 | Subject)", data, along="Days", draws=10, seed=1)
    assert float(intercepts["outlook"]["variance"].std("Days").max()) < 1e-9 * float(
        intercepts["outlook"]["variance"].max()
    )


def test_a_question_beside_others_does_not_change_them(data):
    with_it, without = (pp.prior_predictive(SLOPES, data, along=a, draws=20, seed=1) for a in ("Days", {}))
    for group in ("prior", "prior_predictive", "derived"):
        assert with_it[group].to_dataset().identical(without[group].to_dataset())


def test_other_predictors_are_held():
    data = table()
    model = "noisy ~ x + c + yes + (x | g)"
    first = pp.prior_predictive(model, data, draws=10, seed=1)
    assert first["outlook"].attrs["held"] == "c=u (first), yes=False (first)"
    given = pp.prior_predictive(model, data, along={"x": [0, 1], "c": "w", "yes": [True]}, draws=10, seed=1)
    assert given["outlook"].attrs["held"] == "c=w (given), yes=True (given)"
    prior = given["prior"].to_dataset().isel(chain=0)
    beta = prior["beta"]
    expected = beta.sel(coef="Intercept") + beta.sel(coef="c[w]") + beta.sel(coef="yes[True]")
    assert given["outlook"]["typical_line"].sel(x=0).to_numpy()[0] == pytest.approx(expected.to_numpy())
    mean = pp.prior_predictive("noisy ~ x + eta + (x | g)", data, draws=10, seed=1)
    assert mean["outlook"].attrs["held"] == f"eta={np.mean(data['eta']):.4g} (mean)"


def test_lines_are_means_of_the_response_and_the_variance_is_latent():
    data = table()
    likely = data | {"y": (data["eta"] > 0.3).astype(int)}
    tree = pp.prior_predictive("y ~ x + (x | g)", likely, family="bernoulli", along={"x": [-1, 1]}, draws=50, seed=1)
    outlook, prior = tree["outlook"].to_dataset().isel(chain=0), tree["prior"].to_dataset().isel(chain=0)
    eta = prior["beta"].to_numpy() @ np.array([[1, 1], [-1, 1]])
    assert outlook["typical_line"].to_numpy() == pytest.approx(1 / (1 + np.exp(-eta)))
    sd, corr = prior["sd_g"].to_numpy(), prior["corr_g"].to_numpy()[:, 0, 1]
    at_1 = sd[:, 0] ** 2 + 2 * corr * sd[:, 0] * sd[:, 1] + sd[:, 1] ** 2 + np.pi**2 / 3
    assert outlook["variance"].sel(x=1).to_numpy() == pytest.approx(at_1)
    assert outlook.attrs["latent_sd"] == pytest.approx(np.pi / np.sqrt(3))
    assert outlook.attrs["observed_mean"] == pytest.approx(np.mean(likely["y"]))
    assert outlook.attrs["lines"] == "probability of y = 1"
    assert "observed_low" not in outlook.attrs


def test_the_offset_is_at_the_mean_of_its_columns_or_where_it_is_put():
    data = table() | {"time": np.linspace(1, 30, 60)}
    model = "counts ~ x + offset(log(time)) + (x | g)"
    tree = pp.prior_predictive(model, data, family="poisson", draws=20, seed=1)
    outlook, beta = tree["outlook"].to_dataset(), tree["prior"]["beta"].to_numpy()[0]
    eta = beta[:, :1] + beta[:, 1:] * outlook["x"].to_numpy()
    mean = np.mean(data["time"])
    assert outlook["typical_line"].to_numpy()[0] == pytest.approx(mean * np.exp(eta))
    assert outlook.attrs["held"] == f"time={mean:.4g} (mean)"
    assert outlook.attrs["offset"] == f"log(time) = {np.log(mean):.4g}"
    unit = pp.prior_predictive(model, data, family="poisson", draws=20, seed=1, along={"x": [0, 1], "time": 1})
    line = unit["outlook"]["typical_line"].sel(x=0).to_numpy()[0]
    assert line == pytest.approx(np.exp(beta[:, 0]))
    assert unit["outlook"].attrs["offset"] == "log(time) = 0"


def test_the_data_stand_beside_the_lines_as_they_were_observed():
    data = table() | {"time": np.linspace(1, 3, 60)}
    model = "counts ~ x + offset(log(time)) + (x | g)"
    counts = pp.prior_predictive(model, data, family="poisson", draws=10, seed=1)
    rate = data["counts"] / data["time"]
    y = data["counts"]
    expected = (y.min(), y.max(), np.sqrt(np.log1p(rate.var() / rate.mean() ** 2)))
    names = ("observed_low", "observed_high", "observed_sd")
    assert [counts["outlook"].attrs[n] for n in names] == pytest.approx(expected)
    shares = data | {"s": np.minimum(data["counts"], 7), "n": 7 + np.arange(60) % 3}
    successes = pp.prior_predictive("p(s, n) ~ x + (x | g)", shares, family="binomial", draws=10, seed=1)["outlook"]
    share = shares["s"] / shares["n"]
    assert (successes.attrs["observed_low"], successes.attrs["observed_high"]) == (share.min(), share.max())
    assert successes.attrs["observed_mean"] == pytest.approx(shares["s"].sum() / shares["n"].sum())
    positive = data | {"y": np.exp(data["eta"])}
    logs = pp.prior_predictive("y ~ x + (x | g)", positive, family="lognormal", draws=10, seed=1)["outlook"]
    assert logs.attrs["observed_sd"] == pytest.approx(np.std(data["eta"]))
    assert logs.attrs["observed_high"] == pytest.approx(positive["y"].max())
    assert logs.attrs["scale"] == "log"


def test_where_a_response_has_no_variance_it_has_lines():
    tree = pp.prior_predictive("noisy ~ x + (x | g)", table(), family="student_t", draws=500, seed=1)
    assert float(tree["prior"]["nu"].min()) < 2
    assert "derived" not in tree.children
    assert set(tree["outlook"].data_vars) == {"typical_line", "level_line"}
    assert "no variance" in tree["outlook"].attrs["no_variance"]
    ordinal = table() | {"grade": np.digitize(table()["eta"], [0, 0.6])}
    lines = pp.prior_predictive("grade ~ x + (x | g)", ordinal, family="cumulative", draws=50, seed=1)
    slopes = lines["prior"]["beta"].sel(coef="x").to_numpy()[0]
    outlook = lines["outlook"]
    assert outlook.attrs["lines"] == "linear predictor"
    x = outlook["x"].to_numpy()
    assert outlook["typical_line"].to_numpy()[0] == pytest.approx(slopes[:, None] * x)


@pytest.mark.filterwarnings("ignore:the priors put:partialpool.DataWarning")
def test_a_mean_below_zero_has_no_response():
    """The inverse link lets a prior draw such means."""
    data = table() | {"y": np.exp(table()["eta"])}
    tree = pp.prior_predictive("y ~ x + (1 | g)", data, family="gamma", link="inverse", draws=200, seed=1)
    prior = tree["prior"].to_dataset().isel(chain=0)
    beta, b = prior["beta"].to_numpy(), prior["b_g"].to_numpy()[:, :, 0]
    eta = beta[:, :1] + beta[:, 1:] * data["x"] + b[:, data["g"]]
    replicates = tree["prior_predictive"]["y"].to_numpy()[0]
    assert (np.isnan(replicates) == (eta <= 0)).all()
    assert tree.attrs["implausible"] > (eta <= 0).mean() > 0.05


def test_memory_is_that_of_the_answer():
    rows, draws = 40_000, 250
    rng = np.random.default_rng(1)
    data = {"y": rng.normal(size=rows), "x": rng.normal(size=rows), "g": np.arange(rows) % 10}
    pp.prior_predictive("y ~ x + (x | g)", {k: v[:100] for k, v in data.items()}, draws=10, seed=1)
    tracemalloc.start()
    tree = pp.prior_predictive("y ~ x + (x | g)", data, draws=draws, seed=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    answer = tree["prior_predictive"]["y"].nbytes
    assert answer == 8 * rows * draws
    assert peak < 2 * answer + 40e6  # several arrays of 2 million elements


def test_what_does_not_fit_into_memory_is_refused(data):
    with pytest.raises(pp.EngineError, match=r"draws of responses and group effects do not fit into memory\n") as error:
        pp.prior_predictive(SLOPES, data, draws=10**12)
    assert f"{10**12} draws x (180 rows + 36 effects)" in error.value.got
    with pytest.raises(pp.SpecError, match="draws must be a positive integer"):
        pp.prior_predictive(SLOPES, data, draws=0)


@pytest.mark.parametrize(
    ("along", "text"),
    [
        ("Dayz", "numeric predictor that the model reads\n  got:     'Dayz'\n  allowed: 'x'\n  do:      name one"),
        ("X", "got:     'X'\n  allowed: 'x' (nearest)\n  do:      name one of these in along="),
        ("c", "numeric predictor that the model reads\n  got:     'c'\n  allowed: 'x'"),
        ("yes", "numeric predictor that the model reads\n  got:     'yes'"),
        ("g", "numeric predictor that the model reads\n  got:     'g'"),
        (3, "along= names a predictor\n  got:     3\n  allowed: a column, or values by column\n  do:      write"),
        ({"x": [0]}, "a line along 'x' runs over two numbers or more\n  got:     [0]"),
        ({"x": [0, np.nan]}, "a line along 'x' runs over two numbers or more\n  got:     [0, nan]"),
        ({"x": "abc"}, "got:     'abc'\n  allowed: a list of two finite numbers or more"),
        ({"x": [0, 1], "c": ["u", "v"]}, "followed along one predictor\n  got:     several values of 'x', 'c'"),
        ({"x": 0, "c": "u"}, "followed along one predictor\n  got:     several values of no column"),
        ({"x": [0, 1], "k": 3}, "does not read this column\n  got:     'k'\n  allowed: 'x', 'c', 'yes'\n  do:"),
        ({"x": [0, 1], "c": "z"}, "categories that the model has not seen"),
    ],
)
def test_a_course_that_cannot_be_followed(along, text):
    with pytest.raises(pp.DataError) as error:
        pp.prior_predictive("noisy ~ x + c + yes + (x | g)", table(), along=along, draws=10)
    assert text in str(error.value)


def test_a_model_without_numbers_says_so_and_names_that_collide_are_told_apart():
    with pytest.raises(
        pp.DataError, match=r"allowed: \(none\)\n  do:      leave along= out: this model has no numeric"
    ):
        pp.prior_predictive("noisy ~ c + (1 | g)", table(), along="x", draws=10)
    data = table() | {"variance": table()["x"]}
    outlook = pp.prior_predictive("noisy ~ variance + (variance | g)", data, draws=10)["outlook"]
    assert outlook["variance"].dims == ("chain", "draw", "variance_column")
    assert outlook.attrs["along"] == outlook["variance_column"].attrs["long_name"] == "variance"


GRADES = ["low", "mid", "très haut"]
CODED = {
    "ordered text": (
        "cumulative",
        pd.Categorical(["mid", "low", "très haut"] * 8, GRADES, ordered=True),
    ),
    "gaps between numbers": ("cumulative", [9, 1, 5, 2] * 6),
    "two texts": ("bernoulli", ["Dead", "Alive"] * 12),
}
LABELS = {"ordered text": GRADES, "gaps between numbers": ["1", "2", "5", "9"]}
LABELS |= {"two texts": ["Alive", "Dead"]}


@pytest.mark.parametrize("case", CODED)
def test_codes_of_categories_carry_their_labels(case, tmp_path):
    family, y = CODED[case]
    data, labels = pd.DataFrame({"y": y, "x": np.linspace(-1, 1, 24), "g": np.arange(24) % 6}), LABELS[case]
    cutpoints = {"cutpoints": np.arange(len(labels) - 1.0)} if family == "cumulative" else {}
    beta = [0.5] if family == "cumulative" else [0.0, 0.5]
    fit = fit_at("y ~ x + (1 | g)", data, family=family, beta=beta, sd_g=[1.0], **cutpoints)
    prior = pp.prior_predictive("y ~ x + (1 | g)", data, family=family, draws=20, seed=1)
    checks = pp.posterior_checks(fit, seed=1)
    answers = {
        "predict": pp.predict(fit, seed=1)["response"],
        "posterior_predictive": pp.posterior_predictive(fit, seed=1)["y"],
        "prior_predictive": prior["prior_predictive"]["y"],
        "observed": prior["observed_data"]["y"],
        "checks, new": checks["posterior_predictive"]["y"],
        "checks, data": checks["observed_data"]["y"],
    }
    assert {name: list(answer.attrs["categories"]) for name, answer in answers.items()} == dict.fromkeys(
        answers, labels
    )
    codes = prior["observed_data"]["y"].to_numpy().astype(int)
    assert np.array(labels)[codes].tolist() == [str(value) for value in y]
    prior.to_netcdf(tmp_path / "prior.nc", engine="h5netcdf")
    prior.to_zarr(tmp_path / "prior.zarr", consolidated=False)
    for name, engine, how in (("prior.nc", "h5netcdf", {}), ("prior.zarr", "zarr", {"consolidated": False})):
        with xr.open_datatree(tmp_path / name, engine=engine, **how) as read:
            for group in ("prior_predictive", "observed_data"):
                assert list(read[group]["y"].attrs["categories"]) == labels, name


def test_numbers_have_no_categories():
    data = pp.load_dataset("sleepstudy")
    fit = fit_at(SLOPES, data, beta=[250.0, 10], sd_Subject=[1.0, 1], corr_Subject=np.eye(2), sigma=1.0)
    assert "categories" not in pp.predict(fit, seed=1)["response"].attrs
    assert "categories" not in pp.posterior_predictive(fit, seed=1)["Reaction"].attrs
