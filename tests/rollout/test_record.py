"""What is stepped, with which seeds, and when its files appear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import rltools
from rltools.errors import ArgumentError, MismatchError, SimulationError
from rltools.pages.report import write_report

Make = Callable[..., Any]


def test_rows_are_what_the_environment_gave_and_took(make_policy: Make, make_env: Make) -> None:
    taken_actions: list[tuple[int, int]] = []

    def step(env: Any, action: Any) -> Any:
        taken_actions.append((env.t, int(action)))
        return np.full(3, env.t, np.float32), env.t / 2, env.t == 4, False, {}

    env = make_env(step=step, reset=lambda env: (np.zeros(3, np.float32), {}))
    policy = make_policy(env)
    episode = rltools.record(policy, env, episodes=1).episode(0)
    assert episode.observations[:, 0].tolist() == [0, 1, 2, 3]
    assert episode.final_observation is not None
    assert episode.final_observation.tolist() == [4, 4, 4]
    assert episode.rewards.tolist() == [0.5, 1.0, 1.5, 2.0]
    assert episode.rewards.dtype == np.float64
    assert taken_actions == [(t + 1, int(action)) for t, action in enumerate(episode.actions)]
    assert episode.outcome.total_reward == 5.0
    assert (episode.scores.argmax(1) == episode.actions).all()


def test_a_bare_loop_goes_the_same_way(make_policy: Make) -> None:
    policy = make_policy("CartPole-v1", hidden=16)
    episode = rltools.record(policy, episodes=3, seed=11, max_steps=30).episode(2)
    env = gymnasium.make("CartPole-v1")
    observation, _ = env.reset(seed=episode.outcome.seed)
    for t, action in enumerate(episode.actions):
        assert (observation == episode.observations[t]).all()
        observation = env.step(action)[0]
    assert (observation == episode.final_observation).all()


def test_each_episode_lands_at_once(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    layer_names: list[list[str]] = []

    def reset(env: Any) -> Any:
        layer_names.append(sorted(path.name for path in (tmp_path / "episodes").glob("*.parquet")))
        return env.observation(), {}

    env = make_env(reset=reset, length=3)
    rltools.record(make_policy(env), env, episodes=3, num_envs=1, directory=tmp_path)
    assert layer_names == [[], ["000000.parquet"], ["000000.parquet", "000001.parquet"]]


def test_every_episode_has_an_environment_of_its_own_that_is_closed(make_policy: Make, make_env: Make) -> None:
    numbers: list[int] = []
    closed: list[int] = []

    def reset(env: Any) -> Any:
        numbers.append(id(env))
        assert env.t == 0
        return env.observation(), {}

    env = make_env(reset=reset, close=lambda env: closed.append(id(env)))
    hashes = []
    policy = make_policy(env)
    closed.clear()
    rltools.record(policy, lambda: hashes.append(env()) or hashes[-1], episodes=5, num_envs=2)
    assert len(set(numbers)) == 5
    assert set(numbers) <= set(closed)


def test_seeds_are_drawn_from_the_first_one(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=3, seed=100, max_steps=3)
    expected = [100] + [
        int(np.random.SeedSequence(100, spawn_key=(number,)).generate_state(1)[0]) // 2 for number in (1, 2)
    ]
    assert [(outcome.number, outcome.seed) for outcome in recording.outcomes()] == list(enumerate(expected))
    assert recording.header.seeds == "spread"
    again = rltools.record(cartpole, episodes=1, seed=expected[2], max_steps=3)
    assert (again.episode(0).observations == recording.episode(2).observations).all()


def test_recordings_from_different_seeds_share_no_episode(cartpole: Any) -> None:
    seeds = [
        [outcome.seed for outcome in rltools.record(cartpole, episodes=20, seed=seed, max_steps=1).outcomes()]
        for seed in (0, 1)
    ]
    assert len(set(seeds[0]) | set(seeds[1])) == 40
    assert max(map(max, seeds)) < 2**31


@pytest.mark.parametrize(("max_steps", "ended", "steps"), [(3, "limit", 3), (5, "terminated", 5), (9, "terminated", 5)])
def test_max_steps(max_steps: int, ended: str, steps: int, make_policy: Make, make_env: Make) -> None:
    env = make_env(length=5)
    outcome = rltools.record(make_policy(env), env, episodes=1, max_steps=max_steps).outcome(0)
    assert (outcome.ended, outcome.steps) == (ended, steps)


def test_an_environment_by_id_spec_factory_or_the_policys_own(make_policy: Make) -> None:
    policy = make_policy("CartPole-v1")
    ways = ["CartPole-v1", gymnasium.spec("CartPole-v1"), lambda: gymnasium.make("CartPole-v1"), None]
    recordings = [rltools.record(policy, env, episodes=1, max_steps=20) for env in ways]
    first = recordings[0].episode(0)
    for recording in recordings:
        assert (recording.episode(0).observations == first.observations).all()
    assert [recording.header.environment_id for recording in recordings] == [
        "CartPole-v1",
        "CartPole-v1",
        "",
        "CartPole-v1",
    ]


def test_arguments_in_a_specification_count(make_policy: Make) -> None:
    policy = make_policy("LunarLander-v3", kwargs={"continuous": True})
    assert rltools.record(policy, episodes=1, max_steps=3).episode(0).actions.shape == (3, 2)


def test_no_environment_at_all(make_policy: Make) -> None:
    policy = make_policy("CartPole-v1", environment=None)
    with pytest.raises(ArgumentError, match="has no environment to act in"):
        rltools.record(policy, episodes=1)


def test_an_unknown_environment(cartpole: Any) -> None:
    with pytest.raises(SimulationError, match="CartPole-v1"):
        rltools.record(cartpole, "CartPol-v1", episodes=1)


def test_another_environment_is_noted_when_asked_for(make_policy: Make) -> None:
    policy = make_policy("MountainCar-v0")
    own = rltools.record(policy, episodes=1, max_steps=3)
    assert own.header.notes == ()
    gymnasium.register("MountainTwin-v0", entry_point="gymnasium.envs.classic_control:MountainCarEnv")
    try:
        other = rltools.record(policy, "MountainTwin-v0", episodes=1, max_steps=3)
    finally:
        del gymnasium.registry["MountainTwin-v0"]
    assert other.header.notes == (
        "trained on MountainCar-v0, and recorded in MountainTwin-v0 because that was asked for",
    )


def test_other_arguments_are_noted_when_asked_for(make_policy: Make) -> None:
    policy = make_policy("MountainCar-v0", kwargs={"goal_velocity": 0.02, "render_mode": "rgb_array"})
    assert rltools.record(policy, episodes=1, max_steps=3).header.notes == ()
    other = rltools.record(policy, "MountainCar-v0", episodes=1, max_steps=3)
    assert other.header.notes == (
        "trained on MountainCar-v0 with goal_velocity=0.02, and recorded in it with no arguments",
    )


def test_an_environment_that_is_gone_is_no_hindrance_to_another(make_policy: Make) -> None:
    import dataclasses

    policy = make_policy("CartPole-v1")
    source = dataclasses.replace(policy.source, environment=policy.source.environment.replace("CartPole-v1", "Gone-v7"))
    policy = make_policy("CartPole-v1", source=source)
    recording = rltools.record(policy, "CartPole-v1", episodes=1, max_steps=3)
    assert recording.header.notes == ("trained on Gone-v7, and recorded in CartPole-v1 because that was asked for",)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"episodes": 0}, "episodes is 0"),
        ({"num_envs": 0}, "num_envs is 0"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"frames": [0, 7]}, r"frames of episodes \[7\]; there are episodes 0 to 1"),
    ],
)
def test_numbers_that_cannot_be_meant(choice: Any, message: str, cartpole: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        rltools.record(cartpole, **({"episodes": 2, "directory": tmp_path / "run"} | choice))
    assert not (tmp_path / "run").exists()


def test_actions_of_another_kind_are_refused_before_the_first_step(make_policy: Make, tmp_path: Path) -> None:
    policy = make_policy("LunarLander-v3", kwargs={"continuous": True})
    with pytest.raises(MismatchError, match="4 actions"):
        rltools.record(policy, "LunarLander-v3", episodes=1, directory=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_discrete_actions_that_do_not_start_at_zero(make_policy: Make, make_env: Make) -> None:
    from gymnasium.spaces import Discrete

    taken_actions: set[int] = set()

    def step(env: Any, action: Any) -> Any:
        taken_actions.add(int(action))
        return env.observation(), 0.0, env.t == 9, False, {}

    env = make_env(step=step, action_space=Discrete(3, start=5))
    recording = rltools.record(make_policy(env, scale=3.0), env, episodes=4)
    assert taken_actions <= {5, 6, 7}
    assert {int(action) for episode in recording for action in episode.actions} == taken_actions
    assert recording.header.action_start == 5


def test_a_temporary_recording_goes_with_its_last_user(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=1, max_steps=2)
    folder = recording.directory
    assert (folder / "episodes" / "000000.parquet").is_file()
    del recording
    assert not folder.exists()


def test_a_bar_on_standard_error_only(cartpole: Any, capfd: pytest.CaptureFixture[str]) -> None:
    rltools.record(cartpole, episodes=2, max_steps=2, progress=True)
    message = capfd.readouterr()
    assert message.out == ""
    assert "record tiny" in message.err


def test_long_episodes_are_written_block_by_block(make_policy: Make, make_env: Make, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    sizes: list[int] = []

    def step(env: Any, action: Any) -> Any:
        if env.t == 2100:
            sizes.extend(path.stat().st_size for path in (tmp_path / "episodes").iterdir())
        return env.observation(), 1.0, env.t == 2500, False, {}

    env = make_env(step=step)
    recording = rltools.record(make_policy(env), env, episodes=1, directory=tmp_path)
    assert sizes
    assert sizes[0] > 1000
    assert pq.read_metadata(recording.episode_path(0)).num_row_groups == 3
    assert len(recording.episode(0)) == 2500
    assert recording.outcome(0).total_reward == 2500


def test_arguments_and_wrappers_of_the_environment_stand_on_the_page(
    make_policy: Make, tmp_path: Path, without_plots: None
) -> None:
    env = gymnasium.wrappers.ClipReward(gymnasium.make("CartPole-v1", sutton_barto_reward=True), 0, 1)
    policy = make_policy("CartPole-v1")
    recording = rltools.record(policy, env, episodes=2, max_steps=4, directory=tmp_path)
    text = "CartPole-v1 (sutton_barto_reward=true) in ClipReward (min_reward=0, max_reward=1)"
    assert recording.header.environment_text == text
    assert rltools.open_recording(tmp_path).header.layers[0] == {
        "name": "CartPoleEnv",
        "kwargs": {"sutton_barto_reward": True},
        "id": "CartPole-v1",
    }
    rltools.explain(recording, policy, method="gradient")
    page = write_report(recording).read_text(encoding="utf-8")
    assert page.count(text) == 2
    assert "0 and others derived from it, one per episode" in page
