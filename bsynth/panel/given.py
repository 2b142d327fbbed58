"""What a verb was given where a panel belongs."""

from bsynth.errors import PanelError, came
from bsynth.panel.panel import Panel

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
    if isinstance(getattr(panel, "panel", None), Panel):
        raise PanelError(f"a Panel is needed and {came(panel)} came; give its panel, which is .panel")
    raise PanelError(f"a Panel is needed and {came(panel)} came; build one with {_BUILD}")
