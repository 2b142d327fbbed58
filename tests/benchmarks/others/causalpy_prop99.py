"""CausalPy on Proposition 99, to its effect summary; run by an interpreter that has CausalPy and nutpie.

``python causalpy_prop99.py california_prop99.csv [SEED]`` prints JSON. Sampling is timed by itself, as are compiling and
the whole in this process; the effect is CausalPy's own: observed less the expectation of the synthetic unit.
"""

import json
import logging
import sys
import time
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

# What they warn of while they are imported is part of neither time nor output.
import arviz as az  # noqa: E402
import causalpy as cp  # noqa: E402
import numpy as np  # noqa: E402
import nutpie  # noqa: E402
import pandas as pd  # noqa: E402

CHAINS, DRAWS = 4, 1000
spent: dict[str, float] = {}


def watched(name: str) -> None:
    """Let one of nutpie's functions say how long it took; CPU seconds are those of all threads."""
    inner = getattr(nutpie, name)

    def outer(*arguments: object, **settings: object) -> object:
        wall, cpu = time.perf_counter(), time.process_time()
        found = inner(*arguments, **settings)
        spent[f"{name}_wall"], spent[f"{name}_cpu"] = time.perf_counter() - wall, time.process_time() - cpu
        return found

    setattr(nutpie, name, outer)


def main() -> None:
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    watched("compile_pymc_model")
    watched("sample")
    wide = pd.read_csv(sys.argv[1]).pivot(index="time", columns="unit", values="outcome")
    donors = [str(name) for name in wide.columns if name != "California"]
    settings = {"chains": CHAINS, "draws": DRAWS, "nuts_sampler": "nutpie", "random_seed": seed, "progressbar": False}
    result = cp.SyntheticControl(
        wide,
        1989,
        control_units=donors,
        treated_units=["California"],
        model=cp.pymc_models.WeightedSumFitter(sample_kwargs=settings),
    )
    lazy = not version("CausalPy").startswith("0.")  # since version 1 the constructor samples nothing
    if lazy:
        result.fit()
    summary = result.effect_summary().table
    impacts = result.result.impact_post if lazy else result.post_impact
    impact = impacts.mean("obs_ind").squeeze("treated_units", drop=True).transpose("chain", "draw")
    draws = np.asarray(impact)
    print(
        json.dumps(
            {
                "effect": float(draws.mean()),
                "ess": float(np.asarray(az.ess(draws))),
                "rhat": float(np.asarray(az.rhat(draws))),
                "divergences": int(result.model.idata["sample_stats"]["diverging"].sum()),
                "shape": list(draws.shape),
                "sampling_wall": spent["sample_wall"],
                "sampling_cpu": spent["sample_cpu"],
                "compiling_cpu": spent["compile_pymc_model_cpu"],
                "summary": float(summary.loc["average", "mean"]),
                "versions": {name: version(name) for name in ("CausalPy", "pymc", "nutpie")},
            }
        )
    )


if __name__ == "__main__":
    main()
