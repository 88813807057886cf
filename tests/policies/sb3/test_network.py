"""What a zip says of its network's size, against the weights in it."""

import numpy as np
import pytest
from gymnasium.spaces import Box, MultiBinary

from rltools.errors import UnsafeFileError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


def with_spaces(observed=None, acted=None):
    def change(env):
        env.observation_space = observed or env.observation_space
        env.action_space = acted or env.action_space
        return env

    return change


@pytest.mark.parametrize(
    ("name", "spaces", "kwargs"),
    [
        ("PPO", with_spaces(acted=MultiBinary(200)), {"net_arch": [8]}),
        ("MaskablePPO flags", with_spaces(acted=MultiBinary(200)), {"net_arch": [8]}),
        ("RecurrentPPO", with_spaces(observed=Box(-1, 1, (900,))), {"lstm_hidden_size": 3, "net_arch": [64]}),
        ("CrossQ", None, {"net_arch": [4], "renorm_warmup_steps": 100_000}),
        ("QRDQN choice", None, {"net_arch": [], "n_quantiles": 30}),
        ("PPO dict", None, {"features_extractor_kwargs": {"cnn_output_dim": 200}, "net_arch": [2]}),
    ],
)
def test_honest_networks_of_odd_proportions_are_made(make_model, draw, tmp_path, name, spaces, kwargs):
    model = make_model(name, spaces, **kwargs)
    model.save(tmp_path / "model.zip")
    policy = load_policy(tmp_path / "model.zip", normalize=False)
    observations = draw(policy.observation_space)
    acted = policy.act(observations, Context()).actions
    np.testing.assert_array_equal(acted, model.predict(observations, deterministic=True)[0])


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("RecurrentPPO", {"lstm_hidden_size": 200}, "an LSTM of 200"),
        ("RecurrentPPO", {"n_lstm_layers": 500}, "n_lstm_layers of 500"),
        ("SAC", {"n_critics": 300}, "n_critics of 300"),
        ("PPO choice", {"net_arch": [100]}, r"layers \[100\]"),
        ("PPO dict", {"features_extractor_kwargs": {"cnn_output_dim": 9000}}, "9,000 features of an image"),
        ("MaskablePPO cnn", {"features_extractor_kwargs": {"features_dim": 9000}}, "9,000 features of an image"),
    ],
)
def test_a_network_far_larger_than_its_weights_is_not_made(make_model, tmp_path, name, kwargs, message):
    model = make_model(name)
    model.policy_kwargs |= kwargs
    model.save(tmp_path / "model.zip")
    with pytest.raises(UnsafeFileError, match=message):
        load_policy(tmp_path / "model.zip", normalize=False)
