"""Options that commands share, among them those that describe a panel."""

import csv
import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsynth.engines.sampling import Sampling
from bsynth.errors import SpecError

if TYPE_CHECKING:
    from bsynth.panel import Panel


def listed(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Split comma-separated names; quotes protect a comma inside a name."""
    return [name for text in value for name in split(text)]


def numbers(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> list[float]:
    """Split comma-separated numbers."""
    texts = listed(ctx, parameter, value)
    try:
        return [float(text) for text in texts]
    except ValueError:
        raise SpecError(f"{parameter.opts[0]} is {','.join(texts)!r}; give numbers separated by commas") from None


def typed(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> list[str]:
    """Keep the texts as they are: only the data tell which are labels and which are lists of them."""
    return list(value)


class Choosing(click.Option):
    """An option that takes names; its help lists them, read when help is asked for: they load the package."""

    def __init__(self, *args: Any, names: Callable[[], tuple[str, ...]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._names = names

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Put the names into the help."""
        option, words = super().get_help_record(ctx) or ("", "")
        return option, words.replace("NAMES", ", ".join(self._names()))


def methods() -> tuple[str, ...]:
    """Names of the classical methods."""
    from bsynth.analysis import METHODS, REFERENCE

    return (*METHODS, REFERENCE)


def findings() -> tuple[str, ...]:
    """Names of the findings."""
    from bsynth.analysis import FINDINGS

    return tuple(FINDINGS)


def split(text: str, known: Collection[str] = ()) -> list[str]:
    """The names in a text, as in a line of CSV; spaces around one go, unless it is ``known`` with them.

    Examples
    --------
    >>> split('"Washington, DC", Maine')
    ['Washington, DC', 'Maine']
    """
    try:
        names = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:
        names = [text]
    found = (name if name in known else name.strip() for name in names)
    return [name for name in found if name]


out = click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
draws = click.option("--draws", type=int, default=1000, show_default=True, help="Draws kept per chain.")
scale = click.option(
    "--scale", type=click.Choice(["treated", "each", "log", "logit", "auto"]), default=None,
    help="Scale of the models in the place of their own: log for outcomes that vary in proportion to their size, logit "
    "for proportions; auto asks on which the units forecast each other best.",
)  # fmt: skip
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
    start: str | None
    end: str | None
    donors: list[str] | None
    exclude: list[str]
    cluster: str | None
    covariates: list[str]
    missing: Any
    date_format: str | None = None
    outcome_label: str | None = None
    unit_label: str | None = None
    higher_is: Any = None

    def roles(self) -> dict[str, Any]:
        """Return what the columns mean, as keyword arguments of `Panel.from_events`."""
        return {
            "unit": self.unit, "time": self.time_, "outcome": self.outcome, "treated": self.treated,
            "start": self.start, "end": self.end, "donors": self.donors, "missing": self.missing,
            "exclude": self.exclude, "covariates": self.covariates, "cluster": self.cluster,
            "date_format": self.date_format, "outcome_label": self.outcome_label, "unit_label": self.unit_label,
            "higher_is": self.higher_is,
        }  # fmt: skip

    def resolved(self) -> "PanelRequest":
        """The request with each text of labels as the labels it holds.

        A text that stands in the data as it was typed is one label, whatever commas and spaces are in it; any
        other is split at its commas, where quotes protect one.
        """
        from bsynth.panel import column_names, unit_names

        def several(typed: list[str], names: Callable[[], Collection[str]]) -> list[str]:
            if all(text == text.strip() and not {",", '"'} & set(text) for text in typed):
                return [text for text in typed if text]
            known = names()
            return [name for text in typed for name in ([text] if text in known else split(text, known))]

        units = functools.cache(lambda: unit_names(self.data, self.unit))
        return replace(
            self,
            treated=several(self.treated, units),
            donors=several(self.donors, units) if self.donors else None,
            exclude=several(self.exclude, units),
            covariates=several(self.covariates, lambda: column_names(self.data)),
        )

    def read(self) -> "Panel":
        """Read and validate the panel."""
        from bsynth.panel import Panel

        roles = self.roles()
        if self.cluster is None:
            del roles["cluster"]
        made: Panel = (Panel.from_long if self.cluster is None else Panel.from_events)(self.data, **roles)
        return made


_SAMPLING = (
    draws,
    click.option("--tune", type=int, default=600, show_default=True, help="Draws discarded per chain."),
    click.option("--chains", type=int, default=4, show_default=True, help="Chains of each fit."),
    click.option(
        "--target-accept", type=float, default=0.9, show_default=True,
        help="Acceptance rate that the sampler aims at; nearer to 1 where fits do not converge.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random draw."),
    click.option("--jobs", "n_jobs", type=int, default=None, help="Fits side by side; all cores by default."),
)  # fmt: skip


def sampling_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the sampler; it receives them as one ``sampling``."""

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> None:
        names = ("draws", "tune", "chains", "target_accept", "seed", "n_jobs")
        command(*args, sampling=Sampling(**{name: options.pop(name) for name in names}), **options)

    for option in reversed(_SAMPLING):
        gathered = option(gathered)
    return gathered


_COMMAS = (
    "A text that is a label of the data as it stands may hold commas ('Washington, DC'); in a list such a label goes "
    "in double quotes ('\"Washington, DC\",Maine'). May be repeated."
)
_PANEL = (
    click.argument("data", type=click.Path(path_type=Path)),
    click.option("--unit", required=True, help="Column of units."),
    click.option("--time", "time_", required=True, help="Column of periods."),
    click.option("--outcome", required=True, help="Column of the outcome."),
    click.option(
        "--treated", multiple=True, required=True, callback=typed,
        help="Treated unit, or several separated by commas; they are averaged. " + _COMMAS,
    ),
    click.option("--start", required=True, help="First treated period, as in the data or as 2024-01-31."),
    click.option("--end", default=None, help="Last period used; the last in the data by default."),
    click.option("--donors", multiple=True, callback=typed, help="Only these donors; written as --treated."),
    click.option("--exclude", multiple=True, callback=typed, help="Units that are no donors; written as --treated."),
    click.option("--cluster", default=None, help="Column of users: rows are users or events, averaged into cells."),
    click.option(
        "--covariates", multiple=True, callback=typed,
        help="Further numeric columns, written as --treated, for a --model with a [covariates] section.",
    ),
    click.option(
        "--missing", type=click.Choice(["error", "interpolate", "drop-units"]), default="error", show_default=True,
        help="What to do with missing cells.",
    ),
    click.option(
        "--date-format", default=None,
        help="How periods are written where that cannot be told, such as %d/%m/%Y; of --start and --end too.",
    ),
    click.option("--outcome-label", default=None, help="What words call the outcome, such as 'task completion'."),
    click.option("--unit-label", default=None, help="What words call one unit, such as state."),
    click.option(
        "--higher-is", type=click.Choice(["better", "worse"]), default=None,
        help="Whether more of the outcome is good; words judge no direction without it.",
    ),
)  # fmt: skip


def panel_options(command: Callable[..., None], *, start: bool = True, planned: bool = False) -> Callable[..., None]:
    """Give a command the argument DATA and the options of a panel; it receives them as one ``request``.

    ``planned``: it has an option ``frozen``, a plan from which the columns and roles come that are not given.
    """

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> None:
        if planned:
            _by_plan(options)
        request = PanelRequest(**{field.name: options.pop(field.name) for field in fields(PanelRequest)})
        command(*args, request=request, **options)

    for option in reversed(_PANEL):
        gathered = option(gathered)
    for option in gathered.__click_params__:  # type: ignore[attr-defined]
        if option.name == "start" and not start:
            option.required, option.help = False, f"{option.help} Without one nothing has started yet."
        if planned and option.name in _PLANNED:
            option.required = False
    return gathered


_PLANNED = ("unit", "time_", "outcome", "treated", "start")


def _by_plan(options: dict[str, Any]) -> None:
    """Fill in from the plan what was not given, and ask for the rest."""
    if (file := options["frozen"]) is not None:
        from bsynth.analysis import frozen_plan

        plan = frozen_plan(file)
        known = {
            "unit": plan.unit, "time_": plan.time, "outcome": plan.outcome, "treated": [_quoted(plan.treated)],
            "start": plan.start, "end": plan.end or None, "donors": [_quoted(plan.donors)],
            "cluster": plan.cluster or None,
        }  # fmt: skip
        if options["exclude"]:
            # Whoever leaves donors out departs from the plan, and says so without naming all the others.
            known["donors"] = [_quoted([d for d in plan.donors if d not in split(",".join(options["exclude"]))])]
        options |= {name: value for name, value in known.items() if not options[name]}
    for name in _PLANNED:
        if not options[name]:
            option = next(p for p in click.get_current_context().command.params if p.name == name)
            raise click.MissingParameter(ctx=click.get_current_context(), param=option)


def _quoted(labels: Collection[str]) -> str:
    """Labels as a line of CSV, which `split` reads back."""
    return ",".join('"' + label.replace('"', '""') + '"' for label in labels)


planned_options = functools.partial(panel_options, planned=True)
history_options = functools.partial(panel_options, start=False)
"""As `panel_options`, of data in which nothing need have started."""


_DECISION = (
    click.option(
        "--estimand", type=click.Choice(["average", "cumulative", "lift", "total"]), default=None,
        help="What the decision is about: by default the average effect, with --cost the total over units and periods.",
    ),
    click.option("--threshold", type=float, default=None, help="Ask P(effect > THRESHOLD)."),
    click.option("--rope", type=float, default=None, help="Effects up to this size count as practically none."),
    click.option("--cost", type=float, default=None, help="What the intervention costs; with --value."),
    click.option("--value", "value_per_unit", type=float, default=None, help="What one unit of the estimand is worth."),
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
