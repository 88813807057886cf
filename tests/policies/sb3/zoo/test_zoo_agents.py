"""Real agents, saved by versions of the library from 2020 to 2024."""

import io
import json
import shutil
import zipfile

import gymnasium
import numpy as np
import pytest
import torch

from rltools.envs import make_environment
from rltools.errors import MismatchError, ModelError, UnsafeFileError
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.testing import check_policy

AGENTS = (
    "a2c/Acrobot-v1",
    "a2c/CartPole-v1",
    "ars/CartPole-v1",
    "ars/Hopper-v3",
    "ddpg/Pendulum-v1",
    "dqn/CartPole-v1",
    "dqn/LunarLander-v2",
    "ppo/BipedalWalker-v3",
    "ppo/CartPole-v1",
    "ppo/HalfCheetah-v3",
    "ppo/LunarLander-v2",
    "ppo/LunarLanderContinuous-v2",
    "ppo/MountainCar-v0",
    "ppo/Swimmer-v3",
    "qrdqn/CartPole-v1",
    "sac/Pendulum-v1",
    "tqc/Pendulum-v1",
    "trpo/Hopper-v3",
    "trpo/LunarLander-v2",
)
ON_POLICY = [agent for agent in AGENTS if agent.split("/")[0] in ("ppo", "a2c", "trpo")]


def load(zoo, agent, **arguments):
    return load_policy(zoo / f"{agent}_1", **arguments)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("agent", AGENTS)
def test_it_loads_for_its_environment_and_acts(zoo, agent):
    policy = load(zoo, agent)
    spec = gymnasium.envs.registration.EnvSpec.from_json(policy.source.environment)
    observations = np.zeros((3, *policy.observation_space.shape), policy.observation_space.dtype)
    acted = policy.act(observations, Context())
    assert spec.name == agent.split("/")[1].split("-")[0].replace("Continuous", "")
    assert all(policy.action_space.contains(action) for action in acted.actions)
    assert np.isfinite(acted.scores).all()


@pytest.mark.parametrize("agent", AGENTS)
def test_it_keeps_the_contract_of_policies(zoo, agent):
    check_policy(load(zoo, agent, dtype=torch.float64))


@pytest.mark.parametrize("agent", [agent for agent in ON_POLICY if "Swimmer" not in agent])
def test_the_scores_are_those_of_the_weights_multiplied_by_hand(zoo, agent):
    policy = load(zoo, agent, normalize=False)
    path = zoo / f"{agent}_1" / f"{agent.split('/')[1]}.zip"
    with zipfile.ZipFile(path) as archive:
        weights = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
        relu = "ReLU" in str(json.loads(archive.read("data"))["policy_kwargs"])
    observations = np.random.default_rng(0).standard_normal((8, *policy.observation_space.shape)).astype(np.float32)
    x = torch.from_numpy(observations)
    for layer in (0, 2):
        prefix = f"mlp_extractor.policy_net.{layer}"
        x = torch.nn.functional.linear(x, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"])
        x = torch.relu(x) if relu else torch.tanh(x)
    expected = torch.nn.functional.linear(x, weights["action_net.weight"], weights["action_net.bias"])
    np.testing.assert_allclose(policy.act(observations, Context()).scores, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("agent", ["dqn/CartPole-v1", "dqn/LunarLander-v2"])
def test_the_q_values_are_those_of_the_weights_multiplied_by_hand(zoo, agent):
    policy = load(zoo, agent)
    with zipfile.ZipFile(zoo / f"{agent}_1" / f"{agent.split('/')[1]}.zip") as archive:
        weights = torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=True)
    observations = np.random.default_rng(0).standard_normal((8, *policy.observation_space.shape)).astype(np.float32)
    x = torch.from_numpy(observations)
    for layer in (0, 2, 4):
        prefix = f"q_net.q_net.{layer}"
        x = torch.nn.functional.linear(
            torch.relu(x) if layer else x, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"]
        )
    np.testing.assert_allclose(policy.act(observations, Context()).scores, x, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("ppo/CartPole-v1", 500),
        ("dqn/CartPole-v1", 500),
        ("a2c/Acrobot-v1", -81),
        ("ppo/MountainCar-v0", -106),
        ("ppo/LunarLander-v2", 228),
    ],
)
def test_it_reaches_its_return(zoo, agent, expected):
    policy = load(zoo, agent)
    spec = gymnasium.envs.registration.EnvSpec.from_json(policy.source.environment)
    returns = []
    for seed in range(5):
        env = make_environment(spec)
        observation, _ = env.reset(seed=seed)
        total, over = 0.0, False
        while not over:
            action = policy.act(observation[None], Context()).actions[0]
            observation, reward, terminated, truncated, _ = env.step(action)
            total, over = total + float(reward), terminated or truncated
        env.close()
        returns.append(total)
    assert np.mean(returns) == pytest.approx(expected, abs=1)


def test_another_environment_is_used_when_asked_for_and_said(zoo):
    same = load(zoo, "ppo/LunarLander-v2", env="LunarLander-v3")
    assert same.source.notes == ()
    continuous = load(zoo, "ppo/LunarLanderContinuous-v2", env=lambda: make_environment("LunarLanderContinuous-v2"))
    assert continuous.source.notes == ()
    elsewhere = load(zoo, "ppo/CartPole-v1", env="CartPole-v0")
    assert elsewhere.source.notes == ("trained on CartPole-v1, used on CartPole-v0",)


def test_the_wrapper_of_swimmer_is_known(zoo):
    policy = load(zoo, "ppo/Swimmer-v3")
    assert policy.observation_space.shape == (9,)
    assert "TimeFeatureWrapper" in policy.source.environment
    assert "Swimmer-v5" in policy.source.notes[0]


def test_a_wrapper_that_is_not_known_is_told_and_not_run(zoo, tmp_path):
    folder = copy(zoo, "ppo/Swimmer-v3", tmp_path)
    config = folder / "Swimmer-v3" / "config.yml"
    config.write_text(config.read_text().replace("sb3_contrib.common.wrappers.TimeFeatureWrapper", "os.system"))
    policy = load_policy(folder)
    assert policy.source.environment is None
    assert "the wrapper os.system, which is not done just because a file names it" in policy.source.notes[0]


def test_an_agent_of_an_environment_that_is_gone_is_refused_with_both_shapes(zoo):
    with pytest.raises(MismatchError, match=r"\[111\].*Ant-v5.*\[105\]"):
        load(zoo, "a2c/Ant-v3")


def test_statistics_that_the_config_speaks_of_are_missed(zoo, tmp_path):
    folder = copy(zoo, "sac/Pendulum-v1", tmp_path)
    config = folder / "Pendulum-v1" / "config.yml"
    config.write_text("normalize: true\n")
    with pytest.raises(ModelError, match="statistics are missing"):
        load_policy(folder)
    config.write_text("normalize: \"{'norm_obs': False, 'norm_reward': True}\"\n")
    assert load_policy(folder).source.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [touch {sentinel}]",
        "normalize: !!python/object/apply:os.system [touch {sentinel}]",
        "a: &a [1]\nb: *a",
        "[" * 100 + "]" * 100,
        "a: " + "x" * 1_000_001,
    ],
)
def test_a_config_that_is_more_than_data_is_refused_and_not_run(zoo, tmp_path, text):
    folder = copy(zoo, "ppo/CartPole-v1", tmp_path)
    sentinel = tmp_path / "ran"
    (folder / "CartPole-v1" / "config.yml").write_text(text.replace("{sentinel}", str(sentinel)))
    with pytest.raises(UnsafeFileError):
        load_policy(folder)
    assert not sentinel.exists()


@pytest.mark.parametrize("text", ["{", "- 1", "1: 2", "a: 1\na: 2"])
def test_a_config_that_says_nothing_is_refused(zoo, tmp_path, text):
    folder = copy(zoo, "ppo/CartPole-v1", tmp_path)
    (folder / "CartPole-v1" / "config.yml").write_text(text)
    with pytest.raises(ModelError, match=r"config\.yml"):
        load_policy(folder)


def copy(zoo, agent, tmp_path):
    # The zoo may be read-only, and a copy of a read-only folder is one.
    target = tmp_path / f"{agent.split('/')[1]}_1"
    shutil.copytree(zoo / f"{agent}_1", target, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return target
