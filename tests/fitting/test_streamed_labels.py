"""Labels that may be typing errors are found in tables that are read in batches, in the words of tables in memory."""

import warnings

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.streamed import in_memory, read, table, write


def told_of(function, *arguments):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", pp.DataWarning)
        function(*arguments)
    return [str(one.message) for one in told]


def with_few(values, rare):
    """Put labels into the first rows."""
    values = values.astype(object)
    values.iloc[: len(rare)] = rare
    return values


def drawn(labels, frame):
    """Draw a label for each row."""
    return pd.Series(np.random.default_rng(4).choice(labels, len(frame)))


CASES = {
    "ordinary": (lambda t: t, ""),
    "case and space": (
        lambda t: t.assign(arm=with_few(t["arm"], ["High", "high "]), h=t["h"].astype(str)),
        "differ only by case or space",
    ),
    "misspelt": (
        lambda t: t.assign(arm=with_few(drawn(["forest", "meadow"], t), ["forrest"] * 3)),
        "may be misspelt",
    ),
    "a level misspelt": (
        lambda t: t.assign(h=with_few(drawn(["Ashford", "Bexley", "Camden"], t), ["Ashfrod"])),
        "may be misspelt",
    ),
    "one row": (lambda t: t.assign(arm=with_few(t["arm"], ["twice", "thrice"])), "have one row"),
    "one row of a number": (lambda t: t.assign(visit=with_few(t["visit"], [9]).astype(int)), "have one row"),
    "numbers as text": (lambda t: t.assign(arm=drawn(["10", "20", "30"], t)), "numbers written as text"),
    "dates as text": (lambda t: t.assign(arm=drawn(["2024-01-31", "2024-02-29"], t)), "dates"),
    "declared categories": (
        lambda t: t.assign(
            arm=pd.Categorical(with_few(t["arm"], ["High"]), ["placebo", "high", "High", "low", "never"])
        ),
        "differ only by case or space",
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("files", [1, 3])
def test_the_warnings_are_those_of_the_table_in_memory(case, files, tmp_path):
    change, said = CASES[case]
    frame, formula = change(table(rows=400)), "y ~ arm + C(visit) + (1 | h)"
    expected = told_of(in_memory, formula, frame)
    assert any(said in text for text in expected) if said else not expected
    assert told_of(read, formula, write(frame, tmp_path, files=files)) == expected


def test_a_cell_that_is_no_number_is_a_category_of_one_row(tmp_path):
    """In memory a warning names their rows; there are no rows here."""
    frame = table(rows=400)
    frame["arm"] = with_few(frame["visit"].astype(str), ["k.A."])
    assert any("except for" in text for text in told_of(in_memory, "y ~ arm + (1 | h)", frame))
    (told,) = told_of(read, "y ~ arm + (1 | h)", write(frame, tmp_path))
    assert "categories of 'arm' have one row: got 'k.A.'" in told
