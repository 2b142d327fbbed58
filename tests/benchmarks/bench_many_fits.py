"""How long one of many fits takes on one core, once the model is compiled: the 38 placebo fits of Proposition 99.

Every never-treated state plays the treated one under the default model, 4 chains, on a single core. Prints the median
and total seconds, and the worst R-hat and effective sample size over effects and scales: speed counts only with them.
"""

import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bsynth.bayesian.plan import plan
from bsynth.bayesian.run import run
from bsynth.engines.sampling import Sampling
from bsynth.evidence.placebos import never_treated

DRAWS, TUNE = 500, 400


def main() -> None:
    """Run the fits and print the table."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    data = Path(os.environ.get("BSYNTH_DATA", "../shared/data"))
    panel = never_treated("prop99", data)
    units = [*panel.treated, *panel.donors]
    seconds, rhat, ess, failed = [], [], [], 0
    for unit in [units[1], *units]:  # the first one compiles and is not counted
        own = panel if unit in panel.treated else panel.as_treated(unit, pool="include")
        began = time.perf_counter()
        fit = run(plan(own, sampling=Sampling(DRAWS, TUNE, seed=1), slots=len(units)), progress=False)
        seconds.append(time.perf_counter() - began)
        rhat.append(fit.diagnostics.rhat_max)
        ess.append(fit.diagnostics.ess_min)
        failed += fit.status != "ok"
    counted = seconds[1:]
    table = Table("fits", "compile + first", "median s", "mean s", "worst R-hat", "smallest ESS", "unreliable")
    table.add_row(
        str(len(counted)),
        f"{seconds[0]:.1f}",
        f"{statistics.median(counted):.2f}",
        f"{float(np.mean(counted)):.2f}",
        f"{max(rhat[1:]):.4f}",
        f"{min(ess[1:]):.0f}",
        str(failed),
    )
    Console(file=sys.stdout).print(table)


if __name__ == "__main__":
    main()
