"""The page as text: self-contained, escaped, accessible, and impossible to misread when unreliable."""

import base64
import gzip
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import bsynth as bs
from bsynth.analysis import Analysis, analyse
from bsynth.reporting.drawing import Drawing
from bsynth.reporting.figures import save_figures
from bsynth.reporting.html import render, write_report
from bsynth.reporting.pictures import pictures as page_pictures
from bsynth.text.marks import OF_FIT, marked

VOID = {"meta", "img", "input", "source"}


class Page(HTMLParser):
    """Tags with attributes, the text, and a check that every tag is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def source(pages: dict[str, Path]) -> str:
    return pages["analysis"].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_nothing_is_loaded_from_outside(page: Page) -> None:
    assert not [attrs for _, attrs in page.tags for name in ("src", "href") if "//" in (attrs.get(name) or "")[:12]]
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert not [script for script in page.all("script") if "src" in script]
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))
    assert not re.search(r"@import|url\(", "".join(page.text))


def test_only_its_own_script_may_run(page: Page) -> None:
    (policy,) = [meta["content"] or "" for meta in page.all("meta") if "http-equiv" in meta]
    (script,) = [text for attrs, text in zip(page.all("script"), page.scripts, strict=True) if not attrs.get("type")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert re.findall(r"script-src ([^;]*)", policy) == [f"'sha256-{digest}'"]
    assert "The MIT License" in script


def _desk(page: Page) -> list[dict[str, str | None]]:
    """Each figure's picture; that for a phone stands beside it, and one of the two is shown."""
    return [image for image in page.all("img") if image.get("class") != "phone"]


def test_structure_is_semantic(page: Page) -> None:
    assert not page.open
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("main", "h1")] == [1, 1]
    assert len(page.all("h2")) == len(page.all("section")) <= 6
    assert len(page.all("h3")) == len(page.all("details")) >= 10
    assert len(page.all("figure")) == len(_desk(page)) >= 8
    assert len(page.all("caption")) == len(page.all("table")) > 8
    assert all(th["scope"] in ("col", "row") for th in page.all("th"))
    assert all(len(image["alt"] or "") > 40 for image in page.all("img"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


def test_every_picture_is_in_the_page_with_its_numbers(pictures: dict[str, Drawing], page: Page) -> None:
    images = [image["src"] or "" for image in _desk(page)]
    assert len(images) == len(pictures) >= 9
    narrow = [image["src"] or "" for image in page.all("img") if image.get("class") == "phone"]
    assert len(narrow) == sum(drawing.narrow is not None for drawing in pictures.values()) == 2
    for image in [*images, *narrow]:
        content = base64.b64decode(image.partition("base64,")[2])
        assert content.startswith((b"<?xml", b"\x89PNG"))
        assert b"<script" not in content
    numbers = [json.loads(text) for text in page.scripts if text.startswith("{")]
    assert len(numbers) == len(pictures) - 1, "all but the first screen, whose numbers are those of the path"
    for each in numbers:
        assert len(each["columns"]) == len(each["data"])
        assert len({len(column) for column in each["data"]}) == 1
    assert sum("chart" in each for each in numbers) == 4


def test_a_folded_picture_is_what_is_smaller(analysis: Analysis, pictures: dict[str, Drawing]) -> None:
    heavy = replace(pictures["weights"], svg=pictures["weights"].svg + b" " * 1_000_000)
    drawn = {"weights": heavy, "answer": pictures["answer"], "trajectory": pictures["trajectory"]}
    made = page_pictures(analysis, drawn, analysis.to_dict())
    assert made["weights"].address.startswith("data:image/png;base64,")
    assert made["weights"].packed is not None
    assert gzip.decompress(base64.b64decode(made["weights"].packed)).startswith(b"<?xml")
    for key in ("answer", "trajectory"):
        assert made[key].address.startswith("data:image/svg+xml;base64,")
        assert made[key].packed is None


def test_the_page_is_small(source: str) -> None:
    assert len(source.encode()) < 1_500_000


def _numbers_of_the_trajectory(page: Page) -> list[str]:
    """Names of the columns behind the first chart."""
    found = [json.loads(text) for text in page.scripts if text.startswith("{")]
    return list(next(each for each in found if "chart" in each)["columns"])


def test_two_hundred_donors_over_five_hundred_periods_fit_into_a_page() -> None:
    log = bs.simulate_factor(donors=200, n_pre=400, n_post=100, seed=3)
    panel = bs.Panel.from_long(log, unit="unit", time="time", outcome="outcome", treated=0, start=400)
    found = analyse(panel, models=["none"], methods=["did"], progress=False)
    placebo = bs.placebo_space(panel, "did", progress=False)
    source = render(replace(found, inferences={"placebo": placebo}))
    assert len(source.encode()) < 8_000_000
    page = Page(source)
    columns = _numbers_of_the_trajectory(page)
    assert sum(name.startswith("donor ") for name in columns) == 200


def test_dark_phone_and_paper_are_styled(source: str) -> None:
    for rule in ("prefers-color-scheme: dark", "light-dark(", "max-width: 40rem", "@media print"):
        assert rule in source


def test_unreliable_cannot_be_overlooked(pages: dict[str, Path], source: str) -> None:
    page = Page(pages["unreliable"].read_text(encoding="utf-8"))
    (banner,) = [attrs for _, attrs in page.tags if attrs.get("class") == "banner"]
    assert banner["role"] == "alert"
    assert "".join(page.text).count(marked(OF_FIT)) >= 6
    assert "3 divergences (must be 0)" in "".join(page.text)
    assert 'class="banner"' not in source
    assert marked(OF_FIT) not in "".join(Page(source).text)


def test_hostile_names_are_text(pages: dict[str, Path]) -> None:
    page = Page(pages["hostile"].read_text(encoding="utf-8"))
    assert not page.open
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))
    assert not [text for text in page.scripts if text.startswith("{") and set(text) & set("<>&'")]
    text = "".join(page.text)
    assert "<script>alert(0)</script>" in text
    assert "$x_1$" in text
    assert "y&amp;" in text
    assert "\U0001f389 party" in text
    assert "\u05e9\u05dc\u05d5\u05dd" in text
    assert "\u202e" not in text
    assert "x" * 100 not in text
    assert "donor " + "x" * 300 in _numbers_of_the_trajectory(page)


def test_a_report_without_a_posterior(germany: Analysis) -> None:
    text = "".join(Page(render(germany)).text)
    assert "West Germany" in text
    assert "No posterior was computed" in text
    assert "without an interval that has ends" in text


def test_the_same_analysis_gives_the_same_files(
    analysis: Analysis, pictures: dict[str, Drawing], source: str, tmp_path: Path
) -> None:
    write_report(analysis, tmp_path / "report.html", drawn=pictures)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == source
    files = save_figures(analysis, tmp_path / "figures", drawn=pictures)
    assert sorted(f.name for f in files) == sorted(f"{k}.{e}" for k in pictures for e in ("png", "svg"))
    assert all(f.stat().st_size > 2000 for f in files)
    assert {f.name for f in tmp_path.iterdir()} == {"report.html", "figures"}
    assert not plt.get_fignums()


def test_a_picture_in_few_colours_keeps_the_rare_ones_and_its_white(pictures: dict[str, Drawing]) -> None:
    with_small = {key: drawing for key, drawing in pictures.items() if drawing.small is not None}
    assert with_small
    for drawing in with_small.values():
        with Image.open(io.BytesIO(drawing.png)) as whole, Image.open(io.BytesIO(drawing.small or b"")) as few:
            true, seen = (np.asarray(each.convert("RGB"), dtype=int) for each in (whole, few))
        assert (seen[true.min(axis=2) == 255] == 255).all()
        # By median cut the orange of a flagged donor became mud, off by more than a hundred.
        assert np.abs(seen - true).max() < 64
