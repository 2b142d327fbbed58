"""Parameters of a posterior as one tidy table."""

import numpy as np
import pandas as pd
import xarray as xr

from bsynth.bayesian import convergence
from bsynth.text.numbers import exact
from bsynth.text.summary_table import SummaryTable


def summarise(tree: xr.DataTree, level: float, *, weights: bool) -> pd.DataFrame:
    """Return the table of `bsynth.bayesian.result.Fit.summary`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> posterior = xr.Dataset({"sigma": (("chain", "draw"), rng.normal(size=(4, 250)))})
    >>> found = summarise(xr.DataTree.from_dict({"posterior": posterior}), 0.9, weights=True)
    >>> list(found), bool(found["r_hat"]["sigma"] < 1.02)
    (['mean', 'sd', 'eti90_lb', 'eti90_ub', 'ess_bulk', 'ess_tail', 'r_hat', 'mcse_mean'], True)
    """
    names, parts = [], []
    for name, values in tree["posterior"].to_dataset().items():
        rest = [dim for dim in values.dims if dim not in ("chain", "draw")]
        # What has a value in each period is a path, and no parameter.
        if "time" in rest or (name == "weights" and not weights):
            continue
        flat = values.transpose(*rest, "chain", "draw").to_numpy().astype(float)
        parts.append(flat.reshape(-1, *flat.shape[-2:]))
        labels = values[rest[0]].values.tolist() if rest else []
        names += [f"{name}[{label}]" for label in labels] or [str(name)]
    draws = np.concatenate(parts)
    tail = (1 - level) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail], axis=(1, 2))
    percent = exact(100 * level)
    sd = draws.std(axis=(1, 2), ddof=1)
    moves = sd > 0
    # Of what never changes nothing can be said of how its chains mix.
    safe = np.where(moves[:, None, None], draws, np.random.default_rng(0).normal(size=draws.shape[1:]))
    ess = [np.where(moves, found, draws[0].size) for found in (convergence.ess_bulk(safe), convergence.ess_tail(safe))]
    return SummaryTable(
        {
            "mean": draws.mean(axis=(1, 2)),
            "sd": sd,
            f"eti{percent}_lb": lower,
            f"eti{percent}_ub": upper,
            "ess_bulk": ess[0],
            "ess_tail": ess[1],
            "r_hat": np.where(moves, convergence.rhat(safe), np.nan),
            "mcse_mean": np.where(moves, sd / np.sqrt(convergence.ess_mean(safe)), 0.0),
        },
        index=pd.Index(names),
    )
