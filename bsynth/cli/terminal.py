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

from bsynth.text.labels import METHODS, one_line, plain
from bsynth.text.numbers import chance_words, count, fixed, numbers, p_alone, percent

if TYPE_CHECKING:
    from bsynth.analysis import Analysis

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
        """Tell what begins."""
        if not self.quiet:
            head = f"[{fixed(time.perf_counter() - self.began, 1):>5} s] "
            click.echo(wrapped(one_line(text), head=head), err=True)


def width() -> int:
    """Columns of the terminal, or 80 when the output is piped."""
    return shutil.get_terminal_size((PIPED, 24)).columns if sys.stdout.isatty() else PIPED


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


def tell_verdict(analysis: "Analysis") -> None:
    """Print the headline and the bullets, and what cannot be had."""
    verdict = analysis.verdict
    click.echo(f"\n{click.style(wrapped(verdict.headline), bold=True)}\n")
    for bullet in verdict.bullets:
        click.echo(wrapped(bullet, head="- "))
    if analysis.unavailable:
        click.echo("\nnot available:")
        for name, reason in analysis.unavailable.items():
            click.echo(wrapped(f"{name}: {one_line(reason)}", head="  "))


def tell_notes(analysis: "Analysis") -> None:
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


def print_table(analysis: "Analysis") -> None:
    """Print truth, posterior and classical rows of the average effect side by side, and what its short names mean."""
    from rich.console import Console
    from rich.table import Table

    table = Table("method", "effect", "interval", "kind", "p", "chance", box=None, header_style="bold", pad_edge=False)
    if analysis.truth is not None:
        table.add_row("truth", numbers(analysis.truth)[0], "", "", "", "", style="bold")
    rows = analysis.comparison.table.to_dict("records")
    for row in rows:
        estimate, *ends = numbers(*(row[name] for name in ("estimate", "lower", "upper")))
        known = row["lower"] == row["lower"]
        unbounded = known and "\u221e" in "".join(ends)
        table.add_row(
            _name(row) + (" UNRELIABLE" if row.get("status") == "unreliable" else ""),
            estimate,
            "no ends" if unbounded and ends[0][1:] == ends[1] else rf"\[{ends[0]}, {ends[1]}]" if known else "",
            f"{f'{percent(row["level"])} ' if row['level'] == row['level'] else ''}{row['interval']}",
            p_alone(row["p"]) if row["p"] == row["p"] else "",
            _chance(row),
        )
    click.echo()
    Console(width=width()).print(table)
    methods = dict.fromkeys(row["method"] for row in rows)
    short = [f"{name}: {METHODS[name].lower()}" for name in methods if name in METHODS and name != "bayes"]
    said = ["p: of no effect; chance: of an effect in the direction of the estimate", *short]
    click.echo(wrapped("; ".join(said) + "."))


def _name(row: Mapping[Any, Any]) -> str:
    return plain(row["model"], 24) if row["method"] == "bayes" else str(row["method"])


def _chance(row: Mapping[Any, Any]) -> str:
    positive = row["probability_positive"]
    if positive != positive:
        return ""
    return chance_words(1 - positive if row["estimate"] < 0 else positive)
