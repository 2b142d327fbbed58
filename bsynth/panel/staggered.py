"""A panel whose treated units start at different times, and the panel of one start that each of them has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, IntArray, Label
from bsynth.errors import PanelError, some_of
from bsynth.panel.card import facts_card
from bsynth.panel.cells import Cells
from bsynth.panel.data import PanelData
from bsynth.panel.labels import MIN_DONORS, MIN_PRE, match_units, ordered, some_labels
from bsynth.panel.provenance import Source
from bsynth.panel.timing import DonorKind, Timing
from bsynth.panel.waves import Wave, Window, wave_words
from bsynth.panel.wording import Labels
from bsynth.text.labels import one_line
from bsynth.text.numbers import count


@dataclass(frozen=True, eq=False, repr=False)
class StaggeredPanel[P: PanelData]:
    """Outcomes of units that start at different times, and of donors.

    `Panel.from_long`, `from_wide` and `from_events` return one when the starts that they are given differ.

    Which donors serve a unit, and how long, is settled by wave. Every donor serves through the whole window of the
    unit: either the window ends before the first of its donors starts (less ``anticipation``), or, with ``horizon``, it
    is that many periods long and only units still untreated at its end are donors.

    Attributes
    ----------
    whole : Panel
        All units and periods as if all treated ones had the first start: labels, cells and source are its own.
    starts : mapping of unit to label
        First treated period of each treated unit, in order of start and name.
    timing : Timing
        ``anticipation``, ``washout``, ``donor_kind``, ``horizon`` and ``settled``.

    Examples
    --------
    >>> from bsynth.panel import Panel
    >>> wide = pd.DataFrame({name: np.random.default_rng(k).normal(size=9) for k, name in enumerate("abcde")})
    >>> panel = Panel.from_wide(wide, start={"a": 4, "b": 6})
    >>> panel
    StaggeredPanel(2 treated units in 2 waves, start 4 to 6, beside 3 never treated, 0 to 8)
    >>> panel.unit_panel("b"), panel.event_times("b").tolist()
    (Panel(b against 3 donors, 0 to 8, start 6: 6 pre + 3 post), [0, 1, 2])
    """

    whole: P
    starts: Mapping[Label, Label]
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        ranked = sorted(self.whole.treated, key=lambda unit: self._at(self.starts[unit]))
        object.__setattr__(self, "starts", {unit: self.starts[unit] for unit in ranked})
        for wave in self.waves:
            for unit in wave.units:
                self.unit_panel(unit)

    @property
    def outcome(self) -> FloatArray:
        """(T, N) outcome by period and unit, in outcome units; columns in the order of ``units``."""
        return self.whole.outcome

    @property
    def units(self) -> tuple[Label, ...]:
        """Treated units first, then those that are never treated, each sorted."""
        return self.whole.units

    @property
    def treated(self) -> tuple[Label, ...]:
        """Units that are treated by ``end``, sorted."""
        return self.whole.treated

    @property
    def never_treated(self) -> tuple[Label, ...]:
        """Units that are not treated by ``end``, sorted."""
        return self.whole.donors

    @property
    def times(self) -> pd.Index:
        """The T periods, increasing."""
        return self.whole.times

    @property
    def end(self) -> Label:
        """Last used period."""
        return self.whole.end

    @property
    def n_treated(self) -> int:
        """Number of treated units."""
        return self.whole.n_treated

    @property
    def source(self) -> Source:
        """Provenance."""
        return self.whole.source

    @property
    def labels(self) -> Labels:
        """What words call the outcome and a unit."""
        return self.whole.labels

    @property
    def cells(self) -> Cells | None:
        """Counts and sums per cell when built from users or events."""
        return self.whole.cells

    @property
    def anticipation(self) -> int:
        """Periods before a start that are in neither fit nor effect."""
        return self.timing.anticipation

    @property
    def washout(self) -> int:
        """Periods from a start on that are in no effect."""
        return self.timing.washout

    @cached_property
    def donor_kind(self) -> DonorKind:
        """Which units are donors; where it was not said, those never treated if there are two, else both."""
        if self.timing.donor_kind is not None:
            return self.timing.donor_kind
        return "never" if len(self.never_treated) >= MIN_DONORS else "both"

    @cached_property
    def waves(self) -> tuple[Wave, ...]:
        """Units that start together, the earliest wave first."""
        found = []
        for start in dict.fromkeys(self.starts.values()):
            units = tuple(unit for unit, own in self.starts.items() if own == start)
            used = self._windows[start]
            found.append(Wave(start, units, used.donors, self.times[used.rows[0]], self.times[used.rows[-1]]))
        return tuple(found)

    @cached_property
    def valid_until(self) -> dict[Label, Label]:
        """Last period in which each unit may serve as a donor: before its own start, less ``anticipation``."""
        never = dict.fromkeys(self.never_treated, self.end)
        return {unit: self.times[self._until(unit)] for unit in self.starts} | never

    def donors_of(self, unit: Label) -> tuple[Label, ...]:
        """Donors of a treated unit, each valid through the whole of its window."""
        return self._windows[self.starts[self._treated(unit)]].donors

    def unit_panel(self, unit: Label) -> P:
        """The panel of one treated unit with its own start, its donors and the periods that both may use.

        Periods of anticipation and washout are left out; a drift counts on the calendar, so that they pass for it.

        Raises
        ------
        PanelError
            No such treated unit, or one that is constant before its start.
        """
        return self._panel((self._treated(unit),))

    def wave_panel(self, start: Label) -> P:
        """The panel of the mean of the units that start together at ``start``.

        Raises
        ------
        PanelError
            No unit starts there.
        """
        at = self.times[self.whole.locate(start)]
        units = tuple(unit for unit, own in self.starts.items() if own == at)
        if not units:
            known = some_of(show(wave.start) for wave in self.waves)
            raise PanelError(f"{self.source.name}: no unit starts at {show(at)}; waves start at {known}")
        return self._panel(ordered(units))

    def events(self, unit: Label) -> IntArray:
        """Event time of each period of `unit_panel`: 0 at the unit's start, in steps of the calendar."""
        start = self.starts[self._treated(unit)]
        places = self.whole.positions
        return np.asarray(places[self._windows[start].rows] - places[self._at(start)])

    def event_times(self, unit: Label) -> IntArray:
        """Event time of each treated period of `unit_panel`, 0 at the first one unless ``washout`` leaves it out."""
        events = self.events(unit)
        return np.asarray(events[events >= 0])

    def as_treated(self, pattern: Mapping[Label, Label]) -> "StaggeredPanel[P]":
        """The panel in which never-treated units start as ``pattern`` says: placebo waves. The truly treated leave.

        Raises
        ------
        PanelError
            A name that is no never-treated unit, a start that is no period, or a wave without two donors.
        """
        name = self.source.name
        chosen = match_units(self.never_treated, list(pattern), "never-treated unit", name)
        starts = {
            match_units(self.never_treated, (u,), "unit", name)[0]: self.whole.locate(s) for u, s in pattern.items()
        }
        rest = tuple(unit for unit in self.never_treated if unit not in chosen)
        whole = self.whole._select(chosen, rest, slice(None), self.times[min(starts.values())])
        timing = replace(self.timing, donor_kind=self.donor_kind)
        return StaggeredPanel(whole, {unit: self.times[at] for unit, at in starts.items()}, timing)

    @property
    def table(self) -> pd.DataFrame:
        """One row per treated unit: ``unit, start, donors, first, last, pre, post`` (periods used)."""
        rows = []
        for wave in self.waves:
            used = self._windows[wave.start]
            for unit in wave.units:
                row = {"unit": unit, "start": wave.start, "donors": len(wave.donors), "first": wave.first}
                rows.append(row | {"last": wave.last, "pre": used.n_pre, "post": len(used.rows) - used.n_pre})
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """Tidy long data: unit, time, outcome, start (missing where never treated), treated 0/1 in that period."""
        T, N = self.outcome.shape
        starts = [self._at(self.starts[unit]) if unit in self.starts else T for unit in self.units]
        label = [self.starts.get(unit) for unit in self.units]
        return pd.DataFrame(
            {
                "unit": np.repeat(np.array(self.units, dtype=object), T),
                "time": pd.Index(np.tile(self.times, N)),
                "outcome": self.outcome.T.ravel(),
                "start": [each for each in label for _ in range(T)],
                "treated": (np.arange(T) >= np.array(starts)[:, None]).astype(np.int64).ravel(),
            }
        )

    def notes(self) -> tuple[str, ...]:
        """One sentence each: who serves as donor and until when, what is left out, and what was done to the data."""
        said = [wave_words(wave, self.starts, self.end, self.timing.horizon, self.labels) for wave in self.waves]
        for periods, why in ((self.anticipation, "before (anticipation)"), (self.washout, "from it (washout)")):
            if periods:
                verb = "is" if periods == 1 else "are"
                said.append(f"Around each start {count(periods, 'period')} {why} {verb} left out of fit and effect.")
        return tuple(map(one_line, [*said, *self.whole._notes(starts=len(self.waves))]))

    def sentences(self) -> tuple[str, ...]:
        """Who starts when and is compared with whom, and `notes`."""
        many = f"{self.labels.units(self.n_treated)} in {count(len(self.waves), 'wave')}"
        waves = some_of((f"{len(wave.units)} at {show(wave.start)}" for wave in self.waves), 8)
        return (one_line(f"{self.source.outcome}: {many} ({waves})."), *self.notes())

    def to_dict(self) -> dict[str, Any]:
        """What a run folder records of the panel, JSON-ready."""
        return {
            "units": len(self.units),
            "times": len(self.times),
            "end": show(self.end),
            "starts": {str(show(unit)): show(start) for unit, start in self.starts.items()},
            "never_treated": [show(unit) for unit in self.never_treated],
            "anticipation": self.anticipation,
            "washout": self.washout,
            "donor_kind": self.donor_kind,
            "horizon": self.timing.horizon,
            "settled": self.timing.settled,
            "rows_in": self.source.rows_in,
            "rows_used": self.source.rows_used,
            "sha256": self.source.sha256,
            "missing": self.source.missing,
            "notes": list(self.notes()),
        }

    def __repr__(self) -> str:
        many = f"{count(self.n_treated, f'treated {self.labels.unit}')} in {count(len(self.waves), 'wave')}"
        starts = f"start {show(self.waves[0].start)} to {show(self.waves[-1].start)}"
        donors = f"{len(self.never_treated)} never treated"
        window = f"{show(self.times[0])} to {show(self.end)}"
        return one_line(f"StaggeredPanel({many}, {starts}, beside {donors}, {window})")

    def _repr_html_(self) -> str:
        facts = {
            "Treated": f"{self.n_treated} ({some_of(map(show, self.starts))})",
            "Waves": some_of((f"{show(wave.start)}: {len(wave.units)}" for wave in self.waves), 8),
            "Never treated": f"{len(self.never_treated)} ({some_of(map(show, self.never_treated))})",
            "Window": f"{show(self.times[0])} to {show(self.end)}",
            "Outcome": f"{self.source.outcome} from {self.source.name}",
            "Notes": " ".join(self.notes()),
        }
        return facts_card("Staggered panel", facts)

    def _treated(self, unit: Label) -> Label:
        return match_units(self.treated, (unit,), "treated unit", self.source.name)[0]

    def _at(self, start: Label) -> int:
        return int(self.times.searchsorted(start))

    def _until(self, unit: Label) -> int:
        """Position of the last period in which a treated unit is still a donor; -1 where there is none."""
        places = self.whole.positions
        return int(np.searchsorted(places, places[self._at(self.starts[unit])] - self.anticipation)) - 1

    def _panel(self, units: tuple[Label, ...]) -> P:
        used = self._windows[self.starts[units[0]]]
        panel = self.whole._take(units, used.donors, used.rows, self.times[used.rows[used.n_pre]])
        return panel._left_out(self.times[used.anticipation], self.times[used.washout])

    @cached_property
    def _windows(self) -> dict[Label, Window]:
        return {start: self._window(start) for start in dict.fromkeys(self.starts.values())}

    def _window(self, start: Label) -> Window:
        """Donors and periods of the wave that starts at ``start``; the one place that decides both."""
        places, at = self.whole.positions, self._at(start)
        since = places - places[at]
        first, last, donors = 0, len(places) - 1, self._untreated(start)
        if (horizon := self.timing.horizon) is not None:
            last = int(np.flatnonzero(since < horizon)[-1])
            donors = tuple(u for u in donors if u not in self.starts or self._until(u) >= last)
        else:
            # A donor that starts before there is any effect to see leaves; the others end the window.
            seen = int(np.searchsorted(since, self.washout))
            donors = tuple(u for u in donors if u not in self.starts or self._until(u) >= seen)
            last = min([last, *(self._until(u) for u in donors if u in self.starts)])
        if len(donors) < MIN_DONORS and self.timing.settled is not None:
            donors, first = self._settled(at)
            last = last if horizon is not None else len(places) - 1
        self._require_donors(start, donors)
        used = np.arange(first, last + 1)
        kept, before, after = self.timing.split(since[used])
        n_pre = int((since[used][kept] < 0).sum())
        self._require_periods(start, n_pre, len(kept) - n_pre)
        return Window(ordered(donors), used[kept], n_pre, used[before], used[after])

    def _settled(self, at: int) -> tuple[tuple[Label, ...], int]:
        """Units treated before place ``at`` that have settled, and from which place on all of them have.

        Those that settle last are left out while too few periods would be left before ``at``.
        """
        assert self.timing.settled is not None
        places = self.whole.positions
        earlier = sorted((self._at(own), k) for k, own in enumerate(self.starts.values()) if self._at(own) < at)
        firsts = [int(np.searchsorted(places, places[own] + self.timing.settled)) for own, _ in earlier]
        many = len(earlier)
        while many > MIN_DONORS and self.timing.split(places[firsts[many - 1] : at] - places[at])[0].size < MIN_PRE:
            many -= 1
        units = tuple(self.starts)
        return tuple(units[k] for _, k in earlier[:many]), firsts[many - 1] if many else 0

    def _untreated(self, start: Label) -> tuple[Label, ...]:
        """Donors of the kind asked for, whose own start, if any, is later."""
        later = tuple(unit for unit, own in self.starts.items() if self._at(own) > self._at(start))
        return {"never": self.never_treated, "not-yet": later, "both": (*self.never_treated, *later)}[self.donor_kind]

    def _require_donors(self, start: Label, donors: Iterable[Label]) -> None:
        left = tuple(donors)
        if len(left) >= MIN_DONORS:
            return
        name, units = self.source.name, [u for u, own in self.starts.items() if own == start]
        who = f"{some_labels(units)} (start {show(start)})"
        verb = "has" if len(units) == 1 else "have"
        have = f"{verb} {'no donor' if not left else f'only the donor {show(left[0])!r}'}"
        if start == max(self.starts.values()) and not self.never_treated:
            raise PanelError(
                f"{name}: all units are treated in the end, so {who} of the last wave {have}; end before "
                f"{show(start)} with end=, add units that are never treated, or say with settled= how many periods "
                "after its own start an earlier wave may serve again"
            )
        more = "" if self.donor_kind == "both" else "donor_kind='both' or "
        raise PanelError(
            f"{name}: {who} {have} valid through the whole window (donor_kind {self.donor_kind!r}), and "
            f"{MIN_DONORS} are needed; add untreated units, use {more}a shorter horizon=, or leave these out"
        )

    def _require_periods(self, start: Label, n_pre: int, n_post: int) -> None:
        name, units = self.source.name, [u for u, own in self.starts.items() if own == start]
        if n_pre < MIN_PRE:
            settled = self.timing.settled
            smaller = "" if settled is None else f", or give a smaller settled= (here {settled})"
            raise PanelError(
                f"{name}: {_who(units)} at {show(start)} with {count(n_pre, 'period')} to fit before that and at least "
                f"{MIN_PRE} are needed; leave out with exclude= what starts then, or add earlier periods{smaller}"
            )
        if n_post < 1:
            raise PanelError(
                f"{name}: {_who(units)} at {show(start)} and no treated period is left then; make "
                f"washout (here {self.washout}) shorter, or leave it out with exclude="
            )


def _who(units: Sequence[Label]) -> str:
    return f"unit {some_labels(units)} starts" if len(units) == 1 else f"units {some_labels(units)} start"
