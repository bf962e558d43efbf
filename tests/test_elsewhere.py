"""Names of other packages are refused with what they are called here."""

import copy
import pickle
import re
import subprocess
import sys

import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.elsewhere import OF_FITS, OF_MODULES

ASKED = (
    *("ranef", "VarCorr", "emmeans", "conditional_effects", "pp_check", "plot", "coef", "fixef", "loo"),
    *("posterior_predict", "glmer", "lmer", "brm", "Model", "waic", "sample", "anova", "as_draws", "kfold"),
)
OF_A_FIT = ("summary", "plot", "predict", "ranef", "coef_", "params", "sample", "idata", "formula", "fixef", "loo")


@pytest.fixture(scope="module")
def fit():
    data = {"y": [1.0, 2, 3, 5, 4, 7], "x": [0.0, 1, 2, 0, 1, 2], "g": list("aaabbb")}
    return fit_at("y ~ x + (1 | g)", data, beta=[1.0, 1.0], sd_g=[1.0], sigma=1.0)


@pytest.mark.parametrize("name", ASKED)
def test_a_function_of_another_package_is_answered(name):
    with pytest.raises(AttributeError) as caught:
        getattr(pp, name)
    assert str(caught.value) == f"partialpool has no '{name}': {OF_MODULES[name]}"
    assert not hasattr(pp, name)


@pytest.mark.parametrize("name", OF_A_FIT)
def test_an_attribute_of_another_fit_is_answered(fit, name):
    with pytest.raises(AttributeError) as caught:
        getattr(fit, name)
    assert str(caught.value) == f"a fit has no '{name}': {OF_FITS[name]}"
    assert not hasattr(fit, name)


def test_what_exists_is_not_listed(fit):
    assert not set(OF_MODULES) & set(dir(pp))
    assert not [name for name in OF_FITS if hasattr(fit, name)]


@pytest.mark.parametrize("answer", sorted({*OF_MODULES.values(), *OF_FITS.values()}))
def test_every_function_in_an_answer_exists(fit, answer):
    named = re.findall(r"\bpp\.(\w+)", answer)
    assert all(hasattr(pp, name) for name in named)
    attributes = re.findall(r"\bfit\.(\w+)", answer)
    assert all(
        hasattr(type(fit), name) or name in type(fit).__dataclass_fields__ or name == "nc" for name in attributes
    )
    assert named or attributes


@pytest.mark.parametrize("owner", ["module", "fit"])
@pytest.mark.parametrize("name", ["nothing_of_the_kind", "__wrapped__", "_repr_mimebundle_"])
def test_other_names_have_the_usual_error(fit, owner, name):
    with pytest.raises(AttributeError, match=name):
        getattr(pp if owner == "module" else fit, name)


def test_importing_such_a_name_is_an_import_error():
    with pytest.raises(ImportError, match="ranef"):
        exec("from partialpool import ranef")


def test_asking_for_a_name_loads_nothing_heavy():
    code = "import sys, partialpool; hasattr(partialpool, 'ranef'); assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_fit_is_copied_and_an_error_inside_it_is_kept(sleepstudy_fit):
    for copied in (copy.copy(sleepstudy_fit), pickle.loads(pickle.dumps(sleepstudy_fit))):
        assert copied.posterior.equals(sleepstudy_fit.posterior)
        assert copied.digest is copied.digest
    empty = object.__new__(pp.Fit)
    with pytest.raises(AttributeError, match="'tree'"):
        empty.posterior  # noqa: B018
