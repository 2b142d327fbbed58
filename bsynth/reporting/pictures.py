"""A picture as the page needs it: the drawing, the words for who cannot see it, and the numbers behind it."""

import base64
import gzip
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from bsynth._base.plain import show
from bsynth.analysis import Analysis, AnyAnalysis, WavesAnalysis
from bsynth.analysis.steps import Steps
from bsynth.bayesian.result import Fit
from bsynth.calibration import Calibration
from bsynth.frequentist import PlaceboSpace
from bsynth.plots.view import view
from bsynth.reporting import waves
from bsynth.reporting.charts import PATH, Chart, gap_chart, numbers_of, placebo_chart, trajectory_chart
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import picture_name
from bsynth.reporting.findings import findings_of, reason_of
from bsynth.reporting.words import slug_of
from bsynth.text.marks import marked

TALL = 0.75
"""Height of a picture with many rows, in its widths."""
_COMMENT, _SPACE = re.compile(rb"<!--.*?-->", re.S), re.compile(rb"\s+")
_LONG = re.compile(rb"scale\([^)]*\)|-?\d+\.\d{2,}")
"""Numbers with more decimals than are seen; a scale is multiplied by large ones."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of the page.

    Attributes
    ----------
    key : str
    title : str
        What is written above the drawing.
    address : str
        The drawing as a data address.
    narrow : str or None
        The drawing for a phone, as a data address.
    packed : str or None
        The SVG for its download, gzip and base64, when ``address`` is a PNG.
    alternative : str
        The picture in words.
    numbers : dict or None
        ``columns`` and ``data`` by column, and ``chart`` where it answers the pointer; plain JSON data.
    reason : str
        Why what it shows is unreliable; empty when it is not.
    tall : bool
        Whether it has so many rows that on paper it needs a sheet.
    """

    key: str
    title: str
    address: str
    narrow: str | None
    packed: str | None
    alternative: str
    numbers: dict[str, Any] | None
    reason: str
    tall: bool = False

    @property
    def mark(self) -> str:
        """What stands above it when it is unreliable."""
        return marked(self.reason) if self.reason else ""


def pictures(
    analysis: AnyAnalysis, drawn: Mapping[str, Drawing], summary: dict[str, Any], steps: Steps | None = None
) -> dict[str, Picture]:
    """Return every picture of ``drawn``, which are those of `bsynth.reporting.figures.figures`, by its key.

    One whose numbers cannot be had comes without them, one that cannot be written not at all; ``steps`` keeps why.
    """
    steps = Steps() if steps is None else steps
    behind, bad = numbers_behind(analysis, summary), _reasons(analysis)
    made = {}
    for key, drawing in drawn.items():
        numbers = steps.attempt(f"numbers of the picture {key}", behind[key]) if key in behind else None
        picture = steps.attempt(picture_name(key), partial(_picture, key, drawing, numbers, bad.get(key, "")))
        if picture is not None:
            made[key] = picture
    return made


def _picture(key: str, drawing: Drawing, numbers: dict[str, Any] | None, reason: str) -> Picture:
    """A picture that is seen at once is SVG; a folded one is that too, unless a PNG with the SVG packed is smaller."""
    narrow = None if drawing.narrow is None else _address("svg+xml", slim(drawing.narrow))
    svg = slim(drawing.svg)
    address, packed = _address("svg+xml", svg), None
    if drawing.small is not None:
        zipped = gzip.compress(svg, mtime=0)
        if len(drawing.small) + len(zipped) < len(svg):
            address, packed = _address("png", drawing.small), _base64(zipped)
    width, height = struct.unpack(">II", drawing.png[16:24])
    words = f"Chart, {key}. {drawing.words}"
    return Picture(key, drawing.title, address, narrow, packed, words, numbers, reason, tall=height > TALL * width)


def slim(svg: bytes) -> bytes:
    """Return an SVG of matplotlib's as a page needs it: tenths of a point, no comments, no white space to read by.

    Examples
    --------
    >>> slim(b'<path d="M 123.456 2.5 \\nL 3 4" transform="scale(0.015625)"/>')
    b'<path d="M 123.5 2.5 L 3 4" transform="scale(0.015625)"/>'
    """
    return _SPACE.sub(b" ", _LONG.sub(_shortened, _COMMENT.sub(b"", svg)))


def _shortened(found: re.Match[bytes]) -> bytes:
    text = found.group()
    if text.startswith(b"scale"):
        return text
    value = float(text)
    return f"{value:.{2 if abs(value) < 10 else 1}f}".rstrip("0").rstrip(".").encode()


def numbers_behind(analysis: AnyAnalysis, summary: dict[str, Any]) -> dict[str, Callable[[], dict[str, Any] | None]]:
    """Return what makes the numbers of each picture, by key."""
    if isinstance(analysis, WavesAnalysis):
        every = {**waves.frames(analysis), **_of_findings(analysis)}
        return {key: partial(_numbers, make) for key, make in every.items()}
    found: dict[str, Callable[[], dict[str, Any] | None]] = {}
    found |= {key: partial(_numbers, make) for key, make in frames(analysis, summary).items()}
    return found | {key: partial(_of_chart, make) for key, make in charts(analysis).items()}


def _of_chart(make: Callable[[], Chart]) -> dict[str, Any]:
    chart = make()
    return numbers_of(chart.frame) | {"chart": chart.to_dict()}


def _numbers(make: Callable[[], pd.DataFrame | None]) -> dict[str, Any] | None:
    frame = make()
    return None if frame is None else numbers_of(frame)


def charts(analysis: Analysis) -> dict[str, Callable[[], Chart]]:
    """Return what makes the pictures over time as data, by key."""
    answer, level, panel = analysis.reported, analysis.level, analysis.panel
    time = panel.source.time
    found: dict[str, Callable[[], Chart]] = {
        "trajectory": partial(trajectory_chart, answer, panel.donors, level=level, time=time),
        "gap": partial(gap_chart, answer, level=level, time=time),
    }
    for number, fit in enumerate(analysis.fits[1:], start=2):
        found[f"trajectory-{number}"] = partial(trajectory_chart, fit, panel.donors, level=level, time=time)
    for name, result in analysis.asked.items():
        if isinstance(result, PlaceboSpace):
            found[slug_of(name)] = partial(placebo_chart, result)
        elif hasattr(result, "path"):
            found[slug_of(name)] = partial(gap_chart, result, level=level, time=time)
    return found


def frames(analysis: Analysis, summary: dict[str, Any]) -> dict[str, Callable[[], pd.DataFrame | None]]:
    """Return what makes the numbers behind the other pictures, by key; a finding may have none."""
    found: dict[str, Callable[[], pd.DataFrame | None]] = {
        "impact": lambda: _impact(analysis),
        "weights": lambda: _weights(analysis, summary),
        "effects": lambda: pd.DataFrame(summary["effects"]),
    }
    # Those that are charts have the numbers of these.
    found |= {slug_of(name): partial(result.table_at, analysis.level) for name, result in analysis.asked.items()}
    return found | _of_findings(analysis)


def _of_findings(analysis: AnyAnalysis) -> dict[str, Callable[[], pd.DataFrame | None]]:
    return {part.slug: partial(part.frame, finding, drawn=True) for part, finding in findings_of(analysis)}


def _impact(analysis: Analysis) -> pd.DataFrame:
    """One row per period: path, gap, and from the start on their sum, each with its bounds where it has them."""
    seen = view(analysis.reported, level=analysis.level, interval="predictive")
    sums = seen.cumulative[["cumulative", "lower", "upper"]].add_prefix("cumulative_")
    whole = seen.path[["time", *PATH]].join(sums.set_index(seen.path.index[seen.n_pre :]))
    return whole.assign(without_drift=seen.base, time=[show(t) for t in seen.times])


def _weights(analysis: Analysis, summary: dict[str, Any]) -> pd.DataFrame:
    """One row per donor: the weight by each method, and the posterior interval of the first model."""
    table = pd.DataFrame(summary["weights"]).rename_axis("donor").reset_index()
    if not analysis.fits:
        return table
    bounds = analysis.fits[0].weights_table(analysis.level)
    bounds = bounds.assign(donor=bounds["donor"].astype(str))[["donor", "lower", "upper"]]
    return table.merge(bounds, on="donor", how="left")


def _reasons(analysis: AnyAnalysis) -> dict[str, str]:
    """Why pictures, by key, show what is unreliable."""
    of_findings = {part.slug: reason_of(finding) for part, finding in findings_of(analysis)}
    if isinstance(analysis, WavesAnalysis):
        return waves.reasons(analysis) | of_findings
    keys: dict[str, Fit | Calibration] = {f"trajectory-{n}": fit for n, fit in enumerate(analysis.fits[1:], start=2)}
    if isinstance(main := analysis.main, Fit):
        keys["weights"] = main
        keys |= dict.fromkeys(("answer", "impact", "trajectory", "gap"), analysis.calibration or main)
    found = {key: result.reason for key, result in keys.items()} | {"effects": analysis.effects_reason}
    return found | of_findings


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{_base64(content)}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
