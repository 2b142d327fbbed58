"""Small words of a report: rows found, numbers read back from a summary, names."""

import math
from typing import Any

from bsynth.panel import Labels
from bsynth.text.labels import METHODS, plain
from bsynth.text.marks import UNRELIABLE
from bsynth.text.numbers import count, exact, fixed, numbers, p_alone, percent, probability

ESTIMAND_WORDS = {"average": "Average effect", "cumulative": "Cumulative effect", "lift": "Lift"}
ASSUMPTIONS = (
    "No interference: the treatment of the treated unit does not change the outcomes of the donors. "
    "Spillovers, shared customers or a moved budget break this, and the gap is then off by what spilled over.",
    "Donors untouched: no donor received the treatment, or another shock of its own, in the window. "
    "A donor with a shock carries it into the counterfactual by its weight.",
    "The match before the start captures the confounders: a weighted mean of donors that follows the "
    "treated unit before the start would have followed it afterwards. It cannot be tested; a close fit "
    "over many periods makes it plausible, a poor one makes it doubtful.",
)
"""What every synthetic control rests on, and what would break it."""


def as_float(value: float | str | None) -> float:
    """Read a number of a summary back: None is NaN, "inf" and "-inf" are infinite."""
    return math.nan if value is None else float(value)


def find(summary: dict[str, Any], name: str, *, kind: str | None = None) -> dict[str, Any]:
    """Return the first row on the average effect whose model or method is ``name``, of that interval kind."""
    row: dict[str, Any] = next(
        r
        for r in summary["effects"]
        if name in (r["model"], r["method"]) and r["estimand"] == "average" and kind in (None, r["interval"])
    )
    return row


def title_of(row: dict[str, Any]) -> str:
    """Return the method of a row in words, with its model: "Bayesian, level"."""
    name = METHODS.get(row["method"], plain(row["method"]))
    return f"{name}, {plain(row['model'])}" if row["model"] else name


def p_words(value: float | None) -> str:
    """Write the p of a test as a cell; a dash where there is none."""
    return "–" if value is None else p_alone(value)


def chance_words(value: float | None) -> str:
    """Write a probability as a cell; a dash where there is none."""
    return "–" if value is None else probability(value)


def unit_words(panel: dict[str, Any]) -> str:
    """Name the treated unit, or count the averaged ones."""
    treated = panel["treated"]
    return plain(treated[0]) if len(treated) == 1 else f"the mean of {units_of(panel)}"


def units_of(panel: dict[str, Any]) -> str:
    """Count the treated units by what the panel calls them: "25 workspaces"."""
    return Labels(**panel["labels"]).units(len(panel["treated"]))


def estimand_words(estimand: str, units: str) -> str:
    """Name an estimand; for several treated ``units``, in words, whose it is.

    Examples
    --------
    >>> estimand_words("average", ""), estimand_words("cumulative", "3 stores")
    ('Average effect', 'Cumulative effect: sum over periods of the mean of 3 stores')
    """
    if not units:
        return ESTIMAND_WORDS[estimand]
    sum_ = "sum over periods of the " if estimand == "cumulative" else ""
    return f"{ESTIMAND_WORDS[estimand]}{': ' if sum_ else ', '}{sum_}mean of {units}"


def slug_of(name: str) -> str:
    """Return a name as it stands in addresses and file names.

    Examples
    --------
    >>> slug_of("jackknife+"), slug_of("prior_audit")
    ('jackknife-plus', 'prior-audit')
    """
    return name.replace("+", "-plus").replace("_", "-")


def model_words(spec: dict[str, Any]) -> str:
    """Describe a model from its own settings."""
    weights, drift, cells = spec["weights"], spec["drift"], spec["cells"]
    prior = "a softmax-normal prior on the donor weights"
    if weights["prior"] == "dirichlet":
        alpha = weights["alpha"] if isinstance(weights["alpha"], str) else exact(weights["alpha"])
        prior = f"a Dirichlet prior with concentration {alpha} on the donor weights"
    words = (
        f"Model {plain(spec['name'])} ({plain(spec['title'], 200)}): {prior}, {spec['noise']['distribution']} period "
        f"noise with a half-normal prior of scale {exact(spec['noise']['sd'])}"
    )
    if spec["level"]["prior"] == "shift":
        words += ", a constant offset between the treated unit and its donors with a normal prior of sd "
        words += f"{exact(spec['level']['sd'])} ({exact(cells['level_sd'])} with known cells)"
    if drift["process"] != "none":
        words += (
            f", and a drift ({drift['process']}), there with prior probability {exact(drift['probability'], 2)}, whose "
            f"scale has a half-normal prior of {exact(drift['sd'])}"
        )
        if drift["process"] == "ar1-or-walk":
            words += (
                f" as a walk (prior probability {exact(drift['walk'], 2)}) and of {exact(drift['ar1_sd'])} as an AR(1)"
            )
    of = "each series by itself" if spec["scale"] == "each" else "the treated series before the start"
    if spec["scale"] in ("log", "logit"):
        words += f"; on the {spec['scale']} of the outcome"
        of = f"the {spec['scale']} of {of}"
    words += f"; in standard deviations of {of}."
    if cells["variance"] != "exact":
        words += (
            " Where cells are means of users, their sampling variance is known and part of the model, so that "
            "donors are not matched on noise."
        )
    return words


def no_posterior_words(summary: dict[str, Any]) -> list[str]:
    """Say that there is no posterior, and why where one was asked for."""
    lacking = {name: why for name, why in summary["unavailable"].items() if name.startswith("posterior")}
    return [
        *(f"The {name} is not available: {why}." for name, why in lacking.items()),
        "No posterior was computed, so there is no probability of an effect. What follows gives points, "
        "and the intervals of the classical procedures that were run.",
    ]


def gate_words(model: dict[str, Any]) -> list[str]:
    """Say whether a model's sampler passed its gate."""
    name = plain(model["model"])
    rhat, ess = fixed(as_float(model["rhat_max"]), 3), numbers(as_float(model["ess_min"]), decimals=0)[0]
    worst = f"worst R-hat {rhat}, smallest effective sample size {ess}, {count(model['divergences'], 'divergence')}"
    error = as_float(model["bound_error"])
    if not math.isnan(error):
        worst += f", Monte-Carlo error of the 95% bounds {percent(error, 1)} of the interval's width"
    if model["status"] == "ok":
        return [f"The sampler passed its convergence gate for model {name}: {worst}."]
    failures = "; ".join(model["failures"])
    return [
        f"{UNRELIABLE}: the fit of model {name} did not pass its convergence gate, also when it was sampled further "
        f"({worst}). Do not use its numbers. "
        f"What failed: {failures}."
    ]
