"""What is given to users: the wheel, its metadata and what it holds, and how bsynth is cited."""

import os
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import bsynth as bs

ROOT = Path(__file__).parent.parent
LARGEST = 4_000_000
"""Bytes of the wheel."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("there is no source to build a wheel of")
    folder = tmp_path_factory.mktemp("dist")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(built, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("bsynth-*-py3-none-any.whl")
    assert file.stat().st_size < LARGEST
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (file,) = (name for name in wheel.namelist() if name.endswith("dist-info/METADATA"))
    return Parser().parsestr(wheel.read(file).decode())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"bsynth"}
    odd = [name for name in names if any(part in name for part in ("tests", "notebooks", "__pycache__", ".git"))]
    assert odd == []
    assert [name for name in names if name.endswith((".pyc", ".ipynb", ".part"))] == []


def test_the_wheel_holds_all_that_runs(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    tracked = {p.relative_to(ROOT).as_posix() for p in (ROOT / "bsynth").rglob("*.py")}
    assert tracked <= names
    for model in (ROOT / "models").iterdir():
        for file in ("model.toml", "card.md", "evidence.json"):
            assert f"bsynth/_models/{model.name}/{file}" in names
    for folder, ending in (("datasets", ".csv"), ("reporting/templates", ".j2"), ("reporting/vendor", ".js")):
        here = {p.relative_to(ROOT).as_posix() for p in (ROOT / "bsynth" / folder).rglob(f"*{ending}")}
        assert here, folder
        assert here <= names


def test_types_and_licences_go_with_it(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "bsynth/py.typed" in names
    assert "bsynth/__init__.pyi" in names
    licences = {name.split("dist-info/licenses/")[1] for name in names if "dist-info/licenses/" in name}
    assert {"LICENSE", "bsynth/datasets/LICENSES.md", "bsynth/reporting/vendor/uPlot.LICENSE"} <= licences


def test_metadata(metadata: Message, wheel: zipfile.ZipFile) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("bsynth", bs.__version__)
    assert metadata["Requires-Python"] == ">=3.12"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    plain = [text for text in metadata.get_all("Requires-Dist", []) if "extra ==" not in text]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert sorted(text.split("<")[0].split(">")[0] for text in plain) == sorted(
        text.split("<")[0].split(">")[0] for text in wanted
    )
    (entries,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "bsynth = bsynth.__main__:run" in wheel.read(entries).decode()


def test_it_is_cited_by_its_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert text.startswith("cff-version: 1.2.0\n")
    assert f"\nversion: {bs.__version__}\n" in text
    assert "\nlicense: Apache-2.0\n" in text


def test_a_type_checker_knows_the_package(tmp_path: Path) -> None:
    """With py.typed, whoever uses bsynth is told what its verbs take and return."""
    user = tmp_path / "user.py"
    user.write_text(
        "import bsynth as bs\n"
        'panel = bs.Panel.from_long("a.csv", unit="u", time="t", outcome="y", treated="A", start=3)\n'
        "reveal_type(bs.classical(panel))\n"
        "bs.classical(panel, estimator=3.5, no_such_setting=1)\n"
    )
    # A type checker does not follow the hook of an editable install; a wheel's place it knows.
    home = Path(bs.__file__).parents[1]
    path = {} if home.name == "site-packages" else {"MYPYPATH": str(home)}
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent", str(user)],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ | path,
    ).stdout  # fmt: skip
    assert "Estimate" in told
    assert 'Unexpected keyword argument "no_such_setting"' in told
