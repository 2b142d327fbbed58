"""Labels as matplotlib can draw them."""

import textwrap
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from bsynth.text.labels import plain

FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew")
"""Families tried in turn for each character; DejaVu Sans comes with matplotlib."""


def drawn(label: object, limit: int = 28) -> str:
    """Return a label as matplotlib can draw it: `plain`, dollars escaped, unknown characters by code.

    Examples
    --------
    >>> drawn("$x_1$")
    '\\\\$x_1\\\\$'
    """
    text = "".join(c if _has_glyph(c) else f"[U+{ord(c):X}]" for c in plain(label, limit))
    return text.replace("$", r"\$")


def families() -> list[str]:
    """Return the installed families of `FONTS`."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in FONTS if name in installed]


def wrapped(text: str, points: float, font: FontProperties) -> list[str]:
    """Break a text into lines of at most so many points, by its mean width of a character."""
    # Its width is asked of the font: that of its outlines takes twenty times as long.
    each = text_to_path.get_text_width_height_descent(text.replace(r"\$", "$"), font, ismath=False)[0] / len(text)
    return textwrap.wrap(text, max(20, int(0.97 * points / each)))


def text_width(text: str, size: float) -> float:
    """Return the points that a line of text of this size is wide."""
    font = FontProperties(family=families(), size=size)
    return float(text_to_path.get_text_width_height_descent(text.replace(r"\$", "$"), font, ismath=False)[0])


@lru_cache(maxsize=4096)
def _has_glyph(character: str) -> bool:
    return any(font_manager.get_font(font_manager.findfont(name)).get_char_index(ord(character)) for name in families())
