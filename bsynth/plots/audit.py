"""What the answer hangs on: each donor, and the prior of the weights."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from bsynth._base.request import check_kind, check_whole
from bsynth.analysis import Analysis
from bsynth.findings import DonorAudit, PriorAudit
from bsynth.findings.donors import INFLUENCE
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLUE, GREEN, GREY, ORANGE, RED, VERMILION, EndLabel
from bsynth.text.labels import METHODS, interval_words
from bsynth.text.numbers import count, exact, fixed, number

_FLAGS = {"looks treated": (VERMILION, "s"), "influential": (BLUE, "o"), "dominant": (GREEN, "D"),
          "opposed": (ORANGE, "v")}  # fmt: skip
"""Colour and marker of a donor's most serious flag."""


def plot_donor_audit(audit: DonorAudit | Analysis, *, ax: Axes | None = None, top: int = 25) -> Axes:
    """Show how the effect moves without each donor, and which donors should be looked at.

    Parameters
    ----------
    audit : DonorAudit or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.
    top : int
        Donors shown: flagged ones first, then by weight. Flagged ones are always shown.

    Returns
    -------
    Axes
        With dots of gid ``donor``, a patch ``quiet`` (changes that do not count) and text with weight, correlation and
        flags at the right of each row; ``posterior`` marks changes of the Bayesian refits.

    Examples
    --------
    >>> from bsynth.findings import audit_donors
    >>> from bsynth.panel import Panel
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = Panel.from_long(simulate_factor(donors=8, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> plot_donor_audit(audit_donors(panel)).get_ylabel()
    'donor'
    """
    audit = part_of(audit, DonorAudit)
    check_kind(audit, DonorAudit, "audit", "what bsynth.audit_donors(fit) returns")
    top = check_whole(top, "top", 1, "how many donors are shown")
    table = audit.table
    quiet = table["flags"] == ""
    shown = pd.concat([table.loc[~quiet], table.loc[quiet].head(max(0, top - int((~quiet).sum())))])
    limit = INFLUENCE * audit.values["noise"]
    weight = "posterior_weight" if "posterior_weight" in table else "weight"
    with style.house():
        ax = style.new_axes(ax, style.row_size(len(shown)))
        if np.isfinite(limit):
            ax.axvspan(-limit, limit, color=GREY, alpha=0.13, linewidth=0, gid="quiet")
        ax.axvline(0, color=style.INK, linewidth=0.9)
        style.row_axis(ax, [drawn(name) for name in shown["donor"]])
        for y, (_, row) in enumerate(shown.iterrows()):
            _row(ax, y, row, weight)
        ax.margins(x=0.08)
        ax.set_xlabel(f"change of the average effect on {drawn(audit.outcome)} without the donor", color=style.INK)
        ax.set_ylabel("donor", color=style.INK)
        hidden = len(table) - len(shown)
        method = METHODS.get(audit.estimator, audit.estimator)
        style.heading(
            ax,
            f"Donor audit: {int((~quiet).sum())} of {count(len(table), 'donor')} of {drawn(audit.treated, 40)} flagged",
            [
                f"{method}, refitted without each donor"
                + ("; diamonds: the posterior, refitted" if "posterior_change" in table else "")
                + (f". Shaded: less than half the {audit.noise}" if np.isfinite(limit) else ""),
                f"Right: weight{' (posterior)' if weight != 'weight' else ''}, correlation before the start, flags"
                + (f". {count(hidden, 'donor')} without a flag not shown" if hidden else ""),
            ],
            reason=audit.reason,
        )
    return ax


def _row(ax: Axes, y: int, row: pd.Series, weight: str) -> None:
    """One donor: its change, and at the right its weight, correlation and flags."""
    flags = row["flags"].split(", ") if row["flags"] else []
    color, marker = next((look for flag, look in _FLAGS.items() if flag in flags), (GREY, "o"))
    ax.plot([0, row["change"]], [y, y], color=color, linewidth=1.3, alpha=0.6)
    ax.plot([row["change"]], [y], marker, color=color, markersize=5.5, zorder=4, gid="donor")
    if not np.isnan(row.get("posterior_change", np.nan)):
        ax.plot([row["posterior_change"]], [y], "D", markerfacecolor="white", markeredgecolor=style.INK, markersize=4.5,
                zorder=5, gid="posterior")  # fmt: skip
    text = f"{fixed(row[weight], 2)}  {fixed(row['correlation'], 2, signed=True)}  {row['flags']}".rstrip()
    ax.annotate(text, (1, y), (8, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
                fontsize=8.5, color=color if flags else style.INK, annotation_clip=False)  # fmt: skip


def plot_prior_audit(audit: PriorAudit | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show how the effect moves with the concentration of the weights' prior.

    Parameters
    ----------
    audit : PriorAudit or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure.

    Returns
    -------
    Axes
        With dots of gid ``sweep`` (unreliable fits red crosses, gid ``unreliable``), bars of gid ``interval`` and
        lines of gid ``least-squares`` and ``zero``. Weights without a concentration leave the axes without dots.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.panel.simulate import simulate_factor
    >>> panel = bs.Panel.from_long(simulate_factor(donors=6, seed=1), unit="unit", time="time", outcome="outcome",
    ...     treated=0, start=30)
    >>> fit = bs.fit(panel, model="level", draws=300, progress=False)
    >>> from bsynth.findings import audit_prior
    >>> plot_prior_audit(audit_prior(fit, alphas=[1.0])).get_xscale()
    'log'
    """
    audit = part_of(audit, PriorAudit)
    check_kind(audit, PriorAudit, "audit", "what bsynth.audit_prior(fit) returns")
    table = audit.table
    with style.house():
        ax = style.new_axes(ax)
        ax.set_xscale("log")
        ax.axhline(0, color=style.INK, linewidth=0.9, gid="zero")
        ax.axhline(audit.least_squares, color=VERMILION, linewidth=1.5, linestyle=(0, (5, 1.5)), gid="least-squares")
        for _, row in table.iterrows():
            _concentration(ax, row)
        ax.set_ylabel(f"average effect on {drawn(audit.outcome)}", color=style.INK)
        ax.set_xlabel("concentration α of the weights' prior (small: few donors; large: all alike)", color=style.INK)
        right = 1.0
        if len(table):
            alphas = table["alpha"].to_numpy()
            ax.xaxis.set_major_locator(FixedLocator(alphas.tolist()))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.set_xticklabels([exact(a) for a in alphas])
            ax.set_xlim(alphas[0] / 1.4, alphas[-1] * 1.4)
            right = float(ax.get_xlim()[1])
        ax.margins(y=0.08)
        style.end_labels(ax, [EndLabel(right, audit.least_squares, "no prior:\nleast squares", VERMILION)])
        style.heading(ax, _title(audit), _subtitle(audit), reason=audit.reason)
    return ax


def _concentration(ax: Axes, row: pd.Series) -> None:
    """One fit of the sweep."""
    bad, own, alpha = row["status"] != "ok", bool(row["own"]), row["alpha"]
    color = RED if bad else BLUE
    ax.plot([alpha, alpha], [row["lower"], row["upper"]], color=color, linewidth=2.0, alpha=0.6, gid="interval")
    ax.plot(
        [alpha],
        [row["estimate"]],
        "X" if bad else "o",
        color=color,
        markersize=9 if own else 7,
        markeredgecolor="black" if own else color,
        markeredgewidth=1.6 if own else 0.6,
        zorder=4,
        gid="unreliable" if bad else "sweep",
    )


def _title(audit: PriorAudit) -> str:
    if audit.range is None:
        why = "no sweep was asked for" if audit.concentrated else "no concentration to vary"
        return f"Prior against data: {drawn(audit.treated, 40)}, {why}"
    words = "moves the effect by" if audit.moved else "hardly matters:"
    return f"Prior against data: α {words} {number(audit.range)}, {number(audit.range / audit.sd)} posterior sd"


def _subtitle(audit: PriorAudit) -> list[str]:
    kind = "" if audit.table.empty else f" Bars: {interval_words('predictive', float(audit.table['level'].iloc[0]))};"
    bad = 0 if audit.table.empty else int((audit.table["status"] != "ok").sum())
    return [
        f"Bayesian, {drawn(audit.model)}, {drawn(audit.treated, 40)}.{kind} circled in black: the fit itself",
        f"Red crosses: {bad} of the fits failed the convergence gate" if bad else "",
    ]
