"""On which scale do untreated series move alike? What `choose_scale` asks of a panel, and what it answers.

Each unit's last pre-periods are forecast from its own level and the movements of all other units, with equal weights:
no weight is fitted, so that what is compared is the scale and not how much a fit has learned by heart. The densities
are those of the outcome, whatever the scale, so that they compare (the change of variables of `bsynth.model.link`);
every unit is a term of the comparison, since one series alone seldom tells two scales apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bsynth._base.plain import show
from bsynth._base.request import check_between
from bsynth._base.types import FloatArray, Status
from bsynth.errors import PanelError
from bsynth.model.design import possible_scales
from bsynth.model.link import LINKS, Link
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.panel.labels import MIN_PRE
from bsynth.text.numbers import count, number
from bsynth.text.result import Result

AUTO = "auto"
"""What asks for a scale chosen by forecasts, where a scale is asked for."""
PLAIN = "treated"
CLEAR = 0.975
"""Probability, of a t law over units, beyond which another scale has to forecast better to be chosen."""
MATTERS = 0.05
"""Log density a period below which two scales are as good: errors that are 5% apart. What the units share makes small
differences look surer than they are."""
MIN_UNITS = 4
MIN_LAST = 3
_FLOOR = 1e-12
"""Of a forecast's error, in units of the series' sd: series that are forecast without error compare as equal."""
_WORDS = {"treated": "the outcome itself", "log": "its log", "logit": "its logit"}


@dataclass(frozen=True, eq=False, repr=False)
class ScaleChoice(Result):
    """How well the units' last pre-periods are forecast from each other on each scale.

    Attributes
    ----------
    table : DataFrame
        One row per scale, the plain one first: ``scale``, ``log_density`` (of the outcome, a period, mean over units),
        ``difference`` to the plain scale and its standard error ``se`` over units.
    units : DataFrame
        Log density per period of each unit (rows) on each scale (columns).
    last : int
        Pre-periods that were forecast.
    lacking : str
        Why there is nothing to choose from; empty where there is.
    """

    table: pd.DataFrame
    units: pd.DataFrame
    last: int
    lacking: str = ""

    @property
    def scale(self) -> str:
        """The scale chosen: of those that are clearly better than the plain one the best, or else the plain one."""
        if self.lacking:
            return PLAIN
        # The t law's 97.5% point: 2 with many units, 3.2 with four.
        clear = float(special.stdtrit(len(self.units) - 1, CLEAR))
        ahead = self.table[self.table["difference"] > np.maximum(clear * self.table["se"], MATTERS)]
        # Far below 1 a logit is a log: then it is called one, in every unit of measure.
        return PLAIN if ahead.empty else str(ahead.set_index("scale")["log_density"].round(6).idxmax())

    def hint(self) -> str:
        """What a model on the plain scale should be told, one sentence."""
        return f"{self._figures(self.scale)}; scale = {AUTO!r} puts the models there: compare both."

    @property
    def status(self) -> Status:
        """Always ``"ok"``: nothing is sampled."""
        return "ok"

    @property
    def title(self) -> str:
        """What it is."""
        return "Scale of the outcome"

    def verdict(self) -> str:
        """Which scale was chosen and why, one sentence."""
        if self.lacking:
            return f"The scale stays {PLAIN!r}: {self.lacking}."
        others = self.table.iloc[1:].set_index("scale")[["log_density", "difference", "se"]].astype(float)
        if self.scale != PLAIN:
            return f"The scale {self.scale!r} was chosen. {self._figures(self.scale)}."
        best = str(others["log_density"].idxmax())
        unclear = ", which is not clear enough to leave it" if float(others["difference"][best]) >= 0 else ""
        return f"The scale stays {PLAIN!r}. {self._figures(best)}{unclear}."

    def _figures(self, name: str) -> str:
        differences, errors = (self.table.set_index("scale")[key].astype(float) for key in ("difference", "se"))
        difference, se = float(differences[name]), float(errors[name])
        return (
            f"From each other, the last {count(self.last, 'pre-period')} of the {count(len(self.units), 'unit')} are "
            f"forecast {'better' if difference >= 0 else 'worse'} by {_WORDS[name]} than by {_WORDS[PLAIN]}, by "
            f"{number(abs(difference), 2)} in log predictive density a period (s.e. {number(se, 2)})"
        )

    def sentences(self) -> tuple[str, ...]:
        """What was chosen and by how much."""
        return (self.verdict(),)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result the scale."""
        return super().to_dict() | {"scale": self.scale}

    def _gist(self) -> str:
        return f"{self.scale!r} of {', '.join(map(repr, self.table['scale']))}"


def choose_scale(panel: Panel, *, last: int | None = None) -> ScaleChoice:
    """Ask on which scale the units of a panel forecast each other best: the outcome's own, its log or its logit.

    A unit's last pre-periods are forecast by its own mean before them plus what the mean of all other units has moved
    since, on each scale; what counts is the log density of the outcome under normal errors of the size that was seen.
    The plain scale stays unless another is better beyond the 97.5% point of a t law over units, and by errors that are
    5% smaller at least. Nothing after the start is looked at, and nothing is fitted or drawn.

    Parameters
    ----------
    panel : Panel
    last : int, optional
        How many pre-periods are forecast, at least 3; by default a third of them.

    Returns
    -------
    ScaleChoice
        ``.scale``, ``.table``, ``.sentences()``.

    Raises
    ------
    PanelError
        A ``last`` that leaves too few periods to forecast from.

    References
    ----------
    Bürkner, Gabry and Vehtari 2020 (leave-future-out); Vehtari, Gelman and Gabry 2017, eq. 24 (the standard error).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> size, growth = np.array([1, 5, 20, 80, 300]), np.exp(0.05 * np.arange(30))[:, None]
    >>> wide = pd.DataFrame(size * growth * np.exp(0.1 * rng.normal(size=(30, 5))), columns=list("abcde"))
    >>> choose_scale(Panel.from_wide(wide, treated="a", start=24)).scale
    'log'
    """
    require_panel(panel)
    most = panel.n_pre - MIN_PRE
    held = min(max(MIN_LAST, panel.n_pre // 3), most)
    if last is not None:
        held = check_between(last, "last", MIN_LAST, max(most, MIN_LAST), PanelError)
    names = [name for name in possible_scales(panel) if name != "each"]
    series = np.column_stack([panel.treated_series, panel.donor_matrix])[: panel.n_pre]
    lacking = _lacking(panel, names, held, series)
    index = [panel.treated_name, *map(show, panel.donors)]
    scored = {} if lacking else {name: _densities(series, LINKS[name], held) for name in names}
    units = pd.DataFrame(scored, index=index[: len(series.T)] if scored else [], dtype=float)
    apart = units.sub(units[PLAIN], axis=0) if scored else units
    table = pd.DataFrame(
        {
            "scale": names,
            "log_density": [float(units[name].mean()) if scored else np.nan for name in names],
            "difference": [float(apart[name].mean()) if scored else np.nan for name in names],
            "se": [float(apart[name].std(ddof=1) / np.sqrt(len(apart))) if scored else np.nan for name in names],
        }
    )
    return ScaleChoice(table, units, held, lacking)


def _lacking(panel: Panel, names: list[str], held: int, series: FloatArray) -> str:
    """Why there is nothing to choose from; empty where there is."""
    if panel.cells is not None:
        return "the sampling variance of cells that are means of rows is known on the outcome's own scale alone"
    if len(names) == 1:
        return "some outcomes are zero or negative, which have no log"
    if held < MIN_LAST or panel.n_pre < MIN_PRE + MIN_LAST:
        return f"{count(panel.n_pre, 'pre-period')} are too few to forecast the last of them"
    if series.shape[1] < MIN_UNITS:
        return f"{count(series.shape[1], 'unit')} are too few to tell scales apart"
    return ""


def _densities(series: FloatArray, link: Link, held: int) -> FloatArray:
    """Log density per period (N,) of each unit's last ``held`` outcomes, from its level and the others' movements."""
    z = link.forward(series)
    # To one size, so that the floor means the same in every unit of measure; the density takes it back.
    size = max(float(z.std()), np.finfo(float).tiny)
    others = (z.sum(axis=1, keepdims=True) - z) / (z.shape[1] - 1)
    gap = z - others
    error = (gap[-held:] - gap[:-held].mean(axis=0)) / size
    rms = np.maximum(np.sqrt(np.mean(error**2, axis=0)), _FLOOR) * size
    log_density = -0.5 * np.log(2 * np.pi) - 0.5 - np.log(rms)
    return np.asarray(log_density - link.log_slope(z[-held:]).mean(axis=0))
