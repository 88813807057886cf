"""What is no recording, no policy, no path or no number is refused in one line by every public function."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, Text
from torch import nn

import rltools
from rltools import plots
from rltools.errors import ArgumentError, MismatchError, ModelError

NET = nn.Linear(4, 2)
VECTOR, TWO = Box(-1, 1, (4,), np.float32), Discrete(2)


@pytest.fixture(scope="module")
def policy() -> rltools.Policy:
    return rltools.load_policy("cartpole-ppo")


@pytest.fixture(scope="module")
def recording(policy: rltools.Policy, tmp_path_factory: Any) -> rltools.Recording:
    output = rltools.record(policy, episodes=2, max_steps=4, directory=tmp_path_factory.mktemp("run") / "poles")
    return rltools.explain(output, policy, method="gradient")


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ArgumentError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", plots.plot_names())
@pytest.mark.parametrize("arguments", ["poles", None, 3, {"a": 1}])
def test_plots_draw_recordings(name: str, arguments: Any) -> None:
    plot: Any = getattr(plots, name)
    assert re.search("(no|not a) recording", refusal(lambda: plot(arguments)))


@pytest.mark.parametrize("arguments", ["poles", None, [1], nn.Linear(1, 1)])
def test_recordings(arguments: Any, policy: rltools.Policy, recording: rltools.Recording) -> None:
    for call in (
        lambda: rltools.summarize(arguments),
        lambda: rltools.explain(arguments, policy, method="gradient"),
        lambda: rltools.replay(arguments, 0, "page.html"),
        lambda: rltools.video(arguments, 0, "poles.gif"),
    ):
        assert f"a {type(arguments).__name__}" in refusal(call)
    if arguments is not None:
        assert "not a recording" in refusal(lambda: rltools.replay(recording, 0, "page.html", beside=arguments))


def test_a_folder_is_opened_first() -> None:
    assert "rltools.open_recording('runs/poles')" in refusal(lambda: rltools.summarize("runs/poles"))  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", ["cartpole-ppo", None, NET, np.zeros((2, 4))])
def test_policies(arguments: Any, recording: rltools.Recording) -> None:
    for call in (
        lambda: rltools.record(arguments),
        lambda: rltools.explain(recording, arguments, method="gradient"),
        lambda: rltools.attribute(arguments, np.zeros((1, 4))),
    ):
        assert f"policy is a {type(arguments).__name__}; make it a policy" in refusal(call)


@pytest.mark.parametrize("arguments", [3, b"poles", {"agents": []}, object()])
def test_paths(arguments: Any, policy: rltools.Policy, recording: rltools.Recording) -> None:
    for call in (
        lambda: rltools.open_recording(arguments),
        lambda: rltools.open_checkpoints(arguments),
        lambda: rltools.run_experiment(arguments),
        lambda: rltools.record(policy, episodes=1, directory=arguments),
        lambda: rltools.replay(recording, 0, arguments),
        lambda: rltools.video(recording, 0, arguments),
    ):
        assert re.search(rf"a {type(arguments).__name__}|not .* \({type(arguments).__name__}\)", refusal(call))


def test_a_recording_is_open_already(recording: rltools.Recording) -> None:
    assert "open already" in refusal(lambda: rltools.open_recording(recording))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 3}, "frames is 3"),
        ({"frames": "all"}, "frames is 'all'"),
        ({"frames": [0.5]}, "frames is"),
        ({"deterministic": None}, "deterministic is None"),
        ({"deterministic": "no"}, "deterministic is 'no'"),
    ],
)
def test_options_of_record(options: Any, message: str, policy: rltools.Policy) -> None:
    assert message in refusal(lambda: rltools.record(policy, episodes=1, max_steps=1, **options))


def test_numbers_of_frames_of_numpy(policy: rltools.Policy) -> None:
    output = rltools.record(policy, episodes=1, max_steps=1, frames=np.array([], np.int64))
    assert output.frames(0) is None


@pytest.mark.parametrize("seconds", ["3", None, float("nan"), 0, -1, [1]])
def test_seconds(seconds: Any, policy: rltools.Policy, recording: rltools.Recording) -> None:
    if seconds is None:
        assert rltools.explain(recording, policy, method="gradient", seconds=None).specs
    else:
        assert "seconds is" in refusal(lambda: rltools.explain(recording, policy, method="gradient", seconds=seconds))


@pytest.mark.parametrize("level", ["95%", None, 95, 0, float("nan")])
def test_levels(level: Any, recording: rltools.Recording) -> None:
    assert f"level={level!r}" in refusal(lambda: rltools.summarize(recording, level=level))


@pytest.mark.parametrize("method", [3, ["gradient"], NET])
def test_methods(method: Any, policy: rltools.Policy, recording: rltools.Recording) -> None:
    assert "a method is given by its name" in refusal(lambda: rltools.explain(recording, policy, method=method))


def test_episodes(recording: rltools.Recording) -> None:
    for number in ("a", 0.0, None):
        assert "integer" in refusal(lambda number=number: recording.episode(number))
    assert "'last' is no episode" in refusal(lambda: rltools.replay(recording, "last", "page.html"))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"speed": "2"}, {"width": "640"}, {"fps": "5"}, {"speed": [1]}])
def test_numbers_of_a_video(options: Any, recording: rltools.Recording) -> None:
    (name,) = options
    assert f"{name}=" in refusal(lambda: rltools.video(recording, 0, "poles.gif", **options))


@pytest.mark.parametrize("episode", [np.int64(1), np.array([1, 0]), range(2), (0, 0)], ids=repr)
def test_numbers_of_numpy_are_numbers(episode: Any, recording: rltools.Recording, tmp_path: Path) -> None:
    page = rltools.replay(recording, episode, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "numpy" not in page.partition("<script")[0]


def test_features_that_are_kept() -> None:
    env = gymnasium.make("CartPole-v1")
    for keep in ("pole angle", None, 3):
        assert "it must be a list" in refusal(lambda keep=keep: rltools.SelectFeatures(env, keep))
    assert "must be a gymnasium.Env" in refusal(lambda: rltools.SelectFeatures("CartPole-v1", ["pole angle"]))  # type: ignore[arg-type]


def test_inputs_of_a_gradient() -> None:
    assert "the input is a NoneType" in refusal(lambda: rltools.input_gradient(NET, None))  # type: ignore[call-overload]


@pytest.mark.parametrize("space", [None, 3, "Box", Box, gymnasium.make("CartPole-v1")])
def test_spaces(space: Any) -> None:
    assert "the observation space is" in refusal(lambda: rltools.TorchPolicy(NET, space, TWO))
    action = "the action space is" if space is not None else "no action space after it"
    assert action in refusal(lambda: rltools.TorchPolicy(NET, VECTOR, space))


@pytest.mark.parametrize("space", [Dict({}), Text(5), Dict(mission=Text(5))])
def test_spaces_without_a_number(space: Any) -> None:
    assert "have no numbers" in refusal(lambda: rltools.TorchPolicy(NET, space, TWO))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"module": None}, "the module is None"),
        ({"module": "model.pt"}, "the module is 'model.pt', a str"),
        ({"module": nn.Linear}, "the class Linear; give an instance"),
        ({"module": NET.state_dict()}, "weights without a description of their network"),
        ({"heads": [NET]}, "heads is a list"),
        ({"heads": NET}, "heads is a Linear"),
        ({"heads": {1: NET}}, "the head 1 is"),
        ({"heads": {"logit": None}}, "the head 'logit' is None"),
        ({"features": ["speed"]}, "features is a list"),
        ({"environment": "CartPole-v1"}, "an EnvSpec, as gymnasium.spec(id) gives it"),
        ({"environment": gymnasium.make("CartPole-v1")}, "give its spec, env.spec"),
        ({"action_names": "ab"}, "action_names is 'ab'"),
        ({"action_names": [1, 2]}, "action_names is [1, 2]"),
    ],
)
def test_policies_of_torch(options: Any, message: str) -> None:
    arguments = {"module": NET} | options
    assert message in refusal(lambda: rltools.TorchPolicy(arguments.pop("module"), VECTOR, TWO, **arguments))


def test_shapes_of_features() -> None:
    for shape in ("abc", ("a", "b"), 3):
        assert "given_names=" in refusal(lambda shape=shape: rltools.Features(shape))


def test_sparse_scores() -> None:
    policy = rltools.TorchPolicy(lambda x: NET(x).to_sparse(), VECTOR, TWO)
    with pytest.raises(MismatchError, match="sparse; give it densely"):
        policy.head("logit", torch.zeros(2, 4), rltools.policies.base.Context())


class Normalizer:
    """Has what VecNormalize has."""

    obs_rms = None
    __module__ = "stable_baselines3.common.vec_env.vec_normalize"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (nn.Linear, "the class Linear; give an instance of it"),
        (gymnasium.make("CartPole-v1"), "an environment (TimeLimit); give the agent first"),
        (gymnasium.spec("CartPole-v1"), "a gymnasium EnvSpec; give the agent first"),
        (Normalizer(), "these as normalize="),
        (NET.state_dict(), "build the network, load the weights into it"),
        (["cartpole-ppo"], "give one agent at a time"),
        (b"PK", "give the path of the file"),
        (lambda x: x, "rltools.TorchPolicy(function, env)"),
    ],
)
def test_what_is_no_agent(source: Any, message: str) -> None:
    assert message in refusal(lambda: rltools.load_policy(source))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://huggingface.co/sb3/ppo-CartPole-v1", "a model of the hub is hf:sb3/ppo-CartPole-v1"),
        ("https://example.org/model.zip", "fetch the file, and give the path of it"),
        ("file:///models/best_model.zip", "without file://"),
        ("~/no/such/model.zip", "'~' is for shells"),
    ],
)
def test_addresses(address: str, message: str) -> None:
    with pytest.raises(ModelError) as error:
        rltools.load_policy(address)
    assert message in str(error.value)
