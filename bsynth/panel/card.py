"""A panel as a table in a notebook, and as plain data."""

import html
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bsynth._base.plain import show
from bsynth.errors import some_of
from bsynth.panel.data import PanelData
from bsynth.text.labels import span
from bsynth.text.numbers import exact


def panel_card(panel: PanelData) -> str:
    """Return who is compared with whom and when, and what was done to the data, as HTML."""
    source, words = panel.source, panel.period_words()
    rows = {
        "Treated": f"{panel.treated_name}" + (f" ({some_of(panel.treated)})" if panel.n_treated > 1 else ""),
        "Donors": f"{panel.n_donors} ({some_of(panel.donors)})",
        "Window": f"{span(words[0], words[-1])}, "
        + (f"treated from {panel.start_words}" if panel.n_post else "no start yet"),
        "Periods": f"{panel.n_pre} before, {panel.n_post} after",
        "Outcome": f"{source.outcome} from {source.name}",
        "Rows": f"{source.rows_used:,} used of {source.rows_in:,}",
    }
    if panel.cells is not None:
        n = panel.cells.n
        rows["Cell sizes"] = f"median {exact(np.median(n))} rows, {exact(n.min())} to {exact(n.max())}"
    if panel.covariates is not None:
        rows["Covariates"] = ", ".join(panel.covariates.names)
    if notes := panel.notes():
        rows["Notes"] = " ".join(notes)
    return facts_card("Panel", rows)


def facts_card(title: str, rows: Mapping[str, str]) -> str:
    """Return facts by name as an HTML table."""
    left = 'style="text-align:left;max-width:46em;overflow-wrap:anywhere"'
    # On a phone, too, names of facts are not broken within a word.
    name = 'style="text-align:left;min-width:6em;max-width:46em;overflow-wrap:anywhere"'
    body = "".join(
        f"<tr><th {name}>{html.escape(k)}</th><td {left}>{html.escape(v)}</td></tr>" for k, v in rows.items()
    )
    return f"<table><caption {left}><b>{html.escape(title)}</b></caption><tbody>{body}</tbody></table>"


def panel_dict(panel: PanelData) -> dict[str, Any]:
    """Return what `Panel.to_dict` says."""
    return {
        "units": len(panel.units),
        "donors": [show(u) for u in panel.donors],
        "times": len(panel.times),
        "start": show(panel.start),
        "end": show(panel.end),
        "start_words": panel.start_words,
        "window": panel.window,
        "treated": [show(u) for u in panel.treated],
        "covariates": [] if panel.covariates is None else list(panel.covariates.names),
        "n_pre": panel.n_pre,
        "n_post": panel.n_post,
        "rows_in": panel.source.rows_in,
        "rows_used": panel.source.rows_used,
        "sha256": panel.source.sha256,
        "missing": panel.source.missing,
        "labels": asdict(panel.labels),
        "notes": list(panel.notes()),
    }
