"""Matching on predictors (Abadie and Gardeazabal 2003; Abadie, Diamond and Hainmueller 2010, section 2.3).

Inner problem: w(V) = argmin Σ_k v_k (x₁k − x₀k'w)² on the simplex, predictors divided by their sd over units.
Outer problem: the V whose w(V) has the least mean squared gap over the pre-period; :mod:`bsynth.engines.vsearch`
searches it and tells how far each v can move without changing w (that V is seldom unique: Klößner et al. 2018;
Malo et al. 2024). Where several w match every predictor exactly, V is void and the pre-period outcomes decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd

from bsynth._base.brief import Brief
from bsynth._base.request import check_kind, check_number, check_seed, check_whole
from bsynth._base.types import FloatArray, Label
from bsynth.engines.simplex import SimplexSolution, solve_simplex
from bsynth.engines.slsqp import solve_slsqp
from bsynth.engines.vsearch import ranges, search, weighted
from bsynth.errors import SpecError, nearest, some_of
from bsynth.frequentist.estimators.base import Solver, Weighted
from bsynth.panel import Panel
from bsynth.text.numbers import count

NAME = "predictors"
TITLE = "Synthetic control matched on predictors"
CONDITIONS = (
    "It presumes that a convex combination of donors that is alike in the predictors and follows the treated "
    "series before the start would have followed it afterwards; the importance of each predictor was itself "
    "chosen for that fit."
)

TIE_BREAK = 1e-4
"""Scale of the outcomes beside exactly matched predictors, which decides among the matches alone."""
FREE_V = 1e-3
"""V is called unique when no v_k (sum 1) can move further than this."""


@dataclass(frozen=True, eq=False, repr=False)
class Predictors(Brief):
    """Abadie's synthetic control: match predictors, weighted by how well they serve the pre-period fit.

    Parameters
    ----------
    table : DataFrame
        One row per unit, treated ones included, indexed by unit; one numeric column per predictor, any units.
        Other units' rows are ignored. Several treated units are averaged.
    v : mapping of str to float, optional
        Importance of each predictor, not negative; searched for when not given.
    starts : int
        Independent searches, at least 1; the best is kept and their agreement reported.
    seed : int
        Of the first search; the same seed gives the same answer.

    Raises
    ------
    SpecError
        A table without numeric predictors or with a unit twice; a ``v`` that does not fit it; no start.

    References
    ----------
    Abadie, Diamond and Hainmueller 2010, eqs. 2-3.

    Examples
    --------
    >>> from bsynth.frequentist import classical
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> table = pd.DataFrame({"income": [5., 4, 8], "age": [30., 31, 27]}, index=["a", "b", "c"])
    >>> classical(panel, Predictors(table)).weights_table().round(4).values.tolist()
    [['b', 0.75], ['c', 0.25]]
    """

    table: pd.DataFrame
    v: Mapping[str, float] | None = field(default=None, kw_only=True)
    starts: int = field(default=4, kw_only=True)
    seed: int = field(default=0, kw_only=True)
    NAME = NAME
    TITLE = TITLE
    CONDITIONS = CONDITIONS

    def __post_init__(self) -> None:
        table = self.table
        if not isinstance(table, pd.DataFrame) or table.shape[1] == 0:
            raise SpecError("predictors must be a DataFrame indexed by unit with at least one column")
        if not table.index.is_unique:
            raise SpecError(f"predictors name unit {table.index[table.index.duplicated()][0]!r} twice; keep one row")
        text = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
        if text:
            raise SpecError(f"predictor {text[0]!r} is not numeric; give numbers, or set the units as the index")
        check_whole(self.starts, "starts", 1, "the starts of the search for v")
        check_seed(self.seed)
        if self.v is not None:
            _check_v(self.v, list(table.columns))

    @classmethod
    def from_long(
        cls,
        data: pd.DataFrame,
        *,
        unit: str,
        time: str,
        windows: Sequence[tuple[str, Label, Label]],
        v: Mapping[str, float] | None = None,
        starts: int = 4,
        seed: int = 0,
    ) -> Self:
        """Average columns of a tidy frame over windows of periods, as the papers do.

        Parameters
        ----------
        data : DataFrame
            One row per unit and period.
        unit, time : str
            Column names.
        windows : sequence of (column, first, last)
            One predictor each, both periods inclusive; empty cells are left out of its mean. A column may come
            several times. It is called ``column_first_last``, or ``column_first`` for a single period.
        v, starts, seed
            As for `Predictors`.

        Raises
        ------
        SpecError
            A column that is not there, or a window without any value.

        Examples
        --------
        >>> df = pd.DataFrame({"state": list("aabb"), "year": [1, 2] * 2, "beer": [1.0, 3, 4, 6]})
        >>> windows = [("beer", 1, 2), ("beer", 2, 2)]
        >>> Predictors.from_long(df, unit="state", time="year", windows=windows).table.loc["a"].to_dict()
        {'beer_1_2': 2.0, 'beer_2': 3.0}
        """
        for column in (unit, time, *(column for column, _, _ in windows)):
            if column not in data:
                hint = nearest(column, data.columns)
                raise SpecError(f"column {column!r} is not in the data{hint}; columns are {some_of(data.columns)}")
        means = {}
        for column, first, last in windows:
            inside = data[data[time].between(first, last)]
            name = f"{column}_{first}" if first == last else f"{column}_{first}_{last}"
            means[name] = inside.groupby(unit)[column].mean()
            if means[name].notna().sum() == 0:
                raise SpecError(f"{column!r} has no value from {first} to {last}; move the window")
        return cls(pd.DataFrame(means), v=v, starts=starts, seed=seed)

    def bind(self, panel: Panel) -> "Matching":
        """The predictors of the units of ``panel``, ready to be matched."""
        table = self.table
        missing = [u for u in panel.units if u not in table.index]
        if missing:
            raise SpecError(
                f"predictors have no row for {some_of(missing)}{nearest(missing[0], table.index)}; add the units, "
                "or leave them out of the panel"
            )
        values = table.loc[list(panel.units)].to_numpy(dtype=np.float64).T
        if not np.isfinite(values).all():
            k, unit = np.argwhere(~np.isfinite(values))[0]
            raise SpecError(
                f"predictor {table.columns[k]!r} is missing or infinite for {panel.units[unit]!r}; fill it, or leave "
                "the predictor or the unit out"
            )
        v = None if self.v is None else np.array([self.v[name] for name in table.columns], dtype=np.float64)
        treated, donors = values[:, : panel.n_treated].mean(axis=1), values[:, panel.n_treated :]
        return Matching(treated, donors, tuple(table.columns), v, self.starts, self.seed)

    def solve(self, y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
        """Refuse: series alone do not tell which unit's predictors are whose."""
        raise SpecError(
            "predictors are matched by unit and this inference works on series alone; placebo_space and "
            "leave_one_out know the units"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Matching(Brief):
    """`Predictors` of one panel: treated (k,) and donors (k, J), in the predictors' own units."""

    treated: FloatArray
    donors: FloatArray
    names: tuple[Label, ...]
    v: FloatArray | None = None
    starts: int = 4
    seed: int = 0
    NAME = NAME
    TITLE = TITLE
    CONDITIONS = CONDITIONS

    def solve(self, y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
        """Weights for ``y`` (B, T) and ``X`` (B, T, J): the outcomes differ, the predictors stay."""
        if X.shape[2] != self.donors.shape[1]:
            raise SpecError(
                f"predictors are matched for {count(self.donors.shape[1], 'donor')} and there are {X.shape[2]}; "
                "use classical on a panel without the donors to be left out"
            )
        found = [self._one(target[:n_pre], donors[:n_pre], solver) for target, donors in zip(y, X, strict=True)]
        gaps = [t[:n_pre] - d[:n_pre] @ fit.weights for t, d, (fit, _, _) in zip(y, X, found, strict=True)]
        return Weighted(
            weights=np.array([fit.weights for fit, _, _ in found]),
            intercept=np.zeros(len(y)),
            duality_gap=np.array([fit.duality_gap for fit, _, _ in found]),
            regularised=np.array([fit.regularised for fit, _, _ in found]),
            solver="active-set" if solver == "exact" else "slsqp",
            settings={
                "loss": np.array([np.mean(gap**2) for gap in gaps]),
                "starts": np.full(len(y), float(self.starts)),
                "starts_agreeing": np.array([float(agreeing) for _, _, agreeing in found]),
            },
            predictors=tuple(self._table(fit.weights, v) for fit, v, _ in found),
        )

    def _one(self, y: FloatArray, Y: FloatArray, solver: Solver) -> tuple[SimplexSolution, FloatArray, int]:
        """Weights, V (sum 1) and how many starts agree, for pre-period ``y`` (T0,) and ``Y`` (T0, J)."""
        x, X = self._scaled()
        engine = solve_simplex if solver == "exact" else solve_slsqp
        equal = np.full(len(x), 1.0 / len(x))
        chosen, agreeing = self.v, self.starts
        first = solve_simplex(X, x)
        exact = first.objective <= 1e-20 * float(np.square(X - x[:, None]).sum(axis=0).max())
        if exact and not first.unique:
            # V is void. Outcomes at a small scale decide among the exact matches.
            scale = TIE_BREAK / (float(np.abs(Y - y[:, None]).max()) or 1.0)
            fit = engine(np.concatenate([X, Y * scale]), np.concatenate([x, y * scale]))
            return fit, equal if chosen is None else chosen / chosen.sum(), agreeing
        if chosen is None:
            chosen, agreeing = search(x, X, y, Y, self.starts, self.seed) if len(x) > 1 else (equal, agreeing)
        chosen = chosen / chosen.sum()
        return engine(*weighted(chosen, x, X)), chosen, agreeing

    def _scaled(self) -> tuple[FloatArray, FloatArray]:
        """Treated and donors' predictors over their sd over units (ddof 1); a constant one matches anyway."""
        every = np.column_stack([self.treated, self.donors])
        centre, sd = every.mean(axis=1), every.std(axis=1, ddof=1)
        sd = np.where(np.ptp(every, axis=1) > 1e-12 * np.abs(centre), sd, np.inf)
        return (self.treated - centre) / sd, (self.donors - centre[:, None]) / sd[:, None]

    def _table(self, weights: FloatArray, v: FloatArray) -> pd.DataFrame:
        low, high = ranges(*self._scaled(), weights, v)
        return pd.DataFrame(
            {
                "v": v,
                "v_low": low,
                "v_high": high,
                "treated": self.treated,
                "synthetic": self.donors @ weights,
                "donors_mean": self.donors.mean(axis=1),
            },
            index=pd.Index(self.names, name="predictor", tupleize_cols=False),
        )


def solve(y: FloatArray, X: FloatArray, n_pre: int, *, solver: Solver = "exact") -> Weighted:
    """Refuse: the name alone brings no predictors."""
    raise _unbound()


def bind(panel: Panel) -> Matching:
    """Refuse: the name alone brings no predictors."""
    raise _unbound()


def notes(table: pd.DataFrame, settings: Mapping[str, float]) -> list[str]:
    """Sentences about the search for V that belong beside the numbers."""
    said = []
    if settings["starts_agreeing"] < settings["starts"]:
        said.append(
            f"Only {int(settings['starts_agreeing'])} of {count(int(settings['starts']), 'search', 'searches')} for "
            "V reached the least loss; give more starts before trusting the weights."
        )
    free = table.index[(table["v_high"] - table["v_low"]) > FREE_V]
    if len(free) > 0:
        said.append(
            f"V is not unique: the weights of {some_of(free)} can move without changing the donor weights, so "
            "read donor weights and effect, not V."
        )
    return said


def _unbound() -> SpecError:
    return SpecError(
        "estimator 'predictors' needs a table with one row per unit; give Predictors(table) in place of the name"
    )


def _check_v(v: Mapping[str, float], names: list[Label]) -> None:
    check_kind(v, Mapping, "v", "a mapping of each predictor to a number")
    if set(v) != set(names):
        raise SpecError(f"v names {some_of(v)}; it must name each predictor once: {some_of(names)}")
    values = np.array([check_number(value, "v", "finite numbers") for value in v.values()])
    if not np.isfinite(values).all() or values.min() < 0 or values.max() == 0:
        raise SpecError(f"v is {dict(v)}; give finite numbers that are not negative, at least one positive")
