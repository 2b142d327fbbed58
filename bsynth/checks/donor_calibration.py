"""Do the donors drift more after the start than their own fits expect?"""

from bsynth.checks.base import Case, Check
from bsynth.checks.choice import for_drift
from bsynth.text.numbers import number

NAME = "calibration"
TITLE = "Do the donors bear out the interval?"

C_MAX = 1.5
D_MAX = 2.0
"""Extrapolation error, in sd of the treated unit's average effect."""


def check(case: Case) -> Check | None:
    """Read c and d of `bsynth.calibrate`, when it was run.

    ``values``: ``c`` (factor on the model's sd), ``d`` (extrapolation error, pre-period sd), ``sd`` (the treated
    unit's own, same units), ``widening`` (calibrated over base width of the 95% interval).
    """
    found = case.calibration
    if found is None:
        return None
    inflation = found.inflation
    c, d = inflation.c_mean, inflation.d_mean
    sd = found.average_sd
    base, calibrated = found.fit.effects().iloc[0], found.effects().iloc[0]
    widening = float((calibrated["upper"] - calibrated["lower"]) / (base["upper"] - base["lower"]))
    values = {"c": c, "d": d, "sd": sd, "widening": widening}
    figures = (
        f"they multiply its uncertainty by {number(c)} and add an error of {number(d, 2)} pre-period sd to the "
        f"effect's own {number(sd, 2)}, so that the calibrated 95% interval is {number(widening, 2)} times as wide"
    )
    if c <= C_MAX and d <= D_MAX * sd:
        return Check(NAME, TITLE, values, "ok", f"The donors bear out the interval: {figures}.")
    sentence = (
        f"The donors drift more after the start than their own fits by {found.fit.spec.name!r} expect: {figures}; "
        "report the calibrated one."
    )
    return Check(NAME, TITLE, values, "warning", sentence, for_drift(case))
