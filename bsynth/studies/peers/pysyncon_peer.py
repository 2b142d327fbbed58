"""Pysyncon's synthetic control on the outcomes, asked line by line; run by an interpreter that has pysyncon."""

import json
import sys
import time


def main() -> None:
    """Answer every line of standard input."""
    # Whatever a package prints is no part of the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    import numpy as np
    import pandas as pd
    from pysyncon import Synth

    for line in sys.stdin:
        asked, began = json.loads(line), time.process_time()
        try:
            donors, n_pre = pd.DataFrame(asked["donors"]), asked["n_pre"]
            treated = pd.Series(asked["treated"], name="treated")
            x0, x1 = donors.iloc[:n_pre], treated.iloc[:n_pre]
            # It divides rows by their sd over units; with V the squares of these the plain sum of squares is least.
            scale = pd.concat([x0, x1], axis=1).std(axis=1).to_numpy()
            synth = Synth()
            synth.fit(X0=x0, X1=x1, Z0=x0, Z1=x1, custom_V=scale**2 / np.sum(scale**2))
            gap = treated - donors.to_numpy() @ synth.W
            nothing = [[float("nan")] * 2 for _ in asked["levels"]]
            found = {"estimate": float(gap.iloc[n_pre:].mean()), "bounds": nothing, "draws": None}
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this panel's answer
            found = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
        found["seconds"] = time.process_time() - began
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
