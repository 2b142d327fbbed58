"""Labels as matplotlib can draw them."""

from functools import lru_cache

from matplotlib import font_manager

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


@lru_cache(maxsize=4096)
def _has_glyph(character: str) -> bool:
    return any(font_manager.get_font(font_manager.findfont(name)).get_char_index(ord(character)) for name in families())
