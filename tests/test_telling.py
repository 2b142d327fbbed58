"""Warnings: at the user's own line, each time, and without a trace in the filters of the process."""

import subprocess
import sys
import warnings
from threading import Thread

import pandas as pd
import pytest

import bsynth as bs
from bsynth._base.telling import quietly, warn
from bsynth.errors import EngineWarning
from bsynth.pieces import run_pieces


def _unreliable(n: int) -> int:
    warn(f"fit {n}", bs.UnreliableWarning)
    return n


def test_it_is_said_at_the_line_of_whoever_called_each_time() -> None:
    with warnings.catch_warnings(record=True) as seen:
        for _ in range(3):
            warn("so it is", bs.UnreliableWarning)
    assert [each.filename for each in seen] == [__file__] * 3


def test_a_script_sees_its_own_line_again_and_again() -> None:
    lines = ["import bsynth as bs", "from bsynth._base.telling import warn"]
    lines += ["for _ in range(2): warn('once more', bs.UnreliableWarning)"]
    found = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert found.stderr.count("<string>:3: UnreliableWarning: once more") == 2


def test_pieces_say_nothing_and_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    threads = [
        Thread(target=lambda: run_pieces(dict.fromkeys("abcd", 1), _unreliable, title="fits", progress=False))
        for _ in range(3)
    ]
    with warnings.catch_warnings(record=True) as seen:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not [each for each in seen if issubclass(each.category, bs.UnreliableWarning)]
    assert warnings.filters == before


def test_an_interrupted_piece_leaves_the_filters_as_they_were() -> None:
    def interrupted(_: int) -> int:
        raise KeyboardInterrupt

    before = list(warnings.filters)
    with pytest.raises(KeyboardInterrupt):
        run_pieces(dict.fromkeys("ab", 1), interrupted, title="fits", progress=False)
    assert warnings.filters == before
    with pytest.warns(bs.UnreliableWarning):
        warn("still said", bs.UnreliableWarning)


def test_other_warnings_are_said_in_quiet_too() -> None:
    with quietly(), pytest.warns(EngineWarning):
        warn("slower", EngineWarning)


def test_dates_of_arrow_are_read_like_any_others() -> None:
    frame = bs.simulate_factor(donors=4, seed=1)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["time"], unit="D")
    for kind in ("date32[day][pyarrow]", "date64[ms][pyarrow]"):
        dated = frame.assign(time=days.astype(kind))
        panel = bs.Panel.from_long(dated, unit="unit", time="time", outcome="outcome", treated=0, start="2024-01-31")
        assert (panel.n_pre, panel.frequency) == (30, "day")
