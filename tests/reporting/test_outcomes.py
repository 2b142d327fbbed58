"""Several outcomes of one run are judged together."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth.analysis import Outcomes
from bsynth.cli import main
from bsynth.errors import SpecError


def sales() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"shop": np.repeat(np.arange(30), 24), "week": np.tile(np.arange(24), 30)})
    common = rng.normal(size=24).cumsum()[frame["week"]]
    treated = (frame["shop"] == 0) & (frame["week"] >= 18)
    noise = rng.normal(size=(2, len(frame)))
    return frame.assign(orders=50 + common + noise[0] + 6.0 * treated, revenue=90 + 2 * common + noise[1])


ASKED = ["--unit", "shop", "--time", "week", "--treated", "0", "--start", "18", "--model", "none", "--quiet"]


def test_one_page_one_table_and_joint_intervals(tmp_path: Path) -> None:
    frame = sales()
    frame.to_csv(tmp_path / "s.csv", index=False)
    out = tmp_path / "run"
    given = ["run", str(tmp_path / "s.csv"), *ASKED, "--outcome", "orders,revenue", "--methods", "did,placebo"]
    done = CliRunner().invoke(main, [*given, "--level", "0.8", "--out", str(out)])
    assert done.exit_code == 0, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["joint_level"] == pytest.approx(0.9)
    orders, revenue = summary["table"]
    assert orders["excludes_zero"]
    assert orders["joint_lower"] < orders["lower"] < orders["estimate"] < orders["upper"] < orders["joint_upper"]
    alone = json.loads((out / "orders" / "summary.json").read_text())["effects"]
    assert orders["estimate"] in [row["estimate"] for row in alone]
    assert revenue["joint_lower"] < 0 < revenue["joint_upper"]
    page = (out / "index.html").read_text()
    for sentence in summary["sentences"]:
        assert sentence in page
    assert 'src="revenue/report.html"' in page
    assert (out / "revenue" / "report.html").is_file()
    assert "90.0% interval" in summary["sentences"][0]


def test_one_outcome_is_no_family() -> None:
    panel = bs.Panel.from_long(sales(), unit="shop", time="week", outcome="orders", treated=0, start=18)
    one = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    with pytest.raises(SpecError, match="two or more"):
        Outcomes({"orders": one})


def test_a_comma_in_the_name_of_a_column_is_no_list(tmp_path: Path) -> None:
    sales().rename(columns={"orders": "orders, net"}).to_csv(tmp_path / "s.csv", index=False)
    given = ["run", str(tmp_path / "s.csv"), *ASKED, "--outcome", "orders, net", "--methods", "did"]
    done = CliRunner().invoke(main, [*given, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "report.html").is_file()


def test_a_list_of_outcomes_is_one_analysis(tmp_path: Path) -> None:
    given = {"unit": "shop", "time": "week", "treated": 0, "start": 18}
    panels = bs.Panel.from_long(sales(), **given, outcome=["orders", "revenue"])
    assert list(panels) == ["orders", "revenue"]
    found = bs.analyse(panels, models=["none"], methods=["did", "placebo"], level=0.8, progress=False)
    for name, row in zip(panels, found.table.to_dict("records"), strict=True):
        alone = bs.Panel.from_long(sales(), **given, outcome=name)
        asked = bs.analyse(alone, models=["none"], methods=["did", "placebo"], level=0.9, progress=False)
        answer = asked.comparison.table.iloc[0]
        assert [row["joint_lower"], row["joint_upper"]] == pytest.approx([answer["lower"], answer["upper"]])
    page = bs.report(found, tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("srcdoc=") == 2
    assert "<td>orders</td>" in page
    found.save(tmp_path / "found.nc")
    assert bs.load(tmp_path / "found.nc").sentences() == found.sentences()


def test_what_is_no_list_of_outcomes_is_one_line() -> None:
    given = {"unit": "shop", "time": "week", "treated": 0, "start": 18}
    for outcome, message in (
        ([], "name at least one column"),
        (["orders", 3], "name at least one column, as text"),
        (["orders", "orders"], "outcome names 'orders' twice"),
        (["orders", "nothing"], "nothing"),
    ):
        with pytest.raises(bs.PanelError, match=message):
            bs.Panel.from_long(sales(), **given, outcome=outcome)
    with pytest.raises(bs.PanelError, match="outcome_label is 'sales' and 2 outcomes came"):
        bs.Panel.from_long(sales(), **given, outcome=["orders", "revenue"], outcome_label="sales")
    panels = bs.Panel.from_long(sales(), **given, outcome=["orders", "revenue"])
    with pytest.raises(SpecError, match="and 2 panels came; it is of one"):
        bs.analyse(panels, truth=1.0)
    with pytest.raises(SpecError, match="a mapping of one panel came, 'orders'; give the panel itself"):
        bs.analyse({"orders": panels["orders"]})
    with pytest.raises(bs.PanelError, match="2 panels came by name"):
        bs.fit(panels)
