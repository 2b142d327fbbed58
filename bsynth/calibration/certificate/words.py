"""What a certificate says, in words: every number in them is in its tables."""

import math
from typing import Any

import numpy as np

from bsynth.calibration.certificate.data import CertificateData
from bsynth.calibration.certificate.rivals import TITLES
from bsynth.calibration.certificate.summary import BANDS, EARLIER
from bsynth.calibration.donors import learned
from bsynth.errors import some_of
from bsynth.text.marks import mark
from bsynth.text.numbers import count, number, p_value, percent

MARGIN = 0.05
"""Intervals by period do not hold when their pooled coverage misses the level by more, and surely so."""
FLAT = 0.05
_NAMES = {"period": "of single periods", "cumulative-path": "of the cumulative effect to each period"}
_FOR = {"period": "for single periods", "cumulative-path": "for the cumulative effect to each period"}


def sentences(found: CertificateData) -> tuple[str, ...]:
    """The finding first, what is behind it, the treated unit's own intervals, and what is not proven."""
    said = [*mark(found.reason), _finding(found), _coverage(found), _scores(found), _errors(found), _learned(found)]
    said += [_by_period(found, estimand) for estimand in _NAMES]
    said += [_pit(found), _earlier(found), _before(found), _own(found), *_limits(found)]
    return tuple(text for text in said if text)


def _finding(found: CertificateData) -> str:
    row, model = found.row("base"), repr(found.spec.name)
    held = (
        f"its {percent(found.level)} interval of the average effect held the truth in {percent(row['coverage'], 0)} of "
        f"{count(int(row['units']), 'unit')}"
    )
    size = f"true errors are {number(found.errors['factor'].to_numpy()[0])} times what the model expects"
    if found.donors_narrow:
        return (
            f"The model {model} is OVERCONFIDENT on this panel: {held}; {size}. Report the calibrated interval, or "
            "choose another model."
        )
    if len(found.own_missed):
        return f"The model {model} is OVERCONFIDENT on this panel: {_missed(found)} (Of the donors {held}; {size}.)"
    if found.finding == "too wide":
        return f"The model {model} is wider than it needs to be on this panel: {held}; {size}."
    return f"Nothing here contradicts the intervals of the model {model}: {held}; {size}."


def _missed(found: CertificateData) -> str:
    """What the model said of the treated unit itself before anything happened to it."""
    row = found.own_missed.sort_values("p").to_dict("records")[0]
    said = (
        f"from {row['start']} on, when nothing had happened yet, it finds an average effect of "
        f"{number(row['estimate'])} on the treated unit itself, {percent(found.level)} interval {_bracket(row)}: the "
        f"true error is {number(abs(row['z']))} times what the model expects."
    )
    if row["p_calibrated"] < FLAT:
        return said + (
            " Calibration on the donors does not mend it, since in this the treated unit is not like its donors: "
            "choose another model."
        )
    return said + " Report the calibrated interval, which allows for it, or choose another model."


def _coverage(found: CertificateData) -> str:
    row, base = found.row("calibrated"), found.row("base")
    return (
        f"After calibration, each unit by what the others teach, the {percent(found.level)} interval held in "
        f"{_held(row)}, at a median width of {number(row['median_width'])} pre-period sd against "
        f"{number(base['median_width'])} before."
    )


def _held(row: dict[str, Any]) -> str:
    """How many intervals held the truth, and between which shares that leaves their coverage."""
    lower, upper = (percent(row[side], 0) for side in ("coverage_lower", "coverage_upper"))
    units, intervals = int(row["units"]), int(row["intervals"])
    each = "period" if row["estimand"] == "period" else "interval"
    of = count(units, "unit") if intervals == units else f"{count(intervals, each)} of {count(units, 'unit')}"
    return (
        f"{int(row['held'])} of {of} ({percent(row['coverage'], 0)}; {percent(BANDS)} interval of "
        f"that share {lower} to {upper})"
    )


def _scores(found: CertificateData) -> str:
    kinds = {"calibrated": "calibrated", "base": "base", "conformal": "conformal recalibration", **TITLES}
    scores = {title: float(found.row(kind)["score"]) for kind, title in kinds.items()}
    best = min(scores, key=lambda title: scores[title])
    listed = ", ".join(f"{title} {number(score)}" for title, score in scores.items())
    return (
        f"Interval score at {percent(found.level)} on the same units (pre-period sd, smaller is better): {listed}; "
        f"the best is {best}."
    )


def _errors(found: CertificateData) -> str:
    row = found.errors.to_dict("records")[0]
    return (
        f"Average effects of those units: bias {number(row['bias'])} ± {number(row['bias_se'])}, RMSE "
        f"{number(row['rmse'])} pre-period sd."
    )


def _learned(found: CertificateData) -> str:
    inflation, shares = found.calibration.inflation, found.calibration.lesson.words()
    words = f"Learned from all of them: {shares}{learned(inflation.c_mean, inflation.d_mean)}."
    own = found.calibration.average_sd
    if inflation.c_mean > 1.5 or inflation.d_mean > 2 * own:
        words += " The donors drift more after the start than their own fits expect."
    return words


def _by_period(found: CertificateData, estimand: str) -> str:
    """Whether the calibrated interval holds by period, and what it was by the model alone."""
    row, base = found.row("calibrated", estimand), found.row("base", estimand)
    share = float(row["coverage"])
    measured = (
        f"the calibrated {percent(found.level)} interval {_NAMES[estimand]} held in {_held(row)}, the model's own in "
        f"{percent(base['coverage'], 0)}"
    )
    # What so few units leave open contradicts nothing.
    possible = row["coverage_lower"] <= found.level <= row["coverage_upper"]
    if abs(share - found.level) <= MARGIN or possible:
        return f"{measured[0].upper()}{measured[1:]}."
    other = found.row("conformal", estimand)
    problem = "too narrow" if share < found.level else "wider than it says"
    return (
        f"Calibration leaves it {problem} {_FOR[estimand]}: {measured}. The conformal one there held in "
        f"{percent(other['coverage'], 0)}{_conformal_own(found, estimand)}."
    )


def _conformal_own(found: CertificateData, estimand: str) -> str:
    """The treated unit's conformal interval of the last period, as an example of the table."""
    if estimand != "period":
        return ""
    table = found.treated
    last = table[(table["estimand"] == "period") & (table["kind"] == "conformal") & (table["level"] == found.level)]
    return f" (in the treated unit's last period {_bracket(last.to_dict('records')[-1])})"


def _pit(found: CertificateData) -> str:
    p = float(found.errors["pit_p_calibrated"].to_numpy()[-1])
    shape = "is not flat" if p < FLAT else "shows no departure from a flat one"
    return f"The PIT histogram of the calibrated distributions {shape} (Kolmogorov-Smirnov {p_value(p)})."


def _earlier(found: CertificateData) -> str:
    length, earlier = found.windows[0].panel.n_post, found.windows[1:]
    if not earlier:
        if found.asked == 0:
            return ""
        return f"No earlier window of {count(length, 'period')} leaves enough pre-periods before it, so there is none."
    row = found.row("calibrated", windows=EARLIER)
    base = found.row("base", windows=EARLIER)
    dates = ", ".join(str(w.start) for w in earlier)
    return (
        f"In earlier windows of {count(length, 'period')} (from {dates}; {int(row['intervals'])} intervals, the "
        "treated unit's "
        f"among them) the {percent(found.level)} interval held in {percent(base['coverage'], 0)} (base) and "
        f"{percent(row['coverage'], 0)} (calibrated)."
    )


def _before(found: CertificateData) -> str:
    """The treated unit's own earlier window, when the headline has not said it."""
    if found.own.empty or (len(found.own_missed) and not found.donors_narrow):
        return ""
    if len(found.own_missed):
        return f"The treated unit itself contradicts it too: {_missed(found)}"
    p = p_value(float(found.own["p"].min()))
    return f"The treated unit's own earlier windows do not contradict the model (of no effect {p} at the smallest)."


def _own(found: CertificateData) -> str:
    table = found.treated
    chosen = table[(table["estimand"] == "average") & (table["level"] == found.level)].to_dict("records")
    kinds = ", ".join(f"{row['kind']} {_bracket(row)}" for row in chosen)
    return (
        f"Average effect on {found.windows[0].panel.treated_name}: {number(chosen[0]['estimate'])}, "
        f"{percent(found.level)} intervals {kinds}; the conformal one is the model's sd times the donors' quantile of "
        "|error|/sd."
    )


def _limits(found: CertificateData) -> list[str]:
    donors = len(found.calibration.placebos)
    backing = found.calibration.backing
    said = [
        f"With {backing.words()}, nothing finer than 1/{backing.independent + 1} can be told apart. Coverage "
        "after calibrating on these very donors is close to automatic and proves nothing about the model: width, score "
        "and RMSE do. All of it presumes that the treated unit is exchangeable with its donors, and that nothing "
        "happened to them."
    ]
    widths, own = found.coverage("conformal")["median_width"], found.treated.query("kind == 'conformal'")
    if found.calibration.group_size > 1:
        said.append(
            "The groups share donors, with the others that teach each of them too, so that the intervals of shares, "
            "which take them as separate, are too narrow."
        )
    if unbounded := [percent(level) for level in found.levels if widths[level] == math.inf]:
        treated = sorted(set(own.loc[np.isinf(own["upper"]), "level"]))
        at = f"at {', '.join(map(percent, treated))}" if treated else "at none"
        said.append(
            f"The conformal interval of a donor, made from the {donors - 1} others, is unbounded at "
            f"{', '.join(unbounded)}; the treated unit's, made from all {donors}, {at}."
        )
    failed = int((found.pit["status"] != "ok").sum())
    if found.status == "ok" and failed:
        said.append(
            f"{failed} of {count(len(found.pit), 'pseudo-treated fit')} did not pass the convergence gate and count "
            "as they are."
        )
    if found.skipped:
        units = some_of(f"{unit} from {start}" for unit, start, _ in found.skipped)
        said.append(
            f"{count(len(found.skipped), 'unit')} could not play the treated unit: {units} ({found.skipped[0][2]})."
        )
    return said


def _bracket(row: dict[Any, Any]) -> str:
    return f"[{number(row['lower'])}, {number(row['upper'])}]"
