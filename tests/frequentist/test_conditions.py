"""What a panel cannot have is known before anything is computed, in the words of the method's own error."""

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth import frequentist
from bsynth.analysis.methods import METHODS
from bsynth.frequentist.inference import INFERENCES, Settings


def _panel(donors: int, n_pre: int, n_post: int) -> bs.Panel:
    rng = np.random.default_rng(donors + 10 * n_pre)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(donors + 1), n_pre + n_post)})
    frame["time"] = np.tile(np.arange(n_pre + n_post), donors + 1)
    frame["y"] = rng.normal(size=len(frame)) + 5
    return bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated=0, start=n_pre)


@pytest.mark.parametrize("n_post", [1, 4])
@pytest.mark.parametrize("n_pre", [3, 4, 5, 8])
@pytest.mark.parametrize("donors", [2, 3, 5])
def test_each_method_runs_or_is_named(donors: int, n_pre: int, n_post: int) -> None:
    """A method that is named raises exactly the reason given; any other gives an answer."""
    panel = _panel(donors, n_pre, n_post)
    reasons = frequentist.conditions(panel)
    assert set(reasons) <= set(METHODS)
    for method, inference in INFERENCES.items():
        if method in reasons:
            with pytest.raises(bs.PanelError) as caught:
                inference.run(panel, Settings(progress=False))
            assert str(caught.value) == reasons[method]
        else:
            assert inference.run(panel, Settings(progress=False)).sentences()
    for estimator in ("sc", "demeaned", "did", "sdid", "ascm"):
        assert estimator not in reasons
        assert np.isfinite(frequentist.classical(panel, estimator).gap).all()


def test_shortest_and_smallest_panel() -> None:
    assert set(frequentist.conditions(_panel(2, 3, 1))) == {
        "bootstrap", "placebo-time", "leave-two-out", "jackknife+", "prediction-interval",
    }  # fmt: skip


def test_users_in_a_long_panel_leave_nothing_out(rollout_panel: bs.Panel) -> None:
    assert frequentist.conditions(rollout_panel) == {}
