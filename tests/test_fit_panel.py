"""A fit holds its panel, in memory and in its file: every kind of panel comes back as it was."""

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bsynth as bs
from bsynth.bayesian.archive import FORMAT
from bsynth.bayesian.diagnostics import Diagnostics
from bsynth.bayesian.result import Provenance, panel_of
from bsynth.panel import Panel

EARLIER = Path(__file__).parent / "data" / "fit-format-1.nc"
"""Written by the last version whose fits held no panel."""


def frame_of(units: list[Any], times: list[Any], *, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [(u, t, 5 + rng.normal(), rng.normal()) for u in units for t in times]
    return pd.DataFrame(rows, columns=["unit", "time", "outcome", "rain"])


def long(units: list[Any], times: list[Any], start: Any, **roles: Any) -> Panel:
    names = {"unit": "unit", "time": "time", "outcome": "outcome"}
    return Panel.from_long(frame_of(units, times), **names, **({"treated": units[0], "start": start} | roles))


def gaps() -> Panel:
    months = [f"2020-{m:02d}" for m in range(1, 13) if m not in (4, 5)]
    return long(["a", "b", "c"], months, "2020-10")


def zone_aware() -> Panel:
    stamps = pd.date_range("2024-03-29T06:00", periods=9, freq="D", tz="Europe/Berlin")
    return long([1, 2, 3], [stamp.isoformat() for stamp in stamps], stamps[6].isoformat())


def zone_of_its_own() -> Panel:
    """By the constructor, which takes an index as it is."""
    made = long([1, 2, 3], list(range(8)), 5)
    times = pd.date_range("2024-10-26T06:00", periods=8, freq="6h", tz="Europe/Berlin", unit="s")
    return Panel(made.outcome, made.units, times, made.treated, times[5], times[7], made.source)


def events(rows_per_cell: int = 4, *, proportion: bool = True) -> Panel:
    rng = np.random.default_rng(2)
    rows = [(w, t, rng.random(), u) for w in range(5) for t in range(9) for u in range(rows_per_cell)]
    log = pd.DataFrame(rows, columns=["team", "week", "done", "user"])
    if proportion:
        log["done"] = (log["done"] < 0.5).astype(int)
    log = log[~((log["team"] == 4) & (log["week"] == 2))] if proportion else log
    return Panel.from_events(
        log, unit="team", time="week", outcome="done", treated=[0, 1], start=6, cluster="user",
        missing="drop-units",
    )  # fmt: skip


def with_holes(missing: str) -> Panel:
    frame = frame_of(["a", "b", "c", "d"], list(range(10)))
    frame.loc[(frame["unit"] == "c") & frame["time"].isin([3, 4]), "outcome"] = np.nan
    names = {"unit": "unit", "time": "time", "outcome": "outcome"}
    return Panel.from_long(frame, **names, treated="a", start=7, missing=missing)  # type: ignore[arg-type]


def covariates() -> Panel:
    frame = frame_of(["a", "b", "c"], list(range(10))).assign(sun=1.0)
    frame.loc[::4, "rain"] = np.nan
    names = {"unit": "unit", "time": "time", "outcome": "outcome"}
    return Panel.from_long(frame, **names, treated="a", start=7, covariates=["rain", "sun"])


DAYS = [f"{d:02d}.03.2024" for d in range(1, 11)]
PANELS: dict[str, Callable[[], Panel]] = {
    "whole numbers": lambda: long(["a", "b", "c"], list(range(1990, 1999)), 1996),
    "every fourth year": lambda: long(["a", "b", "c"], [*range(1960, 1996, 4), 2004], 1988),
    "days": lambda: long(["a", "b", "c"], DAYS, "08.03.2024", date_format="%d.%m.%Y"),
    "months with a gap": gaps,
    "quarters": lambda: long(["a", "b", "c"], [f"{y}Q{q}" for y in (2020, 2021) for q in (1, 2, 3, 4)], "2021Q3"),
    "decimal years": lambda: long(["a", "b", "c"], [1990 + k / 4 for k in range(9)], 1991.5),
    "times with zones": zone_aware,
    "an index with a zone": zone_of_its_own,
    "dates without a calendar": lambda: long(["a", "b", "c"], [f"2024-01-{d:02d}" for d in (1, 2, 7, 9, 20, 30)], "2024-01-20"),
    "number labels": lambda: long([3, 1, 2], list(range(9)), 6),
    "labels with a decimal": lambda: long([0.5, 1.5, 2.5], list(range(9)), 6),
    "date labels": lambda: long(list(pd.to_datetime(["2020-01-01", "2021-01-01", "2022-01-01"])), list(range(9)), 6),
    "labels that look alike": lambda: long(["New York", "new york", "東京", "x,\"y\""], list(range(9)), 6),
    "several treated": lambda: long([1, 2, 3, 4], list(range(9)), 6, treated=[1, 2], exclude=[], end=7),
    "cells of proportions, a hole": events,
    "cells of amounts": lambda: events(proportion=False),
    "covariates": covariates,
    "filled": lambda: with_holes("interpolate"),
    "dropped": lambda: with_holes("drop-units"),
    "as treated, backdated": lambda: with_holes("interpolate").as_treated("b", pool="include").backdated(5),
}  # fmt: skip


def fit_of(panel: Panel) -> bs.Fit:
    """A fit whose posterior is empty: what is asked here is its panel alone."""
    fine = Diagnostics("ok", (), 1.0, 4000.0, 1.0, 0, 0, 1.0, retried=False)
    made = Provenance(0, 100, 100, 4, 0.9, 1.0, "made", panel.to_dict(), {})
    return bs.Fit(xr.DataTree(), bs.load_model("level"), fine, made, panel)


def assert_same(found: Panel, panel: Panel) -> None:
    np.testing.assert_array_equal(found.outcome, panel.outcome)
    assert not found.outcome.flags.writeable
    for labels in ("units", "treated", "donors"):
        mine, theirs = getattr(found, labels), getattr(panel, labels)
        assert mine == theirs
        assert list(map(type, mine)) == list(map(type, theirs))
    assert (type(found.times), found.times.dtype) == (type(panel.times), panel.times.dtype)
    assert found.times.tolist() == panel.times.tolist()
    assert (found.start, found.end) == (panel.start, panel.end)
    assert type(found.start) is type(panel.start)
    assert (found.source, found.calendar) == (panel.source, panel.calendar)
    assert (found.cells is None, found.covariates is None) == (panel.cells is None, panel.covariates is None)
    if panel.cells is not None and found.cells is not None:
        for name in ("n", "total", "total_sq"):
            np.testing.assert_array_equal(getattr(found.cells, name), getattr(panel.cells, name))
        assert (found.cells.binary, found.cells.design_effect) == (panel.cells.binary, panel.cells.design_effect)
    if panel.covariates is not None and found.covariates is not None:
        assert found.covariates.names == panel.covariates.names
        np.testing.assert_array_equal(found.covariates.values, panel.covariates.values)


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    panel = PANELS[name]()
    fit_of(panel).save(tmp_path / "fit.nc")
    found = bs.load(tmp_path / "fit.nc")
    assert "panel" not in found.tree.children
    again = panel_of(found)
    assert_same(again, panel)
    assert again.clusters is None
    # What is made from it is the same too.
    assert again.to_dict() == panel.to_dict()
    assert repr(again) == repr(panel)
    np.testing.assert_array_equal(again.positions, panel.positions)
    assert again.frequency == panel.frequency
    for made in (panel, again, copy.deepcopy(panel), pickle.loads(pickle.dumps(panel))):
        assert_same(made, panel)
        parts = [made, *(part for part in (made.cells, made.covariates, made.clusters) if part is not None)]
        held = [getattr(part, field.name) for part in parts for field in dataclasses.fields(part)]
        arrays = [each for each in held if isinstance(each, np.ndarray)]
        assert all(each.flags.c_contiguous and not each.flags.writeable for each in arrays)
        assert made.treated_series.tobytes() == panel.treated_series.tobytes()
        assert bs.classical(made, "did").counterfactual.tobytes() == bs.classical(panel, "did").counterfactual.tobytes()
    if panel.n_donors > 2:
        assert_same(again.as_treated(panel.donors[0]), panel.as_treated(panel.donors[0]))


def test_a_fit_is_saved_into_a_new_folder(tmp_path: Path) -> None:
    fit_of(PANELS["whole numbers"]()).save(tmp_path / "new" / "x" / "fit.nc")
    assert bs.load(tmp_path / "new" / "x" / "fit.nc").panel is not None


def test_a_panel_of_many_long_names_fits_in(tmp_path: Path) -> None:
    """More than the 64 kB that an attribute of the file may have."""
    panel = long([f"{'unit ' * 20}{k}" for k in range(900)], list(range(5)), 3)
    fit_of(panel).save(tmp_path / "fit.nc")
    assert_same(panel_of(bs.load(tmp_path / "fit.nc")), panel)


def test_a_sampled_fit_holds_its_panel(rollout_fit: bs.Fit, rollout_panel: Panel, tmp_path: Path) -> None:
    assert_same(panel_of(rollout_fit), rollout_panel)
    rollout_fit.save(tmp_path / "fit.nc")
    again = bs.load(tmp_path / "fit.nc")
    assert again.panel is not None
    assert_same(again.panel, rollout_panel)
    assert list(again.tree.children) == list(rollout_fit.tree.children)
    pd.testing.assert_frame_equal(bs.check(again).table, bs.check(rollout_fit).table)
    tables = [bs.decompose_uncertainty(each).table for each in (again, rollout_fit)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)


def test_users_stay_out_of_a_fit(tmp_path: Path) -> None:
    panel = events()
    assert panel.clusters is not None
    fit_of(panel).save(tmp_path / "fit.nc")
    with xr.open_datatree(tmp_path / "fit.nc", engine="h5netcdf") as stored:
        sizes = stored["panel"].to_dataset().sizes
        assert stored.attrs["bsynth_format"] == FORMAT == 2
        assert set(sizes) == {"time", "unit", "byte"}
        facts = stored["panel"]["facts"].values.tobytes().decode()
    assert "clusters" not in json.loads(facts)
    held = bs.load(tmp_path / "fit.nc").panel
    assert held is not None
    with pytest.raises(
        bs.PanelError, match=r"a fit's panel holds no sums per user.*give the panel that was fitted itself"
    ):
        bs.bootstrap(held)


def test_a_fit_of_the_first_format_is_read_and_says_what_it_lacks() -> None:
    with xr.open_datatree(EARLIER, engine="h5netcdf") as stored:
        assert stored.attrs["bsynth_format"] == 1
    fit = bs.load(EARLIER)
    assert fit.panel is None
    assert (fit.n_pre, fit.provenance.draws, fit.provenance.engine) == (8, 200, "nutpie")
    assert fit.effects()["estimate"][0] == pytest.approx(-0.21154950487232807)
    for verb in (bs.check, bs.decompose_uncertainty, bs.audit_prior, bs.audit_donors):
        with pytest.raises(bs.PanelError, match=r"holds no panel.*fit again with bsynth\.fit\(panel\)") as caught:
            verb(fit)
        assert "\n" not in str(caught.value)
    # What needs no panel goes on.
    assert len(bs.decide(fit).sentences()) > 0


def test_a_fit_of_the_first_format_is_saved_again_without_a_panel(tmp_path: Path) -> None:
    bs.load(EARLIER).save(tmp_path / "again.nc")
    again = bs.load(tmp_path / "again.nc")
    assert again.panel is None
    assert again.effects().equals(bs.load(EARLIER).effects())
