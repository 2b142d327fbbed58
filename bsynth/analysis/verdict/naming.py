"""Names of methods and tests in a sentence."""

from collections.abc import Sequence

from bsynth.analysis.verdict.numbers import Row
from bsynth.text.numbers import p_value


def names(rows: Sequence[Row]) -> str:
    """Name methods in a list, models last: "sc, did and the model level"."""
    ordered = sorted(rows, key=lambda row: row["method"] == "bayes")
    return listed([f"the model {row['model']}" if row["method"] == "bayes" else str(row["method"]) for row in ordered])


def tests(rows: Sequence[Row]) -> str:
    """Name tests with their p: "the placebo tests around sc (p = 0.04) and did (p = 0.2)"."""
    kind = f"{rows[0]['interval']} test{'s' if len(rows) > 1 else ''}"
    return f"the {kind} around {listed([f'{row["method"]} ({p_value(row["p"])})' for row in rows])}"


def listed(names: Sequence[str]) -> str:
    """Join names: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def capital(sentence: str) -> str:
    """Begin a sentence that starts with an article in upper case; names of methods stay as they are."""
    starts = ("the ", "nothing ")
    return sentence[:1].upper() + sentence[1:] if sentence.startswith(starts) else sentence
