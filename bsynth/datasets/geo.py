"""A simulated panel of weekly sales by market, whose truth is known."""

from typing import Any, Literal, overload

import numpy as np
import pandas as pd

from bsynth._base.request import check_between, check_flags, check_number, check_seed, check_whole
from bsynth.errors import SpecError
from bsynth.panel import Panel
from bsynth.text.numbers import exact

FIRST = "2023-01-02"
"""The first week, named by its Monday."""
MARKETS = (
    "Albany", "Atlanta", "Austin", "Boise", "Boston", "Buffalo", "Chicago", "Cincinnati", "Cleveland", "Columbus",
    "Dallas", "Denver", "Detroit", "El Paso", "Fresno", "Houston", "Indianapolis", "Kansas City", "Las Vegas",
    "Los Angeles", "Memphis", "Miami", "Milwaukee", "Minneapolis", "Nashville", "New Orleans", "Oakland", "Omaha",
    "Orlando", "Philadelphia", "Phoenix", "Pittsburgh", "Portland", "Raleigh", "Reno", "Sacramento", "San Diego",
    "Seattle", "Tampa", "Tucson",
)  # fmt: skip
_FACTORS = 3


@overload
def make_geo(
    *,
    treated: int = 1,
    markets: int = 20,
    weeks: int = 104,
    weeks_after: int = 8,
    lift: float = 0.08,
    seed: int = 0,
    as_frame: Literal[False] = False,
) -> Panel: ...
@overload
def make_geo(
    *,
    treated: int = 1,
    markets: int = 20,
    weeks: int = 104,
    weeks_after: int = 8,
    lift: float = 0.08,
    seed: int = 0,
    as_frame: Literal[True],
) -> pd.DataFrame: ...
def make_geo(
    *,
    treated: int = 1,
    markets: int = 20,
    weeks: int = 104,
    weeks_after: int = 8,
    lift: float = 0.08,
    seed: int = 0,
    as_frame: bool = False,
) -> Panel | pd.DataFrame:
    """Simulate weekly sales of markets, some of which get a campaign that raises them by a known share.

    Sales are a market's size times a season that all share, three common factors to which markets answer differently,
    and noise of two per cent. The treated markets are drawn at random.

    Parameters
    ----------
    treated, markets : int
        Markets with the campaign, and all of them, 40 at most; at least four are without.
    weeks, weeks_after : int
        All weeks, from Monday 2023-01-02 on, and those with the campaign, the last ones; 12 are before it at least.
    lift : float
        The campaign multiplies sales by 1 + lift; above −1.
    seed : int
        The same seed gives the same markets.
    as_frame : bool
        Return the tidy table instead of the panel.

    Returns
    -------
    Panel or DataFrame
        The table has one row per ``market`` and ``week`` (a date) with ``sales``, ``campaign`` (0 or 1), and
        ``untreated``, the sales without any campaign, which nobody sees outside of a simulation.

    Raises
    ------
    SpecError
        A number outside its range.

    Examples
    --------
    >>> import bsynth as bs
    >>> bs.datasets.make_geo()
    Panel(Columbus against 19 donors, 2023-01-02 to 2024-12-23, start 2024-11-04: 96 pre + 8 post)
    >>> frame = bs.datasets.make_geo(as_frame=True)
    >>> during = frame[frame["campaign"] == 1]
    >>> round(float(during["sales"].sum() / during["untreated"].sum() - 1), 6)
    0.08
    """
    check_flags(as_frame=as_frame)
    markets = check_between(markets, "markets", 5, len(MARKETS))
    treated = check_between(treated, "treated", 1, markets - 4)
    weeks = check_whole(weeks, "weeks", 13, "12 before the campaign and 1 with it")
    weeks_after = check_between(weeks_after, "weeks_after", 1, weeks - 12)
    lift = check_number(lift, "lift")
    if lift <= -1:
        raise SpecError(f"lift is {exact(lift)}; give a share above -1, such as 0.08 for 8%")
    frame, chosen = _simulated(treated, markets, weeks, weeks_after, lift, check_seed(seed))
    if as_frame:
        return frame
    start = sorted(frame["week"].unique())[-weeks_after]
    roles: dict[str, Any] = {"unit": "market", "time": "week", "outcome": "sales", "treated": chosen, "start": start}
    panel: Panel = Panel.from_long(frame, **roles, unit_label="market", higher_is="better")
    return panel


def _simulated(
    treated: int, markets: int, weeks: int, weeks_after: int, lift: float, seed: int
) -> tuple[pd.DataFrame, list[str]]:
    """The tidy table, and the markets with the campaign."""
    rng = np.random.default_rng(seed)
    week = np.arange(weeks)
    size = np.exp(rng.normal(np.log(20_000), 0.6, size=markets))
    season = 0.10 * np.sin(2 * np.pi * (week - 10) / 52) + 0.12 * np.exp(-0.5 * ((week % 52 - 49) / 2.0) ** 2)
    factors = np.cumsum(rng.normal(0, 0.008, size=(_FACTORS, weeks)), axis=1)
    loadings = rng.dirichlet(np.ones(_FACTORS), size=markets)
    noise = rng.normal(0, 0.02, size=(markets, weeks))
    untreated = size[:, None] * np.exp(season + loadings @ factors + noise)
    chosen = np.sort(rng.choice(markets, size=treated, replace=False))
    campaign = np.zeros((markets, weeks), dtype=int)
    campaign[chosen, weeks - weeks_after :] = 1
    frame = pd.DataFrame(
        {
            "market": np.repeat(MARKETS[:markets], weeks),
            "week": np.tile(pd.date_range(FIRST, periods=weeks, freq="W-MON"), markets),
            "sales": (untreated * (1 + lift * campaign)).ravel(),
            "campaign": campaign.ravel(),
            "untreated": untreated.ravel(),
        }
    )
    return frame, [MARKETS[at] for at in chosen]
