"""Prediction intervals of scpi_pkg for the average effect, asked line by line; run by an interpreter that has it."""

import json
import sys
import time
import warnings


def main() -> None:
    """Answer every line of standard input."""
    warnings.filterwarnings("ignore")
    # Whatever a package prints is no part of the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    import numpy as np
    import pandas as pd
    from scpi_pkg.scdataMulti import scdataMulti
    from scpi_pkg.scpi import scpi

    for line in sys.stdin:
        asked, began = json.loads(line), time.process_time()
        try:
            donors = np.array(asked["donors"])
            names = ["treated", *(f"donor {j:03d}" for j in range(donors.shape[1]))]
            wide = pd.DataFrame(np.column_stack([asked["treated"], donors]), columns=names)
            long = wide.rename_axis("time").reset_index().melt("time", var_name="unit", value_name="outcome")
            long["treatment"] = ((long["unit"] == "treated") & (long["time"] >= asked["n_pre"])).astype(int)
            data = scdataMulti(
                df=long, id_var="unit", time_var="time", outcome_var="outcome", treatment_var="treatment",
                features={"features": ["outcome"]}, constant=True, cointegrated_data=False, effect="unit",
            )  # fmt: skip
            bounds = []
            observed = float(np.mean(asked["treated"][asked["n_pre"] :]))
            for level in asked["levels"]:
                np.random.seed(asked["seed"] % 2**32)  # noqa: NPY002  # the one it draws from
                share = (1 - level) / 2
                # The two parts of the interval each have half of what may be missed.
                fitted = scpi(
                    data, sims=200, w_constr={"name": "simplex"}, u_alpha=share, e_alpha=share, e_method="gaussian",
                    cores=1, verbose=False,
                )  # fmt: skip
                interval = np.asarray(fitted.CI_all_gaussian, dtype=float)[0]
                bounds.append([observed - float(interval[1]), observed - float(interval[0])])
            estimate = observed - float(np.asarray(fitted.Y_post_fit, dtype=float).ravel()[0])
            found = {"estimate": estimate, "bounds": bounds, "draws": None}
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this panel's answer
            found = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
        found["seconds"] = time.process_time() - began
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
