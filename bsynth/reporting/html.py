"""One self-contained page: no script, no outside request, readable on a phone, in the dark and on paper."""

import re
from collections.abc import Mapping
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from bsynth.analysis import Analysis
from bsynth.errors import some_of
from bsynth.plots.labels import plain
from bsynth.plots.style import UNRELIABLE
from bsynth.reporting.figures import data_uri, figures
from bsynth.reporting.sections import sections
from bsynth.reporting.tables import Table
from bsynth.reporting.words import unit_words

TEMPLATES = Path(__file__).parent / "templates"
_NUMBER = re.compile(r"[<>]? ?[+−-]?[\d.,∞]+%?|\[.*\]|–|")


def render(analysis: Analysis, *, pictures: Mapping[str, Figure] | None = None) -> str:
    """Return the report as one HTML page.

    Parameters
    ----------
    analysis : Analysis
    pictures : mapping of key to Figure, optional
        Those of `bsynth.reporting.figures.figures`, when they are drawn already.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc"], progress=False)
    >>> render(analysis).startswith("<!doctype html>")
    True
    """
    drawn = figures(analysis) if pictures is None else pictures
    summary = analysis.summary()
    panel = summary["panel"]
    failures = [f"{plain(d['model'])}: {f}" for d in summary["diagnostics"] for f in d["failures"]]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=f"Effect on {plain(analysis.panel.source.outcome)}: {unit_words(panel)}",
            window=f"{plain(panel['start'])} to {plain(panel['end'])}",
            treated=some_of((plain(u) for u in panel["treated"]), limit=8),
            sections=sections(analysis),
            images={key: data_uri(figure) for key, figure in drawn.items()},
            alt={key: alternative(key, figure) for key, figure in drawn.items()},
            unreliable=summary["status"] != "ok",
            mark=UNRELIABLE,
            failures=failures,
            version=summary["versions"]["bsynth"],
        )
    )


def write_report(analysis: Analysis, path: str | Path, *, pictures: Mapping[str, Figure] | None = None) -> None:
    """Write the page of `render` to ``path``, whole or not at all."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    part.write_text(render(analysis, pictures=pictures), encoding="utf-8")
    part.replace(path)


def alternative(key: str, figure: Figure) -> str:
    """Describe a picture in words: its own title and the words written in it."""
    ax = figure.axes[0]
    parts = [ax.get_title(loc="left"), *(text.get_text() for text in ax.texts)]
    words = ". ".join(" ".join(part.split()) for part in parts if part.strip())
    return f"Chart, {key}. {words}".replace(r"\$", "$").replace("..", ".")


def numeric(value: object) -> bool:
    """Whether a cell reads as a number, an interval or a dash: it is set to the right.

    Examples
    --------
    >>> numeric("+0.05"), numeric("[−1.2, 3]"), numeric("Utah")
    (True, True, False)
    """
    return _NUMBER.fullmatch(str(value)) is not None


def columns(table: Table) -> list[tuple[str, bool]]:
    """Return the headings of a table, each with whether its column is set to the right."""
    frame = table.frame
    return [(str(name), at > 0 and all(map(numeric, frame.iloc[:, at]))) for at, name in enumerate(frame.columns)]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"columns": columns, "zip": zip}
    return environment
