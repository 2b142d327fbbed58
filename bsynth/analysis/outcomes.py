"""Several outcomes of one intervention: analyses side by side, and words that allow for asking more than once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bsynth._base.types import Status
from bsynth.analysis.concluded import Concluded
from bsynth.analysis.family import how_judged, joint_level, judged, plans_said, reasons_of
from bsynth.errors import SpecError
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import count
from bsynth.text.result import Result


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes(Result):
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
    >>> basque = bs.datasets.load_basque()
    >>> found = bs.analyse({"gdp": basque, "again": basque}, models=["none"], methods=["did"], progress=False)
    >>> found.joint_level, found.table["outcome"].tolist()
    (0.975, ['gdp', 'again'])
    """

    analyses: Mapping[str, Concluded]

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
        return joint_level(self.level, len(self.analyses))

    @property
    def status(self) -> Status:
        """Unreliable when one of them is."""
        return status_of(self.reason)

    @property
    def reason(self) -> str:
        """Which outcome did not pass its gate, and whose gate that was."""
        return reasons_of(self.analyses)

    @property
    def title(self) -> str:
        """The outcomes."""
        return ", ".join(self.analyses)

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
        """How intervals are to be read together, one sentence per outcome, and whether a plan was followed."""
        many = len(self.analyses)
        first = how_judged(f"{count(many, 'outcome')} were asked about", self.level, many)
        each = (judged(row["outcome"], row) for row in self.table.to_dict("records"))
        return (*mark(self.reason), first, *each, *plans_said(self.analyses))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: table, levels and sentences."""
        return super().to_dict() | {
            "level": self.level,
            "joint_level": self.joint_level,
            "adjustment": "bonferroni",
        }
