"""One self-contained page: no outside request, readable on a phone, in the dark, on paper and without its script."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from bsynth._base.request import whole
from bsynth.analysis import AnyAnalysis
from bsynth.analysis.steps import Steps
from bsynth.errors import some_of
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import figures, picture_name
from bsynth.reporting.paper import broken, columns, on_paper, type_of
from bsynth.reporting.pictures import Picture, pictures
from bsynth.reporting.section import Section
from bsynth.reporting.sections import sections
from bsynth.text.labels import plain
from bsynth.text.marks import marked

HERE = Path(__file__).parent


def render(analysis: AnyAnalysis, *, drawn: Mapping[str, Drawing] | None = None, steps: Steps | None = None) -> str:
    """Return the report as one HTML page; a picture or section that cannot be had is named in its place.

    Parameters
    ----------
    analysis : Analysis
    drawn : mapping of key to Drawing, optional
        Those of `bsynth.reporting.figures.figures`, when they are drawn already.
    steps : Steps, optional
        Keeps the reasons of what cannot be had.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import rollout_panel_arguments
    >>> panel = bs.Panel.from_events(bs.simulate_rollout(users=30_000, seed=1), **rollout_panel_arguments())
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc"], progress=False)
    >>> render(analysis).startswith("<!doctype html>")
    True
    """
    steps = Steps(analysis.unavailable) if steps is None else steps
    summary = analysis.to_dict()
    panel = summary["panel"]
    drawn = figures(analysis, steps) if drawn is None else drawn
    shown = pictures(analysis, drawn, summary, steps)
    parts = sections(analysis, summary=summary, steps=steps)
    failures = [f"{plain(d['model'])}: {f}" for d in summary["diagnostics"] for f in d["failures"]]
    licence = f"/*! uPlot. {_text('vendor/uPlot.LICENSE')}*/"
    sources = ("vendor/uPlot.iife.min.js", "templates/chart.js", "templates/report.js")
    script = "\n".join([licence, *map(_text, sources)])
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=f"Effect on {plain(analysis.panel.labels.outcome)}: {plain(analysis.whose)}",
            window=plain(panel["window"]),
            treated=some_of((plain(u) for u in panel["treated"]), limit=8),
            first=parts[0],
            blocks=[part for part in parts[1:] if part.opened],
            folded=[part for part in parts if not part.opened],
            pictures=shown,
            tables_first={part.slug for part in parts if part.opened or _tall(part, shown)},
            lacking={key: lacking(key, steps) for part in parts for key in part.figures if key not in shown},
            unreliable=summary["status"] != "ok",
            mark=marked(summary["reason"]),
            failures=failures,
            version=summary["versions"]["bsynth"],
            style=Markup(_text("vendor/uPlot.min.css") + "\n" + _text("templates/report.css")),
            script=Markup(script),
            script_hash=_hash(script),
        )
    )


def write_report(
    analysis: AnyAnalysis,
    path: str | Path,
    *,
    drawn: Mapping[str, Drawing] | None = None,
    steps: Steps | None = None,
) -> None:
    """Write the page of `render` to ``path``, whole or not at all."""
    page = render(analysis, drawn=drawn, steps=steps)
    with whole(Path(path)) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _tall(part: Section, shown: Mapping[str, Picture]) -> bool:
    """Whether a picture of a section needs a sheet: what its table would leave of that before it is not left blank."""
    return any(shown[key].tall for key in part.figures if key in shown)


def lacking(key: str, steps: Steps) -> str:
    """Say in the place of a picture that it is not there, and why."""
    reason = steps.unavailable.get(picture_name(key), "it was not drawn")
    return f"The picture {key!r} is not available: {plain(reason, 300)}."


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """The name under which the page's policy admits its own script, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "columns": columns, "zip": zip, "broken": broken, "on_paper": on_paper, "type_of": type_of,
    }  # fmt: skip
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
    return environment
