"""RLlib's checkpoints: which module of a folder is read, what it becomes, and what is refused with advice."""

import pickle
import shutil
from collections import OrderedDict
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy
from rltools.policies.saved.formats import rllib as format_

GOLDEN = Path(__file__).parents[3] / "golden" / "libraries" / "rllib"
MODULE = "learner_group/learner/rl_module/default_policy"


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of a golden checkpoint of a whole Algorithm."""
    shutil.copytree(GOLDEN / "ppo_filter", tmp_path / "run")
    return tmp_path / "run"


def arrays(path):
    return pickle.loads((path / "module_state.pkl").read_bytes())


def is_normalized(policy):
    return policy.clipped(torch.zeros(1, 3)) is not None


def write(path, state):
    path.mkdir(parents=True, exist_ok=True)
    (path / "module_state.pkl").write_bytes(pickle.dumps(OrderedDict(state)))
    return path


@pytest.mark.parametrize("part", ["learner_group", "learner_group/learner", "learner_group/learner/rl_module", MODULE])
def test_any_folder_on_the_way_to_the_module_is_the_same_agent(checkpoint, part):
    whole, policy = (load_policy(checkpoint / name, "Pendulum-v1") for name in ("", part))
    assert policy.heads == ("mean", "action", "value")
    x = np.random.default_rng(0).uniform(-1, 1, (4, 3)).astype(np.float32)
    assert (policy.act(x, Context()).scores == whole.act(x, Context()).scores).all()


def test_the_file_of_the_weights_is_the_module(checkpoint):
    policy = load_policy(checkpoint / MODULE / "module_state.pkl", "Pendulum-v1")
    assert policy.heads == ("mean", "action", "value")


def test_a_module_that_was_copied_out_has_no_filter(checkpoint, tmp_path):
    shutil.copytree(checkpoint / MODULE, tmp_path / "alone")
    alone, whole = load_policy(tmp_path / "alone", "Pendulum-v1"), load_policy(checkpoint, "Pendulum-v1")
    assert not is_normalized(alone)
    assert is_normalized(whole)
    assert alone.source.sha256 != whole.source.sha256


def test_connectors_that_change_observations_are_refused(checkpoint):
    (checkpoint / "env_runner" / "env_to_module_connector" / "FrameStackingEnvToModule").mkdir()
    with pytest.raises(ModelError, match=r"FrameStackingEnvToModule, connectors .* not applied here; copy the folder"):
        load_policy(checkpoint, "Pendulum-v1")
    (checkpoint / "env_runner" / "env_to_module_connector" / "FrameStackingEnvToModule").rename(
        checkpoint / "env_runner" / "env_to_module_connector" / "FlattenObservations"
    )
    assert is_normalized(load_policy(checkpoint, "Pendulum-v1"))


def test_of_several_modules_one_is_to_be_given(checkpoint):
    other = checkpoint / "learner_group" / "learner" / "rl_module" / "other_policy"
    shutil.copytree(checkpoint / MODULE, other)
    with pytest.raises(ModelError, match=r"has 2 RLModules, default_policy, other_policy: give the folder of one"):
        load_policy(checkpoint, "Pendulum-v1")
    assert is_normalized(load_policy(other, "Pendulum-v1"))


def test_a_checkpoint_without_learners_says_how_to_save_it(checkpoint):
    shutil.rmtree(checkpoint / "learner_group")
    with pytest.raises(ModelError, match=r"has no RLModule; .*save it again with algorithm\.get_module\(\)\.save_to"):
        load_policy(checkpoint, "Pendulum-v1")


@pytest.mark.parametrize("old", ["policies/default_policy/policy_state.pkl", "policy_state.pkl"])
def test_the_old_api_is_named(tmp_path, old):
    for name in ("rllib_checkpoint.json", old):
        (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / name).write_bytes(b"{}")
    with pytest.raises(ModelError, match=r"RLlib's old API, whose policy_state\.pkl .* not read\. Save the weights"):
        load_policy(tmp_path / "run", "CartPole-v1")


@pytest.mark.parametrize(
    ("env", "match"),
    [("Pendulum-v1", "returns 2 numbers|takes 4 features"), ("Acrobot-v1", "2 numbers and the environment has 3")],
)
def test_the_environment_has_to_fit(env, match):
    with pytest.raises(MismatchError, match=match):
        load_policy(GOLDEN / "ppo", env)
    with pytest.raises(ArgumentError, match="no environment; give the one it was trained in"):
        load_policy(GOLDEN / "ppo")


def test_an_activation_replaces_the_default(tmp_path):
    default, other = (
        load_policy(GOLDEN / "ppo_relu", "CartPole-v1"),
        load_policy(GOLDEN / "ppo_relu", "CartPole-v1", activation="relu"),
    )
    assert "with tanh between its layers (the library's default)" in " ".join(default.source.notes)
    assert "with relu between its layers (as the caller says)" in " ".join(other.source.notes)
    assert default.source.sha256 != other.source.sha256


def test_a_distributional_dqn_is_refused(tmp_path):
    state = arrays(GOLDEN / "dqn")
    state["af.net.mlp.0.weight"], state["af.net.mlp.0.bias"] = np.zeros((20, 8), np.float32), np.zeros(20, np.float32)
    with pytest.raises(ArgumentError, match=r"distributional DQN with 10 atoms.*rltools\.TorchPolicy"):
        load_policy(write(tmp_path / "module", state), "CartPole-v1")


def test_an_encoder_of_convolutions_is_refused(tmp_path):
    state = {key: value for key, value in arrays(GOLDEN / "dqn").items() if not key.startswith("encoder.")}
    state["encoder.net.0.cnn.1.weight"] = np.zeros((4, 3, 8, 8), np.float32)
    with pytest.raises(ModelError, match=r"not of linear layers.*rltools\.TorchPolicy"):
        load_policy(write(tmp_path / "module", state), "CartPole-v1")


def test_dueling_streams_are_heads_of_their_own():
    policy = load_policy(GOLDEN / "dqn", "CartPole-v1")
    assert policy.heads == ("q_value", "advantage", "value")
    x = torch.rand(5, 4)
    q_value, advantage, value = (policy.head(name, x, Context()) for name in policy.heads)
    torch.testing.assert_close(q_value, value + advantage)
    torch.testing.assert_close(advantage.sum(1), torch.zeros(5), atol=1e-6, rtol=0)


def test_random_actions_are_drawn_around_the_mean_and_scaled():
    policy = load_policy(GOLDEN / "ppo_free_std", "Pendulum-v1")
    x, rngs = np.zeros((400, 3), np.float32), [np.random.default_rng(seed) for seed in range(400)]
    drawn = policy.act(x, Context(), deterministic=False, rngs=rngs).actions
    assert drawn.std() > 0.5
    assert (np.abs(drawn) <= 2).all()
    with pytest.raises(ArgumentError, match="std of this actor"):
        policy.choose(torch.zeros(1, 1), deterministic=False, rngs=rngs[:1])


def test_q_values_of_an_action_are_the_lower_ones_of_two_critics():
    policy = load_policy(GOLDEN / "sac", "Pendulum-v1")
    x, action = torch.rand(6, 3), torch.linspace(-2, 2, 6)[:, None]
    q_value = policy.head("q_value", x, Context(action=action))
    critics = [part(x, action / 2) for part in policy.module["critics"]]
    torch.testing.assert_close(q_value, torch.minimum(*critics))
    assert "mean is not squashed by tanh" in " ".join(policy.source.notes)


def test_actions_without_bounds_are_not_scaled():
    class Unbounded(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (3,))
        action_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))

    policy = load_policy(GOLDEN / "ppo_box", Unbounded)
    acted = policy.act(np.zeros((2, 3), np.float32), Context())
    assert (acted.actions == acted.scores).all()


def test_a_folder_of_something_else_is_not_claimed(tmp_path):
    (tmp_path / "metadata.json").write_text("{}")
    assert not format_.reads(tmp_path, b"")
    assert not format_.reads(tmp_path / "module_state.pkl", b"")
