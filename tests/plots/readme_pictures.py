"""The README's pictures, from the figures of a demo run: ``python tests/plots/readme_pictures.py demo``."""

import shutil
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

IMAGES = Path(__file__).resolve().parents[2] / ".github" / "images"
GALLERY = ("trajectory", "gap", "placebo", "decision", "uncertainty", "bootstrap")
"""Figures of a run folder, in reading order, three to a row."""


def main(run: Path) -> None:
    """Copy the picture of the effects, and lay the others out as a gallery."""
    shutil.copy(run / "figures" / "effects.png", IMAGES / "demo-effects.png")
    figure, axes = plt.subplots(2, 3, figsize=(18, 7.2), layout="constrained")
    for ax, name in zip(axes.flat, GALLERY, strict=True):
        ax.imshow(plt.imread(run / "figures" / f"{name}.png"), interpolation="lanczos")
        ax.set_axis_off()
    figure.savefig(IMAGES / "gallery.png", dpi=100)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
