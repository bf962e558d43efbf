"""Checks of the errors of specifications."""

import pytest

from checks.refusals import check_refused, raised_by


@pytest.fixture
def refuses():
    """Return a function that asserts that a call raises a given error, with four complete parts and given mentions."""
    return check_refused


@pytest.fixture
def raised():
    """Return a function that returns what a call raises, or None."""
    return raised_by
