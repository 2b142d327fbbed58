"""Times, units, treatment and cells: labels that are odd, missing or alike, and what is asked of them."""

from typing import Any

import numpy as np
import pandas as pd
from bad_inputs.case import EFFECT, FRAME, START, TEXT, Case, data_case

T = FRAME.time - 2001
"""Place of the period in the panel: 0 to 11; the start is at 9."""


def times(name: str, labels: Any, start: Any, *says: str, gives: float | None = None, **more: Any) -> Case:
    """Other labels of the twelve periods, in a file of text."""
    named = dict(enumerate(labels))
    return data_case(name, FRAME.assign(time=[named[t] for t in T]), *says, gives=gives, start=start, **more)


def days(first: str, freq: str, **more: Any) -> list[str]:
    return [str(each) for each in pd.date_range(first, periods=12, freq=freq, **more)]


def renamed(
    name: str, units: dict[str, str], treated: str, *says: str, gives: float | None = None, **more: Any
) -> Case:
    return data_case(name, FRAME.assign(unit=FRAME.unit.replace(units)), *says, gives=gives, treated=treated, **more)


def cell(name: str, unit: str, year: int, value: Any, *says: str, gives: float | None = None, **more: Any) -> Case:
    frame = FRAME.astype({"y": object})
    frame.loc[(frame.unit == unit) & (frame.time == year), "y"] = value
    return data_case(name, frame, *says, gives=gives, **more)


def on(
    name: str, treated: dict[str, list[int]], *says: str, gives: float | None = None, values: Any = (0, 1), **more: Any
) -> Case:
    """A column of treatment that is 1 in the years of a unit."""
    flags = [values[year in treated.get(unit, [])] for unit, year in zip(FRAME.unit, FRAME.time, strict=True)]
    roles = {"treatment_column": "d", "treated": None, "start": None} | more
    return data_case(name, FRAME.assign(d=flags), *says, gives=gives, **roles)


SHUFFLED = FRAME.sample(frac=1, random_state=3)
LATE = [2010, 2011, 2012]

CASES: list[Case] = [
    # Times.
    data_case("unsorted rows", SHUFFLED, gives=EFFECT),
    times("days", days("2024-01-01", "D"), "2024-01-10", gives=EFFECT),
    times("weeks", days("2024-01-01", "W-MON"), "2024-03-04", gives=EFFECT),
    times("months", [f"2024-{m:02}" for m in range(1, 13)], "2024-10", gives=EFFECT),
    times("quarters", [f"{y}-Q{q}" for y in (2021, 2022, 2023) for q in range(1, 5)], "2023-Q2", gives=EFFECT),
    times("hours", days("2024-01-01", "h"), "2024-01-01 09:00", gives=EFFECT),
    times("hours across a clock change", days("2024-03-31 00:00", "h", tz="Europe/Berlin"), "2024-03-31 10:00+02:00", gives=EFFECT),
    times("a start without its offset", days("2024-03-31 00:00", "h", tz="Europe/Berlin"), "2024-03-31 10:00", "offsets from UTC"),
    times("days across a clock change", days("2024-03-26", "D", tz="America/New_York"), "2024-04-04", gives=EFFECT),
    times("a period that nobody has", [*range(2001, 2006), *range(2007, 2014)], 2011, gives=EFFECT),
    times("negative years", range(-12, 0), -3, gives=EFFECT),
    times("from zero", range(12), 9, gives=EFFECT),
    times("day first, said", [f"{d:02}.01.2024" for d in range(1, 13)], "10.01.2024", gives=EFFECT, date_format="%d.%m.%Y"),
    times("quarters as decimal years", [2001 + t / 4 for t in range(12)], 2003.25, gives=EFFECT),
    times("year 1678", [f"{year}-01-01" for year in range(1678, 1690)], "1687-01-01", gives=EFFECT),
    times("year 2261", [f"{year}-01-01" for year in range(2250, 2262)], "2259-01-01", gives=EFFECT),
    times("year 1677", [f"{year}-01-01" for year in range(1677, 1689)], "1686-01-01", "1677-01-01", "from 1678 to 2261"),
    times("year 2262", [f"{year}-01-01" for year in range(2258, 2270)], "2267-01-01", "2262-01-01", "from 1678 to 2261"),
    times("tenths of years", [2001 + t / 10 for t in range(12)], 2001.9, "'time'", "2001.1"),
    times("two kinds of labels", [*range(2001, 2012), "2012-01-01"], 2010, "'time'"),
    times("two ways to write", [*[f"2024-01-{d:02}" for d in range(1, 12)], "12/01/2024"], "2024-01-10", "'12/01/2024'"),
    times("day or month first", [f"{d:02}/{d:02}/2024" for d in range(1, 13)], "10/10/2024", "'time'"),
    times("a day that is none", [*days("2024-02-18", "D")[:11], "2024-02-30"], "2024-02-27", "2024-02-30"),
    times("NaT", [*days("2024-01-01", "D")[:11], "NaT"], "2024-01-10", "'NaT'"),
    times("words", [f"week {t}" for t in range(12)], "week 9", "'time'", "'week 0'"),
    times("infinity", [*range(11), "inf"], 9, "'time'", "inf"),
    times("beyond all numbers", [*range(11), 10**30], 9, "'time'"),
    times("a missing period", [*range(2001, 2012), None], 2010, "no value in column 'time'"),
    times("one period", [2001] * 12, 2001, "more than one row"),
    times("a start that is no day", days("2024-01-01", "D"), "2024-01-32", "2024-01-32"),
    times("a start between periods", days("2024-01-01", "W-MON"), "2024-03-06", "2024-03-06"),
    times("a number to start dates", days("2024-01-01", "D"), 9, "start"),
    times("a date to start numbers", range(2001, 2013), "2010-01-01", "2010-01-01"),
    times("a format that does not fit", days("2024-01-01", "D"), "2024-01-10", "'%d/%m/%Y'", date_format="%d/%m/%Y"),
    times("a format that is none", days("2024-01-01", "D"), "2024-01-10", "'day'", date_format="day"),
    data_case("a zone that is none", TEXT, "'Mars/Base'", time_zone="Mars/Base", freq="day"),
    data_case("a weekday that is none", TEXT, "'someday'", week_start="someday", freq="week"),
    # Units.
    renamed("a comma in a name", {"Ohio": "Ohio, USA"}, "Ohio, USA", gives=EFFECT),
    renamed("quotes in a name", {"Utah": 'the "Beehive"'}, "Ohio", gives=EFFECT),
    renamed("numbers as text", {"Iowa": "007", "Ohio": "010", "Utah": "1e3"}, "010", gives=EFFECT),
    renamed("a unit called NA", {"Utah": "NA", "Iowa": "null", "Texas": "None"}, "Ohio", gives=EFFECT),
    renamed("a unit called True", {"Ohio": "True", "Iowa": "False"}, "True", gives=EFFECT),
    renamed("another script", {"Ohio": "東京", "Utah": "Łódź"}, "東京", gives=EFFECT),
    renamed("two ways to compose a letter", {"Ohio": "Que\u0301bec", "Utah": "Qu\u00e9bec"}, "Que\u0301bec", gives=EFFECT),
    renamed("a Cyrillic letter", {"Ohio": "Оhio", "Utah": "Ohio"}, "Оhio", gives=EFFECT),
    renamed("asked in Cyrillic", {}, "Оhio", "did you mean 'Ohio'"),
    renamed("a trailing space", {"Ohio": "Ohio "}, "Ohio", "'Ohio '"),
    renamed("a space that does not break", {"Ohio": "O\u00a0hio"}, "O hio", "O"),
    renamed("in other case", {}, "ohio", "did you mean 'Ohio'"),
    renamed("a name of a mile", {"Utah": "u" * 5000}, "Ohio", gives=EFFECT),
    renamed("a zero-width space", {"Utah": "Ut\u200bah"}, "Ohio", gives=EFFECT),
    renamed("asked without a zero-width space", {"Ohio": "Oh\u200bio"}, "Ohio", "invisible"),
    data_case("a row without a unit", FRAME.assign(unit=FRAME.unit.where(FRAME.index != 15)), "1 row has no value in column 'unit'"),
    data_case("a unit of spaces", FRAME.assign(unit=FRAME.unit.where(FRAME.index != 15, "  ")), "unit"),
    # Treatment by name.
    data_case("no such treated unit", TEXT, "'Ohoi'", "did you mean 'Ohio'", treated="Ohoi"),
    data_case("treated twice", TEXT, "'Ohio'", "twice", treated=["Ohio", "Ohio"]),
    data_case("all treated", TEXT, "2 donors", "none is left", treated=["Iowa", "Maine", "Ohio", "Texas", "Utah"]),
    data_case("all but one treated", TEXT, "2 donors", "only 'Utah'", treated=["Iowa", "Maine", "Ohio", "Texas"]),
    data_case("start at the first period", TEXT, "leaves 0 periods", start=2001),
    data_case("start at the third period", TEXT, "leaves 2 periods", start=2003),
    data_case("start before all", TEXT, "1950", start=1950),
    data_case("start after all", TEXT, "after the last period 2012", start=2013),
    data_case("start that is no number", TEXT, "'soon'", start="soon"),
    data_case("start of NaN", TEXT, "nan", start="nan"),
    data_case("end before start", TEXT, "end 2009", "before start 2010", end=2009),
    data_case("end after all", TEXT, "after the last period 2012", end=2030),
    data_case("end in time", TEXT, gives=EFFECT, end=2011),
    data_case("treated among donors", TEXT, "Ohio", "donors", donors=["Iowa", "Ohio", "Utah"]),
    data_case("no such donor", TEXT, "'Utha'", "did you mean 'Utah'", donors=["Iowa", "Utha"]),
    data_case("one donor", TEXT, "2 donors", donors=["Iowa"]),
    data_case("two donors", TEXT, gives=EFFECT, donors=["Iowa", "Utah"]),
    data_case("all donors left out", TEXT, "2 donors", exclude=["Iowa", "Maine", "Texas", "Utah"]),
    data_case("no such unit to leave out", TEXT, "'Main'", "did you mean 'Maine'", exclude=["Main"]),
    data_case("the treated unit left out", TEXT, "Ohio", exclude=["Ohio"]),
    data_case("said in two ways", FRAME.assign(d=0), "treat", treatment_column="d"),
    data_case("too much anticipation", TEXT, "anticipation", anticipation=99),
    data_case("anticipation below zero", TEXT, "anticipation", "-1", anticipation=-1),
    data_case("too much washout", TEXT, "washout", washout=3),
    # Treatment by a column.
    on("never on", {}, "no unit starts by 2012"),
    on("always on", {"Ohio": [*range(2001, 2013)]}, "Ohio"),
    on("on and off again", {"Ohio": [2008, 2009]}, "Ohio"),
    on("all units on", dict.fromkeys(("Iowa", "Maine", "Ohio", "Texas", "Utah"), LATE), "donor"),
    on("as it should be", {"Ohio": LATE}, gives=EFFECT),
    on("true and false", {"Ohio": LATE}, gives=EFFECT, values=("false", "true")),
    on("yes and no", {"Ohio": LATE}, "'d'", values=("no", "yes")),
    on("two and one", {"Ohio": LATE}, "'d'", values=(1, 2)),
    on("empty for off", {"Ohio": LATE}, gives=EFFECT, values=(None, 1)),
    # Cells.
    cell("infinite", "Utah", 2003, np.inf, "infinite", "'Utah', 2003"),
    cell("minus infinity", "Utah", 2003, "-inf", "infinite", "'Utah', 2003"),
    cell("beyond all numbers", "Utah", 2003, "1e999", "'Utah', 2003"),
    cell("NaN", "Utah", 2003, "NaN", "'Utah'"),
    cell("NA", "Utah", 2003, "NA", "'Utah'"),
    cell("a dash", "Utah", 2003, "-", "'-'", "'Utah', 2003"),
    cell("a question mark", "Utah", 2003, "?", "'?'", "'Utah', 2003"),
    cell("empty", "Utah", 2003, None, "1 cell", "'Utah' at 2003", "interpolate"),
    cell("empty, of the treated", "Ohio", 2010, None, "'Ohio' at 2010"),
    cell("empty, interpolated", "Utah", 2003, None, missing="interpolate", gives=EFFECT + 2.5 / 36),
    cell("empty, without the unit", "Utah", 2003, None, missing="drop-units", gives=EFFECT),
    cell("an unknown rule", "Utah", 2003, None, "'ignore'", missing="ignore"),
    cell("a number of Excel", "Utah", 2003, "#DIV/0!", "'#DIV/0!'"),
    cell("Arabic digits", "Utah", 2003, "٥٣", "'٥٣'"),
    cell("a minus of typesetters", "Utah", 2003, "\u221253", "'\u221253'"),
    data_case("a cell there twice", pd.concat([FRAME, FRAME.iloc[[15]]]), "1 cell has", "'Maine'", "2004", "from_events"),
    data_case("a cell there twice, summed", pd.concat([FRAME, FRAME.iloc[[15]].assign(y=0.0)]), gives=EFFECT, agg="sum"),
    data_case("a treated unit without a past", FRAME[(FRAME.unit != "Ohio") | (FRAME.time >= START)], "Ohio"),
    data_case("a constant past", FRAME.assign(y=FRAME.y.where((FRAME.unit != "Ohio") | (FRAME.time >= START), 7.0)), "constant at 7"),
    data_case("zeros", FRAME.assign(y=0), "Ohio", "constant at 0"),
    data_case("no rows left", TEXT, "no rows", where="y > 1000"),
    data_case("a condition that is none", TEXT, "where", where="y >> > 3"),
    data_case("a condition that drops a table", TEXT, "where", where="1=1; DROP TABLE sales"),
    data_case("a condition on no column", TEXT, "'z'", where="z > 3"),
    data_case("a ratio of nothing", FRAME.assign(n=0), "n", agg="ratio", denominator="n"),
    data_case("a ratio by no column", TEXT, "denominator", agg="ratio"),
    data_case("an unknown aggregate", TEXT, "'median'", agg="median"),
    data_case("an outcome called what nobody reads", TEXT, "outcome_label", outcome_label="x" * 300),
]  # fmt: skip
