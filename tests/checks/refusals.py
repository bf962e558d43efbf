"""What a call raises, and whether it is a complete four-part error."""


def raised_by(call):
    """Return what a call raises, so that assertions follow outside: pytest needs a minute for a long traceback."""
    try:
        call()
    except Exception as error:
        return error
    return None


def check_refused(kind, call, *mentions):
    """Assert that a call raises a given error, with four complete parts and given mentions; return it."""
    error = raised_by(call)
    assert isinstance(error, kind), repr(error)
    assert all(part.strip() for part in (error.wrong, error.got, error.allowed, error.do))
    assert str(error) == f"{error.wrong}\n  got:     {error.got}\n  allowed: {error.allowed}\n  do:      {error.do}"
    for mention in mentions:
        assert mention in str(error)
    return error
