"""Shared panels and one real fit per model; every other test starts from these."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.bayesian.result import Fit
from bsynth.panel.simulate import rollout_panel_arguments


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--save", default=None, help="folder in which drawn figures and pages are kept for eyes")
    parser.addoption(
        "--reseed", default=0, type=int, help="shift the seed of every fit and property: no test may hang on draws"
    )


# Scripts, some of which run in environments of other packages.
collect_ignore = ["benchmarks", "fuzz/run.py"]


class Figures:
    """Closes what a test or a docstring's example has drawn: pyplot keeps every figure, and warns of the 21st."""

    def pytest_runtest_teardown(self) -> None:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


def pytest_configure(config: pytest.Config) -> None:
    # As a plugin and no fixture: the examples of docstrings are not below this folder.
    config.pluginmanager.register(Figures())
    # Without --reseed the suite tries the same examples everywhere; with it, others each time.
    again = not config.getoption("--reseed")
    hypothesis.settings.register_profile("suite", derandomize=again, deadline=None, database=None)
    hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def drawn_by_one() -> Iterator[None]:
    """Pictures are drawn in the test's own process, where it may have put something else in their place."""
    from bsynth.reporting import helper

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helper, "room", lambda: False)
        yield


@pytest.fixture(scope="module")
def pictures_in_blank() -> Iterator[None]:
    """For files that judge no picture: each is drawn and laid out as ever, and the file that is written is a blank one.

    Writing PNG and SVG is half of what a run costs.
    """
    from matplotlib.figure import Figure

    from bsynth.reporting import drawing

    blank = {kind: drawing._encoded(Figure((1, 1)), kind, words) for kind, words in drawing.METADATA.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_encoded", lambda figure, kind, metadata: blank[kind])
        yield


@pytest.fixture(scope="session", autouse=True)
def reseeded(request: pytest.FixtureRequest) -> Iterator[None]:
    """With ``--reseed`` every posterior is drawn from another seed, as another processor would draw another one."""
    shift = request.config.getoption("--reseed")
    if not shift:
        yield
        return
    from bsynth.engines import bayes

    drawn = bayes.sample
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            bayes,
            "sample",
            lambda design, spec, sampler, seed, start=None: drawn(design, spec, sampler, (seed + shift) % 2**32, start),
        )
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real panels; without it these tests skip, and in CI they fail."""
    folder = Path(os.environ.get("BSYNTH_DATA", "../shared/data"))
    if not (folder / "california_prop99.csv").is_file():
        reason = f"no benchmark panels in {folder}; set BSYNTH_DATA"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def cases_dir(data_dir: Path) -> Path:
    """Folder of small inputs that once failed, beside the real panels."""
    return data_dir.parent / "cases"


@pytest.fixture(scope="session")
def rollout_log() -> pd.DataFrame:
    return bs.simulate_rollout(users=50_000, seed=42)


@pytest.fixture(scope="session")
def rollout_panel(rollout_log: pd.DataFrame) -> bs.Panel:
    return bs.Panel.from_events(rollout_log, **rollout_panel_arguments())


def _real_panel(file: Path, *, drop: tuple[str, ...] = (), **arguments: object) -> bs.Panel:
    frame = pd.read_csv(file)
    frame = frame[~frame["unit"].isin(drop)]
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="outcome", **arguments)


@pytest.fixture(scope="session")
def prop99_panel(data_dir: Path) -> bs.Panel:
    return _real_panel(data_dir / "california_prop99.csv", treated="California", start=1989)


@pytest.fixture(scope="session")
def basque_panel(data_dir: Path) -> bs.Panel:
    treated = "Basque Country (Pais Vasco)"
    return _real_panel(data_dir / "basque.csv", drop=("Spain (Espana)",), treated=treated, start=1975)


@pytest.fixture(scope="session")
def germany_panel(data_dir: Path) -> bs.Panel:
    return _real_panel(data_dir / "germany.csv", treated="West Germany", start=1990)


@pytest.fixture(scope="session")
def rollout_fit(rollout_panel: bs.Panel) -> Fit:
    return bs.fit(rollout_panel, model="rollout", seed=42, progress=False)


@pytest.fixture(scope="session")
def prop99_fit(prop99_panel: bs.Panel) -> Fit:
    return bs.fit(prop99_panel, model="level", seed=1, progress=False)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


NUMBER = re.compile(r"−?\d+(?:,\d{3})*(?:\.\d+)?%?")


@pytest.fixture(scope="session")
def unexplained() -> Callable[[str, dict[str, Any]], set[str]]:
    """Names the numbers of a text that no number of a summary rounds to."""
    return _unexplained


def leaves(value: Any) -> list[float]:
    """Every number of plain data; strings, the verdict's own words among them, do not count."""
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each)]
    return [] if isinstance(value, bool) or not isinstance(value, int | float) else [abs(float(value))]


def _unexplained(text: str, summary: dict[str, Any]) -> set[str]:
    """Numbers of a text that no number of the summary rounds to with their decimals; bounds of a chance are none."""
    found = np.array(leaves(summary))
    text = text.replace("over 99.9%", "").replace("under 0.1%", "")

    def explained(written: str) -> bool:
        share = written.endswith("%")
        plain = written.strip("−%").replace(",", "")
        decimals = len(plain.partition(".")[2])
        return bool((np.abs(found * (100 if share else 1) - float(plain)) <= 0.5001 * 10.0**-decimals).any())

    return {written for written in NUMBER.findall(text) if not explained(written)}
