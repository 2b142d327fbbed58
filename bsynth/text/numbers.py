"""Numbers in words, for every sentence, table, picture and terminal: one way to round and to write."""

import math
from collections.abc import Sequence

_MINUS = "\u2212"


def number(value: float | str | None, digits: int = 3, *, signed: bool = False) -> str:
    """Write a number to ``digits`` significant figures, with a true minus sign and thousands parted.

    Only a number below a millionth has an exponent.

    Examples
    --------
    >>> number(-0.0829), number(1234.567), number(None), number("-inf"), number(12.3, signed=True)
    ('−0.0829', '1,235', 'not available', '−∞', '+12.3')
    >>> number(0.9996), number(9.999), number(-4.07e-12)
    ('1.00', '10.0', '−4.07e−12')
    """
    if value is None or math.isnan(given := float(value)):
        return "not available"
    if given == 0 or math.isinf(given):
        return _number(given, 0, signed)
    return _number(given, max(0, digits - 1 - _size(given, digits)), signed, digits)


def numbers(*values: float, signed: bool = False, decimals: int | None = None) -> list[str]:
    """Format numbers that are read together with the same decimals (by default `decimals_of` them).

    Examples
    --------
    >>> numbers(-17.72, -31.2, 4.051)
    ['−17.7', '−31.2', '4.1']
    >>> numbers(0.0502, signed=True), numbers(0.0829, 0.0511, 0.1215)
    (['+0.0502'], ['0.083', '0.051', '0.121'])
    >>> numbers(9.999), numbers(1.2e-15, -3.4e-15, 0.0)
    (['10.0'], ['1.20e−15', '−3.40e−15', '0'])
    """
    decimals = decimals_of(values) if decimals is None else decimals
    return [_number(v, decimals, signed) for v in values]


def decimals_of(values: Sequence[float]) -> int:
    """Return the decimals of numbers that are read together: two digits of a quarter of their spread.

    For an interval that is its standard error, so that an effect has the same digits in every sentence, table and
    picture. A lone number has three digits; the largest never more than six.

    Examples
    --------
    >>> decimals_of([123.0, 80.8, 270.4]), decimals_of([0.0829, 0.1215]), decimals_of([0.0])
    (0, 4, 0)
    >>> decimals_of([-17.9, -35.4, -0.5]), decimals_of([0.0514, 0.0214, 0.0813]), decimals_of([0.0514])
    (1, 3, 4)
    """
    finite = [v for v in values if math.isfinite(v)]
    largest = max((abs(v) for v in finite), default=0.0)
    if largest == 0:
        return 0
    spread = max(finite) - min(finite)
    digits = 1 - _size(spread / 4, 2) if spread else 2 - _size(largest, 3)
    return max(0, min(digits, 5 - _size(largest, 6)))


def lift_words(value: float) -> str:
    """Write a lift as a signed percentage of two digits; from 10% on without decimals.

    Examples
    --------
    >>> lift_words(0.0881), lift_words(-0.2289), lift_words(1.354), lift_words(-0.0042)
    ('+8.8%', '−23%', '+135%', '−0.42%')
    """
    return percent(value, max(0, min(1 - _size(100 * value, 2), 6)) if value else 0, signed=True)


def chance_limit(backing: int | None) -> float:
    """Return the chance beyond which none is spoken: P(t < 3), Student's t with n independent placebos as its degrees.

    The size of an error is known from the placebos, so that the far tail is that of Student's law; and what lies three
    standard deviations out no sample has shown to be normal. Rounded down, to tenths of a percent from 99% on. Without
    placebos it is .999: draws never show certainty.

    Examples
    --------
    >>> chance_limit(4), chance_limit(7), chance_limit(19), chance_limit(38), chance_limit(None)
    (0.98, 0.99, 0.996, 0.997, 0.999)
    """
    if backing is None:
        return 0.999
    from scipy import special  # a command says its first line before anything is loaded

    tail = float(special.stdtr(backing, 3.0))
    parts = 1000 if tail >= 0.99 else 100
    return math.floor(parts * tail) / parts


def chance_words(value: float, backing: int | None = None) -> str:
    """Write a chance as a percentage, no further than the independent placebos behind it go (`chance_limit`).

    With a decimal from 95% on and below 5%.

    Examples
    --------
    >>> chance_words(0.9231), chance_words(0.9772), chance_words(0.9999), chance_words(0.0003)
    ('92%', '97.7%', 'over 99.9%', 'under 0.1%')
    >>> chance_words(0.9772, 38), chance_words(0.9999, 7), chance_words(0.8123, 7), chance_words(0.0003, 7)
    ('97.7%', 'over 99%', '81%', 'under 1%')
    """
    most = chance_limit(backing)
    if value > most:
        return f"over {percent(most)}"
    if value < 1 - most:
        return f"under {percent(1 - most)}"
    return percent(value, 1 if min(value, 1 - value) < 0.05 else 0)


def fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """Format a number of a known scale, such as a weight or an R-hat, with its usual decimals.

    Examples
    --------
    >>> fixed(1.00449, 3), fixed(-0.5, 2), fixed(0.5, 2, signed=True)
    ('1.004', '−0.50', '+0.50')
    """
    return _number(value, decimals, signed)


def exact(value: float, digits: int = 5) -> str:
    """Write a setting or a table's cell: no zeros that say nothing, and a power of ten only where zeros would swamp it.

    Examples
    --------
    >>> exact(0.3), exact(1.0), exact(-1234567.0), exact(0.123456), exact(2e-16)
    ('0.3', '1', '−1,234,567', '0.12346', '2e−16')
    """
    if value == 0 or not math.isfinite(value):
        return _number(value, 0, False)
    size = math.floor(math.log10(abs(value)))
    if not -6 <= size < 15:
        return f"{value:.{digits}g}".replace("-", _MINUS)
    text = _number(value, max(0, digits - 1 - size), False)
    return text.rstrip("0").rstrip(".") if "." in text else text


def tick(value: float) -> str:
    """Write a place on an axis: as `exact`, from a million on in millions (M), billions (bn) and trillions (tn).

    Examples
    --------
    >>> tick(-2500.0), tick(2.5e6), tick(-9.5e10), tick(2.5e-6)
    ('−2,500', '2.5 M', '−95 bn', '0.0000025')
    """
    for size, name in ((1e12, "tn"), (1e9, "bn"), (1e6, "M")):
        if size <= abs(value) < 1e15:
            return f"{exact(value / size, 9)} {name}"
    return exact(value, 9)


def short(value: float) -> str:
    """Write a number to three digits in at most nine characters, with a power of ten from a million on.

    Examples
    --------
    >>> short(-0.0829), short(12345.6), short(-1234567.8), short(float("inf"))
    ('−0.0829', '12,346', '−1.23e6', '∞')
    """
    if not 1e6 <= abs(value) < math.inf:
        return number(value)
    mantissa, _, power = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(power)}".replace("-", _MINUS)


def percent(value: float, decimals: int | None = None, *, signed: bool = False) -> str:
    """Format a share as a percentage, by default with one decimal at most.

    Examples
    --------
    >>> percent(0.95), percent(0.1234), percent(-0.5, signed=True), percent(0.9474, 0)
    ('95%', '12.3%', '−50%', '95%')
    """
    return percents(value, signed=signed)[0] if decimals is None else _number(100 * value, decimals, signed) + "%"


def percents(*values: float, signed: bool = False, least: int = 0) -> list[str]:
    """Format shares that are read together as percentages; none becomes 0% or 100% that is not, and none another.

    They have ``least`` decimals or more.

    Examples
    --------
    >>> percents(0.5, 0.25), percents(0.99999), percents(0.0004)
    (['50%', '25%'], ['99.999%'], ['0.04%'])
    >>> percents(0.00455, 0.00513)
    ['0.46%', '0.51%']
    """
    finite = [100 * v for v in values if math.isfinite(v)]
    decimals = max(least, 0 if all(round(v, 1) == round(v) for v in finite) else 1)
    spread = max(finite, default=0.0) - min(finite, default=0.0)
    # Two steps of the last digit at least lie between ends that differ by more than rounding.
    while decimals < 9 and max(map(abs, finite), default=0.0) * 1e-9 < spread < 2 * 10.0**-decimals:
        decimals += 1
    while decimals < 9 and any(
        round(v, decimals) in (0, 100) and not math.isclose(v, round(v, decimals)) for v in finite
    ):
        decimals += 1
    return [_number(100 * v, decimals, signed) + "%" for v in values]


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


def p_value(p: float) -> str:
    """Write the p of a test with its sign of relation; a count of permutations may well be all of them.

    Examples
    --------
    >>> p_value(0.03846), p_value(0.25), p_value(1.0), p_value(0.0002)
    ('p = 0.0385', 'p = 0.250', 'p = 1', 'p < 0.001')
    """
    return "p = 1" if p == 1 else f"p {chance(p)}"


def p_alone(p: float) -> str:
    """Write the p of a test where its name stands elsewhere, such as above its column.

    Examples
    --------
    >>> p_alone(0.03846), p_alone(1.0), p_alone(0.0002)
    ('0.0385', '1', '< 0.001')
    """
    return p_value(p).removeprefix("p ").removeprefix("= ")


def chance(p: float, backing: int | None = None) -> str:
    """Write a probability after its sign of relation, no further than the placebos behind it go (`chance_limit`).

    Examples
    --------
    >>> chance(0.9721), chance(1.0), chance(0.0), chance(0.0123)
    ('= 0.972', '> 0.999', '< 0.001', '= 0.0123')
    >>> chance(0.9721, 7), chance(0.8123, 7), chance(0.0, 7)
    ('= 0.972', '= 0.812', '< 0.01')
    """
    most = chance_limit(backing)
    if backing is not None and not 1 - most <= p <= most:
        return f"> {most:.3g}" if p > most else f"< {1 - most:.1g}"
    text = probability(p)
    return text if text[0] in "<>" else f"= {text}"


def count(n: int, noun: str, plural: str = "") -> str:
    """Write a number of things, its noun in the plural where that is due.

    Examples
    --------
    >>> count(1, "period"), count(1200, "period"), count(2, "range of time", "ranges of time")
    ('1 period', '1,200 periods', '2 ranges of time')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def bracket(values: Sequence[str]) -> str:
    """Return "[lower, upper]" of two formatted bounds, which no line break parts."""
    return f"[{values[0]},\u00a0{values[1]}]"


def _size(value: float, digits: int) -> int:
    """The power of ten of a number that is rounded to so many digits: .9996 to three is 1.00."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


def _number(value: float, decimals: int, signed: bool, digits: int = 3) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    if decimals > 8 and value != 0 and _size(value, digits) < -6:
        mantissa, _, power = f"{value:{'+' if signed else ''}.{digits - 1}e}".partition("e")
        return f"{mantissa}e{int(power)}".replace("-", _MINUS)
    text = "0" if value == 0 and decimals > 8 else f"{value:{'+' if signed else ''},.{decimals}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("+-")
    return text.replace("-", _MINUS)
