"""SBX's zips: whose they are, what their networks become, and what is refused with advice."""

import base64
import json
import zipfile
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies import sb3
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.policies.saved.contents import read_contents

GOLDEN = Path(__file__).parents[3] / "golden" / "libraries" / "sbx"


def model(case):
    return GOLDEN / case / "model.zip"


def changed(tmp_path, case, old, new):
    """A zip in whose policy a text is another one of the same length."""
    assert len(old) == len(new)
    with zipfile.ZipFile(model(case)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(members["data"])
    policy = base64.b64decode(data["policy"][":serialized:"])
    assert old in policy
    data["policy"][":serialized:"] = base64.b64encode(policy.replace(old, new)).decode()
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        for name, content in (members | {"data": json.dumps(data, indent=4).encode()}).items():
            archive.writestr(name, content)
    return tmp_path / "model.zip"


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_of_sbx_is_none_of_stable_baselines3(packed, tmp_path):
    with zipfile.ZipFile(model("ppo")) as source, zipfile.ZipFile(tmp_path / "model.zip", "w", packed) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert not sb3.claims(tmp_path / "model.zip")
    assert load_policy(tmp_path / "model", "CartPole-v1").heads == ("logit", "value")


def test_what_the_file_says_about_its_network():
    contents = read_contents(model("sac"))
    assert contents.values["policy_class"] == "sbx.sac.policies.SACPolicy"
    assert contents.values["activation"] == "relu"
    assert contents.values["action_space.low"] == [-2.0]
    assert contents.tensors["actor.params.Dense_0.kernel"].shape == (3, 8)
    assert contents.tensors["qf.params.VmapContinuousCritic_0.Dense_0.kernel"].shape == (2, 4, 8)


def test_the_activation_is_the_one_in_the_file_unless_the_caller_says_another():
    own, other = (load_policy(model("ppo"), "CartPole-v1", activation=name) for name in (None, "relu"))
    assert "with tanh between its layers (as its settings say)" in " ".join(own.source.notes)
    assert isinstance(own.module["actor"][0][1], torch.nn.Tanh)
    assert isinstance(other.module["actor"][0][1], torch.nn.ReLU)
    assert own.source.sha256 != other.source.sha256


def test_an_activation_that_is_not_known_has_to_be_given(tmp_path):
    path = changed(tmp_path, "ppo", b"function_name\x94\x8c\x04tanh", b"function_name\x94\x8c\x04T?nh")
    with pytest.raises(ArgumentError, match="has an activation that is no function of JAX; give it"):
        load_policy(path, "CartPole-v1")
    assert load_policy(path, "CartPole-v1", activation="tanh").heads == ("logit", "value")


def test_a_network_of_ones_own_is_refused(tmp_path):
    path = changed(tmp_path, "ppo", b"\x10sbx.ppo.policies", b"\x10own.ppo.policies")
    with pytest.raises(ModelError, match=r"has the actor_class own\.ppo\.policies\.Actor.*rltools\.TorchPolicy"):
        load_policy(path, "CartPole-v1")


def test_the_environment_has_to_be_that_of_the_training():
    class Wider(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (3,))
        action_space = gymnasium.spaces.Box(-4, 4, (1,))

    with pytest.raises(MismatchError, match=r"acts in Box\(-2\.0, 2\.0.*takes Box\(-4\.0, 4\.0"):
        load_policy(model("sac"), Wider)
    with pytest.raises(MismatchError, match="takes 4 features and returns"):
        load_policy(model("ppo"), "Acrobot-v1")
    with pytest.raises(ArgumentError, match="observes Discrete"):
        load_policy(model("ppo"), "Taxi-v4")


@pytest.mark.parametrize("case", ["sac", "td3", "crossq"])
def test_actions_are_squashed_and_scaled(case):
    policy = load_policy(model(case), "Pendulum-v1")
    assert policy.heads == ("mean", "action", "q_value")
    x = torch.rand(5, 3)
    mean, action = (policy.head(name, x, Context()) for name in ("mean", "action"))
    torch.testing.assert_close(action, 2 * mean.tanh())
    acted = policy.act(x.numpy(), Context())
    np.testing.assert_allclose(acted.actions, action.numpy(), rtol=1e-6)


def test_q_values_are_the_lowest_of_the_critics():
    policy = load_policy(model("sac"), "Pendulum-v1")
    x, action = torch.rand(6, 3), torch.linspace(-2, 2, 6)[:, None]
    critics = [critic(torch.cat([x, action / 2], 1)) for critic in policy.module["critics"]]
    assert len(critics) == 2
    torch.testing.assert_close(policy.head("q_value", x, Context(action=action)), torch.minimum(*critics))


def test_random_actions_of_a_gaussian_and_none_of_a_deterministic_actor():
    x, rngs = np.zeros((300, 3), np.float32), [np.random.default_rng(seed) for seed in range(300)]
    for case in ("sac", "ppo_box"):
        drawn = load_policy(model(case), "Pendulum-v1").act(x, Context(), deterministic=False, rngs=rngs).actions
        assert drawn.std() > 0.1
        assert (np.abs(drawn) <= 2).all()
    with pytest.raises(ArgumentError):
        load_policy(model("td3"), "Pendulum-v1").act(x, Context(), deterministic=False, rngs=rngs)


def test_the_discounting_is_in_the_file():
    assert load_policy(model("dqn"), "CartPole-v1").discounting.gamma == 0.99
