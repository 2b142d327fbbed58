"""A finished picture: laid out once, as PNG and SVG, kept out of pyplot."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsynth.plots import style

DPI = 130
MARK = 0.45
"""Inches that the mark of what is unreliable adds to the first of them."""
METADATA: Mapping[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
"""Kinds of file, and what of them would differ from one day or version to the next."""


@dataclass(frozen=True)
class Drawing:
    """A finished picture: its two files, which are the same figure, and the words in it.

    Attributes
    ----------
    png, svg : bytes
    title : str
        What is written above it, on one line.
    words : str
        Its title and the words written in it.
    narrow : bytes or None
        The same as SVG for a phone, where it was drawn again for one.
    small : bytes or None
        Else the PNG in few colours, for a page in which it is folded.
    """

    png: bytes
    svg: bytes
    title: str
    words: str
    narrow: bytes | None = None
    small: bytes | None = None


def finished(figure: Figure) -> Drawing:
    """Lay a figure out, keep it so, and make its files; the same figure gives the same bytes."""
    _laid_out(figure)
    png, svg = (_encoded(figure, kind, metadata) for kind, metadata in METADATA.items())
    return Drawing(png, svg, title_of(figure), _words(figure))


def _laid_out(figure: Figure) -> None:
    # Each file would lay it out again, and for that draw it once more without a line: with an engine "none" too, with
    # no engine not. What else a user has set gives no engine here.
    with style.house(**{"figure.autolayout": False, "figure.constrained_layout.use": False}):
        if (engine := figure.get_layout_engine()) is not None:
            engine.execute(figure)
        figure.set_layout_engine(None)


def _encoded(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    with style.house():
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def title_of(figure: Figure) -> str:
    """Return what is written above a picture, on one line."""
    return " ".join(figure.axes[0].get_title(loc="left").split()).replace(r"\$", "$")


def _words(figure: Figure) -> str:
    """The title, and what is written in the axes and above them; of several axes in all of them."""
    parts = [" ".join(text.get_text().split()) for ax in figure.axes for text in ax.texts]
    parts += [" ".join(ax.get_title(loc="left").split()) for ax in figure.axes[1:]]
    return ". ".join(part for part in (title_of(figure), *parts) if part).replace(r"\$", "$").replace("..", ".")


def drawn_in(draw: Callable[[Axes], Axes], size: tuple[float, float] = style.SIZE) -> Figure:
    """Return a new figure, which pyplot does not know, with what is drawn in its axes."""
    figure, ax = style.new_figure(size)
    draw(ax)
    return figure


def in_two_widths(
    draw: Callable[[tuple[float, float]], Figure], wide: tuple[float, float], narrow: tuple[float, float]
) -> Drawing:
    """Draw a picture for a page, and again for a phone, where its words would be too small."""
    figure = draw(narrow)
    _laid_out(figure)
    return replace(finished(draw(wide)), narrow=_encoded(figure, "svg", METADATA["svg"]))
