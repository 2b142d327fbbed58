"""An analysis in a notebook: the first screen of its report."""

import base64
from html import escape

from bsynth.analysis import AnyAnalysis
from bsynth.analysis.steps import Steps
from bsynth.analysis.verdict import Fact
from bsynth.plots import picture_of, style
from bsynth.plots.answer import SIZE
from bsynth.reporting.drawing import MARK, finished
from bsynth.reporting.figures import picture_name
from bsynth.text.marks import UNRELIABLE

TONES = {"good": "#0b6b44", "neutral": "#3d4a5c", "bad": "#a8231b"}
"""Colours of facts, those of the report; their own ground is light, whatever that of the notebook is."""
_WIDTH = "max-width:60em"
_HEADLINE = "font-size:1.3em;font-weight:650;line-height:1.3;margin:.2em 0 .5em"


def first_screen(analysis: AnyAnalysis) -> str:
    """Return headline, facts, picture and bullets as HTML that needs nothing besides; all text escaped.

    A picture that cannot be drawn leaves its reason in its place.
    """
    verdict = analysis.verdict
    said = [sentence for sentence in analysis.sentences() if sentence.startswith(UNRELIABLE)]
    marks = [sentence for sentence in said if sentence != verdict.headline]
    color = f"color:{TONES['bad']};" if verdict.headline in said else ""
    warned = "".join(
        f"<p style='margin:.3em 0;color:{TONES['bad']};font-weight:bold'>{escape(mark)}</p>" for mark in marks
    )
    points = "".join(f"<li style='margin:.25em 0'>{escape(bullet)}</li>" for bullet in verdict.bullets)
    return (
        f"<div class='bsynth' style='{_WIDTH}'>"
        f"<div style='opacity:.75;overflow-wrap:anywhere'>{escape(analysis.title)}</div>{warned}"
        f"<div role='heading' aria-level='3' style='{color}{_HEADLINE}'>{escape(verdict.headline)}</div>"
        f"{_facts(verdict.facts)}{_picture(analysis)}"
        f"<ul style='margin:.4em 0;padding-left:1.3em'>{points}</ul>"
        f"<div style='opacity:.75'>All of it: <code>bs.report(analysis, 'report.html')</code></div></div>"
    )


def _facts(facts: tuple[Fact, ...]) -> str:
    cells = "".join(
        f"<td style='text-align:left;background:#f4f4f4;border-left:4px solid {TONES[fact.tone]};padding:.4em .9em'>"
        f"<span style='color:#555'>{escape(fact.label)}</span><br>"
        f"<strong style='color:{TONES[fact.tone]};font-size:1.1em'>{escape(fact.value)}</strong></td>"
        for fact in facts
    )
    look = "border-collapse:separate;border-spacing:.4em 0;margin:0 -.4em .5em;width:100%"
    return f"<table style='{look}'><tbody><tr>{cells}</tr></tbody></table>"


def _picture(analysis: AnyAnalysis) -> str:
    steps, name = Steps(), picture_name("answer")
    png = steps.attempt(name, lambda: _drawn(analysis))
    if png is None:
        return f"<p>The picture is not available: {escape(steps.unavailable[name])}.</p>"
    words, data = png
    return f"<img alt='{escape(words)}' style='width:100%;background:white' src='data:image/png;base64,{data}'>"


def _drawn(analysis: AnyAnalysis) -> tuple[str, str]:
    """The words in the picture, and its PNG in base64; drawn outside of pyplot, which would show it once more."""
    room = MARK if analysis.effects_reason else 0.0
    figure, ax = style.new_figure((SIZE[0], SIZE[1] + room))
    picture_of(analysis)(analysis, ax=ax)
    drawing = finished(figure)
    return drawing.words, base64.b64encode(drawing.png).decode("ascii")
