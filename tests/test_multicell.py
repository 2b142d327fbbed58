"""Several cells beside the same donors: who is in which, their effects, and the differences with what they share."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import bsynth as bs
from bsynth._base.laws import t_cdf
from bsynth.analysis import MultiCellAnalysis
from bsynth.calibration.cells import CellEffect, joint_draws
from bsynth.calibration.inflation import DEGREES, mixture_radii
from bsynth.calibration.pairs import CellPair, Correlation, learn_correlation, play_pairs
from bsynth.cli import main
from bsynth.frequentist.estimators import did
from bsynth.model.link import IDENTITY, LOG

ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "outcome"}
FRAME = bs.simulate_factor(donors=11, seed=4)
PANEL: bs.StaggeredPanel[bs.Panel] | Any = bs.Panel.from_long(FRAME, **ROLES, treated={"A": 0, "B": [1, 2]}, start=30)


@pytest.fixture(scope="module")
def found() -> MultiCellAnalysis:
    return bs.analyse(PANEL, models=["none"], methods=["did", "demeaned", "placebo"], progress=False)


def test_cells_share_donors_and_are_no_donors_of_each_other() -> None:
    assert PANEL.names == ("A", "B")
    for panel, treated in zip(PANEL.panels.values(), ((0,), (1, 2)), strict=True):
        assert panel.treated == treated
        assert panel.donors == PANEL.donors == tuple(range(3, 12))
    by_hand = bs.Panel.from_long(FRAME, **ROLES, treated=[1, 2], start=30, exclude=[0])
    np.testing.assert_array_equal(PANEL.panels["B"].outcome, by_hand.outcome)


def test_starts_of_their_own_and_periods_left_out() -> None:
    panel = bs.Panel.from_long(
        FRAME, **ROLES, treated={"A": 0, "B": 1}, start={"B": 33, "A": 30}, anticipation=2, end=37
    )
    assert panel.table[["start", "n_pre", "n_post"]].to_numpy().tolist() == [[30, 28, 8], [33, 31, 5]]
    rows = bs.analyse(panel, models=["none"], methods=["did"], progress=False).effects(full=True)
    assert rows.loc[rows["of"] == "A − B", "estimand"].tolist() == ["average", "lift"], "windows of unlike length"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a unit in two": ({"treated": {"A": [0, 1], "B": 1}}, "1 is in cell 'A' and in cell 'B'; a unit has one treatment"),
    "no units": ({"treated": {"A": 0, "B": []}}, "cell 'B' has no units"),
    "not in the data": ({"treated": {"A": 0, "B": "x"}}, "there is no unit of cell 'B' 'x'"),
    "one cell": ({"treated": {"A": [0, 1]}}, "treated names 1 cell and at least 2 are compared"),
    "no donors": ({"treated": {"A": range(6), "B": range(6, 12)}}, "at least 2 donors are needed and none is left"),
    "no start": ({"start": None}, "treated names cells and no start"),
    "start of one": ({"start": {"A": 30}}, "cell 'B' has no start"),
    "start of another": ({"start": {"A": 30, "B": 30, "C": 30}}, "cell 'C' has a start and no units"),
    "a rule for waves": ({"horizon": 3}, "horizon is given beside cells"),
    "a cell's unit as donor": ({"donors": [1, 3, 4]}, "1 is treated and among the donors"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_cells_is_one_line(case: str) -> None:
    given, message = WRONG[case]
    with pytest.raises(bs.PanelError, match=message) as caught:
        bs.Panel.from_long(FRAME, **ROLES, **({"treated": {"A": 0, "B": 1}, "start": 30} | given))
    assert "\n" not in str(caught.value)


def test_another_verb_says_what_to_give_it() -> None:
    with pytest.raises(bs.PanelError, match=r"one of 2 cells came; give panel.panels\['A'\], or ask bsynth.analyse"):
        bs.fit(PANEL)


def test_errors_of_pairs_are_those_of_two_cells_computed_by_hand() -> None:
    one = PANEL.panels["A"]
    pair = play_pairs(("A", "B"), (one, PANEL.panels["B"]), (did.NAME,) * 2, (IDENTITY,) * 2, 3)
    assert {(len(a), len(b)) for a, b in pair.members} == {(1, 2)}
    wide = FRAME.pivot(index="time", columns="unit", values="outcome")
    for members, errors, spreads in zip(pair.members, pair.errors, pair.spreads, strict=True):
        out = [*members[0], *members[1]]
        assert set(out) <= set(PANEL.donors)
        rest = wide[[unit for unit in PANEL.donors if unit not in out]].mean(axis=1)
        for group, error, spread in zip(members, errors, spreads, strict=True):
            own = wide[list(group)].mean(axis=1)
            gap = own - rest
            expected = (gap.loc[30:].mean() - gap.loc[:29].mean()) / own.loc[:29].std()
            assert error == pytest.approx(expected, rel=1e-9)
            assert spread == pytest.approx(gap.loc[:29].std(ddof=0) / own.loc[:29].std(), rel=1e-9)


def test_what_stands_still_is_played_by_nobody_and_what_is_small_is() -> None:
    """A donor that is constant before the start has no sd to be measured in; one of another unit of measure has."""
    frame = FRAME.assign(outcome=FRAME["outcome"].where(FRAME["unit"] != 3, 7.0))
    frame["outcome"] *= np.where(frame["unit"] == 4, 1e-14, 1.0)
    panels = bs.Panel.from_long(frame, **ROLES, treated={"A": 0, "B": 1}, start=30).panels
    found = play_pairs(("A", "B"), tuple(panels.values()), (did.NAME,) * 2, (IDENTITY,) * 2, 3)
    played = {unit for members in found.members for group in members for unit in group}
    assert played == {2, *PANEL.donors} - {3}
    assert found.pairs == 36
    assert np.isfinite(found.errors).all()


def test_two_donors_are_left_to_match_a_pair() -> None:
    panels = bs.Panel.from_long(FRAME, **ROLES, treated={"A": 0, "B": 1}, start=30, donors=[2, 3, 4, 5]).panels
    found = play_pairs(("A", "B"), tuple(panels.values()), (did.NAME,) * 2, (IDENTITY,) * 2, 3)
    assert found.pairs == 6
    assert found.errors.shape == found.spreads.shape == (6, 2)


def test_on_logs_pairs_are_played_on_logs() -> None:
    frame = FRAME.assign(outcome=np.exp(FRAME["outcome"]))
    cells = bs.Panel.from_long(frame, **ROLES, treated={"A": 0, "B": 1}, start=30).panels
    plain = bs.Panel.from_long(FRAME, **ROLES, treated={"A": 0, "B": 1}, start=30).panels
    logs, own = (
        play_pairs(("A", "B"), tuple(panels.values()), (did.NAME,) * 2, (link,) * 2, 0)
        for panels, link in ((cells, LOG), (plain, IDENTITY))
    )
    by_members = [dict(zip(map(frozenset, (sum(m, ()) for m in each.members)), each.errors, strict=True))
                  for each in (logs, own)]  # fmt: skip
    assert by_members[0].keys() == by_members[1].keys()
    for members, errors in by_members[0].items():
        assert sorted(errors) == pytest.approx(sorted(by_members[1][members]), rel=1e-9)


def test_too_few_donors_teach_no_correlation() -> None:
    panel = bs.Panel.from_long(FRAME, **ROLES, treated={"A": 0, "B": 1}, start=30, donors=[2, 3, 4])
    found = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    assert found.pairs[0].pairs == 0
    assert found.pairs[0].errors.shape == found.pairs[0].spreads.shape == (0, 2)
    assert found.correlations["correlation"][0] == pytest.approx(0, abs=1e-12)
    assert set(found.table["interval"]) == {"point"}
    assert found.table[["lower", "upper"]].isna().all(axis=None)
    assert "too few donors" in " ".join(found.sentences())


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.7])
def test_a_correlation_is_found_again(rho: float) -> None:
    rng = np.random.default_rng([5, round(100 * rho) + 100])
    z = rng.standard_normal((2000, 2)) @ np.linalg.cholesky([[1, rho], [rho, 1]]).T
    z *= np.sqrt(DEGREES / rng.chisquare(DEGREES, (2000, 1)))
    errors = z * [0.01, 1e4]
    found = learn_correlation(errors, 2000)
    assert found.mean == pytest.approx(rho, abs=0.06)
    lower, upper = learn_correlation(errors, 20).interval(0.95)
    sharper = found.interval(0.95)
    assert upper - lower > 3 * (sharper[1] - sharper[0]), "they are worth a hundredth, and known so much less"


def test_no_pairs_are_worth_more_than_they_are(rng: np.random.Generator) -> None:
    errors = rng.standard_normal((20, 2))
    np.testing.assert_array_equal(learn_correlation(errors, 1000).weight, learn_correlation(errors, 20).weight)
    assert learn_correlation(np.ones((1, 2)), 1).mean > 0.05, "a single one tells a little"
    assert learn_correlation(np.ones((1, 2)), 0).mean == pytest.approx(0.0, abs=1e-12)


def test_an_interval_of_a_correlation_leaves_out_as_much_at_either_end() -> None:
    even = Correlation(np.linspace(-0.99, 0.99, 199), np.full(199, 1 / 199))
    assert even.interval(0.9) == pytest.approx((-0.9, 0.9), abs=0.011)
    assert Correlation(even.rho, np.eye(199)[-1]).interval(0.9) == (0.99, 0.99)


@pytest.mark.parametrize(("pairs", "learned"), [(3, False), (4, True)])
def test_four_pairs_teach_and_three_do_not(pairs: int, learned: bool) -> None:
    members = tuple(((f"a{k}",), (f"b{k}",)) for k in range(pairs))
    errors = np.array([1.0, -1.0, 0.5, -0.5])[:pairs, None] * np.ones((1, 2))
    found = CellPair("A", "B", members, errors, np.ones((pairs, 2)))
    assert found.worth == pytest.approx(pairs)
    assert (found.correlation.mean > 0.1) is learned
    assert (found.inflation(0) is not None) is learned


def _cell(mean: float, scale: float) -> CellEffect:
    return CellEffect(mean, 100.0, 10, "calibrated", lambda deviates, _: mean + scale * deviates)


def test_a_difference_has_the_law_that_the_correlation_gives_it() -> None:
    weight = np.array([0.3, 0.7])
    rho = np.array([0.2, 0.8])
    draws = joint_draws(_cell(5.0, 2.0), _cell(3.0, 1.0), Correlation(rho, weight), 1)
    assert draws is not None
    scale = np.sqrt(4 + 1 - 2 * rho * 2 * 1)
    (radius,) = mixture_radii([0.95], scale, weight)
    lower, upper = np.quantile(draws[:, 0] - draws[:, 1], [0.025, 0.975])
    assert lower == pytest.approx(2.0 - radius, abs=0.03 * radius)
    assert upper == pytest.approx(2.0 + radius, abs=0.03 * radius)
    for k, (mean, each) in enumerate(((5.0, 2.0), (3.0, 1.0))):
        at = np.quantile(draws[:, k], [0.025, 0.25, 0.9])
        assert t_cdf((at - mean) / each, DEGREES) == pytest.approx([0.025, 0.25, 0.9], abs=0.004), "its own law"


def test_sides_do_not_matter() -> None:
    """B − A is A − B turned round."""
    turned = bs.Panel.from_long(FRAME, **ROLES, treated={"B": [1, 2], "A": 0}, start=30)
    settings: Any = {"models": ["none"], "methods": ["did"], "progress": False}
    one, other = (bs.analyse(each, **settings).table.set_index("of") for each in (PANEL, turned))
    assert one.at["A − B", "estimate"] == pytest.approx(-other.at["B − A", "estimate"])
    assert one.at["A − B", "lower"] == pytest.approx(-other.at["B − A", "upper"], rel=0.25)


def test_effects_are_those_of_each_cell_and_their_difference(found: MultiCellAnalysis) -> None:
    rows = found.effects(full=True).set_index(["of", "estimand"])
    for name, analysis in found.analyses.items():
        estimate = analysis.estimates[analysis.choice.kept].effects().set_index("estimand")["estimate"]
        assert rows.at[(name, "average"), "estimate"] == pytest.approx(estimate["average"])
        assert rows.at[(name, "cumulative"), "estimate"] == pytest.approx(estimate["cumulative"])
    for each in ("average", "cumulative"):
        apart = rows.at[("A", each), "estimate"] - rows.at[("B", each), "estimate"]
        assert rows.at[("A − B", each), "estimate"] == pytest.approx(apart)
    assert rows.at[("A − B", "cumulative"), "lower"] == pytest.approx(10 * rows.at[("A − B", "average"), "lower"])


def test_words_say_how_many_were_looked_at_and_what_the_correlation_does(found: MultiCellAnalysis) -> None:
    said, data = found.sentences(), json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert said[0].startswith("2 effects and 1 difference were looked at, so each is judged by its 98.3% interval")
    assert [each.split(":")[0] for each in said[1:]] == ["A − B", "A", "B", "A − B"]
    assert "pairs of donors show" in said[-1]
    assert data["joint_level"] == pytest.approx(1 - 0.05 / 3)
    (row,) = data["correlations"]
    assert (row["width"] < row["width_at_zero"]) == (row["correlation"] > 0)
    table = found.table
    assert (table["joint_lower"] < table["lower"]).all()


def test_three_cells_have_three_differences() -> None:
    panel = bs.Panel.from_long(FRAME, **ROLES, treated={"A": 0, "B": 1, "C": 2}, start=30)
    found = bs.analyse(panel, models=["none"], methods=["did"], progress=False)
    assert found.table["of"].tolist() == ["A", "B", "C", "A − B", "A − C", "B − C"]
    assert found.joint_level == pytest.approx(1 - 0.05 / 6)
    assert found.sentences()[0].startswith("3 effects and 3 differences were looked at")


def test_it_is_saved_with_all_that_it_rests_on(found: MultiCellAnalysis, tmp_path: Path) -> None:
    found.save(tmp_path / "cells.nc")
    again = bs.load(tmp_path / "cells.nc")
    pd.testing.assert_frame_equal(again.table, found.table)
    assert again.sentences() == found.sentences()


def test_the_page_has_differences_first_and_every_cell_in_it(found: MultiCellAnalysis, tmp_path: Path) -> None:
    page = bs.report(found, tmp_path / "cells.html").read_text(encoding="utf-8")
    assert page.index("<td>A − B</td>") < page.index("<td>A</td>") < page.index("<td>B</td>")
    assert page.count("<iframe") == 2
    assert page.count("srcdoc=") == 2
    assert "The picture is not available" not in page.split("<iframe")[0]
    assert "http://" not in page.split("<iframe")[0]


def test_the_shell_compares_cells(tmp_path: Path) -> None:
    frame = FRAME.assign(unit=FRAME["unit"].map(lambda k: "St. Louis, MO" if k == 1 else f"u{k}"))
    frame.to_csv(tmp_path / "s.csv", index=False)
    asked = ["run", str(tmp_path / "s.csv"), "--unit", "unit", "--time", "time", "--outcome", "outcome", "--start", "30",
             "--model", "none", "--methods", "did", "--quiet"]  # fmt: skip
    cells = ["--cell", "A=u0", "--cell", 'B="St. Louis, MO",u2', "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, [*asked, *cells])
    assert done.exit_code == 0, done.output
    assert "A − B" in done.output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["panel"]["cells"][1]["units"] == "St. Louis, MO, u2"
    assert summary["folders"] == {"A": "A", "B": "B"}
    by_verb = bs.Panel.from_long(frame, **ROLES, treated={"A": "u0", "B": ["St. Louis, MO", "u2"]}, start=30)
    table = bs.analyse(by_verb, models=["none"], methods=["did"], progress=False).table
    assert [row["lower"] for row in summary["table"]] == pytest.approx(table["lower"].tolist())
    page = (tmp_path / "run" / "index.html").read_text()
    assert 'src="B/report.html"' in page
    assert (tmp_path / "run" / "B" / "report.html").is_file()


@pytest.mark.parametrize("command", ["check", "plan", "power", "certify"])
def test_a_command_of_one_treatment_and_outcome_says_what_to_do_instead(command: str, tmp_path: Path) -> None:
    FRAME.assign(unit=FRAME["unit"].map("u{}".format), orders=1).to_csv(tmp_path / "s.csv", index=False)
    out = [] if command == "check" else ["--out", str(tmp_path / "out")]
    asked = [command, str(tmp_path / "s.csv"), "--unit", "unit", "--time", "time", *out]
    cells = [*asked, "--outcome", "outcome", "--start", "30", "--cell", "A=u0", "--cell", "B=u1"]
    two = [*asked, "--outcome", "outcome,orders", "--treated", "u0", "--start", "30"]
    none = [*asked, "--outcome", "outcome", "--start", "30"]
    for given, says in (
        (cells, "give the units of one cell with --treated and those of the others with --exclude"),
        (two, "--outcome names 2 columns and this command takes one"),
        (none, "give --treated with --start, --start-column, or --treatment-column"),
    ):
        done = CliRunner().invoke(main, given)
        assert done.exit_code == 2, done.output
        assert says in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()
    told = " ".join(CliRunner().invoke(main, [command, "--help"]).output.split())
    assert "--cell" not in told
    assert "several, separated by commas" not in told


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["--cell", "A"], "--cell is 'A'; give a name and its units"),
        (["--cell", "A=u0", "--cell", "A=u1"], "--cell 'A' is given twice"),
        (["--cell", "A=u0", "--treated", "u1"], "--treated and --cell say who is treated"),
        (["--cell", "A=u0"], "treated names 1 cell and at least 2 are compared"),
    ],
)
def test_cells_in_the_shell_are_refused_in_one_line(cells: list[str], message: str, tmp_path: Path) -> None:
    FRAME.assign(unit=FRAME["unit"].map("u{}".format)).to_csv(tmp_path / "s.csv", index=False)
    asked = [
        "run",
        str(tmp_path / "s.csv"),
        "--unit",
        "unit",
        "--time",
        "time",
        "--outcome",
        "outcome",
        "--start",
        "30",
    ]
    done = CliRunner().invoke(main, [*asked, *cells, "--out", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
