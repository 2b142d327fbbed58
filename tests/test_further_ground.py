"""Ground that the package was not built on: what is refused is refused in one line, and what is answered is right."""

import re
from collections.abc import Callable
from time import sleep
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.errors import BsynthError
from bsynth.frequentist import conditions

MONTHS = [100 * year + month for year in (2021, 2022) for month in range(1, 13)]
ROLES = {"unit": "u", "time": "t", "outcome": "y", "treated": "T"}


def world(seed: int = 3, periods: int = 24, donors: int = 8, n_pre: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    factors = 0.5 * rng.normal(size=(periods, 2)).cumsum(axis=0)
    data = 20 + factors @ rng.normal(size=(2, donors + 1)) + 0.3 * rng.normal(size=(periods, donors + 1))
    data[:, 0] = data[:, 1:] @ rng.dirichlet(np.ones(donors)) + 0.3 * rng.normal(size=periods)
    data[n_pre:, 0] += 2
    return data


def frame(data: np.ndarray, times: Any = None) -> pd.DataFrame:
    units = ["T", *(f"D{j}" for j in range(1, data.shape[1]))]
    times = list(range(len(data))) if times is None else list(times)
    return pd.DataFrame(
        [(unit, t, y) for j, unit in enumerate(units) for t, y in zip(times, data[:, j], strict=True)],
        columns=["u", "t", "y"],
    )


def panel(data: np.ndarray, times: Any = None, start: Any = 16, **settings: Any) -> bs.Panel:
    return bs.Panel.from_long(frame(data, times), **ROLES, start=start, **settings)


@pytest.mark.parametrize(
    ("times", "start", "said"),
    [
        (MONTHS, 202213, "202213 could only be a week, and each period is a month; give one like 2021-01"),
        (pd.date_range("2021-01-01", periods=24, freq="MS"), "202213", "could only be a week"),
        (pd.date_range("2021-01-01", periods=24, freq="MS"), "2022-W05", "could only be a week"),
        (range(24), "1_6", "'1_6' but periods are whole numbers"),
        (pd.period_range("2015Q1", periods=24, freq="Q-MAR"), "2019Q3", r"fiscal year \(Q-MAR\)"),
        (pd.period_range("2001", periods=24, freq="Y-JUN").astype(object), "2015", r"fiscal year \(Y-JUN\)"),
        ([*MONTHS[:3], 20210401, *MONTHS[4:]], 202205, "20210401 among 202101, codes of different periods"),
        (pd.date_range("2024-01-01", periods=24, freq="ns"), "2024-01-01", "finer than a microsecond"),
    ],
    ids=["code", "dates", "week", "underscore", "fiscal", "fiscal-objects", "mixed-codes", "nanoseconds"],
)
def test_a_period_that_is_none(times: Any, start: Any, said: str) -> None:
    with pytest.raises(bs.PanelError, match=said) as caught:
        panel(world(), times, start)
    assert "\n" not in str(caught.value)


def test_a_month_is_a_month_however_it_is_said() -> None:
    times = pd.date_range("2020-01-31", periods=24, freq="ME")
    for start in ("2021-09", np.datetime64("2021-09", "M"), pd.Period("2021-09", "M"), "2021-09-30"):
        assert panel(world(), times, start).start == pd.Timestamp("2021-09-30")


def test_calendar_quarters_and_parts_of_seconds_are_read() -> None:
    quarters = panel(world(), pd.period_range("2015Q1", periods=24, freq="Q"), "2019Q1")
    assert (quarters.frequency, quarters.n_pre) == ("quarter", 16)
    ticks = panel(world(), pd.date_range("2024-01-01", periods=24, freq="100ms"), "2024-01-01T00:00:01.6")
    assert (ticks.frequency, ticks.n_pre, ticks.notes()) == ("100 milliseconds", 16, ())


def test_millions_of_missing_periods_are_counted() -> None:
    times = [*range(23), 20_000_000]
    (said,) = panel(world(), times).notes()
    assert said.startswith("19999977 of 20000001 periods from 0 to 20000000 have no row: 23, 24, 25, 26, 27, 28 and ")


def test_one_user_cannot_be_resampled() -> None:
    rng = np.random.default_rng(5)
    log = pd.DataFrame(
        [(f"w{u}", t, "x", float(rng.random() < 0.5)) for u in range(6) for t in range(12) for _ in range(30)],
        columns=["w", "t", "user", "y"],
    )
    found = bs.Panel.from_events(log, unit="w", time="t", outcome="y", cluster="user", treated="w0", start=8)
    assert "one user" in conditions(found)["bootstrap"]


def test_a_perfect_fit_has_a_finite_conformal_set_and_no_prediction() -> None:
    data = world()
    data[:16, 0] = data[:16, 1:3].mean(axis=1)
    found = panel(data)
    test = bs.conformal(found, progress=False)
    row = test.effects().iloc[0]
    assert row["lower"] < row["estimate"] < row["upper"] < 10
    rejected = test._test.constant_p(np.array([row["upper"] + 0.01, 1e4]))
    assert (rejected <= 0.05).all()
    assert "no error to learn from" in conditions(found)["prediction-interval"]
    with pytest.raises(bs.PanelError, match="no error to learn from"):
        bs.prediction_interval(found, progress=False)


def test_an_empty_set_is_said_once() -> None:
    data = world()
    data[:, 2:] = data[:, 1:2]
    found = bs.analyse(panel(data), models=["none"], methods=["sc", "leave-two-out"], progress=False)
    verdict = " ".join(found.verdict.details)
    assert "not available" not in verdict
    assert verdict.count("leave-two-out interval of sc is empty") == 1


def test_a_question_without_a_model_is_answered_with_its_reason() -> None:
    asked = {"cost": 5.0, "value_per_unit": 2.0}
    found = bs.analyse(panel(world()), models=["none"], methods=["sc"], questions=asked, progress=False)
    assert found.to_dict()["unavailable"]["decision"] == "its questions need a posterior, and no model was named"


@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_sizes_beyond_double_precision_are_refused(factor: float) -> None:
    with pytest.raises(bs.PanelError, match="give it in another unit"):
        panel(world() * factor)


@pytest.mark.parametrize("factor", [1e12, 1e-9, -1.0])
def test_answers_scale(factor: float) -> None:
    plain, scaled = (bs.classical(panel(world() * f)).effects()["estimate"] for f in (1.0, factor))
    np.testing.assert_allclose(scaled[:2], factor * plain[:2], rtol=1e-6)


def test_addresses_and_nothing_are_no_paths() -> None:
    for data in ("", "https://example.invalid/x.csv"):
        with pytest.raises(bs.PanelError, match="the path of a CSV or Parquet file on this machine"):
            bs.Panel.from_long(data, **ROLES, start=3)


def test_an_underscore_is_no_thousands_separator(tmp_path: Any) -> None:
    data = frame(np.round(world(), 2)).astype({"y": str})
    data.loc[0, "y"] = "1_000"
    data.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(bs.PanelError, match="'1_000' at 'T', 0; write numbers without thousands separators"):
        bs.Panel.from_long(tmp_path / "x.csv", **ROLES, start=16)


WRONG: dict[str, Callable[[bs.Panel], object]] = {
    "date_format": lambda p: panel(world(), date_format=5),
    "methods": lambda p: bs.analyse(p, models=["none"], methods=5),
    "findings": lambda p: bs.analyse(p, models=["none"], findings=5),
    "models": lambda p: bs.analyse(p, models=5),
    "n_jobs": lambda p: bs.calibrate(p, sampling=bs.Sampling(n_jobs=0)),
    "a fit, an estimate": lambda p: bs.plot_trajectory(p),
    "ax": lambda p: bs.plot_gap(bs.classical(p), ax=5),
    "table of effects": lambda p: bs.plot_effects(None),
    "a fit or an estimate": lambda p: bs.plot_weights(pd.DataFrame()),
    "SpecificationCurve": lambda p: bs.stack(5),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_objects_get_one_line(what: str) -> None:
    with pytest.raises(BsynthError, match=what) as caught:
        WRONG[what](panel(world()))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("question", [{"threshold": "5"}, {"rope": "a"}, {"rope": (1, 2, 3)}, {"cost": 1.0}])
def test_wrong_questions_get_one_line(question: dict[str, Any]) -> None:
    with pytest.raises(bs.SpecError, match="give"):
        bs.analyse(panel(world()), models=["level"], questions=question, progress=False)


def test_a_log_of_moments_is_told_to_be_rounded() -> None:
    rng = np.random.default_rng(1)
    stamps = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.choice(10**7, 2000, replace=False)), unit="s")
    log = pd.DataFrame({"shop": rng.choice(list("abcd"), 2000), "ts": stamps, "y": rng.normal(size=2000)})
    with pytest.raises(
        bs.PanelError, match=r"2,000 different times in 2,000 rows: they are moments.*freq='day' or 'week'"
    ):
        bs.Panel.from_events(log, unit="shop", time="ts", outcome="y", treated="a", start=stamps[1500])
    weekly = log.assign(ts=log["ts"].dt.floor("7D"))
    panel = bs.Panel.from_events(
        weekly, unit="shop", time="ts", outcome="y", treated="a", start=weekly["ts"].iloc[1500]
    )
    assert panel.cells is not None
    assert panel.cells.n.sum() == panel.source.rows_used


def test_offsets_are_shown_where_a_period_is_not_found() -> None:
    days = pd.date_range("2024-01-01T12:00", periods=40, freq="6h")
    frame = pd.DataFrame(
        [(u, f"{t.isoformat()}+02:00", float(i + 7 * k % 5)) for k, u in enumerate("abcd") for i, t in enumerate(days)],
        columns=["u", "t", "y"],
    )
    roles = {"unit": "u", "time": "t", "outcome": "y", "treated": "a"}
    with pytest.raises(bs.PanelError, match=r"offsets from UTC; write it with one, such as 2024-01-05T07:00:00\+02:00"):
        bs.Panel.from_long(frame, **roles, start="2024-01-05T07:00")
    with pytest.raises(bs.PanelError, match=r"near it are .*2024-01-05T04:00:00\+00:00"):
        bs.Panel.from_long(frame, **roles, start="2024-01-05T07:00:00+02:00")
    assert bs.Panel.from_long(frame, **roles, start="2024-01-05T06:00:00+02:00").n_pre == 15


def test_a_column_that_settles_the_order_of_day_and_month_says_so() -> None:
    days = pd.date_range("2021-02-01", periods=30, freq="D")
    frame = pd.DataFrame(
        [(u, f"{t:%d/%m/%Y}", float((i * k) % 7 + i)) for k, u in enumerate("abcd", 1) for i, t in enumerate(days)],
        columns=["u", "t", "y"],
    )
    roles = {"unit": "u", "time": "t", "outcome": "y", "treated": "a"}
    with pytest.raises(bs.PanelError, match=r"other dates can only be '%d/%m/%Y'; give date_format="):
        bs.Panel.from_long(frame, **roles, start="05/02/2021")
    assert bs.Panel.from_long(frame, **roles, start="05/02/2021", date_format="%d/%m/%Y").n_pre == 4


def test_long_work_is_told_in_a_log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from bsynth._base import progress

    monkeypatch.setattr(progress, "EVERY", 0.001)
    told = re.compile(r"Leaving two out 2/3, \d+ s left")
    with progress.progress_bar("Leaving two out", 3, True) as bar:
        for _ in range(2):
            bar.advance(bar.task_ids[0])
        _wait_for(told, capsys)  # nothing advances, and it is told all the same
    with progress.status("Sampling", True):
        _wait_for(re.compile(r"Sampling: \d+ s"), capsys)
    capsys.readouterr()
    with progress.progress_bar("Leaving two out", 3, False) as bar, progress.status("Sampling", False):
        sleep(0.2)
    assert capsys.readouterr().err == ""


def _wait_for(line: re.Pattern[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Read what is told until a line comes, as long as any machine may take."""
    said = ""
    for _ in range(1200):
        if line.search(said := said + capsys.readouterr().err):
            return
        sleep(0.05)
    pytest.fail(f"it was not told: {said[-300:]!r}")
