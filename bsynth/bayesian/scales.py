"""On which scale does a model forecast best? What `bsynth.choose_scale` returns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.types import Status
from bsynth.text.marks import mark
from bsynth.text.numbers import count, number
from bsynth.text.result import Result

AUTO = "auto"
"""What asks for a scale chosen by forecasts, where a scale is asked for."""
CLEAR = 2.0
"""Standard errors by which another scale has to forecast better before the plain one is left."""
WORDS = {"treated": "the outcome itself", "each": "each series by itself", "log": "its log", "logit": "its logit"}


@dataclass(frozen=True, eq=False, repr=False)
class ScaleChoice(Result):
    """How well one model forecasts the last pre-periods on each scale.

    Attributes
    ----------
    table : DataFrame
        One row per scale, the plain one first: ``scale``, ``elpd`` (sum of log predictive densities of the outcome, so
        that scales compare), ``difference`` to the plain scale and its standard error ``se`` (from its terms, Vehtari,
        Gelman and Gabry 2017, eq. 24), ``unreliable`` (refits that did not pass their gate).
    densities : DataFrame
        Log predictive density of each period (rows, by label) on each scale (columns).
    model, treated : str
    left_out : tuple of (scale, reason)
        Scales that the data or the model do not allow.
    """

    table: pd.DataFrame
    densities: pd.DataFrame
    model: str
    treated: str
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> str:
        """The model's own scale, which stays unless another is clearly better."""
        return str(self.table["scale"].iloc[0])

    @property
    def scale(self) -> str:
        """The scale chosen: of those beyond two standard errors of the plain one the best, or else the plain one."""
        ahead = self.table[self.table["difference"] > CLEAR * self.table["se"]]
        return self.plain if ahead.empty else str(ahead.set_index("scale")["elpd"].idxmax())

    @property
    def status(self) -> Status:
        """``"unreliable"`` when any refit did not pass its convergence gate."""
        return "unreliable" if self.table["unreliable"].any() else "ok"

    @property
    def reason(self) -> str:
        """How many refits failed their gate."""
        failed = int(self.table["unreliable"].sum())
        return f"{count(failed, 'refit')} did not pass the convergence gate" if failed else ""

    @property
    def title(self) -> str:
        """What it is, and of which model and unit."""
        return f"Scale of {self.model!r}: {self.treated}"

    def verdict(self) -> str:
        """Which scale was chosen and why, one sentence."""
        chosen, others = self.scale, self.table.iloc[1:]
        if others.empty:
            reasons = "; ".join(why for _, why in self.left_out)
            return f"The scale is {chosen!r}, since no other can be had: {reasons}."
        by_name = others.set_index("scale")[["elpd", "difference", "se"]].astype(float)
        shown = str(by_name["elpd"].idxmax()) if chosen == self.plain else chosen
        difference, se = (float(by_name[name][shown]) for name in ("difference", "se"))
        better = difference >= 0
        figures = (
            f"{WORDS[shown]} forecasts the last {count(len(self.densities), 'pre-period')} "
            f"{'better' if better else 'worse'} than {WORDS[self.plain]}, by {number(abs(difference), 2)} in log "
            f"predictive density (s.e. {number(se, 2)})"
        )
        if chosen != self.plain:
            return f"The scale {chosen!r} was chosen: a model of {figures}."
        why = f", which is within {number(CLEAR)} standard errors" if better else ""
        return f"The scale stays {chosen!r}: a model of {figures}{why}."

    def sentences(self) -> tuple[str, ...]:
        """What was chosen and by how much, and which scales could not be had."""
        lacking = [f"Scale {name!r} cannot be had: {why}." for name, why in self.left_out]
        return (*mark(self.reason), self.verdict(), *(lacking if len(self.table) > 1 else ()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result the model and the scale."""
        return super().to_dict() | {"model": self.model, "scale": self.scale, "plain": self.plain}

    def _gist(self) -> str:
        return f"{self.model!r}, {self.scale!r} of {', '.join(map(repr, self.table['scale']))}"


def compared(densities: pd.DataFrame, failed: dict[str, int]) -> pd.DataFrame:
    """One row per scale, from log densities (m, K) whose first column is the plain scale's; NaN without any.

    Examples
    --------
    >>> densities = pd.DataFrame({"treated": [0.0, 0.0, 0.0], "log": [1.0, 2.0, 3.0]})
    >>> found = compared(densities, {"treated": 0, "log": 0})
    >>> found["difference"].tolist(), found["se"].round(3).tolist()
    ([0.0, 6.0], [0.0, 1.732])
    """
    apart = densities.sub(densities.iloc[:, 0], axis=0)
    return pd.DataFrame(
        {
            "scale": list(densities),
            "elpd": densities.sum(min_count=1).to_numpy(),
            "difference": apart.sum(min_count=1).to_numpy(),
            "se": (np.sqrt(len(apart)) * apart.std(ddof=1)).to_numpy(),
            "unreliable": [failed[str(name)] for name in densities],
        }
    )
