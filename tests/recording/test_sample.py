"""A sample of steps is even over each episode and over all of them, also where they are shorter than its stride."""

import numpy as np
import pytest

import rltools
from rltools.recording.attribution import first_sampled


@pytest.mark.parametrize("every", [2, 3, 5, 20, 50, 300])
def test_beginnings_and_ends_of_episodes_are_sampled_like_the_rest(every):
    length, episodes = 40, 300
    counts = np.zeros(length)
    for number in range(episodes):
        counts[first_sampled(number, every) :: every] += 1
    assert counts.sum() == pytest.approx(length * episodes / every, rel=0.02)
    thirds = [part.sum() for part in np.array_split(counts[:39], 3)]
    assert max(thirds) < 1.2 * min(thirds)


def test_of_episodes_shorter_than_the_stride_as_many_have_a_step_as_should(make_policy, make_env, tmp_path):
    policy = make_policy(make_env(length=6))
    recording = rltools.record(policy, make_env(length=6), episodes=20, directory=tmp_path)
    rltools.explain(recording, policy, method="gradient", every=12)
    rows = np.isfinite(recording.attribution().values[:, 0]).all(axis=1).reshape(20, 6)
    assert 9 <= rows.sum() <= 11
    assert rows[:, :3].sum() >= 3 <= rows[:, 3:].sum()
