"""Placebo waves: the pattern of starts re-assigned to units that are never treated, and what its errors say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.request import check_level
from bsynth._base.types import Label, Status
from bsynth.bayesian.waves.estimands import OVER
from bsynth.bayesian.waves.result import WavesFit
from bsynth.bayesian.waves.run import fit_waves
from bsynth.calibration.backing import TOLERATED, Backing, backing
from bsynth.calibration.inflation import Inflation, learn_inflation
from bsynth.engines.sampling import Sampling
from bsynth.errors import PanelError
from bsynth.model.spec import ModelSpec
from bsynth.panel.archive import fingerprint
from bsynth.panel.groups import cut_groups, separate
from bsynth.panel.panel import Panel
from bsynth.panel.staggered import StaggeredPanel
from bsynth.pieces import Record, Store, digest, run_pieces
from bsynth.text.labels import plain
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import bracket, count, fixed, numbers, percent
from bsynth.text.result import Pictured

PATTERNS = 20
"""Placebo waves that are fitted, where there are so many: each costs as many fits as there are treated units."""
LEAST = 4
RHAT = 1.05
SHARE = 3
"""Of the never-treated units one in so many plays a treated one at most, so that donors are left."""


@dataclass(frozen=True)
class PlaceboPattern:
    """One re-assignment of the starts: ``starts`` by unit, and by what is averaged the (mean, sd) of each effect."""

    starts: tuple[tuple[Label, Label], ...]
    found: Mapping[str, tuple[tuple[float, float], ...]]
    status: str


@dataclass(frozen=True, eq=False, repr=False)
class WavesCalibration(Pictured):
    """A fit of waves, placebo waves on units that are never treated, and the intervals that their errors give.

    Attributes
    ----------
    fit : WavesFit
        With the base intervals.
    placebos : tuple of PlaceboPattern
    inflation : mapping of str to Inflation
        Posterior of c and d of the overall effect, and of those by wave, event time and unit.
    worth : float
        How many separate patterns the placebos are worth: they overlap.
    """

    fit: WavesFit
    placebos: tuple[PlaceboPattern, ...]
    inflation: Mapping[str, Inflation]
    worth: float

    @property
    def status(self) -> Status:
        """``"ok"``, or ``"unreliable"`` when the fit or more than one placebo in ten did not pass its gate."""
        return status_of(self.reason)

    @property
    def failed(self) -> int:
        """How many placebo patterns did not pass their gate."""
        return sum(each.status != "ok" for each in self.placebos)

    @property
    def reason(self) -> str:
        """Whose gate failed."""
        if self.fit.reason or self.failed <= TOLERATED * len(self.placebos):
            return self.fit.reason
        return self._failed_words()

    def _failed_words(self) -> str:
        return f"{self.failed} of {count(len(self.placebos), 'placebo pattern')} did not pass the convergence gate"

    def effects(self, level: float = 0.95, *, over: str | None = None, full: bool = False) -> pd.DataFrame:
        """Rows as of `WavesFit.effects`, ``interval`` "calibrated": mean + t₈ √(c² s² + d²) by what is averaged."""
        rows = self.fit.effects(level, over=over, full=True)
        rows = rows[~rows["estimand"].isin(["overall total", "lift"])].reset_index(drop=True)
        bounds, above = [], []
        for _, row in rows.iterrows():
            learned = self.inflation[str(row["over"])]
            bounds.append(learned.interval(level, float(row["estimate"]), float(row["sd"])))
            above.append(1 - learned.cdf(0.0, float(row["estimate"]), float(row["sd"])))
        lower, upper = np.array(bounds).T
        rows = rows.drop(columns=["median", "hdi_lower", "hdi_upper", "sd"])
        return rows.assign(
            status=self.status, lower=lower, upper=upper, interval="calibrated", probability_positive=above
        )

    @cached_property
    def backing(self) -> Backing:
        """How many placebos stand behind the intervals, and what they are worth."""
        return backing([tuple(unit for unit, _ in each.starts) for each in self.placebos], "placebo wave", 0)

    @property
    def table(self) -> pd.DataFrame:
        """One row per placebo: its units, the overall effect (truth 0), the sd by its fit, and status."""
        return pd.DataFrame(
            {
                "units": [", ".join(str(show(unit)) for unit, _ in each.starts) for each in self.placebos],
                "effect": [each.found["overall"][0][0] for each in self.placebos],
                "sd": [each.found["overall"][0][1] for each in self.placebos],
                "status": [each.status for each in self.placebos],
            }
        )

    @property
    def title(self) -> str:
        """That of the fit, and how many placebos."""
        return f"{self.fit.title}, {count(len(self.placebos), 'placebo pattern')}"

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """The calibrated overall effect beside the base one, and what the placebos show."""
        level = check_level(level)
        row = self.effects(level, over="overall", full=True).iloc[0]
        base = self.fit.effects(level, over="overall", full=True).iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        own = numbers(base["lower"], base["upper"])
        learned = self.inflation["overall"].of(float(base["sd"]))
        spread, expected = (float(np.sqrt((self.table[name] ** 2).mean())) for name in ("effect", "sd"))
        erred, said = numbers(spread, expected)
        return (
            *mark(self.reason),
            f"The overall effect is {estimate}, {percent(level)} calibrated interval {bracket(bounds)}; the "
            f"model's own is {bracket(own)}.",
            f"The starts were re-assigned to units that are never treated: {self.backing.words()}. There the overall "
            f"effect, which is 0, was typically {erred} off, where the fits expected {said}; the model's uncertainty "
            f"is multiplied by {fixed(learned.c_mean, 2)}.",
            *(
                [f"{self._failed_words()}, few enough to be used as they are."]
                if self.failed and not self.reason
                else []
            ),
            *self.fit.notes(),
        )


def calibrate_waves(
    panel: StaggeredPanel[Panel],
    model: str | Path | ModelSpec,
    *,
    scale: str | None,
    sampling: Sampling,
    store: str | Path | None,
    progress: bool,
    patterns: int = PATTERNS,
) -> WavesCalibration:
    """What `bsynth.calibrate` does of a panel of several starts.

    Raises
    ------
    PanelError
        Where fewer than `LEAST` different patterns can be made of the units that are never treated.
    """
    chosen = draw_patterns(panel, patterns, sampling.seed)
    found = fit_waves(panel, model, scale=scale, sampling=sampling, progress=progress)
    own = replace(sampling.as_needed(), n_jobs=1)
    key = digest([1, fingerprint(panel.whole), _plain(panel.starts), found.spec.to_dict(), sampling.decides()])
    records = run_pieces(
        {f"pattern {k}": pattern for k, pattern in enumerate(chosen)},
        lambda pattern: _placebo(panel, pattern, found.spec, own),
        title="placebo waves",
        store=None if store is None else Store(Path(store), key, frozenset({"found", "status"})),
        n_jobs=sampling.n_jobs,
        progress=progress,
    )
    placebos = tuple(
        PlaceboPattern(
            tuple(pattern.items()),
            {over: tuple((mean, sd) for mean, sd in pairs) for over, pairs in record["found"].items()},
            record["status"],
        )
        for pattern, record in zip(chosen, records, strict=True)
    )
    worth = separate([tuple(pattern) for pattern in chosen])
    return WavesCalibration(found, placebos, {over: _learn(placebos, over, worth) for over in OVER}, worth)


def draw_patterns(panel: StaggeredPanel[Panel], many: int, seed: int) -> list[dict[Label, Label]]:
    """Up to ``many`` patterns of starts on never-treated units, as many units in each as are treated, or a third."""
    donors, starts = panel.never_treated, list(panel.starts.values())
    size = min(len(starts), len(donors) // SHARE)
    if size < 1 or len(donors) < LEAST:
        raise PanelError(
            f"{panel.source.name}: {count(len(donors), 'unit')} never treated, and placebo waves need at least "
            f"{LEAST}; use the fit's own intervals, bsynth.fit(panel)"
        )
    series = panel.outcome[: panel.whole.n_pre, panel.n_treated :]
    places = cut_groups(series, size, many, seed)
    if len(places) < LEAST:
        raise PanelError(
            f"{panel.source.name}: only {count(len(places), 'placebo pattern')} there; use the fit's own intervals"
        )
    rng = np.random.default_rng([seed, 16])
    # Starts evenly from the pattern, so that every wave is there as far as there is room.
    kept = [starts[k] for k in np.linspace(0, len(starts) - 1, size).round().astype(int)]
    return [
        {donors[place]: start for place, start in zip(rng.permutation(group).tolist(), kept, strict=True)}
        for group in places
    ]


def _placebo(
    panel: StaggeredPanel[Panel], pattern: Mapping[Label, Label], spec: ModelSpec, sampling: Sampling
) -> Record:
    """Fit one pattern; mean and sd of every effect."""
    fit = fit_waves(panel.as_treated(pattern), spec, sampling=sampling, progress=False, rounds=0)
    rows = fit.effects(full=True)
    rows = rows[~rows["estimand"].isin(["overall total", "lift"])]
    found = {over: rows.loc[rows["over"] == over, ["estimate", "sd"]].to_numpy(dtype=float).tolist() for over in OVER}
    # Only mean and sd are used of it, so that fewer draws do than intervals need.
    passed = fit.diagnostics.rhat_max < RHAT and all(own.status == "ok" for own in fit.fits)
    return {"found": found, "status": "ok" if passed else "unreliable"}


def _learn(placebos: Sequence[PlaceboPattern], over: str, worth: float) -> Inflation:
    """Posterior of c and d from the errors of one kind of average; all of a pattern count as one pattern does."""
    pairs = np.array([pair for each in placebos for pair in each.found[over]])
    return learn_inflation(pairs[:, 0], pairs[:, 1], each=min(1.0, worth / len(pairs)))


def _plain(starts: Mapping[Label, Label]) -> list[list[str]]:
    return [[plain(show(unit)), plain(show(start))] for unit, start in starts.items()]
