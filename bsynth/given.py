"""What a verb was given where a panel or a fit belongs."""

from bsynth.errors import PanelError, came
from bsynth.panel import Panel
from bsynth.result import Fit

_BUILD = (
    "Panel.from_long(data, unit=..., time=..., outcome=..., treated=..., start=...), from_wide (a column per unit) or "
    "from_events (a row per user or event)"
)


def require_panel(panel: object) -> None:
    """Refuse anything but a panel, and say how one is built.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> import pandas as pd
    >>> require_panel(pd.DataFrame())
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Panel is needed and a DataFrame came; build one with Panel.from_long(data, ...
    """
    if isinstance(panel, Panel):
        return
    if isinstance(panel, Fit):
        raise PanelError("a Panel is needed and a Fit came; give the panel that was fitted")
    raise PanelError(f"a Panel is needed and {came(panel)} came; build one with {_BUILD}")


def require_fit(fit: object) -> None:
    """Refuse anything but a fit.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> require_fit(None)
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Fit is needed and None came; bsynth.fit(panel) or bsynth.load(path) return one
    """
    if not isinstance(fit, Fit):
        raise PanelError(f"a Fit is needed and {came(fit)} came; bsynth.fit(panel) or bsynth.load(path) return one")
