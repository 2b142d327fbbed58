"""The checks of a fit: which questions its model answers, and which ones contradict it."""

import textwrap

from matplotlib.axes import Axes

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.checks import CheckReport
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import GREEN, GREY, VERMILION
from bsynth.text.numbers import count

QUESTION, ANSWER, LINES = 26, 88, 4
"""Characters of a line of a question and of its answer, and the lines that an answer has at most."""
_LOOK = {"ok": (GREEN, "o"), "unclear": (GREY, "D"), "warning": (VERMILION, "X")}
"""Colour and marker of an answer."""


def plot_checks(report: CheckReport | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show every question that was asked of a fit, how it was answered, and in what words.

    Parameters
    ----------
    report : CheckReport or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With dots of gid ``ok``, diamonds of gid ``unclear`` and crosses of gid ``warning``, one per question in the
        order of the report.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> report = bs.check(bs.fit(panel, "level", draws=300, progress=False))
    >>> plot_checks(report).get_title(loc="left")
    "Checks of 'level': no warnings"
    """
    report = part_of(report, CheckReport)
    check_kind(report, CheckReport, "report", "what bsynth.check(fit) returns")
    checks, warned = report.checks, len(report.warnings)
    answers = [textwrap.wrap(drawn(c.sentence, 600), ANSWER, max_lines=LINES, placeholder=" …") for c in checks]
    # Rows are as high as the longest answer.
    high = 0.14 + 0.145 * max((len(lines) for lines in answers), default=1)
    with style.house():
        ax = style.new_axes(ax, style.row_size(len(checks), each=max(high, 0.42)))
        style.row_axis(ax, [textwrap.fill(c.title, QUESTION) for c in checks])
        for y, (each, lines) in enumerate(zip(checks, answers, strict=True)):
            color, marker = _LOOK[each.status]
            ax.plot([0], [y], marker, color=color, markersize=9, gid=each.status)
            ax.annotate("\n".join(lines), (0, y), (12, 0), textcoords="offset points", va="center", fontsize=8,
                        color=style.INK, annotation_clip=False)  # fmt: skip
        ax.set_xlim(-0.03, 1)
        ax.set_xticks([])
        ax.grid(False)
        ax.spines[["left", "bottom"]].set_visible(False)
        diamond = "diamond: cannot be told; " if report.unclear else ""
        instead = "" if report.suggestion is None else f"Use the model {drawn(repr(report.suggestion))} instead. "
        style.heading(
            ax,
            f"Checks of {drawn(repr(report.model))}: {count(warned, 'warning') if warned else 'no warnings'}",
            [f"{instead}Circle: nothing contradicts the model; {diamond}cross: a warning"],
            reason=report.reason,
        )
    return ax
