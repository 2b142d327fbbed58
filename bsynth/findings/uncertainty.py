"""Where the uncertainty of an effect comes from: weights, level, drift, period noise, cell sampling.

Up to the last pre-period everything that is uncertain is in the posterior draws; from there on the model is
Gaussian (or Student-t) given a draw, with covariances that are known in closed form. So by the law of total
variance, exactly::

    Var(effect) = Var(weights + covariates + own terms + level) + E[drift] + E[noise] + E[cells]

``weights`` is Σ w_j x_j as the model sees its donors (with a level: about their pre-period means), ``level`` is the
level shift and the drift that has gathered by the start, carried forward; ``drift`` is what the drift adds from
the start on, ``noise`` that of the treated periods, ``cells`` the sampling of users into the donors' and the
treated cells. Weights, covariates, own terms and level are correlated: each gets its own variance and half of every
covariance, which is the Shapley value of a variance of a sum, Cov(part, sum) (Owen and Prieur 2017, §3).

On a log or logit scale the sum is that of the log or logit, and effects are its image to first order: each period
counts by the slope of the outcome there (delta method).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray, IntArray, Status
from bsynth.bayesian.result import Fit
from bsynth.checks.base import Case
from bsynth.checks.choice import drifts
from bsynth.effects import ADDED, variable
from bsynth.engines import drift
from bsynth.errors import SpecError
from bsynth.text.marks import mark
from bsynth.text.numbers import count, number, percent
from bsynth.text.result import Pictured

NAMES = {
    "weights": "weights",
    "covariates": "covariates",
    "season": "own season",
    "slope": "own slope",
    "level_shift": "level",
    "weights and level": "weights and level",
    "drift": "drift",
    "noise": "period noise",
    "cells": "cell sampling",
}
"""Sources in the order of tables and pictures, and in words; a column ``level`` is that of intervals everywhere."""
LINEAR = ("weights", "covariates", "season", "slope", "level_shift")
"""Sources that are correlated with one another."""
TIE = 0.03
"""Difference of two shares below which neither is the larger one."""
OVERLAP = 0.1
"""Share of the variance from which a covariance is said."""


@dataclass(frozen=True, eq=False, repr=False)
class Decomposition(Pictured):
    """Share of the predictive variance of each effect by source.

    Attributes
    ----------
    table : DataFrame
        One row per effect: ``span`` (``"average"``: over the first ``horizon`` treated periods; ``"period"``: of
        that period alone), ``horizon``, ``time`` (its last period), ``sd`` (outcome units), one column per source
        with its share of the variance (they sum to 1), and ``overlap``: the share of the variance that is the
        covariance of weights, covariates, own terms and level, already divided among them; it may be negative.
    names : tuple of str
        The sources of this model, columns of ``table``.
    outcome, treated, model, time : str
    remarks : tuple of str
    status : {"ok", "unreliable"}
    """

    table: pd.DataFrame
    names: tuple[str, ...]
    outcome: str
    treated: str
    model: str
    time: str
    remarks: tuple[str, ...]
    status: Status

    @property
    def whole(self) -> pd.Series:
        """The row of the average over the whole treated window, whose shares are those of the cumulative effect."""
        return self.table.loc[self.table["span"] == "average"].iloc[-1]

    @property
    def title(self) -> str:
        """What it is, and of which unit's effect."""
        return f"Uncertainty by source: {self.treated}"

    def sentences(self) -> tuple[str, ...]:
        """Where the uncertainty comes from, in words."""
        rows = self.table.loc[self.table["span"] == "average"]
        first, whole = rows.iloc[0], self.whole
        order = sorted(self.names, key=lambda name: -float(whole[name]))
        listed = ", ".join(f"{NAMES[name]} {_percent(whole[name])}" for name in order)
        words = [
            f"By the model alone the average effect on {self.outcome} over {count(int(whole['horizon']), 'period')} is "
            f"uncertain by {number(whole['sd'])} (standard deviation); of that, as variance: {listed}."
        ]
        if len(rows) > 1:
            top = max(self.names, key=lambda name: float(first[name]))
            other = "" if top == order[0] else f"; {NAMES[order[0]]} has {_percent(first[order[0]])} of it"
            words.append(
                f"In the first period alone ({number(first['sd'])}) the largest share is {NAMES[top]}, "
                f"{_percent(first[top])}{other}."
            )
        if abs(whole["overlap"]) > OVERLAP:
            which = "make up for" if whole["overlap"] < 0 else "add to"
            pair = [name for name in LINEAR if name in self.names]
            words.append(
                f"Errors of {_listed(pair)} {which} each other ({_percent(whole['overlap'])} of the variance, half of "
                f"it counted to each), so read them as one: {_percent(whole[pair].sum())}."
            )
        words.append(_advice([name for name in order if whole[order[0]] - whole[name] < TIE]))
        return (*mark(self.reason), *words, *self.notes())

    def notes(self) -> tuple[str, ...]:
        """What should be known of the shares."""
        return self.remarks

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return super().to_dict() | {"model": self.model, "sources": list(self.names)}

    def _gist(self) -> str:
        return ", ".join(f"{NAMES[name]} {_percent(self.whole[name])}" for name in self.names)

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.table.loc[self.table["span"] == "average"].drop(columns="span"),)


def decompose_uncertainty(fit: Fit) -> Decomposition:
    """Answer where the uncertainty of the effect comes from, by horizon.

    Nothing is sampled: the variance is put together from the saved draws and the model's covariances.

    Parameters
    ----------
    fit : Fit

    Returns
    -------
    Decomposition
        For the average over the first 1, 2, …, n_post treated periods, and for each period alone.

    Raises
    ------
    PanelError
        A fit that holds no panel, from a file of an earlier format.
    SpecError
        When the noise has no variance (Student-t with two degrees of freedom or fewer).

    References
    ----------
    Owen and Prieur 2017, *On Shapley value for measuring importance of dependent inputs*.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> found = decompose_uncertainty(fit)
    >>> found.names, round(float(found.whole[list(found.names)].sum()), 6)
    (('weights', 'level_shift', 'noise'), 1.0)
    """
    case = Case(fit)
    known, panel = _Known.of(case), case.panel
    n_post = panel.n_post
    averages = np.tril(np.ones((n_post, n_post))) / np.arange(1, n_post + 1)[:, None]
    functionals = np.vstack([averages, np.eye(n_post)]) * _slopes(case)
    variances, overlap = _variances(case, known, functionals)
    total = np.sum(list(variances.values()), axis=0)
    steps = np.arange(1, n_post + 1)
    labels = panel.period_labels()[panel.n_pre :]
    table = pd.DataFrame(
        {
            "span": np.repeat(["average", "period"], n_post),
            "horizon": np.tile(steps, 2),
            "time": labels * 2,
            "sd": np.sqrt(total),
        }
        | {name: variances[name] / total for name in NAMES if name in variances}
        | {"overlap": overlap / total}
    )
    return Decomposition(
        table=table,
        names=tuple(name for name in NAMES if name in variances),
        outcome=panel.labels.outcome,
        treated=panel.treated_name,
        model=fit.spec.name,
        time=panel.source.time,
        remarks=_notes(variances, case),
        status=fit.status,
    )


@dataclass(frozen=True, eq=False)
class _Known:
    """Posterior means of the covariances (n_post, n_post) that the model has in closed form, outcome units squared."""

    drift: FloatArray
    noise: FloatArray
    latent: FloatArray
    """Of the donors' latent cells given the observed ones."""
    own: FloatArray
    """Sampling of the treated cells."""
    before: float
    """Variance of the latent cells' mean over the pre-period."""

    @classmethod
    def of(cls, case: Case) -> "_Known":
        design, spec, post = case.design, case.spec, slice(case.panel.n_pre, None)
        n_post = case.panel.n_post
        sigma2 = float((_draws(case, "sigma") ** 2).mean())
        if spec.noise.distribution == "student-t":
            if spec.noise.degrees <= 2:
                raise SpecError(
                    f"Student-t noise with {spec.noise.degrees:g} degrees of freedom has no variance to divide; "
                    "fit with more than 2"
                )
            sigma2 *= spec.noise.degrees / (spec.noise.degrees - 2)
        latent = np.zeros(design.y.size)
        if design.donor_precision is not None:
            noise2 = (_draws(case, "donor_noise") / design.scale) ** 2
            weights = _draws(case, "weights")
            for t, precision in enumerate(design.donor_precision):
                spread = noise2[:, None] / (1.0 + noise2[:, None] * precision)
                latent[t] = design.scale**2 * float((weights**2 * spread).sum(axis=1).mean())
        return cls(
            drift=_innovations(case),
            noise=sigma2 * np.eye(n_post),
            latent=np.diag(latent[post]),
            own=design.scale**2 * np.diag(design.treated_variance[post]),
            before=float(latent[: design.n_pre].sum()) / design.n_pre**2,
        )


def _innovations(case: Case) -> FloatArray:
    """Posterior mean covariance of what the drift adds after the last pre-period."""
    n_post, process = case.panel.n_post, case.spec.drift.process
    if not drifts(case.spec):
        return np.zeros((n_post, n_post))
    on = _draws(case, "drifting")
    q2 = on * _draws(case, "drift_sd") ** 2
    rho = _draws(case, "rho") if process in ("ar1", "ar1-or-walk") else np.ones_like(q2)
    steps = _steps(case)
    moments = np.array([(q2 * rho**k)[rho < 1].sum() / len(rho) for k in range(2 * int(steps[-1]) + 1)])
    fading = moments[drift.lags(steps).astype(int)] - moments[np.add.outer(steps, steps)]
    found = fading + (q2 * (rho == 1)).mean() * drift.walk(steps - 1)
    if process == "local-trend":
        found = found + (on * _draws(case, "slope_sd") ** 2).mean() * drift.integrated_walk(steps - 1)
    return np.asarray(found)


def _steps(case: Case) -> IntArray:
    """(n_post,) steps of the calendar from the last pre-period to each treated one."""
    places = case.design.positions
    return np.asarray(places[case.panel.n_pre :] - places[case.panel.n_pre - 1])


def _variances(case: Case, known: _Known, functionals: FloatArray) -> tuple[dict[str, FloatArray], FloatArray]:
    """Variance (k,) of each source for functionals (k, n_post) of the path, and what covariances contribute."""
    parts, sampled = _parts(case)
    # A part that is drawn with noise of known covariance gives that back.
    excess = {"weights": known.latent, "weights and level": known.latent + known.drift, "level_shift": known.drift}
    kept = {name: functionals @ values.T for name, values in parts.items()}
    whole = np.sum(list(kept.values()), axis=0)
    shares, overlap = {}, np.zeros(len(functionals))
    for name, values in kept.items():
        shares[name] = _covariance(values, whole)
        overlap += shares[name] - values.var(axis=1)
        if name in sampled:
            shares[name] = shares[name] - _quadratic(functionals, excess[name])
    if "level_shift" in kept and "weights" in sampled:
        # The height before the start is read off drawn cells, whose noise is in both parts with opposite signs.
        overlap += 2 * known.before
    shares["noise"] = _quadratic(functionals, known.noise)
    if drifts(case.spec):
        shares["drift"] = _quadratic(functionals, known.drift)
    if case.design.known_variance:
        shares["cells"] = _quadratic(functionals, known.latent + known.own)
    return shares, overlap


def _parts(case: Case) -> tuple[dict[str, FloatArray], set[str]]:
    """Draws (S, n_post) of weights, what is added to them and level, and which contain noise of known covariance."""
    n_pre, known, forward = case.panel.n_pre, case.design.known_variance, case.spec.link.forward
    mean, has_level = forward(_draws(case, "counterfactual")), case.spec.level.prior == "shift"
    names = case.fit.tree["posterior"].to_dataset()
    added = {source: _draws(case, name) for source, name in ADDED.items() if name in names}
    others = np.sum(list(added.values()), axis=0) if added else np.zeros_like(mean)
    moves = drifts(case.spec)
    if known and moves and "drift" not in names:
        return {"weights and level": mean[:, n_pre:]}, {"weights and level"}
    if known:
        gathered = _draws(case, "drift") if moves else np.zeros_like(mean)
        donors = mean - gathered - others
        level = donors[:, :n_pre].mean(axis=1) if has_level else np.zeros(len(donors))
    else:
        slope = variable(case.fit.tree, "constant_data", "slope").to_numpy()
        level = _draws(case, "level_shift")
        weighted = (_draws(case, "weights") * slope) @ forward(case.panel.donor_matrix).T
        donors = _draws(case, "intercept")[:, None] + weighted
        gathered = mean - donors - others
    steps = _steps(case)
    carried, sampled = np.repeat(gathered[:, n_pre - 1 : n_pre], len(steps), axis=1), {"weights"} if known else set()
    if case.spec.drift.process in ("ar1", "ar1-or-walk") and moves:
        carried = carried * _draws(case, "rho")[:, None] ** steps
    elif case.spec.drift.process == "local-trend" and moves:
        # The slope at the start is not stored, so what follows is taken as drawn.
        carried, sampled = gathered[:, n_pre:], sampled | {"level_shift"}
    parts = {"weights": donors[:, n_pre:] - level[:, None]}
    parts |= {source: values[:, n_pre:] for source, values in added.items()}
    if has_level or moves:
        parts["level_shift"] = level[:, None] + carried
    return parts, sampled


def _slopes(case: Case) -> FloatArray:
    """(n_post,) outcome units per unit of the model's scale, where the counterfactual is on average; 1 where it is."""
    after = _draws(case, "counterfactual")[:, case.panel.n_pre :]
    return np.exp(case.spec.link.log_slope(case.spec.link.forward(after).mean(axis=0)))


def _notes(variances: dict[str, FloatArray], case: Case) -> tuple[str, ...]:
    if not case.spec.link.is_linear:
        return (f"Sources add up on the {case.spec.scale} scale; their shares of an effect are to first order.",)
    if "weights and level" not in variances:
        return ()
    return ("This fit did not store its drift, so weights and level, which share their uncertainty, are one source.",)


def _draws(case: Case, name: str) -> FloatArray:
    """Return posterior draws of a variable, (S, ...)."""
    values = variable(case.fit.tree, "posterior", name)
    return np.asarray(values.stack(sample=("chain", "draw")).transpose("sample", ...), dtype=float)


def _covariance(a: FloatArray, b: FloatArray) -> FloatArray:
    """Covariance over draws of rows (k, S)."""
    return np.asarray(((a - a.mean(axis=1, keepdims=True)) * (b - b.mean(axis=1, keepdims=True))).mean(axis=1))


def _quadratic(functionals: FloatArray, cov: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("kt,ts,ks->k", functionals, cov, functionals))


def _percent(share: float) -> str:
    return "under 1%" if abs(share) < 0.005 else percent(share, 0)


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(NAMES[name] for name in names[:-1]), NAMES[names[-1]]])


_PAST = "more periods before the start"
_ADVICE = {
    "weights": f"which donors to follow, and how far: {_PAST}, or fewer donors that move as the treated unit does, "
    "would narrow it.",
    "covariates": f"how far the covariates count: {_PAST} would narrow it.",
    "season": "the unit's own season: more whole cycles before the start would narrow it.",
    "slope": f"the unit's own slope, which goes on after the start: {_PAST}, or a shorter window after it, would "
    "narrow it.",
    "level_shift": "how high the unit stood over its donors when treatment began: more or calmer periods before the "
    "start would narrow it.",
    "weights and level": f"which donors to follow, and how high the unit stood over them: {_PAST}, or fewer donors "
    "that move as it does, would narrow it.",
    "drift": "that the unit may by itself drift away from its donors after the start: a longer past does not narrow "
    "that; a shorter window after the start, or donors that drift along, would.",
    "noise": "the ups and downs of single periods that no donor shares: more treated periods would average them out, "
    "while a longer past or other donors would hardly help.",
    "cells": "that each cell is the mean of few users: more users in each would narrow it.",
}
"""What each source is, and what would narrow it."""


def _advice(largest: Sequence[str]) -> str:
    """What the largest part is, and what would narrow it; of parts alike in size each."""
    if len(largest) == 1:
        return f"The largest part is {_ADVICE[largest[0]]}"
    told = "; another is ".join(_ADVICE[name].removesuffix(".") for name in largest)
    return f"The largest parts, {_listed(largest)}, are alike in size. One is {told}."
