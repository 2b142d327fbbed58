"""Sampling Proposition 99 by itself: ``sampling.py FILE MODEL SEED``.

What is compiled is loaded by a first, uncounted fit; CPU seconds are those of all threads. The effect is that of the
counterfactual's expectation, without the noise of periods, which would only raise the effective sample size.
"""

import json
import sys
import time

import arviz_stats as azs
import numpy as np

import bsynth as bs
from bsynth.bayesian.plan import plan
from bsynth.bayesian.run import run
from bsynth.engines import bayes


def main() -> None:
    file, model, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    panel = bs.Panel.from_long(file, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    bs.fit(panel, model=model, draws=200, progress=False)
    inner, wall, cpu = bayes.sample, [], []

    def timed(*arguments, **settings):
        began = time.perf_counter(), time.process_time()
        found = inner(*arguments, **settings)
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
        return found

    bayes.sample = timed
    fit = run(plan(panel, model, sampling=bs.Sampling(seed=seed)), progress=False)
    draws = np.asarray(fit.effect_draws("mean")["average"])
    print(
        json.dumps(
            {
                "effect": float(draws.mean()),
                "ess": float(azs.ess(draws)),
                "rhat": float(azs.rhat(draws)),
                "divergences": fit.diagnostics.divergences,
                "shape": list(draws.shape),
                "status": fit.status,
                "sampling_wall": sum(wall),
                "sampling_cpu": sum(cpu),
            }
        )
    )


if __name__ == "__main__":
    main()
