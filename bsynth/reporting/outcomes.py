"""Several outcomes of one intervention: one table, one page, and words that allow for asking more than once."""

import html
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.plain import records
from bsynth._base.request import whole
from bsynth._base.types import Status
from bsynth.analysis import AnyAnalysis
from bsynth.errors import SpecError
from bsynth.reporting.run import note_written
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import bracket, count, numbers, percent

INDEX = "index.html"
SUMMARY = "summary.json"


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes(Brief):
    """Analyses of several outcomes, judged together.

    With K outcomes each interval is also given at 1 − (1 − level)/K, so that all K hold their truth at once with at
    least the level, however they depend on each other (Bonferroni). What is said of an effect goes by that interval.

    Attributes
    ----------
    analyses : mapping of outcome to Analysis
        At least two, of one level.

    Examples
    --------
    >>> import bsynth as bs
    >>> one = bs.analyse(bs.datasets.load_basque(), models=["none"], methods=["did"], progress=False)
    >>> Outcomes({"gdp": one, "again": one}).joint_level
    0.975
    """

    analyses: Mapping[str, AnyAnalysis]

    def __post_init__(self) -> None:
        if len(self.analyses) < 2 or len({each.level for each in self.analyses.values()}) > 1:
            raise SpecError("outcomes are judged together when there are two or more, of one level; give such analyses")

    @property
    def level(self) -> float:
        """Probability of each interval by itself, and of all joint ones together."""
        return next(iter(self.analyses.values())).level

    @property
    def joint_level(self) -> float:
        """Probability of each joint interval by itself."""
        return 1 - (1 - self.level) / len(self.analyses)

    @property
    def status(self) -> Status:
        """Unreliable when one of them is."""
        return "ok" if all(each.status == "ok" for each in self.analyses.values()) else "unreliable"

    @property
    def table(self) -> pd.DataFrame:
        """One row per outcome: its answer, with its interval by itself and the one that holds with all the others."""
        rows = []
        for name, each in self.analyses.items():
            alone, joint = (each.comparison.rows(level).iloc[0] for level in (self.level, self.joint_level))
            rows.append(
                {
                    "outcome": name, "method": alone["method"], "estimate": alone["estimate"],
                    "lower": alone["lower"], "upper": alone["upper"], "interval": alone["interval"],
                    "joint_lower": joint["lower"], "joint_upper": joint["upper"], "joint_level": self.joint_level,
                    "excludes_zero": bool(joint["lower"] > 0 or joint["upper"] < 0), "status": each.status,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)

    def sentences(self) -> tuple[str, ...]:
        """How intervals are to be read together, then one sentence per outcome."""
        k = len(self.analyses)
        each = percent(self.joint_level, 1)
        first = (
            f"{count(k, 'outcome')} were asked about, so each is judged by its {each} interval: "
            f"all hold the truth together with at least {percent(self.level)} then (Bonferroni)."
        )
        return (first, *(self._sentence(row) for row in self.table.to_dict("records")))

    def _sentence(self, row: Mapping[Any, Any]) -> str:
        mark = f"{UNRELIABLE}: " if row["status"] != "ok" else ""
        estimate = numbers(row["estimate"], signed=True)[0]
        if row["joint_lower"] != row["joint_lower"]:
            return f"{mark}{row['outcome']}: {estimate}, and there is no interval."
        if math.isinf(row["joint_lower"]) and math.isinf(row["joint_upper"]):
            return (
                f"{mark}{row['outcome']}: {estimate}; at that level its interval has no ends, so nothing is excluded."
            )
        inside = bracket(numbers(row["joint_lower"], row["joint_upper"], signed=True))
        said = "without zero, also beside the others" if row["excludes_zero"] else "which holds zero"
        alone = row["lower"] > 0 or row["upper"] < 0
        only = "; by itself its interval has no zero, which asking several times may do" if alone else ""
        return f"{mark}{row['outcome']}: {estimate} {inside}, {said}{'' if row['excludes_zero'] else only}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: table, level and sentences."""
        return {
            "level": self.level, "joint_level": self.joint_level, "adjustment": "bonferroni", "status": self.status,
            "outcomes": records(self.table), "sentences": list(self.sentences()),
            "folders": {name: folder_of(name) for name in self.analyses},
        }  # fmt: skip


def folder_of(outcome: str) -> str:
    """The name of an outcome's folder.

    Examples
    --------
    >>> folder_of("revenue / user")
    'revenue-user'
    """
    return re.sub(r"[^\w.-]+", "-", outcome).strip("-.") or "outcome"


def write_outcomes(found: Outcomes, out: Path) -> None:
    """Write the page with the table and each outcome's own report, and the summary."""
    out.mkdir(parents=True, exist_ok=True)
    texts = {SUMMARY: json.dumps(found.to_dict(), indent=1, ensure_ascii=False), INDEX: page(found)}
    for name, text in texts.items():
        with whole(out / name) as part:
            part.write_text(text, encoding="utf-8")
    note_written(out, [out / INDEX, out / SUMMARY])


def page(found: Outcomes) -> str:
    """The page: sentences, one table, and the reports, one open at a time."""
    rows = []
    for row in found.table.to_dict("records"):
        estimate, *ends = numbers(
            *(row[name] for name in ("estimate", "lower", "upper", "joint_lower", "joint_upper")), signed=True
        )
        cells = (str(row["outcome"]), estimate, bracket(ends[:2]), bracket(ends[2:]), str(row["interval"]))
        rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    heads = (
        "outcome",
        "effect",
        f"{percent(found.level)} by itself",
        f"{percent(found.joint_level, 1)}, all together",
        "kind",
    )
    first, *others = (f"<p>{html.escape(each)}</p>" for each in found.sentences())
    parts = "".join(
        f"<details name=outcome{' open' if k == 0 else ''}><summary>{html.escape(name)}</summary>"
        f'<iframe title="{html.escape(name)}" loading=lazy src="{html.escape(folder_of(name))}/report.html"></iframe>'
        "</details>"
        for k, name in enumerate(found.analyses)
    )
    head = "".join(f"<th>{html.escape(each)}</th>" for each in heads)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{html.escape(', '.join(found.analyses))}</title><style>{_STYLE}</style><main><h1>"
        f"{html.escape(', '.join(found.analyses))}</h1>{first}<table><thead><tr>{head}</tr></thead><tbody>"
        f"{''.join(rows)}</tbody></table>{''.join(others)}{parts}</main></html>\n"
    )


_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:1100px;margin:auto;"
    "padding:1.5rem}table{border-collapse:collapse;}td,th{padding: 5px 14px 5px 0;text-align:left;"
    "border-bottom:1px solid #8885;font-variant-numeric:tabular-nums}summary{cursor:pointer;font-weight:600;"
    "padding: 8px 0}iframe{width:100%;height:80vh;border:1px solid #8885}"
)
