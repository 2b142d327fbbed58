"""Time the page of a panel of 200 donors over 500 periods in Chromium: until it is there, and until it answers.

``python tests/benchmarks/bench_report.py`` prints medians of five openings and fails above the bars.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import bsynth as bs
from bsynth.analysis import analyse
from bsynth.reporting.html import write_report

RUNS = 5
SECONDS, MEGABYTES = 2.0, 8.0
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def write_page(path: Path) -> None:
    """Write the page of a classical analysis."""
    log = bs.simulate_factor(donors=200, n_pre=400, n_post=100, effect=1.0, seed=3)
    panel = bs.Panel.from_long(log, unit="unit", time="time", outcome="outcome", treated=0, start=400)
    methods = ["sc", "demeaned", "did", "placebo", "leave-one-out"]
    write_report(analyse(panel, models=["none"], methods=methods, progress=False), path)


def timed(browser: Browser, path: Path) -> tuple[float, float, float]:
    """Seconds until the charts are painted, until a picked donor is, and until a hover has told its values."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    began = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(PAINTED)
    opened = time.perf_counter() - began
    figure = page.locator("figure[data-key=trajectory]")
    figure.locator(".u-over").scroll_into_view_if_needed()
    area = figure.locator(".u-over").bounding_box()
    assert area is not None
    began = time.perf_counter()
    figure.locator("select.donor").select_option(index=150)
    page.evaluate(PAINTED)
    picked = time.perf_counter() - began
    told = figure.locator("output").inner_text()
    began = time.perf_counter()
    page.mouse.move(area["x"] + 0.3 * area["width"], area["y"] + 0.5 * area["height"])
    page.evaluate(PAINTED)
    assert figure.locator("output").inner_text() != told
    hovered = time.perf_counter() - began
    page.close()
    return opened, picked, hovered


def main() -> None:
    """Print the table."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("no chromium on PATH; install the Debian package chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "report.html"
        if not path.is_file():
            write_page(path)
        megabytes = path.stat().st_size / 1e6
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        runs = [timed(browser, path) for _ in range(RUNS)]
        browser.close()
    opened, picked, hovered = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"page        {megabytes:6.2f} MB  (bar {MEGABYTES:g})")
    for name, seconds in (("opens", opened), ("picks", picked), ("hovers", hovered)):
        print(f"{name:<10} {seconds:7.3f} s   (bar {SECONDS:g})")
    if megabytes > MEGABYTES or max(opened, picked, hovered) > SECONDS:
        sys.exit("above the bar")


if __name__ == "__main__":
    main()
