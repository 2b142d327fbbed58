"""A result put together again from plain data, arrays and the trees of fits."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth.bayesian.archive import unpack_fit
from bsynth.model.link import LINKS
from bsynth.model.spec import ModelSpec
from bsynth.panel.archive import unpack
from bsynth.reporting.archive.kinds import class_of
from bsynth.studies.spec import StudySpec

type AnyArray = np.ndarray[Any, Any]


class Reader:
    """Puts values together from what `bsynth.reporting.archive.writer.Writer` made of them.

    Examples
    --------
    >>> array = {"array": "float64", "from": 0, "shape": [1]}
    >>> Reader({"float64": np.array([1.5])}, [], []).value({"tuple": [1, {"float": "-inf"}, array]})
    (1, -inf, array([1.5]))
    """

    def __init__(self, arrays: Mapping[str, AnyArray], fits: Sequence[xr.DataTree], objects: Sequence[Any]) -> None:
        self._arrays, self._fits = arrays, fits
        self._made: list[Any] = []
        # An object stands behind those that it holds.
        for each in objects:
            self._made.append(self.value(each))

    def value(self, node: Any) -> Any:
        """Return what a node stands for.

        Raises
        ------
        LookupError, TypeError, ValueError
            What no writer wrote.
        """
        if not isinstance(node, dict):
            return node
        for kind, make in self._kinds.items():
            if kind in node:
                return make(node)
        raise ValueError(f"it holds {sorted(node)[:3]}, which this version does not know")

    @property
    def _kinds(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {
            "object": lambda node: self._made[_place(node["object"])],
            "array": self._array,
            "texts": self._texts,
            "float": lambda node: float(node["float"]),
            "tuple": lambda node: tuple(map(self.value, node["tuple"])),
            "list": lambda node: list(map(self.value, node["list"])),
            "mapping": lambda node: {self.value(key): self.value(each) for key, each in node["mapping"]},
            "timestamp": lambda node: pd.Timestamp(node["timestamp"]).as_unit(node["unit"]),
            "moments": lambda node: self.value(node["moments"]).astype(node["dtype"]),
            "fit": lambda node: unpack_fit(self._fits[_place(node["fit"])]),
            "panel": self._panel,
            "specification": lambda node: ModelSpec.model_validate(node["specification"]),
            "study": lambda node: StudySpec.from_dict(node["study"]),
            "link": lambda node: {link.name: link for link in LINKS.values()}[node["link"]],
            "frame": self._frame,
            "index": lambda node: self._labels(node["index"]),
            "named": self._named,
            "made": self._object,
        }

    def _array(self, node: dict[str, Any]) -> AnyArray:
        start, shape = _place(node["from"]), tuple(map(_place, node["shape"]))
        return self._arrays[node["array"]][start : start + math.prod(shape)].reshape(shape).copy()

    def _texts(self, node: dict[str, Any]) -> AnyArray:
        found = np.empty(len(node["texts"]), dtype=object)
        for at, each in enumerate(node["texts"]):
            found[at] = self.value(each)
        return found.reshape(node["shape"])

    def _panel(self, node: dict[str, Any]) -> Any:
        return unpack({name: self.value(each) for name, each in node["arrays"].items()}, node["panel"])

    def _object(self, node: dict[str, Any]) -> Any:
        return class_of(node["made"])(**{name: self.value(each) for name, each in node["fields"].items()})

    def _frame(self, node: dict[str, Any]) -> pd.DataFrame:
        index = self._labels(node["index"])
        # Numbered first: names of columns may be alike.
        columns = {at: self._labels(each).array for at, each in enumerate(node["frame"])}
        found = pd.DataFrame(columns, index=index)
        return found.set_axis(self._labels(node["columns"]), axis=1)

    def _named(self, node: dict[str, Any]) -> xr.DataArray:
        coords = {name: (name, self._labels(each)) for name, each in node["coords"].items()}
        return xr.DataArray(self.value(node["named"]), dims=node["dims"], coords=coords, name=node["name"])

    def _labels(self, node: dict[str, Any]) -> pd.Index:
        name = self.value(node["name"])
        found: pd.Index
        if "levels" in node:
            found = pd.MultiIndex.from_arrays([self._labels(each) for each in node["levels"]])
            return found
        if "range" in node:
            start, stop, step = node["range"]
            return pd.RangeIndex(start, stop, step, name=name)
        if "moments" in node:
            moments = pd.DatetimeIndex(self.value(node["moments"]).astype(f"datetime64[{node['unit']}]"))
            found = moments if node["zone"] is None else moments.tz_localize("UTC").tz_convert(node["zone"])
            found.name = name
            return found
        if "numbers" in node:
            found = pd.Index(self.value(node["numbers"]), name=name)
            return found
        found = pd.Index([self.value(each) for each in node["labels"]], dtype=node["dtype"], name=name)
        return found


def _place(number: Any) -> int:
    """A place or a length; one below zero would be counted from the end."""
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"it counts to {number!r}")
    return number
