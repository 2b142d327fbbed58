"""What is fuzzed: readers of settings, of tables and of results, given any bytes; None is what was refused.

Whatever comes is read, or refused by one of bsynth's own errors in one line. Anything else that is raised is a fault.
"""

import json
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import bsynth as bs
from bsynth._base.toml import parse_toml
from bsynth.analysis import frozen_plan
from bsynth.reporting.archive import pack_result
from bsynth.studies.spec import StudySpec

type Target = Callable[[bytes], object]
REFUSED = bs.BsynthError


def settings(data: bytes) -> object:
    """A model, a study and a plan: TOML text. Returns whichever of them it is."""
    text = data.decode("utf-8", "replace")
    refused(lambda: parse_toml(text, "settings"))
    found = refused(lambda: bs.ModelSpec.from_toml(text)) or refused(lambda: StudySpec.from_toml(text))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.toml"
        file.write_bytes(data)
        return refused(lambda: frozen_plan(file)) or found


def table(data: bytes) -> object:
    """A CSV file, by both ways in; its first byte says which columns, start and treated unit are asked for.

    Returns what is estimated of it.
    """
    choice, data = (data[0], data[1:]) if data else (0, data)
    unit, time, outcome = (("unit", "time", "outcome"), ("a", "b", "c"), ("market", "week", "sales"))[choice % 3]
    start: Any = (5, "2023-03-06", "2023-03", 3.5)[choice // 3 % 4]
    treated: Any = ("A", 1, "Columbus", ["A", "B"])[choice // 12 % 4]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        file.write_bytes(data)
        asked = {"unit": unit, "time": time, "outcome": outcome, "treated": treated, "start": start}
        panel = refused(lambda: bs.Panel.from_long(file, **asked))
        refused(lambda: bs.Panel.from_events(file, **asked))
        return None if panel is None else refused(lambda: bs.classical(panel, "did").sentences())


def result(data: bytes) -> object:
    """The text of a saved result, and the file as a whole: its first byte says which."""
    whole, data = (data[0] % 2 == 0, data[1:]) if data else (True, data)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.nc"
        if whole:
            file.write_bytes(data)
        else:
            tree = _saved().copy()
            content = tree["content"].to_dataset().drop_vars("text").drop_dims("byte", errors="ignore")
            tree["content"] = content.assign(text=("byte", np.frombuffer(data, np.uint8)))
            tree.to_netcdf(file, engine="h5netcdf")
        return refused(lambda: bs.load(file))


@cache
def _saved() -> Any:
    frame = bs.simulate_factor(donors=3, n_pre=5, n_post=2, seed=1)
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=5)
    return pack_result(bs.classical(panel, "did"))


def text_of_a_result() -> bytes:
    """The JSON text of a good result, to begin with."""
    return json.dumps(json.loads(bytes(_saved()["content"]["text"].to_numpy())), indent=0).encode()


def refused[T](ask: Callable[[], T]) -> T | None:
    """Ask; None where it was refused as it should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ask()
        except REFUSED as error:
            if "\n" in str(error):
                raise AssertionError(f"more than one line: {error}") from error
            return None


TARGETS: dict[str, Target] = {"settings": settings, "table": table, "result": result}
