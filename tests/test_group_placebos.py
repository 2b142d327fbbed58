"""Several treated units: means of donors stand beside a mean of units, not single donors."""

import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import bsynth as bs
from bsynth.calibration import Backing, players, usable_donors
from bsynth.calibration.groups import Group, draw_groups
from bsynth.panel.groups import group_size, separate

SPEC = bs.load_model("level")
FAST = bs.Sampling(200, 200, seed=1)


def _panel(treated: int, donors: int, *, seed: int = 3, n_pre: int = 20, n_post: int = 5) -> bs.Panel:
    """Units that share two factors and have noise of their own; nothing happens to any."""
    rng = np.random.default_rng(seed)
    units, periods = treated + donors, n_pre + n_post
    outcome = rng.normal(size=(periods, 2)) @ rng.uniform(0.5, 1, size=(2, units)) + 0.5 * rng.normal(
        size=(periods, units)
    )
    frame = pd.DataFrame(outcome, columns=[f"u{k:02d}" for k in range(units)])
    return bs.Panel.from_wide(frame, treated=[f"u{k:02d}" for k in range(treated)], start=n_pre)


@pytest.mark.parametrize(
    ("treated", "donors", "size"), [(1, 20, 1), (4, 20, 4), (4, 12, 4), (25, 25, 8), (4, 5, 1), (2, 6, 2)]
)
def test_a_group_is_as_large_as_the_donors_allow(treated: int, donors: int, size: int) -> None:
    assert group_size(treated, donors) == size


def test_groups_leave_no_donor_out_and_are_the_same_by_seed() -> None:
    panel = _panel(4, 20)
    groups, skipped = draw_groups(panel, SPEC, panel.donors, most=50, seed=1)
    assert len(groups) == len({g.members for g in groups}) == 30, "all different"
    assert skipped == ()
    assert [g.number for g in groups] == list(range(1, 31)), "as they are named"
    for first, second in pairwise(groups[:5]):
        assert not set(first.members) & set(second.members), "those of one permutation are disjoint"
    counts = pd.Series([m for g in groups for m in g.members]).value_counts()
    assert len(counts) == 20
    assert counts.max() - counts.min() <= 2, "each donor about as often as any other"
    assert draw_groups(panel, SPEC, panel.donors, most=50, seed=1)[0] == groups
    assert draw_groups(panel, SPEC, panel.donors, most=50, seed=2)[0] != groups


def test_overlapping_groups_are_worth_as_many_as_their_scale_is_known(rng: np.random.Generator) -> None:
    """The variance of the mean square of group means is that of as many separate ones."""
    members = [tuple(rng.choice(12, 4, replace=False).tolist()) for _ in range(15)]
    draws = rng.standard_normal((40_000, 12))
    means = np.stack([draws[:, m].mean(axis=1) * 2 for m in members], axis=1)
    squares = (means**2).mean(axis=1)
    assert separate(members) == pytest.approx(2 / squares.var(), rel=0.05)
    assert separate([()] * 7) == pytest.approx(7.0)


def test_a_group_plays_the_mean_of_its_donors_against_the_rest() -> None:
    panel = _panel(3, 9)
    groups, _ = draw_groups(panel, SPEC, panel.donors, most=50, seed=1)
    own = panel.as_treated(groups[0].members)
    columns = [panel.donors.index(m) for m in groups[0].members]
    np.testing.assert_allclose(own.treated_series, panel.donor_matrix[:, columns].mean(axis=1))
    assert set(own.donors) == set(panel.donors) - set(groups[0].members)


@pytest.mark.slow
def test_a_mean_of_units_is_compared_with_means_of_units(tmp_path) -> None:
    panel = _panel(4, 16)
    found = bs.calibrate(panel, "level", sampling=FAST, store=tmp_path / "groups.jsonl", progress=False)
    assert found.group_size == 4
    assert len(found.placebos) == 30
    assert 1 / found.resolution - 1 == pytest.approx(separate([p.members for p in found.placebos]))
    words = " ".join(found.notes())
    assert "30 groups of 4 donors" in words
    assert "mean of 4 units" in words
    assert found.table["unit"].str.startswith("group ").all()
    again = bs.calibrate(panel, "level", sampling=FAST, store=tmp_path / "groups.jsonl", progress=False)
    pd.testing.assert_frame_equal(again.effects().drop(columns="seconds"), found.effects().drop(columns="seconds"))
    # Errors of means of four are about half those of single units.
    single = bs.calibrate(
        bs.Panel.from_wide(
            pd.DataFrame(np.column_stack([panel.outcome[:, :1], panel.donor_matrix]), columns=[panel.units[0], *panel.donors]),
            treated=panel.units[0], start=20,
        ),
        "level", sampling=FAST, progress=False,
    )  # fmt: skip

    def size(calibration: bs.Calibration) -> float:
        return float(np.sqrt(np.mean([(p.average.mean() * p.scale) ** 2 for p in calibration.placebos])))

    assert size(found) < 0.8 * size(single)
    assert not any(isinstance(p.unit, Group) for p in single.placebos)


@pytest.mark.slow
def test_a_certificate_of_several_units_scores_groups() -> None:
    found = bs.certify(_panel(3, 12), "level", sampling=FAST, progress=False)
    assert found.calibration.group_size == 3
    assert set(found.rivals["unit"]) == set(found.units["unit"])
    real = found.units[found.units["window"] == 0]
    assert set(real["unit"]) == {p.name for p in found.calibration.placebos}
    backing = found.calibration.backing
    assert backing.independent == round(separate([p.members for p in found.calibration.placebos])) < backing.placebos
    words = f"{backing.placebos} groups of 3 donors, worth about {backing.independent} independent ones"
    assert words in " ".join(found.sentences())
    assert words in " ".join(found.calibration.notes())


def test_two_donors_are_a_group_in_few_words_too() -> None:
    assert Backing(15, 5, "group", 2).brief() == "15 groups of donors, worth about 5"
    assert Backing(1, 1, "group", 2).brief() == "1 group of donors"


def test_too_few_donors_for_groups_is_said() -> None:
    panel = _panel(4, 5)
    units, _ = players(panel, SPEC, most=50, seed=0)
    assert units == list(panel.donors)
    found = bs.calibrate(panel, "level", sampling=FAST, progress=False)
    assert "5 donors are too few for groups" in " ".join(found.notes())


def test_the_classical_placebo_test_can_ask_means_of_donors() -> None:
    panel = _panel(4, 16)
    single = bs.placebo_space(panel, "did")
    found = bs.placebo_space(panel, "did", groups=60, seed=1)
    assert len(found.table) == len(set(found.members)) == 60
    members = found.members[7]
    own = bs.classical(panel.as_treated(members), "did")
    np.testing.assert_allclose(found.gaps[7], own.gap)
    assert found.table["unit"][7] == "group 8 (" + ", ".join(str(m) for m in members) + ")"
    assert found.radius(0.9) < single.radius(0.9), "means of four err less than single donors"
    assert "means of 4 donors" in " ".join(found.sentences())
    assert "means of as many donors" in " ".join(single.sentences()), "that single donors err more is said"
    pd.testing.assert_frame_equal(bs.placebo_space(panel, "did", groups=60, seed=1).table, found.table)
    assert not bs.placebo_space(panel, "did", groups=60, seed=2).table.equals(found.table)


@pytest.mark.parametrize(("treated", "donors", "groups"), [(1, 8, 20), (4, 5, 20), (4, 16, 0)])
def test_groups_that_cannot_be_are_refused(treated: int, donors: int, groups: int) -> None:
    with pytest.raises(bs.SpecError, match="groups"):
        bs.placebo_space(_panel(treated, donors), "did", groups=groups)


def test_groups_are_drawn_by_the_series_and_not_by_their_names() -> None:
    panel = _panel(3, 9)
    names = dict(zip(panel.donors, np.random.default_rng(2).permutation([f"d{k}" for k in range(9)]), strict=True))
    frame = pd.DataFrame(panel.outcome, columns=panel.units).rename(columns=names)
    renamed = bs.Panel.from_wide(frame, treated=list(panel.treated), start=20)
    one, _ = draw_groups(panel, SPEC, panel.donors, most=50, seed=1)
    other, _ = draw_groups(renamed, SPEC, renamed.donors, most=50, seed=1)
    assert [{names[m] for m in g.members} for g in one] == [set(g.members) for g in other]


def test_all_groups_are_taken_where_there_are_few() -> None:
    """Fifteen pairs of six donors: no repetition counts as a further placebo."""
    panel = _panel(2, 6)
    found = bs.placebo_space(panel, "did", groups=500)
    assert len(found.table) == 15
    assert found.p_min == pytest.approx(1 / 16)
    moved = panel.outcome.copy()
    moved[20:, :2] += 50.0
    shifted = bs.Panel.from_wide(pd.DataFrame(moved, columns=panel.units), treated=list(panel.treated), start=20)
    assert "take it with care" in " ".join(bs.placebo_space(shifted, "did", groups=500).sentences())


def _treated_more(panel: bs.Panel, effect: float) -> bs.Panel:
    """The same panel, with this much more of each treated unit from the start on."""
    moved = panel.outcome.copy()
    moved[panel.n_pre :, : panel.n_treated] += effect
    frame = pd.DataFrame(moved, columns=panel.units)
    return bs.Panel.from_wide(frame, treated=list(panel.treated), start=panel.n_pre)


@pytest.mark.parametrize(("donors", "groups"), [(6, 3), (6, 4), (8, 5), (9, 20)])
def test_care_is_asked_for_where_overlap_alone_makes_p_small(donors: int, groups: int) -> None:
    """Whatever the rank: where as many separate placebos as these are worth could show no p as small."""
    panel = _panel(2, donors)
    for effect in np.linspace(0.0, 6.0, 13):
        found = bs.placebo_space(_treated_more(panel, effect), "did", groups=groups, seed=1)
        worth, p = separate(found.members), float(found.ranks.loc["mean_gap", "p"])
        assert ("take it with care" in " ".join(found.notes())) == (p < 1 / (worth + 1) - 1e-12)


def test_groups_that_fit_badly_count_for_nothing() -> None:
    found = bs.placebo_space(_panel(2, 8), "did", groups=28)
    limit = float(found.table["pre_rmspe"].median() / found.estimate.pre_rmspe) ** 2
    filtered = bs.placebo_space(_panel(2, 8), "did", groups=28, max_pre_mspe=limit)
    kept = [members for members, use in zip(filtered.members, filtered.table["kept"], strict=True) if use]
    assert round(separate(kept)) != round(separate(filtered.members))
    assert f"tell as much as about {round(separate(kept))} separate ones" in filtered.notes()[0]


def test_groups_smaller_than_the_treated_are_explained() -> None:
    smaller, alike = (bs.placebo_space(_panel(4, donors), "did", groups=10).notes()[0] for donors in (9, 12))
    assert "means of 3 donors" in smaller
    assert "more would not leave twice as many to match them" in smaller
    assert "means of 4 donors" in alike
    assert "more would not" not in alike


def test_two_treated_units_are_already_a_mean() -> None:
    assert "means of as many donors" in " ".join(bs.placebo_space(_panel(2, 6), "did").notes())
    assert "means of as many donors" not in " ".join(bs.placebo_space(_panel(1, 6), "did").notes())


def test_without_a_seed_groups_are_those_of_seed_0() -> None:
    panel = _panel(3, 12)
    found = bs.placebo_space(panel, "did", groups=10)
    assert found.members == bs.placebo_space(panel, "did", groups=10, seed=0).members
    assert found.members != bs.placebo_space(panel, "did", groups=10, seed=1).members


def test_means_that_others_reproduce_leave_single_donors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two factors without noise: a mean of donors is a mixture of the others, and nothing can be sampled of it."""
    turn = 2 * np.pi * np.arange(30) / 30
    factors = np.random.default_rng(1).normal(size=(24, 2))
    donors = 10 + factors @ np.stack([np.cos(turn), np.sin(turn)])
    treated = 10 + 0.3 * factors[:, :1] + 0.2 * np.random.default_rng(2).normal(size=(24, 10))
    names = [*(f"t{k}" for k in range(10)), *(f"d{k:02d}" for k in range(30))]
    panel = bs.Panel.from_wide(pd.DataFrame(np.hstack([treated, donors]), columns=names), treated=names[:10], start=18)
    assert draw_groups(panel, SPEC, panel.donors, most=50, seed=1)[0] == []
    units, skipped = players(panel, SPEC, most=50, seed=1)
    assert units == list(panel.donors)
    assert len(skipped) == 30, "each group, with what reproduces it"
    # Where they are too many, they are a random draw, as it is said.
    monkeypatch.setattr(sys.modules["bsynth.calibration.calibrate"], "MOST_PLACEBOS", 5)
    found = bs.calibrate(panel, "level", sampling=FAST, progress=False)
    assert [p.unit for p in found.placebos] == usable_donors(panel, SPEC, most=5, seed=FAST.seed)[0]
    assert [p.unit for p in found.placebos] != list(panel.donors[:5])
    assert "They are 5 of 30 donors, drawn at random with seed 1" in " ".join(found.notes())
    assert bs.path_band(found).units == 5
