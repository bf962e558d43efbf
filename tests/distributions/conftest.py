import matplotlib
import pytest

from spec.conftest import raised, refuses

__all__ = ["preliz", "raised", "refuses"]


@pytest.fixture
def preliz():
    """PreliZ, whose import changes how figures are saved, in this process and for the tests behind it: put back."""
    with matplotlib.rc_context():
        import preliz as module
    return module
