"""Pysyncon on Proposition 99: placebo in space and leave-one-out; run by an interpreter that has pysyncon.

``python pysyncon_prop99.py california_prop99.csv DROPPED...`` prints JSON: seconds of all fits, and the mean gap and
pre-period RMSPE of each. Its rows are divided by their standard deviation over units; V is set to the squares of these
(summing to 1), so that the plain sum of squares is minimised. It is called without its process pool and data
preparation: both would only add to its time.
"""

import contextlib
import io
import json
import sys
import time
from importlib.metadata import version

import numpy as np
import pandas as pd
from pysyncon import Synth

TREATED, START = "California", 1989


def one_fit(outcomes: pd.DataFrame, treated: str, donors: list[str], n_pre: int) -> tuple[float, float]:
    """Mean post gap and pre RMSPE of one fit."""
    X0, X1 = outcomes[donors].iloc[:n_pre], outcomes[treated].iloc[:n_pre]
    scale = pd.concat([X0, X1], axis=1).std(axis=1).to_numpy()
    synth = Synth()
    synth.fit(X0=X0, X1=X1, Z0=X0, Z1=X1, custom_V=scale**2 / np.sum(scale**2))
    gap = outcomes[treated] - outcomes[donors].to_numpy() @ synth.W
    return float(gap.iloc[n_pre:].mean()), float(np.sqrt((gap.iloc[:n_pre] ** 2).mean()))


def main() -> None:
    outcomes = pd.read_csv(sys.argv[1]).pivot(index="time", columns="unit", values="outcome")
    donors = [name for name in outcomes.columns if name != TREATED]
    n_pre = int((outcomes.index < START).sum())
    wall, cpu = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        fits = [one_fit(outcomes, d, [o for o in donors if o != d], n_pre) for d in donors]
        fits += [one_fit(outcomes, TREATED, [o for o in donors if o != d], n_pre) for d in sys.argv[2:]]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"fits_wall": wall, "fits_cpu": cpu, "fits": fits, "versions": {"pysyncon": version("pysyncon")}}))


if __name__ == "__main__":
    main()
