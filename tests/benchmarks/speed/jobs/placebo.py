"""Placebo in space plus leave-one-out on Proposition 99, by bsynth's exact solver: ``placebo.py FILE RUNS``."""

import json
import sys
import time

import numpy as np

from bsynth.frequentist import classical, leave_one_out, placebo_space
from bsynth.panel import Panel

COLUMNS = ["mean_gap", "pre_rmspe"]


def once(panel: Panel) -> np.ndarray:
    placebos = placebo_space(panel, progress=False).table[COLUMNS]
    without = leave_one_out(panel, progress=False).table[COLUMNS]
    return np.concatenate([placebos, without])


def main() -> None:
    panel = Panel.from_long(
        sys.argv[1], unit="unit", time="time", outcome="outcome", treated="California", start=1989
    )  # fmt: skip
    weights = classical(panel).weights_table().set_index("donor")["weight"]
    fits = once(panel)
    wall, cpu = [], []
    for _ in range(int(sys.argv[2])):
        began = time.perf_counter(), time.process_time()
        fits = once(panel)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    print(
        json.dumps(
            {
                "fits_wall": float(np.median(wall)),
                "fits_cpu": float(np.median(cpu)),
                "fits": fits.tolist(),
                "dropped": list(weights[weights > 0.001].index),
            }
        )
    )


if __name__ == "__main__":
    main()
