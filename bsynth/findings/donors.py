"""The donors one by one: weight, influence, whether they look treated, and what they add to the hull."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bsynth._base.plain import clean
from bsynth._base.request import check_flags, check_kind, check_whole
from bsynth._base.types import FloatArray, Label, Status
from bsynth.bayesian.plan import plan
from bsynth.bayesian.result import Fit, panel_of, refuse_several
from bsynth.bayesian.run import run
from bsynth.calibration import Calibration
from bsynth.checks.hull import misses
from bsynth.effects import POSTERIOR_DIMS, variable
from bsynth.engines.hull import FAR, P_OFFSET, measure
from bsynth.engines.sampling import Sampling, resolve
from bsynth.errors import PanelError, some_of
from bsynth.findings.standing import CHANCE, FEW_DONORS, calibrated_p, outliers
from bsynth.frequentist import LeaveOneOut, PlaceboSpace, leave_one_out, placebo_space
from bsynth.frequentist.estimators import Method
from bsynth.panel import Panel
from bsynth.panel.given import require_panel, require_same_panel
from bsynth.pieces import run_pieces
from bsynth.text.marks import mark, status_of
from bsynth.text.numbers import count, exact, fixed, number, p_value
from bsynth.text.result import Pictured

INFLUENCE = 0.5
"""Change of the effect, in sd of its noise, from which a donor counts as influential."""
ROUNDING = 1e-12
"""Spread of a series beside its size that is rounding alone."""
DOMINANT = 0.5
"""Weight from which the counterfactual is mostly one donor."""


@dataclass(frozen=True, eq=False, repr=False)
class DonorAudit(Pictured):
    """What each donor does to the answer, and which of them should be looked at.

    Attributes
    ----------
    table : DataFrame
        One row per donor, largest weight first. ``donor``; ``weight`` (classical) and, with a fit,
        ``posterior_weight`` (mean); ``correlation`` with the treated unit before the start; ``change`` of the average
        effect when it is left out (classical, exact refit), with ``refit`` also ``posterior_change``;
        ``pre_rmspe_change``: how much of the pre-period fit hangs on it; ``hull_distance``: its own distance (RMS, its
        pre-period sd) from the hull of the other donors before the start; as pseudo-treated unit its
        ``placebo_gap``, ``placebo_ratio`` (post/pre RMSPE), ``rank`` by that ratio and ``p`` = rank / donors;
        ``outlier``: how far the logarithm of that ratio stands out from the others' when it is in none of their pools,
        in standard errors, pre RMSPE not under the donors' median; with a calibration ``calibrated_p`` of its gap,
        two-sided; ``flags``, comma-separated.
    values : mapping of str to float
        ``donors, effective, effect, noise`` (sd that changes are compared with), ``negative`` (donors correlated
        below zero), ``sd`` (treated, pre-period) and the hull test: ``distance, slack_max, distance_centred, offset, p,
        inside, beyond`` as in the hull check; with a fit ``effective_posterior``.
    estimator : str
    treated, outcome : str
    noise : str
        What the changes are compared with, in words.
    reason : str
        Of the fit or calibration that it rests on.
    """

    table: pd.DataFrame
    values: Mapping[str, float]
    estimator: str
    treated: str
    outcome: str
    noise: str
    reason: str = ""

    @property
    def status(self) -> Status:
        """Of what it rests on."""
        return status_of(self.reason)

    def flagged(self, flag: str) -> list[Label]:
        """Donors with that flag, largest weight first."""
        return self.table.loc[[flag in row.split(", ") for row in self.table["flags"]], "donor"].tolist()

    @property
    def title(self) -> str:
        """Whose donors."""
        return f"Donors of {self.treated}"

    def sentences(self) -> tuple[str, ...]:
        """What to look at, in words."""
        v = self.values
        effective = f"{number(v['effective'])} effective donors of {int(v['donors'])} ({self.estimator})"
        if "effective_posterior" in v:
            effective += f", {number(v['effective_posterior'])} in the posterior"
        words = [f"The counterfactual of {self.treated} rests on {effective}.", self._hull()]
        facts = len(words)
        for flag, text in _SAID.items():
            if named := self.flagged(flag):
                rows = self.table.set_index("donor").loc[named]
                words.append(f"{text}: {self._named(flag, rows)}.")
        quiet = "No donor dominates, moves the answer much, looks treated itself or moved against the treated unit."
        return (*mark(self.reason), *words, *([] if len(words) > facts else [quiet]))

    def _hull(self) -> str:
        v = self.values
        if v["inside"]:
            return "Some weights reproduce its pre-period exactly: it lies inside the hull of its donors."
        if v["p"] < P_OFFSET and v["distance"] > FAR * v["sd"]:
            return (
                f"Its pre-period lies outside the hull of its donors: {misses(v)}, {p_value(v['p'])}. So weights "
                "need a level beside them."
            )
        words = f"Its pre-period lies {number(v['distance'])} (root mean square) from the hull of its donors"
        if v["p"] >= P_OFFSET:
            return (
                f"{words}; a free offset does not shorten that surely (F test, {p_value(v['p'])}, not below "
                f"{exact(P_OFFSET)})."
            )
        return f"{words}, which is little beside its own pre-period sd of {number(v['sd'])}."

    def _named(self, flag: str, rows: pd.DataFrame) -> str:
        told: Callable[[pd.Series], str] = {
            "dominant": lambda r: f"weight {fixed(r['weight'], 2)}",
            "influential": self._moved,
            "looks treated": lambda r: f"gap {number(r['placebo_gap'])}, post/pre {number(r['placebo_ratio'], 2)}",
            "opposed": lambda r: f"r = {number(r['correlation'], 2)}, weight {fixed(r[_weight(rows)], 2)}",
        }[flag]
        return some_of([f"{donor} ({told(row)})" for donor, row in rows.iterrows()], limit=4)

    def _moved(self, row: pd.Series) -> str:
        """Change of the estimate and, where it was fitted again, of the posterior mean."""
        told = [f"{'+' if row['change'] > 0 else ''}{number(row['change'])} by {self.estimator}"]
        again = float(row.get("posterior_change", np.nan))
        if not np.isnan(again):
            told.append(f"{'+' if again > 0 else ''}{number(again)} in the posterior")
        return ", ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``summary.json``."""
        return super().to_dict() | {
            "estimator": self.estimator,
            "values": clean(dict(self.values)),
            "noise": self.noise,
        }

    def _gist(self) -> str:
        return f"{count(len(self.table), 'donor')}, {sum(bool(row) for row in self.table['flags'])} flagged"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        return (self.table.loc[(self.table["flags"] != "") | (self.table.index < 8)],)


_SAID = {
    "dominant": "Most of the counterfactual is one donor, whose own shocks count as the effect",
    "influential": "Influential, since the effect moves by more than half the sd of its noise when one is left out",
    "looks treated": "Their own gaps after the start stand out from the other donors', as if something had happened "
    "to them too; find out, or exclude them",
    "opposed": "These moved against the treated unit before the start, beyond chance",
}
"""What a flag means, in the order in which it is said."""


def audit_donors(
    data: Fit | Panel,
    *,
    calibration: Calibration | None = None,
    estimator: Method | None = None,
    refit: int = 0,
    draws: int | None = None,
    seed: int | None = None,
    sampling: Sampling | None = None,
    progress: bool = True,
) -> DonorAudit:
    """Answer which donors carry the answer, and which of them should not be donors.

    Flags: ``dominant`` (weight above .5); ``influential`` (leaving it out moves the effect by more than half the sd
    of its noise); ``looks treated`` (its own post/pre ratio stands out from the other donors', at a chance of 1% for
    the whole audit, and its gaps after the start shift: their mean is away from zero beyond their own noise; or a
    calibrated p under .01 / donors); ``opposed`` (correlated below zero with the treated unit
    before the start, beyond chance: r < −1.96/√T0).

    Parameters
    ----------
    data : Fit or Panel
        A fit adds posterior weights to what its panel says, and its sd of the effect is what changes are compared
        with. Of a panel alone that is the spread of the donors' placebo gaps.
    calibration : Calibration, optional
        Of the fit; adds the calibrated p of each donor's gap.
    estimator : {"sc", "demeaned", "did", "sdid", "ascm"}, RidgeASCM or Predictors, optional
        Of the exact refits; by default ``"demeaned"`` beside a fit with a level, else ``"sc"``.
    refit : int
        So many donors of largest posterior weight are also left out of the Bayesian fit, one at a time; it needs
        a fit, whose compiled model is used again.
    draws, seed : int, optional
        Of these fits, 1000 draws by default.
    sampling : Sampling, optional
        Every setting of these fits in one value; ``draws`` and ``seed`` stand above it.
    progress : bool

    Raises
    ------
    PanelError
        With fewer than three donors, a fit that holds no panel, ``refit`` or a calibration without a fit, or a
        calibration of another panel.
    SpecError
        Unknown estimator, or something else than a calibration or a number of donors.

    References
    ----------
    Abadie 2021, sections 4 and 7 (donor pool, leave one out); Rosner 1983 (outliers).

    Examples
    --------
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = Panel.from_long(simulate_factor(donors=8, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> audit = audit_donors(panel)
    >>> len(audit.table), audit.estimator
    (8, 'sc')
    """
    panel, fit = _given(data)
    check_flags(progress=progress)
    chosen = resolve(sampling, draws, seed)
    refit = check_whole(refit, "refit", 0, "a number of donors, 0 for none")
    _check(panel, fit, calibration, refit)
    if estimator is None:
        estimator = "demeaned" if fit is not None and fit.spec.level.prior == "shift" else "sc"
    dropped = leave_one_out(panel, estimator, which="all", progress=progress)
    placebo = placebo_space(panel, estimator, progress=progress)
    table = _procedures(panel, dropped, placebo, progress=progress)
    if fit is not None:
        weights = variable(fit.tree, "posterior", "weights").mean(POSTERIOR_DIMS).to_numpy()
        table.insert(2, "posterior_weight", weights)
    if fit is not None and refit:
        changes = _posterior_changes(panel, fit, table, refit, chosen, bar=progress)
        table.insert(list(table).index("change") + 1, "posterior_change", changes)
    table["outlier"], treated = outliers(panel, placebo, estimator)
    if calibration is not None and calibration.group_size == 1:
        table["calibrated_p"] = calibrated_p(calibration, panel)
    noise, words = _noise(fit, placebo)
    table["flags"] = _flags(table, noise, panel.n_pre, treated)
    order = table[_weight(table)].abs().sort_values(ascending=False, kind="stable").index
    return DonorAudit(
        table=table.loc[order].reset_index(drop=True),
        values=_values(panel, fit, dropped, table, noise),
        estimator=dropped.estimate.estimator,
        treated=panel.treated_name,
        outcome=panel.labels.outcome,
        noise=words,
        reason="" if fit is None else (calibration or fit).reason,
    )


def _procedures(panel: Panel, dropped: LeaveOneOut, placebo: PlaceboSpace, *, progress: bool) -> pd.DataFrame:
    """What the classical procedures say of each donor, in the order of the panel."""
    hull = placebo if placebo.estimate.estimator == "sc" else placebo_space(panel, "sc", progress=progress)
    donors = panel.donor_matrix[: panel.n_pre]
    by_donor = dropped.table.set_index("dropped").loc[list(panel.donors)]
    sd = donors.std(axis=0, ddof=1)
    # A donor reproduced exactly before and after the start has no ratio, and nothing that stands out.
    rank = placebo.table["ratio"].rank(ascending=False, method="max", na_option="bottom").to_numpy()
    return pd.DataFrame(
        {
            "donor": pd.Series(panel.donors, dtype=object),
            "weight": by_donor["weight"].to_numpy(),
            "correlation": _correlation(donors, panel.treated_series[: panel.n_pre]),
            "change": by_donor["change"].to_numpy(),
            "pre_rmspe_change": by_donor["pre_rmspe"].to_numpy() - dropped.estimate.pre_rmspe,
            "hull_distance": np.divide(hull.table["pre_rmspe"], sd, out=np.full(len(sd), np.nan), where=sd > 0),
            "placebo_gap": placebo.table["mean_gap"].to_numpy(),
            "placebo_ratio": placebo.table["ratio"].to_numpy(),
            "rank": rank.astype(int),
            "p": rank / panel.n_donors,
        }
    )


def _values(panel: Panel, fit: Fit | None, dropped: LeaveOneOut, table: pd.DataFrame, noise: float) -> dict[str, float]:
    """The numbers of the audit as a whole."""
    treated = panel.treated_series[: panel.n_pre]
    found = {
        "donors": float(panel.n_donors),
        "effective": dropped.estimate.effective_donors,
        "effect": float(dropped.estimate.gap[panel.n_pre :].mean()),
        "noise": noise,
        "sd": float(treated.std(ddof=1)),
        "negative": float((table["correlation"] < 0).sum()),
    }
    if fit is not None:
        found["effective_posterior"] = fit.effective_donors
    return found | measure(treated, panel.donor_matrix[: panel.n_pre])[0]


def _given(data: Fit | Panel) -> tuple[Panel, Fit | None]:
    if isinstance(data, Fit):
        return panel_of(data), data
    refuse_several(data)
    require_panel(data)
    return data, None


def _check(panel: Panel, fit: Fit | None, calibration: Calibration | None, refit: int) -> None:
    if panel.n_donors < FEW_DONORS:
        raise PanelError(
            f"{count(panel.n_donors, 'donor')}: none can be left out with two remaining; give at least three"
        )
    if calibration is not None:
        if fit is None:
            raise PanelError(
                "a calibration is of a fit and a panel came; give calibration.fit in the place of the panel"
            )
        check_kind(calibration, Calibration, "calibration", "what bsynth.calibrate(panel) returns, or leave it out")
        require_same_panel(panel, panel_of(calibration.fit), "the calibration", "calibrate this one, or leave it out")
    if fit is None and refit:
        raise PanelError(f"refit is {refit} and there is no fit to do again; give the fit, or leave refit at 0")


def _weight(table: pd.DataFrame) -> str:
    return "posterior_weight" if "posterior_weight" in table else "weight"


def _correlation(donors: FloatArray, treated: FloatArray) -> FloatArray:
    """Correlation (J,) with the treated series; a donor that is constant up to rounding has none and gets 0."""
    own, others = treated - treated.mean(), donors - donors.mean(axis=0)
    size = np.linalg.norm(others, axis=0)
    moving = size > ROUNDING * np.linalg.norm(donors, axis=0)
    if not np.linalg.norm(own) > ROUNDING * np.linalg.norm(treated):
        return np.zeros(donors.shape[1])
    # Divided one after the other: the product of two small sizes may be no number above zero.
    unit = np.divide(others, size, out=np.zeros_like(others), where=moving)
    return np.asarray(np.clip((own / np.linalg.norm(own)) @ unit, -1.0, 1.0))


def _noise(fit: Fit | None, placebo: PlaceboSpace) -> tuple[float, str]:
    """What a change of the effect is compared with."""
    if fit is not None:
        sd = float(fit.effect_draws("predictive")["average"].std())
        return sd, f"posterior sd of the average effect by {fit.spec.name!r}"
    # Without an effect placebo gaps are about zero, not about their own median.
    sizes = np.abs(placebo.table["mean_gap"].to_numpy())
    if (spread := float(np.median(sizes) / special.ndtri(0.75))) > 0:
        return spread, "spread of the donors' placebo gaps"
    if (spread := float(np.sqrt((sizes**2).mean()))) > 0:
        return spread, "root mean square of the donors' placebo gaps, most of which are zero"
    return np.nan, "not available: every placebo gap is zero"


def _flags(table: pd.DataFrame, noise: float, n_pre: int, standing_out: Sequence[Label]) -> list[str]:
    """Flags of each donor, comma-separated."""
    treated = table["donor"].isin(standing_out)
    if "calibrated_p" in table:
        treated |= table["calibrated_p"] * len(table) < CHANCE
    changes = [name for name in ("change", "posterior_change") if name in table]
    moved = table[changes].abs().max(axis=1)
    found = {
        "dominant": table[_weight(table)].abs() > DOMINANT,
        "influential": moved > INFLUENCE * noise,
        "looks treated": treated,
        "opposed": table["correlation"] < -1.96 / np.sqrt(n_pre),
    }
    return [", ".join(name for name, hit in found.items() if hit.iloc[i]) for i in range(len(table))]


def _posterior_changes(
    panel: Panel, fit: Fit, table: pd.DataFrame, refit: int, sampling: Sampling, *, bar: bool
) -> FloatArray:
    """Change of the posterior mean effect without each of the ``refit`` heaviest donors; NaN for the others."""
    full = float(fit.effect_draws("predictive")["average"].mean())
    found = np.full(panel.n_donors, np.nan)
    heaviest = table["posterior_weight"].nlargest(refit).index

    def change(j: int) -> float:
        request = plan(panel.without(panel.donors[j]), fit.spec, sampling=sampling, slots=panel.n_donors)
        # An unreliable refit shows in its own donor's change only, which is a hint and no estimate.
        again = run(request, progress=False)
        return float(again.effect_draws("predictive")["average"].mean()) - full

    jobs = {str(j): j for j in heaviest}
    found[heaviest] = run_pieces(jobs, change, title="leaving donors out", n_jobs=1, progress=bar)
    return found
