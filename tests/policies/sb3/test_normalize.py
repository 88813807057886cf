"""Observations that a model was trained on normalized."""

import json
import re
import zipfile

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.wrappers import FlattenObservation, FrameStackObservation
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize, VecTransposeImage

import rltools
from rltools.errors import ArgumentError, MismatchError, ModelError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


@pytest.fixture(scope="module")
def trained(make_model):
    plain = make_model("PPO")
    env = VecNormalize(plain.get_env(), clip_obs=2.0)
    rng = np.random.default_rng(0)
    env.obs_rms.update(rng.normal([0, 1, 5, 0, -3], [1, 3, 0.2, 1, 9], (100, 5)))
    model = PPO("MlpPolicy", env, seed=0, device="cpu")
    with torch.no_grad():
        model.policy.action_net.weight += torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    return model


def observations():
    return np.random.default_rng(1).normal([0, 1, 5, 0, -3], [1, 3, 0.2, 1, 9], (20, 5)).astype(np.float32)


def save(model, folder, *, tells=True):
    """A model as it is saved after training: the observation beneath VecNormalize is kept."""
    model._last_original_obs = observations() if tells else None
    model.save(folder / "model.zip")
    return folder / "model.zip"


def expected(model):
    return model.predict(model.get_vec_normalize_env().normalize_obs(observations()), deterministic=True)[0]


def test_a_live_model_has_the_statistics_of_the_moment(trained):
    policy = load_policy(trained)
    before = policy.act(observations(), Context())
    np.testing.assert_array_equal(before.actions, expected(trained))
    rms = trained.get_vec_normalize_env().obs_rms
    mean = rms.mean.copy()
    rms.mean += 1
    after = policy.act(observations(), Context())
    np.testing.assert_array_equal(after.actions, expected(trained))
    rms.mean = mean
    assert not np.allclose(after.scores, before.scores)
    np.testing.assert_array_equal(policy.act(observations(), Context()).scores, before.scores)


@pytest.mark.parametrize("place", ["model/vecnormalize.pkl", "vecnormalize.pkl", "elsewhere.pkl"])
def test_statistics_beside_a_zip_are_found(trained, tmp_path, place):
    path = save(trained, tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    trained.get_vec_normalize_env().save(tmp_path / place)
    inputs = tmp_path / place if place == "elsewhere.pkl" else None
    policy = load_policy(path, normalize=inputs)
    np.testing.assert_array_equal(policy.act(observations(), Context()).actions, expected(trained))
    assert policy.source.sha256 != load_policy(path, normalize=False).source.sha256


def test_a_live_wrapper_can_be_given(trained, tmp_path):
    policy = load_policy(save(trained, tmp_path), normalize=trained.get_vec_normalize_env())
    np.testing.assert_array_equal(policy.act(observations(), Context()).actions, expected(trained))


def test_the_gradient_is_in_the_units_of_the_environment(trained):
    policy = load_policy(trained, dtype=torch.float64)
    x = policy.encode(observations()).requires_grad_()
    (gradient,) = torch.autograd.grad(policy.head("logit", x, Context())[:, 0].sum(), x)
    wrapper = trained.get_vec_normalize_env()
    std = np.sqrt(wrapper.obs_rms.var + wrapper.epsilon)
    z = (observations().astype(np.float64) - wrapper.obs_rms.mean) / std
    plain = load_policy(trained, dtype=torch.float64, normalize=False)
    inner = torch.from_numpy(np.clip(z, -2, 2)).requires_grad_()
    (unscaled,) = torch.autograd.grad(plain.head("logit", inner, Context())[:, 0].sum(), inner)
    clipped = np.abs(z) > 2
    assert clipped.any()
    assert (gradient.numpy()[clipped] == 0).all()
    np.testing.assert_allclose(gradient.numpy()[~clipped], (unscaled.numpy() / std)[~clipped], rtol=1e-9)


def test_missing_statistics_are_an_error_unless_none_are_wanted(trained, tmp_path):
    path = save(trained, tmp_path)
    advised = (
        f"statistics are missing; put the file vecnormalize.pkl into {tmp_path}, give its path as normalize=PATH, or "
        "pass normalize=False"
    )
    with pytest.raises(ModelError, match=re.escape(advised)):
        load_policy(path)
    policy = load_policy(path, normalize=False)
    raw = trained.predict(observations(), deterministic=True)[0]
    np.testing.assert_array_equal(policy.act(observations(), Context()).actions, raw)
    assert policy.source.notes == ("observations are not normalized, as asked",)


def test_the_folder_of_statistics_is_no_file_of_them(trained, tmp_path):
    path = save(trained, tmp_path)
    with pytest.raises(ModelError, match=f"{re.escape(str(tmp_path))} is a folder; give the file in it"):
        load_policy(path, normalize=tmp_path)


def test_a_model_that_shows_it_needs_none_has_no_caveat(make_model, tmp_path):
    policy = load_policy(save(make_model("PPO"), tmp_path, tells=False))
    assert policy.source.notes == ()


def test_an_off_policy_model_without_statistics_has_a_caveat(make_model, tmp_path):
    model = make_model("DQN")
    model._last_original_obs = observations()  # always kept by these algorithms
    model.save(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        assert json.loads(archive.read("data"))["_last_original_obs"] is not None
    assert isinstance(model, DQN)
    assert "unknown" in load_policy(tmp_path / "model.zip").source.notes[0]


def test_statistics_of_rewards_alone_change_nothing(make_model, tmp_path):
    model = make_model("PPO")
    path = save(model, tmp_path)
    VecNormalize(model.get_env(), norm_obs=False).save(tmp_path / "vecnormalize.pkl")
    policy = load_policy(path)
    np.testing.assert_array_equal(
        policy.act(observations(), Context()).actions, model.predict(observations(), deterministic=True)[0]
    )


def test_statistics_of_another_shape_are_refused_with_both(trained, tmp_path):
    wrapper = trained.get_vec_normalize_env()
    path = save(trained, tmp_path)
    rms = wrapper.obs_rms
    try:
        wrapper.obs_rms = type(rms)(shape=(4,))
        wrapper.save(tmp_path / "vecnormalize.pkl")
    finally:
        wrapper.obs_rms = rms
    with pytest.raises(MismatchError, match=r"are of shape \[4\], and the observations of shape \[5\]"):
        load_policy(path)


@pytest.mark.parametrize("source", [True, False])
def test_images_are_normalized_in_either_layout(make_model, draw, source):
    env = make_model("PPO cnn").get_env()
    beneath = env.venv
    assert isinstance(env, VecTransposeImage)
    assert isinstance(beneath, DummyVecEnv)
    model = PPO("MlpPolicy", VecNormalize(env), policy_kwargs={"net_arch": [4]}, seed=0, device="cpu")
    wrapper = model.get_vec_normalize_env()
    frames = draw(beneath.observation_space, rows=20)
    wrapper.obs_rms.update(frames[:10].transpose(0, 3, 1, 2))
    expected = model.predict(wrapper.normalize_obs(frames.transpose(0, 3, 1, 2)), deterministic=True)[0]
    if source:
        policy, inputs = load_policy(model), frames
        assert policy.features.shape == (36, 40, 3)
    else:
        policy, inputs = load_policy(model.policy, normalize=wrapper), frames.transpose(0, 3, 1, 2)
        assert policy.features.shape == (3, 36, 40)
    np.testing.assert_array_equal(policy.act(inputs, Context()).actions, expected)


@pytest.mark.parametrize("normalize", [True, 3])
def test_what_is_no_source_of_statistics_is_refused(trained, normalize):
    with pytest.raises(ArgumentError, match="normalize is the path"):
        load_policy(trained, normalize=normalize)


def test_a_pickle_of_something_else_is_refused(trained, tmp_path):
    import pickle

    (tmp_path / "other.pkl").write_bytes(pickle.dumps({"mean": 1}))
    with pytest.raises(ModelError, match="does not hold a VecNormalize"):
        load_policy(save(trained, tmp_path), normalize=tmp_path / "other.pkl")
    (tmp_path / "cut.pkl").write_bytes(pickle.dumps({"mean": 1})[:-3])
    with pytest.raises(ModelError, match="damaged"):
        load_policy(save(trained, tmp_path), normalize=tmp_path / "cut.pkl")


@pytest.mark.parametrize("outer", ["VecFrameStack", "VecNormalize"])
def test_statistics_of_one_observation_stand_for_each_of_those_that_are_stacked(outer, tmp_path):
    single = DummyVecEnv([lambda: gymnasium.make("Pendulum-v1")])
    if outer == "VecFrameStack":
        vector = VecFrameStack(VecNormalize(single, clip_obs=2), 3)
    else:
        vector = VecNormalize(VecFrameStack(single, 3), clip_obs=2)
    model = PPO("MlpPolicy", vector, n_steps=64, batch_size=64, seed=0, device="cpu").learn(64)
    statistics = model.get_vec_normalize_env()
    statistics.save(str(tmp_path / "vecnormalize.pkl"))
    model.save(tmp_path / "model.zip")

    def make():
        frames = FrameStackObservation(gymnasium.make("Pendulum-v1"), 3, padding_type="zero")
        return FlattenObservation(frames)

    policy = rltools.load_policy(tmp_path / "model.zip", make)
    episode = rltools.record(policy, episodes=1, max_steps=12).episode(0)
    shape = (len(episode), 3, 3) if outer == "VecFrameStack" else (len(episode), 9)
    running = statistics.obs_rms
    scaled = (episode.observations.reshape(shape) - running.mean) / np.sqrt(running.var + statistics.epsilon)
    normalized = np.clip(scaled, -2, 2).reshape(len(episode), 9).astype(np.float32)
    np.testing.assert_allclose(episode.actions, model.predict(normalized, deterministic=True)[0], atol=1e-5)
    assert any("for single observations" in note for note in policy.source.notes) == (outer == "VecFrameStack")


def test_a_trained_model_in_a_vecnormalize_that_has_learned_nothing_is_refused(tmp_path):
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    venv = VecNormalize(make_vec_env("Pendulum-v1", 1))
    model = PPO("MlpPolicy", venv, n_steps=16, batch_size=16, n_epochs=1, device="cpu", policy_kwargs={"net_arch": [4]})
    rltools.load_policy(model)  # before its training there is nothing to have learned
    model.learn(16)
    rltools.load_policy(model)
    model.save(tmp_path / "model")
    venv.save(str(tmp_path / "vecnormalize.pkl"))
    anew = PPO.load(tmp_path / "model", env=VecNormalize(make_vec_env("Pendulum-v1", 1)), device="cpu")
    with pytest.raises(rltools.errors.MismatchError, match=r"VecNormalize .* has learned nothing yet.*normalize=path"):
        rltools.load_policy(anew)
    rltools.load_policy(anew, normalize=tmp_path / "vecnormalize.pkl")
