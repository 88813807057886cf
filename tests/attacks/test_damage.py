"""Files that were cut short or changed on their way."""

import random

import numpy as np
import pytest

from rltools.errors import ModelError, RltoolsError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


def test_every_cut_is_noticed(saved, tmp_path):
    content = saved.read_bytes()
    rng = random.Random(0)
    for cut in [0, 1, 21, 22, len(content) - 1, *rng.sample(range(len(content)), 60)]:
        (tmp_path / "cut.zip").write_bytes(content[:cut])
        with pytest.raises(ModelError, match=r"cut\.zip.*again"):
            load_policy(tmp_path / "cut.zip", normalize=False)


def test_a_cut_is_noticed_under_watch_too(saved, refused, tmp_path):
    content = saved.read_bytes()
    for cut in random.Random(2).sample(range(len(content)), 10):
        (tmp_path / "cut.zip").write_bytes(content[:cut])
        refused(tmp_path / "cut.zip", "cut short|damaged|lacks", "ModelError")


def test_a_flipped_bit_is_noticed_or_changes_nothing(saved, tmp_path):
    content = saved.read_bytes()
    rng = random.Random(1)
    observations = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    expected = load_policy(saved, normalize=False).act(observations, Context()).scores
    noticed = 0
    for _ in range(80):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (tmp_path / "flipped.zip").write_bytes(bytes(flipped))
        try:
            policy = load_policy(tmp_path / "flipped.zip", normalize=False)
        except RltoolsError:
            noticed += 1
            continue
        np.testing.assert_array_equal(policy.act(observations, Context()).scores, expected)
    assert noticed > 10


def test_flipped_statistics_are_numbers_or_refused(members, write, tmp_path, harmless):
    import pickle

    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    wrapper = VecNormalize(DummyVecEnv([lambda: __import__("gymnasium").make("CartPole-v1")]))
    content = pickle.dumps(wrapper)
    wrapper.close()
    path, rng = write(members), random.Random(3)
    for _ in range(40):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (tmp_path / "vecnormalize.pkl").write_bytes(bytes(flipped))
        harmless(path)
