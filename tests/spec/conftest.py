"""What an error of a specification must look like."""

import pytest

from partialpool.errors import PartialPoolError


@pytest.fixture
def refuses():
    """Call something that must raise a given error, whole in its four parts, naming what it refuses."""

    def check(kind, call, *mentions):
        with pytest.raises(PartialPoolError) as caught:
            call()
        error = caught.value
        assert isinstance(error, kind), repr(error)
        assert all(part.strip() for part in (error.wrong, error.got, error.allowed, error.do))
        assert str(error) == f"{error.wrong}\n  got:     {error.got}\n  allowed: {error.allowed}\n  do:      {error.do}"
        for mention in mentions:
            assert mention in str(error)
        return error

    return check
