import pickle

import pytest

from partialpool import errors
from partialpool.errors import PartialPoolError, PartialPoolWarning, nearest

KINDS = [k for n in errors.__all__ if isinstance(k := getattr(errors, n), type) and issubclass(k, PartialPoolError)]
PARTS = {"got": "0 rows", "allowed": "1 row", "do": "check"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_every_error_has_its_four_parts(kind):
    error = kind("the table is empty", **PARTS)
    assert str(error) == "the table is empty\n  got:     0 rows\n  allowed: 1 row\n  do:      check"
    assert (error.wrong, error.got, error.allowed, error.do) == ("the table is empty", "0 rows", "1 row", "check")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_can_be_pickled(kind, protocol):
    error = kind("wrong", **PARTS)
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is kind
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_the_four_parts_are_required():
    with pytest.raises(TypeError):
        PartialPoolError("wrong", got="x", allowed="y")


@pytest.mark.parametrize("kind", [errors.FormulaError, errors.PriorError])
def test_formula_and_prior_errors_are_specification_errors(kind):
    assert issubclass(kind, errors.SpecError)


def test_warnings_have_one_root_and_are_user_warnings():
    assert issubclass(errors.DataWarning, PartialPoolWarning)
    assert issubclass(errors.SamplingWarning, PartialPoolWarning)
    assert issubclass(PartialPoolWarning, UserWarning)


@pytest.mark.parametrize(
    ("name", "allowed", "expected"),
    [
        ("Dayz", ["Reaction", "Days", "Subject"], "'Days' (nearest), 'Reaction', 'Subject'"),
        ("normal", ["Cauchy", "Normal"], "'Normal' (nearest), 'Cauchy'"),
        ("x", [], "(none)"),
        ("", ["a", "b"], "'a', 'b'"),
        ("zzz", ["a", "b"], "'a', 'b'"),
        ("7", range(3), "'0', '1', '2'"),
        ("zz", [f"c{i:02}" for i in range(15)], ", ".join(f"'c{i:02}'" for i in range(12)) + " and 3 more"),
    ],
)
def test_nearest_lists_the_closest_spelling_first(name, allowed, expected):
    assert nearest(name, allowed) == expected


def test_nearest_counts_every_name_once():
    listed = nearest("c00", [f"c{i:02}" for i in range(30)])
    assert listed.count("'") // 2 == 12
    assert listed.endswith("and 18 more")
