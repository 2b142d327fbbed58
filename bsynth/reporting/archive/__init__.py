"""Results as files: NetCDF, versioned, never pickle; reading one makes values from a closed list and runs nothing else.

A fit's own file is the tree of `Fit.tree` with its panel beside it, which ArviZ reads as it is
(`bsynth.bayesian.archive`). The file of any other result is a NetCDF file of format 1:

- attributes ``bsynth_result`` (the format), ``bsynth_kind`` (the class) and ``bsynth_version`` (what wrote it);
- groups ``fit0``, ``fit1``, …: the fits within, each as in a file of its own;
- group ``arrays``: a variable for each dtype, in which the arrays of all parts stand one behind the other;
- group ``content``: variable ``text``, the bytes of a JSON text ``{"objects": [...], "result": node}``.

A node of that text is a number, a text, true, false or null, or a mapping that one key tells apart: ``tuple``,
``list``, ``mapping`` (pairs), ``float`` (not finite), ``timestamp``; ``array`` (its dtype, where it begins, and its
shape), ``texts`` (an array of labels), ``moments`` (of whole numbers); ``object`` (number of an object, which stands
behind those that it holds); and of objects ``fit`` (its group), ``panel``, ``specification``, ``link``, ``frame``,
``index``, ``named`` (an xarray DataArray) and ``made`` (a class of `bsynth.reporting.archive.kinds`, with its
``fields``). Sums per user stay out, as of a fit's file.

Behind the NetCDF of either stands a line with its SHA-256, which readers of HDF5 pass over: what changed since is not
read as numbers.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bsynth import __version__
from bsynth._base.request import as_path, check_file, shown, whole, writing
from bsynth.bayesian.archive import READ, pack_fit, read_text, text_bytes, unpack_fit
from bsynth.bayesian.result import Fit
from bsynth.errors import PanelError
from bsynth.reporting.archive.kinds import name_of
from bsynth.reporting.archive.reader import Reader
from bsynth.reporting.archive.writer import Writer

FORMAT = 1
"""Of files of results other than fits."""
_INSTEAD = "give a file that a result's save() wrote, such as analysis.save('analysis.nc')"
_SEAL = re.compile(rb"\nbsynth-sha256 ([0-9a-f]{64})\n")
_SEAL_LENGTH = len("\nbsynth-sha256 \n") + 64
_PIECE = 1 << 20
"""Bytes of a file that are looked at in one go."""


def save(result: Any, path: str | Path) -> None:
    """Write a result, whole or not at all; what `bsynth.text.result.Result.save` does."""
    file = check_file(path, "path")
    tree = pack_fit(result) if isinstance(result, Fit) else pack_result(result)
    with writing(file, "path"):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as part:
            part.write_bytes(_file_of(tree))


def _file_of(tree: xr.DataTree) -> bytes:
    """Return the bytes of a tree's file, with the line that seals them.

    HDF5 makes them in memory: a file of its own that cannot grow, as on a full disk, ends the process when closed.
    """
    content: Any = tree.to_netcdf(engine="h5netcdf")
    return b"".join([content, b"\nbsynth-sha256 %s\n" % hashlib.sha256(content).hexdigest().encode()])


def _is_changed(file: str | Path) -> bool:
    """Whether a file is not what its last line says that was written; one without has nothing to say."""
    with open(file, "rb") as stored:
        left = max(os.fstat(stored.fileno()).st_size - _SEAL_LENGTH, 0)
        found = hashlib.sha256()
        while left and (piece := stored.read(min(left, _PIECE))):
            found.update(piece)
            left -= len(piece)
        seal = _SEAL.fullmatch(stored.read())
    return seal is not None and seal[1] != found.hexdigest().encode()


def pack_result(result: Any) -> xr.DataTree:
    """Return a result, other than a fit, as the groups of its file."""
    writer = Writer()
    content = {"result": writer.node(result), "objects": writer.objects}
    groups: dict[str, xr.Dataset | xr.DataTree] = {
        "content": xr.Dataset({"text": ("byte", text_bytes(content))}),
        "arrays": xr.Dataset({dtype: (f"of {dtype}", values) for dtype, values in writer.arrays().items()}),
    }
    groups |= {f"fit{number}": tree for number, tree in enumerate(writer.fits)}
    found = xr.DataTree.from_dict(groups)
    found.attrs = {"bsynth_result": FORMAT, "bsynth_kind": name_of(type(result)), "bsynth_version": __version__}
    return found


def unpack_result(tree: xr.DataTree) -> Any:
    """Return the result that `pack_result` took apart.

    Raises
    ------
    LookupError, TypeError, ValueError
        What is no result, or a damaged one.
    """
    arrays = {str(dtype): values.to_numpy() for dtype, values in tree["arrays"].to_dataset().items()}
    fits = [tree.children[f"fit{number}"].copy() for number in range(sum("fit" in name for name in tree.children))]
    content = read_text(np.asarray(tree["content"]["text"]))
    found = Reader(arrays, fits, content["objects"]).value(content["result"])
    if name_of(type(found)) != tree.attrs.get("bsynth_kind"):
        raise ValueError(f"it holds a {type(found).__name__} and says that it holds another kind")
    return found


def load(path: str | Path) -> Any:
    """Read a result that its ``save`` wrote: a `Fit`, an `Analysis`, a `Calibration`, or any other.

    Sums per user, which `bsynth.bootstrap` draws from, are in no file: the panel within has none.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    PanelError
        The file is missing, unreadable, or holds no result of bsynth.

    Examples
    --------
    >>> import tempfile
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> analysis = bs.analyse(panel, models=["none"], methods=["sc", "did", "placebo"], progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     analysis.save(f"{folder}/analysis.nc")
    ...     again = bs.load(f"{folder}/analysis.nc")
    >>> again.effects().equals(analysis.effects()), again.sentences() == analysis.sentences()
    (True, True)
    """
    file = as_path(path, "path")
    if not os.path.isfile(file):
        reason = "is a folder" if os.path.isdir(file) else "does not exist"
        raise PanelError(f"{shown(str(path))} {reason}; {_INSTEAD}")
    try:
        if _is_changed(file):
            raise PanelError(f"{shown(str(path))} was changed or damaged after it was written; {_INSTEAD}")
        with xr.open_datatree(file, engine="h5netcdf", phony_dims="access") as stored:
            tree = stored.load()
        if tree.attrs.get("bsynth_format") in READ:
            return unpack_fit(tree)
        if tree.attrs.get("bsynth_result") == FORMAT:
            return unpack_result(tree)
        raise PanelError(_unknown(path, tree.attrs))
    except PanelError:
        raise
    except MemoryError:
        raise PanelError(f"{str(path)!r} says that it holds more than memory does; {_INSTEAD}") from None
    # What HDF5, xarray and JSON raise over bytes of another kind or a file cut short.
    except (OSError, ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise PanelError(f"{str(path)!r} cannot be read as a result ({reason}); {_INSTEAD}") from error


def _unknown(path: object, attrs: Mapping[Any, Any]) -> str:
    if newer := attrs.get("bsynth_version"):
        return (
            f"{str(path)!r} was written by bsynth {newer} in a format that this version, {__version__}, does not know; "
            "read it with that version"
        )
    return f"{str(path)!r} is not a bsynth result; {_INSTEAD}"
