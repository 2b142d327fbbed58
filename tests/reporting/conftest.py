"""Analyses to report on, pages of them, and one browser for all tests."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

import bsynth as bs
from bsynth.analysis import Analysis, analyse
from bsynth.bayesian.result import Fit
from bsynth.findings import decide, path_band
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import figures
from bsynth.reporting.html import write_report

matplotlib.use("Agg")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@pytest.fixture(scope="session")
def analysis(rollout_panel: bs.Panel, rollout_fit: Fit) -> Analysis:
    classical = analyse(
        rollout_panel, models=["none"], findings="none", replicates=60, seed=7, truth=0.05, progress=False
    )
    return replace(classical, fits=(rollout_fit,))


@pytest.fixture(scope="session")
def unreliable(analysis: Analysis) -> Analysis:
    (fit,) = analysis.fits
    failed = replace(fit.diagnostics, status="unreliable", failures=("3 divergences (must be 0)",), divergences=3)
    return replace(analysis, fits=(replace(fit, diagnostics=failed),))


@pytest.fixture(scope="session")
def with_findings(analysis: Analysis) -> Analysis:
    (fit,) = analysis.fits
    return analysis.with_findings(
        {"second_look": analysis.comparison, "decision": decide(fit, rope=0.01), "bands": path_band(fit)}
    )


@pytest.fixture(scope="session")
def posterior_only(analysis: Analysis) -> Analysis:
    return replace(analysis, estimates={}, inferences={}, truth=None)


@pytest.fixture(scope="session")
def pictures(analysis: Analysis) -> dict[str, Drawing]:
    return figures(analysis)


@pytest.fixture(scope="session")
def classical_only(prop99_panel: bs.Panel) -> Analysis:
    return analyse(prop99_panel, models=["none"], progress=False)


@pytest.fixture(scope="session")
def germany(germany_panel: bs.Panel) -> Analysis:
    return analyse(germany_panel, models=["none"], methods=["sc", "did", "placebo", "placebo-time"], progress=False)


@pytest.fixture(scope="session")
def hostile() -> Analysis:
    rng = np.random.default_rng(1)
    names = (
        "<script>alert(0)</script>",
        "<script>alert(1)</script>",
        "=cmd()",
        "$x_1$",
        "\u202eevil",
        "x" * 300,
        "y&amp;",
        "\U0001f389 party",
        "\u05e9\u05dc\u05d5\u05dd",
        "</script><img src=x onerror=alert(3)>",
    )
    frame = pd.DataFrame({name: np.sin(np.arange(12)) + rng.normal(0, 0.3, 12) for name in names})
    frame["week"] = np.arange(12)
    panel = bs.Panel.from_wide(frame, time="week", outcome='"><img src=x onerror=alert(2)>', treated=names[0], start=8)
    return analyse(panel, models=["none"], methods=["sc", "placebo", "leave-one-out", "conformal"], progress=False)


@pytest.fixture(scope="session")
def pages(
    analysis: Analysis,
    unreliable: Analysis,
    hostile: Analysis,
    pictures: dict[str, Drawing],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """Pages on disk, by the name of their analysis."""
    folder = tmp_path_factory.mktemp("pages")
    write_report(analysis, folder / "analysis.html", drawn=pictures)
    few = {name: each for name, each in unreliable.inferences.items() if name in ("leave-one-out", "bootstrap")}
    write_report(replace(unreliable, inferences=few), folder / "unreliable.html")
    write_report(hostile, folder / "hostile.html")
    return {file.stem: file for file in folder.glob("*.html")}


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium; without it these tests skip, and in CI they fail."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "no chromium on PATH; install the Debian package chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


PATIENCE = 600_000
"""Milliseconds."""


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        opened = browser.new_context

        def patient(**options: Any) -> BrowserContext:
            # No test is on the clock: a machine that is busy with other things loads a page late.
            context = opened(**options)
            context.set_default_timeout(PATIENCE)
            return context

        browser.new_context = patient  # type: ignore[method-assign]
        yield browser
        browser.close()
