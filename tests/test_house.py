"""Rules of the code's structure, counted in its syntax trees; CONTRIBUTING.md describes the structure."""

import ast
from pathlib import Path

import pytest

import partialpool
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES
from partialpool.sampling.choose import ENGINES

SOURCE = Path(partialpool.__file__).parent
FILES = {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")}
SUPPORTS = {"BINARY", "COUNT", "ORDINAL", "POSITIVE", "PROPORTION", "REAL", "SUCCESSES"}
KINDS = {name.lower() for name in SUPPORTS}
# Names with other meanings: a prior, the support of a prior, a number of something, an axis, a function; and the
# distributions of group effects.
AMBIGUOUS = {"beta", "gamma", "real", "positive", "count", "log", "sqrt", "gaussian", "student_t"}


def outside(*folders):
    return {name: tree for name, tree in FILES.items() if not name.startswith(folders)}


def compared(tree):
    """Strings and names that a file compares with `==`, `!=`, `in` or `is`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value
                elif isinstance(part, ast.Name):
                    yield part.id


def keyed(tree):
    """Keys of dictionary literals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield {key.value for key in node.keys if isinstance(key, ast.Constant)}


def test_few_files_compare_names_of_families_or_links():
    """Other files use attributes of families and links; 41 files compared names when families became objects."""
    names = (set(FAMILIES) | set(LINKS) | KINDS) - AMBIGUOUS | SUPPORTS
    comparing = {
        name
        for name, tree in outside("families/", "datasets/").items()
        if names & set(compared(tree)) or any(len(names & keys) > 1 for keys in keyed(tree))
    }
    assert len(comparing) < 8, sorted(comparing)


def test_level_codes_are_used_almost_only_in_the_design():
    """There were 51 uses in 32 files when the effects of a factor became a term."""
    uses = [
        (name, node.lineno)
        for name, tree in outside("design/").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "codes" and not isinstance(node.value, ast.Call)
    ]
    assert len(uses) < 5, uses


@pytest.mark.parametrize("engine", ENGINES)
def test_no_engine_is_recognised_by_its_name(engine):
    """Except where the engine is chosen: its `EngineCard` states what it can do."""
    comparing = [name for name, tree in outside("sampling/choose.py").items() if engine in set(compared(tree))]
    assert comparing == []


def test_no_file_is_longer_than_400_lines():
    long = {name: count for name in FILES if (count := (SOURCE / name).read_text("utf-8").count("\n")) > 400}
    assert long == {}


def test_no_exception_is_swallowed():
    swallowed = [
        (name, node.lineno)
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and all(isinstance(part, ast.Pass) for part in node.body)
    ]
    assert swallowed == []


def statements(function):
    """Lines of a function without its docstring and its signature."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_70_lines():
    """Docstrings and signatures are not counted."""
    long = [
        (name, node.name, statements(node))
        for name, tree in FILES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and statements(node) > 70
    ]
    assert long == []
