"""Leave two out (Lei and Sudijono 2024). Losses are integers and must be exact."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.effects import EFFECT_COLUMNS
from bsynth.errors import PanelError, SpecError
from bsynth.frequentist import classical, leave_two_out


@pytest.fixture(scope="module")
def basque_1971(data_dir: Path) -> bs.Panel:
    frame = pd.read_csv(data_dir / "basque.csv")
    return bs.Panel.from_long(
        frame[frame["unit"] != "Spain (Espana)"],
        unit="unit", time="time", outcome="outcome", treated="Basque Country (Pais Vasco)", start=1971,
    )  # fmt: skip


def test_prop99(prop99_panel: bs.Panel) -> None:
    found = leave_two_out(prop99_panel, progress=False)
    assert (found.losses, found.pairs) == (73, 703)
    assert found.p_uncounted == pytest.approx(0.1038406828, abs=1e-10)
    assert found.p == 74 / 704
    assert found.gaps.shape == (703, 31)


def test_basque_1971(basque_1971: bs.Panel) -> None:
    found = leave_two_out(basque_1971, progress=False)
    assert (found.losses, found.pairs) == (83, 120)
    assert found.p_uncounted == pytest.approx(0.691667, abs=1e-6)


def test_germany_1990(germany_panel: bs.Panel) -> None:
    found = leave_two_out(germany_panel, progress=False)
    assert (found.losses, found.pairs) == (1, 120)
    assert found.p_uncounted == pytest.approx(0.008333, abs=1e-6)
    assert found.p == 2 / 121
    assert np.isnan(found.effects(0.8)["lower"]).all()  # an effect that grows from 300 to −3400 is not constant


def test_one_pair_by_hand(basque_panel: bs.Panel) -> None:
    found = leave_two_out(basque_panel, "demeaned", statistic="mean_gap", progress=False)
    row = found.table[(found.table["first"] == "Aragon") & (found.table["second"] == "Cataluna")].iloc[0]
    rest = basque_panel.without("Aragon", "Cataluna")
    own = classical(rest, "demeaned").gap[20:].mean()
    others = [
        abs(classical(basque_panel.as_treated(a).without(b), "demeaned").gap[20:].mean())
        for a, b in (("Aragon", "Cataluna"), ("Cataluna", "Aragon"))
    ]
    assert row["mean_gap"] == pytest.approx(own)
    assert row["treated"] == pytest.approx(abs(own))
    assert row["largest"] == pytest.approx(max(others))
    assert bool(row["lost"]) == (abs(own) <= max(others))


@pytest.mark.parametrize("statistic", ["ratio", "mean_gap"])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_interval_is_the_inverted_test(prop99_panel: bs.Panel, statistic: str, level: float) -> None:
    found = leave_two_out(prop99_panel, statistic=statistic, progress=False)
    table = found.effects(level)
    assert tuple(table.columns) == (*EFFECT_COLUMNS, "status")
    low, high = table.loc[0, "lower"], table.loc[0, "upper"]
    gaps, largest = found.gaps.to_numpy(), found.table["largest"].to_numpy()

    def p(tau: float) -> float:
        post = gaps[:, 19:] - tau
        pre = np.sqrt((gaps[:, :19] ** 2).mean(axis=1))
        own = np.abs(post.mean(axis=1)) if statistic == "mean_gap" else np.sqrt((post**2).mean(axis=1)) / pre
        return (1 + int((own <= largest).sum())) / 704

    assert p(0.0) == pytest.approx(found.p)
    assert p(low + 1e-7) > 1 - level
    assert p(high - 1e-7) > 1 - level
    assert p(low - 1e-7) <= 1 - level
    assert p(high + 1e-7) <= 1 - level
    assert (low <= 0 <= high) == (table.loc[0, "p"] > 1 - level)


def test_p_is_never_zero_and_refusals(prop99_panel: bs.Panel) -> None:
    raised = prop99_panel.to_frame()
    raised.loc[(raised["unit"] == "California") & raised["post"], "outcome"] += 1e4
    panel = bs.Panel.from_long(raised, unit="unit", time="time", outcome="outcome", treated="California", start=1989)
    found = leave_two_out(panel, "did", progress=False)
    assert found.losses == 0
    assert found.p == 1 / 704
    assert "could have fallen on any unit" in found.sentences()[0]
    assert "Leave two out" in found._repr_html_()
    with pytest.raises(SpecError, match="statistic"):
        leave_two_out(panel, statistic="gap")
    pair = panel.without(*[d for d in panel.donors if d not in ("Utah", "Nevada")])
    with pytest.raises(PanelError, match="at least 3"):
        leave_two_out(pair)


def test_a_set_with_a_hole_has_the_p_of_its_interval() -> None:
    """One pair wins from −4 to −2, the other from 2 to 4: zero is rejected, and the interval around both holds it."""
    data = bs.simulate_factor(donors=4, seed=3)
    panel = bs.Panel.from_long(data, unit="unit", time="time", outcome="outcome", treated=0, start=30)
    test = leave_two_out(panel, statistic="mean_gap", progress=False)
    n_pre = test.estimate.panel.n_pre
    gaps = test.gaps[:2].copy(data=np.zeros((2, test.gaps.sizes["time"])))
    gaps[:, n_pre:] = np.array([[-3.0], [3.0]])
    table = test.table[:2].assign(treated=3.0, largest=1.0, lost=False)
    holed = replace(test, gaps=gaps, table=table)
    assert holed.p == pytest.approx(1 / 3)
    assert holed.constant_set(0.5) == (-4.0, 4.0)
    assert holed.interval_p == pytest.approx(2 / 3)
    rows = holed.effects(0.5).set_index("estimand")
    assert (rows.loc[["average", "cumulative"], "p"] == holed.interval_p).all()
    assert "both sides of zero" in " ".join(holed.notes(0.5))
    assert np.isnan(holed.constant_set(0.3)).all()
