"""What an analyst forwards: the first screen on a desk and on a phone, the open page, the printed one, one interval."""

import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

import bsynth as bs
from bsynth.analysis import Analysis, analyse
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import figures
from bsynth.reporting.html import write_report
from bsynth.text.numbers import numbers

DESK, PHONE = (1280, 800), (390, 844)
SERIOUS = {"serious", "critical"}
HEADING = 10.8
"""Points from which type on paper is a heading."""
NAMES = ("demo", "prop99", "unreliable", "long", "several", "classical")


# Enough of the format of Chromium's PDFs to know what stands where on a sheet.
@dataclass(frozen=True)
class Mark:
    """A run of text, or of a drawing, which has no size: type in points, and how far it is from the foot of the sheet."""

    size: float
    y: float


_OBJECT = re.compile(rb"(\d+) 0 obj\b(.*?)endobj", re.S)
_TOKEN = re.compile(rb"[^\s\[\]()<>/]+|/[^\s\[\]()<>/]+|\((?:\\\\.|[^()])*\)|<[0-9A-Fa-f]*>|\[|\]")


def sheets(content: bytes) -> list[list[Mark]]:
    """Return the runs of text and drawing of every sheet, in the order in which they are drawn."""
    objects = {int(number): body for number, body in _OBJECT.findall(content)}
    pages = [body for body in objects.values() if re.search(rb"/Type\s*/Page\b", body)]
    found = []
    for page in pages:
        (number,) = re.findall(rb"/Contents (\d+) 0 R", page)
        found.append(_texts(_stream(objects[int(number)])))
    return found


def orphans(sheet: list[Mark], heading: float) -> list[Mark]:
    """Runs of at least this size of type below which the sheet has nothing of another kind."""
    titles = [mark for mark in sheet if mark.size >= heading]
    rest = [mark.y for mark in sheet if mark.size < heading]
    return [title for title in titles if not any(y < title.y - 2 for y in rest)]


def _stream(body: bytes) -> bytes:
    raw = body.split(b"stream\n", 1)[1].rsplit(b"endstream", 1)[0]
    return zlib.decompress(raw) if b"/FlateDecode" in body else raw


def _texts(stream: bytes) -> list[Mark]:
    """Follow the matrices of a content stream; only what scales and moves upright text matters."""
    stack: list[bytes] = []
    saved: list[tuple[float, float]] = []
    scale, shift, size, line = 1.0, 0.0, 0.0, (1.0, 0.0)
    found = []
    for token in _TOKEN.findall(stream):
        if token == b"q":
            saved.append((scale, shift))
        elif token == b"Q":
            scale, shift = saved.pop()
        elif token == b"cm":
            *_, d, _, f = map(float, stack[-6:])
            shift, scale = shift + scale * f, scale * d
        elif token == b"Tf":
            size = float(stack[-1])
        elif token == b"Tm":
            *_, d, _, f = map(float, stack[-6:])
            line = (d, f)
        elif token in (b"Tj", b"TJ"):
            found.append(Mark(abs(size * line[0] * scale), shift + scale * line[1]))
        elif token in (b"m", b"l"):
            found.append(Mark(0.0, shift + scale * float(stack[-1])))
        elif token == b"Do":
            found.append(Mark(0.0, shift))
        stack.append(token)
    return found


@pytest.fixture(scope="module")
def demo(rollout_panel: bs.Panel) -> Analysis:
    return analyse(rollout_panel, replicates=100, seed=7, truth=0.05, progress=False)


@pytest.fixture(scope="module")
def prop99(prop99_panel: bs.Panel) -> Analysis:
    return analyse(prop99_panel, methods=["sc", "demeaned", "placebo"], progress=False)


@pytest.fixture(scope="module")
def whole(demo: Analysis, prop99: Analysis, data_dir: Path) -> dict[str, Analysis]:
    """Analyses of several kinds, by name."""
    (fit,) = prop99.fits
    failed = replace(fit.diagnostics, status="unreliable", failures=("3 divergences (must be 0)",), divergences=3)
    bad = replace(fit, diagnostics=failed)
    assert prop99.calibration is not None
    geo = bs.Panel.from_long(
        data_dir / "geolift_test.csv", unit="unit", time="time", outcome="outcome",
        treated=["chicago", "portland", "boston"], start="2021-04-01",
        outcome_label="daily sales of the whole region", unit_label="metropolitan market",
    )  # fmt: skip
    wordy = analyse(geo, models=["level"], methods=["sc", "demeaned"], calibrated=False, progress=False)
    return {
        "demo": demo,
        "prop99": prop99,
        "unreliable": replace(prop99, fits=(bad,), calibration=replace(prop99.calibration, fit=bad)),
        "long": replace(wordy, fits=(replace(wordy.fits[0], diagnostics=failed),)),
        "several": analyse(geo, models=["level"], methods=["sc", "did"], calibrated=False, progress=False),
        "classical": analyse(prop99.panel, models=["none"], methods=["sc", "demeaned", "placebo"], progress=False),
    }


@pytest.fixture(scope="module")
def drawn(whole: dict[str, Analysis]) -> dict[str, dict[str, Drawing]]:
    return {name: figures(each) for name, each in whole.items()}


@pytest.fixture(scope="module")
def files(
    whole: dict[str, Analysis], drawn: dict[str, dict[str, Drawing]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("screens")
    for name, each in whole.items():
        write_report(each, folder / f"{name}.html", drawn=drawn[name])
    return {name: folder / f"{name}.html" for name in whole}


@pytest.fixture
def show(browser: Browser, files: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    contexts = []

    def shown(name: str, size: tuple[int, int], *, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(files[name].as_uri())
        return page

    yield shown
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_on_the_first_screen(
    show: Callable[..., Page], whole: dict[str, Analysis], name: str, size: tuple[int, int]
) -> None:
    page, verdict = show(name, size, dark=name == "prop99"), whole[name].verdict
    assert page.locator("h1").inner_text() == verdict.headline
    assert page.locator("#answer .points li").all_inner_texts() == list(verdict.bullets)
    shown = [text.replace("\n", " ") for text in page.locator(".facts div").all_inner_texts()]
    assert [text.lower() for text in shown] == [f"{fact.label} {fact.value}".lower() for fact in verdict.facts]
    for place in ("h1", ".facts", "#answer figure img:visible", "#answer .points"):
        box = page.locator(place).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0], place
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size[1], place
    picture = page.locator("#answer figure img:visible").bounding_box()
    assert picture is not None
    assert picture["height"] >= (300 if size == DESK else 200)
    assert page.locator("#answer figure img:visible").evaluate("img => img.complete && img.naturalWidth > 0")


@pytest.mark.parametrize("name", NAMES)
def test_the_open_page_is_short(show: Callable[..., Page], name: str) -> None:
    page = show(name, DESK)
    assert page.evaluate("document.documentElement.scrollHeight") <= 6 * DESK[1]
    assert len(page.evaluate("document.body.innerText").split()) <= 800
    assert page.locator(".block").count() <= 5
    assert page.locator("details[open]").count() == 0
    assert page.locator(".appendix details").count() >= 8


@pytest.mark.parametrize("name", NAMES)
def test_a_phone_scrolls_only_down(show: Callable[..., Page], name: str) -> None:
    page = show(name, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.get_by_role("button", name="Open all").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(show: Callable[..., Page], dark: bool, size: tuple[int, int]) -> None:
    for name in ("demo", "unreliable"):
        found = Axe().run(show(name, size, dark=dark)).response["violations"]
        assert not [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in SERIOUS]


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_small(files: dict[str, Path], name: str) -> None:
    assert files[name].stat().st_size <= 1_500_000


def test_arrows_of_bars_that_go_on_are_seen_on_a_phone(show: Callable[..., Page]) -> None:
    page = show("prop99", PHONE)
    page.evaluate("""() => {
        const row = document.querySelector(".forest li"), bar = row.querySelector(".span");
        bar.classList.add("from", "on");
        bar.style.left = "0%";
        bar.style.width = "100%";
    }""")
    for side, name in (("left", "::before"), ("right", "::after")):
        beyond = page.evaluate(
            f"""() => {{
                const bar = document.querySelector(".forest .span"), row = bar.closest("li").getBoundingClientRect();
                const reach = parseFloat(getComputedStyle(bar, "{name}").{side});
                const box = bar.getBoundingClientRect();
                return "{side}" === "left" ? box.left + reach - row.left : row.right - (box.right - reach);
            }}"""
        )
        assert beyond >= 0, side


def test_the_total_has_its_interval_and_says_what_it_sums(
    show: Callable[..., Page], whole: dict[str, Analysis]
) -> None:
    answer = whole["several"].to_dict()["comparison"]["answer"]
    total, lower, upper = numbers(*(answer[name] for name in ("total", "total_lower", "total_upper")), signed=True)
    first = show("several", PHONE).locator("#answer .points li").first.inner_text()
    n = whole["several"].panel.n_post
    assert f"total over {n} days {total} (95% predictive interval {lower} to {upper})" in first


def test_no_heading_of_a_table_is_the_name_of_a_column(show: Callable[..., Page]) -> None:
    for name in ("demo", "several", "classical"):
        page = show(name, DESK)
        heads = page.locator("thead th").evaluate_all("all => all.map(each => each.textContent.trim())")
        text = page.locator("main").evaluate("main => main.textContent")
        assert heads
        assert not [head for head in heads if "_" in head or "RMSPE" in head or "MAD" in head]
        assert not re.search(r"Table of|\bmads\b|\bMADs\b", text)


@pytest.mark.parametrize("name", NAMES)
def test_paper_has_the_answer_on_four_sheets_and_no_heading_alone(
    show: Callable[..., Page], tmp_path: Path, name: str
) -> None:
    page = show(name, DESK)
    page.pdf(path=tmp_path / "whole.pdf", format="A4")
    page.add_style_tag(content=".appendix, footer { display: none !important }")
    page.pdf(path=tmp_path / "answer.pdf", format="A4")
    answer, whole = (sheets((tmp_path / f"{kind}.pdf").read_bytes()) for kind in ("answer", "whole"))
    assert 1 < len(answer) <= 4
    assert len(whole) > len(answer) + 3, "the appendix is opened on paper"
    assert any(mark.size >= HEADING for sheet in whole for mark in sheet)
    for number, sheet in enumerate(whole, start=1):
        assert not orphans(sheet, HEADING), f"a heading stands alone at the foot of sheet {number}"


def test_paper_has_the_wide_drawings_whatever_the_window(show: Callable[..., Page], tmp_path: Path) -> None:
    first = []
    for name, size in (("desk", DESK), ("phone", PHONE)):
        page = show("demo", size)
        page.pdf(path=tmp_path / f"{name}.pdf", format="A4")
        first.append(sheets((tmp_path / f"{name}.pdf").read_bytes())[0])
    assert first[0] == first[1]


def test_no_cell_of_paper_breaks_inside_a_word(show: Callable[..., Page]) -> None:
    """A word that is one box, or none where its table is not shown, is not broken; nothing is wider than the sheet."""
    page = show("demo", (688, 900))
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    broken = page.evaluate("""() => {
        const found = [], range = document.createRange();
        for (const cell of document.querySelectorAll("table :is(th, td):not(.long) bdi")) {
            const text = cell.firstChild;
            for (const word of text === null ? [] : text.data.matchAll(/\\S+/g)) {
                range.setStart(text, word.index);
                range.setEnd(text, word.index + word[0].length);
                if (new Set([...range.getClientRects()].map(box => box.top)).size > 1) found.push(word[0]);
            }
        }
        return found;
    }""")
    assert broken == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 688


def test_the_check_of_sheets_can_fail(show: Callable[..., Page], tmp_path: Path) -> None:
    page = show("demo", DESK)
    page.set_content(f"<body style='margin:0'><div style='height:{200}mm'></div><h2>Alone</h2></body>")
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert orphans(sheets((tmp_path / "page.pdf").read_bytes())[0], HEADING)


@pytest.mark.parametrize("name", ["demo", "prop99", "several", "classical"])
def test_every_picture_has_the_interval_of_the_headline(
    whole: dict[str, Analysis], drawn: dict[str, dict[str, Drawing]], name: str
) -> None:
    answer = whole[name].to_dict()["comparison"]["answer"]
    words = numbers(answer["estimate"], answer["lower"], answer["upper"], signed=True)
    assert f"{words[1]} to {words[2]}" in whole[name].verdict.headline
    shown = {key: drawing.words.replace("\u00a0", " ") for key, drawing in drawn[name].items()}
    interval = f"[{words[1]}, {words[2]}]"
    for key in ("impact", "gap", "effects"):
        assert words[0] in shown[key], key
        assert interval in shown[key], key
    assert f"{words[0]}. {words[1]}. {words[2]}." in shown["answer"]


def test_the_page_prints_that_interval_everywhere(show: Callable[..., Page], whole: dict[str, Analysis]) -> None:
    for name in ("demo", "prop99", "several", "classical"):
        page, answer = show(name, DESK), whole[name].to_dict()["comparison"]["answer"]
        words = numbers(answer["estimate"], answer["lower"], answer["upper"], signed=True)
        first = page.locator(".forest .main")
        assert first.locator(".what b").inner_text() == words[0]
        assert first.locator(".what small").inner_text() == f"{words[1]} to {words[2]}"
        row = page.locator("#path tbody tr").first.inner_text().split("\t")
        assert row[1:3] == [words[0], f"{words[1]} to {words[2]}"]


def test_the_drift_is_a_layer_and_both_misses_are_said(show: Callable[..., Page], whole: dict[str, Analysis]) -> None:
    """Prop 99: the synthetic control misses by 15.7, and only the drift brings the line close."""
    summary = json.loads(json.dumps(whole["prop99"].to_dict()))
    row = summary["pre_fit"][0]
    assert row["line_rmspe"] == pytest.approx(row["pre_rmspe"])
    assert row["line_rmspe"] == pytest.approx(15.7, abs=1.5)
    assert row["line_rmspe_with_drift"] < 1
    text = show("prop99", DESK).locator("#path").inner_text()
    found = re.search(r"misses California by ([\d.]+).*closes that to ([\d.]+): the drift carries most", text, re.S)
    assert found is not None
    assert [float(word) for word in found.groups()] == pytest.approx(
        [row["line_rmspe"], row["line_rmspe_with_drift"]], rel=0.01
    )
    assert "drift carries" not in show("several", DESK).locator("#path").inner_text()
