"""One way to write numbers: whatever is put into words goes through `bsynth.text.numbers`."""

import ast
import math
import re
from pathlib import Path

import pytest

from bsynth.text.numbers import exact, fixed, number, p_value, percent

PACKAGE = Path(__file__).parent.parent / "bsynth"
ELSEWHERE = {
    "text/numbers.py": "the formatter itself",
    "engines/simplex.py": "an error about sizes that no double holds well",
    "engines/slsqp.py": "an error about a gap of 1e-10 and the like",
    "evidence/card.py": "tables of the model cards, which are files under test",
    "evidence/placebos.py": "data: digits of draws in a store",
    "evidence/scores.py": "data: digits and keys of evidence.json",
    "findings/uncertainty.py": "an error about a setting",
    "findings/specifications/grid.py": "a specification's name, from which its seed is made",
    "panel/codes.py": "an error about a value, as it came",
    "panel/missing.py": "an error about sizes whose squares no double holds",
    "panel/panel.py": "an error about a value, as it came",
    "plots/style.py": "whole numbers along an axis, among them years, which have no thousands",
    "reporting/charts.py": "data: digits of the numbers that a chart reads",
    "reporting/export.py": "LaTeX, which has a minus of its own",
}
"""Files with a format of their own, and why."""
FORMAT = re.compile(r"[gGeEfF%]$")
TEMPLATE = re.compile(r"\{[^{}]*:[^{}]*[geEf%]\}|%[-+ 0-9.]*[gef]\b")


def formats(source: str) -> list[int]:
    """Lines with a float format in an f-string or in a template for ``format`` and ``%``."""
    found, tree = [], ast.parse(source)
    words = {id(n.body[0].value) for n in ast.walk(tree)
             if isinstance(n, (ast.Module, ast.ClassDef, ast.FunctionDef)) and n.body and isinstance(n.body[0], ast.Expr)}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            spec = "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
            if FORMAT.search(spec):
                found.append(node.lineno)
        text = node.value if isinstance(node, ast.Constant) and id(node) not in words else None
        if isinstance(text, str) and TEMPLATE.search(text):
            found.append(node.lineno)
    return found


def test_the_search_finds_every_form() -> None:
    forms = ['f"{x:.4g}"', 'f"{x:+,.2f}"', 'f"{x:.{digits}e}"', 'f"{x:.0%}"', '"{:.5g}".format(x)', '"%.3f" % x']
    assert [formats(form) for form in forms] == [[1]] * len(forms)
    quiet = ['f"{n:,}"', 'f"{name:>5}"', 'f"{x!r}"', '"100% of it"', '"a: {b}"', '"""{x:.3f} in words"""']
    assert [formats(form) for form in quiet] == [[]] * len(quiet)


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_numbers_are_written_in_one_way(file: Path) -> None:
    found = formats(file.read_text(encoding="utf-8"))
    if str(file.relative_to(PACKAGE)) in ELSEWHERE:
        assert found, "no format of its own any more: take it off the list"
    else:
        assert not found, f"write numbers by bsynth.text.numbers; lines {found}"


@pytest.mark.parametrize("value", [-123456.0, 1.2346e5, 9.9996e4, 1.5e7, 12.0, 0.5, 1e-5])
def test_no_number_is_a_power_of_ten(value: float) -> None:
    for written in (number(value), exact(value), number(value, signed=True), fixed(value, 2), percent(value)):
        assert "e" not in written
        assert "-" not in written
    assert float(exact(value, 6).replace("−", "-").replace(",", "")) == pytest.approx(value, rel=1e-5)


def test_missing_and_unbounded_numbers_have_words() -> None:
    assert [exact(v) for v in (math.nan, math.inf, -math.inf, 0.0, -0.0)] == ["–", "∞", "−∞", "0", "0"]
    assert [percent(v, 0) for v in (math.nan, 0.004, -0.004)] == ["–%", "0%", "0%"]
    assert [p_value(v) for v in (0.0, 0.001, 0.05, 0.9995, 1.0)] == [
        "p < 0.001", "p = 0.0010", "p = 0.0500", "p > 0.999", "p = 1",
    ]  # fmt: skip
