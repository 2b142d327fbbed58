"""One fit of a large simulated panel, to a fit that is through its gate: ``large.py MODEL DONORS PRE``."""

import json
import sys
import time
import warnings

import bsynth as bs
from bsynth.errors import UnreliableWarning


def panel_of(donors: int, n_pre: int) -> bs.Panel:
    log = bs.simulate_factor(donors=donors, n_pre=n_pre, n_post=10, effect=1.0, seed=1)
    return bs.Panel.from_long(log, unit="unit", time="time", outcome="outcome", treated=0, start=n_pre)


def main() -> None:
    model, donors, n_pre = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    warnings.simplefilter("ignore", UnreliableWarning)
    bs.fit(panel_of(5, 12), model=model, draws=100, progress=False)
    panel = panel_of(donors, n_pre)
    began = time.perf_counter(), time.process_time()
    fit = bs.fit(panel, model=model, progress=False)
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    gate = fit.diagnostics
    print(
        json.dumps(
            {
                "fit_wall": wall,
                "fit_cpu": cpu,
                "status": fit.status,
                "retried": gate.retried,
                "failures": list(gate.failures),
                "ess_min": gate.ess_min,
                "rhat_max": gate.rhat_max,
                "steps": float(fit.tree["sample_stats"]["n_steps"].mean()),
            }
        )
    )


if __name__ == "__main__":
    main()
