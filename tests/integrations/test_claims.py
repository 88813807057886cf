"""A folder of checkpoints has one training at a time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from rltools.errors import ConflictError, RecordingError
from rltools.integrations import AttributionCallback, open_checkpoints


def ppo(seed: int = 3) -> PPO:
    small = {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}}
    return PPO("MlpPolicy", "CartPole-v1", seed=seed, **small)


def callback(directory: Path, **choices: Any) -> AttributionCallback:
    return AttributionCallback("CartPole-v1", every=32, episodes=1, max_steps=5, directory=directory, **choices)


class Failing(BaseCallback):
    def _on_step(self) -> bool:
        raise LookupError("out of luck")


def test_two_callbacks_of_one_training(tmp_path: Path) -> None:
    first = callback(tmp_path)
    with pytest.raises(ConflictError, match="this process is writing to"):
        ppo().learn(32, callback=CallbackList([first, callback(tmp_path, method="input_x_gradient")]))
    (only,) = open_checkpoints(tmp_path).values()
    assert [spec.method for spec in only.specs.values()] == ["gradient"]


def test_two_trainings_at_once(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Waiting(BaseCallback):
        def _on_step(self) -> bool:
            begun.set()
            return go_on.wait(60)

    first, own = ppo(), callback(tmp_path)
    thread = threading.Thread(target=lambda: first.learn(32, callback=CallbackList([own, Waiting()])))
    thread.start()
    try:
        assert begun.wait(60)
        with pytest.raises(ConflictError, match="this process is writing to"):
            ppo(seed=8).learn(32, callback=callback(tmp_path, overwrite=True))
    finally:
        go_on.set()
        thread.join()
    checkpoints = open_checkpoints(tmp_path)
    assert list(checkpoints) == list(own.recordings) == [0, 32]
    for step, recording in own.recordings.items():
        assert checkpoints[step].header.policy_sha256 == recording.header.policy_sha256


def test_a_training_inside_another(tmp_path: Path) -> None:
    refused: list[str] = []

    class Nesting(BaseCallback):
        def _on_step(self) -> bool:
            if not refused:
                with pytest.raises(ConflictError) as caught:
                    ppo(seed=8).learn(32, callback=callback(tmp_path, overwrite=True))
                refused.append(str(caught.value))
            return True

    ppo().learn(32, callback=CallbackList([callback(tmp_path), Nesting()]))
    assert refused


def test_a_training_that_failed_gives_way_to_the_next(tmp_path: Path) -> None:
    failed = callback(tmp_path)
    model = ppo()
    with pytest.raises(LookupError):
        model.learn(32, callback=CallbackList([failed, Failing()]))
    model.learn(32, callback=callback(tmp_path))
    again = callback(tmp_path, overwrite=True)
    ppo(seed=8).learn(32, callback=again)
    assert list(open_checkpoints(tmp_path)) == [0, 32]
    assert failed.recordings


def test_the_checkpoint_of_another_model_is_not_taken_for_its_own(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        ppo(seed=1).learn(32, callback=CallbackList([callback(tmp_path), Failing()]))
    other = ppo(seed=2)
    with pytest.raises(ConflictError, match="another model at 0 steps"):
        other.learn(32, callback=callback(tmp_path))
    mine = callback(tmp_path, overwrite=True)
    other.learn(32, callback=mine)
    checkpoints = open_checkpoints(tmp_path)
    assert list(checkpoints) == list(mine.recordings)
    for step, recording in mine.recordings.items():
        assert checkpoints[step].header.policy_sha256 == recording.header.policy_sha256


def test_a_folder_that_cannot_be_written_to_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    model = ppo()
    with pytest.raises(RecordingError, match="cannot write to"):
        model.learn(32, callback=callback(tmp_path / "file" / "runs"))
    assert model.num_timesteps == 0
