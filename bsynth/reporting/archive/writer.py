"""A result taken apart: plain data, arrays and the trees of fits."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bsynth.bayesian.archive import pack_fit
from bsynth.bayesian.result import Fit
from bsynth.model.link import Link
from bsynth.model.spec import ModelSpec
from bsynth.panel import Panel
from bsynth.panel.archive import pack
from bsynth.reporting.archive.kinds import name_of
from bsynth.studies.spec import StudySpec

type AnyArray = np.ndarray[Any, Any]


class Writer:
    """Takes values apart. What several parts of a result share is kept once, and stays shared when it is read.

    Text, whole and finite numbers, True, False and None are themselves in JSON. Everything else is a mapping of one
    key, which says what it is: see `bsynth.reporting.archive`.

    Examples
    --------
    >>> writer = Writer()
    >>> writer.node((1, float("inf"))), writer.node(np.array([1.5, 2.5]))
    ({'tuple': [1, {'float': 'inf'}]}, {'array': 'float64', 'from': 0, 'shape': [2]})
    >>> writer.arrays()
    {'float64': array([1.5, 2.5])}
    """

    def __init__(self) -> None:
        self._flat: dict[str, list[AnyArray]] = {}
        self.fits: list[xr.DataTree] = []
        self.objects: list[Any] = []
        # The value is kept beside its node, so that its id is not given to another.
        self._seen: dict[int, tuple[object, Any]] = {}

    def arrays(self) -> dict[str, AnyArray]:
        """Return every array, one behind the other, by dtype: many small ones would take seconds to open."""
        return {dtype: np.concatenate(each) for dtype, each in self._flat.items()}

    def node(self, value: Any) -> Any:
        """Return a value as JSON data."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
            return self.node(value.item())
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"float": str(value)}
        if isinstance(value, pd.Timestamp):
            return {"timestamp": value.isoformat(), "unit": value.unit}
        if isinstance(value, tuple | list | set | frozenset):
            return {"tuple" if isinstance(value, tuple) else "list": [self.node(each) for each in value]}
        if isinstance(value, Mapping):
            return {"mapping": [[self.node(key), self.node(each)] for key, each in value.items()]}
        if isinstance(value, Path):
            return str(value)
        if id(value) not in self._seen:
            self._seen[id(value)] = value, self._shared(value)
        return self._seen[id(value)][1]

    def _shared(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._array(value)
        found = self._whole(value)
        self.objects.append(found)
        return {"object": len(self.objects) - 1}

    def _whole(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Fit):
            self.fits.append(pack_fit(value))
            return {"fit": len(self.fits) - 1}
        if isinstance(value, Panel):
            arrays, facts = pack(value)
            return {"panel": facts, "arrays": {name: self.node(each) for name, each in arrays.items()}}
        if isinstance(value, ModelSpec):
            return {"specification": value.to_dict()}
        if isinstance(value, StudySpec):
            return {"study": value.to_dict()}
        if isinstance(value, Link):
            return {"link": value.name}
        if isinstance(value, pd.DataFrame):
            columns = [self._labels(pd.Index(value.iloc[:, at])) for at in range(value.shape[1])]
            return {"frame": columns, "columns": self._labels(value.columns), "index": self._labels(value.index)}
        if isinstance(value, pd.Index):
            return {"index": self._labels(value)}
        if isinstance(value, xr.DataArray):
            coords = {str(name): self._labels(value[name].to_index()) for name in value.dims if name in value.coords}
            own = {"dims": [str(name) for name in value.dims], "coords": coords, "name": value.name}
            return {"named": self.node(value.values), **own}
        if is_dataclass(value) and not isinstance(value, type):
            # A result hands out copies of its tables; the fields themselves are what others may share.
            held = {each.name: self.node(vars(value)[each.name]) for each in fields(value) if each.init}
            return {"made": name_of(type(value)), "fields": held}
        raise TypeError(f"a {type(value).__name__} is no part of a result that can be saved")

    def _array(self, values: AnyArray) -> dict[str, Any]:
        if values.dtype.kind in "OU":
            flat = [self.node(each) for each in values.ravel().tolist()]
            return {"texts": flat, "shape": list(values.shape)}
        if values.dtype.kind == "M":
            return {"moments": self._array(values.astype(np.int64)), "dtype": str(values.dtype)}
        before = self._flat.setdefault(str(values.dtype), [])
        start = sum(each.size for each in before)
        before.append(values.ravel())
        return {"array": str(values.dtype), "from": start, "shape": list(values.shape)}

    def _labels(self, index: pd.Index) -> dict[str, Any]:
        """A column of a table, or its index: by its dtype, which comes back."""
        name = self.node(index.name)
        if isinstance(index, pd.MultiIndex):
            levels = [self._labels(index.get_level_values(at)) for at in range(index.nlevels)]
            return {"levels": levels, "name": name}
        if isinstance(index, pd.RangeIndex):
            return {"range": [index.start, index.stop, index.step], "name": name}
        if isinstance(index, pd.DatetimeIndex):
            zone = None if index.tz is None else str(index.tz)
            return {"moments": self.node(index.asi8), "unit": index.unit, "zone": zone, "name": name}
        if index.dtype.kind in "biuf" and isinstance(index.dtype, np.dtype):
            return {"numbers": self.node(index.to_numpy()), "name": name}
        listed = [None if each is pd.NA else self.node(each) for each in index.tolist()]
        return {"labels": listed, "dtype": str(index.dtype), "name": name}
