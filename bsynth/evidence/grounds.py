"""Worlds with a known effect on which a calibration is scored: interval, periods, whole path, each unit's own truth.

They are those of ``tests/evidence/PROTOCOL.md``, written before the first run. All are linear factor models,
y_it = c_i + δ_t + λ_i′f_t + e_it, the treated unit a Dirichlet(1) mixture of its donors; each changes one thing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.types import FloatArray
from bsynth.calibration import Calibration, calibrate
from bsynth.calibration.certificate.intervals import conformal_quantiles
from bsynth.calibration.scores import interval_score, standardised
from bsynth.engines.sampling import Sampling
from bsynth.evidence.worlds import EFFECT, NOISE, draw_noise
from bsynth.findings import path_band
from bsynth.panel import Panel
from bsynth.pieces import Record
from bsynth.text.numbers import percent

LEVELS = (0.8, 0.9, 0.95)
BAND = 0.95
N_PRE, N_POST = 30, 10
TEST, DEVELOPMENT = 0, 1


@dataclass(frozen=True)
class Ground:
    """A world: what its fields change is what a model is tried against.

    Attributes
    ----------
    offset : float
        Added to the treated unit's level.
    rho : float
        Autocorrelation of the noise.
    walk : bool
        Factors and δ are random walks with steps of sd .3.
    degrees : float or None
        Student-t noise of the same variance.
    season : bool
        Each unit adds a_i sin(2πt/7), a_i ~ U(.5, 1.5).
    slope : float
        Sd of each unit's own slope, in sd of the noise a period.
    logs : bool
        The outcome is exp(3 + .3 y), and the effect 5% of it.
    jump : float
        Added after the start to the donor of the largest weight.
    """

    offset: float = 0.0
    rho: float = 0.0
    walk: bool = False
    degrees: float | None = None
    season: bool = False
    slope: float = 0.0
    logs: bool = False
    jump: float = 0.0

    def simulate(self, donors: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return outcomes (periods, 1 + donors), the treated unit first, and its true effect (N_POST,)."""
        periods = N_PRE + N_POST
        mix, factors = rng.dirichlet(np.ones(donors)), rng.normal(size=(periods, 3))
        if self.walk:
            factors = np.cumsum(0.3 * factors, axis=0)
        loadings = np.column_stack([np.ones(donors), rng.normal(size=(donors, 2))])
        mean = rng.normal(size=donors) + factors @ loadings.T
        outcome = np.column_stack([mean @ mix + self.offset, mean]) + draw_noise(
            rng, (periods, donors + 1), self.rho, self.degrees
        )
        time = np.arange(periods)[:, None]
        if self.season:
            outcome += rng.uniform(0.5, 1.5, size=donors + 1) * np.sin(2 * np.pi * time / 7)
        if self.slope:
            outcome += rng.normal(0, self.slope * NOISE, size=donors + 1) * time
        effect = np.full(N_POST, EFFECT)
        if self.logs:
            outcome = np.exp(3 + 0.3 * outcome)
            effect = 0.05 * outcome[N_PRE:, 0]
        outcome[N_PRE:, 0] += effect
        outcome[N_PRE:, 1 + int(mix.argmax())] += self.jump
        return np.asarray(outcome), effect


GROUNDS: dict[str, Ground] = {
    "inside": Ground(),
    "outside": Ground(offset=5.0),
    "ar": Ground(rho=0.6),
    "walk": Ground(walk=True),
    "t3": Ground(degrees=3.0),
    "season": Ground(season=True),
    "trend": Ground(slope=0.05),
    "log-normal": Ground(logs=True),
    "contaminated": Ground(jump=2.0),
}
"""In the order of the protocol, by which they are numbered."""


def ground_panel(name: str, donors: int, k: int, *, entropy: int = TEST) -> tuple[Panel, FloatArray]:
    """Return panel k of a world and the true effect of each treated period."""
    rng = np.random.default_rng([entropy, list(GROUNDS).index(name), donors, k])
    return draw_ground(GROUNDS[name], donors, rng)


def draw_ground(ground: Ground, donors: int, rng: np.random.Generator) -> tuple[Panel, FloatArray]:
    """Draw a panel of a world, and the true effect of each treated period."""
    outcome, effect = ground.simulate(donors, rng)
    frame = pd.DataFrame(outcome, columns=["treated", *(f"donor {j}" for j in range(1, donors + 1))])
    return Panel.from_wide(frame, treated="treated", start=N_PRE), effect


def score(
    panel: Panel,
    effect: FloatArray,
    model: str,
    sampling: Sampling,
    *,
    scale: str | None = None,
    unit: float | None = None,
) -> Record:
    """Score the calibration of one panel: base, calibrated and conformal average, periods, whole path.

    ``scale`` is that of the model, as `bsynth.calibrate` takes it. ``unit`` is what errors, widths and scores are
    measured in; by default the treated unit's sd before the start.
    """
    found = calibrate(panel, model, scale=scale, sampling=sampling, progress=False)
    truth = float(effect.mean())
    unit = found.scale if unit is None else unit
    record: dict[str, Any] = {"status": found.status, "failed": found.failed, "scale": found.fit.spec.scale}
    base, table = found.fit.effects, found.effects
    record["error"] = (float(table().iloc[0]["estimate"]) - truth) / unit
    record["base"] = [_held(*_bounds(base(level)), truth, level, unit) for level in LEVELS]
    record["calibrated"] = [_held(*_bounds(table(level)), truth, level, unit) for level in LEVELS]
    record["conformal"] = [
        _held(*bounds, truth, level, unit) for bounds, level in zip(_conformal(found, panel), LEVELS, strict=True)
    ]
    for kind, path in (("base-periods", _own_path), ("calibrated-periods", Calibration.path)):
        record[kind] = [_path_held(path(found, level), effect, level, unit) for level in LEVELS]
    for kind, result in (("base-band", found.fit), ("calibrated-band", found)):
        band = path_band(result, level=BAND).table
        lower, upper = band["lower"].to_numpy(), band["upper"].to_numpy()
        record[kind] = [bool(((lower <= effect) & (effect <= upper)).all()), float((upper - lower).mean()) / unit]
    return record


def _bounds(table: pd.DataFrame) -> tuple[float, float]:
    row = table.iloc[0]
    return float(row["lower"]), float(row["upper"])


def _held(lower: float, upper: float, truth: float, level: float, unit: float) -> list[Any]:
    """Whether an interval held the truth, its width and its score, the last two in pre-period sd."""
    missed = interval_score(np.array(lower), np.array(upper), level, np.array(truth))
    return [bool(lower <= truth <= upper), (upper - lower) / unit, float(missed) / unit]


def _conformal(found: Calibration, panel: Panel) -> list[tuple[float, float]]:
    """The average counterfactual ± the donors' quantile of |error|/sd times its own sd, for each level.

    On the scale of the model; of a log or logit, that of the average stands for the average of those of its periods.
    """
    table = found.table
    scores = np.abs(standardised(table["error"].to_numpy(), table["sd"].to_numpy()))[:, None]
    radius = conformal_quantiles(scores, LEVELS)[:, 0] * found.average_sd * found.unit
    link = found.fit.spec.link
    observed = float(panel.treated_series[panel.n_pre :].mean())
    centre = link.forward(observed - float(found.effects().iloc[0]["estimate"]))
    return [(observed - float(link.back(centre + r)), observed - float(link.back(centre - r))) for r in radius.tolist()]


def _own_path(found: Calibration, level: float) -> pd.DataFrame:
    return found.fit.path(level).iloc[found.fit.n_pre :]


def _path_held(path: pd.DataFrame, effect: FloatArray, level: float, unit: float) -> list[float]:
    """Share of periods held, mean width and mean score of their intervals."""
    lower, upper = path["gap_lower"].to_numpy(), path["gap_upper"].to_numpy()
    held = (lower <= effect) & (effect <= upper)
    return [
        float(held.mean()),
        float((upper - lower).mean()) / unit,
        float(interval_score(lower, upper, level, effect).mean()) / unit,
    ]


def summarise(records: list[Record]) -> Record:
    """Coverage with its standard error, mean width and mean score of each kind, over panels."""
    found: Record = {"panels": len(records), "unreliable": sum(r["status"] != "ok" for r in records)}
    found["rmse"] = float(np.sqrt(np.mean([r["error"] ** 2 for r in records])))
    for kind in ("base", "calibrated", "conformal", "base-periods", "calibrated-periods"):
        values = np.array([r[kind] for r in records], dtype=float)
        found[kind] = {
            percent(level): {
                "coverage": float(values[:, k, 0].mean()),
                "se": float(values[:, k, 0].std() / np.sqrt(len(values))),
                "width": _finite(values[:, k, 1]),
                "score": _finite(values[:, k, 2]),
            }
            for k, level in enumerate(LEVELS)
        }
    for kind in ("base-band", "calibrated-band"):
        values = np.array([r[kind] for r in records], dtype=float)
        found[kind] = {
            "coverage": float(values[:, 0].mean()),
            "se": float(values[:, 0].std() / np.sqrt(len(values))),
            "width": float(values[:, 1].mean()),
        }
    for rival in ("base", "conformal"):
        # Paired over panels, at 90%.
        difference = np.array([r["calibrated"][1][2] - r[rival][1][2] for r in records])
        found[f"score_less_{rival}"] = (
            [float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))]
            if np.isfinite(difference).all() and len(difference) > 1
            else None
        )
    return found


def _finite(values: FloatArray) -> float | None:
    """Mean, or None where an interval is unbounded."""
    return float(values.mean()) if np.isfinite(values).all() else None
