"""Paths too long to pool period by period: what their blocks say is what single periods said."""

from dataclasses import replace

import numpy as np
import pytest

from bsynth.engines import stacks
from bsynth.engines.correlation import UNKNOWN, Correlation
from bsynth.engines.pooling import Pooled, Scales, pool
from bsynth.engines.stacks import Path, stack

LENGTHS = (40, 37, 30, 40, 23)
CALENDAR = 44
HALF = Correlation(np.array([-4.0, 0.0, 4.0]), np.array([-400.0, 0.0, -400.0]))
"""What says that units share half of their variance."""


def _paths(rng: np.random.Generator, noise: float = 0.3, period: float = 0.0) -> list[Path]:
    """Units that err by noise, by a walk and in their level, all shared in part; later starts, and periods left out."""
    found = []
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


def _pooled(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch, work: float, together: Correlation = HALF, period: float = 0.1
) -> Pooled:
    monkeypatch.setattr(stacks, "WORK", work)
    scales = Scales(start=1.0, step=0.02, unit=0.5, period=period, forms=np.ones(1))
    return pool(paths, together, scales, draws=800, tune=300, chains=2, seed=3)


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
def test_blocks_say_what_periods_said(monkeypatch: pytest.MonkeyPatch, kind: str, work: float) -> None:
    paths = _paths(np.random.default_rng(1))
    exact, blocks = _pooled(paths, monkeypatch, np.inf), _pooled(paths, monkeypatch, work)
    assert exact.block == 1 < blocks.block
    assert exact.effect.shape == blocks.effect.shape
    assert exact.event.shape == blocks.event.shape == (2, 800, 40)
    one, other = (_averages(paths, getattr(found, kind)) for found in (exact, blocks))
    sd = one.std(axis=0)
    strays = np.abs(other.mean(axis=0) - one.mean(axis=0)) / sd
    assert (strays[: 1 + len(paths)] < 0.35).all()
    assert (strays < 0.7).all()
    np.testing.assert_allclose(other.std(axis=0) / sd, 1.0, atol=0.25)


@pytest.mark.parametrize("shape", ["ramp", "every seventh day"])
def test_what_units_show_alike_within_a_block_is_theirs(monkeypatch: pytest.MonkeyPatch, shape: str) -> None:
    """An effect that climbs within a block, or comes back each week, is no step as long as a block."""
    paths = []
    for path in _paths(np.random.default_rng(6)):
        more = 6 * np.minimum(path.event / 10, 1.0) if shape == "ramp" else 3.0 * (path.event % 7 == 0)
        paths.append(replace(path, gap=path.gap + more))
    exact, blocks = (_pooled(paths, monkeypatch, work) for work in (np.inf, 4e4))
    assert blocks.block > 4
    for one, other in ((exact.effect, blocks.effect), (exact.event, blocks.event)):
        mean, sd = one.reshape(1600, -1).mean(axis=0), one.reshape(1600, -1).std(axis=0)
        strays = np.abs(other.reshape(1600, -1).mean(axis=0) - mean) / sd
        assert np.median(strays) < 1.0
        assert strays.max() < 2.5
        np.testing.assert_allclose(np.median(other.reshape(1600, -1).std(axis=0) / sd), 1.0, atol=0.2)


def test_each_period_keeps_its_own_variance_and_that_of_its_mean_over_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where periods' effects differ by far, a single one is known no better in blocks, nor an average over units."""
    paths = _paths(np.random.default_rng(2), noise=1.0, period=10.0)
    found = [_pooled(paths, monkeypatch, work, period=20.0).effect.reshape(1600, -1) for work in (np.inf, 6e4)]
    np.testing.assert_allclose(found[1].std(axis=0) / found[0].std(axis=0), 1.0, atol=0.15)
    event = np.concatenate([path.event for path in paths])
    same = [np.mean([each[:, event == k].mean(axis=1).std() for k in range(20)]) for each in found]
    assert same[1] == pytest.approx(same[0], rel=0.15)
    gaps = np.concatenate([0.6 * path.gap[0] + 0.4 * path.gap[1] for path in paths])
    assert np.abs(found[1].mean(axis=0) - gaps).mean() < 0.2


def test_blocks_are_orthonormal_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = _paths(np.random.default_rng(3))
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
    paths = _paths(np.random.default_rng(4))
    found = stack(paths)
    assert found.length == 1
    assert found.within is None
    whole = np.concatenate([path.event for path in paths])
    assert int(found.cells.sum()) == len(whole)
    np.testing.assert_array_equal(found.event[found.cells], whole)


def test_one_long_path_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single unit has no others to err with."""
    path = _paths(np.random.default_rng(5))[0]
    found = _pooled([path], monkeypatch, 1e3, UNKNOWN)
    assert found.block > 1
    assert set(found.scales) == {"period_sd", "step_sd"}
    assert found.effect.mean() == pytest.approx(path.gap.mean(), abs=3 * found.effect.mean(axis=-1).std())
