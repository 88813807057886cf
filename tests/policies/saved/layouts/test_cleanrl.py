"""What golden files of CleanRL do not say: other environments, statistics, critics, random actions, other agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from edited_weights import LIBRARIES, content, edited
from gymnasium.spaces import Box

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

GOLDEN = LIBRARIES / "cleanrl"
PPO, DQN = GOLDEN / "ppo" / "ppo.cleanrl_model", GOLDEN / "dqn" / "dqn.cleanrl_model"
CONTINUOUS = GOLDEN / "ppo_continuous_action" / "ppo_continuous_action.cleanrl_model"
TD3 = GOLDEN / "td3_continuous_action" / "td3_continuous_action.cleanrl_model"
SAC = GOLDEN / "sac_continuous_action" / "sac_continuous_action.cleanrl_model"
X = np.array([[0.5, -0.5, 1.0], [0.1, 0.9, -2.0]], np.float32)


@pytest.mark.parametrize("file", [PPO, DQN])
def test_an_environment_with_other_observations_is_refused_with_both_sizes(file: Path) -> None:
    with pytest.raises(MismatchError, match=r"takes 4 inputs and returns 2 numbers.*6 features and 3 actions"):
        load_policy(file, "Acrobot-v1")


@pytest.mark.parametrize("file", [PPO, DQN])
def test_networks_of_common_names_are_taken_for_cleanrls_only_if_the_file_is_named_so(
    file: Path, tmp_path: Path
) -> None:
    (tmp_path / "agent.pt").write_bytes(file.read_bytes())
    with pytest.raises(ArgumentError, match="activation"):
        load_policy(tmp_path / "agent.pt", "CartPole-v1")
    policy = load_policy(tmp_path / "agent.pt", "CartPole-v1", layout="cleanrl")
    x = np.full((1, 4), 0.5, np.float32)
    assert np.array_equal(policy.act(x, Context()).scores, load_policy(file, "CartPole-v1").act(x, Context()).scores)


def test_discrete_agents_are_refused_where_actions_are_continuous() -> None:
    with pytest.raises(MismatchError, match="give the environment it was trained in"):
        load_policy(PPO, "Pendulum-v1")


def test_missing_statistics_of_ppo_are_a_caveat_that_names_them() -> None:
    without = load_policy(CONTINUOUS, "Pendulum-v1")
    (note,) = (note for note in without.source.notes if "NormalizeObservation" in note)
    assert "none were given with normalize=, so" in note, "as Python names an argument"
    normalized = load_policy(CONTINUOUS, "Pendulum-v1", normalize=CONTINUOUS.parent / "obs_rms.npz")
    on_purpose = load_policy(CONTINUOUS, "Pendulum-v1", normalize=False)
    assert not any(
        "NormalizeObservation" in note for policy in (normalized, on_purpose) for note in policy.source.notes
    )
    assert normalized.in_network_units().features.units == ("deviations",) * 3


def test_statistics_may_be_those_of_a_live_wrapper_or_a_mapping(tmp_path: Path) -> None:
    with np.load(CONTINUOUS.parent / "obs_rms.npz") as arrays:
        statistics = dict(arrays)
    env = gymnasium.wrappers.NormalizeObservation(gymnasium.make("Pendulum-v1"))
    env.obs_rms.mean, env.obs_rms.var = statistics["mean"], statistics["var"]
    by_file = load_policy(CONTINUOUS, "Pendulum-v1", normalize=CONTINUOUS.parent / "obs_rms.npz")
    for normalize in (statistics, env):
        policy = load_policy(CONTINUOUS, "Pendulum-v1", normalize=normalize)
        assert np.array_equal(policy.act(X, Context()).scores, by_file.act(X, Context()).scores)


def test_statistics_of_another_environment_are_refused() -> None:
    with pytest.raises(MismatchError, match=r"4 means.*3 elements"):
        load_policy(CONTINUOUS, "Pendulum-v1", normalize={"mean": np.zeros(4), "var": np.ones(4)})


def test_the_activation_is_that_of_the_script_unless_the_caller_says_another() -> None:
    tanh, relu = load_policy(PPO, "CartPole-v1"), load_policy(PPO, "CartPole-v1", activation="relu")
    assert any("tanh between its layers (the library's default)" in note for note in tanh.source.notes)
    assert any("relu between its layers (as the caller says)" in note for note in relu.source.notes)
    assert tanh.source.sha256 != relu.source.sha256
    x = np.ones((1, 4), np.float32)
    assert not np.allclose(tanh.act(x, Context()).scores, relu.act(x, Context()).scores)


def test_a_check_needs_no_activation_and_advises_another_for_outputs_that_differ() -> None:
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    relu = load_policy(PPO, "CartPole-v1", activation="relu")
    scores = relu.act(x, Context()).scores
    with pytest.raises(ModelError, match="activation='relu'"):
        load_policy(PPO, "CartPole-v1", check={"observations": x, "scores": scores})
    policy = load_policy(PPO, "CartPole-v1", activation="relu", check={"observations": x, "scores": scores})
    assert any("3 observations" in note for note in policy.source.notes)


def test_the_q_value_of_td3_is_the_lower_one_of_its_critics() -> None:
    _, *critics = content("cleanrl/td3_continuous_action")
    action = torch.tensor([[1.5], [-0.5]])
    joined = torch.cat([torch.from_numpy(X), action], 1)

    def value(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        hidden = joined
        for name in ("fc1", "fc2"):
            hidden = torch.relu(hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])
        return hidden @ weights["fc3.weight"].T + weights["fc3.bias"]

    policy = load_policy(TD3, "Pendulum-v1")
    actual = policy.head("q_value", policy.encode(X), Context(action=action))
    torch.testing.assert_close(actual, torch.minimum(*map(value, critics)))


def test_an_actor_in_a_dict_of_ones_own_is_recognized(tmp_path: Path) -> None:
    file = edited(
        "cleanrl/td3_continuous_action",
        tmp_path / "all.pt",
        lambda saved: dict(zip(("actor", "qf1"), saved, strict=False)),
    )
    own, original = load_policy(file, "Pendulum-v1"), load_policy(TD3, "Pendulum-v1")
    assert own.heads == ("mean", "action", "q_value")
    assert np.array_equal(own.act(X, Context()).actions, original.act(X, Context()).actions)


def test_random_actions_of_sac_have_the_std_of_its_formula() -> None:
    policy, weights = load_policy(SAC, "Pendulum-v1"), content("cleanrl/sac_continuous_action")
    hidden = torch.from_numpy(X[:1])
    for name in ("fc1", "fc2"):
        hidden = torch.relu(hidden @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])
    log_std = torch.tanh(hidden @ weights["fc_logstd.weight"].T + weights["fc_logstd.bias"])
    expected = torch.exp(-5 + 0.5 * (2 - -5) * (log_std + 1)).item()
    rows = 4000
    rngs = [np.random.default_rng(row) for row in range(rows)]
    drawn = policy.act(np.repeat(X[:1], rows, 0), Context(), deterministic=False, rngs=rngs).actions
    assert abs(drawn).max() <= 2
    before = np.arctanh(drawn.astype(np.float64) / 2)
    assert np.std(before[np.isfinite(before)]) == pytest.approx(expected, rel=0.05)


def test_other_bounds_of_actions_are_refused_with_both() -> None:
    limits = np.ones(1, np.float32)
    env = gymnasium.wrappers.RescaleAction(gymnasium.make("Pendulum-v1"), -limits, limits)
    with pytest.raises(MismatchError, match=r"from \[-2.0\] to \[2.0\].*from \[-1.0\] to \[1.0\]"):
        load_policy(TD3, env)


def _conv(channels: int = 4) -> dict[str, torch.Tensor]:
    shapes = ((4, channels, 8, 8), (4, 4, 4, 4), (4, 4, 3, 3))
    layers = {f"network.{n}.weight": torch.zeros(shape) for n, shape in zip((0, 2, 4), shapes, strict=True)}
    return layers | {f"network.{n}.bias": torch.zeros(4) for n in (0, 2, 4)}


def _linear(name: str, inputs: int, outputs: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.zeros(outputs, inputs), f"{name}.bias": torch.zeros(outputs)}


_TOP = _linear("network.7", 196, 16) | _linear("actor", 16, 4) | _linear("critic", 16, 1)
OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "rnd": (_conv() | _linear("critic_ext", 16, 1) | _linear("critic_int", 16, 1), "random network distillation"),
    "ppg": (_conv() | _linear("actor", 16, 4) | _linear("aux_critic", 16, 1), "phasic policy gradient"),
    "procgen": ({"network.0.res_block0.conv0.weight": torch.zeros(4, 4, 3, 3)} | _linear("actor", 16, 4), "IMPALA"),
    "rainbow": (_conv() | {"value_head.0.weight_mu": torch.zeros(4, 4)}, "Rainbow"),
    "pqn_lstm": (_conv() | _linear("q_func", 8, 4), "PQN with an LSTM"),
    "trxl": ({"model_weights": _linear("transformer.transformer_layers.0.fc_projection.0", 4, 4)}, "Transformer"),
    "pettingzoo": (_conv(6) | _TOP, "PettingZoo"),
    "pqn_atari": (_conv() | {"network.1.weight": torch.ones(4, 20, 20)}, "layer normalization of images"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_agents_of_cleanrl_are_refused_by_what_they_are(name: str, tmp_path: Path) -> None:
    saved, kind = OTHERS[name]
    torch.save(saved, tmp_path / f"{name}.cleanrl_model")
    with pytest.raises(ModelError, match=f"{kind}.*CleanRL.*TorchPolicy"):
        load_policy(tmp_path / f"{name}.cleanrl_model", "CartPole-v1")


def test_a_file_of_another_library_is_refused_with_the_parts_of_both() -> None:
    file = LIBRARIES / "skrl" / "ppo" / "agent_64.pt"
    with pytest.raises(ModelError, match=r"no agent of CleanRL: its parts are .*policy.*actor, critic"):
        load_policy(file, "Pendulum-v1", layout="cleanrl")


def test_deeper_networks_than_those_of_the_scripts_are_not_taken_for_theirs(tmp_path: Path) -> None:
    def deeper(saved: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return saved | {"actor.6.weight": torch.zeros(2, 2), "actor.6.bias": torch.zeros(2)}

    file = edited("cleanrl/ppo", tmp_path / "agent.pt", deeper)
    with pytest.raises(ArgumentError, match="activation"):
        load_policy(file, "CartPole-v1")


def test_images_of_other_channels_are_refused() -> None:
    class Env(gymnasium.Env[Any, Any]):
        observation_space = Box(0, 255, (3, 84, 84), np.uint8)
        action_space = gymnasium.spaces.Discrete(4)

    with pytest.raises(MismatchError, match="4 channels"):
        load_policy(GOLDEN / "ppo_atari" / "ppo_atari.cleanrl_model", Env)
