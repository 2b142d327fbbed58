import hashlib

import pytest

import bsynth as bs

SHA256 = "4cda3829d4ffe514a7167f5ff5e3c1f1af24ea94ce192640197ac4d96c6562c6"


def test_seed_42_is_the_published_log(rollout_log) -> None:
    assert (rollout_log["wave"] == 2).sum() == 25_063
    assert hashlib.sha256(rollout_log.to_csv(index=False).encode()).hexdigest() == SHA256


def test_effect_is_the_only_thing_it_moves() -> None:
    null, full = bs.simulate_rollout(users=5000, seed=3, effect=0.0), bs.simulate_rollout(users=5000, seed=3)
    before = full["treated_post"] == 0
    assert null.loc[before, "task_completed"].equals(full.loc[before, "task_completed"])
    assert null["signup_week"].equals(full["signup_week"])


def test_users_must_be_positive() -> None:
    with pytest.raises(bs.SpecError, match="users is 0"):
        bs.simulate_rollout(users=0)
