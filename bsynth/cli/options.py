"""Options that commands share, among them those that describe a panel."""

import csv
import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bsynth.panel import Panel


def listed(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Split comma-separated names; quotes protect a comma inside a name."""
    names = [name.strip() for row in csv.reader(value, skipinitialspace=True) for name in row]
    return [name for name in names if name]


out = click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
seed = click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random draw.")
draws = click.option("--draws", type=int, default=1000, show_default=True, help="Draws kept per chain.")
replicates = click.option("--replicates", type=int, default=1000, show_default=True, help="Bootstrap replicates.")
level = click.option("--level", type=float, default=0.95, show_default=True, help="Probability of intervals.")
quiet = click.option("--quiet", is_flag=True, help="No progress on stderr.")


@dataclass(frozen=True)
class PanelRequest:
    """A data file and what its columns mean, as the options say."""

    data: Path
    unit: str
    time_: str
    outcome: str
    treated: list[str]
    start: str
    end: str | None
    donors: list[str]
    exclude: list[str]
    cluster: str | None
    covariates: list[str]
    missing: Any
    date_format: str | None

    def roles(self) -> dict[str, Any]:
        """Return what the columns mean, as keyword arguments of `Panel.from_events`."""
        return {
            "unit": self.unit, "time": self.time_, "outcome": self.outcome, "treated": self.treated,
            "start": self.start, "end": self.end, "donors": self.donors or None, "missing": self.missing,
            "exclude": self.exclude, "covariates": self.covariates, "cluster": self.cluster,
            "date_format": self.date_format,
        }  # fmt: skip

    def read(self) -> "Panel":
        """Read and validate the panel."""
        from bsynth.panel import Panel

        roles = self.roles()
        if self.cluster is None:
            del roles["cluster"]
            return Panel.from_long(self.data, **roles)
        return Panel.from_events(self.data, **roles)


_PANEL = (
    click.argument("data", type=click.Path(path_type=Path)),
    click.option("--unit", required=True, help="Column of units."),
    click.option("--time", "time_", required=True, help="Column of periods."),
    click.option("--outcome", required=True, help="Column of the outcome."),
    click.option(
        "--treated", multiple=True, required=True, callback=listed,
        help="Treated unit, or several separated by commas; they are averaged.",
    ),
    click.option("--start", required=True, help="First treated period, as in the data or as 2024-01-31."),
    click.option("--end", default=None, help="Last period used; the last in the data by default."),
    click.option("--donors", multiple=True, callback=listed, help="Only these donors."),
    click.option("--exclude", multiple=True, callback=listed, help="Units to leave out of the donors."),
    click.option("--cluster", default=None, help="Column of users: rows are users or events, averaged into cells."),
    click.option(
        "--covariates", multiple=True, callback=listed,
        help="Further numeric columns, separated by commas, for a --model with a [covariates] section.",
    ),
    click.option(
        "--missing", type=click.Choice(["error", "interpolate", "drop-units"]), default="error", show_default=True,
        help="What to do with missing cells.",
    ),
    click.option(
        "--date-format", default=None,
        help="How periods are written where that cannot be told, such as %d/%m/%Y; of --start and --end too.",
    ),
)  # fmt: skip


def panel_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument DATA and the options of a panel; it receives them as one ``request``."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> None:
        request = PanelRequest(**{field.name: options.pop(field.name) for field in fields(PanelRequest)})
        command(*args, request=request, **options)

    for option in reversed(_PANEL):
        gathered = option(gathered)
    return gathered


_DECISION = (
    click.option(
        "--estimand", type=click.Choice(["average", "cumulative", "lift"]), default=None,
        help="What the decision is about; the average effect by default.",
    ),
    click.option("--threshold", type=float, default=None, help="Ask P(effect > THRESHOLD)."),
    click.option("--rope", type=float, default=None, help="Effects up to this size count as practically none."),
    click.option("--cost", type=float, default=None, help="What the intervention costs; with --value."),
    click.option("--value", "value_per_unit", type=float, default=None, help="What one unit of effect is worth."),
)  # fmt: skip


def decision_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a decision; it receives those that were given as ``questions``."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> None:
        asked = {name: options.pop(name) for name in ("estimand", "threshold", "rope", "cost", "value_per_unit")}
        command(*args, questions={name: value for name, value in asked.items() if value is not None}, **options)

    for option in reversed(_DECISION):
        gathered = option(gathered)
    return gathered
