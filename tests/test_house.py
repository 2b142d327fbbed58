"""The house rules that a reader of the code relies on, checked against the code itself."""

import ast
import re
from pathlib import Path

import pytest

import bsynth as bs

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "bsynth").rglob("*.py"))


def _rooms() -> set[str]:
    package = ROOT / "bsynth"
    modules = {p.stem for p in package.glob("*.py")} - {"__init__", "__main__"}
    return modules | {p.parent.name for p in package.glob("*/__init__.py")}


def test_front_door_stays_small() -> None:
    entries = {p.name for p in (ROOT / "bsynth").iterdir()} - {"__pycache__", "_models"}
    # One of them is there since users import it: from bsynth.datasets import load_prop99.
    assert len(entries) <= 25, "entries at the top of bsynth/; a new concept goes into a room"
    assert len(bs.__all__) <= 72, "public names at the top; a rare one stays in its module"


def test_map_of_the_code_is_complete() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    table = text.split("| room | what it holds |")[1].split("\n\n")[0]
    named = {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert named == _rooms()


def test_layers_name_every_room() -> None:
    text = (ROOT / "pyproject.toml").read_text().split("layers = [")[1].split("]")[0]
    assert set(re.findall(r"bsynth\.(\w+)", text)) == _rooms()


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(ROOT / "bsynth")))
def test_modules_and_functions_stay_small(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 400, "a module is at most 400 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            length = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
            assert length <= 60, f"{node.name} has {length} lines without its docstring; at most 60"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
            assert any(k.arg == "stacklevel" for k in node.keywords), "every warning has a stacklevel"
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "plt.show":
            pytest.fail("a plot returns its axes and never shows them")


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(file: Path, modules: set[str]) -> set[str]:
    """Modules of bsynth that a file imports anywhere: at its top, inside functions, and for types alone."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{file}: imports are absolute"
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                found.add(inside if inside in modules else node.module)
    return found & modules


def _circles(graph: dict[str, set[str]]) -> list[frozenset[str]]:
    """The sets of modules that import one another, directly or by way of others."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in graph}
    return list({frozenset(other for other in reach[name] if name in reach[other]) for name in graph} - {frozenset()})


def test_no_import_goes_in_a_circle() -> None:
    modules = {_module(file): file for file in FILES}
    graph = {name: _imports(file, set(modules)) for name, file in modules.items()}
    assert len(graph["bsynth.cli"]) > 1, "the imports are found"
    assert {tuple(sorted(c)) for c in _circles(graph)} == set()


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}
    assert set(_circles(graph)) == {frozenset("bc"), frozenset("d")}
