"""What the command line leaves in a folder: a file for every picture, whatever its subject is called."""

from dataclasses import replace

import numpy as np

import partialpool as pp
from partialpool.questions.sensitivity_report import sensitivity_report
from partialpool.reporting.bundle import write_bundle, write_sensitivity


def test_answers_whose_plain_names_coincide_have_a_picture_each(tmp_path):
    schools = pp.load_dataset("eight_schools")
    fit = pp.fit("effect ~ 1 + (1 | school)", schools, se="standard_error", seed=1, progressbar=False)
    names = ["A's mean", "a?s Mean", "[a*s mean]", "m" * 300, "m" * 299 + "n", "***"]
    # One by one the answers are the same; a coincidence of names is what is tried.
    asked = {name: lambda f: f.posterior["beta"].sel(coef="Intercept") for name in names}
    verdict = sensitivity_report(fit, asked, jobs=1, seed=1, progressbar=False)
    for some in (names[:3], names[3:]):
        written = write_sensitivity(replace(verdict, ranges=verdict.ranges.loc[some]), tmp_path)
        assert len({path.name.casefold() for path in written}) == len(written) == 2 + len(some)
        assert all(path.exists() for path in written)
    assert {path.name for path in tmp_path.glob("study_*")} == {
        "study_A_s_mean.png", "study_a_s_Mean_2.png", "study_a_s_mean_3.png",
        f"study_{'m' * 60}.png", f"study_{'m' * 60}_2.png", "study__.png",
    }  # fmt: skip


def test_factors_whose_plain_names_coincide_have_a_picture_each(tmp_path):
    rng = np.random.default_rng(0)
    data = {"y": rng.normal(size=60), "a": np.repeat(["p", "q", "r"], 20), "b": np.tile(["s", "t"], 30)}
    data["a_b"] = np.repeat(np.arange(12), 5)
    fit = pp.fit("y ~ 1 + (1 | a:b) + (1 | a_b)", data, seed=1, progressbar=False)
    written = write_bundle(fit, tmp_path)
    assert {path.name for path in written} == {"fit.nc", "summary.csv", "effects_a_b.png", "effects_a_b_2.png"}
