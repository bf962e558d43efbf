import pytest

from partialpool.errors import EngineError
from partialpool.sampling import choose
from partialpool.sampling.choose import ENGINES, choose_engine, load_engine
from partialpool.spec.model import ModelSpec

SPEC = ModelSpec.from_formula("y ~ x + (x | g)")


@pytest.mark.parametrize("name", list(ENGINES))
def test_every_engine_has_the_attributes_of_the_protocol(name):
    engine = load_engine(name)
    assert engine.merit(SPEC)
    assert engine.name == name
    assert isinstance(engine.why_not(SPEC), str)
    assert callable(engine.run)


def test_auto_gives_its_reason():
    engine, reason = choose_engine(SPEC)
    assert (engine.name, reason) == ("collapsed", "group effects integrate out exactly")
    assert choose_engine(ModelSpec.from_formula("y ~ s(x)"))[1] == "group effects integrate out exactly"
    assert choose_engine(ModelSpec.from_formula("y ~ x"))[1] == "coefficients integrate out exactly"
    engine, reason = choose_engine(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    assert engine.name == "nuts"
    assert "collapsed: a 'poisson' response is not normal given the effects" in reason


def test_an_unknown_engine_lists_the_known():
    with pytest.raises(EngineError, match="'nuts' \\(nearest\\)"):
        choose_engine(SPEC, "nust")


def test_where_no_engine_applies_the_reasons_and_the_engines_are_named(monkeypatch):
    monkeypatch.setattr(choose, "ENGINES", {"collapsed": ENGINES["collapsed"]})
    with pytest.raises(EngineError) as error:
        choose_engine(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    assert "a 'poisson' response is not normal given the effects" in error.value.got
    assert error.value.allowed == "a model that one of the engines can draw from: collapsed"
    assert "design.md" not in str(error.value)
