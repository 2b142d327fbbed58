"""The panels that come with the package: what they hold, where they are from, and that the wheel has them."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.datasets import geo, studies

ROOT = Path(__file__).parent.parent
LOADERS = {
    "prop99.csv": (bs.datasets.load_prop99, studies.PROP99, "california_prop99.csv"),
    "basque.csv": (bs.datasets.load_basque, studies.BASQUE, "basque.csv"),
    "germany.csv": (bs.datasets.load_germany, studies.GERMANY, "germany.csv"),
}


@pytest.mark.parametrize("name", LOADERS)
def test_a_study_is_the_one_that_was_published(name: str, data_dir: Path) -> None:
    load, roles, source = LOADERS[name]
    panel, frame = load(), load(as_frame=True)
    assert isinstance(panel, bs.Panel)
    published = pd.read_csv(data_dir / source)
    pd.testing.assert_series_equal(frame[roles["outcome"]], published["outcome"], check_names=False)
    assert frame[roles["unit"]].tolist() == published["unit"].tolist()
    assert frame[roles["time"]].tolist() == published["time"].tolist()
    again = bs.Panel.from_long(frame, **roles)
    np.testing.assert_array_equal(again.outcome, panel.outcome)
    assert panel.source.name == name
    assert (panel.labels.outcome, panel.labels.unit) == (roles["outcome_label"], roles["unit_label"])


def test_the_studies_answers() -> None:
    """Mean post gap of the simplex weights on outcomes alone, as solved by other programs."""
    wanted = {"prop99.csv": -19.513631, "basque.csv": -0.691528, "germany.csv": -1297.477046}
    for name, (load, *_) in LOADERS.items():
        assert bs.classical(load()).effects()["estimate"][0] == pytest.approx(wanted[name], rel=1e-6)


def test_source_and_licence_stand_beside_each_file() -> None:
    folder = ROOT / "bsynth" / "datasets"
    words = (folder / "LICENSES.md").read_text(encoding="utf-8")
    files = sorted(file.name for file in folder.glob("*.csv"))
    assert files == sorted(LOADERS)
    for name in files:
        assert f"| `{name}` |" in words
        load, *_ = LOADERS[name]
        assert load.__doc__ is not None
        assert "MIT licence" in load.__doc__
        assert "LICENSES.md" in load.__doc__


def test_simulated_markets_have_the_lift_that_was_asked_for() -> None:
    frame = bs.datasets.make_geo(treated=3, lift=-0.2, weeks=60, weeks_after=6, markets=12, seed=5, as_frame=True)
    panel = bs.datasets.make_geo(treated=3, lift=-0.2, weeks=60, weeks_after=6, markets=12, seed=5)
    during = frame[frame["campaign"] == 1]
    assert during["market"].nunique() == panel.n_treated == 3
    assert sorted(during["market"].unique()) == sorted(panel.treated)
    np.testing.assert_allclose(during["sales"], 0.8 * during["untreated"])
    others = frame[frame["campaign"] == 0]
    np.testing.assert_array_equal(others["sales"], others["untreated"])
    assert (panel.n_pre, panel.n_post, panel.frequency) == (54, 6, "week")
    assert panel.start == during["week"].min()
    pd.testing.assert_frame_equal(
        frame, bs.datasets.make_geo(treated=3, lift=-0.2, weeks=60, weeks_after=6, markets=12, seed=5, as_frame=True)
    )
    assert len(set(geo.MARKETS)) == 40


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"markets": 41}, "markets is 41; give 5 to 40"),
        ({"treated": 17}, "treated is 17; give 1 to 16"),
        ({"weeks": 12}, "weeks is 12; give at least 13"),
        ({"weeks_after": 93}, "weeks_after is 93; give 1 to 92"),
        ({"lift": -1}, "lift is −1; give a share above -1"),
        ({"as_frame": "yes"}, "as_frame is 'yes'; give True or False"),
    ],
)
def test_markets_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(bs.SpecError, match=words):
        bs.datasets.make_geo(**settings)


@pytest.mark.slow
def test_the_wheel_has_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        for name in (*LOADERS, "LICENSES.md"):
            assert f"bsynth/datasets/{name}" in names
            assert packed.read(f"bsynth/datasets/{name}") == (ROOT / "bsynth" / "datasets" / name).read_bytes()
        assert any(name.endswith("licenses/bsynth/datasets/LICENSES.md") for name in names)
    assert not any(name.endswith((".nc", ".ipynb")) for name in names)
