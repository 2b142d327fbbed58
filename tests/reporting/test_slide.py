"""The answer as one slide: its words, its shape, and what is refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from matplotlib.image import imread

import bsynth as bs
from bsynth.analysis import Analysis
from bsynth.cli import main
from bsynth.reporting.slide import draw
from bsynth.text.marks import OF_FIT, marked
from bsynth.text.numbers import numbers


def _words(analysis: Analysis) -> str:
    figure = draw(analysis)
    texts = [*figure.texts, *(text for ax in figure.axes for text in ax.texts)]
    return " ".join(" ".join(text.get_text().split()) for text in texts)


def test_it_has_headline_bullets_and_the_interval(analysis: Analysis) -> None:
    said, verdict = _words(analysis), analysis.verdict
    for text in (verdict.headline, *verdict.bullets):
        assert text in said
    for word in numbers(*analysis.fits[0].effects().loc[0, ["estimate", "lower", "upper"]], signed=True):
        assert f" {word} " in said
    assert marked(OF_FIT) not in said


def test_it_names_the_treated_units_and_its_key_leaves_the_bullets_alone(analysis: Analysis) -> None:
    panel = analysis.panel
    assert panel.n_treated == 25
    named = f"{panel.labels.outcome} of {panel.treated_name} ({', '.join(map(str, panel.treated[:4]))}"
    assert named in _words(analysis)
    figure = draw(analysis)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert not [text for text in figure.texts if text.get_window_extent().overlaps(legend.get_window_extent())]


def test_an_unreliable_one_says_so(unreliable: Analysis) -> None:
    assert marked(OF_FIT) in _words(unreliable)
    assert "not to be used" in _words(unreliable)


def test_no_words_leave_the_slide(analysis: Analysis, hostile: Analysis, unreliable: Analysis) -> None:
    for each in (analysis, hostile, unreliable):
        figure = draw(each)
        width, height = figure.bbox.size
        boxes = [text.get_window_extent() for text in figure.texts]
        assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
        assert not [(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :] if a.overlaps(b)]


def test_it_is_sixteen_to_nine_and_the_same_each_time(analysis: Analysis, tmp_path: Path) -> None:
    first, again = (bs.slide(analysis, tmp_path / "new" / f"{name}.png") for name in ("a", "b"))
    height, width = imread(first).shape[:2]
    assert (width, height) == (1920, 1080)
    assert first.read_bytes() == again.read_bytes()
    assert bs.slide(analysis, tmp_path / "slide.pdf").read_bytes().startswith(b"%PDF")


def test_what_it_refuses(analysis: Analysis, tmp_path: Path) -> None:
    with pytest.raises(bs.SpecError, match=r"give a file that ends in \.pdf or \.png"):
        bs.slide(analysis, tmp_path / "slide.pptx")
    with pytest.raises(bs.SpecError, match="an Analysis is needed"):
        bs.slide(analysis.fits[0], tmp_path / "slide.pdf")
    assert not list(tmp_path.iterdir())


def test_a_run_writes_it_and_the_next_one_removes_it(data_dir: Path, tmp_path: Path) -> None:
    words = [
        "run", str(data_dir / "california_prop99.csv"), "--unit", "unit", "--time", "time", "--outcome", "outcome",
        "--treated", "California", "--start", "1989", "--model", "none", "--methods", "did", "--findings", "none",
        "--quiet", "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    found = CliRunner().invoke(main, [*words, "--slide"])
    assert found.exit_code == 0, found.output
    assert {"slide.png", "slide.pdf"} <= {file.name for file in (tmp_path / "run").iterdir()}
    assert CliRunner().invoke(main, words).exit_code == 0
    assert not list((tmp_path / "run").glob("slide.*"))
