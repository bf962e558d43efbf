"""Checks of the errors of specifications."""

import pytest


def raised_by(call):
    """Return what a call raises, so that assertions follow outside: pytest needs a minute for a long traceback."""
    try:
        call()
    except Exception as error:
        return error
    return None


@pytest.fixture
def refuses():
    """Return a function that asserts that a call raises a given error, with four complete parts and given mentions."""

    def check(kind, call, *mentions):
        error = raised_by(call)
        assert isinstance(error, kind), repr(error)
        assert all(part.strip() for part in (error.wrong, error.got, error.allowed, error.do))
        assert str(error) == f"{error.wrong}\n  got:     {error.got}\n  allowed: {error.allowed}\n  do:      {error.do}"
        for mention in mentions:
            assert mention in str(error)
        return error

    return check


@pytest.fixture
def raised():
    """Return a function that returns what a call raises, or None."""
    return raised_by
