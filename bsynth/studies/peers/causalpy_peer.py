"""CausalPy's synthetic control, asked line by line; run by an interpreter that has CausalPy and nutpie."""

import json
import logging
import sys
import time
import warnings


def main() -> None:
    """Answer every line of standard input."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    # Whatever a package prints is no part of the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    import causalpy as cp
    import numpy as np
    import pandas as pd

    for line in sys.stdin:
        asked, began = json.loads(line), time.process_time()
        try:
            donors = np.array(asked["donors"])
            names = [f"donor {j}" for j in range(donors.shape[1])]
            frame = pd.DataFrame(donors, columns=names).assign(treated=asked["treated"])
            settings = {
                "chains": asked["chains"], "draws": asked["draws"], "tune": asked["tune"],
                "random_seed": asked["seed"], "progressbar": False, "cores": 1, "nuts_sampler": "nutpie",
            }  # fmt: skip
            result = cp.SyntheticControl(
                frame,
                asked["n_pre"],
                control_units=names,
                treated_units=["treated"],
                model=cp.pymc_models.WeightedSumFitter(sample_kwargs=settings),
            )
            if hasattr(result, "fit") and getattr(result, "post_impact", None) is None:
                result.fit()
            # Version 1 keeps results apart. Both have draws of the expectation, and each period adds its noise.
            predicted = result.post_pred if hasattr(result, "post_pred") else result.result.post_pred
            mean = predicted.squeeze("treated_units", drop=True).transpose("chain", "draw", "obs_ind")
            sigma = result.model.idata["posterior"]["y_hat_sigma"].squeeze("treated_units", drop=True)
            rng = np.random.default_rng(asked["seed"])
            drawn = mean.to_numpy() + sigma.to_numpy()[..., None] * rng.normal(size=mean.shape)
            effect = (np.array(asked["treated"])[asked["n_pre"] :] - drawn).mean(axis=-1).ravel()
            bounds = [np.quantile(effect, [(1 - level) / 2, (1 + level) / 2]).tolist() for level in asked["levels"]]
            found = {"estimate": float(effect.mean()), "bounds": bounds, "draws": effect.tolist()}
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this panel's answer
            found = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
        found["seconds"] = time.process_time() - began
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
