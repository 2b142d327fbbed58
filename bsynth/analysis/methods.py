"""The classical methods that an analysis can be asked for, by name and in sets."""

from collections.abc import Sequence

from bsynth import frequentist
from bsynth._base.request import choose_names
from bsynth.errors import PanelError
from bsynth.frequentist.estimators import sc_slsqp
from bsynth.frequentist.inference import INFERENCES, bootstrap
from bsynth.panel import Panel

ESTIMATORS = ("sc", "demeaned", "did", "sdid", "ascm")
METHODS = (*ESTIMATORS, *INFERENCES)
REFERENCE = sc_slsqp.NAME
"""The weights of ``sc`` by SciPy's solver: they stand beside the exact answer, and are one of their own when named."""
INTERVALS = ("placebo", "conformal")
"""Procedures that give any estimator an interval and a p, both from one test."""
STANDARD = ("sc", "demeaned", "did", "sdid", *(name for name, each in INFERENCES.items() if each.STANDARD))
"""What ``"standard"`` stands for: quick on every panel."""


def choose_methods(methods: str | Sequence[str], panel: Panel) -> tuple[str, ...]:
    """Resolve ``"standard"``, ``"all"``, ``"none"`` and names; the sets leave out what a panel cannot have.

    Raises
    ------
    SpecError
        An unknown name.
    PanelError
        A method by name that cannot be had on this panel.
    """
    impossible = frequentist.conditions(panel)
    names, named = _asked(methods)
    for name in names:
        if name in impossible and name in named:
            raise PanelError(f"method {name!r} cannot be had on this panel: {impossible[name]}; leave it out")
    return tuple(name for name in names if name not in impossible)


def lacking_methods(methods: str | Sequence[str], panel: Panel) -> dict[str, str]:
    """What was asked for of the classical path and cannot be had.

    Nobody who asks for the standard asks for users to be resampled: without users that is not worth a word.
    """
    names, _ = _asked(methods)
    lacking = {name: why for name, why in frequentist.conditions(panel).items() if name in names}
    if set(names) <= set(STANDARD) and panel.source.cluster is None:
        lacking.pop(bootstrap.NAME, None)
    return lacking


def _asked(methods: str | Sequence[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Names that a request stands for, whether the panel can have them or not, and those that it names."""
    return choose_names(
        methods, "methods", (*METHODS, REFERENCE), {"standard": STANDARD, "all": METHODS, "none": ()}, {}
    )
