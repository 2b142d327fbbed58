"""Panel × specification → the arrays a model sees, on one scale, and the way back.

One affine map for every series (subtract the treated pre-period mean, divide by its pre-period
standard deviation, ddof 1) makes every answer independent of the units of measure. On a log or logit scale that map is
made after the log or logit.
"""

from dataclasses import dataclass

import numpy as np

from bsynth._base.brief import Brief
from bsynth._base.plain import show
from bsynth._base.request import check_whole
from bsynth._base.types import FloatArray, IntArray
from bsynth.errors import PanelError
from bsynth.model.covariates import Movements, PredictorRows, movements, predictors
from bsynth.model.link import IDENTITY, LINKS, Link
from bsynth.model.spec import ModelSpec
from bsynth.model.terms import OwnTerms, own_terms
from bsynth.panel import Panel
from bsynth.text.numbers import count, exact


@dataclass(frozen=True, eq=False, repr=False)
class Design(Brief):
    """Arrays of one fit, scaled.

    Attributes
    ----------
    y : (T,) treated series; (g(y) − center) / scale, with g the ``link``. Without meaning after the start where g has
        no value: no likelihood holds these periods.
    X : (T, J) donors, (x − donor_center) / donor_scale.
    n_pre : int
        The first ``n_pre`` periods enter the likelihood of the treated series.
    center, scale : float
        ``g(outcome) = center + scale · scaled``.
    donor_center, donor_scale : (J,)
        As ``center`` and ``scale``. One scale for all but with ``scale = "each"``. Each donor's own pre-period mean,
        weighted by the cells' precision where it is known, is its centre when the model has a level shift: the level is
        then the offset between pre-period means, however far the treated unit is from its donors.
    donor_precision : (T, J) or None
        1 / sampling variance of each donor cell, scaled; 0 where the cell is empty. None: exact cells.
    treated_variance : (T,)
        Sampling variance of the treated series, scaled; 0 with exact cells.
    treated_seen : (T,) of 0 or 1
        0 where a treated cell is empty, so the period carries no likelihood.
    positions : (T,) int
        Place of each period on the calendar, from 0: not neighbours where the data have a gap.
    slots : int
        Least number of donors that the compiled model has room for: panels that differ by a donor, such
        as placebos, then share one compilation. Slots without a donor have weight exactly 0.
    periods : int
        Least number of periods that the compiled model has room for: earlier windows of one panel then share
        one compilation too. Periods beyond the panel's have no cells.
    movements : Movements or None
        Time-varying covariates, when the specification uses them.
    predictors : PredictorRows or None
        Static predictors, when the specification uses them.
    terms : OwnTerms or None
        Season and slope of the treated unit alone, when the specification gives it any.
    notes : tuple of str
        What was decided about them, in words.
    link : Link
        g, the identity but on a log or logit scale.
    """

    y: FloatArray
    X: FloatArray
    n_pre: int
    center: float
    scale: float
    donor_center: FloatArray
    donor_scale: FloatArray
    donor_precision: FloatArray | None
    treated_variance: FloatArray
    treated_seen: FloatArray
    positions: IntArray
    slots: int = 0
    periods: int = 0
    movements: Movements | None = None
    predictors: PredictorRows | None = None
    terms: OwnTerms | None = None
    notes: tuple[str, ...] = ()
    link: Link = IDENTITY

    @property
    def capacity(self) -> int:
        """Donors that the compiled model has room for."""
        return max(self.slots, int(self.X.shape[1]))

    @property
    def room(self) -> int:
        """Periods that the compiled model has room for."""
        return max(self.periods, int(self.y.size))

    @property
    def known_variance(self) -> bool:
        """Whether the sampling variance of the cells is part of the model."""
        return self.donor_precision is not None

    def to_outcome(self, scaled: FloatArray) -> FloatArray:
        """Map scaled values of the treated series back to outcome units."""
        return np.asarray(self.link.back(self.center + self.scale * scaled))

    def log_density_factor(self) -> FloatArray:
        """(n_pre,) what turns the log density of each scaled treated outcome into that of the outcome."""
        return np.asarray(-self.link.log_slope(self.center + self.scale * self.y[: self.n_pre]) - np.log(self.scale))

    def intercept(self, weights: FloatArray, level: FloatArray) -> FloatArray:
        """Constant of ``g(outcome) = intercept + Σ slope_j g(x_jt)``; weights (..., J), level (...)."""
        return self.center + self.scale * (level - weights @ (self.donor_center / self.donor_scale))


def make_design(
    panel: Panel, spec: ModelSpec, *, slots: int = 0, periods: int = 0, scale: float | None = None
) -> Design:
    """Scale the panel for ``spec``, with room for at least ``slots`` donors and ``periods`` periods.

    ``scale`` is what one unit of the priors means, on the scale of the model: the treated pre-period standard
    deviation, but in simulations that know the scale from which they were drawn.

    Raises
    ------
    PanelError
        When the specification needs cell counts, covariates or a season that the panel does not have, or outcomes have
        no log or logit.
    """
    for name, room in (("slots", slots), ("periods", periods)):
        check_whole(room, name, 0, "what to make room for")
    known = spec.cells.variance == "known" or (spec.cells.variance == "auto" and panel.cells is not None)
    pre = slice(0, panel.n_pre)
    _check_outcomes(panel, spec)
    with np.errstate(divide="ignore", invalid="ignore"):  # the treated outcomes after the start are in no likelihood
        treated, donors = spec.link.forward(panel.treated_series), spec.link.forward(panel.donor_matrix)
    center = float(treated[pre].mean())
    scale = float(treated[pre].std(ddof=1)) if scale is None else scale
    donor_center, donor_scale = np.full(panel.n_donors, center), np.full(panel.n_donors, scale)
    own_means = spec.scale == "each" or spec.level.prior == "shift"
    precision, own_variance = _cell_precision(panel, spec) if known else (None, np.zeros(len(treated)))
    if own_means:
        donor_center = donors[pre].mean(axis=0) if precision is None else _weighted_means(donors[pre], precision[pre])
    if spec.scale == "each":
        donor_scale = donors[pre].std(axis=0, ddof=1)
        # A constant donor says nothing; any scale leaves it at zero.
        donor_scale = np.where(donor_scale > 0, donor_scale, 1.0)
    seen = np.isfinite(own_variance)
    use = spec.covariates.use
    terms, notes = own_terms(panel, spec)
    return Design(
        y=(treated - center) / scale,
        X=(donors - donor_center) / donor_scale,
        n_pre=panel.n_pre,
        center=center,
        scale=scale,
        donor_center=donor_center,
        donor_scale=donor_scale,
        donor_precision=None if precision is None else scale**2 * precision,
        treated_variance=np.where(seen, own_variance, 0.0) / scale**2,
        treated_seen=seen.astype(float),
        positions=panel.positions,
        slots=slots,
        periods=periods,
        movements=movements(panel, own_means=own_means, model=spec.name) if use == "time-varying" else None,
        predictors=predictors(panel, model=spec.name) if use == "predictors" else None,
        terms=terms,
        notes=notes,
        link=spec.link,
    )


def possible_scales(panel: Panel) -> tuple[str, ...]:
    """Scales on which every outcome that a model sees has a value.

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"a": [.1, .2, .4, .9], "b": [.1, .2, .3, .5], "c": [.1, .2, .3, 4.]})
    >>> possible_scales(Panel.from_wide(wide, treated="a", start=3))
    ('treated', 'each', 'log')
    """
    series = (panel.treated_series[: panel.n_pre], panel.donor_matrix)
    return tuple(name for name, link in LINKS.items() if all(link.takes(values).all() for values in series))


def _check_outcomes(panel: Panel, spec: ModelSpec) -> None:
    """Refuse what has no log or logit: cells that are means of rows, and outcomes out of range."""
    if spec.link.is_linear:
        return
    if panel.cells is not None and spec.cells.variance != "exact":
        raise PanelError(
            f"model {spec.name!r} works on the {spec.scale} of the outcome, where the sampling variance of cells that "
            "are means of rows is not known; use scale = 'treated', or a model with exact cells such as 'level'"
        )
    before, donors = panel.treated_series[: panel.n_pre], panel.donor_matrix
    units = (panel.treated_name, *map(show, panel.donors))
    found = [(units[0], int(t), before[t]) for t in np.flatnonzero(~spec.link.takes(before))]
    found += [(units[1 + j], int(t), donors[t, j]) for j, t in np.argwhere(~spec.link.takes(donors).T)]
    # After the start the treated outcome is in no likelihood, and may lie at a bound; beyond it, it is no such outcome.
    after = panel.treated_series[panel.n_pre :]
    beyond = np.flatnonzero((after < spec.link.lower) | (after > spec.link.upper))
    found += [(units[0], panel.n_pre + int(t), after[t]) for t in beyond]
    if not found:
        return
    unit, t, value = found[0]
    others = f" (and {count(len(found) - 1, 'other value')} like it)" if len(found) > 1 else ""
    allowed = " or ".join(f"'{name}'" for name in possible_scales(panel) if name != "each")
    raise PanelError(
        f"{panel.source.name}: model {spec.name!r} takes the {spec.scale} of the outcome, and {unit} has "
        f"{exact(float(value))} at {show(panel.times[t])}{others}; give values "
        f"{'between 0 and 1' if spec.scale == 'logit' else 'above 0'}, or use scale = {allowed}"
    )


def _weighted_means(values: FloatArray, precision: FloatArray) -> FloatArray:
    """(J,) means of ``values`` (n, J) by precision; plain where no cell was seen."""
    weights = np.where(precision.sum(axis=0) > 0, precision, 1.0)
    return np.asarray((weights * values).sum(axis=0) / weights.sum(axis=0))


def _cell_precision(panel: Panel, spec: ModelSpec) -> tuple[FloatArray, FloatArray]:
    """Return 1/variance of the donor cells and the variance of the treated series, outcome units."""
    donor_variance, own_variance = panel.donor_cell_variance, panel.treated_cell_variance
    if donor_variance is None or own_variance is None:
        raise PanelError(
            f"model {spec.name!r} needs the number of rows in each cell, and the panel has none; "
            "build it with Panel.from_events, or use a model with exact cells such as 'level'"
        )
    if not np.all(donor_variance > 0):
        raise PanelError(
            "the outcome does not vary within cells, so their sampling variance is zero; "
            "use a model with exact cells such as 'level'"
        )
    return 1.0 / donor_variance, own_variance
