"""The certificate: how a model's intervals do on a panel's own units, in tables and in words."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from bsynth._base.plain import plain, records
from bsynth.calibration.certificate import words
from bsynth.calibration.certificate.data import CertificateData
from bsynth.calibration.certificate.summary import (
    REAL,
)
from bsynth.text.numbers import count, percent
from bsynth.text.result import Pictured

SCHEMA = 1


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(CertificateData, Pictured):
    """How a model's intervals did on a panel's own units, where nothing happened and the truth is 0.

    Attributes
    ----------
    calibration : Calibration
        At the real start: the treated unit's fit, the donors' placebo fits, shares, c and d.
    spec : ModelSpec
        The model asked for, at its own prior of drift.
    windows : tuple of PlaceboWindow
        The real start first, then earlier ones.
    asked : int
        Earlier windows that were asked for.
    levels : tuple of float
    units : DataFrame
        One row per pseudo-treated unit × estimand × level × kind: ``unit, start, window`` (0 at the real start),
        ``estimand`` (``average``, ``cumulative``, and by ``time`` ``period`` and ``cumulative-path``), ``level``,
        ``kind`` (``base``, ``calibrated``, ``conformal``), ``estimate, lower, upper, held``. In pre-period sd of
        that unit; the truth is 0. Base: the model's own at the learned shares. The calibrated ones by time show why
        no period's interval is calibrated anywhere else.
    pit : DataFrame
        One row per pseudo-treated unit: where 0 falls in the predictive distribution of its average effect
        (``base``, ``calibrated``), with ``estimate`` and ``sd`` (pre-sd units) and the fit's ``status``.
    rivals : DataFrame
        As ``units``, average effect alone, of ``demeaned-placebo`` and ``demeaned-conformal``.
    skipped : tuple of (unit, start, reason)
    seconds : float

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> certificate = bs.certify(panel, "level", draws=300, windows=0, progress=False)
    >>> certificate.level, sorted(set(certificate.units["kind"]))
    (0.9, ['base', 'calibrated', 'conformal'])
    """

    @property
    def title(self) -> str:
        """What it is, of which model, and for which unit."""
        return f"Certificate of {self.spec.name!r}: {self.windows[0].panel.treated_name}"

    def sentences(self) -> tuple[str, ...]:
        """What was found and what it cannot prove, in words."""
        return words.sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, ``"schema": 1``; missing numbers are None, unbounded ones ``"inf"`` or ``"-inf"``."""
        found = self.calibration
        return super().to_dict() | {
            "schema": SCHEMA,
            "model": self.spec.name,
            "title": self.spec.title,
            "treated": self.windows[0].panel.treated_name,
            "finding": self.finding,
            "factor": plain(self.factor),
            "own": records(self.own),
            "pi": found.share,
            "c": found.inflation.c_mean,
            "d": found.inflation.d_mean,
            "donors": len(found.placebos),
            "resolution": self.resolution,
            "levels": list(self.levels),
            "windows": [
                {"start": w.start, "pre": w.panel.n_pre, "post": w.panel.n_post, "units": len(w.plays())}
                for w in self.windows
            ],
            "errors": records(self.errors),
            "pit": records(self.pit),
            "histogram": {kind: records(self.histogram(kind)) for kind in ("base", "calibrated")},
            "intervals": records(self.treated),
            "skipped": [list(map(str, row)) for row in self.skipped],
            "seconds": self.seconds,
            "panel": self.windows[0].panel.to_dict(),
            "sampler": {"draws": found.fit.provenance.draws, "seed": found.fit.provenance.seed},
            "versions": found.fit.provenance.versions,
        }

    def _gist(self) -> str:
        base, calibrated = (percent(self.row(kind)["coverage"], 0) for kind in ("base", "calibrated"))
        return (
            f"{self.finding}; {percent(self.level)} intervals held the truth in {base} (base) and {calibrated} "
            f"(calibrated) of {count(len(self.calibration.placebos), 'donor')}"
        )

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        shown = self.table[(self.table["windows"] == REAL) & (self.table["level"] == self.level)]
        columns = ["estimand", "kind", "level", "coverage", "coverage_se", "median_width", "score"]
        own = self.treated[(self.treated["level"] == self.level) & (self.treated["estimand"] != "period")]
        return shown[columns], own.drop(columns="time")
