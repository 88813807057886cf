"""VecNormalize over the keys of a Dict, and the units of the network."""

import pickle

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


def normalized(keys):
    def wrap(env):
        env.observation_space = type(env.observation_space)(
            env.observation_space.spaces | {"height": Box(-np.inf, np.inf, (3,)), "speed": Box(-np.inf, np.inf, (2, 2))}
        )
        wrapper = VecNormalize(DummyVecEnv([lambda: env]), clip_obs=1.5, norm_obs_keys=keys)
        rng = np.random.default_rng(0)
        wrapper.obs_rms["speed"].update(rng.normal(2, [[1, 3], [0.2, 5]], (100, 2, 2)))
        wrapper.obs_rms["height"].update(rng.normal(-7, [1, 3, 0.2], (100, 3)))
        return wrapper

    return wrap


@pytest.fixture(scope="module")
def trained(make_model):
    return make_model("PPO dict box", normalized(["speed", "height"]))


@pytest.fixture
def observations(draw, trained):
    drawn = draw(trained.observation_space, rows=8)
    rng = np.random.default_rng(1)
    drawn["camera"] = rng.integers(0, 256, (8, 36, 40, 3), np.uint8)  # as the environment gives it
    drawn["speed"] = rng.normal(2, [[1, 3], [0.2, 5]], (8, 2, 2)).astype(np.float32)
    drawn["height"] = rng.normal(-7, [1, 3, 0.2], (8, 3)).astype(np.float32)
    return drawn


def test_only_the_named_keys_are_normalized(trained, observations, tmp_path):
    wrapper = trained.get_vec_normalize_env()
    expected = trained.predict(wrapper.normalize_obs(observations), deterministic=True)[0]
    raw = trained.predict(observations, deterministic=True)[0]
    trained.save(tmp_path / "model.zip")
    wrapper.save(tmp_path / "vecnormalize.pkl")
    env = wrapper.venv.envs[0]
    for policy in (load_policy(trained), load_policy(tmp_path / "model.zip", lambda: env)):
        np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)
    assert not np.array_equal(raw, expected)


def test_an_environment_with_another_key_is_named(trained, tmp_path):
    trained.save(tmp_path / "model.zip")
    trained.get_vec_normalize_env().save(tmp_path / "vecnormalize.pkl")
    spaces = dict(trained.get_vec_normalize_env().venv.envs[0].observation_space.spaces)
    spaces["elevation"] = spaces.pop("height")

    class Other(gymnasium.Env):
        observation_space, action_space = Dict(spaces), trained.action_space

    with pytest.raises(MismatchError, match=r"observes \{.*height.*and the environment gives \{.*elevation"):
        load_policy(tmp_path / "model.zip", Other)


def test_the_gradient_is_in_the_units_of_each_key(trained, observations):
    policy = load_policy(trained, dtype=torch.float64)
    network = policy.in_network_units()
    x, inner = (name.encode(observations).requires_grad_() for name in (policy, network))
    (gradient,) = torch.autograd.grad(policy.head("mean", x, Context()).sum(), x)
    (unscaled,) = torch.autograd.grad(network.head("mean", inner, Context()).sum(), inner)
    wrapper, clipped = trained.get_vec_normalize_env(), policy.features.unflatten(policy.clipped(x))
    parts, of_network = policy.features.unflatten(gradient), policy.features.unflatten(unscaled)
    for key in ("speed", "height"):
        std = np.sqrt(wrapper.obs_rms[key].var + wrapper.epsilon)
        z = (observations[key].astype(np.float64) - wrapper.obs_rms[key].mean) / std
        np.testing.assert_array_equal(clipped[key].numpy(), np.abs(z) > 1.5)
        assert clipped[key].any()
        assert not clipped[key].all()
        assert not parts[key][clipped[key]].any()
        expected = np.where(clipped[key], 0, of_network[key].numpy() / std)
        np.testing.assert_allclose(parts[key].numpy(), expected, rtol=1e-9)
    for key in ("camera", "cell", "doors", "lamps"):
        assert not clipped[key].any()
        assert parts[key].abs().sum() > 0
        torch.testing.assert_close(parts[key], of_network[key])


def test_network_units_are_those_of_the_normalized_observation(trained, observations):
    policy = load_policy(trained)
    network = policy.in_network_units()
    x = network.features.unflatten(network.encode(observations))
    expected = trained.get_vec_normalize_env().normalize_obs(observations)
    for key in ("speed", "height", "camera"):
        np.testing.assert_array_equal(x[key].numpy(), expected[key])
    units = dict(zip(network.features.names, network.features.units, strict=True))
    assert units["height/0"] == units["speed/1/1"] == "deviations"
    assert units["cell=0"] == units["camera/0/0/0"] == ""
    assert (policy.units, network.units) == ("environment", "network")
    assert network.in_network_units() is network
    for name in ("mean", "value"):
        of_both = [each.head(name, each.encode(observations), Context()) for each in (policy, network)]
        assert torch.equal(*of_both)
    torch.testing.assert_close(
        network.clipped(network.encode(observations)), policy.clipped(policy.encode(observations))
    )
    first, second = (each.act(observations, Context()) for each in (policy, network))
    np.testing.assert_array_equal(first.actions, second.actions)


def test_gradients_in_network_units_agree_with_differences(trained, observations):
    policy = load_policy(trained, dtype=torch.float64).in_network_units()
    x = policy.encode(observations).requires_grad_()
    (gradient,) = torch.autograd.grad(policy.head("mean", x, Context()).sum(), x)
    direction = torch.from_numpy(np.random.default_rng(2).standard_normal(x.shape))
    with torch.no_grad():
        ends = [policy.head("mean", x + sign * 1e-5 * direction, Context()).sum().item() for sign in (1, -1)]
    assert (gradient * direction).sum().item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5)


def test_a_policy_that_normalizes_nothing_has_no_other_units(make_model):
    policy = load_policy(make_model("PPO"))
    assert policy.clipped(torch.zeros(1, 5)) is None
    with pytest.raises(ArgumentError, match="PPO takes observations as the environment gives them"):
        policy.in_network_units()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda rms: rms.pop("speed") and rms.update(speed=RunningMeanStd(shape=(4,))), r"speed of shape \[4\]"),
        (lambda rms: rms.update(wind=RunningMeanStd(shape=(2,))), r"wind of shape \[2\]"),
        (lambda rms: rms.update(cell=RunningMeanStd(shape=())), r"cell of shape \[\]"),
    ],
)
def test_statistics_of_other_keys_or_shapes_are_refused_with_both(make_model, break_it, message):
    model = make_model("PPO dict box", normalized(["speed", "height"]))
    wrapper = model.get_vec_normalize_env()
    break_it(wrapper.obs_rms)
    wrapper.norm_obs_keys = list(wrapper.obs_rms)
    with pytest.raises(MismatchError, match=message + ".*speed of shape \\[2, 2\\].*normalize="):
        load_policy(model)


def test_statistics_of_one_array_are_none_of_a_dict(make_model, trained):
    model = make_model("PPO", lambda env: VecNormalize(DummyVecEnv([lambda: env])))
    with pytest.raises(MismatchError, match=r"are of shape \[5\], and the observations camera"):
        load_policy(trained, normalize=model.get_vec_normalize_env())
    with pytest.raises(MismatchError, match=r"speed of shape \[2, 2\], and the observations of shape"):
        load_policy(model, normalize=trained.get_vec_normalize_env())


def test_old_files_normalize_every_key(trained, tmp_path):
    wrapper = trained.get_vec_normalize_env()
    keys = wrapper.__dict__.pop("norm_obs_keys")
    try:
        wrapper.save(tmp_path / "old.pkl")
    finally:
        wrapper.norm_obs_keys = keys
    assert load_policy(trained, normalize=tmp_path / "old.pkl").source.sha256 == load_policy(trained).source.sha256


@pytest.mark.parametrize("keys", [[], [3], ["nothing"]])
def test_keys_that_make_no_sense_are_the_fault_of_the_file(trained, tmp_path, keys):
    wrapper = trained.get_vec_normalize_env()
    original, wrapper.norm_obs_keys = wrapper.norm_obs_keys, keys
    try:
        wrapper.save(tmp_path / "odd.pkl")
    finally:
        wrapper.norm_obs_keys = original
    with pytest.raises(ModelError, match=r"odd\.pkl: the VecNormalize is not as Stable-Baselines3 writes it"):
        load_policy(trained, normalize=tmp_path / "odd.pkl")
    assert pickle.loads((tmp_path / "odd.pkl").read_bytes()).norm_obs_keys == keys
