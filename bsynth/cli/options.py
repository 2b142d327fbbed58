"""Options that commands share, among them those that describe a panel."""

import functools
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Any

import click
from click.core import ParameterSource

from bsynth.cli.base import PATH
from bsynth.cli.request import PanelRequest, split
from bsynth.engines.sampling import Sampling
from bsynth.errors import SpecError


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


out = click.option("--out", type=PATH, required=True, help="Folder to write.")
draws = click.option("--draws", type=int, default=1000, show_default=True, help="Draws kept per chain.")
scale = click.option(
    "--scale", type=click.Choice(["treated", "each", "log", "logit", "auto"]), default=None,
    help="Scale of the models in the place of their own: log for outcomes that vary in proportion to their size, logit "
    "for proportions; auto asks on which the units forecast each other best.",
)  # fmt: skip
replicates = click.option("--replicates", type=int, default=1000, show_default=True, help="Bootstrap replicates.")
level = click.option("--level", type=float, default=0.95, show_default=True, help="Probability of intervals.")
quiet = click.option("--quiet", is_flag=True, help="No progress on stderr.")


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
    click.argument("data", type=PATH),
    click.option("--unit", required=True, help="Column of units."),
    click.option("--time", "time_", required=True, help="Column of periods."),
    click.option("--outcome", required=True, help="Column of the outcome, or several, separated by commas."),
    click.option(
        "--treated", multiple=True, callback=typed,
        help="Treated unit, or several separated by commas that start together; they are averaged. " + _COMMAS,
    ),
    click.option(
        "--cell", multiple=True, callback=typed,
        help="Instead of --treated, once for each of several treatments: a name and its units, A=chicago,boston. "
        "bsynth run compares their effects.",
    ),
    click.option("--start", default=None, help="First treated period, as in the data or as 2024-01-31."),
    click.option(
        "--start-column", default=None,
        help="Instead of --treated and --start: column with each unit's own start, empty where never treated.",
    ),
    click.option(
        "--treatment-column", default=None,
        help="Instead of --treated and --start: column that is 1 from each unit's start on, else 0.",
    ),
    click.option(
        "--anticipation", type=int, default=0, show_default=True,
        help="Periods before a start that are left out of fit and effect.",
    ),
    click.option(
        "--washout", type=int, default=0, show_default=True, help="Periods from a start on that are left out."
    ),
    click.option(
        "--donor-kind", type=click.Choice(["never", "not-yet", "both"]), default=None,
        help="Where starts differ: donors never treated, treated later (until their own start), or both; "
        "by default those never treated where there are two, else both.",
    ),
    click.option(
        "--horizon", type=int, default=None, help="Periods from a start on used at most."
    ),
    click.option(
        "--settled", type=int, default=None,
        help="Where all are treated in the end: periods after which earlier waves may be donors again.",
    ),
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
    click.option("--where", default=None, help="Condition in SQL on the rows that count: \"country = 'US'\"."),
    click.option(
        "--freq", type=click.Choice(["day", "week", "month", "quarter", "year"]), default=None,
        help="Period in which the moments of --time are counted.",
    ),
    click.option("--time-zone", default=None, help="Whose days these are, such as America/New_York."),
    click.option("--week-start", default=None, help="Weekday on which weeks begin; monday by default."),
    click.option("--agg", default=None, help="What becomes of a cell's rows: mean, sum, count or ratio."),
    click.option("--denominator", default=None, help="Column that the outcome is divided by, with --agg ratio."),
    click.option("--key", multiple=True, callback=listed, help="Columns that name a row: no two rows may share them."),
    click.option(
        "--duplicates", type=click.Choice(["error", "identical", "first", "last"]), default=None,
        help="Rule for rows of one key: refuse, drop copies, or keep the first or last in time.",
    ),
    click.option(
        "--resamples", type=int, default=None,
        help="Resample users of --cluster where the data lie, so often, rather than bring their sums here.",
    ),
)  # fmt: skip


def panel_options(
    command: Callable[..., None], *, start: bool = True, planned: bool = False, one: bool = False
) -> Callable[..., None]:
    """Give a command the argument DATA and the options of a panel; it receives them as one ``request``.

    ``one``: it takes one outcome and one treatment. ``planned``: it has an option ``frozen``, a plan from which the
    columns and roles come that are not given.
    """

    @functools.wraps(command)
    def gathered(*args: Any, **options: Any) -> None:
        if planned:
            _by_plan(options)
        asked = {each.name: options.pop(each.name) for each in fields(PanelRequest) if each.name != "history"}
        request = PanelRequest(**asked, history=not start)
        command(*args, request=request, **options)

    for option in reversed(_PANEL):
        gathered = option(gathered)
    for option in gathered.__click_params__:  # type: ignore[attr-defined]
        if option.name == "start" and not start:
            option.required, option.help = False, f"{option.help} Without one nothing has started yet."
        if one and option.name == "outcome":
            option.help = "Column of the outcome."
        if one and option.name == "cell":
            # Whoever gives it is told what to do in its place.
            option.hidden = True
        if planned and option.name in _PLANNED:
            option.required = False
    return gathered


_PLANNED = ("unit", "time_", "outcome")


_WITH = {"denominator": "agg", "week_start": "freq", "time_zone": "freq"}
"""Settings that are nothing without another one: where that is given otherwise, they do not come from the plan."""


def given(name: str) -> bool:
    """Whether an option was given, be it with the value that it has by default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def _by_plan(options: dict[str, Any]) -> None:
    """Fill in from the plan what was not given, and ask for the rest."""
    if (file := options["frozen"]) is not None:
        from bsynth.analysis import frozen_plan

        plan = frozen_plan(file)
        known = {
            "unit": plan.unit, "time_": plan.time, "outcome": plan.outcome, "treated": [_quoted(plan.treated)],
            "start": plan.start, "end": plan.end or None, "cluster": plan.cluster or None, **plan.settings,
        }  # fmt: skip
        # Whoever treats or leaves out a donor departs from the plan, and says so without naming all the others.
        typed = [*options["exclude"], *options["treated"], *(text.partition("=")[2] for text in options["cell"])]
        others = {*typed, *split(",".join(typed))}
        known["donors"] = [_quoted([donor for donor in plan.donors if donor not in others])]
        if "covariates" in known:
            known["covariates"] = [_quoted(known["covariates"])]
        if options["start_column"] or options["treatment_column"]:
            del known["treated"], known["start"], known["donors"]
        elif options["cell"]:
            del known["treated"]
        for name, other in _WITH.items():
            if given(other) and options[other] != known.get(other):
                known.pop(name, None)
        options |= {name: value for name, value in known.items() if not given(name)}
    for name in _PLANNED:
        if not options[name]:
            option = next(p for p in click.get_current_context().command.params if p.name == name)
            raise click.MissingParameter(ctx=click.get_current_context(), param=option)


def _quoted(labels: Collection[str]) -> str:
    """Labels as a line of CSV, which `split` reads back."""
    return ",".join('"' + label.replace('"', '""') + '"' for label in labels)


planned_options = functools.partial(panel_options, planned=True)
one_options = functools.partial(panel_options, one=True)
"""As `panel_options`, of one outcome and one treatment."""
history_options = functools.partial(panel_options, start=False, one=True)
"""As `one_options`, of data in which nothing need have started."""


_DECISION = (
    click.option(
        "--estimand", type=click.Choice(["average", "cumulative", "lift", "total"]), default=None,
        help="What the decision is about: by default the average effect, with --cost the total over units and periods.",
    ),
    click.option("--threshold", type=float, default=None, help="Ask P(effect > THRESHOLD)."),
    click.option("--rope", type=float, default=None, help="Effects up to this size count as practically none."),
    click.option("--cost", type=float, default=None, help="What the intervention costs; with --value."),
    click.option(
        "--value", "value_per_unit", type=float, default=None,
        help="What one unit of the estimand is worth. In a total a cell that is a mean or a ratio of rows counts once; "
        "--agg sum adds up the rows.",
    ),
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
