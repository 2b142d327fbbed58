"""The README's claims come from files, and its code runs."""

import ast
import json
import math
import re
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.evidence.placebos import SOURCES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMES = {
    "rollout": "posterior, known cell variance (`rollout`)",
    "default, calibrated": "posterior, what a run reports (`default`, calibrated)",
    "default": "posterior, the same without calibration",
    "level": "posterior, level shift (`level`)",
    "dirichlet": "posterior, textbook Dirichlet weights (`dirichlet`)",
    "did": "difference in differences",
    "demeaned": "demeaned synthetic control",
    "sc": "textbook synthetic control",
}


def rollout_table() -> str:
    """The README's table, from the evidence file."""
    evidence = json.loads((ROOT / "tests" / "evidence" / "rollout_log.json").read_text())
    lines = ["| method | bias | RMSE | 95% interval held the truth | mean width |", "|---|---|---|---|---|"]
    for key, name in NAMES.items():
        row = evidence["summary"][key]
        covered = f"{row['covered']} of {evidence['seeds']}" if "covered" in row else "–"
        width = f"{row['mean_width']:.3f}" if "mean_width" in row else "–"
        lines.append(f"| {name} | {row['bias']:+.4f} | {row['rmse']:.4f} | {covered} | {width} |".replace("-", "−"))
    return "\n".join(lines).replace("|−−−", "|---")


def certificate_table() -> str:
    """The README's second table, from the certificates of the real panels."""
    panels = json.loads((ROOT / "tests" / "evidence" / "certificates.json").read_text())["panels"]
    head = "| panel | donors | calibrated: held, median width, score | demeaned SC: held, median width, score |"
    lines = [head, "|---|---|---|---|"]
    for key, source in SOURCES.items():
        at = panels[key]["intervals"]["real start"]["average"]
        cells = [
            f"{one['coverage']:.0%}, {one['median_width']:.2f}, **{one['score']:.2f}**"
            for one in (at[kind]["90%"] for kind in ("calibrated", "demeaned-placebo"))
        ]
        lines.append(f"| {source.title} | {panels[key]['units']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


WORLDS = {
    "inside": "inside the hull of its donors",
    "outside": "far above them",
    "ar": "AR(.6) noise",
    "walk": "random-walk factors",
    "t3": "t₃ noise",
    "season": "each its own season",
    "trend": "each its own slope",
    "log-normal": "multiplicative",
    "contaminated": "the main donor jumps",
    "all": "all of them",
}


def grounds_table() -> str:
    """The README's table of simulated worlds, from what was measured on them."""
    found = json.loads((ROOT / "tests" / "evidence" / "grounds.json").read_text())
    lines = ["| the treated unit | panels | average: 80 / 90 / 95% | before calibration | periods: 90% | path: 95% |"]
    lines.append("|---|---|---|---|---|---|")
    for name, title in WORLDS.items():
        cell = found["cells"][name]
        average, base = (
            " / ".join(f"{100 * cell[kind][level]['coverage']:.0f}" for level in ("80%", "90%", "95%"))
            for kind in ("calibrated", "base")
        )
        periods, band = (100 * c["coverage"] for c in (cell["calibrated-periods"]["90%"], cell["calibrated-band"]))
        lines.append(f"| {title} | {cell['panels']} | {average} | {base} | {periods:.0f} | {band:.0f} |")
    return "\n".join(lines)


def grades_table() -> str:
    """The README's table of what a grade was worth, with how often each was given where there was nothing."""
    found = json.loads((ROOT / "tests" / "evidence" / "grades.json").read_text())["cells"]["all"]
    lines = [
        "| grade | panels | 95% interval held the truth | sign right, of those with an effect | given without one |"
    ]
    lines.append("|---|---|---|---|---|")
    null = found["null"]
    for name, each in found["grades"].items():
        held, right, none = (
            _times(share, of)
            for share, of in (
                (each["held"], each["panels"]), (each["right_sign"], each["with_effect"]),
                (null["grades"][name], null["panels"]),
            )
        )  # fmt: skip
        lines.append(f"| {name} | {each['panels']} | {held} | {right} | {none} |")
    claimed = _times(null["claimed"], null["panels"])
    lines += ["", f"{found['panels']} panels in all; without an effect, one was claimed in {claimed}."]
    sizes = ", ".join(f"{100 * share[0]:.0f}% at {size}" for size, share in found["found"].items())
    return "\n".join(
        [*lines, f"An effect that was there was claimed in {sizes} (the noise of a cell has an sd of .5)."]
    )


def _times(share: list[float] | None, of: int) -> str:
    return "–" if share is None else f"{round(share[0] * of)} of {of}"


RESULTS = ROOT / "tests" / "benchmarks" / "results.json"


def _figure(value: float | None, unit: str = "") -> str:
    """A number of the speed table: three digits, and no more than are there."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
    return f"{text}{'' if unit in ('', '×', '/s') else ' '}{unit}"


def _speed_lines(name: str, row: dict[str, Any]) -> list[str]:
    if row["reason"] is not None:
        return [f"| {name} | – | – | – | – | did not run: {row['reason'].replace('|', '/')} |"]
    found = []
    for line in row["lines"]:
        value, other = (
            _figure(line[side], line["unit"]) + (f" ({_figure(line[cpu])} CPU)" if line[cpu] is not None else "")
            for side, cpu in (("value", "cpu"), ("other", "other_cpu"))
        )
        other = line["against"] and f"{line['against']}: {other}"
        held = {True: "yes", False: "**no**", None: "–"}[line["holds"]]
        told = "; ".join([held, *(text.replace("|", "/") for text in (line["fails"], line["missing"]) if text)])
        times = _figure(line["ratio"])
        found.append(f"| {line['measure']} | {value} | {other or '–'} | {times} | {line['bar'] or '–'} | {told} |")
    return found


LATER = {
    "large": "panels of a thousand donors or periods",
    "many": "a thousand fits in one process",
    "demo": "the demo",
    "classical": "the classical path",
}
"""Rows of the bench that an earlier end leaves out, in words."""


def speed_table(file: Path = RESULTS) -> str:
    """The README's third table, from what `make bench` measured."""
    if not file.is_file():
        return "Not measured yet: `make bench` writes the table."
    results = json.loads(file.read_text(encoding="utf-8"))
    lines = ["| measure | bsynth | other | times better | bar | held |", "|---|---|---|---|---|---|"]
    for name, row in results["rows"].items():
        lines += _speed_lines(name, row)
    versions = ", ".join(f"{name} {found}" for name, found in results["versions"].items())
    said = f"On {results['processor']}; Python {results['python']}, {versions}."
    if lacking := [words for name, words in LATER.items() if name not in results["rows"]]:
        said += f" Not measured yet: {', '.join(lacking)}."
    return "\n".join([*lines, "", said])


OWN = "default"
"""The method in whose units the others are told."""


def _multiples(values: pd.Series, own: pd.Series) -> str:
    """Geometric mean of ratios, over the worlds in which intervals have ends."""
    ends = np.isfinite(values)
    said = f"{math.exp(np.log(values[ends] / own[ends]).mean()):.2f}"
    return said if ends.all() else f"{said} ({ends.sum()} worlds)"


def study_table(file: Path = ROOT / "tests" / "evidence" / "study.csv") -> str:
    """The README's table of methods in worlds of known effect, from the committed study."""
    if not file.is_file():
        return "Not run yet: `pytest -m evidence tests/evidence/test_study.py` writes the table."
    rows = pd.read_csv(file)
    head = "| method | RMSE | 95% intervals held the truth | least | mean width | interval score |"
    lines = [head, "|---|---|---|---|---|---|"]
    by_method = {name: cells.set_index("world") for name, cells in rows.groupby("method", sort=False)}
    for name, cells in by_method.items():
        rmse, width, score = (_multiples(cells[key], by_method[OWN][key]) for key in ("rmse", "width_95%", "score_95%"))
        held = cells["covered_95%"]
        lines.append(f"| {name} | {rmse} | {held.mean():.1%} | {held.min():.1%}, {held.idxmin()} | {width} | {score} |")
    panels = int((rows["panels"] + rows["failed"]).max())
    said = f"{rows['world'].nunique()} worlds, {panels} panels each; {int(rows['failed'].sum())} fits failed."
    return "\n".join([*lines, "", said])


TABLES = {
    "rollout-log": rollout_table,
    "grounds": grounds_table,
    "grades": grades_table,
    "certificates": certificate_table,
    "study": study_table,
    "speed": speed_table,
}


@pytest.mark.parametrize("name", list(TABLES))
def test_table_is_the_evidence(name: str) -> None:
    block = README.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].strip()
    assert block == TABLES[name]()


def test_speed_table_says_what_holds_and_what_does_not(tmp_path: Path) -> None:
    line = {
        "measure": "one fit", "value": 0.0523, "unit": "s", "other": 5.4, "against": "Other 1.0", "ratio": 103.2,
        "bar": "≤ 0.1 s", "holds": True, "fails": None, "missing": None, "cpu": 0.0712, "other_cpu": None,
    }  # fmt: skip
    missed = line | {"measure": "another", "other": None, "ratio": None, "holds": False, "missing": "no network"}
    rows: dict[str, Any] = {
        "fit": {"reason": None, "lines": [line, missed]},
        "broken": {"reason": "it | stopped", "lines": []},
    }
    results = {"rows": rows, "versions": {"bsynth": "1"}, "processor": "A CPU, 2 cores", "python": "3.12"}
    (tmp_path / "results.json").write_text(json.dumps(results))
    table = speed_table(tmp_path / "results.json").splitlines()
    assert table[2:] == [
        "| one fit | 0.0523 s (0.0712 CPU) | Other 1.0: 5.4 s | 103 | ≤ 0.1 s | yes |",
        "| another | 0.0523 s (0.0712 CPU) | Other 1.0: – | – | ≤ 0.1 s | **no**; no network |",
        "| broken | – | – | – | – | did not run: it / stopped |",
        "",
        "On A CPU, 2 cores; Python 3.12, bsynth 1. Not measured yet: panels of a thousand donors or periods, a thousand "
        "fits in one process, the demo, the classical path.",
    ]
    results["rows"] |= dict.fromkeys(LATER, rows["fit"])
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert speed_table(tmp_path / "results.json").endswith("Python 3.12, bsynth 1.")
    assert len({row.count("|") for row in table[:5]}) == 1


def _scores_at_the_real_start() -> dict[str, dict[str, dict[str, float]]]:
    """Score and its standard error of the 90% interval of the average effect, by panel and kind."""
    panels = json.loads((ROOT / "tests" / "evidence" / "certificates.json").read_text())["panels"]
    found = {SOURCES[name].title: panel["intervals"]["real start"]["average"] for name, panel in panels.items()}
    return {title: {kind: at["90%"] for kind, at in kinds.items()} for title, kinds in found.items()}


def _beyond_two_errors() -> set[str]:
    """Panels on which calibrated and demeaned placebo scores differ by more than two standard errors.

    The errors are of the difference by unit where the file has the units' scores, else of two independent means.
    """
    panels = json.loads((ROOT / "tests" / "evidence" / "certificates.json").read_text())["panels"]
    found = set()
    for name, panel in panels.items():
        one, other = (panel["intervals"]["real start"]["average"][k]["90%"] for k in ("calibrated", "demeaned-placebo"))
        error = math.hypot(one["score_se"], other["score_se"])
        if "scores" in panel:
            kinds = panel["scores"]["90%"]
            each = [float(kinds["calibrated"][u]) - float(kinds["demeaned-placebo"][u]) for u in kinds["calibrated"]]
            error = statistics.stdev(each) / math.sqrt(len(each))
        if abs(one["score"] - other["score"]) > 2 * error:
            found.add(SOURCES[name].title)
    return found


def test_what_is_said_of_the_worlds_holds() -> None:
    words, cells = (
        " ".join(README.split()),
        json.loads((ROOT / "tests" / "evidence" / "grounds.json").read_text())["cells"],
    )
    held = [f"{cells[f'J={n}']['calibrated']['90%']['coverage']:.0%}" for n in (5, 10, 20)]
    said = f"held {held[0]} of the time with five donors, {held[1]} with ten and {held[2]} with twenty"
    assert said in words
    ratio = {n: cells[n]["calibrated"]["90%"]["score"] / cells[n]["base"]["90%"]["score"] for n in WORLDS}
    assert f"at 90% is {ratio['all']:.2f} times that of the model alone" in words
    assert max(ratio, key=lambda name: ratio[name]) == "walk"
    assert f"worst, {ratio['walk']:.2f} times" in words


def test_what_is_said_of_the_certificates_holds() -> None:
    words = " ".join(README.split())
    panels = json.loads((ROOT / "tests" / "evidence" / "certificates.json").read_text())["panels"].values()
    held, units = (sum(panel[name] for panel in panels) for name in ("whole_paths", "units"))
    assert f"The calibrated 95% band for the whole path held it in {held} of these {units} units." in words
    assert "Only on Prop 99 do the two scores differ by more than two standard errors." in words
    assert _beyond_two_errors() == {"Prop 99"}
    best = {
        title: min(kinds, key=lambda kind: float(kinds[kind]["score"]))
        for title, kinds in _scores_at_the_real_start().items()
    }
    others = {title: kind for title, kind in best.items() if kind != "calibrated"}
    assert others == {
        "Germany": "demeaned-placebo", "Basque, 1975": "demeaned-conformal", "Prop 99": "base", "Turnout": "base",
    }  # fmt: skip
    assert (
        "four of the five: demeaned SC with placebo quantiles on Germany, with conformal inference on Basque, and the "
        "model's interval without calibration on Prop 99 and Turnout" in words
    )


def test_pictures_exist() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()


def test_code_that_takes_minutes_names_what_there_is() -> None:
    blocks = re.findall(r"```py\n(.*?)```", README, flags=re.S)
    assert blocks
    for block in blocks:
        ast.parse(block)
        assert all(hasattr(bs, name) for name in re.findall(r"bs\.(\w+)", block))


@pytest.mark.slow
def test_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bs.datasets.make_geo(as_frame=True)
    markets = ["Columbus", "Albany", "Boston", "Detroit", "Houston", "Fresno"]
    frame.loc[frame["market"].isin(markets), ["market", "week", "sales"]].to_csv(tmp_path / "sales.csv", index=False)
    monkeypatch.chdir(tmp_path)
    import matplotlib as mpl

    mpl.use("Agg")
    scope: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.S):
        exec(compile(block, "README.md", "exec"), scope)
    assert (tmp_path / "report.html").is_file()
    assert str(bs.load(tmp_path / "analysis.nc").verdict) == str(scope["analysis"].verdict)
    assert isinstance(scope["fit"], bs.Fit)


if __name__ == "__main__":
    text = README
    for name, table in TABLES.items():
        head, rest = text.split(f"<!-- {name} -->")
        text = f"{head}<!-- {name} -->\n{table()}\n<!-- /{name} -->" + rest.split(f"<!-- /{name} -->")[1]
    (ROOT / "README.md").write_text(text, encoding="utf-8")
