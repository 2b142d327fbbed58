"""What of the classical path a panel cannot have, known before anything is computed."""

from bsynth.errors import BsynthError
from bsynth.frequentist.inference import INFERENCES
from bsynth.panel import Panel


def conditions(panel: Panel) -> dict[str, str]:
    """Say which classical methods cannot be had on a panel, and why.

    Parameters
    ----------
    panel : Panel

    Returns
    -------
    dict of method to reason
        Names as ``analyse(methods=...)`` takes them; empty when every method can be had. The reasons are the words
        of the error that the method would raise.

    Examples
    --------
    >>> import pandas as pd
    >>> df = pd.DataFrame({"state": list("aaaaabbbbbccccc"), "year": [1, 2, 3, 4, 5] * 3,
    ...                    "sales": [1., 2, 3, 4, 9, 0, 1, 2, 3, 4, 2, 3, 4, 5, 6]})
    >>> panel = Panel.from_long(df, unit="state", time="year", outcome="sales", treated="a", start=5)
    >>> conditions(panel)["leave-two-out"]
    'the panel has 2 donors; leaving two out needs at least 3'
    """
    reasons: dict[str, str] = {}
    for name, inference in INFERENCES.items():
        try:
            inference.check(panel)
        except BsynthError as error:
            # Weights that cannot be found cost the method that needs them, not the others.
            reasons[name] = str(error)
    return reasons
