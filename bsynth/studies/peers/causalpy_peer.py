"""CausalPy's synthetic control, asked line by line; run by an interpreter that has CausalPy and nutpie."""

import json
import logging
import sys
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
        asked = json.loads(line)
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
            # Observed less what is predicted, noise included: the interval that its pictures draw.
            predicted = result.post_pred if hasattr(result, "post_pred") else result.result.post_pred
            predicted = getattr(predicted, "posterior_predictive", predicted)["y_hat"]
            drawn = predicted.transpose("chain", "draw", "obs_ind", ...).to_numpy()
            drawn = drawn.reshape(-1, donors.shape[0] - asked["n_pre"])
            effect = (np.array(asked["treated"])[asked["n_pre"] :] - drawn).mean(axis=1)
            bounds = [np.quantile(effect, [(1 - level) / 2, (1 + level) / 2]).tolist() for level in asked["levels"]]
            found = {"estimate": float(effect.mean()), "bounds": bounds, "draws": effect.tolist()}
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this panel's answer
            found = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
