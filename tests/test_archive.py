"""Whole analyses as files: the same answer, page and pictures come back, on every kind of panel, and nothing runs."""

import copy
import json
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bsynth as bs
from bsynth.panel.simulate import rollout_panel_arguments, simulate_factor
from bsynth.reporting.archive import pack_result, unpack_result
from bsynth.reporting.archive.kinds import class_of, name_of
from bsynth.reporting.archive.reader import Reader
from bsynth.reporting.archive.writer import Writer

ODD = ("=cmd()", "a'b\"c\\", "$x_1$ *b* | #", "😀 emoji", "שלום", "n" * 300, "new\nline")


def long(labels: list[Any], times: Any, treated: Any, start: Any, scale: float = 1.0) -> bs.Panel:
    n_pre = list(times).index(start)
    frame = simulate_factor(donors=len(labels) - 1, n_pre=n_pre, n_post=len(times) - n_pre, seed=3, effect=1.0)
    frame["unit"], frame["time"] = frame["unit"].map(dict(enumerate(labels))), frame["time"].map(dict(enumerate(times)))
    frame["outcome"] *= scale
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=treated, start=start)


WEEKS = pd.date_range("2024-01-01", periods=18, freq="W-MON")
DAYS = pd.date_range("2024-03-28", periods=18, freq="D", tz="Europe/Berlin")
PANELS: dict[str, Callable[[], bs.Panel]] = {
    "weeks": lambda: long(list("abcdefg"), WEEKS, "a", WEEKS[14]),
    "days of a zone": lambda: long(list("abcdefg"), DAYS, "a", DAYS[14]),
    "years, several treated": lambda: long(list("abcdefgh"), range(2000, 2018), ["a", "b"], 2014),
    "decimal years": lambda: long([7, 3, 5, 1, 2, 4], [2000 + k / 4 for k in range(18)], 7, 2003.5),
    "odd names": lambda: long(list(ODD), range(18), ODD[0], 14),
    "two donors": lambda: long(list("abc"), range(18), "a", 14),
    "tiny": lambda: long(list("abcdefg"), range(18), "a", 14, 1e-9),
    "huge": lambda: long(list("abcdefg"), range(18), "a", 14, 1e12),
}


def same(one: bs.Analysis, other: bs.Analysis, folder: Path | None = None) -> None:
    """The same numbers and words; with a folder, where they are written, the same pages too."""
    assert json.dumps(other.to_dict()) == json.dumps(one.to_dict())
    assert other.sentences() == one.sentences()
    assert str(other.verdict) == str(one.verdict)
    if folder is None:
        return
    pages = [bs.report(each, folder / f"{name}.html").read_text("utf-8") for name, each in (("a", one), ("b", other))]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", PANELS)
def test_a_classical_analysis_comes_back(name: str, tmp_path: Path) -> None:
    methods = ["sc", "demeaned", "sdid", "placebo", "conformal", "leave-one-out", "prediction-interval"]
    methods = methods if name == "weeks" else methods[:4]
    analysis = bs.analyse(PANELS[name](), models=["none"], methods=methods, findings="none", progress=False)
    analysis.save(tmp_path / "analysis.nc")
    again = bs.load(tmp_path / "analysis.nc")
    same(analysis, again, tmp_path if name == "weeks" else None)
    assert again.panel.units == analysis.panel.units
    assert again.panel.times.equals(analysis.panel.times)
    assert all(each.estimate.panel is again.panel for each in again.inferences.values()), "shared, as it was"


@pytest.fixture(scope="module")
def analysis() -> bs.Analysis:
    log = bs.simulate_rollout(users=30_000, seed=1)
    panel = bs.Panel.from_events(log, **rollout_panel_arguments())
    panel = panel.without(*panel.donors[8:])
    findings = ["uncertainty", "donor_audit", "decision", "bands", "prior_audit"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bs.UnreliableWarning)
        return bs.analyse(
            panel, models=["default", "level"], methods="all", findings=findings, draws=250, replicates=50, level=0.9,
            progress=False,
        )  # fmt: skip


@pytest.mark.slow
def test_an_analysis_comes_back_with_fits_and_findings(analysis: bs.Analysis, tmp_path: Path) -> None:
    analysis.save(tmp_path / "analysis.nc")
    again = bs.load(tmp_path / "analysis.nc")
    same(analysis, again, tmp_path)
    assert again.calibration.fit is again.fits[0]
    assert set(again.findings) == set(analysis.findings) == {
        "uncertainty", "donor_audit", "decision", "bands", "prior_audit",
    }  # fmt: skip
    np.testing.assert_array_equal(again.calibration.paths(50), analysis.calibration.paths(50))
    assert again.panel.clusters is None, "sums per user are in no file"
    assert bs.decide(again).to_dict() == bs.decide(analysis).to_dict()
    for copied in (copy.deepcopy(analysis), pickle.loads(pickle.dumps(analysis))):
        assert json.dumps(copied.to_dict()) == json.dumps(analysis.to_dict())


@pytest.mark.slow
def test_a_fit_within_is_a_tree_that_xarray_reads(analysis: bs.Analysis, tmp_path: Path) -> None:
    analysis.save(tmp_path / "analysis.nc")
    with xr.open_datatree(tmp_path / "analysis.nc", engine="h5netcdf", group="fit0") as tree:
        weights = tree["posterior"]["weights"].load()
    xr.testing.assert_equal(weights, analysis.fits[0].tree["posterior"]["weights"])


@pytest.mark.slow
def test_an_unreliable_analysis_comes_back_unreliable(analysis: bs.Analysis, tmp_path: Path) -> None:
    first = analysis.fits[0]
    gate = replace(first.diagnostics, status="unreliable", failures=("R-hat of the average effect 1.2",))
    failed = replace(first, diagnostics=gate)
    broken = replace(analysis, fits=(failed, *analysis.fits[1:]), calibration=replace(analysis.calibration, fit=failed))
    broken.save(tmp_path / "broken.nc")
    again = bs.load(tmp_path / "broken.nc")
    assert again.status == "unreliable"
    assert again.sentences() == broken.sentences()


def small() -> bs.Estimate:
    return bs.classical(PANELS["weeks"]())


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    small().save(tmp_path / "sc.nc")
    with h5py.File(tmp_path / "sc.nc") as file:
        assert file.attrs["bsynth_result"] == 1
        assert file.attrs["bsynth_kind"] == "Estimate"
        assert file.attrs["bsynth_version"] == bs.__version__
        assert b"pickle" not in bytes(file["content"]["text"][:])
        json.loads(bytes(file["content"]["text"][:]))


def test_a_newer_or_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "sc.nc"

    def refused(words: str) -> None:
        with pytest.raises(bs.PanelError, match=words) as caught:
            bs.load(path)
        assert "\n" not in str(caught.value)

    def changed(old: bytes, new: bytes) -> None:
        tree = pack_result(small())
        text = tree["content"]["text"].values.tobytes()
        assert old in text
        tree["content"] = xr.Dataset({"text": ("byte", np.frombuffer(text.replace(old, new), dtype=np.uint8))})
        tree.to_netcdf(path, engine="h5netcdf")

    tree = pack_result(small())
    tree.attrs["bsynth_result"] = 2
    tree.attrs["bsynth_version"] = "9.0"
    tree.to_netcdf(path, engine="h5netcdf")
    refused("written by bsynth 9.0 in a format that this version, .*, does not know")
    changed(b'"made": "Estimate"', b'"made": "system"')
    refused("'system', which this version does not know")
    changed(b'"weights"', b'"weighty"')
    refused("cannot be read as a result")
    changed(b'"from": 0', b'"from": -9')
    refused("counts to -9")
    tree = pack_result(small())
    tree["content"] = xr.Dataset({"text": ("byte", np.frombuffer(b'{"result": 5, "objects": []}', dtype=np.uint8))})
    tree.to_netcdf(path, engine="h5netcdf")
    refused("a int is no part of a result")
    tree = pack_result(small())
    tree.attrs["bsynth_kind"] = "Calibration"
    tree.to_netcdf(path, engine="h5netcdf")
    refused("it holds a Estimate and says that it holds another kind")
    path.write_bytes(path.read_bytes()[:2000])
    refused("cannot be read as a result")


def test_a_fit_of_a_newer_format_names_what_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = bs.load(Path(__file__).parent / "data" / "fit-format-2.nc")
    fit.save(tmp_path / "fit.nc")
    assert "bsynth_version" not in bs.load(tmp_path / "fit.nc").tree.attrs
    monkeypatch.setattr("bsynth.bayesian.archive.FORMAT", 3)
    fit.save(tmp_path / "newer.nc")
    with pytest.raises(bs.PanelError, match=f"was written by bsynth {bs.__version__} in a format that this version"):
        bs.load(tmp_path / "newer.nc")


@pytest.mark.parametrize("name", ["fit-format-2.nc", "result-format-1.nc"])
def test_one_bit_that_changed_is_found_and_no_number(name: str, tmp_path: Path) -> None:
    path = tmp_path / "saved.nc"
    bs.load(Path(__file__).parent / "data" / name).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    end = whole.rindex(b"\nbsynth-sha256 ")
    for place in (0, end - 1, *rng.integers(0, end, size=30)):
        bits = bytearray(whole)
        bits[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bits)
        with pytest.raises(bs.PanelError, match=r"saved.nc' was changed or damaged after it was written; give a file"):
            bs.load(path)
    # Without its last line it is as an older file, which has none.
    path.write_bytes(whole[:end])
    assert bs.load(path) is not None


def test_a_disk_that_is_full_is_one_line_and_not_the_end_of_python(tmp_path: Path) -> None:
    code = """
import gc, resource, sys
import bsynth as bs
fit = bs.load(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    fit.save(sys.argv[2])
except bs.SpecError as error:
    print(error)
gc.collect()
print("alive")
"""
    fit = Path(__file__).parent / "data" / "fit-format-2.nc"
    assert fit.stat().st_size > 20_000
    words = [sys.executable, "-c", code, str(fit), str(tmp_path / "fit.nc")]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    lines = found.stdout.splitlines()
    assert "fit.nc' cannot be written (file too large)" in lines[0]
    assert lines[-1] == "alive"
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_only_listed_classes_are_made() -> None:
    assert class_of(name_of(bs.Estimate)) is bs.Estimate
    for name in ("Path", "Store", "os.system", "Plan", "Drawn"):
        with pytest.raises(ValueError, match="does not know"):
            class_of(name)
    for kind in (Path, type("Estimate", (), {})):
        with pytest.raises(TypeError, match="no part of a result"):
            name_of(kind)


def test_values_come_back_as_they_were() -> None:
    zone = pd.Timestamp("2024-05-01T12:00", tz="Asia/Tokyo")
    table = pd.DataFrame(
        {
            "x": [1.5, np.nan, np.inf],
            "n": [1, 2, 3],
            "when": pd.date_range("2024-01-01", periods=3, tz="UTC"),
            "label": pd.Series(["a", None, 3], dtype=object),
            "text": pd.Series(["a", "b", None], dtype="str"),
            "yes": [True, False, True],
            "few": pd.array([1, None, 3], dtype="Int64"),
        },
        index=pd.Index([2000.25, 2000.5, 2000.75], name="quarter"),
    )
    table.columns = [*table.columns[:-1], 7]
    array = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("unit", "time"), coords={"unit": ["a", 1]}, name="gap")
    for value in (None, True, -3, 0.1, float("-inf"), "é", (1, (2, [3.5])), {1: "a", "b": (2,)}, zone,
                  np.float64(2.5), np.int64(4)):  # fmt: skip
        assert _through(value) == value
    assert np.isnan(_through(float("nan")))
    pd.testing.assert_frame_equal(_through(table), table)
    pd.testing.assert_frame_equal(_through(table.iloc[:0]), table.iloc[:0])
    twice = pd.concat([table["x"], table["n"]], axis=1).set_axis(["x", "x"], axis=1)
    pd.testing.assert_frame_equal(_through(twice), twice)
    xr.testing.assert_identical(_through(array), array)
    for values in (np.array(3.5), np.zeros((0, 4)), np.array([["a", None]], dtype=object), np.array([True]),
                   np.arange(3, dtype=np.float32), np.array(["2024-01-01"], dtype="datetime64[s]")):  # fmt: skip
        found = _through(values)
        assert (found.dtype, found.shape) == (values.dtype, values.shape)
        np.testing.assert_array_equal(found, values)
    with pytest.raises(TypeError, match="a function is no part of a result"):
        Writer().node(lambda: None)
    with pytest.raises(ValueError, match="does not know"):
        Reader({}, [], []).value({"code": "import os"})


def _through(value: Any) -> Any:
    """Write a value and read it, by way of JSON text."""
    writer = Writer()
    content = json.loads(json.dumps({"value": writer.node(value), "objects": writer.objects}, allow_nan=False))
    return Reader(writer.arrays(), [], content["objects"]).value(content["value"])


def test_a_result_goes_through_memory_too() -> None:
    estimate = small()
    assert unpack_result(pack_result(estimate)).to_dict() == estimate.to_dict()


def test_warnings_that_are_errors_are_no_damaged_files(tmp_path: Path) -> None:
    """Under ``-W error`` a good file is read; what another warning stops is that warning, and no fault of the file."""
    frame = bs.datasets.load_prop99(as_frame=True)
    frame.to_csv(tmp_path / "sales.csv", index=False)
    roles: dict[str, Any] = {
        "unit": "state", "time": "year", "outcome": "cigsale", "treated": "California", "start": 1989,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("error")
        panel = bs.Panel.from_long(tmp_path / "sales.csv", **roles)
        bs.classical(panel).save(tmp_path / "sc.nc")
        assert bs.load(tmp_path / "sc.nc").title == "sc: California"


def test_a_warning_of_an_engine_stays_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bsynth.panel import sources

    def warned(*_: object, **__: object) -> None:
        warnings.warn("disk is nearly full", ResourceWarning, stacklevel=1)

    (tmp_path / "sales.csv").write_text("unit,time,outcome\na,1,2\n")
    monkeypatch.setattr(sources, "_csv", warned)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ResourceWarning, match="disk is nearly full"):
            bs.Panel.from_long(
                tmp_path / "sales.csv", unit="unit", time="time", outcome="outcome", treated="a", start=1
            )


def test_files_of_today_are_read_tomorrow() -> None:
    """Files of the formats that this version writes, with what they hold: a later one must read the same from them.

    A change of format gets a number of its own and a file beside these; none of these is ever written again.
    """
    data = Path(__file__).parent / "data"
    fit = bs.load(data / "fit-format-2.nc")
    assert (fit.status, fit.spec.name, fit.panel.treated, fit.panel.n_pre) == ("unreliable", "level", ("Ohio",), 9)
    average = fit.effects(full=True).set_index("estimand").loc["average"]
    assert float(average["estimate"]) == pytest.approx(2.0253040210202182, rel=1e-9)
    assert float(average["lower"]) == pytest.approx(1.629587200884021, rel=1e-9)
    analysis = bs.load(data / "result-format-1.nc")
    assert analysis.verdict.headline == "Inconclusive: y +2.00 (+5.8%), without an interval that has ends."
    found = analysis.effects().query("estimand == 'average'").set_index(["method", "interval"]).estimate
    assert found["did", "point"] == pytest.approx(2.0498815493416345, rel=1e-9)
    assert found["sc", "placebo"] == pytest.approx(1.998207735561839, rel=1e-9)
    # Read once more from what is written now.
    assert _through(analysis.effects()).equals(analysis.effects())


def test_reading_runs_nothing(tmp_path: Path) -> None:
    """No road from a file to code: nothing that reads one unpickles, evaluates, or imports what the file names."""
    import ast

    room = Path(bs.__file__).parent
    readers = [*(room / "reporting" / "archive").glob("*.py"), *room.glob("*/archive.py"), room / "pieces.py"]
    called = {
        ast.unparse(node.func): file.name
        for file in readers
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert "json.loads" in called
    roads = {"eval", "exec", "compile", "__import__", "pickle.loads", "pickle.load", "np.load", "joblib.load"}
    assert roads & called.keys() == set()
    # Modules are imported by name in one place, from a list of its own.
    assert {name: file for name, file in called.items() if "import_module" in name} == {"import_module": "kinds.py"}
