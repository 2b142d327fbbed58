"""The README's pictures, from a demo run: ``python tests/plots/readme_pictures.py demo``."""

import shutil
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parents[2] / ".github" / "images"
GALLERY = ("trajectory", "gap", "placebo", "decision", "uncertainty", "bootstrap")
"""Figures of a run folder, in reading order, three to a row."""


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def first_screen(page: Path, file: Path) -> None:
    """Take a picture of what a report opens with."""
    browser = next(found for name in CHROMIUM if (found := shutil.which(name)))
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        shown = opened.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
        shown.goto(page.absolute().as_uri())
        shown.wait_for_timeout(1000)
        shown.locator("header#answer").screenshot(path=file)
        opened.close()


def main(run: Path) -> None:
    """Take the first screen, copy the picture of the effects, and lay the others out as a gallery."""
    first_screen(run / "report.html", IMAGES / "first-screen.png")
    shutil.copy(run / "figures" / "effects.png", IMAGES / "demo-effects.png")
    figure, axes = plt.subplots(2, 3, figsize=(18, 7.2), layout="constrained")
    for ax, name in zip(axes.flat, GALLERY, strict=True):
        ax.imshow(plt.imread(run / "figures" / f"{name}.png"), interpolation="lanczos")
        ax.set_axis_off()
    figure.savefig(IMAGES / "gallery.png", dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
