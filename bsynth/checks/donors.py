"""Who carries the counterfactual?"""

import numpy as np

from bsynth.checks.base import Case, Check
from bsynth.effects import POSTERIOR_DIMS, variable
from bsynth.errors import some_of
from bsynth.text.numbers import number, percent

NAME = "donors"
TITLE = "Who carries the counterfactual?"

FEW = 1.5
"""Effective donors below which one unit's own shocks are the counterfactual."""
SHARE = 0.2
"""Posterior weight on donors that move against the treated unit from which it is said."""


def check(case: Case) -> Check:
    """Effective number of donors 1/Σw², and the weight on donors that moved against the treated unit.

    ``values``: ``effective`` (posterior mean), ``largest`` (largest mean weight), ``negative`` (donors correlated
    below zero with the treated pre-period), ``opposed`` (those beyond chance, r < −1.96/√T0) and
    ``opposed_weight``.
    """
    forward = case.spec.link.forward
    treated = forward(case.panel.treated_series[: case.panel.n_pre])
    donors = forward(case.panel.donor_matrix[: case.panel.n_pre])
    centred, spread = donors - donors.mean(axis=0), donors.std(axis=0) * treated.std()
    product = (treated - treated.mean()) @ centred / len(treated)
    r = np.divide(product, spread, out=np.zeros_like(product), where=spread > 0)
    opposed = r < -1.96 / np.sqrt(len(treated))
    weights = variable(case.fit.tree, "posterior", "weights").mean(POSTERIOR_DIMS).values
    effective = case.fit.effective_donors
    values = {
        "effective": effective,
        "largest": float(weights.max()),
        "negative": float((r < 0).sum()),
        "opposed": float(opposed.sum()),
        "opposed_weight": float(weights[opposed].sum()),
    }
    main = case.panel.donors[int(weights.argmax())]
    figures = (
        f"{number(effective)} effective donors of {len(weights)}, the largest ({main}) with {percent(weights.max(), 0)}"
    )
    problems = []
    if effective < FEW:
        problems.append(f"the counterfactual is nearly one unit, {main}, whose own shocks count as the effect")
    if values["opposed_weight"] > SHARE:
        order = [i for i in np.argsort(-weights) if opposed[i]]
        named = some_of([case.panel.donors[i] for i in order], limit=3)
        problems.append(
            f"{percent(values['opposed_weight'], 0)} of the weight is on donors that moved against the treated unit "
            f"before the start ({named}); think about excluding them"
        )
    if not problems:
        return Check(NAME, TITLE, values, "ok", f"The counterfactual rests on {figures}.")
    return Check(NAME, TITLE, values, "warning", f"Look at the donors: {'; '.join(problems)}. There are {figures}.")
