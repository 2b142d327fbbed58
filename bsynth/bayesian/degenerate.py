"""Panels that leave a model nothing to estimate: a pre-period that donors reproduce, and donors that are copies.

Where some weights w reproduce the treated pre-period, a likelihood σ^−T0 exp(−‖y − a − X w‖² / 2σ²) has no bound as
σ → 0. Weights near w fit to within σ with a prior mass of about σ^k, k being the free directions of the fit (the rank
of the donors' differences, or less where the prior is dense at w; the level, covariates and own terms), so with T0 > k
the posterior is not proper: there is nothing to sample but a spike. With known cell variance the noise cannot vanish.
"""

from collections.abc import Sequence

import numpy as np

from bsynth._base.plain import show
from bsynth._base.types import FloatArray, Label
from bsynth.engines.simplex import solve_simplex
from bsynth.errors import PanelError, SolverError, some_of
from bsynth.model.design import Design, make_design
from bsynth.model.spec import ModelSpec
from bsynth.panel import MIN_DONORS, Panel
from bsynth.panel.copies import EXACT, first_alike, moving
from bsynth.text.numbers import fixed

NAMED = 1e-3
"""Least weight of a donor that is named."""


def no_posterior(panel: Panel, design: Design, spec: ModelSpec) -> str | None:
    """Say why a model has no posterior on a panel; None when it has one.

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 3, 9], "b": [1., 2, 4, 3, 5], "c": [0., 2, 3, 4, 4]})
    >>> panel = Panel.from_wide(wide, treated="a", start=4)
    >>> no_posterior(panel, make_design(panel, ModelSpec(name="sc")), ModelSpec(name="sc"))
    'a equals b before 4, so the noise that the model is to learn is zero and its likelihood has no bound'
    """
    words = matched(panel, design, spec)
    if words is None:
        return None
    return f"{words}, so the noise that the model is to learn is zero and its likelihood has no bound"


def matched(panel: Panel, design: Design, spec: ModelSpec) -> str | None:
    """Say which donors reproduce the treated pre-period although periods outnumber what is fitted; None if none do."""
    if design.known_variance:
        return None
    level = spec.level.prior == "shift"
    pre = slice(0, design.n_pre)
    y, X = design.y[pre], design.X[pre]
    if design.terms is not None:
        own = design.terms.columns[pre]
        y, X = (values - own @ np.linalg.lstsq(own, values, rcond=None)[0] for values in (y, X))
    weights = reproducing(y, X, level=level)
    if weights is None:
        return None
    moves = 0 if design.movements is None else len(design.movements.names)
    moves += 0 if design.terms is None else design.terms.size
    free = min(_directions(X, level=level), _mass_exponent(weights, spec))
    if design.n_pre <= free + level + moves:
        # As many weights as periods: an exact fit is what any series has, and the prior of the weights decides.
        return None
    named = {donor: w for donor, w in zip(panel.donors, weights, strict=True) if w > NAMED}
    words = f"equals {_combined(named)}" if len(named) == 1 else f"is reproduced by {_combined(named)}"
    if design.terms is not None:
        words += " but for terms of its own"
    forward = design.link.forward
    constant = float((forward(design.to_outcome(design.y)) - forward(panel.donor_matrix) @ weights)[pre].mean())
    if spec.scale == "each":
        words += " but for level and scale"
    elif level and abs(constant) > EXACT * design.scale:
        words += " but for a constant"
    if not design.link.is_linear:
        words += f" on the {design.link.name} scale"
    return f"{panel.treated_name} {words} before {show(panel.start)}"


def reproducing(treated: FloatArray, donors: FloatArray, *, level: bool) -> FloatArray | None:
    """Weights (J,) on the simplex that reproduce ``treated`` (T0,) from ``donors`` (T0, J) to rounding, or None.

    With ``level`` they may leave a constant. A donor that does it alone is preferred to several.
    """
    if level:
        treated, donors = treated - treated.mean(), donors - donors.mean(axis=0)
    near = EXACT * float(treated.std(ddof=1))
    alone = _distances(donors, treated)
    if alone.min() <= near:
        return np.asarray(np.arange(len(alone)) == alone.argmin(), dtype=float)
    try:
        weights = solve_simplex(donors, treated).weights
    except SolverError:
        return None
    distance = float(np.sqrt(((treated - donors @ weights) ** 2).mean()))
    return np.asarray(weights) if distance <= near else None


def copies(panel: Panel) -> tuple[tuple[Label, ...], ...]:
    """Groups of donors whose series are the same to rounding before the start.

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 3, 5], "c": [1., 2, 3, 4], "d": [0., 2, 3, 4]})
    >>> copies(Panel.from_wide(wide, treated="a", start=3))
    (('b', 'c'),)
    """
    first = first_alike(panel.donor_matrix[: panel.n_pre])
    groups = (np.flatnonzero(first == j) for j in np.unique(first))
    return tuple(tuple(panel.donors[k] for k in group) for group in groups if len(group) > 1)


def facts(panel: Panel) -> tuple[str, ...]:
    """What is degenerate about a panel whatever the model, in words; empty for a usual one."""
    said, pre = [], slice(0, panel.n_pre)
    donors, treated = panel.donor_matrix[pre], panel.treated_series[pre]
    start, near = show(panel.start), EXACT * float(treated.std(ddof=1))
    equal = _distances(donors, treated) <= near
    by = f"equals {_listed([d for d, same in zip(panel.donors, equal, strict=True) if same])}" if equal.any() else ""
    if not by and (weights := reproducing(treated, donors, level=True)) is not None:
        named = {donor: float(w) for donor, w in zip(panel.donors, weights, strict=True) if w > NAMED}
        by = f"is reproduced by {_combined(named)}, but for a constant at most,"
    if by:
        said.append(
            f"{panel.treated_name} {by} before {start}: where a fit has no error, nothing tells how large "
            "errors are, and intervals that rest on them (conformal, jackknife+) are too narrow or without any width."
        )
    for group in copies(panel):
        said.append(
            f"The donors {_listed(group)} are copies of one series before {start}: their weights can stand in for "
            "each other, and they count as one."
        )
    still = [d for d, moves in zip(panel.donors, moving(donors), strict=True) if not moves]
    if still:
        verb = "does" if len(still) == 1 else "do"
        said.append(f"{_listed(still)} {verb} not move before {start}: such donors hold a level and nothing else.")
    return tuple(said)


def unit_lacks(panel: Panel, unit: Label, spec: ModelSpec | None) -> str | None:
    """Say why a donor cannot play the treated unit of a model, in words; None when it can."""
    if panel.n_donors <= MIN_DONORS:
        return f"fewer than {MIN_DONORS} donors would be left to match it"
    donors, at = panel.donor_matrix[: panel.n_pre], panel.donors.index(unit)
    series = donors[:, at]
    if not moving(series[:, None])[0]:
        return f"it is constant before {show(panel.start)}"
    alike = _distances(donors, series) <= EXACT * float(series.std(ddof=1))
    alike[at] = False
    if alike.any():
        # However many weights there are, the gap of a copy to its original says nothing of other gaps.
        return f"it equals {show(panel.donors[int(alike.argmax())])} before {show(panel.start)}"
    return group_lacks(panel, (unit,), spec)


def group_lacks(panel: Panel, units: Sequence[Label], spec: ModelSpec | None) -> str | None:
    """Say why the mean of these donors cannot play the treated series of a model, in words; None when it can."""
    try:
        own = panel.as_treated(units)
        words = None if spec is None else matched(own, make_design(own, spec), spec)
        return None if words is None else words.replace(own.treated_name, "it", 1)
    except PanelError as error:
        return str(error)


def _distances(donors: FloatArray, series: FloatArray) -> FloatArray:
    """(J,) RMS distance of each donor from a series (T0,)."""
    return np.asarray(np.sqrt(((donors - series[:, None]) ** 2).mean(axis=0)))


def _directions(donors: FloatArray, *, level: bool) -> int:
    """Independent directions (beyond rounding) in which weights on the simplex move the fit."""
    if level:
        donors = donors - donors.mean(axis=0)
    apart = donors[:, 1:] - donors[:, [0]]
    if apart.size == 0 or not apart.any():
        return 0
    # The design's unit is the treated pre-period sd.
    return int(np.linalg.matrix_rank(apart, tol=EXACT * np.sqrt(apart.shape[0])))


def _mass_exponent(weights: FloatArray, spec: ModelSpec) -> float:
    """Power of ε to which the prior mass within ε of these weights falls: a Dirichlet is dense where weights vanish."""
    alpha = spec.weights.alpha if spec.weights.prior == "dirichlet" else 1.0
    used = int((weights > 0).sum())
    return used - 1 + (len(weights) - used) * (alpha if isinstance(alpha, float) else 1.0)


def _combined(named: dict[Label, float]) -> str:
    if len(named) == 1:
        return str(show(next(iter(named))))
    largest = sorted(named.items(), key=lambda pair: -pair[1])
    return some_of([f"{show(donor)} ({fixed(weight, 2)})" for donor, weight in largest], limit=4)


def _listed(labels: Sequence[Label]) -> str:
    return some_of([show(label) for label in labels], limit=4)
