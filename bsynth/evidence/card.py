"""The evidence of a model as tables of its card, between two markers; a test compares them with the JSON."""

from typing import Any

from bsynth.evidence.placebos import SOURCES
from bsynth.evidence.worlds import TITLES

BEGIN, END = "<!-- evidence -->", "<!-- /evidence -->"
KINDS = {"base": "base", "learned": "learned π", "calibrated": "calibrated"}


def render(evidence: dict[str, Any]) -> str:
    """Return the Markdown tables of an ``evidence.json``."""
    parts = {"placebos": _placebos, "worlds": _worlds, "sbc": _sbc, "published": _published}
    blocks = [block for name, table in parts.items() if name in evidence for block in table(evidence[name])]
    return "\n\n".join(blocks)


def update(card: str, evidence: dict[str, Any]) -> str:
    """Return the card with the tables between its markers made anew; without markers they go at the end."""
    tables = f"{BEGIN}\n\n{render(evidence)}\n\n{END}"
    if BEGIN not in card or END not in card:
        return f"{card.rstrip()}\n\n{tables}\n"
    before, rest = card.split(BEGIN, 1)
    return before + tables + rest.split(END, 1)[1]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _number(value: float, digits: int = 3) -> str:
    """Show a number with significant digits, never as a power of ten."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text else text


def _share(scores: dict[str, Any], level: str) -> str:
    found = scores[level]
    return f"{found['coverage']:.3f} ± {found['coverage_mcse']:.3f}"


def _placebos(found: dict[str, Any]) -> list[str]:
    rows = []
    for name, panel in found["panels"].items():
        for kind, shown in KINDS.items():
            if kind in panel:
                rows.append([SOURCES[name].title, shown, str(panel["units"]), *_scores(panel[kind])])
    units = sum(panel["units"] for panel in found["panels"].values())
    rows += [["all", KINDS[kind], str(units), *_scores(s)] for kind, s in found["pooled"].items()]
    failed = sum(panel["unreliable"] for panel in found["panels"].values())
    words = (
        "Real panels, every never-treated unit as pseudo-treated (truth 0): how often the interval of the average "
        "effect holds 0, median width of the 90% interval and RMSE in pre-period sd. Learned π and calibration are "
        f"from the other units. {units - failed} of {units} fits passed the convergence gate."
    )
    return [words, _table(["panel", "interval", "units", "90%", "95%", "width 90%", "RMSE"], rows)]


def _scores(scores: dict[str, Any]) -> list[str]:
    return [
        _share(scores, "90%"),
        _share(scores, "95%"),
        _number(scores["90%"]["median_width"]),
        f"{_number(scores['rmse'])} ± {_number(scores['rmse_mcse'], 2)}",
    ]


def _waves(found: dict[str, Any]) -> list[str]:
    rows = []
    for kind, each in found["kinds"].items():
        for over, one in each.items():
            coverage = f"{one['coverage']:.3f} ± {one['coverage_mcse']:.3f}"
            figures = [_number(one[name]) for name in ("bias", "rmse", "width")]
            rows.append([over if over == "overall" else "each unit", kind, coverage, *figures])
    words = (
        f"Simulated waves, {found['seeds']} seeds: 10 of 40 exchangeable units treated in three waves, 40 periods "
        "of AR(.5) noise of sd .05, unit effects N(.05, .02²); 95% intervals. Assigning starts to donors at random, "
        f"by demeaned synthetic control, gives the overall effect a width of {_number(found['reassigned_width'])}. "
        f"{found['unhealthy']} of {10 * found['seeds']} own fits did not pass the gate and count all the same."
    )
    return [words, _table(["effect", "interval", "covers", "bias", "RMSE", "mean width"], rows)]


def _worlds(found: dict[str, Any]) -> list[str]:
    if "kinds" in found:
        return _waves(found)
    rows = []
    for name, world in found["worlds"].items():
        rows.append(
            [
                TITLES[name],
                str(world["n"]),
                f"{_number(world['bias'], 2)} ± {_number(world['bias_mcse'], 2)}",
                _number(world["rmse"]),
                "{rmse_ratio:.2f} ± {rmse_ratio_mcse:.2f}".format(**world["difference_in_differences"]),
                *(f"{world[level]['coverage']:.2f}" for level in ("50%", "80%", "90%")),
                _share(world, "95%"),
                _number(world["95%"]["mean_width"]),
                _number(world["95%"]["interval_score"]),
            ]
        )
    header = ["world", "seeds", "bias", "RMSE", "RMSE / DiD's", "50%", "80%", "90%", "95%", "width 95%", "score 95%"]
    fits, unhealthy = (sum(world[field] for world in found["worlds"].values()) for field in ("n", "unhealthy"))
    words = (
        "Simulated worlds with a known effect: coverage, mean width and interval score of the average effect, in "
        "pre-period sd, the rollout log on the scale of its completion rate; DiD is difference in differences on the "
        f"same seeds. {unhealthy} of {fits} fits had a divergence or R-hat over 1.01 and count all the same."
    )
    return [words, _table(header, rows)]


def _sbc(found: dict[str, Any]) -> list[str]:
    blocks = []
    for run in found["runs"]:
        rows = [
            [name, "yes" if one["inside"] else "NO", f"{one['p']:.2f}", _number(one["mean_rank"])]
            for name, one in run["quantities"].items()
        ]
        words = (
            f"Simulation-based calibration, {run['cells']} cells, {run['simulations']} simulations "
            f"({run['donors']} donors, {run['n_pre']} pre-periods): is the ECDF of the ranks inside its simultaneous "
            f"95% envelope? {run['with_divergences']} fits had a divergence."
        )
        blocks += [words, _table(["quantity", "inside", "p", "mean rank (49.5)"], rows)]
    return blocks


def _published(found: dict[str, Any]) -> list[str]:
    if not found["studies"]:
        return ["No published results for exactly this model."]
    rows = []
    for one in found["studies"]:
        bounds = one.get("published_bounds")
        rows.append(
            [
                one["study"],
                one["source"],
                _number(one["published"], 4),
                _number(one["estimate"], 4),
                f"{one['relative_difference']:+.1%}",
                "" if bounds is None else f"[{_number(bounds[0], 4)}, {_number(bounds[1], 4)}]",
                f"[{_number(one['lower'], 4)}, {_number(one['upper'], 4)}]",
                "yes" if one["agrees"] else "NO",
            ]
        )
    header = ["study", "source", "published", "here", "difference", "published 95%", "here 95%", "within tolerance"]
    return ["Published posterior means of the average effect.", _table(header, rows)]
