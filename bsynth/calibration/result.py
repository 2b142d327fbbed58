"""A fit beside its donors' placebo fits: the calibrated intervals, and what they rest on, in words."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bsynth import effects
from bsynth._base.laws import t_cdf
from bsynth._base.plain import records
from bsynth._base.request import check_level
from bsynth._base.types import FloatArray, Label, Status
from bsynth.bayesian.result import Fit
from bsynth.calibration.backing import TOLERATED, Backing, backing
from bsynth.calibration.donors import Lesson, learned
from bsynth.calibration.inflation import DEGREES, Inflation
from bsynth.calibration.paths import calibrated_paths, path_moments, path_radii, profile_of
from bsynth.calibration.placebos import PlaceboFit
from bsynth.calibration.scores import FLOOR
from bsynth.errors import some_of
from bsynth.text.marks import mark
from bsynth.text.numbers import bracket, chance_words, count, fixed, numbers, percent
from bsynth.text.result import Pictured

PATHS = 8000
"""Whole paths drawn for a band: its width is then known to about one part in a hundred."""
SAID = 8
"""Donors left out that are said one by one."""


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Pictured):
    """A fit, its donors' placebo fits, and what they say about its intervals.

    Attributes
    ----------
    fit : Fit
        The treated unit's fit at the learned shares: the base intervals.
    placebos : tuple of PlaceboFit
        One per donor, at the model's own prior.
    lesson : Lesson
        What the donors teach: how common each form of drift is, c, d and the scatter of single periods.
    skipped : tuple of (unit, reason)
        Donors that could not play the treated unit.
    seconds : float
    drawn_from : int or None
        Donors of the panel, when the placebos are a random draw of them; None when they are all that can play.
    seed : int or None
        Of that draw.

    Examples
    --------
    >>> import bsynth as bs
    >>> panel = bs.Panel.from_long(bs.simulate_factor(donors=6, seed=1), unit="unit", time="time",
    ...     outcome="outcome", treated=0, start=30)
    >>> calibration = bs.calibrate(panel, "level", draws=300, progress=False)
    >>> calibration.table[["unit", "status"]].shape, round(calibration.resolution, 3)
    ((6, 2), 0.143)
    """

    fit: Fit
    placebos: tuple[PlaceboFit, ...]
    lesson: Lesson
    skipped: tuple[tuple[Label, str], ...]
    seconds: float
    drawn_from: int | None = None
    seed: int | None = None

    @property
    def share(self) -> float | None:
        """π, the share of units that drift; None when the model has no drift switch."""
        return self.lesson.drifting

    @cached_property
    def inflation(self) -> Inflation:
        """Posterior of c and d for the treated unit, in whose c γ is."""
        return self.lesson.inflation.of(self.average_sd)

    @cached_property
    def scale(self) -> float:
        """Pre-period standard deviation of the treated series, outcome units."""
        return float(self._before.std(ddof=1))

    @cached_property
    def unit(self) -> float:
        """The same on the scale of the model, in which c, d and donors' errors are: of the log with a log scale."""
        return float(self.fit.spec.link.forward(self._before).std(ddof=1))

    @property
    def _before(self) -> FloatArray:
        return np.asarray(self.fit.observed.isel(time=slice(0, self.fit.n_pre)).to_numpy())

    @cached_property
    def _observed(self) -> FloatArray:
        """(H,) treated outcomes from the start on."""
        return np.asarray(self.fit.observed.isel(time=slice(self.fit.n_pre, None)).to_numpy())

    @cached_property
    def _untreated(self) -> FloatArray:
        """(S, H) draws of the untreated outcome of each treated period, noise and all, on the scale of the model."""
        draws = self.fit.counterfactual("predictive").isel(time=slice(self.fit.n_pre, None))
        flat = draws.stack(sample=("chain", "draw")).transpose("sample", "time").to_numpy()
        # In one order in memory: sums of a calibration and of its copy from a file are the same to the last bit.
        return np.ascontiguousarray(self.fit.spec.link.forward(flat))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per donor: error and model sd of its average gap (pre-sd units), status, support of each form.

        Where the model leaves the form of its drift open, a column for each form holds its posterior probability at
        even prior odds.
        """
        forms = tuple(self.lesson.shares or ())
        rows = []
        for placebo in self.placebos:
            error, sd = placebo.reweighted(self.lesson.factors)
            rows.append(
                (placebo.name, error, sd, error / max(sd, FLOOR), placebo.status, *(placebo.support if forms else ()))
            )
        return pd.DataFrame(rows, columns=["unit", "error", "sd", "z", "status", *forms])

    @property
    def average_sd(self) -> float:
        """The model's own sd of the treated unit's average effect, pre-period sd units."""
        return float(self._untreated.mean(axis=1).std()) / self.unit

    def effects(self, level: float = 0.95, *, full: bool = False) -> pd.DataFrame:
        """Calibrated rows of average, cumulative and lift, in the columns of every effects table.

        ``full`` gives a plain DataFrame, which prints every column.
        """
        level = check_level(level)
        base = self.fit.effects(level)
        bounds, positive = self._by_draws(level) if not self.fit.spec.link.is_linear else self._by_law(level)
        table = base[["estimand", "estimate"]].assign(
            lower=[bounds[name][0] for name in base["estimand"]],
            upper=[bounds[name][1] for name in base["estimand"]],
            level=level,
            interval="calibrated",
            p=np.nan,
            probability_positive=positive,
            status=self.status,
        )
        table = effects.refuse_lift(table)
        return effects.complete(table, method="bayes", model=self.fit.spec.name, seconds=self.seconds)

    def _by_law(self, level: float) -> tuple[dict[str, tuple[float, float]], float]:
        """Bounds of each estimand and the chance of an increase, from the distribution of the average effect."""
        observed = float(self._observed.mean())
        centre = (observed - float(self._untreated.mean())) / self.unit
        lower, upper = (self.unit * bound for bound in self.inflation.interval(level, centre, self.average_sd))
        bounds = effects.estimand_bounds(lower, upper, observed=observed, periods=len(self._observed))
        return bounds, 1 - self.inflation.cdf(0.0, centre, self.average_sd)

    def _by_draws(self, level: float) -> tuple[dict[str, tuple[float, float]], float]:
        """The same from paths drawn on the scale of the model, of which the outcome is no linear map."""
        found, tail = self.effect_draws(), (1 - level) / 2
        bounds = {name: tuple(np.quantile(draws, [tail, 1 - tail]).tolist()) for name, draws in found.items()}
        return bounds, effects.positive_share(found["average"])

    def effect_draws(self, size: int = PATHS) -> dict[str, FloatArray]:
        """(size,) draws of each estimand of the calibrated distribution, outcome units."""
        return effects.estimands(self._observed, self._observed - self.paths(size))

    def average_at(self, deviates: FloatArray, shares: FloatArray) -> FloatArray:
        """(S,) average effects of the calibrated distribution, outcome units, at t₈ ``deviates`` (S,).

        ``shares`` (S,) of the posterior of c and d say which pairs of these stand behind each. Several cells that are
        given deviates that depend on each other have effects that do, and each its own distribution.
        """
        if not self.fit.spec.link.is_linear:
            return np.quantile(self.effect_draws()["average"], t_cdf(deviates, DEGREES))
        centre = float(self._observed.mean() - self._untreated.mean())
        return centre + self.unit * self.inflation.scales(shares, self.average_sd) * deviates

    def path(self, level: float = 0.95) -> pd.DataFrame:
        """One row per treated period with the calibrated interval of its gap, in the columns of `Fit.path`.

        A period has its share of the average error, which c and d calibrate, and what is left, calibrated by how far
        the donors' periods scattered about their average (`bsynth.calibration.paths`).
        """
        level = check_level(level)
        table = self.fit.path(level, interval="predictive").iloc[self.fit.n_pre :].reset_index(drop=True)
        draws = self._untreated / self.unit
        found = path_moments(draws, draws.mean(axis=1), np.ones(len(draws)))
        (radius,) = path_radii([level], found, self.inflation, self.lesson.scatter)
        back = self.fit.spec.link.back
        lower, upper = (back(self.unit * (found.mean + sign * radius)) for sign in (-1, 1))
        found_path = table.assign(
            lower=lower,
            upper=upper,
            gap_lower=self._observed - upper,
            gap_upper=self._observed - lower,
            interval="calibrated",
        )
        return effects.with_relative(found_path)

    def cumulative(self, level: float = 0.95) -> pd.DataFrame:
        """One row per treated period: the gaps summed since the start, in the columns of `Fit.cumulative`, calibrated.

        The last row is the cumulative effect of `effects`, with its interval.
        """
        level = check_level(level)
        table = self.fit.cumulative(level)
        if not self.fit.spec.link.is_linear:
            tail, sums = (1 - level) / 2, self.paths().cumsum(axis=1)
            lower, upper = np.quantile(sums, [tail, 1 - tail], axis=0)
            return table.assign(lower=lower, upper=upper)
        draws, even = self._untreated / self.unit, np.ones(len(self._untreated))
        profile = profile_of(draws, even).cumsum()
        found = path_moments(draws.cumsum(axis=1), draws.mean(axis=1), even, profile)
        (radius,) = path_radii([level], found, self.inflation, self.lesson.scatter)
        middle = self._observed.cumsum() - self.unit * found.mean
        return table.assign(lower=middle - self.unit * radius, upper=middle + self.unit * radius)

    def untreated_paths(self, size: int = PATHS) -> FloatArray:
        """(size, H) draws of the calibrated untreated path on the scale of the model; a seed gives the same ones."""
        rng = np.random.default_rng([0 if self.seed is None else self.seed, PATHS])
        draws, even = self._untreated / self.unit, np.ones(len(self._untreated))
        return self.unit * calibrated_paths(draws, even, self.inflation, self.lesson.scatter, rng, size)

    def paths(self, size: int = PATHS) -> FloatArray:
        """(size, H) draws of whole paths of the calibrated gap, outcome units; a seed gives the same ones."""
        return np.asarray(self._observed - self.fit.spec.link.back(self.untreated_paths(size)))

    @property
    def status(self) -> Status:
        """Unreliable when the treated unit's fit or more than one placebo in ten failed its gate."""
        return "unreliable" if self.fit.status != "ok" or self.failed > TOLERATED * len(self.placebos) else "ok"

    @property
    def failed(self) -> int:
        """How many placebo fits did not pass their gate."""
        return sum(p.status != "ok" for p in self.placebos)

    @property
    def reason(self) -> str:
        """Whose gate failed, the treated unit's fit first."""
        if self.status == "ok" or self.fit.status != "ok":
            return self.fit.reason
        return f"{self.failed} of {count(len(self.placebos), 'placebo fit')} did not pass the convergence gate"

    @property
    def group_size(self) -> int:
        """Donors whose mean plays the treated series; 1 where single donors do."""
        return max((len(placebo.members) for placebo in self.placebos), default=0) or 1

    @property
    def resolution(self) -> float:
        """1/(J + 1): no coverage can be told apart more finely with J placebos, or groups worth as many."""
        return 1.0 / ((len(self.placebos) if self.group_size == 1 else self.lesson.worth) + 1)

    @cached_property
    def backing(self) -> Backing:
        """How many placebos stand behind the interval, and what they are worth."""
        return backing(
            [p.members for p in self.placebos], "donor" if self.group_size == 1 else "group", self.group_size
        )

    def notes(self, level: float = 0.95) -> tuple[str, ...]:
        """What the donors say, and what this cannot prove, in words."""
        sd = self.average_sd
        c, d = self.inflation.c_mean, self.inflation.d_mean
        words = [
            f"Calibrated on {self.backing.words()}, each in the place of the treated unit, where the effect is zero: "
            f"{self.lesson.words()}{learned(c, d)}; single periods scatter {fixed(self.lesson.scatter.mean, 2)} times "
            "as far about their average as the model says. So few cannot tell probabilities finer than "
            f"1/{self.backing.independent + 1} apart."
        ]
        treated = len(self.fit.provenance.panel["treated"])
        mean = f"The treated series is a {self.fit.tree.attrs['treated']}"
        if self.group_size > 1:
            words.append(
                f"{mean}, so means of {count(self.group_size, 'donor')}, drawn at random, stand beside it"
                f"{'' if self.group_size == treated else ', all that leave twice as many to match them'}; "
                "donors are in several of them, so that they count for fewer than they are."
            )
        elif treated > 1:
            words.append(
                f"{mean}, and {count(len(self.placebos), 'donor')} are too few for groups, so single ones stand beside "
                "it, which err more than a mean does."
            )
        if self.lesson.inflation.at_edge:
            words.append(
                "The donors' errors are so unlike what their fits expect that the widening lies at the end of what "
                "was tried, and the interval may be too narrow: look at the donors."
            )
        if self.drawn_from is not None:
            words.append(
                f"They are {len(self.placebos)} of {count(self.drawn_from, 'donor')}, drawn at random with seed "
                f"{self.seed}: each costs a fit."
            )
        if c > 1.5 or d > 2 * sd:
            words.append("The donors drift more after the start than their own fits expect, so the interval widens.")
        words.append(
            "It presumes that treated and donors are exchangeable; coverage on those same donors is close to automatic "
            "and proves nothing about the model."
        )
        if self.failed and self.status == "ok":
            words.append(
                f"{self.failed} of {count(len(self.placebos), 'placebo fit')} did not pass the convergence gate, "
                "few enough to be used as they are."
            )
        if len(self.skipped) <= SAID:
            words += [f"As if treated could not be {unit}: {reason}." for unit, reason in self.skipped]
        else:
            units = some_of((unit for unit, _ in self.skipped), limit=SAID)
            words.append(
                f"{len(self.skipped)} could not play the treated unit: {units}; the first since {self.skipped[0][1]}."
            )
        return (*words, *self.fit.spec.notes(), *effects.lift_notes(self.effects(level)))

    @property
    def title(self) -> str:
        """What it is, of which model, and of which unit."""
        return f"Donor calibration of {self.fit.spec.name!r}: {self.fit.tree.attrs['treated']}"

    def sentences(self, level: float = 0.95) -> tuple[str, ...]:
        """The calibrated average effect, and `notes`."""
        row, attrs = self.effects(level).iloc[0], self.fit.tree.attrs
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        return (
            *mark(self.reason),
            f"The average effect on {attrs['outcome']} of {attrs['treated']} is {estimate}, {percent(level)} "
            f"calibrated interval {bracket(bounds)}, and the chance of an increase is "
            f"{chance_words(row['probability_positive'], self.backing.independent)}.",
            *self.notes(level),
        )

    def to_dict(self, level: float = 0.95) -> dict[str, Any]:
        """Return plain JSON data: besides the face of every result its effects and what the donors teach."""
        return super().to_dict() | {
            "sentences": list(self.sentences(level)),
            "effects": records(self.effects(level)),
            "model": self.fit.spec.name,
            "pi": self.share,
            "shares": None if self.lesson.shares is None else dict(self.lesson.shares),
            "c": self.inflation.c_mean,
            "c_interval": list(self.inflation.spread(self.inflation.c, level)),
            "d": self.inflation.d_mean,
            "d_interval": list(self.inflation.spread(self.inflation.d, level)),
            "power": self.lesson.inflation.power_mean,
            "scatter": self.lesson.scatter.mean,
            "donors": len(self.placebos),
            "backing": self.backing.to_dict(),
            "drawn_from": self.drawn_from,
            "resolution": self.resolution,
            "notes": list(self.notes(level)),
        }

    def _gist(self) -> str:
        row = self.effects().iloc[0]
        estimate, *bounds = numbers(row["estimate"], row["lower"], row["upper"])
        return f"average effect {estimate}, 95% calibrated {bracket(bounds)}, on {self.backing.words()}"

    def _card_tables(self) -> tuple[pd.DataFrame, ...]:
        both = pd.concat([self.fit.effects(), self.effects()], ignore_index=True)
        return (both[effects.CARD_COLUMNS],)
