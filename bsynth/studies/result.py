"""The result of a study."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from bsynth._base.plain import clean, records
from bsynth._base.request import whole, writing
from bsynth._base.types import Status
from bsynth.errors import SpecError, came, nearest, some_of
from bsynth.pieces import Record, Store
from bsynth.studies.measures import UNITS, claimed_at, measures
from bsynth.studies.spec import StudySpec
from bsynth.studies.units import key_of, parts
from bsynth.text.numbers import count, percent
from bsynth.text.result import Pictured

SPEC, STORE = "study.json", "fits.jsonl"
FITS, SECONDS, MEASURES, SUMMARY = "fits.parquet", "seconds.csv", "measures.csv", "summary.json"
UNIT = ("world", "method", "k")
STORE_KEY = "study-1"
"""Of records of this form; what a unit depends on is in its name."""
SHOWN = ("world", "method", "panels", "failed", "bias", "rmse", "covered", "width", "claims")


@dataclass(frozen=True, eq=False, repr=False)
class Study(Pictured):
    """What each method made of each world.

    Attributes
    ----------
    spec : StudySpec
    fits : DataFrame
        One row per world, method and panel ``k``: ``truth, sd`` (the treated series' before the start), ``estimate``,
        ``lower_95%, upper_95%`` and so on for each level, ``p, crps, pit, status`` (``"failed"`` with its ``failure``).
    seconds : DataFrame
        ``world, method, k, seconds`` of CPU: apart, since they are all that differs between two runs.
    """

    spec: StudySpec
    fits: pd.DataFrame
    seconds: pd.DataFrame

    @property
    def status(self) -> Status:
        """``"unreliable"`` when a method failed on more than a tenth of the panels of a world."""
        return "unreliable" if self._failing else "ok"

    @property
    def reason(self) -> str:
        """Which method failed where."""
        return f"failed on more than one panel in ten: {', '.join(self._failing)}" if self._failing else ""

    @cached_property
    def _failing(self) -> tuple[str, ...]:
        table = self.measures()
        often = table[table["failed"] > (table["panels"] + table["failed"]) / 10]
        return tuple(f"{row.method} in {row.world}" for row in often.itertuples())

    @property
    def title(self) -> str:
        """The study's own, and its size."""
        worlds, methods = len(self.spec.worlds), len(self.spec.methods)
        return f"{self.spec.title}: {count(worlds, 'world')}, {count(methods, 'method')}"

    @property
    def table(self) -> pd.DataFrame:
        """`measures` in outcome units."""
        return self.measures()

    def measures(self, units: str = "outcome") -> pd.DataFrame:
        """One row per world and method, with Monte-Carlo errors; `bsynth.studies.measures` says what the columns are.

        Raises
        ------
        SpecError
            For units other than ``"outcome"`` and ``"sd"`` (the treated series' before the start).
        """
        if units not in UNITS:
            raise SpecError(f"units are {came(units)}{nearest(units, UNITS)}; they can be {some_of(UNITS)}")
        return measures(self.fits, self.spec.levels, units)

    @property
    def level(self) -> float:
        """The level at which a claim is judged: 95%, or the study's highest."""
        return claimed_at(self.spec.levels)

    def sentences(self) -> tuple[str, ...]:
        """Say of each method how often its interval held the truth, over all worlds, and where it fell short most."""
        name, table = percent(self.level), self.measures()
        said = []
        for method, rows in table.groupby("method", sort=False):
            covered = rows.set_index("world")[f"covered_{name}"].dropna()
            if covered.empty:
                continue
            said.append(
                f"{method}: {name} intervals held the truth in {percent(float(covered.mean()))} of panels, the mean of "
                f"{count(len(covered), 'world')}; least in {covered.idxmin()}, {percent(float(covered.min()))}."
            )
        asked = set(zip(table["world"], table["method"], strict=True))
        for method in self.spec.methods:
            without = [world for world in self.spec.worlds if (world, method) not in asked]
            if without:
                said.append(f"{method} does not go with {', '.join(without)}; it was not asked there.")
        lost = int((self.fits["status"] == "failed").sum())
        if lost:
            said.append(f"{count(lost, 'fit')} of {len(self.fits)} failed; they are counted, and in no mean.")
        return (f"{self.title}, {self._panels()} each.", *said)

    def _panels(self) -> str:
        """How many panels there are of each world and method, and how many there will be while it runs."""
        done = self.fits.groupby(["world", "method"]).size()
        whole = count(self.spec.seeds, "panel")
        least, most = int(done.min()), int(done.max())
        if least == self.spec.seeds:
            return whole
        return f"{least:,} of {whole}" if least == most else f"{least:,} to {most:,} of {whole}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data: the specification, the measures and the words."""
        return super().to_dict() | {"spec": clean(self.spec.to_dict()), "measures": records(self.measures())}

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        name = percent(self.level)
        shown = [key if key not in ("covered", "width") else f"{key}_{name}" for key in SHOWN]
        return (self.measures()[shown],)

    @classmethod
    def from_records(cls, spec: StudySpec, found: Mapping[str, Record]) -> Self:
        """Assemble the tables from the records of units by name, in the order of the study."""
        worlds, methods = list(spec.worlds), list(spec.methods)
        parsed = {name: parts(name) for name in found}
        order = sorted(found, key=lambda n: (worlds.index(parsed[n][0]), methods.index(parsed[n][1]), parsed[n][2]))
        fits = pd.DataFrame([_row(parsed[name], found[name], spec.levels) for name in order])
        words = (*UNIT, "status", "failure")
        # Where no method has one, a column of nothing is still one of numbers.
        fits = fits.astype({column: float for column in fits.columns if column not in words})
        seconds = [dict(zip(UNIT, parsed[name], strict=True)) | {"seconds": found[name]["seconds"]} for name in order]
        return cls(spec, fits, pd.DataFrame(seconds))

    def write(self, folder: Path) -> list[Path]:
        """Write ``fits.parquet``, ``measures.csv``, ``summary.json`` and ``seconds.csv``, each whole or not at all."""
        spent = self.seconds.groupby(["world", "method"], sort=False)["seconds"].agg(["median", "sum"]).reset_index()
        made: dict[str, Callable[[Path], object]] = {
            FITS: lambda path: self.fits.to_parquet(path, index=False),
            MEASURES: lambda path: self.measures().to_csv(path, index=False, lineterminator="\n"),
            SUMMARY: lambda path: path.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8"),
            SECONDS: lambda path: spent.to_csv(path, index=False, lineterminator="\n"),
        }
        for name, write in made.items():
            with writing(folder / name, "study"), whole(folder / name) as part:
                write(part)
        return [folder / name for name in made]

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read a study's folder: what is finished of it, also while it runs or after it was cut short.

        Raises
        ------
        SpecError
            When there is no study in the folder, or nothing of it is finished.
        """
        where = Path(folder)
        try:
            told = json.loads((where / SPEC).read_text(encoding="utf-8"))
            given, keys = told["spec"], told["keys"]
        except (OSError, ValueError, KeyError, TypeError):
            raise SpecError(f"{str(where)!r} is no folder of a study: it has no {SPEC}; run the study first") from None
        spec = StudySpec.from_dict(given, source=str(where / SPEC))
        store = Store(where / STORE, STORE_KEY).read()
        # The store may hold more: panels of the same study when it had more seeds, or other worlds and methods.
        found = {name: each for name, each in store.items() if key_of(name) in keys and parts(name)[2] < spec.seeds}
        if not found:
            raise SpecError(f"{str(where)!r} has no finished fit of its study; run it first")
        return cls.from_records(spec, found)


def _row(unit: tuple[str, str, int], record: Record, levels: tuple[float, ...]) -> Record:
    row: Record = dict(zip(UNIT, unit, strict=True)) | {name: record[name] for name in ("truth", "sd", "estimate")}
    for level, lower, upper in zip(levels, record["lower"], record["upper"], strict=True):
        row |= {f"lower_{percent(level)}": lower, f"upper_{percent(level)}": upper}
    return row | {name: record[name] for name in ("p", "crps", "pit", "status", "failure")}
