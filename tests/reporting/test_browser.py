"""The page in a real browser: it answers pointer and keyboard, asks nothing of the network, and is accessible."""

import csv
import io
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from bsynth.analysis import Analysis
from bsynth.text.marks import OF_FIT, marked

SERIOUS = {"serious", "critical"}
DRAWN = "document.querySelectorAll('canvas').length === document.querySelectorAll('main .interactive').length"
"""Every chart has been drawn, which happens when its fold opens."""


@pytest.fixture
def open_page(browser: Browser, pages: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    """Open a page from disk; any error, message of the console or request but its own fails the test."""
    contexts, trouble = [], []

    def opened(name: str, *, width: int = 1100, dark: bool = False, unfold: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        own = pages[name].as_uri()
        page.on("request", lambda r: None if r.url.startswith(("data:", "blob:", own)) else trouble.append(r.url))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.goto(own)
        if unfold:
            page.get_by_role("button", name="Open all").click()
            until(page, DRAWN)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not trouble


def chart(page: Page, key: str) -> str:
    """Return the chart's picture as the browser has drawn it, to compare."""
    page.wait_for_timeout(50)
    return str(page.locator(f"figure[data-key={key}] canvas").evaluate("canvas => canvas.toDataURL()"))


KEEP = """() => {
  URL.createObjectURL = blob => { window.saved = blob.text(); return 'blob:kept' };
  HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download };
}"""
"""Keeps what the page saves instead of saving it: a browser refuses many downloads in a row."""


def until(page: Page, expression: str) -> None:
    """Wait for it from outside: within, the page's policy forbids code made from text."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"it never came true: {expression}")


def saved(page: Page, button: Locator) -> tuple[str, str]:
    """Return name and text of the file that a button saves; `KEEP` ran before."""
    page.evaluate("() => { window.savedAs = null }")
    button.click()
    until(page, "window.savedAs !== null")
    return str(page.evaluate("window.savedAs")), str(page.evaluate("window.saved")).lstrip("\ufeff")


def test_hover_and_slider_tell_the_values_of_a_period(open_page: Callable[..., Page], analysis: Analysis) -> None:
    page = open_page("analysis")
    figure = page.locator("figure[data-key=trajectory]")
    assert figure.locator("img").is_hidden()
    path = analysis.fits[0].path(analysis.level)
    area = figure.locator(".u-over")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 15, box["y"] + 5)
    told = figure.locator("output").inner_text().replace("\n", " ")
    last = path.iloc[-1]
    assert told.startswith("29")
    for value in (last["observed"], last["counterfactual"], last["lower"], last["upper"]):
        assert f"{value:.3f}" in told
    figure.get_by_label("Period", exact=True).press("ArrowLeft")
    assert figure.locator("output").inner_text().startswith("28")
    assert figure.get_by_label("Period", exact=True).get_attribute("aria-valuetext") == "28"


def test_donor_and_window_pickers_change_the_chart(open_page: Callable[..., Page], analysis: Analysis) -> None:
    page = open_page("analysis")
    for key in ("trajectory", "placebo"):
        figure = page.locator(f"figure[data-key={key}]")
        before = chart(page, key)
        figure.get_by_label("Donor", exact=True).select_option(label=str(analysis.panel.donors[3]))
        picked = chart(page, key)
        assert picked != before
        assert figure.locator("output .picked").inner_text().startswith(f"{analysis.panel.donors[3]} ")
        figure.get_by_label("Show", exact=True).select_option("after")
        assert chart(page, key) != picked
        assert figure.get_by_label("Period", exact=True).get_attribute("min") == str(analysis.panel.n_pre)
        figure.get_by_label("Show", exact=True).select_option("all")
        figure.get_by_label("Donor", exact=True).select_option("")
        assert figure.get_by_label("Period", exact=True).get_attribute("min") == "0"
    area = page.locator("figure[data-key=gap] .u-over")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    slider = page.locator("figure[data-key=gap] input")
    assert 0 < int(slider.get_attribute("min") or 0) < int(slider.get_attribute("max") or 0) < 29


def test_tables_sort_and_say_so(open_page: Callable[..., Page]) -> None:
    page = open_page("analysis")
    table = page.locator("#weights table")
    heads, cells = table.locator("thead th"), table.locator("tbody tr td:nth-child(2)")
    original = table.locator("tbody th").all_inner_texts()
    button = heads.nth(1).get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    values = [float(text) for text in cells.all_inner_texts()]
    assert values == sorted(values)
    assert heads.nth(1).get_attribute("aria-sort") == "ascending"
    button.click()
    assert [float(text) for text in cells.all_inner_texts()] == sorted(values, reverse=True)
    heads.nth(0).get_by_role("button").click()
    assert heads.nth(1).get_attribute("aria-sort") == "none"
    names = table.locator("tbody th").all_inner_texts()
    assert names == sorted(names, key=int)
    for _ in range(2):
        heads.nth(0).get_by_role("button").click()
    assert table.locator("tbody th").all_inner_texts() == original
    methods = page.locator("#classical table")
    methods.locator("thead th").nth(5).get_by_role("button").click()
    found = methods.locator("tbody tr td:nth-child(6)").all_inner_texts()
    assert found[-1] == "–"
    assert found[0] != "–"


def test_tables_copy_as_cells(open_page: Callable[..., Page], analysis: Analysis) -> None:
    page = open_page("analysis")
    page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text } }")
    page.locator("#path").get_by_role("button", name="Copy table").click()
    rows = [line.split("\t") for line in page.evaluate("window.copied").split("\n")]
    assert rows[0][:2] == ["Effect", "Estimate"]
    assert float(rows[1][1]) == pytest.approx(analysis.fits[0].effects()["estimate"].iloc[0], abs=1e-3)


def test_every_figure_downloads_as_svg_and_csv(open_page: Callable[..., Page], analysis: Analysis) -> None:
    page = open_page("analysis")
    figures = page.locator("main figure:not(.bare)")
    with page.expect_download() as download:
        page.locator("figure[data-key=trajectory]").get_by_role("button", name="CSV").click()
    assert download.value.suggested_filename == "trajectory.csv"
    found = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8-sig"))))
    assert [float(row["observed"]) for row in found] == pytest.approx(analysis.panel.treated_series.tolist())
    donor = analysis.panel.donor_matrix[:, analysis.panel.donors.index(30)]
    assert [float(row["donor 30"]) for row in found] == pytest.approx(donor.tolist())
    page.evaluate(KEEP)
    for figure in figures.all():
        key = figure.get_attribute("data-key")
        name, text = saved(page, figure.get_by_role("button", name="SVG"))
        assert name == f"{key}.svg"
        assert text.startswith("<?xml")
        name, text = saved(page, figure.get_by_role("button", name="CSV"))
        assert name == f"{key}.csv"
        assert len(list(csv.reader(io.StringIO(text)))) > 2


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(open_page: Callable[..., Page], dark: bool) -> None:
    page = open_page("unreliable", dark=dark)
    page.locator("figure[data-key=trajectory]").get_by_label("Donor", exact=True).select_option(index=2)
    page.locator("#weights thead button").first.click()
    found = Axe().run(page).response["violations"]
    assert not [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in SERIOUS]


def test_theme_follows_the_device_and_the_reader(open_page: Callable[..., Page]) -> None:
    def paper(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light, dark = open_page("analysis"), open_page("analysis", dark=True)
    white, black = paper(light), paper(dark)
    assert white == "rgb(255, 255, 255)" != black
    before = chart(light, "gap")
    light.get_by_label("Theme", exact=True).select_option("dark")
    assert paper(light) == black
    assert chart(light, "gap") != before
    dark.get_by_label("Theme", exact=True).select_option("light")
    assert paper(dark) == white


def test_a_phone_scrolls_only_down(open_page: Callable[..., Page]) -> None:
    for name in ("analysis", "hostile"):
        page = open_page(name, width=390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        canvas = page.locator("figure[data-key=trajectory] canvas").bounding_box()
        assert canvas is not None
        assert canvas["x"] >= 0
        assert canvas["x"] + canvas["width"] <= 390


def test_print_has_the_pictures_and_no_controls(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page("unreliable", dark=True, unfold=False)
    page.emulate_media(media="print")
    assert page.locator("figure[data-key=trajectory] img").is_visible()
    for selector in (".unfold", ".theme", ".interactive >> nth=0", ".tools >> nth=0"):
        assert page.locator(selector).is_hidden()
    assert page.locator("button.sort").first.evaluate("b => getComputedStyle(b).display") == "contents"
    page.emulate_media(media="null")
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    content = (tmp_path / "page.pdf").read_bytes()
    sheets = len(re.findall(rb"/Type\s*/Page\b", content))
    assert 3 < sheets < 30
    if tool := shutil.which("pdftotext"):
        text = subprocess.run([tool, tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True).stdout
        assert text.count(marked(OF_FIT)) >= sheets
        assert "Data and versions" in text
        assert "Copy" not in text


def test_unreliable_is_seen_at_once_and_everywhere(open_page: Callable[..., Page]) -> None:
    page = open_page("unreliable")
    assert page.get_by_role("alert").is_visible()
    page.locator("#weights").scroll_into_view_if_needed()
    box = page.get_by_role("alert").bounding_box()
    assert box is not None
    assert box["y"] == 0
    marks = page.locator("figure .mark:visible")
    assert marks.count() == 2
    assert set(marks.all_inner_texts()) == {marked(OF_FIT)}
    assert page.title().startswith("UNRELIABLE")
    page.evaluate(KEEP)
    for place in ("figure[data-key=weights]", "#path .table"):
        assert "UNRELIABLE" in saved(page, page.locator(place).get_by_role("button", name="CSV"))[0]


def test_hostile_names_are_words_everywhere(open_page: Callable[..., Page], hostile: Analysis) -> None:
    page = open_page("hostile")
    page.evaluate("() => { navigator.clipboard.writeText = async text => { window.copied = text } }")
    assert page.evaluate("document.querySelectorAll('script').length") == 1 + page.locator("script[type]").count()
    assert page.locator("main img:not(.phone)").count() == page.locator("main figure").count()
    figure = page.locator("figure[data-key=trajectory]")
    for label in figure.locator("select.donor option").all_inner_texts()[1:]:
        figure.get_by_label("Donor", exact=True).select_option(label=label)
        assert label in figure.locator("output").inner_text()
    page.evaluate(KEEP)
    _, weights = saved(page, page.locator("figure[data-key=weights]").get_by_role("button", name="CSV"))
    names = [row[0] for row in csv.reader(io.StringIO(weights))][1:]
    assert set(names) == {("'" if str(d).startswith("=") else "") + str(d) for d in hostile.panel.donors}
    page.locator("#weights").get_by_role("button", name="Copy table").click()
    copied = [line.split("\t")[0] for line in page.evaluate("window.copied").split("\n")]
    assert "'=cmd()" in copied
    assert not [cell for cell in copied if cell.startswith(("=", "+", "-", "@"))]
    for key in ("trajectory", "weights"):
        _, svg = saved(page, page.locator(f"figure[data-key={key}]").get_by_role("button", name="SVG"))
        assert "<script" not in svg


def test_without_its_script_the_page_is_whole(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages["analysis"].as_uri())
    for summary in page.locator("summary").all():
        summary.click()
    assert page.locator("figure img:visible").count() == page.locator("figure").count()
    assert page.locator("button:visible, select:visible").count() == 0
    context.close()
