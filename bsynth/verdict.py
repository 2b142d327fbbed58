"""The verdict in words: what the posterior says, what the classical path says, whether they agree.

Every number in the words is a number of ``summary.json``; nothing is computed here that is not there,
apart from comparisons.
"""

import math
from typing import Any

Row = dict[str, Any]


def number(value: float | str | None, digits: int = 3) -> str:
    """Write a number to ``digits`` significant figures, with a true minus sign and no exponent.

    Examples
    --------
    >>> number(-0.0829), number(1234.567), number(None), number("-inf")
    ('−0.0829', '1235', 'not available', '−∞')
    """
    if value is None:
        return "not available"
    value = float(value)
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}".replace("-", "−")


def probability(p: float) -> str:
    """Say how probable a positive effect is; 0 and 1 are never claimed.

    Examples
    --------
    >>> probability(0.972), probability(1.0)
    ('the probability that it is positive is 0.972', 'a positive effect is practically certain')
    """
    if p > 0.9995:
        return "a positive effect is practically certain"
    if p < 0.0005:
        return "a negative effect is practically certain"
    return f"the probability that it is positive is {number(p)}"


def interval(row: Row) -> str:
    """Write a row's interval with its level and kind, such as ``95% predictive interval [0.03, 0.07]``."""
    return f"{row['level']:.0%} {row['interval']} interval [{number(row['lower'])}, {number(row['upper'])}]"


def find(effects: list[Row], method: str, *, kind: str | None = None, estimand: str = "average") -> Row | None:
    """Return the first row of that method, estimand and, when given, interval kind."""
    for row in effects:
        if row["method"] == method and row["estimand"] == estimand and kind in (None, row["interval"]):
            return row
    return None


def verdict(summary: dict[str, Any]) -> str:
    """Say in plain words what was found and whether the methods agree."""
    effects, pre_fit = summary["effects"], summary["pre_fit"]
    sentences = []
    base = find(effects, "bayes", kind="predictive")
    calibrated = find(effects, "bayes", kind="calibrated")
    bayes = calibrated or base
    if base is not None and bayes is not None:
        sentences.append(_posterior(base, calibrated))
        if summary["status"] != "ok":
            sentences.append(
                "This posterior is UNRELIABLE: the sampler did not pass its convergence gate, so do not use "
                "its numbers before the diagnostics are resolved."
            )
    checks = summary["checks"]
    if checks is not None and checks["status"] == "warning":
        sentences.append(_contradicted(checks))
    classical = _classical(effects)
    if classical:
        sentences.append(classical)
    sc = find(effects, "sc", kind="point")
    if bayes is not None and sc is not None:
        sentences.extend(_agreement(bayes, sc, effects, pre_fit))
    if summary["truth"] is not None:
        sentences.append(_truth(summary["truth"], bayes, effects))
    return " ".join(sentences)


def _posterior(base: Row, calibrated: Row | None) -> str:
    words = f"The posterior ({base['model']}) puts the average effect at {number(base['estimate'])}, "
    if calibrated is None:
        return words + f"{interval(base)}; {probability(base['probability_positive'])}."
    return words + (
        f"{interval(calibrated)} after calibration on the donors ({interval(base)} by the model alone); "
        f"{probability(calibrated['probability_positive'])}."
    )


def _contradicted(checks: Row) -> str:
    names = ", ".join(c["name"] for c in checks["checks"] if c["status"] == "warning")
    words = f"Of the checks of this model, {names} warned"
    return f"{words}: consider the model {checks['suggestion']!r}." if checks["suggestion"] else f"{words}."


def _classical(effects: list[Row]) -> str:
    sc = find(effects, "sc", kind="point")
    if sc is None:
        return ""
    placebo = find(effects, "sc", kind="placebo")
    bootstrap = find(effects, "sc", kind="bootstrap-percentile")
    parts = [f"Classical synthetic control gives {number(sc['estimate'])}"]
    if placebo is not None:
        parts.append(f"placebo p = {number(placebo['p'])}, {interval(placebo)}")
    if bootstrap is not None:
        parts.append(interval(bootstrap))
    words = parts[0] + (f" ({'; '.join(parts[1:])})" if parts[1:] else "")
    others = [
        f"{name} {number(row['estimate'])}"
        for name in ("demeaned", "did")
        if (row := find(effects, name, kind="point")) is not None
    ]
    return f"{words}; with a free intercept: {', '.join(others)}." if others else f"{words}."


def _agreement(bayes: Row, sc: Row, effects: list[Row], pre_fit: list[Row]) -> list[str]:
    inside = bayes["lower"] <= sc["estimate"] <= bayes["upper"]
    same_sign = (bayes["estimate"] > 0) == (sc["estimate"] > 0)
    if inside and same_sign:
        words = ["The two agree: the classical estimate lies inside the posterior interval."]
    elif inside:
        words = [
            "The two agree within their uncertainty, but not on the sign: the classical estimate lies inside "
            "the posterior interval, which holds zero."
        ]
    else:
        side = "above" if sc["estimate"] > bayes["upper"] else "below"
        words = [f"The two DISAGREE: the classical estimate lies {side} the whole posterior interval."]
    offset = next((r["intercept"] for r in pre_fit if r["method"] == "demeaned"), None)
    demeaned = find(effects, "demeaned", kind="point")
    shifted = demeaned is not None and bayes["lower"] <= demeaned["estimate"] <= bayes["upper"]
    if not inside and shifted and offset is not None:
        word = "above" if offset > 0 else "below"
        words.append(
            f"The reason is the level: the treated series sits {number(abs(offset))} {word} its weighted donors "
            "before the start (intercept of the demeaned fit), which weights without an intercept can only "
            "chase through the donors' noise. "
            + ("Trust the posterior and the demeaned fit, which agree." if bayes["status"] == "ok" else "")
        )
    if bayes["lower"] <= 0 <= bayes["upper"]:
        words.append("Zero lies inside the posterior interval: no effect remains a possibility.")
    placebo = find(effects, "sc", kind="placebo")
    if placebo is not None and placebo["p"] is not None:
        excludes = not bayes["lower"] <= 0 <= bayes["upper"]
        # p and the posterior interval are compared at the same level, 1 − level.
        if excludes and placebo["p"] > 1 - bayes["level"]:
            words.append(
                f"The placebo test does not reject no effect (p = {number(placebo['p'])}), although the posterior "
                "interval excludes it: the donors' own post-period gaps are wider than the model expects."
            )
    return words


def _truth(truth: float, bayes: Row | None, effects: list[Row]) -> str:
    words = [f"The true effect of this simulation is {number(truth)}"]
    for row, name in (
        (bayes, "the posterior interval"),
        (find(effects, "sc", kind="bootstrap-percentile"), "the classical bootstrap interval"),
    ):
        if row is not None:
            words.append(f"{name} {'holds' if row['lower'] <= truth <= row['upper'] else 'misses'} it")
    return ": ".join([words[0], ", ".join(words[1:])]) + "."
