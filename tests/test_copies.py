"""Everything public is pickled and copied, and a copy does what its original does; or it says why not."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, MultiBinary
from sb3_contrib import ARS, QRDQN, TQC, RecurrentPPO
from stable_baselines3 import DQN, PPO, SAC, TD3

import rltools
from rltools.attributions import find_method, method_names
from rltools.errors import RecordingError
from rltools.policies.base import Context
from rltools.recording import Episode
from rltools.targets import parse_target

WAYS = {"pickle": lambda thing: pickle.loads(pickle.dumps(thing)), "deepcopy": copy.deepcopy}
way = pytest.mark.parametrize("copied", WAYS.values(), ids=WAYS)
Copied = Callable[[Any], Any]


def small() -> dict[str, Any]:
    return {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 0}


class Bits(gymnasium.Env[Any, Any]):
    observation_space = Box(-1, 1, (3,), np.float32)
    action_space = MultiBinary(2)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def _torch() -> Any:
    env = gymnasium.make("CartPole-v1")
    return rltools.TorchPolicy(Net(), env.observation_space, env.action_space)


POLICIES: dict[str, Callable[[], Any]] = {
    "torch": _torch,
    "ppo": lambda: rltools.load_policy("cartpole-ppo"),
    "cnn": lambda: rltools.load_policy("lavagap-cnn-ppo"),
    "dict": lambda: rltools.load_policy("minigrid-dict-ppo"),
    "masked": lambda: rltools.load_policy("taxi-masked-ppo"),
    "recurrent": lambda: rltools.load_policy("cartpole-recurrent-ppo"),
    "normalized": lambda: rltools.load_policy("hopper-ppo"),
    "float64": lambda: rltools.load_policy("pendulum-sac", dtype=torch.float64),
    "bits": lambda: rltools.load_policy(PPO("MlpPolicy", Bits(), **small())),
    "gsde": lambda: rltools.load_policy(PPO("MlpPolicy", "Pendulum-v1", use_sde=True, **small())),
    "dqn": lambda: rltools.load_policy(DQN("MlpPolicy", "CartPole-v1", **small())),
    "qrdqn": lambda: rltools.load_policy(QRDQN("MlpPolicy", "CartPole-v1", **small())),
    "sac": lambda: rltools.load_policy(SAC("MlpPolicy", "Pendulum-v1", **small())),
    "td3": lambda: rltools.load_policy(TD3("MlpPolicy", "Pendulum-v1", **small())),
    "tqc": lambda: rltools.load_policy(TQC("MlpPolicy", "Pendulum-v1", **small())),
    "ars": lambda: rltools.load_policy(ARS("LinearPolicy", "CartPole-v1", device="cpu", seed=0)),
    "ars of a box": lambda: rltools.load_policy(ARS("LinearPolicy", "Pendulum-v1", device="cpu", seed=0)),
    "recurrent alone": lambda: rltools.load_policy(
        RecurrentPPO("MlpLstmPolicy", "CartPole-v1", policy_kwargs={"lstm_hidden_size": 8}, device="cpu", seed=0)
    ),
}


@pytest.fixture(scope="module")
def cartpole() -> Any:
    return rltools.load_policy("cartpole-ppo")


@pytest.fixture(scope="module")
def recording(cartpole: Any, tmp_path_factory: pytest.TempPathFactory) -> rltools.Recording:
    remaining = rltools.record(cartpole, episodes=2, max_steps=8, directory=tmp_path_factory.mktemp("copies") / "run")
    return rltools.explain(remaining, cartpole, method="gradient")


@pytest.fixture(scope="module", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> Any:
    return POLICIES[request.param]()


def is_gsde(policy: Any) -> bool:
    return getattr(policy.module, "use_sde", False)


def answers(policy: Any) -> list[np.ndarray]:
    """Actions, random ones where it has any, and attributions in a few states."""
    from rltools.spaces.leaves import placeholder_observations

    observations = placeholder_observations(policy.observation_space, 3)
    acted = policy.act(observations, Context())
    try:
        random = policy.act(
            observations, Context(), deterministic=False, rngs=[np.random.default_rng(seed) for seed in range(3)]
        ).actions
    except rltools.errors.ArgumentError:  # nothing random about it
        random = acted.actions
    values = rltools.attribute(policy, observations).values
    heads = [policy.head(name, policy.encode(observations), acted.context) for name in policy.heads]
    return [acted.actions, acted.scores, random, values, *(head.numpy(force=True) for head in heads)]


@way
def test_a_policy(policy: Any, copied: Copied) -> None:
    if is_gsde(policy) and copied is copy.deepcopy:
        pytest.skip("torch copies no tensor that was computed, and the library keeps one: its exploration matrix")
    other = copied(policy)
    assert repr(other) == repr(policy)
    for ours, theirs in zip(answers(policy), answers(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@way
def test_a_copy_is_of_a_network_of_its_own(policy: Any, copied: Copied) -> None:
    if is_gsde(policy) and copied is copy.deepcopy:
        pytest.skip("likewise")
    other, before = copied(policy), answers(policy)
    with torch.no_grad():
        for parameter in other.module.parameters():
            parameter.zero_()
    for ours, expected in zip(answers(policy), before, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert not answers(other)[1].any()  # all its scores follow its own parameters


@way
def test_a_copy_sees_the_hooks_of_its_own_modules(copied: Copied) -> None:
    policy = _torch()
    other = copied(policy)
    other.module.layers[1].register_forward_hook(lambda module, arguments, output: output * 0)
    observations = np.ones((1, 4), np.float32)
    bias = other.module.layers[2].bias.detach().numpy()
    np.testing.assert_allclose(other.act(observations, Context()).scores[0], bias)
    assert not np.allclose(policy.act(observations, Context()).scores[0], bias)
    assert not rltools.attribute(other, observations).values.any()


@way
@pytest.mark.parametrize("method", ["gradient", "shapley"])
def test_a_wrapper_goes_on_where_its_original_was(cartpole: Any, copied: Copied, method: str) -> None:
    references = None if method == "gradient" else np.zeros((2, 4), np.float32)
    env = rltools.AttributionWrapper(gymnasium.make("CartPole-v1"), cartpole, method, references=references)
    env.reset(seed=0)
    env.step_policy()
    other = copied(env)
    for _ in range(3):
        ours, theirs = env.step_policy(), other.step_policy()
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[4]["attribution"], theirs[4]["attribution"])
    assert other.spec == env.spec


@way
def test_a_wrapper_of_replays(cartpole: Any, copied: Copied, tmp_path: Path) -> None:
    env = rltools.AttributionWrapper(gymnasium.make("CartPole-v1", max_episode_steps=3), cartpole)
    other = copied(rltools.ReplayWrapper(env, tmp_path / "live"))
    other.reset(seed=0)
    for _ in range(3):
        other.step_policy()
    assert [page.name for page in other.pages] == ["episode-000000.html"]


@way
def test_a_wrapper_that_selects(copied: Copied) -> None:
    env = copied(rltools.SelectFeatures(gymnasium.make("CartPole-v1"), ["pole angle"]))
    assert env.reset(seed=0)[0].shape == (1,)


@way
def test_a_wrapper_that_plants(copied: Copied) -> None:
    env = rltools.PlantFeatures(gymnasium.make("CartPole-v1"), noise=1, delayed=[("pole angle", 1)])
    env.reset(seed=0)
    np.testing.assert_array_equal(copied(env).step(0)[0], env.step(0)[0])


@way
def test_a_wrapper_of_several(cartpole: Any, copied: Copied) -> None:
    if copied is not copy.deepcopy:
        pytest.skip("Gymnasium's own vectors hold a function that cannot be pickled")
    env = rltools.VectorAttributionWrapper(
        gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="vector_entry_point"), cartpole
    )
    env.reset(seed=0)
    other = copied(env)
    np.testing.assert_array_equal(env.step_policy()[4]["attribution"], other.step_policy()[4]["attribution"])


@way
def test_results(recording: rltools.Recording, copied: Copied) -> None:
    assert copied(recording) == recording
    assert [len(episode) for episode in copied(recording)] == [8, 8]
    attribution, episode, summary = recording.attribution(), recording.episode(1), rltools.summarize(recording)
    np.testing.assert_array_equal(copied(attribution).values, attribution.values)
    assert copied(attribution).spec == attribution.spec
    np.testing.assert_array_equal(copied(episode).states, episode.states)
    assert copied(summary).findings == summary.findings
    # By their texts: an interval that is not there has ends that are not a number.
    assert repr(copied(summary).top(action="push left")) == repr(summary.top(action="push left"))
    assert dict.fromkeys(copied(summary).by_action) == dict.fromkeys(summary.by_action)
    assert copied(episode.outcome) == episode.outcome
    assert copied(recording.features) == recording.features
    assert copied(recording.header) == recording.header


@way
@pytest.mark.parametrize(
    "text", ["centered:chosen", "logit:chosen - runner_up", "centered:chosen & value", "logit:all"]
)
def test_a_target(cartpole: Any, text: str, copied: Copied) -> None:
    target = parse_target(text, cartpole)
    assert copied(target) == target
    assert str(copied(target)) == text


@way
def test_every_method_is_itself(copied: Copied) -> None:
    for name in method_names():
        assert copied(find_method(name)) is find_method(name)
    assert copy.copy(find_method("gradient")) is find_method("gradient")


def test_a_method_of_captum() -> None:
    pytest.importorskip("captum")
    assert WAYS["pickle"](find_method("captum:Saliency")).name == "captum:Saliency"


def test_a_method_that_nobody_finds() -> None:
    from rltools.attributions import Result, method

    @method(unit="score", cost=0)
    def nothing(score: Any, x: torch.Tensor) -> Result:
        return Result(torch.zeros(len(x), score.outputs, *x.shape[1:]))

    assert copy.deepcopy(nothing) is nothing
    with pytest.raises(pickle.PicklingError, match=r"nothing is not found as .*at the top of a module"):
        pickle.dumps(nothing)


@way
@pytest.mark.parametrize("name", [name for name in dir(rltools.errors) if name.endswith("Error")])
def test_an_error(name: str, copied: Copied) -> None:
    error = copied(getattr(rltools.errors, name)("what was wrong"))
    assert type(error).__name__ == name
    assert str(error) == "what was wrong"


@way
def test_a_callback(copied: Copied) -> None:
    model = PPO("MlpPolicy", "CartPole-v1", n_steps=32, batch_size=32, **small())
    callback = copied(rltools.AttributionCallback("CartPole-v1", every=100, episodes=1, max_steps=3))
    model.learn(32, callback=callback)
    assert list(callback.recordings) == [0]


def test_a_recording_in_a_temporary_folder(cartpole: Any) -> None:
    recording = rltools.record(cartpole, episodes=1, max_steps=2)
    with pytest.raises(RecordingError, match=r"temporary folder, .*directory="):
        pickle.dumps(recording)
    other = copy.deepcopy(recording)
    folder = recording.directory
    del recording
    gc.collect()
    assert [len(episode) for episode in other] == [2]
    del other
    gc.collect()
    assert not folder.exists()


def test_reprs_are_one_short_line(recording: rltools.Recording, cartpole: Any) -> None:
    import rltools.summary as room

    summary = rltools.summarize(recording)
    episode = recording.episode(0)
    things = [
        recording,
        recording.header,
        episode,
        recording.attribution(),
        recording.spec(recording.find()),
        summary,
        summary.overall,
        summary.by_action,
        room.training_curve({"0": recording, "1": recording}, None, None),
        cartpole,
        cartpole.source,
        Context(),
        cartpole.act(episode.observations, Context()),
        rltools.load_policy("lavagap-cnn-ppo").features,
        rltools.load_policy("minigrid-dict-ppo").features,
        rltools.load_policy("taxi-masked-ppo").features,
        find_method("gradient")(rltools.testing.PlainFunction(lambda x: x, 3), torch.zeros(2, 3)),
    ]
    for thing in things:
        assert len(repr(thing)) < 800, repr(thing)
        assert "\n" not in repr(thing)
        assert "array(" not in repr(thing)
        assert "tensor(" not in repr(thing)
        assert repr(thing).startswith(type(thing).__name__)
    assert isinstance(episode, Episode)
    assert repr(episode) == (
        "Episode(0, seed 0: 8 steps, return 8, ended by limit; observations float32[8, 4], actions int64[8])"
    )
    assert repr(things[12]).startswith("ActResult(actions=int64[8], scores=float32[8, 2], context=Context(")


def test_no_public_class_prints_its_arrays() -> None:
    """A dataclass writes a `__repr__` of its own unless there is one."""
    import dataclasses
    import importlib

    for room in ("policies.base", "recording", "summary", "spaces", "attributions", "experiments"):
        module = importlib.import_module(f"rltools.{room}")
        for kind in vars(module).values():
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                kinds = " ".join(str(field.type) for field in dataclasses.fields(kind))
                if any(word in kinds for word in ("ndarray", "Tensor", "Any", "Interval", "tuple", "Mapping")):
                    assert "<locals>" not in kind.__repr__.__qualname__, kind  # dataclass's own is made in a function
