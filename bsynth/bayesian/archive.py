"""A fit as a tree of arrays that a NetCDF file holds and ArviZ reads, and back."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from bsynth import __version__
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.result import Fit, Provenance
from bsynth.model.spec import ModelSpec
from bsynth.panel.archive import pack, unpack
from bsynth.panel.panel import Panel

FORMAT = 2
READ = (1, FORMAT)
"""Formats that `unpack_fit` reads; a fit of the first has no panel."""
_PANEL, _FACTS = "panel", "facts"


def pack_fit(fit: Fit) -> xr.DataTree:
    """Return the groups of a fit beside its panel's arrays; what is no array is JSON text in the attributes."""
    tree = fit.tree.copy()
    tree.attrs = dict(fit.tree.attrs) | {
        "bsynth_format": FORMAT,
        "bsynth_version": __version__,
        "bsynth_spec": json.dumps(fit.spec.to_dict()),
        "bsynth_diagnostics": json.dumps(fit.diagnostics.to_dict()),
        "bsynth_provenance": json.dumps(asdict(fit.provenance)),
    }
    if fit.panel is not None:
        tree[_PANEL] = pack_panel(fit.panel)
    return tree


def unpack_fit(stored: xr.DataTree) -> Fit:
    """Return the fit that `pack_fit` took apart.

    Raises
    ------
    LookupError, TypeError, ValueError
        What is no fit, or a damaged one.
    """
    tree = stored.copy()
    attrs = dict(tree.attrs)
    if attrs.pop("bsynth_format", None) not in READ:
        raise ValueError(f"it is no fit of format {FORMAT} or earlier")
    attrs.pop("bsynth_version", None)
    spec = ModelSpec.model_validate(json.loads(attrs.pop("bsynth_spec")))
    diagnostics = json.loads(attrs.pop("bsynth_diagnostics"))
    diagnostics["failures"] = tuple(diagnostics["failures"])
    provenance = Provenance(**json.loads(attrs.pop("bsynth_provenance")))
    tree.attrs = attrs
    panel = None
    if _PANEL in tree.children:
        panel = unpack_panel(tree[_PANEL].to_dataset())
        del tree[_PANEL]
    return Fit(tree, spec, Diagnostics(**diagnostics), provenance, panel)


def pack_panel(panel: Panel) -> xr.Dataset:
    """A panel as arrays; its facts are the bytes of a JSON text, since an attribute holds 64 kB at most."""
    arrays, facts = pack(panel)
    dims = ("covariate", "time", "unit")
    data = {name: (dims[-values.ndim :], values) for name, values in arrays.items()}
    return xr.Dataset(data | {_FACTS: ("byte", text_bytes(facts))})


def unpack_panel(stored: xr.Dataset) -> Panel:
    """Return the panel that `pack_panel` took apart."""
    arrays = {str(name): stored[name].values for name in stored if name != _FACTS}
    return unpack(arrays, read_text(stored[_FACTS].values))


def text_bytes(data: Mapping[str, Any]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return plain data as the bytes of its JSON text.

    Examples
    --------
    >>> read_text(text_bytes({"ü": [1, None]}))
    {'ü': [1, None]}
    """
    return np.frombuffer(json.dumps(data, allow_nan=False).encode(), dtype=np.uint8)


def read_text(values: np.ndarray[Any, Any]) -> Any:
    """Return the plain data that `text_bytes` wrote."""
    return json.loads(values.astype(np.uint8).tobytes().decode())
