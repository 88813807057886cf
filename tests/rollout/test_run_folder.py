"""Where a recording goes if no folder is named: a folder for each environment, the same each time."""

import re

import gymnasium
import pytest

from rltools import load_policy
from rltools.cards.content import find_content
from rltools.envs import with_arguments
from rltools.rollout.run_folder import data_folder, run_folder


def folder(source, env=None):
    return run_folder(source, load_policy(source, env), env).as_posix()


def cartpole(**kwargs):
    return with_arguments("CartPole-v1", kwargs)


class Slowed(gymnasium.Wrapper):
    pass


@pytest.mark.parametrize(
    ("env", "name"),
    [
        (None, "cartpole-ppo"),
        ("CartPole-v1", "cartpole-ppo"),
        (cartpole(sutton_barto_reward=True), "cartpole-ppo--sutton_barto_reward-true"),
        ("CartPole-v0", "cartpole-ppo--CartPole-v0"),
        (with_arguments("CartPole-v0", {"wind": 15, "gust": -0.5}), "cartpole-ppo--CartPole-v0--gust--0.5--wind-15"),
        (gymnasium.make("CartPole-v1", max_episode_steps=20), "cartpole-ppo--max_episode_steps-20"),
        (gymnasium.wrappers.TimeAwareObservation(gymnasium.make("CartPole-v1")), None),
        (lambda: gymnasium.make("CartPole-v1"), "cartpole-ppo--own-environment"),
    ],
)
def test_what_differs_from_the_agents_own_environment_is_in_the_name(env, name, monkeypatch):
    policy = load_policy("cartpole-ppo")
    path = run_folder("cartpole-ppo", policy, env).as_posix()
    assert path == run_folder("cartpole-ppo", policy, env).as_posix()
    assert re.fullmatch(f"runs/{name or 'cartpole-ppo--TimeAwareObservation(-.*)?'}", path)


def test_a_model_that_does_not_say_where_it_was_trained_has_a_folder_for_each_environment():
    model = str(find_content("agents", "cartpole-ppo") / "model.zip")
    plain, other, longer = (
        folder(model, env) for env in ("CartPole-v1", cartpole(sutton_barto_reward=True), "CartPole-v0")
    )
    assert re.fullmatch("runs/cartpole-ppo-model-[0-9a-f]{8}--CartPole-v1", plain)
    assert other == f"{plain}--sutton_barto_reward-true"
    assert longer == plain.replace("v1", "v0")


def test_odd_and_long_values_stay_apart_in_names_that_every_system_takes():
    policy = load_policy("cartpole-ppo")
    values = ['a"b', "a*b", "x" * 300, "x" * 301, [1, 2], [1, -2], "con.", "..", {"deep": ["er"]}]
    names = [run_folder("cartpole-ppo", policy, cartpole(wind=value)).name for value in values]
    names.append(run_folder("cartpole-ppo", policy, cartpole(**{f"wind_{i}": i for i in range(40)})).name)
    assert len({name.casefold() for name in names}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,150}", name) and name[-1].isalnum() for name in names)


def test_a_data_set_is_named_after_the_agent_that_sees_it():
    policy = load_policy("cartpole-ppo")
    assert data_folder("cartpole-ppo", policy, "minari:cartpole/expert-v0").as_posix() == (
        "runs/cartpole-ppo-on-cartpole-expert-v0"
    )
