"""What a verb was given where a panel, or a result of one, belongs."""

from collections.abc import Mapping

from bsynth._base.plain import show
from bsynth.errors import PanelError, came
from bsynth.panel.archive import fingerprint
from bsynth.panel.multicell import MultiCellPanel
from bsynth.panel.panel import Panel
from bsynth.panel.staggered import StaggeredPanel
from bsynth.text.numbers import count

_BUILD = (
    "Panel.from_long(data, unit=..., time=..., outcome=..., treated=..., start=...), from_wide (a column per unit) or "
    "from_events (a row per user or event)"
)


def require_panel(panel: object, *, history: bool = False) -> None:
    """Refuse anything but a panel, and say how one is built; one without a start too, unless ``history`` will do.

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
        if not (history or panel.n_post):
            raise PanelError(
                f"the panel ends at {show(panel.end)} and nothing has started in it; give it a start, or plan one with "
                "bsynth.plan_rollout(panel)"
            )
        return
    if isinstance(panel, StaggeredPanel):
        raise PanelError(
            "a Panel of one start is needed and one of several came; give panel.unit_panel(unit) or "
            "panel.wave_panel(start), or ask bsynth.analyse, fit or classical, which take it as it is"
        )
    if isinstance(panel, MultiCellPanel):
        raise PanelError(
            f"a Panel of one treatment is needed and one of {count(len(panel.panels), 'cell')} came; give "
            f"panel.panels[{panel.names[0]!r}], or ask bsynth.analyse, which takes it as it is"
        )
    if isinstance(panel, Mapping) and panel and all(isinstance(each, Panel) for each in panel.values()):
        raise PanelError(
            f"a Panel is needed and {count(len(panel), 'panel')} came by name; give one of them, or ask "
            "bsynth.analyse, which takes them as they are"
        )
    if isinstance(getattr(panel, "panel", None), Panel):
        raise PanelError(f"a Panel is needed and {came(panel)} came; give its panel, which is .panel")
    if isinstance(getattr(panel, "panel", None), StaggeredPanel):
        raise PanelError(
            f"a Panel of one start is needed and {came(panel)} came, of several; give its panel.unit_panel(unit) or "
            "panel.wave_panel(start)"
        )
    raise PanelError(f"a Panel is needed and {came(panel)} came; build one with {_BUILD}")


def require_staggered(panel: object) -> None:
    """Refuse anything but a panel whose units start at different times, and say how one is built.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> require_staggered("sales.csv")
    Traceback (most recent call last):
    bsynth.errors.PanelError: a Panel is needed and the text 'sales.csv' came; build one with ...
    """
    if isinstance(panel, StaggeredPanel):
        return
    if isinstance(panel, Panel):
        raise PanelError(
            f"a Panel of several starts is needed and {panel!r} came; build one with "
            "Panel.from_long(..., start={unit: period}), or ask bsynth.placebo_space of this one"
        )
    if isinstance(getattr(panel, "panel", None), Panel | StaggeredPanel):
        raise PanelError(f"a Panel is needed and {came(panel)} came; give its panel, which is .panel")
    raise PanelError(
        f"a Panel is needed and {came(panel)} came; build one with Panel.from_long(data, unit=..., time=..., "
        "outcome=..., start={unit: period})"
    )


def require_same_panel(panel: Panel, other: Panel, what: str, instead: str) -> None:
    """Refuse a result of another panel: of other roles, periods or data. ``instead`` ends the message.

    Raises
    ------
    PanelError

    Examples
    --------
    >>> import pandas as pd
    >>> wide = pd.DataFrame({"a": [1., 2, 4, 9], "b": [1., 2, 4, 5], "c": [0., 2, 3, 4], "d": [1., 0, 3, 4]})
    >>> panel = Panel.from_wide(wide, treated="a", start=3)
    >>> require_same_panel(panel, panel.without("d"), "the certificate", "certify this one, or leave it out")
    Traceback (most recent call last):
    bsynth.errors.PanelError: the certificate is of another panel, Panel(a against 2 donors, 0 to 3, start 3: ...
    """
    if fingerprint(panel) != fingerprint(other):
        raise PanelError(f"{what} is of another panel, {other!r}, than {panel!r}; {instead}")
