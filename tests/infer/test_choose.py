import pytest

from partialpool.errors import EngineError
from partialpool.infer.choose import ENGINES, choose_engine
from partialpool.spec.model import ModelSpec

SPEC = ModelSpec.from_formula("y ~ x + (x | g)")


@pytest.mark.parametrize("name", list(ENGINES))
def test_every_engine_keeps_the_protocol(name):
    engine = ENGINES[name]
    assert engine.name == name
    assert isinstance(engine.why_not(SPEC), str)
    assert callable(engine.run)


def test_auto_says_why():
    engine, reason = choose_engine(SPEC)
    assert engine.why_not(SPEC) == ""
    assert reason


def test_an_unknown_engine_lists_the_known():
    with pytest.raises(EngineError, match="'nuts' \\(nearest\\)"):
        choose_engine(SPEC, "nust")
