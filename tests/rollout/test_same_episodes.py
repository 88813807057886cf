"""Episode i is the same to the last bit, whatever runs beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rltools

PLACES = [
    ("CartPole-v1", {}),
    ("LunarLander-v3", {}),
    ("LunarLander-v3", {"continuous": True}),
    ("BipedalWalker-v3", {}),
]
Make = Callable[..., Any]


def files(folder: Path, room: str = "episodes") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / room).iterdir())}


@pytest.mark.parametrize(("name", "kwargs"), PLACES, ids=["cartpole", "lander", "lander-box", "walker"])
def test_num_envs_changes_nothing(name: str, kwargs: Any, make_policy: Make, tmp_path: Path) -> None:
    policy = make_policy(name, hidden=64, kwargs=kwargs, scale=2.0)
    for num_envs in (1, 4, 16):
        rltools.record(policy, episodes=6, num_envs=num_envs, max_steps=60, seed=3, directory=tmp_path / str(num_envs))
    single = files(tmp_path / "1")
    assert sorted(single) == [f"{number:06d}.parquet" for number in range(6)]
    assert len(set(single.values())) == 6
    assert files(tmp_path / "4") == single
    assert files(tmp_path / "16") == single


def test_more_than_one_block_of_rows_changes_nothing(make_policy: Make, tmp_path: Path) -> None:
    policy = make_policy("CartPole-v1", hidden=64)
    for num_envs in (5, 20):
        rltools.record(policy, episodes=24, num_envs=num_envs, max_steps=30, directory=tmp_path / str(num_envs))
    assert files(tmp_path / "5") == files(tmp_path / "20")


def test_random_actions_are_the_same_whatever_num_envs_is(cartpole: Any, tmp_path: Path) -> None:
    for num_envs in (1, 3, 16):
        folder = tmp_path / str(num_envs)
        rltools.record(cartpole, episodes=7, num_envs=num_envs, deterministic=False, max_steps=40, directory=folder)
    assert files(tmp_path / "1") == files(tmp_path / "3") == files(tmp_path / "16")


def test_random_actions_differ_between_episodes_and_from_the_best_ones(cartpole: Any, make_env: Make) -> None:
    sampled = rltools.record(cartpole, episodes=3, deterministic=False, max_steps=40)
    best = rltools.record(cartpole, episodes=3, max_steps=40)
    actions = [tuple(episode.actions) for episode in sampled]
    assert len(set(actions)) == 3
    assert actions != [tuple(episode.actions) for episode in best]


def test_a_policy_without_a_distribution_draws_nothing(make_policy: Make) -> None:
    policy = make_policy("LunarLander-v3", kwargs={"continuous": True})
    with pytest.raises(rltools.errors.ArgumentError, match="no distribution"):
        rltools.record(policy, episodes=1, deterministic=False)


def test_images_keep_their_seeds_and_first_states(make_policy: Make, make_env: Make) -> None:
    from gymnasium.spaces import Box

    env = make_env(observation_space=Box(0, 255, (4, 5, 3), "uint8"))
    policy = make_policy(env)
    several, single = (rltools.record(policy, env, episodes=4, num_envs=num_envs, seed=7) for num_envs in (4, 1))
    assert [outcome.seed for outcome in several.outcomes()] == [outcome.seed for outcome in single.outcomes()]
    assert several.outcome(0).seed == 7
    for a, b in zip(several, single, strict=True):
        assert (a.observations[0] == b.observations[0]).all()


def test_torch_has_its_threads_back(cartpole: Any) -> None:
    import torch

    torch.set_num_threads(2)
    try:
        rltools.record(cartpole, episodes=1, max_steps=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
