import matplotlib
import pytest

from spec.conftest import raised, refuses

__all__ = ["preliz", "raised", "refuses"]


@pytest.fixture
def preliz():
    """PreliZ. Its import changes how matplotlib saves figures; the settings are restored for the tests that follow."""
    with matplotlib.rc_context():
        import preliz as module
    return module
