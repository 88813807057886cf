"""Networks with parts of the user's own, passed live."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Dict
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from rltools.errors import ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.testing import check_policy


class Own(BaseFeaturesExtractor):
    """A layer of everything there is, in the order in which it comes."""

    def __init__(self, space):
        super().__init__(space, 4)
        parts = space.spaces.values() if isinstance(space, Dict) else [space]
        self.layer = nn.Linear(sum(int(get_flattened_obs_dim(part)) for part in parts), 4)
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        parts = list(x.values()) if isinstance(x, dict) else [x]
        flat = torch.cat([part.flatten(1) for part in parts], dim=1)
        return torch.sin(self.gain * self.layer(flat))


class Towers(nn.Module):
    """What `mlp_extractor` must have, and nothing more."""

    latent_dim_pi, latent_dim_vf = 3, 2

    def __init__(self, inputs):
        super().__init__()
        self.actor, self.critic = nn.Linear(inputs, 3), nn.Linear(inputs, 2)

    def forward(self, features):
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features):
        return torch.tanh(self.actor(features))

    def forward_critic(self, features):
        return torch.tanh(self.critic(features))


class WithTowers(ActorCriticPolicy):
    def _build_mlp_extractor(self):
        self.mlp_extractor = Towers(self.features_dim)


OWN = {"features_extractor_class": Own, "features_extractor_kwargs": {}}


@pytest.mark.parametrize(
    "name", ["PPO", "PPO cnn", "PPO dict apart", "SAC dict shared", "TD3 cnn", "DQN dict", "RecurrentPPO cnn"]
)
def test_an_extractor_of_ones_own(make_model, draw, name, tmp_path):
    model = make_model(name, **OWN)
    policy = load_policy(model)
    observations = draw(policy.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)
    check_policy(policy, module=model.policy)
    check_policy(load_policy(model, dtype=torch.float64), module=model.policy)
    model.save(tmp_path / "model.zip")
    with pytest.raises(ModelError, match=r"Own"):  # a file's word for a class is never taken
        load_policy(tmp_path / "model.zip")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_towers_of_ones_own(make_model, draw, dtype):
    from stable_baselines3 import PPO

    model = PPO(WithTowers, make_model("PPO box").get_env(), seed=0, device="cpu")
    policy = load_policy(model, dtype=dtype)
    observations = draw(policy.observation_space)
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_allclose(policy.act(observations, Context()).actions, expected, rtol=1e-5)
    check_policy(policy, module=model.policy)
    values = model.policy.predict_values(torch.from_numpy(observations))
    result = policy.head("value", policy.encode(observations), Context())
    torch.testing.assert_close(result.float(), values)
