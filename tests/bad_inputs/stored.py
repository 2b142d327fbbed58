"""Saved results that are cut short, of other versions, changed by hand, or made to do harm."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from bad_inputs.case import LIVELY, Case, lively

import bsynth as bs

DATA = Path(__file__).parent.parent / "data"


def _saved(file: Path) -> None:
    bs.classical(lively(), "did").save(file)


def loaded(name: str, make: Callable[[Path], object], *says: str) -> Case:
    """A file that ``make`` leaves there, given to `bsynth.load`."""

    def python(folder: Path) -> object:
        make(folder / "result.nc")
        return bs.load(folder / "result.nc")

    return Case(name, python, None, says)


def cut(share: float) -> Callable[[Path], object]:
    def make(file: Path) -> None:
        _saved(file)
        whole = file.read_bytes()
        file.write_bytes(whole[: int(len(whole) * share)])

    return make


def edited(change: Callable[[h5py.File], object]) -> Callable[[Path], object]:
    """A good file in which something was changed."""

    def make(file: Path) -> None:
        _saved(file)
        with h5py.File(file, "r+") as stored:
            change(stored)

    return make


def told(change: Callable[[dict[str, Any]], object], text: str | None = None) -> Callable[[Path], object]:
    """A good file whose JSON text was changed, or is another text."""

    def swap(stored: h5py.File) -> None:
        content = json.loads(bytes(stored["content/text"][:]))
        change(content)
        new = np.frombuffer((text or json.dumps(content)).encode(), dtype=np.uint8)
        del stored["content/text"]
        del stored["content/byte"]
        stored["content"].create_dataset("text", data=new)

    return edited(swap)


def of_fit(change: Callable[[Any], object]) -> Callable[[Path], object]:
    def make(file: Path) -> None:
        file.write_bytes((DATA / "fit-format-1.nc").read_bytes())
        with h5py.File(file, "r+") as stored:
            change(stored.attrs)

    return make


def _holes(stored: h5py.File) -> None:
    """An array that claims eight terabytes and holds none."""
    del stored["arrays/float64"]
    stored["arrays"].create_dataset("float64", shape=(10**12,), chunks=(10**6,), dtype="f8")


class Evil:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[Any, Any]:
        return Path.touch, (Path("pwned"),)


def _first(content: dict[str, Any], node: Any) -> None:
    content["result"] = node


CASES: list[Case] = [
    loaded("nothing there", lambda f: None, "does not exist", "save()"),
    loaded("a folder", lambda f: f.mkdir(), "is a folder"),
    loaded("no bytes", lambda f: f.write_bytes(b""), "cannot be read as a result"),
    loaded("text", lambda f: f.write_text("not a fit"), "cannot be read as a result"),
    loaded("cut at the beginning", cut(0.01), "cannot be read as a result"),
    loaded("cut in the middle", cut(0.5), "cannot be read as a result"),
    loaded("cut at the end", cut(0.99), "cannot be read as a result"),
    loaded("zeros", lambda f: f.write_bytes(bytes(9000)), "cannot be read as a result"),
    loaded("a pickle", lambda f: f.write_bytes(pickle.dumps(Evil())), "cannot be read as a result"),
    loaded("NetCDF 3", lambda f: xr.Dataset({"a": 1}).to_netcdf(f, engine="scipy"), "cannot be read as a result"),
    loaded("another's NetCDF", lambda f: xr.Dataset({"a": 1}).to_netcdf(f, engine="h5netcdf"), "not a bsynth result"),
    loaded("a later format", edited(lambda s: s.attrs.update(bsynth_result=9, bsynth_version="9.1")), "bsynth 9.1", "read it with that version"),
    loaded("a format that is text", edited(lambda s: s.attrs.update(bsynth_result="1")), "result.nc"),
    loaded("another kind than it says", edited(lambda s: s.attrs.update(bsynth_kind="Fit")), "says that it holds another kind"),
    loaded("no content", edited(lambda s: s.__delitem__("content")), "cannot be read as a result"),
    loaded("no arrays", edited(lambda s: s.__delitem__("arrays")), "cannot be read as a result"),
    loaded("an array without end", edited(_holes), "result.nc", "memory"),
    loaded("no JSON", told(lambda c: None, "{"), "cannot be read as a result"),
    loaded("nested deeply", told(lambda c: None, "[" * 200_000), "cannot be read as a result"),
    loaded("an unknown class", told(lambda c: _first(c, {"made": "Popen", "fields": {"args": "touch pwned"}})), "'Popen'", "does not know"),
    loaded("a class of another package", told(lambda c: _first(c, {"made": "os.system", "fields": {}})), "'os.system'"),
    loaded("an unknown node", told(lambda c: _first(c, {"code": "import os"})), "does not know"),
    loaded("an object that is not there", told(lambda c: _first(c, {"object": 99})), "cannot be read as a result"),
    loaded("an object of itself", told(lambda c: c["objects"].insert(0, {"object": 0})), "cannot be read as a result"),
    loaded("a place below zero", told(lambda c: _first(c, {"array": "float64", "from": -1, "shape": [1]})), "counts to -1"),
    loaded("a shape beyond the array", told(lambda c: _first(c, {"array": "float64", "from": 0, "shape": [10**9]})), "cannot be read as a result"),
    loaded("a field too many", told(lambda c: c["objects"][-1]["fields"].update(more=1)), "more"),
    loaded("a field too few", told(lambda c: c["objects"][-1]["fields"].pop("estimator")), "cannot be read as a result"),
    loaded("text for a field", told(lambda c: c["objects"][0].update(panel="x")), "cannot be read as a result"),
    loaded("a fit of no format", of_fit(lambda a: a.__delitem__("bsynth_format")), "result.nc"),
    loaded("a fit without its model", of_fit(lambda a: a.__delitem__("bsynth_spec")), "cannot be read as a result"),
    loaded("a fit of an unknown model", of_fit(lambda a: a.update(bsynth_spec='{"wieghts": {}}')), "cannot be read as a result"),
    loaded("a fit of code", of_fit(lambda a: a.update(bsynth_spec="__import__('os').system('touch pwned')")), "cannot be read as a result"),
    loaded("a fit of a later format", of_fit(lambda a: a.update(bsynth_format=99, bsynth_version="9.1")), "bsynth 9.1"),
    Case("no path", lambda f: bs.load(None), None, ("give a path",)),  # type: ignore[arg-type]
    Case("a name too long", lambda f: bs.load("a" * 5000), None, ("does not exist",)),
    Case("a table", lambda f: bs.load(LIVELY), None, ("give a path",)),  # type: ignore[arg-type]
]  # fmt: skip
