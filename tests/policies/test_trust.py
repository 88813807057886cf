"""Files that run code when they are loaded: only those that their user names by sha256 ever do."""

import hashlib
import importlib
import io
import json
import pickle
import sys
import textwrap
import zipfile

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rltools.errors import ArgumentError, ChecksumError, ModelError, UnsafeFileError
from rltools.policies.base import Context
from rltools.policies.load import load_policy

MODULE = """
from torch import nn
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

class Doubling(BaseFeaturesExtractor):
    def __init__(self, observation_space, features_dim=3):
        super().__init__(observation_space, features_dim)
        self.layer = nn.Linear(observation_space.shape[0], features_dim)

    def forward(self, observations):
        return 2 * self.layer(observations)

class OwnPolicy(ActorCriticPolicy):
    pass
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's own, with an extractor and a policy class."""
    (tmp_path / "own_networks.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module("own_networks")
    sys.modules.pop("own_networks")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save(model, path):
    model.save(path)
    return path


def extractor(own):
    return {"features_extractor_class": own.Doubling, "net_arch": [4]}


@pytest.fixture
def custom(own, tmp_path):
    """A model that plain reading refuses, and its live twin."""
    live = PPO("MlpPolicy", "CartPole-v1", policy_kwargs=extractor(own), device="cpu", seed=0)
    return save(live, tmp_path / "custom.zip"), live


def test_a_class_of_ones_own_is_refused_with_the_way_to_trust_it(custom):
    path, _ = custom
    with pytest.raises(UnsafeFileError) as caught:
        load_policy(path)
    for part in (str(path), "own_networks.Doubling", f"trust='{sha256(path)}'"):
        assert part in str(caught.value)


def test_it_is_loaded_by_its_own_library_when_trusted(custom, draw):
    path, live = custom
    policy = load_policy(path, "CartPole-v1", trust=sha256(path))
    observations = draw(live.observation_space)
    expected, _ = live.predict(observations, deterministic=True)
    np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)
    assert policy.source.sha256 == sha256(path)
    assert policy.source.notes[0] == (
        f"custom.zip was loaded by Stable-Baselines3 itself, trusted by its sha256 {sha256(path)}"
    )
    assert not any(parameter.requires_grad for parameter in live.policy.__class__.parameters(policy.module))


@pytest.mark.parametrize("form", [str.upper, "sha256:{}".format, lambda text: [text], lambda text: {text}])
def test_a_sha256_may_be_written_in_several_ways(custom, form):
    path, _ = custom
    assert load_policy(path, trust=form(sha256(path))).heads


def test_an_environment_is_made_for_it_like_for_any_other(custom):
    path, _ = custom
    policy = load_policy(path, "CartPole-v1", trust=sha256(path), dtype=torch.float64)
    assert policy.dtype == torch.float64
    assert "CartPole-v1" in policy.source.environment


def test_a_wrong_sha256_is_an_error_with_both_and_nothing_is_run(custom, monkeypatch):
    path, _ = custom
    monkeypatch.setattr(PPO, "load", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(ChecksumError) as caught:
        load_policy(path, trust="0" * 64)
    assert "0" * 64 in str(caught.value)
    assert sha256(path) in str(caught.value)
    with pytest.raises(ChecksumError, match="0" * 64):
        load_policy(path, trust=[sha256(path), "0" * 64])


@pytest.mark.parametrize("trust", ["yes", "", [], "0" * 63, "g" * 64, True])
def test_trust_without_a_sha256_is_none(custom, trust):
    with pytest.raises(ArgumentError, match="64 hexadecimal digits"):
        load_policy(custom[0], trust=trust)


def test_nothing_is_loaded_less_safely_because_safe_reading_failed(custom, monkeypatch):
    path, _ = custom
    monkeypatch.setattr(PPO, "load", lambda *_, **__: pytest.fail("it was loaded"))
    monkeypatch.setattr(pickle, "loads", lambda *_: pytest.fail("it was unpickled"))
    with pytest.raises(UnsafeFileError):
        load_policy(path)


def test_a_policy_class_of_ones_own(own, tmp_path, draw):
    live = A2C(own.OwnPolicy, "CartPole-v1", policy_kwargs={"net_arch": [4]}, device="cpu", seed=0)
    path = save(live, tmp_path / "own.zip")
    with pytest.raises(UnsafeFileError, match=r"policy_class wants own_networks\.OwnPolicy"):
        load_policy(path)
    policy = load_policy(path, trust=sha256(path))
    observations = draw(live.observation_space)
    np.testing.assert_array_equal(
        policy.act(observations, Context()).actions, live.predict(observations, deterministic=True)[0]
    )


def test_an_off_policy_algorithm(own, tmp_path):
    kwargs = {"features_extractor_class": own.Doubling, "net_arch": [4]}
    path = save(
        SAC("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs, device="cpu", buffer_size=10), tmp_path / "sac.zip"
    )
    assert "action" in load_policy(path, "Pendulum-v1", normalize=False, trust=sha256(path)).heads


def test_what_its_library_cannot_load_either_is_an_error(custom, tmp_path):
    path, _ = custom
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(members["data"])
    data["policy_kwargs"][":serialized:"] = "AAAA"
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        for name, content in (members | {"data": json.dumps(data).encode()}).items():
            archive.writestr(name, content)
    with pytest.raises(ModelError, match=r"its own library cannot load it: PPO \("):
        load_policy(tmp_path / "broken.zip", trust=sha256(tmp_path / "broken.zip"))


class Shifted(VecNormalize):
    """Statistics of a class of the user's own."""


Shifted.__module__ = "own_statistics"


@pytest.fixture
def statistics(tmp_path, monkeypatch):
    """A plain model with statistics that plain reading refuses beside it."""
    monkeypatch.setitem(sys.modules, "own_statistics", sys.modules[__name__])
    monkeypatch.setattr(sys.modules[__name__], "Shifted", Shifted)
    envs = Shifted(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    envs.obs_rms.mean[:] = 3
    path = save(PPO("MlpPolicy", envs, policy_kwargs={"net_arch": [4]}, device="cpu"), tmp_path / "model.zip")
    envs.save(tmp_path / "vecnormalize.pkl")
    envs.close()
    return path, tmp_path / "vecnormalize.pkl"


def test_statistics_have_a_sha256_of_their_own(statistics):
    model, pickled = statistics
    with pytest.raises(UnsafeFileError, match=f"vecnormalize.pkl.*trust='{sha256(pickled)}'"):
        load_policy(model)
    with pytest.raises(UnsafeFileError, match=f"vecnormalize.pkl.*trust='{sha256(pickled)}'"):
        load_policy(model, trust=sha256(model))
    for trust in (sha256(pickled), [sha256(model), sha256(pickled)]):
        policy = load_policy(model, trust=trust)
        shifted = policy.act(np.full((1, 4), 3, np.float32), Context()).scores
        plain = load_policy(model, normalize=False).act(np.zeros((1, 4), np.float32), Context()).scores
        np.testing.assert_allclose(shifted, plain, rtol=1e-5)
        assert any(note.startswith("vecnormalize.pkl was loaded") for note in policy.source.notes)


def test_trusted_statistics_must_be_some(statistics):
    model, pickled = statistics
    pickled.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ModelError, match="holds a dict"):
        load_policy(model, trust=sha256(pickled))
    pickled.write_bytes(b"cnowhere\nnothing\n.")
    with pytest.raises(ModelError, match="cannot be unpickled"):
        load_policy(model, trust=sha256(pickled))


def test_trust_is_for_files(custom, tmp_path):
    path, live = custom
    for source in (live, load_policy(path, trust=sha256(path))):
        with pytest.raises(ArgumentError, match=r"trust .* is for files"):
            load_policy(source, trust=sha256(path))
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(ArgumentError, match=r"trust .* is for files that run code, .*x\.txt is neither: a text"):
        load_policy(tmp_path / "x.txt", trust=sha256(tmp_path / "x.txt"))


def test_weights_with_more_than_numbers_load_when_trusted(tmp_path):
    path = save(PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [4]}, device="cpu"), tmp_path / "model.zip")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)
    buffer = io.BytesIO()
    torch.save({name: torch.nn.Parameter(value) for name, value in weights.items()}, buffer)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"policy.pth": buffer.getvalue()}).items():
            archive.writestr(name, content)
    plain, trusted = load_policy(path), load_policy(path, trust=sha256(path))
    observations = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(
        plain.act(observations, Context()).scores, trusted.act(observations, Context()).scores
    )
