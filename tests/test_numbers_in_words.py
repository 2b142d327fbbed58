"""One way to write numbers: whatever is put into words goes through `bsynth.text.numbers`."""

import ast
import math
import re
from itertools import pairwise
from pathlib import Path

import pytest

from bsynth.text.numbers import chance, exact, fixed, number, numbers, p_alone, p_value, percent, percents, probability

PACKAGE = Path(__file__).parent.parent / "bsynth"
ELSEWHERE = {
    "text/numbers.py": "the formatter itself",
    "studies/units.py": "data: digits of the numbers in a store",
    "analysis/frozen.py": "data: digits of a series in a hash",
    "engines/pooled.py": "an error about a gap of 1e-8 and the like",
    "engines/simplex.py": "an error about sizes that no double holds well",
    "engines/slsqp.py": "an error about a gap of 1e-10 and the like",
    "evidence/card.py": "tables of the model cards, which are files under test",
    "evidence/placebos.py": "data: digits of draws in a store",
    "evidence/scores.py": "data: digits and keys of evidence.json",
    "findings/uncertainty.py": "an error about a setting",
    "findings/specifications/grid.py": "a specification's name, from which its seed is made",
    "panel/codes.py": "an error about a value, as it came",
    "panel/missing.py": "an error about sizes whose squares no double holds",
    "panel/data.py": "an error about a value, as it came",
    "planning/rollout.py": "data: a round step of a grid",
    "plots/style.py": "whole numbers along an axis, among them years, which have no thousands",
    "reporting/charts.py": "data: digits of the numbers that a chart reads",
    "reporting/pictures.py": "data: digits of a drawing's coordinates",
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


THINGS = (
    "cell", "check", "cluster", "column", "covariate", "divergence", "donor", "draw", "fit", "forecast", "pair", "panel",
    "period", "placebo", "pre-period", "refit", "replicate", "resample", "row", "specification", "start", "unit", "user",
    "value", "window",
)  # fmt: skip
"""What is counted in sentences."""
COUNTED = re.compile(
    rf"^ (?:(?:{'|'.join(('missing', 'further', 'placebo', 'backdated', 'pseudo-treated'))}) )?(?:{'|'.join(THINGS)})s\b"
)
HOW_MANY = re.compile(
    r"^(len\(.*\)|int\(.*\)|.*\bn_(donors|pre|post|treated)|.*\.(fits|draws|chains|divergences|pairs))$"
)


def bare_counts(source: str) -> list[int]:
    """Lines where an f-string writes a number and then a noun in the plural, whatever the number is."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for value, text in pairwise(parts):
            if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                counted = HOW_MANY.search(ast.unparse(value.value)) and COUNTED.match(str(text.value))
                found += [value.lineno] if counted else []
    return found


def test_one_thing_is_not_written_as_several() -> None:
    bad = ['f"{len(x)} donors"', 'f"of {panel.n_pre} pre-periods {y}"', 'f"{len(x):,} missing cells"']
    assert [bare_counts(form) for form in bad] == [[1]] * len(bad)
    quiet = ["f\"{count(len(x), 'donor')} left\"", 'f"{MIN_DONORS} donors"', 'f"{name} donors"', 'f"{len(x)} of them"']
    assert [bare_counts(form) for form in quiet] == [[]] * len(quiet)
    files = {file: bare_counts(file.read_text(encoding="utf-8")) for file in sorted(PACKAGE.rglob("*.py"))}
    found = {str(file.relative_to(PACKAGE)): lines for file, lines in files.items() if lines}
    assert not found, "write counts by bsynth.text.numbers.count"


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


@pytest.mark.parametrize("value", [0.9996, 9.999, 99.96, 0.00099996, 999.6, 1.0, 4.07e-15, 2.5e-7])
@pytest.mark.parametrize("signed", [False, True])
def test_three_digits_are_three(value: float, signed: bool) -> None:
    for text in (number(value, signed=signed), numbers(value, signed=signed)[0]):
        shown = text.partition("e")[0].replace(",", "").replace(".", "").lstrip("+0")
        assert len(shown) == 3 or float(text.replace(",", "")) == 1000, text
        assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(value, rel=0.006)


def test_a_probability_is_written_alike_everywhere() -> None:
    for p in (0.0, 0.0004, 0.0123, 0.5, 0.9721, 0.9996, 1.0):
        assert chance(p).removeprefix("= ") == probability(p)
        assert probability(p) not in ("0", "1", "0.000", "1.000")
        if 0 < p < 1:
            assert p_value(p) == f"p {chance(p)}"
    assert (p_value(1.0), p_alone(1.0)) == ("p = 1", "1")


def test_no_share_is_rounded_to_all_or_nothing() -> None:
    assert percents(0.99999, 0.5) == ["99.999%", "50.000%"]
    assert (percent(1.0), percent(0.0), percent(0.9996), percent(4e-5)) == ("100%", "0%", "99.96%", "0.004%")
