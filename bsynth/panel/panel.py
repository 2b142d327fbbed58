"""The panel: validated once, frozen, the only form in which data enters a model or an estimator."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from bsynth._base.plain import show
from bsynth._base.types import Label, PlaceboPool
from bsynth.errors import PanelError
from bsynth.panel.build import Constructors
from bsynth.panel.card import panel_card, panel_dict
from bsynth.panel.labels import MIN_PRE, as_labels, match_units, ordered
from bsynth.panel.staggered import StaggeredPanel
from bsynth.text.labels import one_line
from bsynth.text.numbers import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Panel(Constructors):
    """Outcomes of treated and donor units over time, with the first treated period.

    Build one with `from_long`, `from_wide` or `from_events`; the constructor expects arrays that
    are already clean.

    Attributes
    ----------
    outcome : (T, N) array
        Outcome by period and unit, in outcome units; columns in the order of ``units``.
    units : tuple
        Treated units first, then donors, each sorted.
    times : pandas.Index
        The T periods, increasing, none after ``end``.
    treated : tuple
        Treated units. Their unweighted mean is the treated series.
    start, end : label
        First treated and last used period, both inclusive.
    cells : Cells or None
        Counts and sums per cell when built from users or events.
    clusters : Clusters, Resamples or None
        Sums per user and cell when a cluster column was given, or resamples of users drawn by the engine.
    covariates : Covariates or None
        Further columns by period and unit, when they were named.
    source : Source
        Provenance.
    calendar : Calendar or None
        The regular calendar that the data keep to; recognised from ``times`` when None.
    labels : Labels
        What words call the outcome and a unit, and whether more of the outcome is good.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaabbbbcccc"), "year": [1, 2, 3, 4] * 3,
    ...                    "sales": [1., 2, 3, 9, 1, 2, 4, 5, 0, 2, 3, 4]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=4)
    >>> panel.n_pre, panel.n_post, panel.donors
    (3, 1, ('b', 'c'))
    """

    def as_treated(self, unit: Label | Iterable[Label], *, pool: PlaceboPool = "exclude") -> Self:
        """The panel in which a donor, or the mean of several, plays the treated unit: one placebo in space.

        Parameters
        ----------
        unit : label, or a collection of labels, of ``donors``
        pool : {"exclude", "include"}
            Whether the truly treated units leave, or each join the donors.

        Raises
        ------
        PanelError
            When ``unit`` is no donor, fewer than two donors remain, or its pre-period is constant.
        """
        chosen = match_units(self.donors, as_labels(unit) or (unit,), "donor", self.source.name)
        pools = (*self.donors, *self.treated) if pool == "include" else self.donors
        return self._take(chosen, ordered(u for u in pools if u not in chosen), slice(None))

    def only(self, unit: Label) -> Self:
        """The panel in which one of several treated units stands alone against the same donors.

        Raises
        ------
        PanelError
            When ``unit`` is not treated, or its pre-period is constant.
        """
        chosen = match_units(self.treated, (unit,), "treated unit", self.source.name)
        return self._take(chosen, self.donors, slice(None))

    def per_unit(self) -> StaggeredPanel[Self]:
        """The panel in which each treated unit stands for itself, with weights and an effect of its own.

        `bsynth.classical` then answers for each unit and for their average, by weights found apart or together
        (``"multisynth"``).

        Examples
        --------
        >>> import bsynth as bs
        >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4], "d": [2., 1, 3, 4]})
        >>> found = bs.classical(Panel.from_wide(wide, treated=["a", "b"], start=3).per_unit(), "did").table
        >>> found.loc[found["scope"] == "unit", "of"].tolist()
        ['a', 'b']
        """
        return StaggeredPanel(self, dict.fromkeys(self.treated, self.start))

    def without(self, *donors: Label | Iterable[Label]) -> Self:
        """The panel without some donors, named one by one or as a collection; at least two must remain."""
        named = [label for given in donors for label in as_labels(given)]
        gone = match_units(self.donors, named, "donor", self.source.name)
        return self._take(self.treated, tuple(u for u in self.donors if u not in gone), slice(None))

    def backdated(self, start: Label) -> Self:
        """The pre-period alone with an earlier start: one placebo in time. It ends before the real start."""
        return self.backdated_to(self.locate(start))

    def backdated_to(self, position: int) -> Self:
        """As `backdated`, by the position of the period: a label may have to say its zone, a position has none."""
        if not MIN_PRE <= position < self.n_pre:
            raise PanelError(
                f"backdated start is {show(self.times[position])}; it must lie before {show(self.start)} with at least "
                f"{MIN_PRE} periods before it ({show(self.times[MIN_PRE])} or later)"
            )
        return self._take(self.treated, self.donors, slice(self.n_pre), self.times[position])

    @property
    def table(self) -> pd.DataFrame:
        """The data, tidy: `to_frame`."""
        return self.to_frame()

    def sentences(self) -> tuple[str, ...]:
        """Who is compared with whom and when, and `notes`."""
        who = f"{self.source.outcome} of {self.treated_name} is compared with {count(self.n_donors, 'donor')}"
        words = self.period_words()
        window = f"from {words[0]} to {words[-1]}"
        if not self.n_post:
            return (one_line(f"{who} {window}: {count(self.n_pre, 'period')}, and no start yet."), *self.notes())
        first = "the first one of the effect" if self.source.washout else "the first treated one"
        before = f"{count(self.n_pre, 'period')} before {self.start_words}, {first}"
        periods = f"{before}, and {self.n_post} from it on"
        return (one_line(f"{who} {window}: {periods}."), *self.notes())

    def to_dict(self) -> dict[str, Any]:
        """What a run folder records of the panel, JSON-ready: counts, labels, the rule for holes, and `notes`."""
        return panel_dict(self)

    def plot(self, ax: "Axes | None" = None, *, index: bool = False) -> "Axes":
        """Draw the treated series among its donors, `bsynth.plots.plot_panel`, and return the axes.

        ``index`` draws each series as a percentage of its own mean before the start.
        """
        # As with results: data know no plotting, and matplotlib is loaded with the first picture.
        axes: Axes = import_module("bsynth.plots").plot_panel(self, ax=ax, index=index)
        return axes

    def __repr__(self) -> str:
        # After a washout the first period of the effect is not the one in which units started.
        begins = f"start {show((*self.source.washout, self.start)[0])}" if self.n_post else "no start yet"
        if self.n_post and self.source.washout:
            begins += f", effect from {show(self.start)}"
        window = f"{show(self.times[0])} to {show(self.end)}, {begins}"
        roles = f"{self.treated_name} against {count(self.n_donors, 'donor')}"
        return one_line(f"Panel({roles}, {window}: {self.n_pre} pre + {self.n_post} post)")

    def _repr_html_(self) -> str:
        return panel_card(self)
