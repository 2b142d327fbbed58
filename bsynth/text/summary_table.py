"""A table of parameters that is written within the width of a terminal, and has every column all the same."""

import re
from typing import Any

import pandas as pd

from bsynth.text.card import html_table
from bsynth.text.effects_table import in_lines
from bsynth.text.labels import PARAMETERS, plain
from bsynth.text.numbers import fixed, number, numbers

_NAME = 34
"""Characters of a parameter's name."""
_PARTS = {"weights": "weight of", "beta": "coefficient of", "season": "season in", "inclusion": "inclusion of"}
"""Parameters with one value for each donor, covariate or phase."""
_BOUND = re.compile(r"eti(.+)_[lu]b")


class SummaryTable(pd.DataFrame):
    """A table of parameters, of which a terminal or notebook shows words and what a reader needs; all is there.

    Whatever is made of it is a plain DataFrame.

    Examples
    --------
    >>> SummaryTable({"mean": [0.28, 2.1], "sd": [0.12, 0.44], "eti95_lb": [0.05, 1.3], "eti95_ub": [0.52, 3.1],
    ...     "ess_bulk": [812.4, 640.0], "ess_tail": [700.0, 500.2], "r_hat": [1.001, 1.0046],
    ...     "mcse_mean": [0.004, 0.009]}, index=["weights[Utah]", "drift_sd"])
    parameter       mean     sd   low  high  R-hat  ESS
    weight of Utah  0.28  0.120  0.05  0.52  1.001  700
    drift sd        2.10  0.440  1.30  3.10  1.005  500
    95% intervals; ESS: effective draws, in the tails where these are fewer;
    all columns: summary.T
    """

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        shown = self._shown()
        return pd.DataFrame(self).__repr__() if shown is None else "\n".join([*in_lines(shown), *self._below()])

    def _repr_html_(self) -> str:
        shown = self._shown()
        if shown is None:
            return str(pd.DataFrame(self)._repr_html_())  # type: ignore[operator]
        return f"<div class='bsynth'>{html_table(shown)}<p>{' '.join(self._below())}</p></div>"

    def _bounds(self) -> list[str]:
        return [str(name) for name in self.columns if _BOUND.fullmatch(str(name))]

    def _shown(self) -> pd.DataFrame | None:
        """What is shown, as text; None where columns were taken away."""
        bounds = self._bounds()
        if len(bounds) != 2 or not {"mean", "sd", "ess_bulk", "ess_tail", "r_hat"} <= set(self.columns):
            return None
        ends = [numbers(*row) for row in self[["mean", *bounds]].astype(float).itertuples(index=False)]
        ess = self[["ess_bulk", "ess_tail"]].min(axis=1)
        return pd.DataFrame(
            {
                "parameter": [_words(str(name)) for name in self.index],
                "mean": [each[0] for each in ends],
                "sd": [number(sd) for sd in self["sd"]],
                "low": [each[1] for each in ends],
                "high": [each[2] for each in ends],
                "R-hat": ["" if r != r else fixed(r, 3) for r in self["r_hat"]],
                "ESS": [fixed(each, 0) for each in ess],
            },
            dtype=str,
        )

    def _below(self) -> tuple[str, ...]:
        found = _BOUND.fullmatch(self._bounds()[0])
        level = found[1] if found else ""
        return (
            f"{level}% intervals; ESS: effective draws, in the tails where these are fewer;",
            "all columns: summary.T",
        )


def _words(name: str) -> str:
    """A parameter in words."""
    head, bracket, rest = name.partition("[")
    if not bracket:
        return PARAMETERS.get(name, name)
    return plain(f"{_PARTS.get(head, PARAMETERS.get(head, head))} {rest.removesuffix(']')}", _NAME)
