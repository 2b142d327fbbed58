"""The page: self-contained, escaped, accessible, and impossible to misread when unreliable."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from bsynth.analysis import Analysis
from bsynth.plots.style import UNRELIABLE
from bsynth.reporting import render, save_figures, write_report

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Tags with attributes, the text, and a check that every tag is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def source(analysis: Analysis, pictures: dict[str, Figure]) -> str:
    return render(analysis, pictures=pictures)


@pytest.fixture(scope="module")
def page(source: str) -> Page:
    return Page(source)


def test_nothing_is_loaded_from_outside(source: str, page: Page) -> None:
    assert not re.search(r"https?://", source, re.IGNORECASE)
    assert not re.search(r"@import|url\(", source)
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))


def test_structure_is_semantic(page: Page) -> None:
    assert not page.open
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("main", "h1")] == [1, 1]
    assert len(page.all("h2")) == len(page.all("section")) == 12
    assert len(page.all("caption")) == len(page.all("table")) > 8
    assert all(th["scope"] in ("col", "row") for th in page.all("th"))
    assert all(len(image["alt"] or "") > 40 for image in page.all("img"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link["href"] for link in page.all("a")} == {f"#{s['id']}" for s in page.all("section")}
    assert any(meta.get("name") == "viewport" for meta in page.all("meta"))


def test_every_picture_is_in_the_page(pictures: dict[str, Figure], page: Page) -> None:
    images = [image["src"] or "" for image in page.all("img")]
    assert len(images) == len(pictures) == 7
    for image in images:
        content = base64.b64decode(image.partition("base64,")[2])
        assert content.startswith((b"<?xml", b"\x89PNG"))
        assert b"<script" not in content


def test_dark_phone_and_paper_are_styled(source: str) -> None:
    for rule in ("prefers-color-scheme: dark", "max-width: 40rem", "@media print"):
        assert rule in source


def test_unreliable_cannot_be_overlooked(unreliable: Analysis, source: str) -> None:
    page = Page(render(unreliable))
    (banner,) = [attrs for _, attrs in page.tags if attrs.get("class") == "banner"]
    assert banner["role"] == "alert"
    assert "".join(page.text).count(UNRELIABLE) >= 6
    assert "3 divergences (must be 0)" in "".join(page.text)
    assert 'class="banner"' not in source
    assert UNRELIABLE not in "".join(Page(source).text)


def test_hostile_names_are_text(hostile: Analysis) -> None:
    source = render(hostile)
    page = Page(source)
    assert "<script" not in source.lower()
    assert not page.open
    assert not [attrs for _, attrs in page.tags if any(name.startswith("on") for name in attrs)]
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))
    text = "".join(page.text)
    assert "<script>alert(0)</script>" in text
    assert "$x_1$" in text
    assert "y&amp;" in text
    assert "\u202e" not in text
    assert "x" * 100 not in text


def test_a_report_without_a_posterior(classical_only: Analysis) -> None:
    text = "".join(Page(render(classical_only)).text)
    assert "California" in text
    assert "No posterior was computed" in text
    assert "point without an interval" in text


def test_write_report_and_figures(analysis: Analysis, pictures: dict[str, Figure], source: str, tmp_path: Path) -> None:
    write_report(analysis, tmp_path / "report.html", pictures=pictures)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == source
    files = save_figures(analysis, tmp_path / "figures", pictures=pictures)
    assert sorted(f.name for f in files) == sorted(f"{k}.{e}" for k in pictures for e in ("png", "svg"))
    assert all(f.stat().st_size > 2000 for f in files)
    assert {f.name for f in tmp_path.iterdir()} == {"report.html", "figures"}
    assert not plt.get_fignums()


def test_the_same_analysis_gives_the_same_page(analysis: Analysis, source: str) -> None:
    assert render(analysis) == source
