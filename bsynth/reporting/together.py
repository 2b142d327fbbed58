"""Several analyses on one page: of several outcomes, or of several cells and their differences."""

import base64
import html
import json
import re
from collections.abc import Callable
from pathlib import Path

from bsynth._base.request import whole
from bsynth.analysis import AnyAnalysis, MultiCellAnalysis, Outcomes
from bsynth.analysis.steps import Steps
from bsynth.plots import picture_of, style
from bsynth.reporting.drawing import finished
from bsynth.reporting.figures import picture_name
from bsynth.reporting.html import render
from bsynth.text.labels import plain
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import bracket, numbers, percent

INDEX, SUMMARY, REPORT = "index.html", "summary.json", "report.html"

type Together = Outcomes | MultiCellAnalysis
"""Analyses that are judged together."""


def folders(names: list[str]) -> dict[str, str]:
    """The folder of each of several analyses in a run folder, by name; no two are alike.

    Examples
    --------
    >>> folders(["revenue / user", "Search", "search", "…"])
    {'revenue / user': 'revenue-user', 'Search': 'Search', 'search': 'search-2', '…': 'part'}
    """
    found: dict[str, str] = {}
    for name in names:
        wanted = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "part"
        # Some file systems take names that differ by case for one.
        taken = sum(each.lower().partition("-2")[0] == wanted.lower() for each in found.values())
        found[name] = f"{wanted}-{taken + 1}" if taken else wanted
    return found


def write_together(found: Together, out: Path) -> list[Path]:
    """Write the summary, and the page whose sections are the reports in each one's own folder; return both files."""
    out.mkdir(parents=True, exist_ok=True)
    at = folders(list(found.analyses))
    summary = found.to_dict() | {"folders": at}
    texts = {
        SUMMARY: json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False),
        INDEX: page(found, lambda name: f'loading=lazy src="{html.escape(at[name])}/{REPORT}"'),
    }
    for name, text in texts.items():
        with whole(out / name) as part:
            part.write_text(text, encoding="utf-8")
    return [out / INDEX, out / SUMMARY]


def render_together(found: Together) -> str:
    """The page with every report in itself, so that it is one file."""

    def inside(name: str) -> str:
        analysis: AnyAnalysis = found.analyses[name]  # type: ignore[assignment]
        return f'srcdoc="{html.escape(render(analysis))}"'

    return page(found, inside)


def page(found: Together, source: Callable[[str], str]) -> str:
    """Return sentences, one table, a picture where there is one, and the reports, one open at a time.

    ``source`` gives the attribute of a frame that says what is in the frame of a name.
    """
    said = found.sentences()
    marks = "".join(f"<p class=bad>{html.escape(each)}</p>" for each in said if each == said[0] and UNRELIABLE in each)
    first, *others = (html.escape(each) for each in said[bool(marks) :])
    sections = "".join(
        f"<details name=part{' open' if k == 0 else ''}><summary>{html.escape(name)}</summary>"
        f'<iframe title="{html.escape(name)}" {source(name)}></iframe></details>'
        for k, name in enumerate(found.analyses)
    )
    title = html.escape(plain(found.title, 200))
    notes = "".join(f"<p class=note>{html.escape(each)}</p>" for each in found.notes())
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style><main><h1>{title}</h1>{marks}<p>{first}</p>{_picture(found)}"
        f"<div class=wide>{_table(found)}</div>{''.join(f'<p>{each}</p>' for each in others)}{notes}{sections}"
        "</main></html>\n"
    )


def _table(found: Together) -> str:
    """Every answer with both of its intervals; differences between cells first."""
    rows = found.table.to_dict("records")
    name = "outcome" if isinstance(found, Outcomes) else "of"
    rows = [*rows[len(found.analyses) :], *rows[: len(found.analyses)]]
    level, joint = percent(found.level), percent(found.joint_level, 1)
    heads = ("outcome" if name == "outcome" else "effect on", "average effect", f"{level} by itself",
             f"{joint}, all together", "kind")  # fmt: skip
    body = ""
    for row in rows:
        values = (row[key] for key in ("estimate", "lower", "upper", "joint_lower", "joint_upper"))
        estimate, *ends = numbers(*values, signed=True)
        own, all_ = (bracket(each) if each[0] != "nan" else "none" for each in (ends[:2], ends[2:]))
        cells = (str(row[name]), estimate, own, all_, str(row["interval"]))
        look = " class=bad" if row["status"] != "ok" else ""
        body += f"<tr{look}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _picture(found: Together) -> str:
    """Effects and differences on one axis; several outcomes have no common one."""
    if isinstance(found, Outcomes):
        return ""
    steps, name = Steps(), picture_name("effects")
    drawn = steps.attempt(name, lambda: _drawn(found))
    if drawn is None:
        return f"<p>The picture is not available: {html.escape(steps.unavailable[name])}.</p>"
    words, png = drawn
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{png}">'


def _drawn(found: MultiCellAnalysis) -> tuple[str, str]:
    figure, ax = style.new_figure(style.row_size(len(found.table), each=0.46))
    picture_of(found)(found, ax=ax)
    drawing = finished(figure)
    return drawing.words, base64.b64encode(drawing.png).decode("ascii")


_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:1100px;"
    "margin:auto;padding:1.5rem}h1{ font-size: 1.5rem;overflow-wrap:anywhere;}.wide{overflow-x:auto}.bad{"
    "color:#b00020;font-weight:600}.note{ opacity: 0.75; font-size: 0.9rem }img{ max-width: 100%; background:white;}"
    "table{border-collapse:collapse;}td,th{padding: 5px 14px 5px 0;text-align:left;border-bottom:1px solid #8885;"
    "font-variant-numeric:tabular-nums}summary{cursor:pointer;font-weight:600;padding: 8px 0}"
    "iframe{width: 100%; height: 80vh;border:1px solid #8885}"
)
