"""Labels of units: one or a collection everywhere, commas in them, and those that merely look the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bsynth as bs
from bsynth.cli import main
from bsynth.findings.specifications import plan_curve

pytestmark = pytest.mark.usefixtures("pictures_in_blank")

ROLES: dict[str, Any] = {"unit": "unit", "time": "time", "outcome": "y", "treated": "T", "start": 20}


@pytest.fixture(scope="module")
def frame(cases_dir: Path) -> pd.DataFrame:
    return pd.read_csv(cases_dir / "one_letter.csv")


def panel(data: Any, **changed: Any) -> bs.Panel:
    return bs.Panel.from_long(data, **{**ROLES, **changed})


def renamed(frame: pd.DataFrame, **names: str) -> pd.DataFrame:
    return frame.assign(unit=frame.unit.replace(names))


ONE: dict[str, Callable[[], Any]] = {
    "text": lambda: "B",
    "list": lambda: ["B"],
    "array": lambda: np.array(["B"]),
    "array without dimensions": lambda: np.array("B"),
    "index": lambda: pd.Index(["B"]),
    "series": lambda: pd.Series(["B"], index=[7]),
    "set": lambda: {"B"},
    "keys": lambda: {"B": 1}.keys(),
    "generator": lambda: (name for name in "B"),
    "categorical": lambda: pd.Categorical(["B"]),
}


@pytest.mark.parametrize("form", ONE)
def test_one_label_in_any_form(form: str, frame: pd.DataFrame) -> None:
    make = ONE[form]
    left = tuple("ACDEFGH")
    assert panel(frame, exclude=make()).donors == left
    assert panel(frame).without(make()).donors == left
    assert panel(frame).as_treated(make()).treated == ("B",)
    assert panel(frame, treated=make(), exclude="T").treated == ("B",)
    with pytest.raises(bs.PanelError, match="only 'B' is left"):
        panel(frame, donors=make())


def test_text_is_never_taken_letter_by_letter(frame: pd.DataFrame) -> None:
    for call in (
        lambda: panel(frame, exclude="BC"),
        lambda: panel(frame).without("BC"),
        lambda: panel(frame, donors="BC"),
        lambda: panel(frame, treated="BC"),
        lambda: plan_curve(panel(frame), pools={"mine": "BC"}),
    ):
        with pytest.raises(bs.PanelError, match=r"there is no .*'BC'"):
            call()
    assert panel(renamed(frame, B="BC"), exclude="BC").donors == tuple("ACDEFGH")
    assert panel(frame, exclude=["B", "C"]).donors == tuple("ADEFGH")


def test_numbers_and_none(frame: pd.DataFrame) -> None:
    assert panel(frame, exclude=None).donors == tuple("ABCDEFGH")
    assert panel(frame, exclude=()).donors == panel(frame, donors=None).donors == tuple("ABCDEFGH")
    with pytest.raises(bs.PanelError, match="there is no excluded unit '3'"):
        panel(frame, exclude=3)
    with pytest.raises(bs.PanelError, match="treated is None"):
        panel(frame, treated=None)
    numbers = frame.assign(unit=frame.unit.map({name: k for k, name in enumerate("TABCDEFGH")}))
    assert panel(numbers, treated=0, exclude=3).donors == (1, 2, 4, 5, 6, 7, 8)
    assert panel(numbers, treated=np.int64(0), exclude=np.array([3, 4])).donors == (1, 2, 5, 6, 7, 8)
    assert panel(numbers, treated=np.array(0), exclude=range(3, 5)).donors == (1, 2, 5, 6, 7, 8)


def test_covariates_in_any_form(frame: pd.DataFrame) -> None:
    more = frame.assign(clicks=frame.y * 2)
    for given in ("clicks", ["clicks"], np.array(["clicks"]), {"clicks"}, (name for name in ["clicks"])):
        found = panel(more, covariates=given).covariates
        assert found is not None
        assert found.names == ("clicks",)
    assert panel(more, covariates=None).covariates is None
    with pytest.raises(bs.PanelError, match="no column 3 for covariate 1"):
        panel(more, covariates=3)


TWINS = {
    "space at the end": ("x", "x ", "spaces"),
    "space at the start": ("x", " x", "spaces"),
    "two spaces": ("x y", "x  y", "spaces"),
    "a space that does not break": ("x y", "x\xa0y", "spaces"),
    "a tab": ("x y", "x\ty", "spaces"),
    "case": ("Ohio", "OHIO", "upper and lower case"),
    "two compositions": ("Québec", "Que\u0301bec", "look alike"),
    "Cyrillic": ("Texas", "\u0422exas", "look alike"),
    "Greek": ("Alabama", "\u0391labama", "look alike"),
    "invisible": ("x", "x\u200b", "look alike"),
    "byte order mark": ("x", "\ufeffx", "look alike"),
    "full width": ("AB", "\uff21\uff22", "look alike"),
    "dash": ("x-y", "x\u2013y", "look alike"),
    "apostrophe": ("O'x", "O\u2019x", "look alike"),
}


@pytest.mark.parametrize("case", TWINS)
def test_labels_that_look_the_same_are_named_and_kept_apart(case: str, frame: pd.DataFrame) -> None:
    one, other, words = TWINS[case]
    both = panel(renamed(frame, B=one, C=other))
    assert {one, other} < set(both.donors)
    assert both.n_donors == 8
    (note,) = both.to_dict()["notes"]
    assert words in note
    assert "kept apart" in note
    escaped = other.encode("ascii", "backslashreplace").decode() if words == "look alike" else repr(other)[1:-1]
    assert escaped in note or repr(one)[1:-1] in note
    assert one not in panel(renamed(frame, B=one, C=other), exclude=one).donors
    with pytest.raises(bs.PanelError, match=f"did you mean .* differ only in .*{words}"):
        panel(renamed(frame, B=other), exclude=one)
    with pytest.raises(bs.PanelError, match=f"did you mean .* differ only in .*{words}"):
        panel(renamed(frame, T=one), treated=other)
    assert panel(renamed(frame, B=one, C=other)).without(one, other).to_dict()["notes"] == []


def test_other_labels_are_not_called_alike(frame: pd.DataFrame) -> None:
    for one, other in (("New York", "Newark"), ("Quebec", "Québec"), ("D1", "D01"), ("A1", "A2")):
        assert panel(renamed(frame, B=one, C=other)).to_dict()["notes"] == []


def test_trailing_space_is_seen(cases_dir: Path, tmp_path: Path) -> None:
    path = cases_dir / "trailing_space.csv"
    with pytest.raises(bs.PanelError) as caught:
        panel(path)
    message = str(caught.value)
    assert "'D01 ' at 0" in message
    assert "'D01' and 'D01 ' differ only in spaces" in message
    done = run(path, "--treated", "T", "--out", tmp_path / "run")
    # What to do about it is said in options.
    fault, _ = message.split("; complete the data")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"bsynth: {fault}; complete the data, or pass --missing interpolate")
    # Mended by hand, the panel holds the effect that was put in.
    stripped = pd.read_csv(path).assign(unit=lambda f: f.unit.str.strip())
    assert average(panel(stripped)) == pytest.approx(2, abs=0.2)


def run(path: Path, *arguments: object) -> Result:
    base = ["run", path, "--unit", "unit", "--time", "time", "--outcome", "y", "--start", 20, "--model", "none",
            "--methods", "sc", "--findings", "none", "--quiet"]  # fmt: skip
    return CliRunner().invoke(main, [str(each) for each in (*base, *arguments)])


def average(found: bs.Panel) -> float:
    return float(bs.classical(found).effects().query("estimand == 'average'").estimate.iloc[0])


def test_a_label_with_a_comma_by_the_command_line(cases_dir: Path, tmp_path: Path) -> None:
    path, out = cases_dir / "comma_name.csv", tmp_path / "run"
    plain = renamed(pd.read_csv(path), **{"Washington, DC": "T"})
    wanted = average(panel(plain))
    assert wanted == pytest.approx(2, abs=0.2)
    assert average(panel(path, treated="Washington, DC")) == pytest.approx(wanted, rel=1e-9)
    done = run(path, "--treated", "Washington, DC", "--exclude", "D06, D07", "--out", out)
    assert done.exit_code == 0, done.output
    summary = json.loads((out / "summary.json").read_text())
    assert summary["panel"]["treated"] == ["Washington, DC"]
    assert summary["panel"]["donors"] == [f"D0{k}" for k in range(6)]
    row = next(row for row in summary["effects"] if row["estimand"] == "average")
    assert row["estimate"] == pytest.approx(average(panel(plain, exclude=["D06", "D07"])), rel=1e-9)


@pytest.mark.parametrize(
    ("typed", "labels"),
    [
        (["Washington, DC"], ["Washington, DC"]),
        (['"Washington, DC",D00'], ["D00", "Washington, DC"]),
        (['"Washington, DC", D00'], ["D00", "Washington, DC"]),
        (["Washington, DC", "D00"], ["D00", "Washington, DC"]),
        (["D00, D01"], ["D00", "D01"]),
        (["D00", "D01"], ["D00", "D01"]),
        ([" D00 "], ["D00"]),
        (['"D00"'], ["D00"]),
        (["D00,"], ["D00"]),
    ],
)
def test_what_is_typed_is_a_label_first_and_else_a_list(typed: list[str], labels: list[str], cases_dir: Path) -> None:
    from bsynth.cli.request import PanelRequest

    request = PanelRequest(
        data=cases_dir / "comma_name.csv", unit="unit", time_="time", outcome="y", treated=typed, start="20", end=None,
        donors=None, exclude=[], cluster=None, covariates=[], missing="error",
    ).resolved()  # fmt: skip
    assert sorted(request.treated) == labels
    assert list(request.read().treated) == labels


def test_spaces_of_a_label_can_be_typed(frame: pd.DataFrame, tmp_path: Path) -> None:
    from bsynth.cli.request import PanelRequest

    path = tmp_path / "t.csv"
    renamed(frame, B="B ", C='5" pipe, long', D="x\ny").to_csv(path, index=False)
    for typed, wanted in (
        ("B ", ["B "]),
        ('5" pipe, long', ['5" pipe, long']),
        ("x\ny", ["x\ny"]),
        ("A, H", ["A", "H"]),
    ):
        request = PanelRequest(
            data=path, unit="unit", time_="time", outcome="y", treated=["T"], start="20", end=None, donors=None,
            exclude=[typed], cluster=None, covariates=[], missing="error",
        ).resolved()  # fmt: skip
        assert request.exclude == wanted
        assert not set(wanted) & set(request.read().donors)


def test_columns_with_commas(frame: pd.DataFrame, tmp_path: Path) -> None:
    from bsynth.cli.request import PanelRequest

    path = tmp_path / "t.csv"
    frame.assign(**{"clicks, paid": frame.y * 2, "cost": frame.y * 3}).to_csv(path, index=False)
    for typed, wanted in (
        (["clicks, paid"], ["clicks, paid"]),
        (['"clicks, paid",cost'], ["clicks, paid", "cost"]),
        (["clicks, paid", "cost"], ["clicks, paid", "cost"]),
    ):
        request = PanelRequest(
            data=path, unit="unit", time_="time", outcome="y", treated=["T"], start="20", end=None, donors=None,
            exclude=[], cluster=None, covariates=typed, missing="error",
        ).resolved()  # fmt: skip
        assert request.covariates == wanted


def test_a_wrong_label_is_never_suggested_as_it_was_typed(cases_dir: Path, tmp_path: Path) -> None:
    for typed in ("Washington", "Washington DC", "Washington, DC, D00", "washington, dc", ","):
        done = run(cases_dir / "comma_name.csv", "--treated", typed, "--out", tmp_path / "run")
        assert done.exit_code == 2
        assert len(done.stderr.splitlines()) == 1
        assert f"did you mean {typed!r}" not in done.stderr
    assert "only --start came; give --treated with --start" in done.stderr
    assert not (tmp_path / "run").exists()
    empty = run(cases_dir / "comma_name.csv", "--treated", "D00", "--donors", ",", "--out", tmp_path / "run")
    assert (empty.exit_code, "donors is empty" in empty.stderr) == (2, True)


def test_help_says_how_to_write_a_comma() -> None:
    for command in ("run", "certify"):
        words = " ".join(CliRunner().invoke(main, [command, "--help"]).output.split())
        assert "'Washington, DC'" in words
        assert "'\"Washington, DC\",Maine'" in words
        assert words.count("written as --treated") == 3
