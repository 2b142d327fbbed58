"""Export: every table in every format, read back; hostile names stay legible and harmless."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.reporting import export as exporting
from bsynth.reporting.export import latex, tables, to_xarray

HOSTILE = ("<script>alert(1)</script>", "=cmd()", "🚀 rocket", "שלום עולם", "x" * 300, "A & B_{50%} $x$ | `y`")


@pytest.fixture(scope="module")
def hostile() -> bs.Panel:
    frame = bs.simulate_factor(donors=len(HOSTILE) - 1, n_pre=12, n_post=4, seed=3)
    frame["unit"] = frame["unit"].map(dict(enumerate(HOSTILE)))
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=HOSTILE[0], start=12)


def _results(panel: bs.Panel) -> dict[str, object]:
    return {
        "panel": panel,
        "estimate": bs.classical(panel),
        "placebo": bs.placebo_space(panel, progress=False),
        "leave-one-out": bs.leave_one_out(panel, progress=False),
        "conformal": bs.conformal(panel, progress=False),
    }


@pytest.mark.parametrize("kind", ["panel", "estimate", "placebo", "leave-one-out", "conformal"])
def test_tables_come_back_from_csv_and_parquet(kind: str, hostile: bs.Panel, tmp_path: Path) -> None:
    result = _results(hostile)[kind]
    files = bs.export(result, tmp_path, formats=["csv", "parquet"], prefix="x-")
    assert {f.suffix for f in files} == {".csv", ".parquet"}
    for name, table in tables(result).items():
        parquet = pd.read_parquet(tmp_path / f"x-{name}.parquet")
        csv = pd.read_csv(tmp_path / f"x-{name}.csv")
        assert list(parquet.columns) == [str(c) for c in table.columns]
        assert len(csv) == len(table)
        for column in table.select_dtypes("number"):
            np.testing.assert_array_equal(parquet[column], table[column])
            np.testing.assert_allclose(csv[column], table[column], rtol=1e-15)
    assert not list(tmp_path.glob("*.part"))


def test_hostile_names_are_legible_and_harmless(hostile: bs.Panel, tmp_path: Path) -> None:
    bs.export(bs.classical(hostile), tmp_path, formats=["csv", "latex", "markdown"])
    csv = (tmp_path / "weights.csv").read_text(encoding="utf-8")
    assert "'=cmd()" in csv
    assert "\n=cmd()" not in csv
    tex = (tmp_path / "weights.tex").read_text(encoding="utf-8")
    assert r"B\_\{50\%\} \$x\$" in tex
    markdown = (tmp_path / "weights.md").read_text(encoding="utf-8")
    bs.export(hostile, tmp_path, formats=["markdown"])
    assert "\\<script\\>" in (tmp_path / "panel.md").read_text(encoding="utf-8")
    assert all(line.count("|") - line.count("\\|") == 3 for line in markdown.splitlines())
    for text in (csv, tex, markdown):
        assert "🚀 rocket" in text
        assert "שלום עולם" in text
        assert "x" * 300 in text


def test_a_fit_is_exported_too(rollout_fit: bs.Fit, tmp_path: Path) -> None:
    names = {file.name for file in bs.export(rollout_fit, tmp_path)}
    assert names == {"effects.csv", "path.csv", "weights.csv"}
    assert to_xarray(rollout_fit) is rollout_fit.tree


def test_arrays_carry_their_names(hostile: bs.Panel) -> None:
    data = to_xarray(hostile)
    assert float(data["outcome"].sel(unit="=cmd()", time=3)) == hostile.outcome[3, hostile.units.index("=cmd()")]
    assert int(data["treated"].sum()) == 1
    assert int(data["post"].sum()) == 4
    sc = to_xarray(bs.classical(hostile))
    assert float(sc["weights"].sum()) == pytest.approx(1)
    np.testing.assert_allclose(sc["observed"] - sc["counterfactual"], sc["gap"])


def test_what_cannot_be_exported_says_so(hostile: bs.Panel, tmp_path: Path) -> None:
    with pytest.raises(bs.SpecError, match="unknown format 'cvs', did you mean 'csv'"):
        bs.export(hostile, tmp_path / "new", formats=["cvs"])
    assert not (tmp_path / "new").exists()
    with pytest.raises(bs.SpecError, match="a int has no tables"):
        bs.export(3, tmp_path)
    with pytest.raises(bs.SpecError, match="a str has no arrays"):
        to_xarray("x")
    assert exporting.markdown(pd.DataFrame({"a": [np.nan]})).count("nan") == 0


def test_latex_has_the_numbers_of_the_house() -> None:
    text = latex(pd.DataFrame({"effect": [17_621.4, -0.075171, 4.07e-12, float("inf")]}))
    for shown in ("17,621", "-0.07517", "4.070e-12", "inf"):
        assert f"{shown} \\\\" in text
    assert "e+" not in text


def test_what_an_analysis_exports_is_at_its_level(hostile: bs.Panel) -> None:
    methods = ["conformal", "jackknife+", "prediction-interval", "placebo"]
    analysis = bs.analyse(hostile, models=["level"], methods=methods, findings=["bands", "prior_audit"], level=0.8,
                          draws=300, calibrated=False, progress=False)  # fmt: skip
    found = tables(analysis)
    assert {"effects", "posterior-level-path", "posterior-level-weights", "conformal-path", "bands-table"} <= set(found)
    for name, table in found.items():
        if "level" in table and not table.empty:
            assert set(table["level"].dropna()) == {0.8}, name
        assert "level" in table or not any("lower" in str(column) for column in table), name
