"""Modules that another package imports at once."""

import sys

import pytest

from partialpool.imported_later import imported_later


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A module `heavy`, and a module `light` that imports it."""
    (tmp_path / "heavy_module.py").write_text("answer = 42\n")
    (tmp_path / "light_module.py").write_text("import heavy_module\n\ndef ask():\n    return heavy_module.answer\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("heavy_module", "light_module"):
        sys.modules.pop(name, None)


def test_a_module_is_imported_when_it_is_used(packages):
    with imported_later("heavy_module"):
        import light_module
    assert "heavy_module" not in sys.modules
    assert light_module.ask() == 42
    assert "heavy_module" in sys.modules


def test_others_get_the_module_itself(packages):
    with imported_later("heavy_module"):
        import light_module
    import heavy_module

    assert heavy_module.__file__.endswith("heavy_module.py")
    heavy_module.answer = 7
    assert light_module.ask() == 7


def test_a_loaded_module_stays(packages):
    import heavy_module

    with imported_later("heavy_module"):
        import light_module
    assert light_module.heavy_module is heavy_module
    assert sys.modules["heavy_module"] is heavy_module


def test_an_error_inside_the_block_leaves_no_trace():
    def failing():
        with imported_later("heavy_module"):
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        failing()
    assert "heavy_module" not in sys.modules


def test_a_module_that_is_used_inside_the_block_is_imported(packages):
    with imported_later("heavy_module"):
        import light_module

        assert light_module.ask() == 42
        from heavy_module import answer
    assert answer == 42
    assert sys.modules["heavy_module"].__file__.endswith("heavy_module.py")
