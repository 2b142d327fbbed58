"""The report as data: its order, and that its words hold no number of their own."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bsynth.analysis import Analysis
from bsynth.analysis.findings import FINDINGS
from bsynth.findings import decide
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import figures
from bsynth.reporting.sections import OPENED, ORDER, sections
from bsynth.reporting.words import slug_of
from bsynth.text.marks import OF_FIT, marked
from bsynth.text.numbers import number

NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?%?")


def leaves(value: Any) -> Iterator[Any]:
    """Numbers and strings of a summary, and the lengths of its panel's lists."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def unexplained(text: str, summary: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Numbers of ``text`` that are no rounded number of the summary and in none of its names.

    A sentence that stands in the summary as it is explains itself and nothing else.
    """
    found = list(leaves(summary))
    if text in found:
        return []
    values = [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool)]
    values += [float(len(summary["panel"][key])) for key in ("treated", "donors")]
    strings = " ".join([*(v for v in found if isinstance(v, str) and not v.endswith(".")), *names])
    left = []
    for word in NUMBER.findall(text):
        digits = word.replace(",", "").replace("−", "-").rstrip("%")
        scale = 100 if word.endswith("%") else 1
        tolerance = 0.5 * 10.0 ** -len(digits.partition(".")[2]) * (1 + 1e-9)
        if not any(abs(scale * v - float(digits)) <= tolerance for v in values) and word not in strings:
            left.append(word)
    return left


@pytest.mark.parametrize(
    "name", ["analysis", "unreliable", "posterior_only", "classical_only", "germany", "hostile", "with_findings"]
)
def test_every_number_in_the_prose_is_in_the_summary(name: str, request: pytest.FixtureRequest) -> None:
    found: Analysis = request.getfixturevalue(name)
    summary, source = json.loads(json.dumps(found.to_dict(), allow_nan=False)), found.panel.source
    seen = 0
    for section in sections(found):
        for text in section.sentences:
            assert not unexplained(text, summary, (source.outcome, source.unit, source.time)), (section.slug, text)
            seen += len(NUMBER.findall(text))
    assert seen > 20


def test_the_check_of_numbers_can_fail(analysis: Analysis) -> None:
    assert unexplained("an effect of 7.7777", analysis.to_dict(), ()) == ["7.7777"]


def test_order_answer_first_data_last(analysis: Analysis, classical_only: Analysis) -> None:
    assert [s.slug for s in sections(analysis)] == [
        "answer", "path", "methods-beside", "acting",
        "verdict", "picture", "certainty", "classical", "weights", "placebo", "leave-one-out", "bootstrap",
        "further", "set-aside", "units",
        "assumptions", "methods", "data",
    ]  # fmt: skip
    aside = next(s for s in sections(analysis) if s.slug == "set-aside")
    assert analysis.choice.reason in aside.paragraphs[0]
    assert len(aside.points) == len(analysis.aside) >= 1
    single = next(s for s in sections(analysis) if s.slug == "units").tables[0].frame
    assert len(single) == analysis.panel.n_treated
    assert not {"bootstrap", "set-aside", "units"} & {s.slug for s in sections(classical_only)}


def test_findings_stand_in_their_place_and_unknown_ones_before_the_assumptions(with_findings: Analysis) -> None:
    found = sections(with_findings)
    slugs = [s.slug for s in found]
    assert slugs[slugs.index("picture") + 1] == "bands"
    assert slugs[slugs.index("assumptions") - 2 : slugs.index("assumptions")] == ["decision", "second-look"]
    assert set(slugs) - {s.slug for s in sections(replace(with_findings, findings={}))} == {
        "bands", "decision", "second-look",
    }  # fmt: skip
    acting = found[slugs.index("acting")]
    assert acting.title == "Decision and assumptions"
    assert acting.paragraphs[0] == with_findings.findings["decision"].sentences()[1]
    decision = found[slugs.index("decision")]
    said = with_findings.findings["decision"].sentences()
    assert decision.title != acting.title
    # Each of its sentences is said once: the first in the appendix, where the numbers are.
    assert (*decision.paragraphs, *acting.paragraphs[: len(said) - 1]) == said
    (table,) = decision.tables
    assert table.frame.iloc[0].to_list() == ["Estimate", number(with_findings.fits[0].effects()["estimate"].iloc[0])]


def test_every_finding_of_an_analysis_has_its_place() -> None:
    assert {slug_of(name) for name in FINDINGS} <= set(ORDER)


def test_a_finding_of_an_unreliable_fit_is_marked(unreliable: Analysis) -> None:
    found = sections(unreliable.with_findings({"decision": decide(unreliable.fits[0])}))
    section = next(s for s in found if s.slug == "decision")
    assert section.paragraphs[0].startswith("UNRELIABLE")
    assert section.tables[0].reason


def test_the_first_screen_is_the_verdict(analysis: Analysis) -> None:
    first = sections(analysis)[0]
    assert first.paragraphs == (analysis.verdict.headline,)
    assert first.points == analysis.verdict.bullets
    assert first.facts == analysis.verdict.facts
    assert (first.facts[0].label, len(first.facts)) == ("Evidence", 4)
    assert first.figures == ("answer",)


def test_at_most_five_blocks_are_open(analysis: Analysis, germany: Analysis, with_findings: Analysis) -> None:
    for each in (analysis, germany, with_findings):
        found = sections(each)
        opened = [s.slug for s in found if s.opened]
        assert tuple(opened) == tuple(slug for slug in OPENED if slug in opened)
        assert [s.slug for s in found[: len(opened)]] == opened
        assert 2 <= len(opened) <= 6


def test_figures_of_sections_are_those_drawn(
    analysis: Analysis, posterior_only: Analysis, with_findings: Analysis, pictures: dict[str, Drawing]
) -> None:
    findings = posterior_only.with_findings(with_findings.findings)
    for each, drawn in ((analysis, pictures), (findings, figures(findings))):
        named = {key for section in sections(each) for key in section.figures}
        assert named == set(drawn)


def test_further_fits_have_pictures_and_rows(posterior_only: Analysis) -> None:
    (fit,) = posterior_only.fits
    both = replace(posterior_only, fits=(fit, replace(fit, spec=fit.spec.model_copy(update={"name": "second"}))))
    picture = next(s for s in sections(both) if s.slug == "picture")
    assert picture.figures == ("trajectory", "gap", "trajectory-2")
    assert "second" in figures(both)["trajectory-2"].words
    health = next(s for s in sections(both) if s.slug == "certainty").tables[0].frame
    assert list(health.columns) == ["What is looked at", "rollout", "second", "Asked for"]


def test_alternative_text_says_what_the_picture_shows(pictures: dict[str, Drawing]) -> None:
    assert "mean of 25 workspaces" in pictures["trajectory"].words
    assert "ranks 9 of 26" in pictures["placebo"].words


def test_unreliable_marks_every_table_made_from_the_fit(analysis: Analysis, unreliable: Analysis) -> None:
    red = {t.caption.split(":")[0].split(" (")[0] for s in sections(unreliable) for t in s.tables if t.reason}
    assert red >= {
        "The effect from the start on, 95% predictive interval",
        "Health of the sampling",
        "The average effect by method",
        "Weights by method",
    }
    assert all(t.title.startswith(marked(OF_FIT)) for s in sections(unreliable) for t in s.tables if t.reason)
    assert "did not pass its convergence gate" in sections(unreliable)[0].paragraphs[0]
    assert not any(t.reason for s in sections(analysis) for t in s.tables)


def test_the_table_of_methods_has_every_row(analysis: Analysis) -> None:
    (table,) = next(s for s in sections(analysis) if s.slug == "classical").tables
    effects = analysis.effects()
    assert len(table.frame) == int((effects["estimand"] == "average").sum()) + 1
    assert table.frame.iloc[0]["Average effect"] == "+0.0500"


def test_settings_of_the_user_are_stated(analysis: Analysis) -> None:
    methods = next(s for s in sections(analysis) if s.slug == "methods")
    assert "The seed is 7" in " ".join(methods.paragraphs)
    provenance = analysis.fits[0].provenance
    row = methods.tables[0].frame.iloc[0]
    assert (row["Draws kept per chain"], row["Chains"], row["Seed"]) == tuple(
        str(v) for v in (provenance.draws, provenance.chains, provenance.seed)
    )
    data = next(s for s in sections(analysis) if s.slug == "data")
    assert analysis.panel.source.sha256 in data.tables[0].frame["Value"].to_list()
