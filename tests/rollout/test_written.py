"""Episodes are written while others run, and nobody can tell: not by the outcomes, their order or what is closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import rltools
from rltools.errors import FaultError
from rltools.policies.base import ActResult, Context
from rltools.recording.parquet import read_columns
from rltools.recording.writers import EpisodeWriter
from rltools.rollout._blocks import chosen_num_envs

Make = Callable[..., Any]


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first episodes take longest to be written."""
    finish = EpisodeWriter.finish

    def slowly(writer: EpisodeWriter, outcome: Any, *args: Any) -> None:
        time.sleep(0.05 / (1 + outcome.number))
        finish(writer, outcome, *args)

    monkeypatch.setattr(EpisodeWriter, "finish", slowly)


@pytest.mark.usefixtures("slow_disk")
def test_an_environment_is_closed_once_its_episode_is_written(
    make_policy: Make, make_env: Make, tmp_path: Path
) -> None:
    closed: list[int] = []

    class Closing(gymnasium.Wrapper[Any, Any, Any, Any]):
        def close(self) -> None:
            if hasattr(self, "number"):
                assert (tmp_path / "episodes" / f"{self.number:06d}.parquet").is_file()
                closed.append(self.number)
            super().close()

        def reset(self, **kwargs: Any) -> Any:
            self.number = 0 if kwargs["seed"] == 0 else numbers[kwargs["seed"]]
            return super().reset(**kwargs)

    policy = make_policy(make_env(length=3))
    seeds = [outcome.seed for outcome in rltools.record(policy, make_env(length=3), episodes=9).outcomes()]
    numbers = {seed: number for number, seed in enumerate(seeds)}
    rltools.record(policy, lambda: Closing(make_env(length=3)()), episodes=9, num_envs=4, directory=tmp_path)
    assert sorted(set(closed)) == list(range(9))


@pytest.mark.usefixtures("slow_disk")
def test_the_third_fault_stops_at_the_same_episode_whatever_the_disk_does(make_policy: Make, make_env: Make) -> None:
    env = make_env(step=lambda env, action: (np.full(3, np.nan, np.float32), 0.0, False, False, {}))
    with pytest.raises(FaultError, match="Three in a row") as fault:
        rltools.record(make_policy(env), env, episodes=20, num_envs=2)
    assert fault.value.recording is not None
    assert fault.value.recording.numbers == (0, 1, 2, 3)


def test_a_policy_with_an_act_of_its_own_is_asked_block_by_block(make_policy: Make, tmp_path: Path) -> None:
    rows: list[int] = []

    class Own(rltools.TorchPolicy):
        def act(self, observations: Any, context: Context, **settings: Any) -> ActResult:
            rows.append(len(observations))
            return super().act(observations, context, **settings)

    policy = make_policy("CartPole-v1", hidden=64)
    own = Own(policy.module, policy.observation_space, policy.action_space, source=policy.source)
    for name, which in (("own", own), ("plain", policy)):
        rltools.record(which, "CartPole-v1", episodes=20, num_envs=20, max_steps=3, directory=tmp_path / name)
    assert set(rows) == {16}
    own_files, files = (sorted((tmp_path / name / "episodes").iterdir()) for name in ("own", "plain"))
    for path, other in zip(own_files, files, strict=True):
        assert (read_columns(path)["score"] == read_columns(other)["score"]).all()


def test_fewer_episodes_run_side_by_side_where_each_may_be_large(cartpole: Any) -> None:
    spec = gymnasium.spec("CartPole-v1")
    assert chosen_num_envs(cartpole, spec, (), 1) == 64
    assert chosen_num_envs(cartpole, spec, [0], 1) == chosen_num_envs(cartpole, spec, (), 2) == 16
    assert chosen_num_envs(cartpole, None, (), 1) == 16


def test_vector_environments_of_gymnasium_have_other_episodes() -> None:
    """They draw all first states from one generator, and take no seed for each: why every episode is stepped alone."""
    vector = gymnasium.make_vec("CartPole-v1", num_envs=3, vectorization_mode="vector_entry_point")
    states = vector.reset(seed=7)[0]
    singles = [gymnasium.make("CartPole-v1").reset(seed=7 + number)[0] for number in range(3)]
    assert not any((state == single).all() for state in states for single in singles)
    with pytest.raises(gymnasium.error.Error, match="Seed must be a python integer"):
        vector.reset(seed=[7, 8, 9])
