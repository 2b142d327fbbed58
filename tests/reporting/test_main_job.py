"""The main job, as a user meets it, on panels that differ by how their periods are written: a whole run folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser

import bsynth as bs
from bsynth.cli import main

N_PRE, N_POST, DONORS, USERS = 14, 4, 5, 30
EFFECT = 2.0


def _zoned() -> list[str]:
    """Local midnights across the change of clocks, as text with offsets."""
    days = pd.date_range("2024-03-22", periods=N_PRE + N_POST, tz="Europe/Berlin")
    return [day.isoformat() for day in days]


def _decimal() -> list[float]:
    return [1990 + 0.25 * quarter for quarter in range(N_PRE + N_POST)]


def _dates(start: str, step: str) -> list[str]:
    return [str(day.date()) for day in pd.date_range(start, periods=N_PRE + N_POST, freq=step)]


TIMES: dict[str, tuple[Callable[[], list], str | int]] = {
    "integers": (lambda: list(range(N_PRE + N_POST)), N_PRE),
    "daily": (lambda: _dates("2024-02-20", "D"), "2024-03-05"),
    "weekly": (lambda: _dates("2024-01-01", "7D"), "2024-04-08"),
    "monthly": (lambda: _dates("2022-11-01", "MS"), "2024-01-01"),
    "quarterly": (lambda: _dates("2020-01-01", "QS"), "2023-07-01"),
    "decimal quarters": (_decimal, "1993-07-01"),
    "zone-aware": (_zoned, "2024-04-05"),
}
"""How periods are written, and how the first treated one reads in the summary."""


def _frame(times: list, *, events: bool) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(len(times), 2)).cumsum(axis=0) * 0.5
    loadings = rng.uniform(0.3, 1.5, size=(DONORS + 1, 2))
    mean = 10 + factors @ loadings.T
    mean[N_PRE:, 0] += EFFECT
    units = ["T", *(f"D{k}" for k in range(DONORS))]
    repeats = USERS if events else 1
    noise = rng.normal(0, 1.0 if events else 0.2, size=(repeats, *mean.shape))
    return pd.DataFrame(
        {
            "unit": np.tile(units, len(times) * repeats),
            "time": np.tile(np.repeat(np.array(times, dtype=object), len(units)), repeats),
            "user": np.arange(noise.size),
            "y": (mean + noise).ravel(),
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("cells", ["exact", "events"])
@pytest.mark.parametrize("kind", TIMES)
def test_the_whole_run_folder_is_there(kind: str, cells: str, browser: Browser, tmp_path: Path) -> None:
    made, start = TIMES[kind]
    times, data, out = made(), tmp_path / "panel.csv", tmp_path / "run"
    _frame(times, events=cells == "events").to_csv(data, index=False)
    words = [
        "run",
        data,
        "--unit",
        "unit",
        "--time",
        "time",
        "--outcome",
        "y",
        "--treated",
        "T",
        "--start",
        times[N_PRE],
    ]
    words += ["--draws", 150, "--replicates", 50, "--out", out]
    # The donors' own fits are the same work for every kind of period: once for each kind of cell is enough.
    words += (["--cluster", "user"] if cells == "events" else []) + ([] if kind == "daily" else ["--no-calibrate"])
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code in (0, 3), done.output
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert done.exit_code == (0 if summary["status"] == "ok" else 3)
    assert {"summary.json", "fit.nc", "report.html", "figures"} <= {file.name for file in out.iterdir()}
    assert summary["panel"]["start"] == start
    labels = [row["time"] for row in summary["path"]]
    assert len(labels) == len(set(labels)) == N_PRE + N_POST
    assert labels[N_PRE] == start
    # That nobody can resample users where there are none is not worth a word, unless it was asked for.
    assert summary["unavailable"] == {}
    main_row = summary["effects"][0]
    assert main_row["estimand"] == "average"
    assert abs(main_row["estimate"] - EFFECT) < 4 * max(0.15, (main_row["upper"] - main_row["lower"]) / 4)
    fit = bs.load(out / "fit.nc")
    assert len(fit.path()) == N_PRE + N_POST
    # The page writes a period as its calendar says it, files as an ISO date.
    _opens(browser, out / "report.html", summary["comparison"]["start_words"].removeprefix("week of "))


def _opens(browser: Browser, page: Path, start: str) -> None:
    """The report opens without an error or a request, and names the start."""
    trouble: list[str] = []
    opened = browser.new_context().new_page()
    opened.on("console", lambda message: trouble.append(message.text))
    opened.on("pageerror", lambda error: trouble.append(str(error)))
    opened.on(
        "request", lambda r: None if r.url.startswith(("data:", "blob:", page.as_uri())) else trouble.append(r.url)
    )
    opened.goto(page.as_uri())
    assert start in opened.inner_text("body")
    assert opened.locator("figure").count() > 3
    opened.close()
    assert not trouble
