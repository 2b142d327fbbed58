import numpy as np
import pandas as pd

import bsynth as bs
from bsynth.model.catalogue import load_model
from bsynth.model.design import make_design


def test_one_affine_map_for_every_series(prop99_panel: bs.Panel) -> None:
    design = make_design(prop99_panel, load_model("dirichlet"))
    pre = slice(0, 19)
    np.testing.assert_allclose(design.y[pre].mean(), 0, atol=1e-12)
    np.testing.assert_allclose(design.y[pre].std(ddof=1), 1)
    np.testing.assert_allclose(design.to_outcome(design.y), prop99_panel.treated_series)
    np.testing.assert_allclose(design.to_outcome(design.X), prop99_panel.donor_matrix)


def test_level_centres_donors_on_their_own_means(prop99_panel: bs.Panel) -> None:
    design = make_design(prop99_panel, load_model("level"))
    np.testing.assert_allclose(design.X[:19].mean(axis=0), 0, atol=1e-12)
    back = design.scale * design.X + design.donor_center
    np.testing.assert_allclose(back, prop99_panel.donor_matrix)


def test_cell_variance_is_that_of_each_units_own_proportion(rollout_panel: bs.Panel) -> None:
    design = make_design(rollout_panel, load_model("rollout"))
    cells = rollout_panel.cells
    assert cells is not None
    p = (cells.total.sum(axis=0) + 0.5) / (cells.n.sum(axis=0) + 1)
    expected = (p * (1 - p) / cells.n)[:, 25:] / design.scale**2
    np.testing.assert_allclose(1 / design.donor_precision, expected)
    for periods in (slice(0, 20), slice(20, None)):  # what the treatment made of p is no part of the noise before
        n, total = cells.n[periods, :25], cells.total[periods, :25]
        p = (total.sum(axis=0) + 0.5) / (n.sum(axis=0) + 1)
        own = (p * (1 - p) / n).sum(axis=1) / 25**2 / design.scale**2
        np.testing.assert_allclose(design.treated_variance[periods], own)


def test_known_cells_are_centred_by_their_precision(rollout_panel: bs.Panel) -> None:
    design = make_design(rollout_panel, load_model("rollout"))
    precision = design.donor_precision[:20]
    np.testing.assert_allclose((precision * design.X[:20]).sum(axis=0), 0, atol=1e-8)


def test_a_gap_of_the_calendar_reaches_the_design() -> None:
    frame = pd.DataFrame(
        {"unit": np.repeat(list("abcd"), 6), "time": [1, 2, 3, 6, 7, 8] * 4, "y": np.arange(24) ** 1.5}
    )
    panel = bs.Panel.from_long(frame, unit="unit", time="time", outcome="y", treated="a", start=7)
    assert make_design(panel, load_model("drift")).positions.tolist() == [0, 1, 2, 5, 6, 7]
