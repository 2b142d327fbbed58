import numpy as np

import bsynth as bs
from bsynth.catalogue import load_model
from bsynth.design import make_design


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


def test_cell_variance_is_that_of_a_proportion(rollout_panel: bs.Panel) -> None:
    design = make_design(rollout_panel, load_model("rollout"))
    cells = rollout_panel.cells
    assert cells is not None
    p = cells.total.sum() / cells.n.sum()
    expected = p * (1 - p) / cells.n[:, 25:] / design.scale**2
    np.testing.assert_allclose(1 / design.donor_precision, expected)
    own = p * (1 - p) * (1 / cells.n[:, :25]).sum(axis=1) / 25**2 / design.scale**2
    np.testing.assert_allclose(design.treated_variance, own)
