"""What a command was asked about: DATA, its columns and roles, and the panel that they give."""

import csv
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsynth.errors import PanelError, SpecError
from bsynth.text.numbers import count

if TYPE_CHECKING:
    from bsynth.panel import MultiCellPanel, Panel, StaggeredPanel


def split(text: str, known: Collection[str] = ()) -> list[str]:
    """The names in a text, as in a line of CSV; spaces around one go, unless it is ``known`` with them.

    Examples
    --------
    >>> split('"Washington, DC", Maine')
    ['Washington, DC', 'Maine']
    """
    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        names = [text]
    found = (name if name in known else name.strip() for name in names)
    return [name for name in found if name]


COLUMNS = ("start-column", "treatment-column")
_ONE = "--treated with --start, --start-column, or --treatment-column"
_WAYS = _ONE.replace(",", ", --cell twice or more with --start,", 1)


@dataclass(frozen=True)
class PanelRequest:
    """A data file and what its columns mean, as the options say."""

    data: Path
    unit: str
    time_: str
    outcome: str
    treated: list[str]
    start: str | None
    end: str | None
    donors: list[str] | None
    exclude: list[str]
    cluster: str | None
    covariates: list[str]
    missing: Any
    date_format: str | None = None
    outcome_label: str | None = None
    unit_label: str | None = None
    higher_is: Any = None
    where: str | None = None
    freq: Any = None
    time_zone: str | None = None
    week_start: Any = None
    agg: Any = None
    denominator: str | None = None
    key: list[str] = field(default_factory=list)
    duplicates: Any = None
    resamples: int | None = None
    start_column: str | None = None
    treatment_column: str | None = None
    anticipation: int = 0
    washout: int = 0
    donor_kind: Any = None
    horizon: int | None = None
    settled: int | None = None
    cell: list[str] = field(default_factory=list)
    history: bool = False
    """Whether nothing need have started."""

    def rows(self) -> dict[str, Any]:
        """Return what is made of rows before they are cells, as keyword arguments; only what was asked for."""
        asked = {
            "where": self.where, "freq": self.freq, "time_zone": self.time_zone, "week_start": self.week_start,
            "agg": self.agg, "denominator": self.denominator, "key": self.key, "duplicates": self.duplicates,
            "resamples": self.resamples,
        }  # fmt: skip
        return {name: value for name, value in asked.items() if value not in (None, [])}

    def outcomes(self) -> list[str]:
        """The outcomes: one that is a column as it stands, or several separated by commas."""
        from bsynth.panel import column_names

        if "," not in self.outcome or self.outcome in column_names(self.data):
            return [self.outcome]
        return list(dict.fromkeys(split(self.outcome)))

    def roles(self) -> dict[str, Any]:
        """Return what the columns mean, as keyword arguments of `Panel.from_events`."""
        return {
            "unit": self.unit, "time": self.time_, "outcome": self.outcome, "treated": self.treated,
            "start": self.start, "end": self.end, "donors": self.donors, "missing": self.missing,
            "exclude": self.exclude, "covariates": self.covariates, "cluster": self.cluster,
            "date_format": self.date_format, "outcome_label": self.outcome_label, "unit_label": self.unit_label,
            "higher_is": self.higher_is,
        }  # fmt: skip

    def cells(self) -> dict[str, list[str]]:
        """The units of each cell, of texts such as ``A=chicago`` and ``B="St. Louis",boston``.

        Raises
        ------
        SpecError
            A text without a name and units, or a name that comes twice.
        """
        found: dict[str, list[str]] = {}
        for text in self.cell:
            name, equals, units = (part.strip() for part in text.partition("="))
            if not (name and equals and units):
                raise SpecError(f'--cell is {text!r}; give a name and its units, such as --cell "A=chicago,boston"')
            if name in found:
                raise SpecError(f"--cell {name!r} is given twice; name all of its units in one")
            found[name] = self._several([units])
        return found

    def timing(self) -> dict[str, Any]:
        """Return who is treated when where columns say it, and the rules on time, as `Panel.from_events` takes them."""
        return {
            "start_column": self.start_column, "treatment_column": self.treatment_column,
            "anticipation": self.anticipation, "washout": self.washout, "donor_kind": self.donor_kind,
            "horizon": self.horizon, "settled": self.settled,
        }  # fmt: skip

    def again(self) -> dict[str, Any]:
        """Return the roles as a notebook writes them.

        Raises
        ------
        SpecError
            They are said by a column or with rules on time, which its cells do not take.
        """
        if given := [f"--{name.replace('_', '-')}" for name, value in self._beyond().items() if value]:
            raise SpecError(f"a notebook takes --treated and --start, not {', '.join(given)}")
        return self.roles()

    def _beyond(self) -> dict[str, Any]:
        return self.timing() | {"cell": self.cell}

    def _check_roles(self, ways: str) -> None:
        """Refuse what does not say, in exactly one of the ``ways``, who is treated when.

        Raises
        ------
        SpecError
        """
        columns = [f"--{n}" for n, v in zip(COLUMNS, (self.start_column, self.treatment_column), strict=True) if v]
        if self.cell and self.treated:
            raise SpecError("--treated and --cell say who is treated; give one of them")
        named = (
            ["--treated"] * bool(self.treated) + ["--cell"] * bool(self.cell) + ["--start"] * (self.start is not None)
        )
        if len(columns) > 1 or (columns and named):
            raise SpecError(f"{' and '.join([*named, *columns])} say who is treated when; give one of them: {ways}")
        if self.history and named == ["--treated"]:
            return
        if not columns and len(named) < 2:
            came = f"only {named[0]} came" if named else "nothing came"
            raise SpecError(f"who is treated from when must be said and {came}; give {ways}")

    def resolved(self) -> "PanelRequest":
        """The request with each text of labels as the labels it holds.

        A text that stands in the data as it was typed is one label, whatever commas and spaces are in it; any
        other is split at its commas, where quotes protect one.
        """
        return replace(
            self,
            treated=self._several(self.treated),
            donors=self._several(self.donors) if self.donors else None,
            exclude=self._several(self.exclude),
            covariates=self._several(self.covariates, columns=True),
        )

    def _several(self, typed: list[str], *, columns: bool = False) -> list[str]:
        """The labels in texts: of units, or of columns."""
        from bsynth.panel import column_names, unit_names

        if all(text == text.strip() and not {",", '"'} & set(text) for text in typed):
            return [text for text in typed if text]
        known: Collection[str] = column_names(self.data) if columns else unit_names(self.data, self.unit)
        return [name for text in typed for name in ([text] if text in known else split(text, known))]

    def read(self, ways: str = _WAYS) -> "Panel | StaggeredPanel[Panel] | MultiCellPanel[Panel]":
        """Read and validate the panel; one of several starts where the units' starts differ, or of several cells."""
        from bsynth.panel import Panel

        self._check_roles(ways)
        roles = self.roles() | self.rows() | self.timing()
        if self.cell:
            roles["treated"] = self.cells()
        elif not self.treated:
            del roles["treated"]
        if self.cluster is None:
            if self.resamples is not None:
                raise SpecError("--resamples are of users; name their column with --cluster")
            del roles["cluster"]
        build = Panel.from_long if self.cluster is None else Panel.from_events
        made: Panel | StaggeredPanel[Panel] | MultiCellPanel[Panel] = build(self.data, **roles)
        return made

    def read_one(self) -> "Panel":
        """Read and validate the panel of a command that takes one outcome, one treatment and one start.

        Raises
        ------
        SpecError
            Several outcomes, or units by cells.
        PanelError
            Units start at different times.
        """
        from bsynth.panel import StaggeredPanel
        from bsynth.panel.given import require_panel

        if len(names := self.outcomes()) > 1:
            raise SpecError(
                f"--outcome names {count(len(names), 'column')} and this command takes one; call it once for each, "
                f"with --outcome {names[0]} first"
            )
        if self.cell:
            raise SpecError(
                "--cell is for bsynth run, and this command takes one treatment; give the units of one cell with "
                "--treated and those of the others with --exclude"
            )
        panel: Any = self.read(_ONE)
        if isinstance(panel, StaggeredPanel):
            raise PanelError(
                f"{count(len(panel.starts), 'unit')} start at different times, and this command takes one start; "
                "give --treated and --start for one of them, and leave the others out with --exclude"
            )
        require_panel(panel, history=self.history)
        made: Panel = panel
        return made
