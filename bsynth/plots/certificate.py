"""The certificate: coverage against nominal, and where the truth falls in the predictive distributions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from bsynth._base.request import check_kind
from bsynth.analysis import Analysis
from bsynth.calibration.certificate import Certificate
from bsynth.plots import style
from bsynth.plots.labels import drawn
from bsynth.plots.of_analysis import part_of
from bsynth.plots.style import BLACK, BLUE, GREY, INK, PALE, VERMILION
from bsynth.text.numbers import count, percent

SIZE = (9.2, 4.8)
_LINES = {
    "base": (VERMILION, "s", "--", "model alone"),
    "calibrated": (BLUE, "o", "-", "calibrated"),
    "conformal": (GREY, "D", ":", "conformal"),
}


def plot_certificate(certificate: Certificate | Analysis, *, ax: Axes | None = None) -> Axes:
    """Show whether intervals held the truth as often as they say, on units where nothing happened.

    Parameters
    ----------
    certificate : Certificate or Analysis
    ax : Axes, optional
        Draw here instead of in a new figure; its room is shared by two axes inside it.

    Returns
    -------
    Axes
        Whose ``child_axes`` are two. Coverage: lines of gid ``base``, ``calibrated``, ``conformal`` and ``nominal``,
        and a collection ``band``. PIT: patches of gid ``pit``, a line ``pit-base``, and a
        collection ``band``; with earlier windows a line ``own``, the treated unit's.

    Examples
    --------
    >>> import bsynth as bs
    >>> from bsynth.calibration.certificate import certify
    >>> from bsynth.panel.simulate import simulate_factor
    >>> frame = simulate_factor(donors=4, n_pre=8, n_post=3, seed=1)
    >>> panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", treated=0, start=8)
    >>> ax = plot_certificate(certify(panel, "level", progress=False))  # doctest: +SKIP
    >>> [child.get_xlabel() for child in ax.child_axes]  # doctest: +SKIP
    ['probability that the interval states', 'where the truth falls in the prediction']
    """
    certificate = part_of(certificate, Certificate)
    check_kind(certificate, Certificate, "certificate", "what bsynth.certify(panel) returns")
    with style.house():
        ax = style.new_axes(ax, SIZE)
        ax.set_axis_off()
        _coverage(style.new_axes(ax.inset_axes((0.0, 0.0, 0.46, 1.0))), certificate)
        _histogram(style.new_axes(ax.inset_axes((0.56, 0.0, 0.44, 1.0))), certificate)
        name = drawn(certificate.windows[0].panel.treated_name, 40)
        row = certificate.row("base")
        style.heading(
            ax,
            f"Certificate of {drawn(certificate.spec.name)} for {name}: the model alone is {certificate.finding}",
            [
                f"{count(int(row['units']), 'donor')} as if treated, where nothing happened. The model's own "
                f"{percent(certificate.level)} interval held the truth in {percent(row['coverage'], 0)} of them, the "
                f"calibrated one in {percent(certificate.row('calibrated')['coverage'], 0)}.",
                _missed(certificate),
                "Grey: where honest intervals fall with probability 95%",
            ],
            reason=certificate.reason,
        )
    return ax


def _missed(certificate: Certificate) -> str:
    starts = [str(start) for start in certificate.own_missed["start"]]
    if not starts:
        return ""
    return f"From {', '.join(starts)} on, before anything happened, it finds an effect on the treated unit (triangle)."


def _coverage(ax: Axes, certificate: Certificate) -> None:
    band = certificate.band()
    ax.fill_between(band["level"], band["lower"], band["upper"], color=PALE, alpha=0.45, linewidth=0, gid="band")
    ax.plot([0, 1], [0, 1], color=INK, linewidth=0.9, gid="nominal")
    for kind, (color, marker, line, label) in _LINES.items():
        found = certificate.coverage(kind)["coverage"]
        ax.plot(
            found.index.to_numpy(dtype=float), found.to_numpy(dtype=float), color=color, marker=marker, markersize=5.5,
            linestyle=line, linewidth=1.5, label=label, gid=kind, clip_on=False, zorder=4,
        )  # fmt: skip
    lowest = min(certificate.levels)
    ax.set(xlim=(max(0.0, lowest - 0.08), 1.0), ylim=(0.0, 1.0))
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlabel("probability that the interval states", color=INK)
    ax.set_ylabel("share of units that it held", color=INK)
    ax.legend(loc="lower right", frameon=False, fontsize=9)


def _histogram(ax: Axes, certificate: Certificate) -> None:
    calibrated, base = (certificate.histogram(kind) for kind in ("calibrated", "base"))
    edges = np.append(calibrated["left"].to_numpy(), 1.0)
    width = edges[1] - edges[0]
    ax.fill_between(
        [0, 1], *calibrated.loc[0, ["lower", "upper"]], color=PALE, alpha=0.45, linewidth=0, gid="band", zorder=1
    )
    bars = ax.bar(
        calibrated["left"], calibrated["count"], width=0.92 * width, align="edge", color=BLUE, alpha=0.75, zorder=2,
        label="calibrated",
    )  # fmt: skip
    for bar in bars:
        bar.set_gid("pit")
    steps = base["count"].to_numpy()
    ax.step(
        edges, np.append(steps, steps[-1]), where="post", color=VERMILION, linewidth=1.6, linestyle="--",
        gid="pit-base", zorder=3, label="model alone",
    )  # fmt: skip
    own = certificate.own["pit"].to_numpy(dtype=float)
    if len(own):
        ax.plot(
            own, np.zeros(len(own)), color=BLACK, marker="^", markersize=9, linestyle="", clip_on=False, zorder=5,
            gid="own", label="treated, before",
        )  # fmt: skip
    highest = max(calibrated["count"].max(), base["count"].max(), calibrated["upper"].max())
    ax.set(xlim=(0, 1), ylim=(0, 1.3 * highest))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    ax.set_xlabel("where the truth falls in the prediction", color=INK)
    units = len(certificate.pit)
    ax.set_ylabel(f"units, of {units}" + (" in all windows" if len(certificate.windows) > 1 else ""), color=INK)
    ax.legend(loc="upper center", frameon=False, fontsize=8.5, ncols=3, columnspacing=1.0, handletextpad=0.5)
