"""A dress rehearsal: the whole analysis on a window of the past, with an effect put into it. Does it come back?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.request import check_flags, check_number, check_whole, hinted
from bsynth._base.types import Status
from bsynth.analysis import Analysis, plan_analysis, run_analysis
from bsynth.engines.sampling import Sampling
from bsynth.errors import PanelError
from bsynth.model.catalogue import DEFAULT
from bsynth.model.link import IDENTITY
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.given import require_panel
from bsynth.pieces import check_store
from bsynth.planning.plays import history_of, past_windows
from bsynth.planning.power import Size, bounds_of, check_ramp, refuse_impossible
from bsynth.planning.rollout import kind_of
from bsynth.text.labels import interval_words
from bsynth.text.marks import mark
from bsynth.text.numbers import bracket, count, lift_words, number, numbers
from bsynth.text.result import Pictured

VERDICTS = {
    "came back": "It came back: the interval holds what was put in, and not zero.",
    "another size": "It was seen, and is of another size: the interval holds neither what was put in nor zero.",
    "not seen": "It was not seen: the interval holds what was put in, and zero as well; bsynth.plan_rollout says how "
    "large an effect, or how long a window, it takes.",
    "missed": "It was missed: the interval holds zero, and not what was put in.",
    "wrong way": "It was seen the wrong way round: the interval lies beyond zero on the other side.",
    "nothing": "Nothing was put in, and the interval holds zero, as it should.",
    "false alarm": "Nothing was put in, and the interval excludes zero: a false alarm.",
}


@dataclass(frozen=True, eq=False, repr=False)
class Rehearsal(Pictured):
    """What an analysis made of an effect that was put into the past.

    Attributes
    ----------
    analysis : Analysis
        Of the window with the effect; its ``truth`` is the average that was put in.
    effect : float
        Its full size, as ``kind`` says.
    kind : {"lift", "level"}
    ramp : int

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, n_pre=30, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=None)
    >>> found = bs.rehearse(panel, effect=3.0, kind="level", duration=6, models=["none"], level=0.8, progress=False)
    >>> found.verdict, found.injected
    ('came back', 3.0)
    """

    analysis: Analysis
    effect: float
    kind: str
    ramp: int

    @property
    def injected(self) -> float:
        """The average effect that was put in, outcome units."""
        return float(self.analysis.truth or 0.0)

    @property
    def status(self) -> Status:
        """That of the analysis."""
        return self.analysis.status

    @property
    def reason(self) -> str:
        """That of the analysis."""
        return self.analysis.reason

    @property
    def title(self) -> str:
        """What it is, and of whom."""
        return f"Rehearsal: {self.analysis.panel.treated_name}"

    @property
    def _answer(self) -> Any:
        return self.analysis.reported.effects(self.analysis.level).iloc[0]

    @property
    def table(self) -> pd.DataFrame:
        """One row of the analysis's headline: ``injected, estimate, lower, upper, interval, level, verdict``."""
        found = {name: self._answer[name] for name in ("estimate", "lower", "upper", "interval", "level")}
        return pd.DataFrame([{"injected": self.injected, **found, "verdict": self.verdict}])

    @property
    def verdict(self) -> str:
        """A key of `VERDICTS`."""
        lower, upper, truth = float(self._answer["lower"]), float(self._answer["upper"]), self.injected
        zero, held = not (lower > 0 or upper < 0), lower <= truth <= upper
        if truth == 0:
            return "nothing" if zero else "false alarm"
        if not zero and np.sign(lower) != np.sign(truth):
            return "wrong way"
        if zero:
            return "not seen" if held else "missed"
        return "came back" if held else "another size"

    def sentences(self) -> tuple[str, ...]:
        """What was put in, what came back, and what would have been said without it."""
        panel, row = self.analysis.panel, self._answer
        estimate, *bounds, truth = numbers(row["estimate"], row["lower"], row["upper"], self.injected)
        size = lift_words(self.effect) if self.kind == "lift" else number(self.effect, signed=True)
        grown = f", grown over {count(self.ramp, panel.frequency)}" if self.ramp else ""
        without, *nothing = numbers(*(row[name] - self.injected for name in ("estimate", "lower", "upper")))
        kind = interval_words(str(row["interval"]), float(row["level"]))
        return (
            *mark(self.reason),
            VERDICTS[self.verdict],
            f"An effect of {size}{grown}, {truth} on average, was put into {panel.treated_name} from "
            f"{show(panel.start)} to {show(panel.end)}, where nothing had happened; the analysis finds {estimate}, "
            f"{kind} {bracket(bounds)}.",
            f"Without it the same analysis says {without} {bracket(nothing)} of that window.",
            "One window is one draw: how often such an effect comes back is what bsynth.plan_rollout measures.",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data: the face of every result and what was put in."""
        return super().to_dict() | {"effect": self.effect, "kind": self.kind, "ramp": self.ramp}


@hinted
def rehearse(
    panel: Panel,
    *,
    effect: float,
    kind: Literal["lift", "level"] | None = None,
    duration: int | None = None,
    ramp: int = 0,
    models: Sequence[str | Path | ModelSpec] = (DEFAULT,),
    scale: str | None = None,
    methods: str | Sequence[str] = "standard",
    calibrated: bool = True,
    level: float = 0.95,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    store: str | Path | None = None,
    progress: bool = True,
) -> Rehearsal:
    """Answer whether the whole analysis would find an effect: it is put into the last window of the past and sought.

    Parameters
    ----------
    panel : Panel
        One without a start, or one whose periods before the start are the past.
    effect : float
        Its full size: a share of the outcome, or in its units; 0 rehearses that nothing happens.
    kind : {"lift", "level"}, optional
        Shares where all outcomes are positive, by default.
    duration : int, optional
        Periods of the window; by default as many as the panel has after its start, or a quarter of the history.
    ramp : int
        Periods in which it grows evenly to its full size; 0 for at once.
    models, scale, methods, calibrated, level, draws, seed, sampling
        As `bsynth.analyse`.
    store : path, optional
        Keeps finished placebo fits.
    progress : bool

    Returns
    -------
    Rehearsal

    Raises
    ------
    PanelError
        A history too short for the window.
    SpecError
        A setting outside what is allowed, or an effect that the outcome cannot have.
    """
    require_panel(panel, history=True)
    check_flags(progress=progress, calibrated=calibrated)
    check_store(store)
    size = check_number(effect, "effect", "its size, such as 0.05 for +5%")
    history = history_of(panel)
    lasting = duration if duration is not None else panel.n_post or max(history.n_pre // 4, 1)
    lasting = check_whole(lasting, "duration", 1, "the periods of the window")
    ramp = check_ramp(ramp, lasting)
    window = past_windows(history, lasting, 1)[0]
    chosen = kind_of(kind, history)
    planned = partial(
        plan_analysis, models=models, scale=scale, methods=methods, findings="none", calibrated=calibrated, level=level,
        draws=draws, seed=seed, sampling=sampling,
    )  # fmt: skip
    _refuse(window, Size(chosen, ramp, IDENTITY, *bounds_of(window)), size)
    treated = with_effect(window, size, chosen, ramp)
    truth = float(treated.treated_series[window.n_pre :].mean() - window.treated_series[window.n_pre :].mean())
    try:
        request = planned(treated)
    except PanelError:
        # What the effect made of the outcome is no fault of the data.
        for each in planned(window).fits:
            _refuse(window, Size(chosen, ramp, each.spec.link, *bounds_of(window)), size)
        raise
    return Rehearsal(run_analysis(request, truth=truth, progress=progress, store=store), size, chosen, ramp)


def _refuse(window: Panel, size: Size, effect: float) -> None:
    """Refuse an effect that is none of what some treated unit's outcome in the window can be, or become."""
    after = (slice(window.n_pre, None), slice(0, window.n_treated))
    if window.cells is not None and window.cells.binary:
        bases = window.cells.total[after].sum(axis=0) / np.maximum(window.cells.n[after].sum(axis=0), 1.0)
    else:
        bases = (np.min if effect < 0 else np.max)(window.outcome[after], axis=0)
    for base in map(float, bases):
        refuse_impossible(size, effect, base, "effect")


def with_effect(panel: Panel, effect: float, kind: str, ramp: int = 0) -> Panel:
    """The panel with an effect on every treated unit from the start on; sums per cell move with it, and users go.

    Examples
    --------
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 10], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4]})
    >>> with_effect(Panel.from_wide(wide, treated="a", start=3), 0.5, "lift").treated_series.tolist()
    [1.0, 2.0, 4.0, 15.0]
    """
    share = np.minimum(np.arange(1, panel.n_post + 1) / max(ramp, 1), 1.0)[:, None]
    outcome, cells = panel.outcome.copy(), panel.cells
    after = (slice(panel.n_pre, None), slice(0, panel.n_treated))
    added = np.zeros_like(outcome)
    added[after] = share * effect * (np.abs(outcome[after]) if kind == "lift" else 1.0)
    if cells is not None:
        cells = cells.raised(added)
    return replace(panel, outcome=outcome + added, cells=cells, clusters=None)
