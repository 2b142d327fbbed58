"""Tables on paper: no word is broken, and what is too wide is split by columns."""

import pandas as pd
import pytest

from bsynth.reporting.paper import TYPES, broken, on_paper, type_of
from bsynth.reporting.tables import Table


def table(columns: int, cell: str = "2024-11-18") -> Table:
    frame = pd.DataFrame({"Donor": ["Region 09"]} | {f"Of {k}": [cell] for k in range(columns)})
    return Table(frame, "Wide")


@pytest.mark.parametrize("cell", ["2024-11-18", "Region 09", "average", "\u221210 to +160"])
def test_short_cells_stay_on_one_line(cell: str) -> None:
    assert broken(cell) == "brief"


def test_type_shrinks_in_steps_and_never_below() -> None:
    found = [type_of(table(columns)) for columns in range(1, 40)]
    steps = [name for name, _, _ in TYPES]
    assert set(found) == set(steps)
    assert [steps.index(each) for each in found] == sorted(steps.index(each) for each in found)


def test_a_table_too_wide_for_a_sheet_is_split_by_columns() -> None:
    assert on_paper(table(4)) == ()
    whole = table(40)
    parts = on_paper(whole)
    assert len(parts) > 1
    assert all(next(iter(part.frame)) == "Donor" for part in parts)
    assert [name for part in parts for name in list(part.frame)[1:]] == list(whole.frame)[1:]
    assert all(on_paper(part) == () for part in parts)


def test_one_endless_word_does_not_widen_its_column() -> None:
    assert broken("x" * 300) == "long"
    assert on_paper(table(1, "x" * 300)) == ()
