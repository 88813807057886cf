"""A family declares all that an algorithm needs, so that adding one adds a file and edits none."""

import hashlib
import sys
import types

import pytest
import sb3_contrib
import stable_baselines3
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy

from rltools import load_policy
from rltools.policies.sb3 import families as package
from rltools.policies.sb3.families import class_of_weights, families, find_family, on_policy, qualified_name

ALGORITHMS = {
    value
    for library in (stable_baselines3, sb3_contrib)
    for value in vars(library).values()
    if isinstance(value, type) and issubclass(value, BaseAlgorithm)
}


def test_every_algorithm_is_of_one_family():
    declared = [algorithm for family in families() for algorithm in family.ALGORITHMS]
    assert set(declared) == ALGORITHMS
    assert len(declared) == len(ALGORITHMS)


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS, key=lambda cls: cls.__name__))
def test_its_policy_classes_are_of_that_family(algorithm):
    for cls in algorithm.policy_aliases.values():
        named, family = find_family(qualified_name(cls), "model.zip")
        assert named is cls
        assert algorithm in family.ALGORITHMS


@pytest.mark.parametrize("names", [[], ["nothing.weight"], ["lstm_actor.weight", "value_net.weight"]])
def test_weights_that_reveal_no_class(names):
    with pytest.raises(LookupError, match="alone"):
        class_of_weights(names, {"use_sde": False})


class OwnPolicy(ActorCriticPolicy):
    """Overrides an inference method, so that no other family has it."""

    def _predict(self, observation, deterministic=False):
        return super()._predict(observation, deterministic)


class OwnPPO(PPO):
    policy_aliases = {"MlpPolicy": OwnPolicy}  # noqa: RUF012


@pytest.fixture
def with_own_family(monkeypatch):
    """A family of the test's own, found by its place."""
    members = {
        "CLASSES": (OwnPolicy,),
        "ALGORITHMS": (OwnPPO,),
        "INFERENCE": (),
        "SHOWS_NORMALIZATION": True,
        "make_heads": on_policy.make_heads,
    }
    modules = package.modules_in(package.__name__)
    monkeypatch.setitem(sys.modules, f"{package.__name__}.own", types.SimpleNamespace(**members))
    monkeypatch.setattr(package, "modules_in", lambda _: (*modules, "own"))
    families.cache_clear()
    yield
    families.cache_clear()


def test_a_file_adds_an_algorithm_that_is_trusted(with_own_family, tmp_path):
    path = tmp_path / "model.zip"
    OwnPPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8).save(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    policy = load_policy(path, trust=[sha256])
    assert policy.heads == ("logit", "value")
    assert OwnPPO in [algorithm for family in families() for algorithm in family.ALGORITHMS]


def test_without_the_file_it_is_not_supported(tmp_path):
    path = tmp_path / "model.zip"
    OwnPPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8).save(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(Exception, match="OwnPolicy is not supported"):
        load_policy(path, trust=[sha256])
