"""How sure a chance may be spoken: no further than the independent placebos behind it go.

A calibrated chance rests on its placebos, of which groups and waves overlap; without calibration it is the model's word
on so many donors, and with fewer than a calibration needs it is not spoken at all.
"""

from collections.abc import Mapping
from typing import Any

from bsynth.text.numbers import chance_limit, chance_words, count

UNKNOWN = "not known"


def backing(facts: Mapping[str, Any]) -> int:
    """Independent placebos behind the answer, or as many as there are donors where it is not calibrated.

    Examples
    --------
    >>> backing({"backing": {"independent": 7}, "donors": 25}), backing({"backing": None, "donors": 12})
    (7, 12)
    """
    found = facts["backing"]
    return different(facts) if found is None else int(found["independent"])


def different(facts: Mapping[str, Any]) -> int:
    """How many donors there are, copies of one series as one.

    Examples
    --------
    >>> different({"donors": 6, "donors_different": 2}), different({"donors": 6})
    (2, 6)
    """
    return int(facts.get("donors_different", facts["donors"]))


def donors_words(facts: Mapping[str, Any]) -> str:
    """The number of donors, and how many series they are where some are copies.

    Examples
    --------
    >>> donors_words({"donors": 6, "donors_different": 2}), donors_words({"donors": 1})
    ('6 donors of 2 series', '1 donor')
    """
    donors, series = count(facts["donors"], "donor"), different(facts)
    return donors if series == facts["donors"] else f"{donors} of {series} series"


def too_few(facts: Mapping[str, Any]) -> bool:
    """Whether there are fewer donors than could show whether an interval is wide enough."""
    return facts["backing"] is None and bool(different(facts) < facts["donors_needed"])


def spoken(chance: float, facts: Mapping[str, Any]) -> str:
    """Say a chance as far as what is behind it goes.

    Examples
    --------
    >>> few = {"backing": None, "donors": 2, "donors_needed": 4}
    >>> spoken(0.9999, few), spoken(0.9999, few | {"donors": 12})
    ('not known', 'over 99.4%')
    """
    return UNKNOWN if too_few(facts) else chance_words(chance, backing(facts))


def limit(facts: Mapping[str, Any]) -> float | None:
    """The chance beyond which none is spoken; None where none is spoken at all."""
    return None if too_few(facts) else chance_limit(backing(facts))
