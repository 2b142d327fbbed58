"""A panel as plain arrays and JSON data, and back: how a fit's file holds it; and the digest of a panel."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bsynth._base.types import Label
from bsynth.panel.calendar import Calendar
from bsynth.panel.cells import Cells, Covariates, Ratio
from bsynth.panel.panel import Panel
from bsynth.panel.provenance import Source
from bsynth.panel.spelling import Spelling
from bsynth.panel.wording import Labels
from bsynth.pieces import digest

_SUMS = ("n", "total", "total_sq")
_RATIO = ("size", "cross", "size_sq")
"""Arrays of the cells."""
_LABELS = ("dropped", "anticipation", "washout")
"""What a source says of units and periods that are no longer in the panel."""


def pack(panel: Panel) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a panel, each (time, unit) or (covariate, time, unit), and its facts, JSON-ready.

    Clusters are left out.

    Examples
    --------
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4]})
    >>> panel = Panel.from_wide(wide, treated="a", start=3)
    >>> arrays, facts = pack(panel)
    >>> list(arrays), facts["times"], unpack(arrays, facts)
    (['outcome'], {'kind': 'int64', 'values': [0, 1, 2, 3]}, Panel(a against 2 donors, 0 to 3, start 3: 3 pre + 1 post))
    """
    arrays: dict[str, NDArray[Any]] = {"outcome": panel.outcome}
    facts: dict[str, Any] = {
        "units": [_label(unit) for unit in panel.units],
        "n_treated": panel.n_treated,
        "times": _times(panel.times),
        "n_pre": panel.n_pre,
        "source": _source(panel),
        "calendar": None if panel.calendar is None else asdict(panel.calendar),
        "labels": asdict(panel.labels),
    }
    if (cells := panel.cells) is not None:
        arrays |= {name: getattr(cells, name) for name in _SUMS}
        facts["cells"] = {"binary": bool(cells.binary), "design_effect": float(cells.design_effect)}
        if cells.agg != "mean":
            facts["cells"]["agg"] = cells.agg
        if cells.ratio is not None:
            arrays |= {f"ratio_{name}": getattr(cells.ratio, name) for name in _RATIO}
    if panel.covariates is not None:
        arrays["covariates"] = panel.covariates.values
        facts["covariates"] = list(panel.covariates.names)
    return arrays, facts


def unpack(arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> Panel:
    """Return the panel that `pack` took apart."""
    units = tuple(_of_label(each) for each in facts["units"])
    times = _of_times(facts["times"])
    cells, covariates = facts.get("cells"), facts.get("covariates")
    return Panel(
        outcome=arrays["outcome"],
        units=units,
        times=times,
        treated=units[: facts["n_treated"]],
        start=times[facts["n_pre"]] if facts["n_pre"] < len(times) else _keeping(facts, times).after(times),
        end=times[-1],
        source=_of_source(facts["source"], units, times),
        cells=None
        if cells is None
        else Cells(n=arrays["n"], total=arrays["total"], total_sq=arrays["total_sq"], ratio=_ratio(arrays), **cells),
        covariates=None if covariates is None else Covariates(tuple(covariates), arrays["covariates"]),
        calendar=_of_calendar(facts["calendar"]),
        labels=Labels(**facts["labels"]) if "labels" in facts else Labels(),
    )


def _ratio(arrays: Mapping[str, NDArray[Any]]) -> Ratio | None:
    if "ratio_size" not in arrays:
        return None
    return Ratio(*(arrays[f"ratio_{name}"] for name in _RATIO))


def fingerprint(panel: Panel) -> str:
    """Return a digest of everything in a panel that enters a model; panels of one digest have the same fits.

    Roles, periods and their places on the calendar, outcomes, cells and covariates: not where the data came from, nor
    how they were written, nor the clusters, which enter by the design effect of the cells.

    Examples
    --------
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4], "d": [1., 0, 3, 4]})
    >>> panel = Panel.from_wide(wide, treated="a", start=3)
    >>> fingerprint(panel) == fingerprint(unpack(*pack(panel))), fingerprint(panel) == fingerprint(panel.without("d"))
    (True, False)
    """
    arrays, facts = pack(panel)
    entering = {name: value for name, value in facts.items() if name not in ("source", "calendar", "labels")}
    entering |= {
        "positions": panel.positions.tolist(),
        "arrays": [[name, *each.shape] for name, each in arrays.items()],
    }
    return digest(entering, *(each.tobytes() for each in arrays.values()))


def _label(label: Label) -> Any:
    """A unit's label as JSON data: text and numbers are themselves, a date is a mapping."""
    if isinstance(label, pd.Timestamp):
        return {"timestamp": label.isoformat(), "unit": label.unit}
    return label.item() if isinstance(label, np.generic) else label


def _of_label(stored: Any) -> Label:
    return pd.Timestamp(stored["timestamp"]).as_unit(stored["unit"]) if isinstance(stored, dict) else stored


def _times(times: pd.Index) -> dict[str, Any]:
    if not isinstance(times, pd.DatetimeIndex):
        return {"kind": str(times.dtype), "values": times.tolist()}
    zone = None if times.tz is None else str(times.tz)
    return {"kind": "timestamps", "values": times.asi8.tolist(), "unit": times.unit, "zone": zone}


def _of_times(stored: Mapping[str, Any]) -> pd.Index:
    if stored["kind"] != "timestamps":
        plain: pd.Index = pd.Index(stored["values"], dtype=stored["kind"])
        return plain
    moments: pd.DatetimeIndex = pd.DatetimeIndex(np.array(stored["values"], dtype=f"datetime64[{stored['unit']}]"))
    if stored["zone"] is None:
        return moments
    zoned: pd.Index = moments.tz_localize("UTC").tz_convert(stored["zone"])
    return zoned


def _source(panel: Panel) -> dict[str, Any]:
    """The source with its filled cells by their places: labels of periods are in ``times`` already."""
    found = asdict(panel.source)
    places = {time: at for at, time in enumerate(panel.times)}
    found["filled"] = [[panel.units.index(unit), places[time]] for unit, time in panel.source.filled]
    for name in _LABELS:
        found[name] = [_label(label) for label in getattr(panel.source, name)]
    return found


def _of_source(stored: Mapping[str, Any], units: tuple[Label, ...], times: pd.Index) -> Source:
    plain = {
        "filled": tuple((units[at], times[t]) for at, t in stored["filled"]),
        "alike": tuple((one, other) for one, other in stored["alike"]),
        "said": tuple(stored.get("said", ())),
    }
    plain |= {name: tuple(_of_label(label) for label in stored.get(name, ())) for name in _LABELS}
    return Source(**{**stored, **plain})


def _keeping(facts: Mapping[str, Any], times: pd.Index) -> Calendar:
    return _of_calendar(facts["calendar"]) or Calendar.of(times)


def _of_calendar(stored: Mapping[str, Any] | None) -> Calendar | None:
    if stored is None:
        return None
    plain = {"weekdays": tuple(stored["weekdays"]), "spelling": Spelling(**stored["spelling"])}
    return Calendar(**{**stored, **plain})
