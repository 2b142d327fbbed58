"""Words and numbers of pictures and reports: names made legible, numbers rounded together."""

import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from matplotlib import font_manager

FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew")
"""Families tried in turn for each character; DejaVu Sans comes with matplotlib."""

METHODS = {
    "bayes": "Bayesian",
    "sc": "Synthetic control",
    "sc-slsqp": "Synthetic control by SLSQP",
    "demeaned": "Demeaned synthetic control",
    "did": "Difference in differences",
    "sdid": "Synthetic difference in differences",
    "ascm": "Ridge-augmented synthetic control",
    "predictors": "Synthetic control on predictors",
}
INTERVALS = {
    "calibrated": "interval calibrated on the donors",
    "predictive": "predictive interval",
    "mean": "interval of the counterfactual mean",
    "placebo": "inverted placebo test",
    "bootstrap-percentile": "user-level bootstrap",
    "leave-one-out-range": "leave-one-out range",
    "conformal": "conformal interval",
    "jackknife+": "jackknife+ interval",
    "leave-two-out": "inverted leave-two-out test",
    "prediction-gaussian": "prediction interval, per source of error",
    "placebo-time": "placebo in time, no interval",
    "stacked": "stacked interval",
    "point": "point, no interval",
}
_JOINERS = "\u200c\u200d"
_MINUS = "\u2212"


def plain(label: object, limit: int = 60) -> str:
    """Return a label on one line without control characters, its middle cut out beyond ``limit``.

    The end is kept because long names often differ only there. Characters that reverse the reading
    direction of what follows are dropped; letters of right-to-left scripts stay.

    Examples
    --------
    >>> plain("a\\nb"), plain("x" * 20 + "end", limit=9)
    ('a b', 'xxxxx…end')
    """
    text = " ".join(str(label).split())
    text = "".join(c for c in text if c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    if len(text) <= limit:
        return text
    tail = (limit - 1) * 2 // 5
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


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


def numbers(*values: float, signed: bool = False, decimals: int | None = None) -> list[str]:
    """Format numbers that are read together with the same decimals (by default `decimals_of` them).

    Examples
    --------
    >>> numbers(-17.72, -31.2, 4.051)
    ['−17.7', '−31.2', '4.1']
    >>> numbers(0.0502, signed=True), numbers(0.0829, 0.0511, 0.1215)
    (['+0.0502'], ['0.0829', '0.0511', '0.1215'])
    """
    decimals = decimals_of(values) if decimals is None else decimals
    return [_number(v, decimals, signed) for v in values]


def decimals_of(values: Sequence[float]) -> int:
    """Return the decimals that give the spread of some numbers three digits, or a lone number three.

    Never more than six digits for the largest.

    Examples
    --------
    >>> decimals_of([123.0, 80.8, 270.4]), decimals_of([0.0829, 0.1215]), decimals_of([0.0])
    (0, 4, 0)
    """
    finite = [v for v in values if math.isfinite(v)]
    largest = max((abs(v) for v in finite), default=0.0)
    if largest == 0:
        return 0
    spread = (max(finite) - min(finite)) or largest
    wanted = 2 - math.floor(math.log10(spread))
    return max(0, min(wanted, 5 - math.floor(math.log10(largest)), 12))


def number(value: float, *, signed: bool = False) -> str:
    """Format one number with three significant digits."""
    return numbers(value, signed=signed)[0]


def percent(value: float, *, signed: bool = False) -> str:
    """Format a share as a percentage with one decimal at most.

    Examples
    --------
    >>> percent(0.95), percent(0.1234), percent(-0.5, signed=True)
    ('95%', '12.3%', '−50%')
    """
    return percents(value, signed=signed)[0]


def percents(*values: float, signed: bool = False) -> list[str]:
    """Format shares that are read together as percentages."""
    rounded = [round(100 * v, 1) for v in values]
    decimals = 0 if all(v == round(v) for v in rounded if math.isfinite(v)) else 1
    return [_number(v, decimals, signed) + "%" for v in rounded]


def probability(value: float) -> str:
    """Format a probability or p-value, three decimals and below .1 four; draws never show certainty.

    Examples
    --------
    >>> probability(0.03846), probability(0.25), probability(1.0), probability(0.0)
    ('0.0385', '0.250', '> 0.999', '< 0.001')
    """
    if value > 0.999:
        return "> 0.999"
    if value < 0.001:
        return "< 0.001"
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}"


def interval_words(kind: str, level: float) -> str:
    """Name an interval by level and kind: "95% predictive interval"."""
    words = INTERVALS.get(kind, kind)
    return words if math.isnan(level) else f"{percent(level)} {words}"


def bracket(values: Sequence[str]) -> str:
    """Return "[lower, upper]" of two formatted bounds, which no line break parts."""
    return f"[{values[0]},\u00a0{values[1]}]"


def _number(value: float, decimals: int, signed: bool) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    text = f"{value:{'+' if signed else ''},.{decimals}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("+-")
    return text.replace("-", _MINUS)
