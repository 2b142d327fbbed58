"""Studies: worlds, methods, measures, and what a kill or another number of workers may not change."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import bsynth as bs
from bsynth import plots
from bsynth.evidence import designs
from bsynth.evidence.designs import DESIGNS
from bsynth.studies import Study, StudySpec, study
from bsynth.studies.measures import measures
from bsynth.studies.result import FITS, MEASURES, SPEC, STORE, SUMMARY
from bsynth.studies.units import place, score, units_of
from bsynth.studies.worlds import KINDS, FactorWorld, OwnPanel

SMALL: dict[str, Any] = {
    "title": "Small",
    "seeds": 4,
    "draws": 100,
    "tune": 150,
    "worlds": {"factor": {}, "geo, lifted": {"kind": "geo", "cell": "A3", "lift": True}},
    "methods": {
        "level": {"model": "level"},
        "demeaned": {"estimator": "demeaned", "inference": "placebo"},
        "did": {"estimator": "did"},
    },
}
TABLES = (FITS, MEASURES, SUMMARY)


def _toml(data: dict[str, Any]) -> str:
    """The same study as a file."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in data.items() if not isinstance(value, dict)]
    for group in ("worlds", "methods"):
        for name, settings in data[group].items():
            lines += [f"[{group}.{json.dumps(name)}]", *(f"{k} = {json.dumps(v)}" for k, v in settings.items())]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def small() -> Study:
    return study(SMALL, n_jobs=1, backend="threads", progress=False)


@pytest.fixture(scope="module")
def drawn_alike(request: pytest.FixtureRequest) -> Callable[[Study], Study]:
    """With other seeds in this process alone posteriors differ from those of other processes, and are left out."""
    if not request.config.getoption("--reseed"):
        return lambda found: found

    def without(found: Study) -> Study:
        models = found.fits["method"] == "level"
        return replace(found, fits=found.fits[~models].reset_index(drop=True), seconds=found.seconds[~models])

    return without


def _bytes(found: Study, folder: Path) -> list[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    found.write(folder)
    return [(folder / name).read_bytes() for name in TABLES]


def test_every_method_answers_the_same_panels(small: Study) -> None:
    fits = small.fits
    assert len(fits) == 2 * 3 * 4
    # So few draws may not be enough for every fit.
    assert "failed" not in set(fits["status"])
    truths = fits.groupby(["world", "k"])["truth"].nunique()
    assert (truths == 1).all()
    assert (fits[fits["world"] == "factor"]["truth"] == 0.5).all()
    assert (fits[fits["world"] == "geo, lifted"]["truth"] > 0).all()


def test_an_answer_is_that_of_the_verbs(small: Study) -> None:
    units = [u for u in units_of(small.spec, Path()).values() if u.world_name == "factor" and u.k == 2]
    panel_seed, _ = units[0].sequence.spawn(2)
    panel = units[0].world.draw(np.random.default_rng(panel_seed), Path()).panel
    rows = small.fits[(small.fits["world"] == "factor") & (small.fits["k"] == 2)].set_index("method")
    placebo = bs.placebo_space(panel, "demeaned", progress=False).effects(0.9).iloc[0]
    assert rows.loc["demeaned", "estimate"] == pytest.approx(placebo["estimate"], rel=1e-9)
    assert rows.loc["demeaned", "lower_90%"] == pytest.approx(placebo["lower"], rel=1e-9)
    assert rows.loc["demeaned", "p"] == pytest.approx(placebo["p"], rel=1e-9)
    did = bs.classical(panel, "did").effects()["estimate"].iloc[0]
    assert rows.loc["did", "estimate"] == pytest.approx(did, rel=1e-9)
    assert np.isnan(rows.loc["did", "lower_95%"])
    level = rows.loc["level"]
    assert level["lower_95%"] < level["lower_80%"] < level["estimate"] < level["upper_80%"] < level["upper_95%"]
    assert level["crps"] > 0
    assert 0 <= level["pit"] <= 1


def test_measures_are_those_of_hand() -> None:
    fits = pd.DataFrame(
        {
            "world": "w", "method": "m", "k": range(4), "truth": [0.0, 0.0, 0.0, 0.0], "sd": [2.0] * 4,
            "estimate": [1.0, -1.0, 3.0, np.nan], "lower_95%": [-1.0, -3.0, 1.0, np.nan],
            "upper_95%": [3.0, 1.0, 5.0, np.nan], "p": [0.2, 0.05, 0.01, np.nan], "crps": [1.0, 2.0, 3.0, np.nan],
            "pit": [0.2, 0.5, 0.9, np.nan], "status": ["ok", "unreliable", "ok", "failed"],
        }
    )  # fmt: skip
    row = measures(fits, (0.95,)).iloc[0]
    assert row[["panels", "failed", "unreliable"]].tolist() == [3, 1, 1]
    assert not row["effect"]
    assert row["bias"] == pytest.approx(1.0)
    assert row["bias_se"] == pytest.approx(2 / np.sqrt(3))
    assert row["rmse"] == pytest.approx(np.sqrt(11 / 3))
    assert row["covered_95%"] == pytest.approx(2 / 3)
    assert row["width_95%"] == pytest.approx(4.0)
    # The third misses by 1: 2 / .05 of it is added.
    assert row["score_95%"] == pytest.approx(4 + 40 / 3)
    assert row["claims"] == pytest.approx(1 / 3)
    assert row["rejects"] == pytest.approx(2 / 3)
    assert row["crps"] == pytest.approx(2.0)
    assert measures(fits, (0.95,), "sd").iloc[0]["rmse"] == pytest.approx(np.sqrt(11 / 3) / 2)


def test_an_interval_without_bounds_covers_and_has_no_width() -> None:
    most = np.finfo(float).max
    fits = pd.DataFrame(
        {
            "world": "w", "method": "m", "k": [0], "truth": 1.0, "sd": 1.0, "estimate": 0.0, "lower_95%": -most,
            "upper_95%": most, "p": np.nan, "crps": np.nan, "pit": np.nan, "status": "ok",
        }
    )  # fmt: skip
    row = measures(fits, (0.95,)).iloc[0]
    assert row["covered_95%"] == 1
    assert np.isinf(row["width_95%"])
    assert np.isnan(row["crps"])


def test_crps_of_a_normal_is_its_closed_form(rng: np.random.Generator) -> None:
    # σ [z (2Φ(z) − 1) + 2φ(z) − 1/√π] at z = 1 (Gneiting and Raftery 2007, eq. 21)
    draws = rng.normal(size=200_000)
    assert score(draws, 1.0) == pytest.approx(0.602, abs=0.01)
    assert place(draws, 0.0) == pytest.approx(0.5, abs=0.01)
    assert place(np.zeros(3), 0.0) == 0.5


def test_a_posterior_of_the_right_width_has_uniform_places() -> None:
    found = study(
        {"seeds": 30, "draws": 100, "tune": 150, "worlds": {"factor": {}}, "methods": {"level": {"model": "level"}}},
        n_jobs=1, backend="threads", progress=False,
    ).measures()  # fmt: skip
    assert found["pit_p"].iloc[0] > 1e-3
    assert found["covered_80%"].iloc[0] > 0.6


@pytest.mark.parametrize("backend", ["processes", "threads"])
def test_neither_workers_nor_order_change_a_byte(small: Study, tmp_path: Path, drawn_alike: Any, backend: str) -> None:
    found = study(SMALL, tmp_path / "run", n_jobs=2, backend=backend, progress=False)
    assert _bytes(drawn_alike(found), tmp_path / "two") == _bytes(drawn_alike(small), tmp_path / "one")
    again = study(SMALL, tmp_path / "run", n_jobs=1, backend="threads", progress=False)
    assert _bytes(drawn_alike(again), tmp_path / "again") == _bytes(drawn_alike(small), tmp_path / "one")


def test_on_a_cluster_it_is_the_same(small: Study, tmp_path: Path, drawn_alike: Any) -> None:
    """Two worker processes behind a scheduler's address; Dask is where `make cluster` puts it, or installed."""
    apart = Path(__file__).parent.parent / ".build" / "dask"
    if not apart.is_dir() and importlib.util.find_spec("distributed") is None:
        pytest.skip("needs Dask: make cluster")
    file = tmp_path / "study.toml"
    file.write_text(_toml(SMALL))
    script = textwrap.dedent(f"""
        from distributed import LocalCluster
        from bsynth.studies import study

        if __name__ == "__main__":
            with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
                study({str(file)!r}, {str(tmp_path / "out")!r}, n_jobs=2, backend="dask",
                      scheduler=cluster.scheduler_address, progress=False)
    """)
    (tmp_path / "run.py").write_text(script)
    paths = os.pathsep.join([str(apart), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py")],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = Study.read(tmp_path / "out")
    assert _bytes(drawn_alike(found), tmp_path / "cluster") == _bytes(drawn_alike(small), tmp_path / "one")


def test_what_is_added_is_all_that_is_computed(small: Study, tmp_path: Path) -> None:
    study(SMALL | {"seeds": 2}, tmp_path, n_jobs=1, backend="threads", progress=False)
    before = (tmp_path / STORE).read_text().splitlines()
    more = SMALL | {"methods": SMALL["methods"] | {"sc": {"estimator": "sc"}}}
    found = study(more, tmp_path, n_jobs=1, backend="threads", progress=False)
    after = (tmp_path / STORE).read_text().splitlines()
    assert after[: len(before)] == before
    assert len(after) == 2 * 4 * 4
    shared = found.fits[found.fits["method"] != "sc"].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, small.fits)


def test_killed_at_any_moment_it_goes_on(small: Study, tmp_path: Path, drawn_alike: Any) -> None:
    folder, file = tmp_path / "out", tmp_path / "study.toml"
    file.write_text(_toml(SMALL))
    script = textwrap.dedent(f"""
        from bsynth.studies import study
        study({str(file)!r}, {str(folder)!r}, n_jobs=1, backend="threads", progress=False)
    """)
    moments = random.Random(7)
    kept: list[str] = []
    for _ in range(3):
        running = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"OMP_NUM_THREADS": "1"})
        target = len(kept) + moments.randint(1, 6)
        while running.poll() is None and len(_lines(folder)) < target:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()
        now = _lines(folder)
        assert now[: len(kept)] == kept  # nothing that was finished is lost
        kept = now
    found = study(file, folder, n_jobs=1, backend="threads", progress=False)
    assert _bytes(drawn_alike(found), tmp_path / "killed") == _bytes(drawn_alike(small), tmp_path / "one")


def _lines(folder: Path) -> list[str]:
    """Finished pieces: whole lines."""
    file = folder / STORE
    text = file.read_text() if file.is_file() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def test_a_folder_can_be_read_while_it_fills(tmp_path: Path) -> None:
    study(SMALL | {"seeds": 2}, tmp_path, n_jobs=1, backend="threads", progress=False)
    found = Study.read(tmp_path)
    assert found.measures()["panels"].tolist() == [2] * 6
    (tmp_path / SPEC).unlink()
    with pytest.raises(bs.SpecError, match="no folder of a study"):
        Study.read(tmp_path)


def test_a_method_that_fails_is_counted_and_named() -> None:
    found = study(
        {
            "seeds": 3,
            "worlds": {"few": {"kind": "factor", "world": "few-donors"}},
            "methods": {"predictors": {"estimator": "predictors"}, "ok": {"estimator": "did"},
                        "wrong": {"estimator": "did", "inference": "bootstrap"}},
        },
        n_jobs=1, backend="threads", progress=False,
    )  # fmt: skip
    assert found.status == "unreliable"
    assert "wrong in few" in found.reason
    failed = found.fits[found.fits["method"] == "wrong"]
    assert (failed["status"] == "failed").all()
    assert failed["failure"].str.len().gt(0).all()
    assert found.measures().set_index("method").loc["wrong", "failed"] == 3


def test_waves_are_asked_of_what_goes_with_them() -> None:
    found = study(
        {
            "seeds": 1,
            "worlds": {"waves": {}, "factor": {}},
            "methods": {"stacked": {"estimator": "demeaned", "inference": "placebo-waves"}, "did": {"estimator": "did"}},
        },
        n_jobs=1, backend="threads", progress=False,
    )  # fmt: skip
    assert found.fits[["world", "method"]].to_numpy().tolist() == [
        ["waves", "stacked"], ["waves", "did"], ["factor", "did"],
    ]  # fmt: skip
    assert any("stacked does not go with factor" in sentence for sentence in found.sentences())
    assert found.fits["lower_95%"].notna().tolist() == [True, False, False]


def test_effects_are_put_into_a_panel_of_ones_own(tmp_path: Path) -> None:
    bs.datasets.load_prop99().to_frame().to_csv(tmp_path / "own.csv", index=False)
    columns = pd.read_csv(tmp_path / "own.csv").columns.tolist()
    world = OwnPanel(
        data="own.csv", unit=columns[0], time=columns[1], outcome=columns[2], treated="California", start=1989,
        duration=4, effect=0.1,
    )  # fmt: skip
    drawn = [world.draw(np.random.default_rng(k), tmp_path) for k in range(6)]
    assert len({each.panel.treated for each in drawn}) > 1
    for each in drawn:
        panel = each.panel
        assert panel.n_post == 4
        assert panel.times[-1] < 1989
        untreated = panel.treated_series[panel.n_pre :].mean() - each.truth
        assert each.truth == pytest.approx(0.1 * untreated)


def _own(folder: Path) -> dict[str, Any]:
    """A world of the sales in ``folder``, which are written there."""
    sales = bs.datasets.make_geo(as_frame=True)
    sales.to_csv(folder / "sales.csv", index=False)
    unit, time_, outcome = sales.columns[:3]
    return {
        "kind": "own", "data": str(folder / "sales.csv"), "unit": unit, "time": time_, "outcome": outcome,
        "treated": str(sales.iloc[0, 0]), "duration": 4, "effect": 0.1,
    }  # fmt: skip


def test_data_that_change_under_their_name_are_read_anew(tmp_path: Path) -> None:
    world = _own(tmp_path)
    asked = {"seeds": 3, "worlds": {"mine": world}, "methods": {"did": {"estimator": "did"}}}
    before = study(asked, tmp_path / "out", n_jobs=1, backend="threads", progress=False)
    sales = pd.read_csv(world["data"])
    sales[world["outcome"]] *= 3
    sales.to_csv(world["data"], index=False)
    after = study(asked, tmp_path / "out", n_jobs=1, backend="threads", progress=False)
    assert after.fits["truth"].to_numpy() == pytest.approx(3 * before.fits["truth"].to_numpy())
    assert Study.read(tmp_path / "out").fits["truth"].tolist() == after.fits["truth"].tolist()


def test_a_placebo_design_is_split_anew_when_its_data_change(tmp_path: Path, data_dir: Path) -> None:
    frame, file = pd.read_csv(data_dir / "cps.csv"), tmp_path / "cps.csv"
    frame.to_csv(file, index=False)
    before = designs.parts(file, "log_wage", "min_wage")
    assert designs.parts(file, "log_wage", "min_wage") is before
    frame["log_wage"] = frame["hours"]
    frame.to_csv(file, index=False)
    assert not np.allclose(designs.parts(file, "log_wage", "min_wage").mean, before.mean)


def test_a_folder_holds_no_more_than_its_study_says(tmp_path: Path) -> None:
    asked = {"seeds": 5, "worlds": {"factor": {}, "b": {"kind": "geo"}}, "methods": {"did": {"estimator": "did"}}}
    quiet: dict[str, Any] = {"n_jobs": 1, "backend": "threads", "progress": False}
    study(asked, tmp_path, **quiet)
    fewer = study(asked | {"seeds": 2, "worlds": {"factor": {}}}, tmp_path, **quiet)
    found = Study.read(tmp_path)
    pd.testing.assert_frame_equal(found.fits, fewer.fits)
    assert found.sentences()[0].endswith("2 panels each.")
    # The settings of the two worlds change places: neither name stands for what the other was.
    swapped = study(asked | {"worlds": {"factor": {"kind": "geo"}, "b": {"kind": "factor"}}}, tmp_path, **quiet)
    pd.testing.assert_frame_equal(Study.read(tmp_path).fits, swapped.fits)


def test_a_study_that_is_not_done_says_of_how_many_panels_it_speaks(tmp_path: Path) -> None:
    asked = {"seeds": 5, "worlds": {"factor": {}}, "methods": {"did": {"estimator": "did"}}}
    study(asked, tmp_path, n_jobs=1, backend="threads", progress=False)
    kept = (tmp_path / STORE).read_text().splitlines(keepends=True)
    (tmp_path / STORE).write_text("".join(kept[:-2]))
    assert Study.read(tmp_path).sentences()[0].endswith("3 of 5 panels each.")


def test_a_date_of_toml_is_the_text_that_it_would_be_in_quotes() -> None:
    text = """
        [methods.did]
        estimator = "did"
        [worlds.own]
        data = "own.csv"
        unit = "u"
        time = "t"
        outcome = "y"
        treated = "A"
        start = {}
    """
    plain, quoted = (StudySpec.from_toml(text.format(start)) for start in ("2024-10-21", '"2024-10-21"'))
    assert plain == quoted


def test_worlds_say_their_truth() -> None:
    null = FactorWorld(size=0.0).draw(np.random.default_rng(1), Path())
    there = FactorWorld().draw(np.random.default_rng(1), Path())
    assert null.truth == 0
    moved = there.panel.outcome - null.panel.outcome
    assert moved[there.panel.n_pre :, 0] == pytest.approx(0.5)
    assert np.abs(moved[: there.panel.n_pre]).max() == 0
    assert set(KINDS) == {"factor", "geo", "placebo-design", "rollout-log", "waves", "own"}


@pytest.mark.parametrize("design", ["one unit", "baseline"])
def test_placebo_designs_are_those_of_the_paper(design: str, data_dir: Path) -> None:
    found = study(
        {
            "seeds": 40,
            "worlds": {"design": {"kind": "placebo-design", "design": design, "data": str(data_dir / "cps.csv")}},
            "methods": {"did": {"estimator": "did"}, "sdid": {"estimator": "sdid"}},
        },
        n_jobs=1, backend="threads", progress=False,
    )  # fmt: skip
    for row in found.measures().itertuples():
        published = designs.DESIGNS[design].published[row.method]
        assert row.rmse == pytest.approx(published, abs=4 * row.rmse_se)
    assert design in DESIGNS


OWN = {"kind": "own", "data": "no.csv", "unit": "u", "time": "t", "outcome": "y", "treated": "A"}
WRONG = {
    "no such key": (SMALL | {"sedes": 3}, "unknown key 'sedes', did you mean 'seeds'"),
    "no worlds": (SMALL | {"worlds": {}}, "a study without worlds"),
    "kind": (SMALL | {"worlds": {"x": {"kind": "goe"}}}, "did you mean 'geo'"),
    "no kind": (SMALL | {"worlds": {"x": {}}}, "it can be factor"),
    "world's key": (SMALL | {"worlds": {"geo": {"cel": "A1"}}}, "unknown key 'cel', did you mean 'cell'"),
    "value": (SMALL | {"worlds": {"geo": {"cell": "A9"}}}, "cell = 'A9' is not allowed"),
    "type": (SMALL | {"seeds": "many"}, "seeds = 'many' is not allowed"),
    "negative": (SMALL | {"seeds": -1}, "seeds = -1 is not allowed"),
    "level": (SMALL | {"levels": [1.5]}, "is not allowed"),
    "two": (SMALL | {"methods": {"x": {"model": "level", "estimator": "sc"}}}, "exactly one of them"),
    "none": (SMALL | {"methods": {"x": {}}}, "exactly one of them"),
    "model": (SMALL | {"methods": {"x": {"model": "levell"}}}, "method 'x'"),
    "inference": (
        SMALL | {"methods": {"x": {"estimator": "sc", "inference": "magic"}}},
        "inference 'magic' is unknown",
    ),
    "interpreter": (SMALL | {"methods": {"x": {"peer": "pysyncon", "python": "/no/python"}}}, "cannot be run"),
    "package": (SMALL | {"methods": {"x": {"peer": "pysyncon", "python": sys.executable}}}, "has no pysyncon"),
    "a file": (SMALL | {"worlds": {"placebo-design": {"data": "/no/cps.csv"}}}, "cannot be read"),
    "a name": (SMALL | {"worlds": {"a|b": {"kind": "geo"}}}, "without /"),
    "levels of one name": (SMALL | {"levels": [0.95, 0.9501]}, "levels 0.95 and 0.9501 would both be called 95%"),
    "an effect of nothing": (SMALL | {"worlds": {"x": OWN | {"effect": np.nan}}}, "effect = nan is not allowed"),
    "an endless effect": (SMALL | {"worlds": {"x": OWN | {"effect": np.inf}}}, "effect = inf is not allowed"),
    "an endless size": (SMALL | {"worlds": {"factor": {"size": np.inf}}}, "size = inf is not allowed"),
    "more than all": (SMALL | {"worlds": {"x": OWN | {"effect": -1.5}}}, "give a share above -1"),
    "a start": (SMALL | {"worlds": {"x": OWN | {"start": [3]}}}, "start = [3] is not allowed"),
    "nothing": (3, "give a StudySpec"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_studies_say_so_in_one_line_before_anything_runs(case: str, tmp_path: Path) -> None:
    given, words = WRONG[case]
    with pytest.raises(bs.BsynthError) as refused:
        study(given, tmp_path / "out", progress=False)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out" / STORE).exists()


def test_the_readmes_study_is_one() -> None:
    text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    spec = StudySpec.from_toml(text.split("```toml\n# study.toml")[1].split("```")[0])
    assert (list(spec.worlds), list(spec.methods)) == (["mine"], ["default", "demeaned, placebo"])


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(bs.SpecError, match=r"cannot be read .* give a study.toml"):
        StudySpec.from_file(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("seeds = [")
    with pytest.raises(bs.SpecError, match="is not valid TOML"):
        StudySpec.from_file(tmp_path / "bad.toml")
    with pytest.raises(bs.SpecError, match="backend 'dask' and a scheduler's address go together"):
        study(SMALL, backend="dask", progress=False)


def test_pictures_show_every_method_and_interval(small: Study) -> None:
    ax = plots.plot_study(small)
    assert isinstance(ax, Axes)
    ids = [line.get_gid() for line in ax.get_lines()]
    assert {"nominal", "method-0", "method-1"} <= set(ids)
    zipper = plots.plot_zipper(small, "factor", "level")
    drawn = sum(len(each.get_segments()) for each in zipper.collections if each.get_gid() in ("held", "missed"))
    assert drawn == 4
    with pytest.raises(bs.SpecError, match="did you mean 'level'"):
        plots.plot_zipper(small, "factor", "levell")
    with pytest.raises(bs.SpecError, match=r"no 95% interval"):
        plots.plot_zipper(small, "factor", "did")


def test_the_command_line_writes_and_resumes(tmp_path: Path, small: Study) -> None:
    from click.testing import CliRunner

    from bsynth.cli import main

    file, out = tmp_path / "study.toml", tmp_path / "out"
    file.write_text(_toml(SMALL))
    command = ["study", str(file), "--out", str(out), "--jobs", "1", "--backend", "threads", "--quiet"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert [(out / name).read_bytes() for name in TABLES] == _bytes(small, tmp_path / "one")
    assert (out / "figures" / "coverage.png").is_file()
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert "--resume" in refused.output
    assert CliRunner().invoke(main, [*command, "--resume"]).exit_code == 0
    other = CliRunner().invoke(main, ["study", str(tmp_path / "no.toml"), "--out", str(tmp_path / "new")])
    assert other.exit_code == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"duration": 600}, "a duration of 600"),
        ({"unit": "town"}, "there is no column 'town'"),
        ({"data": "no.csv"}, "cannot be read"),
    ],
)
def test_a_world_that_cannot_be_drawn_leaves_no_folder(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    bs.datasets.make_geo(as_frame=True).to_csv(tmp_path / "sales.csv", index=False)
    columns = pd.read_csv(tmp_path / "sales.csv").columns.tolist()
    world = {
        "kind": "own", "data": str(tmp_path / "sales.csv"), "unit": columns[0], "time": columns[1],
        "outcome": columns[2], "treated": str(pd.read_csv(tmp_path / "sales.csv").iloc[0, 0]),
    }  # fmt: skip
    with pytest.raises(bs.BsynthError, match=words):
        study(SMALL | {"worlds": {"mine": world | change}}, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
