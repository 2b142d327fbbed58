"""What a run writes in a terminal: stages as they begin, text in the width of the window, the table, the last line."""

import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsynth.cli.base import heed
from bsynth.text.labels import METHODS, one_line, plain, span
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import count, fixed, numbers, p_alone, percent

if TYPE_CHECKING:
    from bsynth.analysis import AnyAnalysis
    from bsynth.panel import Panel, StaggeredPanel

PIPED = 80
"""Columns where nobody's terminal says how many it has."""
FILES = {
    "report.html": "the page", "summary.json": "every number", "fit.nc": "the draws", "figures": "pictures",
    "notebook.ipynb": "the run again", "tables": "tables",
}  # fmt: skip
"""What a run writes, the most useful first."""
OPENED = 3
"""Files that the last line names."""


class Stages:
    """Tells on stderr what begins, and after how many seconds."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.began = time.perf_counter()

    def __call__(self, text: str) -> None:
        """Tell what begins, unless the command was asked to end."""
        heed()
        if not self.quiet:
            head = f"[{fixed(time.perf_counter() - self.began, 1):>5} s] "
            click.echo(wrapped(one_line(text), head=head), err=True)


def width() -> int:
    """Columns of the terminal, or 80 when the output is piped."""
    return shutil.get_terminal_size((PIPED, 24)).columns if on_screen() else PIPED


def on_screen() -> bool:
    """Whether the output goes to a terminal; a command whose output was closed has none."""
    return sys.stdout is not None and sys.stdout.isatty()


def wrapped(text: str, *, head: str = "") -> str:
    """Return a text in lines of the terminal's width; those after the first stand below what follows ``head``.

    Examples
    --------
    >>> print(wrapped("word " * 20, head="[  0.1 s] "))
    [  0.1 s] word word word word word word word word word word word word word word
              word word word word word word
    """
    lines = textwrap.wrap(
        text, max(width(), 2 * len(head) + 20), initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return "\n".join(lines)


def panel_words(panel: "Panel | StaggeredPanel[Panel]") -> str:
    """Say who is compared with whom, and over which periods.

    Examples
    --------
    >>> from bsynth.panel import Panel
    >>> from bsynth.panel.simulate import simulate_factor
    >>> frame = simulate_factor(donors=6, n_pre=8, n_post=1, seed=1)
    >>> panel_words(Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=8))
    '0 against 6 donors: 8 periods before the start (0 to 7), 1 period from it on (8 alone)'
    """
    from bsynth.panel import StaggeredPanel

    if isinstance(panel, StaggeredPanel):
        return panel.sentences()[0].rstrip(".")
    labels, n_pre = [plain(label) for label in panel.period_labels()], panel.n_pre
    before = f"{count(n_pre, 'period')} before the start ({span(labels[0], labels[n_pre - 1])})"
    after = f"{count(panel.n_post, 'period')} from it on ({span(labels[n_pre], labels[-1])})"
    return f"{panel.treated_name} against {count(panel.n_donors, 'donor')}: {before}, {after}"


def tell_verdict(analysis: "AnyAnalysis") -> None:
    """Print the headline and the bullets, and what cannot be had."""
    verdict = analysis.verdict
    click.echo(f"\n{click.style(wrapped(verdict.headline), bold=True)}\n")
    for bullet in verdict.bullets:
        click.echo(wrapped(bullet, head="- "))
    if analysis.unavailable:
        click.echo("\nnot available:")
        for name, reason in analysis.unavailable.items():
            click.echo(wrapped(f"{name}: {one_line(reason)}", head="  "))


def tell_notes(analysis: "AnyAnalysis") -> None:
    """Print what should be known of the panel."""
    for note in analysis.panel.notes():
        click.echo("\n" + wrapped(note))


def tell_replaced(out: Path, written: list[Path]) -> None:
    """Say, quiet or not, which files of an earlier run are about to go."""
    if not written:
        return
    names, folders = _listed(written), Counter(path.parts[0] for path in written if len(path.parts) > 1)
    named = [f"{name}/ ({count(folders[name], 'file')})" if name in folders else name for name in names]
    said = f"{out} holds an earlier run, which this one replaces: {', '.join(named)}. Another --out keeps both."
    click.echo(wrapped(f"bsynth: {said}"), err=True)


def _listed(written: list[Path]) -> list[str]:
    """Files and folders of a run, the most useful first."""
    names = dict.fromkeys(path.parts[0] for path in written)
    return sorted(names, key=lambda name: list(FILES).index(name) if name in FILES else len(FILES))


def tell_files(out: Path, written: list[Path]) -> None:
    """Print which files to open, the page first."""
    ordered = _listed(written)
    opened = [f"{out / name} ({FILES[name]})" for name in ordered[:OPENED] if name in FILES]
    others = [name for name in ordered if f"{out / name} ({FILES.get(name)})" not in opened]
    more = f"; also {', '.join(others)}" if others else ""
    click.echo("\n" + wrapped(f"written to {out}; open {', '.join(opened)}{more}"))


def print_table(analysis: "AnyAnalysis") -> None:
    """Print truth, posterior and classical rows of the average effect side by side, and what its short names mean."""
    from rich.console import Console
    from rich.table import Table

    rows = analysis.comparison.table.to_dict("records")
    levels = {row["level"] for row in rows if row["level"] == row["level"]}
    # One level for all stands in the heading.
    head = f"{percent(levels.pop())} interval" if len(levels) == 1 else "interval"
    gap = (0, 1, 0, 0) if width() < PIPED else (0, 1)
    columns = ("method", "effect", head, "kind", "p", "chance")
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=gap)
    if analysis.truth is not None:
        table.add_row("truth", numbers(analysis.truth)[0], "", "", "", "", style="bold")
    for row in rows:
        estimate, *ends = numbers(*(row[name] for name in ("estimate", "lower", "upper")))
        known = row["lower"] == row["lower"]
        unbounded = known and "\u221e" in "".join(ends)
        table.add_row(
            _name(row),
            estimate,
            "no ends" if unbounded and ends[0][1:] == ends[1] else rf"\[{ends[0]}, {ends[1]}]" if known else "",
            f"{f'{percent(row["level"])} ' if levels and row['level'] == row['level'] else ''}{row['interval']}",
            p_alone(row["p"]) if row["p"] == row["p"] else "",
            UNRELIABLE if row.get("status") == "unreliable" else _chance(row, analysis.comparison.facts),
        )
    console = Console(width=width())
    with console.capture() as drawn:
        console.print(table)
    click.echo("\n" + "\n".join(line.rstrip() for line in drawn.get().splitlines()))
    models = list(dict.fromkeys(_name(row) for row in rows if row["method"] == "bayes"))
    methods = dict.fromkeys(row["method"] for row in rows)
    short = [f"{name}: {METHODS[name].lower()}" for name in methods if name in METHODS and name != "bayes"]
    short += [f"{', '.join(models)}: Bayesian model{'s' if len(models) > 1 else ''}"] if models else []
    said = ["p: of no effect; chance: of an effect in the direction of the estimate", *short]
    click.echo(wrapped("; ".join(said) + "."))


def _name(row: Mapping[Any, Any]) -> str:
    return plain(row["model"], 24) if row["method"] == "bayes" else str(row["method"])


def _chance(row: Mapping[Any, Any], facts: Mapping[str, Any]) -> str:
    from bsynth.analysis.verdict.chance import spoken

    positive = row["probability_positive"]
    if positive != positive:
        return ""
    return spoken(1 - positive if row["estimate"] < 0 else positive, facts)
