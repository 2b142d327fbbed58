"""Simulated worlds with a known truth."""

from typing import Any

import numpy as np
import pandas as pd

from bsynth._base.request import check_number, check_seed, check_whole
from bsynth.errors import PanelError
from bsynth.text.numbers import exact

ROLLOUT_EFFECT = 0.05
"""True effect of the upgrade on the completion rate of `simulate_rollout`."""

ROLLOUT_COLUMNS = (
    "user_id", "workspace_id", "engagement_tier", "signup_week", "wave", "treatment_week",
    "treated_post", "prompt_variant", "opt_in_agent_mode", "query_confidence", "routed_to_premium",
    "task_completed", "thumbs_up", "session_minutes", "cost_usd", "retained_7d",
)  # fmt: skip

_WEEKS = 52
_WORKSPACES = 50
_WAVE_1 = 25
_TIERS = ("light", "medium", "heavy")


def _week_signal(rng: np.random.Generator) -> np.ndarray:
    """AR(1) signal shared by all users of a week, centred; one draw per week, in order."""
    signal = np.zeros(_WEEKS)
    for week in range(1, _WEEKS):
        signal[week] = 0.75 * signal[week - 1] + rng.normal(0, 0.010)
    return signal - signal.mean()


def simulate_rollout(*, users: int = 50_000, seed: int = 42, effect: float = ROLLOUT_EFFECT) -> pd.DataFrame:
    """Simulate the log of a product whose model is upgraded in two waves, one row per user.

    Fifty workspaces; wave 1 (workspaces 0–24) is upgraded in week 20, wave 2 in week 30. The
    upgrade raises the task completion rate by ``effect``; wave 1 sits .04 above wave 2 throughout,
    and all workspaces share an AR(1) week signal. Analysed over weeks 0–29, wave 2 is untreated.

    Parameters
    ----------
    users : int
        Number of rows, at least 1.
    seed : int
        Seed of ``numpy.random.default_rng``.
    effect : float
        True effect on the probability of completing a task; 0 gives a null world.

    Returns
    -------
    DataFrame
        Columns `ROLLOUT_COLUMNS`. With the defaults, ``to_csv(index=False)`` has SHA-256
        ``4cda3829d4ffe514a7167f5ff5e3c1f1af24ea94ce192640197ac4d96c6562c6``.

    Examples
    --------
    >>> log = simulate_rollout(users=1000, seed=1)
    >>> len(log), int(log["workspace_id"].nunique())
    (1000, 50)
    """
    seed = check_seed(seed)
    users = check_whole(users, "users", 1, "one row each")
    effect = check_number(effect, "effect")
    # The order of the draws is part of the definition: a seed names one log, bit for bit.
    rng = np.random.default_rng(seed)
    tier = rng.choice(_TIERS, size=users, p=[0.55, 0.30, 0.15])
    workspace = rng.integers(0, _WORKSPACES, size=users)
    week = rng.integers(0, _WEEKS, size=users)
    confidence = np.clip(rng.beta(5, 2, size=users), 0, 1)
    wave = np.where(workspace < _WAVE_1, 1, 2)
    treatment_week = np.where(wave == 1, 20, 30)
    treated_post = week >= treatment_week
    heavy, medium = tier == "heavy", tier == "medium"
    agent_mode = rng.binomial(1, np.select([heavy, medium], [0.65, 0.35], 0.12))
    premium = confidence < 0.85
    variant = np.arange(users) % 2
    signal = _week_signal(rng)
    p = (
        np.select([heavy, medium], [0.70, 0.55], 0.35)
        + 0.04 * (wave == 1)
        + 0.04 * variant
        + 0.08 * agent_mode
        + 0.06 * premium
        + effect * treated_post
        + signal[week]
        + rng.normal(0, 0.015, size=users)
    )
    p = np.clip(p, 0.01, 0.99)
    completed = rng.binomial(1, p)
    thumbs_up = rng.binomial(1, np.clip(0.2 + 0.6 * p + rng.normal(0, 0.05, size=users), 0.01, 0.99))
    minutes = np.clip(5 + 3 * heavy + 2 * agent_mode + rng.normal(0, 1.5, size=users), 0.5, None)
    cost = 0.002 * minutes + 0.015 * agent_mode + 0.008 * premium
    stay = 0.4 + 0.35 * p + 0.1 * thumbs_up - 0.05 * (tier == "light")
    retained = rng.binomial(1, np.clip(stay + rng.normal(0, 0.05, size=users), 0.01, 0.99))
    columns = (
        np.arange(users), workspace, tier, week, wave, treatment_week, treated_post.astype(int), variant,
        agent_mode, np.round(confidence, 4), premium.astype(int), completed, thumbs_up,
        np.round(minutes, 2), np.round(cost, 4), retained,
    )  # fmt: skip
    return pd.DataFrame(dict(zip(ROLLOUT_COLUMNS, columns, strict=True)))


def rollout_panel_arguments() -> dict[str, Any]:
    """Return the keyword arguments of ``Panel.from_events`` that describe the rollout log."""
    return {
        "unit": "workspace_id", "time": "signup_week", "outcome": "task_completed",
        "treated": list(range(_WAVE_1)), "start": 20, "end": 29, "cluster": "user_id",
        "outcome_label": "task completion", "unit_label": "workspace", "higher_is": "better",
    }  # fmt: skip


def simulate_factor(
    *,
    donors: int = 20,
    n_pre: int = 30,
    n_post: int = 10,
    factors: int = 2,
    rho: float = 0.5,
    noise: float = 0.5,
    effect: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Simulate a panel from a linear factor model in which any unit could have been the treated one.

    y_it = δ_t + Σ_k λ_ik f_kt + e_it, with loadings λ uniform on (0, 1), and δ, f and e stationary AR(1) with
    coefficient ``rho``; δ and f have variance 1, e has sd ``noise``. Unit 0 is treated from period ``n_pre``. Loadings
    are independent across units, so that the units are exchangeable when ``effect`` is 0.

    Parameters
    ----------
    donors, n_pre, n_post : int
        Untreated units, periods before and after the start; at least 1 each.
    factors : int
        Number of factors beside the common one, at least 0.
    rho : float
        Autocorrelation, −1 < rho < 1.
    noise : float
        Standard deviation of e, outcome units, at least 0.
    effect : float
        Constant added to the treated unit after the start, outcome units.
    seed : int
        Seed of ``numpy.random.default_rng``.

    Returns
    -------
    DataFrame
        Columns ``unit, time, outcome``, one row per unit and period.

    Raises
    ------
    PanelError, SpecError
        A setting outside its range.

    Examples
    --------
    >>> simulate_factor(donors=3, n_pre=4, n_post=2).shape
    (24, 3)
    """
    seed = check_seed(seed)
    for name, value in (("donors", donors), ("n_pre", n_pre), ("n_post", n_post), ("factors", factors)):
        check_whole(value, name, 0 if name == "factors" else 1, "so many are simulated")
    rho, noise, effect = (check_number(x, name) for x, name in ((rho, "rho"), (noise, "noise"), (effect, "effect")))
    if not -1 < rho < 1 or noise < 0:
        raise PanelError(
            f"noise is {exact(noise)} and rho {exact(rho)}; give noise of at least 0 and rho between -1 and 1"
        )
    rng = np.random.default_rng(seed)
    units, periods = donors + 1, n_pre + n_post
    loadings = rng.uniform(size=(units, factors))
    common = _autoregression(rng, (1 + factors, periods), rho)
    own = noise * _autoregression(rng, (units, periods), rho)
    outcome = common[0] + loadings @ common[1:] + own
    outcome[0, n_pre:] += effect
    unit, period = np.divmod(np.arange(units * periods), periods)
    return pd.DataFrame({"unit": unit, "time": period, "outcome": outcome.ravel()})


def _autoregression(rng: np.random.Generator, shape: tuple[int, int], rho: float) -> np.ndarray:
    """Stationary AR(1) series of variance 1, one per row."""
    series = rng.normal(size=shape)
    for t in range(1, shape[1]):
        series[:, t] = rho * series[:, t - 1] + np.sqrt(1 - rho**2) * series[:, t]
    return series
