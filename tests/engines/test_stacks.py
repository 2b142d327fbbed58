"""Paths too long to pool period by period: what their blocks say is what single periods said."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from bsynth.engines import stacks
from bsynth.engines.correlation import UNKNOWN, Correlation
from bsynth.engines.pooling import Pooled, Scales, pool
from bsynth.engines.stacks import Path, stack

DRAWS = 400
SHAPES = {
    "": lambda event: 0.0 * event,
    "ramp": lambda event: 6 * np.minimum(event / 10, 1.0),
    "every seventh day": lambda event: 3.0 * (event % 7 == 0),
}
LENGTHS = (40, 37, 30, 40, 23)
CALENDAR = 44
HALF = Correlation(np.array([-4.0, 0.0, 4.0]), np.array([-400.0, 0.0, -400.0]))
"""What says that units share half of their variance."""


def _paths(seed: int, noise: float = 0.3, period: float = 0.0) -> list[Path]:
    """Units that err by noise, by a walk and in their level, all shared in part; later starts, and periods left out."""
    rng, found = np.random.default_rng(seed), []
    for number, K in enumerate(LENGTHS):
        event = np.setdiff1d(np.arange(K), [7, 8, 20] if number == 1 else [])
        places = CALENDAR - K + event
        walk = 0.1 * (np.arange(CALENDAR) <= places[:, None]) * (np.arange(CALENDAR) >= CALENDAR - K)
        L = np.concatenate([noise * np.eye(CALENDAR)[places], walk], axis=1)
        covariance = L @ L.T + 0.1
        effect = 0.5 + 0.2 * rng.normal() + 0.01 * event + period * rng.normal(size=len(event))
        gap = effect + np.linalg.cholesky(covariance + 1e-9 * np.eye(len(event))) @ rng.normal(size=len(event))
        strata = [gap, gap + 0.05]
        both = np.stack([covariance, 1.2 * covariance])
        found.append(
            Path(np.stack(strata), both, np.array([0.6, 0.4]), np.ones((2, 1)), event, places, np.stack([L, 1.1 * L]))
        )
    return found


@functools.cache
def _pooled(
    seed: int, work: float, *, noise: float = 0.3, period: float = 0.0, shape: str = "", prior: float = 0.1
) -> Pooled:
    """Effects of the paths of a seed, pooled with so much ``work``; ``shape`` is what all effects have on top."""
    paths = [replace(path, gap=path.gap + SHAPES[shape](path.event)) for path in _paths(seed, noise, period)]
    scales = Scales(start=1.0, step=0.02, unit=0.5, period=prior, forms=np.ones(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "WORK", work)
        return pool(paths, HALF, scales, draws=DRAWS, tune=200, chains=2, seed=3)


def _averages(paths: list[Path], effect: np.ndarray) -> np.ndarray:
    """(draws, …) overall, by unit, and of some single periods over units."""
    flat = effect.reshape(-1, effect.shape[-1])
    unit = np.repeat(np.arange(len(paths)), [len(path.event) for path in paths])
    event = np.concatenate([path.event for path in paths])
    by = [flat[:, unit == k].mean(axis=1) for k in range(len(paths))]
    single = [flat[:, event == k].mean(axis=1) for k in (0, 5, 11, 19)]
    return np.stack([flat.mean(axis=1), *by, *single], axis=1)


@pytest.mark.parametrize("kind", ["effect", "unpooled"])
@pytest.mark.parametrize("work", [2e5, 4e4])
def test_blocks_say_what_periods_said(kind: str, work: float) -> None:
    paths = _paths(1)
    exact, blocks = _pooled(1, np.inf), _pooled(1, work)
    assert exact.block == 1 < blocks.block
    assert exact.effect.shape == blocks.effect.shape
    assert exact.event.shape == blocks.event.shape == (2, DRAWS, 40)
    one, other = (_averages(paths, getattr(found, kind)) for found in (exact, blocks))
    sd = one.std(axis=0)
    strays = np.abs(other.mean(axis=0) - one.mean(axis=0)) / sd
    assert (strays[: 1 + len(paths)] < 0.35).all()
    assert (strays < 0.7).all()
    np.testing.assert_allclose(other.std(axis=0) / sd, 1.0, atol=0.25)


@pytest.mark.parametrize("shape", ["ramp", "every seventh day"])
def test_what_units_show_alike_within_a_block_is_theirs(shape: str) -> None:
    """An effect that climbs within a block, or comes back each week, is no step as long as a block."""
    exact, blocks = _pooled(6, np.inf, shape=shape), _pooled(6, 4e4, shape=shape)
    assert blocks.block > 4
    for one, other in ((exact.effect, blocks.effect), (exact.event, blocks.event)):
        mean, sd = one.reshape(2 * DRAWS, -1).mean(axis=0), one.reshape(2 * DRAWS, -1).std(axis=0)
        strays = np.abs(other.reshape(2 * DRAWS, -1).mean(axis=0) - mean) / sd
        assert np.median(strays) < 1.0
        assert strays.max() < 2.5
        np.testing.assert_allclose(np.median(other.reshape(2 * DRAWS, -1).std(axis=0) / sd), 1.0, atol=0.2)


def test_each_period_keeps_its_own_variance_and_that_of_its_mean_over_units() -> None:
    """Where periods' effects differ by far, a single one is known no better in blocks, nor an average over units."""
    paths = _paths(2, 1.0, 10.0)
    found = [
        _pooled(2, work, noise=1.0, period=10.0, prior=20.0).effect.reshape(2 * DRAWS, -1) for work in (np.inf, 6e4)
    ]
    np.testing.assert_allclose(found[1].std(axis=0) / found[0].std(axis=0), 1.0, atol=0.15)
    event = np.concatenate([path.event for path in paths])
    same = [np.mean([each[:, event == k].mean(axis=1).std() for k in range(20)]) for each in found]
    assert same[1] == pytest.approx(same[0], rel=0.15)
    gaps = np.concatenate([0.6 * path.gap[0] + 0.4 * path.gap[1] for path in paths])
    assert np.abs(found[1].mean(axis=0) - gaps).mean() < 0.2


def test_blocks_are_orthonormal_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = _paths(3)
    monkeypatch.setattr(stacks, "WORK", 4e4)
    found = stack(paths)
    assert found.within is not None
    for i, path in enumerate(paths):
        K, R = len(path.event), int(found.seen[i].sum())
        M = np.zeros((R, K))
        M[found.row[i, :K], np.arange(K)] = found.part[i, :K]
        np.testing.assert_allclose(M @ M.T, np.eye(R), atol=1e-12)
        assert len(np.unique(path.event // found.length)) == R
        # Blocks and contrasts together are all of the path's variance and of its gap.
        within, many = found.within, np.maximum(path.event // found.length, 0)
        own = np.einsum("ecb,ec->eb", within.turn[i, 0], within.gap[i, 0])
        block = found.basis[i, 0, :R, :R] @ found.gap[i, 0, :R]
        np.testing.assert_allclose(own[many, path.event % found.length] + M.T @ block, path.gap[0], atol=1e-9)
        np.testing.assert_array_equal(within.cell[i, many, path.event % found.length], np.arange(K))
        spread = np.einsum("ecb,ec->eb", within.turn[i, 0] ** 2, within.variance[i, 0])
        blocks = np.diag(M.T @ M @ path.covariance[0] @ M.T @ M)
        apart = np.diag(path.covariance[0] - M.T @ M @ path.covariance[0] @ M.T @ M)
        both = spread[many, path.event % found.length].sum() + blocks.sum()
        assert both == pytest.approx((blocks + apart).sum(), rel=1e-6)


def test_short_paths_are_pooled_period_by_period() -> None:
    paths = _paths(4)
    found = stack(paths)
    assert found.length == 1
    assert found.within is None
    whole = np.concatenate([path.event for path in paths])
    assert int(found.cells.sum()) == len(whole)
    np.testing.assert_array_equal(found.event[found.cells], whole)


def test_one_long_path_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single unit has no others to err with."""
    monkeypatch.setattr(stacks, "WORK", 1e3)
    path = _paths(5)[0]
    scales = Scales(start=1.0, step=0.02, unit=0.5, period=0.1, forms=np.ones(1))
    found = pool([path], UNKNOWN, scales, draws=DRAWS, tune=200, chains=2, seed=3)
    assert found.block > 1
    assert set(found.scales) == {"period_sd", "step_sd"}
    assert found.effect.mean() == pytest.approx(path.gap.mean(), abs=3 * found.effect.mean(axis=-1).std())


def test_contrasts_leave_the_means_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a block is cut short: the mean of a unit's effects over it is what blocks say."""
    paths = _paths(7, period=5.0)
    monkeypatch.setattr(stacks, "WORK", 4e4)
    found = stack(paths)
    assert found.within is not None
    contrasts = found.within.at(np.zeros(len(paths), int))
    tau, cells, _ = contrasts.draw(1.0, 2.0, 0.3, np.random.default_rng(1))
    assert np.abs(cells).max() > 0.5
    for i, path in enumerate(paths):
        for number in np.unique(path.event // found.length):
            assert cells[i, np.flatnonzero(path.event // found.length == number)].mean() == pytest.approx(0, abs=1e-9)
    longest = max(LENGTHS)
    assert tau[(longest // found.length) * found.length : longest].sum() == pytest.approx(0, abs=1e-9)
