"""Names of methods and intervals made legible, and labels on one line."""

import math
import unicodedata

from bsynth.text.numbers import percent

METHODS = {
    "bayes": "Bayesian",
    "sc": "Synthetic control",
    "sc-slsqp": "Synthetic control by SLSQP",
    "demeaned": "Demeaned synthetic control",
    "did": "Difference in differences",
    "sdid": "Synthetic difference in differences",
    "ascm": "Ridge-augmented synthetic control",
    "predictors": "Synthetic control on predictors",
    "multisynth": "Partially pooled synthetic control",
}
SPOKEN = {
    "sc": "plain synthetic control",
    "demeaned": "synthetic control with a free level",
    "did": "difference in differences",
    "sdid": "synthetic difference in differences",
    "ascm": "synthetic control corrected by ridge regression",
}
"""Estimators inside a sentence."""
INTERVALS = {
    "calibrated": "interval calibrated on the donors",
    "predictive": "predictive interval",
    "mean": "interval of the counterfactual mean",
    "pooled": "predictive interval, pooled over units",
    "unpooled": "predictive interval, units' own fits alone",
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


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters; a character that reverses what follows is dropped.

    Names of units and outcomes are the user's and stay keys as they are; it is in words that they must do no harm.

    Examples
    --------
    >>> one_line("new\\nline of \\u202eunit 3")
    'new line of unit 3'
    """
    spaced = "".join(" " if c.isspace() and unicodedata.category(c) != "Zs" else c for c in text)
    return "".join(c for c in spaced if c in _JOINERS or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def plain(label: object, limit: int = 60) -> str:
    """Return a label on one line without control characters, its middle cut out beyond ``limit``.

    The end is kept because long names often differ only there. Characters that reverse the reading
    direction of what follows are dropped; letters of right-to-left scripts stay.

    Examples
    --------
    >>> plain("a\\nb"), plain("x" * 20 + "end", limit=9)
    ('a b', 'xxxxx…end')
    """
    text = one_line(" ".join(str(label).split()))
    if len(text) <= limit:
        return text
    tail = (limit - 1) * 2 // 5
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def decapitalised(title: str) -> str:
    """Return a title as it stands inside a sentence.

    Examples
    --------
    >>> decapitalised("Leave one out")
    'leave one out'
    """
    return title[:1].lower() + title[1:]


def plural(noun: str) -> str:
    """Return the plural of a noun of the user's, by the rules that most English nouns keep.

    Examples
    --------
    >>> [plural(noun) for noun in ("state", "county", "day", "branch", "bus")]
    ['states', 'counties', 'days', 'branches', 'buses']
    """
    lower = noun.lower()
    if lower.endswith("y") and lower[-2:-1] not in tuple("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if lower.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


def capitalised(sentence: str) -> str:
    """Return words as they begin a sentence; a name in capitals, or in mixed case such as iOS, stays as it is.

    Examples
    --------
    >>> capitalised("task completion"), capitalised("iOS sales"), capitalised("GDP")
    ('Task completion', 'iOS sales', 'GDP')
    """
    first = sentence.split(" ", 1)[0]
    return sentence[:1].upper() + sentence[1:] if first == first.lower() else sentence


HEADINGS = {
    "p": "p",
    "probability_positive": "Chance that it is above zero",
    "p_min": "Smallest p there can be",
    "measured": "As measured",
    "sd": "Standard deviation",
    "z": "Distance in standard deviations (z)",
    "pit": "Place in what was forecast (PIT)",
    "elpd": "Forecast score (elpd)",
    "pre_rmspe": "Miss before the start",
    "post_rmspe": "Miss after it",
    "ratio": "Miss after ÷ before",
    "mean_gap": "Mean gap after the start",
    "last_gap": "Gap in the last period",
    "dropped": "Left out",
    "change": "The effect moves by",
    "posterior_change": "The model's effect moves by",
    "pre_rmspe_change": "The miss before the start moves by",
    "weight": "Weight",
    "posterior_weight": "Weight by the model",
    "correlation": "Correlation with the treated unit before",
    "hull_distance": "Distance from what the others reach, in its own sd",
    "placebo_gap": "Its own gap after the start",
    "placebo_ratio": "Its own miss, after ÷ before",
    "rank": "Rank by that",
    "outlier": "How far that stands out, in standard errors",
    "calibrated_p": "p of its own gap, calibrated",
    "flags": "Why look",
    "effective_donors": "Worth so many equally weighted donors",
    "span": "Of",
    "horizon": "Periods since the start",
    "cells": "Cell sampling",
    "noise": "Period noise",
    "level": "Level",
    "overlap": "Moves together (counted apart)",
    "excludes_zero": "Leaves zero out",
    "breakdown": "Bias that would overturn it",
    "breakdown_residual_mads": "The same, in typical misses before the start",
    "breakdown_treated_mads": "The same, in typical swings of the treated series",
    "breakdown_residual_sds": "The same, in sd of the misses before the start",
    "breakdown_treated_sds": "The same, in sd of the treated series",
    "residual_mad": "Typical miss before the start (median absolute)",
    "treated_mad": "Typical swing of the treated series (median absolute)",
    "residual_sd": "Standard deviation of the misses before the start",
    "treated_sd": "Standard deviation of the treated series",
    "rope_low": "Too small to matter: from",
    "rope_high": "Too small to matter: to",
    "probability_below_rope": "Chance that it is below that range",
    "probability_inside_rope": "Chance that it is inside that range",
    "probability_above_rope": "Chance that it is above that range",
    "probability_above": "Chance that it is above the threshold",
    "probability_loss": "Chance of a loss",
    "probability_direction": "Chance of its direction",
}
"""Columns in words that an analyst knows; a miss is the root mean square of the gaps."""


def heading(name: str) -> str:
    """Return the name of a table's column as a heading.

    Examples
    --------
    >>> heading("pre_rmspe"), heading("prior_sd"), heading("p")
    ('Miss before the start', 'Prior sd', 'p')
    """
    words = name.replace("_", " ")
    return HEADINGS.get(name, words[:1].upper() + words[1:] if len(words) > 1 else words)


PARAMETERS = {
    "level_shift": "level shift", "intercept": "intercept", "sigma": "noise sd", "donor_noise": "donor noise",
    "drift_sd": "drift sd", "slope_sd": "slope sd", "rho": "drift kept per period", "drifting": "chance of a drift",
    "drift_log_odds": "log odds of a drift", "walk_log_odds": "log odds of a walk", "predictor_sd": "predictor sd",
    "own_slope": "own slope",
}  # fmt: skip
"""What the parameters of models are called."""
STATISTICS = {"mean_gap": "Mean gap", "last_gap": "Last gap", "ratio": "Miss after the start ÷ miss before"}
"""What a test compares."""


WEEK = "week of "
"""Begins the name of a week."""


def span(first: object, last: object) -> str:
    """Name a window by its first and last period.

    Examples
    --------
    >>> span(2003, 2010), span(2003, 2003), span("week of 2024-11-04", "week of 2024-12-23")
    ('2003 to 2010', '2003 alone', 'weeks of 2024-11-04 to 2024-12-23')
    """
    if first == last:
        return f"{first} alone"
    begins, ends = str(first), str(last)
    if begins.startswith(WEEK) and ends.startswith(WEEK):
        return f"weeks of {begins.removeprefix(WEEK)} to {ends.removeprefix(WEEK)}"
    return f"{begins} to {ends}"


def interval_words(kind: str, level: float) -> str:
    """Name an interval by level and kind: "95% predictive interval"."""
    words = INTERVALS.get(kind, kind)
    return words if math.isnan(level) else f"{percent(level)} {words}"
