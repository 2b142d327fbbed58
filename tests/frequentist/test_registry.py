"""Every classical inference has one face, as a module and as a result."""

import json
import time
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import bsynth as bs
from bsynth.analysis.methods import METHODS, STANDARD
from bsynth.effects import EFFECT_COLUMNS
from bsynth.frequentist.inference import INFERENCES, MODULES, Inference, Procedure, Settings

matplotlib.use("Agg")
pytestmark = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.NAME)


@pytest.fixture(scope="module")
def timed(rollout_panel: bs.Panel) -> dict[str, tuple[Inference, float]]:
    """Each result, and how long it was waited for."""
    settings, found = Settings(seed=7, replicates=60, progress=False), {}
    for module in MODULES:
        began = time.perf_counter()
        result = module.run(rollout_panel, settings)
        found[module.NAME] = (result, time.perf_counter() - began)
    return found


@pytest.fixture(scope="module")
def found(timed: dict[str, tuple[Inference, float]]) -> dict[str, Inference]:
    return {name: result for name, (result, _) in timed.items()}


def test_a_module_can_be_asked_for_by_its_name(module: Procedure) -> None:
    assert INFERENCES[module.NAME] is module
    assert module.NAME in METHODS
    assert (module.NAME in STANDARD) == module.STANDARD


def test_a_result_has_the_face_of_every_result(module: Procedure, found: dict[str, Inference]) -> None:
    result = found[module.NAME]
    assert result.status == "ok"
    assert result.kind == module.TITLE
    assert result.title == f"{module.TITLE} around sc: mean of 25 workspaces"
    assert isinstance(result.sentences(), tuple)
    assert all("\n" not in sentence and sentence.endswith(".") for sentence in result.sentences())
    assert repr(result).startswith(f"<{type(result).__name__} {result.title}: average effect ")
    has_interval = result.effects()["level"].notna().iloc[0]
    assert (f"95% {result.effects()['interval'].iloc[0]} [" in repr(result)) == has_interval
    assert result.title in result._repr_html_()
    assert "<table" in result._repr_html_()
    assert isinstance(result.plot(), Axes)
    matplotlib.pyplot.close("all")


def test_a_plan_is_carried_out_as_it_asks(module: Procedure, timed: dict[str, tuple[Inference, float]]) -> None:
    result, waited = timed[module.NAME]
    assert getattr(result, "seed", 7) == 7
    assert 0 <= result.effects()["seconds"].iloc[0] <= waited


def test_where_no_level_is_asked_for_it_is_95(module: Procedure, found: dict[str, Inference]) -> None:
    result = found[module.NAME]
    pd.testing.assert_frame_equal(result.effects(), result.effects(0.95))
    assert result.sentences() == result.sentences(0.95)
    assert result.notes() == result.notes(0.95)
    assert result.to_dict() == result.to_dict(0.95)


def test_a_result_is_plain_data(module: Procedure, found: dict[str, Inference]) -> None:
    result = found[module.NAME]
    data: dict[str, Any] = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert data["sentences"] == list(result.sentences())
    assert (data["status"], data["estimator"]) == ("ok", "sc")
    assert len(data["table"]) == len(result.table)


def test_an_interval_says_what_it_presumes(module: Procedure, found: dict[str, Inference]) -> None:
    result = found[module.NAME]
    table = result.effects(0.8)
    assert set(EFFECT_COLUMNS) <= set(table.columns)
    level = table["level"].iloc[0]
    assert np.isnan(level) == (module.CONDITIONS == "")
    assert result.conditions == module.CONDITIONS
    assert result.p_min is None or 0 < result.p_min <= table["p"].iloc[0]
