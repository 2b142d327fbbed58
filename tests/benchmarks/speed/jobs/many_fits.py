"""Many fits of `level` in one process, each of a new panel: ``many_fits.py FITS FIRST [CORE]``.

With CORE the process keeps to this core. Prints seconds of all fits, and what memory the process held, and had held at
most, after the first tenth of them and after the last.
"""

import json
import os
import resource
import sys
import time
import warnings

import bsynth as bs
from bsynth.errors import UnreliableWarning

DONORS, PRE = 25, 20


def panel_of(seed: int) -> bs.Panel:
    log = bs.simulate_factor(donors=DONORS, n_pre=PRE, n_post=10, seed=seed)
    return bs.Panel.from_long(log, unit="unit", time="time", outcome="outcome", treated=0, start=PRE)


def memory() -> dict[str, float]:
    """Megabytes held now and at most."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    try:
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        now = most
    return {"now": now, "most": most}


def main() -> None:
    fits, first = int(sys.argv[1]), int(sys.argv[2])
    if len(sys.argv) > 3 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[3])})
    warnings.simplefilter("ignore", UnreliableWarning)
    bs.fit(panel_of(first), model="level", progress=False)
    early, unreliable, seconds = memory(), 0, 0.0
    cpu = time.process_time()
    for k in range(fits):
        panel = panel_of(first + k)
        began = time.perf_counter()
        unreliable += bs.fit(panel, model="level", seed=k, progress=False).status != "ok"
        seconds += time.perf_counter() - began
        if k + 1 == max(1, fits // 10):
            early = memory()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "each": seconds / fits,
                "fits_cpu": time.process_time() - cpu,
                "unreliable": unreliable,
                "early": early,
                "late": memory(),
            }
        )
    )


if __name__ == "__main__":
    main()
