"""Labels that a reader would take for one another: they differ in spaces, case or look-alike characters only."""

import unicodedata
from collections.abc import Iterable

from bsynth._base.types import Label

SPACES, CASE, LOOKS = "spaces", "upper and lower case", "characters that look alike or are invisible"
_LATIN = str.maketrans(
    # Cyrillic and Greek letters that most typefaces draw as Latin ones; then dashes and quotation marks.
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοι" + "‐‑‒–—−" + "‘’ʼ´`" + "“”",
    "ABESIJKMHOPCTYXaesijopcyxd" + "ABEZHIKMNOPTYXoi" + "------" + "'''''" + '""',
)


def key(label: str) -> str:
    """What labels that look the same have in common.

    Examples
    --------
    >>> key("New  York ") == key("new\\xa0york")
    True
    """
    return _unspaced(_drawn(label)).casefold()


def _drawn(label: str) -> str:
    """The label as it looks: one composition, nothing invisible, look-alikes as their Latin letters."""
    # Look-alikes come first: compatibility forms turn an acute accent into a space and an accent.
    text = unicodedata.normalize("NFKC", label.translate(_LATIN)).translate(_LATIN)
    return "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())


def _unspaced(text: str) -> str:
    return " ".join(text.split())


def difference(one: str, other: str) -> str:
    """In what two labels of one `key` differ, in words.

    Examples
    --------
    >>> difference("T", "T "), difference("ohio", "Ohio"), difference("Т", "T")
    ('spaces', 'upper and lower case', 'characters that look alike or are invisible')
    """
    if _unspaced(one) == _unspaced(other):
        return SPACES
    if _unspaced(one).casefold() == _unspaced(other).casefold():
        return CASE
    return LOOKS


def pair(one: str, other: str) -> str:
    """Two such labels, quoted so that they can be told apart, and what tells them apart.

    Examples
    --------
    >>> pair("T", "T ")
    "'T' and 'T ' differ only in spaces"
    """
    first, second = quoted(one, other)
    return f"{first} and {second} differ only in {difference(one, other)}"


def quoted(one: str, other: str) -> tuple[str, str]:
    """Both labels in quotes; with escapes where their characters look alike."""
    quote = repr if difference(one, other) in (SPACES, CASE) else ascii
    return quote(one), quote(other)


def twins(labels: Iterable[Label]) -> tuple[tuple[str, str], ...]:
    """Pairs of different labels with one `key`, each with the one before it.

    Examples
    --------
    >>> twins(["A", "B", "A ", 3])
    (('A', 'A '),)
    """
    seen: dict[str, str] = {}
    found = []
    for label in labels:
        if isinstance(label, str):
            before = seen.get(key(label))
            if before is not None and before != label:
                found.append((before, label))
            seen[key(label)] = label
    return tuple(found)


def hint(wanted: object, labels: Iterable[object]) -> str:
    """Return what an error adds when some label looks like the one that was not found; else an empty string.

    Examples
    --------
    >>> hint("T", ["S", "T "])
    ", did you mean 'T '? ('T' and 'T ' differ only in spaces)"
    """
    text = str(wanted)
    like = [label for label in map(str, labels) if label != text and key(label) == key(text)]
    return f", did you mean {quoted(text, like[0])[1]}? ({pair(text, like[0])})" if like else ""
