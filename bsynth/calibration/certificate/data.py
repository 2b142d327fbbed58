"""What a certificate holds: the intervals of units without effect, and the tables that are read off them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.types import Label, Status
from bsynth.calibration import Calibration
from bsynth.calibration.certificate.intervals import columns_of, conformal_quantiles, moments
from bsynth.calibration.certificate.summary import (
    REAL,
    coverage_band,
    coverage_table,
    error_table,
    own_table,
    pit_histogram,
    too_narrow_p,
    too_wide_p,
)
from bsynth.calibration.certificate.treated import treated_table
from bsynth.calibration.certificate.windows import PlaceboWindow
from bsynth.calibration.scores import standardised
from bsynth.model.spec import ModelSpec
from bsynth.text.numbers import count

SURE = 0.05
"""An honest interval would look as bad as this one with a smaller probability: then it is said in words."""


@dataclass(frozen=True, eq=False, repr=False)
class CertificateData:
    """The fields of a `Certificate`, which describes them, and what follows from them."""

    calibration: Calibration
    spec: ModelSpec
    windows: tuple[PlaceboWindow, ...]
    asked: int
    levels: tuple[float, ...]
    units: pd.DataFrame
    pit: pd.DataFrame
    rivals: pd.DataFrame
    skipped: tuple[tuple[Label, Label, str], ...]
    seconds: float

    @property
    def level(self) -> float:
        """The level that the words speak of: the one closest to 90%."""
        return min(self.levels, key=lambda level: abs(level - 0.9))

    @property
    def status(self) -> Status:
        """Unreliable when the treated unit's fit or more than one pseudo-treated fit in ten failed its gate."""
        failed = float((self.pit["status"] != "ok").mean())
        return "unreliable" if self.calibration.status != "ok" or failed > 0.1 else "ok"

    @property
    def reason(self) -> str:
        """Whose gate failed, the treated unit's fit first."""
        failed = self.pit["status"] != "ok"
        if self.calibration.fit.status != "ok" or failed.mean() <= 0.1:
            return self.calibration.reason
        return f"{int(failed.sum())} of {count(len(failed), 'pseudo-treated fit')} did not pass the convergence gate"

    @property
    def resolution(self) -> float:
        """1/(J + 1): no coverage can be told apart more finely with J donors."""
        return self.calibration.resolution

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per ``windows`` (real start, earlier, all) × estimand × kind × level, in pre-sd units.

        ``units, intervals, held, coverage, coverage_se, coverage_lower, coverage_upper, mean_width, median_width,
        score, score_se``: smaller interval scores are better; standard errors are over units, and the two bounds are
        a 95% interval of the coverage. The kinds are those of ``units`` and ``rivals``.
        """
        return coverage_table(pd.concat([self.units, self.rivals], ignore_index=True))

    @cached_property
    def errors(self) -> pd.DataFrame:
        """One row per ``windows``: bias and RMSE of the average effect (pre-sd units) and how large errors are.

        ``factor``: true errors in units of the model's sd; ``pit_p_base``, ``pit_p_calibrated``: p of a flat PIT.
        """
        return error_table(self.pit)

    @cached_property
    def treated(self) -> pd.DataFrame:
        """The treated unit's own intervals, outcome units: average and cumulative of each kind, periods as they are."""
        scores = np.abs([standardised(m.mean, m.sd) for m in self._donor_moments()])
        return treated_table(self.calibration, conformal_quantiles(scores, self.levels), self.levels)

    def _donor_moments(self) -> list[Any]:
        placebos, factor = self.windows[0].placebos, self.calibration.lesson.factors
        return [moments(columns_of(p), p.weights(factor)) for p in placebos]

    def histogram(self, kind: str = "calibrated", *, bins: int | None = None) -> pd.DataFrame:
        """PIT histogram of all windows: ``left, right, count`` and the 95% band ``lower, upper`` of a flat one.

        Five bins, from 60 units on ten.
        """
        values = self.pit[kind].to_numpy(dtype=float)
        return pit_histogram(values, (5 if len(values) < 60 else 10) if bins is None else bins)

    def band(self) -> pd.DataFrame:
        """Coverage (``lower, upper``) that an honest interval has on so many units with probability 95%, by level."""
        levels = np.linspace(0.01, 0.99, 99)
        lower, upper = coverage_band(levels, len(self.windows[0].placebos))
        return pd.DataFrame({"level": levels, "lower": lower, "upper": upper})

    def coverage(self, kind: str, estimand: str = "average", *, windows: str = REAL) -> pd.DataFrame:
        """Rows of `table` of one kind and estimand, indexed by level."""
        table = self.table
        chosen = (table["kind"] == kind) & (table["estimand"] == estimand) & (table["windows"] == windows)
        return table[chosen].set_index("level")

    def row(self, kind: str, estimand: str = "average", *, windows: str = REAL) -> dict[str, Any]:
        """The row of `table` at the certificate's main `level`."""
        table = self.coverage(kind, estimand, windows=windows)
        return {str(name): value for name, value in table.loc[self.level].to_dict().items()}

    @cached_property
    def own(self) -> pd.DataFrame:
        """The treated unit in its own earlier windows, where nothing had happened: one row each.

        ``start, estimate, lower, upper`` (base interval at `level`, outcome units), ``z`` (estimate over the
        model's sd), ``pit`` of 0, and two-sided ``p`` and ``p_calibrated`` of no effect under the base and the
        calibrated distribution.
        """
        return own_table(self.windows, self.units, self.pit, self.level)

    @property
    def donors_narrow(self) -> bool:
        """Whether so few donors at the real start are held by honest base intervals with probability below 5%."""
        row = self.row("base")
        return too_narrow_p(int(row["held"]), int(row["units"]), self.level) < SURE

    @property
    def own_missed(self) -> pd.DataFrame:
        """Rows of `own` that the base distribution all but excludes: p below 5%, shared among the windows."""
        return self.own[self.own["p"] < SURE / max(1, len(self.own))]

    @property
    def finding(self) -> str:
        """``"overconfident"``, ``"too wide"`` or ``"borne out"``: the model's own interval of the average.

        Overconfident: the donors at the real start (`donors_narrow`), or the treated unit itself before it
        (`own_missed`), contradict the base interval. Each of the two accuses an honest model one time in twenty.
        """
        row = self.row("base")
        if self.donors_narrow or len(self.own_missed):
            return "overconfident"
        wide = too_wide_p(int(row["held"]), int(row["units"]), self.level) < SURE
        return "too wide" if wide else "borne out"

    @property
    def factor(self) -> float:
        """How many times larger errors are than the model expects (1: as it expects).

        Of the donors at the real start; of the treated unit's worst earlier window when that alone contradicts.
        """
        if not self.donors_narrow and len(self.own_missed):
            return float(self.own_missed["z"].abs().max())
        return float(self.errors["factor"].to_numpy()[0])
