"""What an error of a specification must look like."""

import pytest


def raised_by(call):
    """Return what a call raises, so that what is wrong is said after it: a long traceback takes pytest a minute."""
    try:
        call()
    except Exception as error:
        return error
    return None


@pytest.fixture
def refuses():
    """Call something that must raise a given error, whole in its four parts, naming what it refuses."""

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
    """What a call raises, or None."""
    return raised_by
