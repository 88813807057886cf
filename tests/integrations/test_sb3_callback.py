"""The callback watches a training of Stable-Baselines3 without a trace in it."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import rltools
from rltools.errors import (
    ArgumentError,
    ConflictError,
    FaultError,
    MismatchError,
    RecordingError,
    SimulationError,
    TargetError,
    UnknownNameError,
)
from rltools.integrations import AttributionCallback, AttributionSkippedWarning, open_checkpoints
from rltools.integrations._sb3_callback import untouched_random_state


def small() -> dict[str, Any]:
    return {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 3}


def ppo(env: Any = "CartPole-v1", **choices: Any) -> PPO:
    return PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=2, **small() | choices)


def normalized_ppo() -> PPO:
    return ppo(VecNormalize(make_vec_env("CartPole-v1", n_envs=2, seed=3)))


def dqn() -> DQN:
    return DQN("MlpPolicy", "CartPole-v1", learning_starts=20, train_freq=2, **small())


def sac() -> SAC:
    return SAC("MlpPolicy", "Pendulum-v1", learning_starts=20, batch_size=16, **small())


class Greedy(gymnasium.Wrapper):
    """Takes what it needs of chance from everybody's streams."""

    def reset(self, **choices: Any) -> Any:
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        return super().reset(**choices)


@pytest.mark.parametrize(
    ("make", "env", "steps"),
    [
        (ppo, "CartPole-v1", 96),
        (normalized_ppo, "CartPole-v1", 128),
        (dqn, "CartPole-v1", 90),
        (sac, "Pendulum-v1", 60),
    ],
)
def test_a_training_goes_as_without(make: Callable[[], Any], env: str, steps: int) -> None:
    def train(callback: Any) -> tuple[Any, list[Any]]:
        model = make().learn(steps, callback=callback)
        drawn = model.action_space.sample().tolist()
        streams = [random.random(), np.random.rand(), torch.rand(1).item(), drawn]  # noqa: NPY002
        return model, streams

    callback = AttributionCallback(lambda: Greedy(gymnasium.make(env)), every=25, episodes=2, max_steps=20)
    random.seed(1)
    alone, expected = train(None)
    random.seed(1)
    watched, streams = train(callback)
    assert streams == expected
    assert len(callback.recordings) > 2
    theirs = watched.policy.state_dict()
    for name, value in alone.policy.state_dict().items():
        assert torch.equal(value, theirs[name]), name
    if (statistics := alone.get_vec_normalize_env()) is not None:
        assert np.array_equal(statistics.obs_rms.mean, watched.get_vec_normalize_env().obs_rms.mean)
        assert statistics.obs_rms.count == watched.get_vec_normalize_env().obs_rms.count


def test_every_recording_is_of_the_model_as_it_was(tmp_path: Path) -> None:
    callback = AttributionCallback("CartPole-v1", every=32, episodes=2, max_steps=10, directory=tmp_path)
    ppo().learn(96, callback=callback)
    assert list(callback.recordings) == [0, 32, 64, 96]
    assert len({recording.header.policy_sha256 for recording in callback.recordings.values()}) == 3  # 0 and 32 alike
    opened = open_checkpoints(tmp_path)
    assert list(opened) == [0, 32, 64, 96]
    assert opened[32].directory.name == "step-000000032"
    assert opened[32].header.policy_sha256 == callback.recordings[32].header.policy_sha256
    assert opened[96].attribution("gradient").values.shape == (20, 1, 4)
    with pytest.raises(TypeError):
        callback.recordings[1] = opened[32]  # type: ignore[index]


def test_steps_are_counted_over_all_environments() -> None:
    callback = AttributionCallback("CartPole-v1", every=50, episodes=1, max_steps=5)
    ppo(make_vec_env("CartPole-v1", n_envs=4, seed=3)).learn(128, callback=callback)
    assert list(callback.recordings) == [0, 52, 100]


def test_statistics_are_those_of_the_moment() -> None:
    differences = []

    class Spy(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps in watching.recordings:
                episode = watching.recordings[self.num_timesteps].episode(0)
                normalized = torch.tensor(self.model.get_vec_normalize_env().normalize_obs(episode.states))
                with torch.no_grad():
                    expected = self.model.policy.get_distribution(normalized.float()).distribution.logits
                differences.append((expected - torch.log_softmax(torch.tensor(episode.scores), 1)).abs().max())
            return True

    watching = AttributionCallback("CartPole-v1", every=32, episodes=1, max_steps=30)
    normalized_ppo().learn(64, callback=[watching, Spy()])
    assert len(differences) == 2
    assert max(differences) < 1e-5


def test_a_method_that_compares_states() -> None:
    callback = AttributionCallback(
        "CartPole-v1", every=500, episodes=1, max_steps=10, method="shapley", target="logit:0", references=3
    )
    ppo().learn(32, callback=callback)
    attribution = callback.recordings[0].attribution()
    assert (attribution.method, attribution.target) == ("shapley", "logit:0")
    assert len(attribution.references) == 3  # type: ignore[arg-type]


def test_carrying_on(tmp_path: Path) -> None:
    def watch(**choices: Any) -> AttributionCallback:
        return AttributionCallback("CartPole-v1", every=32, episodes=1, max_steps=5, directory=tmp_path, **choices)

    model = ppo().learn(64, callback=watch())
    model.save(tmp_path / "model.zip")
    model = PPO.load(tmp_path / "model.zip", env=gymnasium.make("CartPole-v1"))
    callback = watch()
    model.learn(32, callback=callback, reset_num_timesteps=False)
    assert list(callback.recordings) == [0, 32, 64, 96]
    model.learn(32, callback=callback, reset_num_timesteps=False)
    assert list(callback.recordings) == [0, 32, 64, 96, 128]
    with pytest.raises(ConflictError, match="up to 128 steps of training, and this training is at 0"):
        ppo().learn(32, callback=watch())
    callback = watch(overwrite=True)
    ppo().learn(32, callback=callback)
    assert list(callback.recordings) == list(open_checkpoints(tmp_path)) == [0, 32]


def test_the_same_callback_for_a_training_that_begins_anew() -> None:
    callback = AttributionCallback("CartPole-v1", every=64, episodes=1, max_steps=5)
    ppo().learn(64, callback=callback)
    ppo().learn(32, callback=callback)
    assert list(callback.recordings) == [0]


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"every": 0}, ArgumentError, "every is 0"),
        ({"episodes": -1}, ArgumentError, "episodes is -1"),
        ({"references": 0}, ArgumentError, "references is 0"),
        ({"seed": -1}, ArgumentError, "seed is -1"),
    ],
)
def test_what_cannot_be_meant(choices: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        AttributionCallback("CartPole-v1", **choices)


def test_a_vector_of_environments_stands_for_one_of_them() -> None:
    vector = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")])
    callback = AttributionCallback(vector, every=1000, episodes=1, max_steps=5)  # type: ignore[arg-type]
    ppo(make_vec_env("CartPole-v1", seed=3)).learn(64, callback=callback)
    assert [recording.header.environment_id for recording in callback.recordings.values()] == ["CartPole-v1"]


def refusing(make_env: Callable[..., Any]) -> Any:
    def reset(env: Any) -> Any:
        raise RuntimeError("a motor is stuck")

    cartpole = gymnasium.make("CartPole-v1")
    return make_env(reset=reset, observation_space=cartpole.observation_space, action_space=cartpole.action_space)


@pytest.mark.parametrize(
    ("env", "choices", "error", "message"),
    [
        ("Pendulum-v1", {}, MismatchError, "Pendulum"),
        ("NoSuchEnv-v1", {}, SimulationError, "NoSuchEnv"),
        ("CartPole-v1", {"method": "gradeint"}, UnknownNameError, "gradient"),
        ("CartPole-v1", {"target": "q_value:chosen"}, TargetError, "q_value"),
        (refusing, {}, FaultError, "a motor is stuck"),
    ],
)
def test_refused_before_the_first_step(
    env: Any, choices: dict[str, Any], error: type[Exception], message: str, make_env: Callable[..., Any]
) -> None:
    model = ppo()
    callback = AttributionCallback(env(make_env) if callable(env) else env, **choices)
    with pytest.raises(error, match=message):
        model.learn(32, callback=callback)
    assert model.num_timesteps == 0
    assert not callback.recordings


def test_a_fault_later_costs_no_training() -> None:
    environments = []

    def sometimes() -> gymnasium.Env[Any, Any]:
        environments.append(1)
        if len(environments) > 8:
            raise OSError("the license server is gone")
        return gymnasium.make("CartPole-v1")

    callback = AttributionCallback(sometimes, every=32, episodes=1, max_steps=5)
    with pytest.warns(AttributionSkippedWarning, match=r"after \d+ steps of training: .*license.*the training goes on"):
        model = ppo().learn(128, callback=callback)
    assert model.num_timesteps == 128
    assert 0 in callback.recordings
    assert 128 not in callback.recordings


def test_tensorboard_gets_scalars_and_the_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tensorboard = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = ppo()
    model.set_logger(configure(str(tmp_path), ["tensorboard", "stdout", "log", "csv", "json"]))
    callback = AttributionCallback("CartPole-v1", every=32, episodes=3, max_steps=20, verbose=1)
    model.learn(64, callback=callback)
    model.logger.close()
    (events,) = tmp_path.glob("events.out.tfevents.*")
    read = tensorboard.EventAccumulator(str(events)).Reload()
    assert [event.step for event in read.Scalars("attribution/pole angle")] == [0, 32, 64]
    names = callback.recordings[0].features.names
    assert sum(read.Scalars(f"attribution/{name}")[1].value for name in names) == pytest.approx(1, abs=1e-5)
    expected = rltools.summarize(callback.recordings[64])
    assert read.Scalars("attribution/mean_return")[2].value == pytest.approx(expected.returns.mean)
    shares = {feature.feature: feature.share for feature in expected.top()}
    assert read.Scalars("attribution/pole angle")[2].value == pytest.approx(shares["pole angle"])
    figure = read.Images("attribution/importance")[2]
    assert figure.encoded_image_string.startswith(b"\x89PNG")
    assert figure.width > 400
    # What the training has collected is left to it.
    assert [event.step for event in read.Scalars("train/loss")] == [64]
    printed = capsys.readouterr().out
    assert "After 64 steps of training: " in printed
    assert "what moves the score of the action taken" in printed
    assert "attribution/pole angle" in (tmp_path / "progress.csv").read_text()


def test_no_recordings_of_a_training(tmp_path: Path) -> None:
    (tmp_path / "step-000000007").mkdir()
    with pytest.raises(RecordingError, match="no recording of a training"):
        open_checkpoints(tmp_path)


def test_streams_go_on_after_an_error() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with suppress(RuntimeError), untouched_random_state():
        torch.rand(3)
        raise RuntimeError("stuck")
    assert torch.equal(before, torch.get_rng_state())


def test_the_room_is_light() -> None:
    code = "import sys, rltools.integrations; print('stable_baselines3' in sys.modules, 'torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
    import rltools.integrations

    assert "open_checkpoints" in dir(rltools.integrations)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        rltools.integrations.nothing  # noqa: B018
