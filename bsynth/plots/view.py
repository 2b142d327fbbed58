"""One view of a posterior fit and of a classical estimate: what a picture over time needs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bsynth._types import FloatArray, IntervalKind
from bsynth.estimate import Estimate
from bsynth.plots.labels import METHODS, interval_words
from bsynth.result import Fit


@dataclass(frozen=True, eq=False)
class View:
    """A result over time.

    Attributes
    ----------
    path : DataFrame
        Columns of `bsynth.effects.path_table`; bounds are NaN for a point.
    average : Series
        The row of the average effect.
    donors : (T, J) array
    n_pre : int
    treated, outcome, time, method : str
        Names, as the user gave them.
    interval : str
        Level and kind of the bounds in words; empty for a point.
    unreliable : bool
    """

    path: pd.DataFrame
    average: pd.Series
    donors: FloatArray
    n_pre: int
    treated: str
    outcome: str
    time: str
    method: str
    interval: str
    unreliable: bool

    @property
    def times(self) -> pd.Index:
        """Periods."""
        times: pd.Index = pd.Index(self.path["time"])
        return times


def view(result: Fit | Estimate, *, level: float, interval: IntervalKind) -> View:
    """Return the view of either kind of result; a point keeps NaN bounds."""
    if isinstance(result, Fit):
        attrs = result.tree.attrs
        donors = result.tree["constant_data"].to_dataset()["donors"]
        return View(
            path=result.path(level, interval=interval),
            average=_average(result.effects(level, interval=interval)),
            donors=np.asarray(donors.transpose("time", "donor")),
            n_pre=result.n_pre,
            treated=str(attrs["treated"]),
            outcome=str(attrs["outcome"]),
            time=str(attrs.get("time", "time")),
            method=f"{METHODS['bayes']}, {result.spec.name}",
            interval=interval_words(interval, level),
            unreliable=result.status == "unreliable",
        )
    panel = result.panel
    return View(
        path=result.path(),
        average=_average(result.effects()),
        donors=panel.donor_matrix,
        n_pre=panel.n_pre,
        treated=panel.treated_name,
        outcome=panel.source.outcome,
        time=panel.source.time,
        method=METHODS.get(result.estimator, result.estimator),
        interval="",
        unreliable=False,
    )


def _average(table: pd.DataFrame) -> pd.Series:
    return table.loc[table["estimand"] == "average"].iloc[0]
