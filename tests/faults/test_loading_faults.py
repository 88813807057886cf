"""Rows of bad input that a policy meets before its first step; `tests/attacks` has many more files like these."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

import rltools
from rltools.cards.content import find_content
from rltools.envs import spec_from_json
from rltools.errors import (
    ChecksumError,
    MismatchError,
    ModelError,
    SimulationError,
    TargetError,
    UnknownNameError,
    UnsafeFileError,
)


@pytest.fixture
def model() -> Path:
    return find_content("agents", "cartpole-ppo") / "model.zip"


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of a zip with other content under the same names."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def test_row_14_a_model_that_is_not_the_one_its_card_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "agents" / "mine"
    shutil.copytree(find_content("agents", "cartpole-ppo"), folder)
    (folder / "model.zip").write_bytes((folder / "model.zip").read_bytes() + b"\0")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChecksumError, match=r"not the file its card names: sha256 [0-9a-f]{64}, expected [0-9a-f]{64}"):
        rltools.load_policy("mine")
    (tmp_path / "cut.zip").write_bytes((folder / "model.zip").read_bytes()[:2000])
    with pytest.raises(ModelError, match=r"cut\.zip"):
        rltools.load_policy(tmp_path / "cut.zip", "CartPole-v1")


class Payload:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_row_15_a_payload_is_not_executed_and_trust_is_for_one_file(model: Path, tmp_path: Path) -> None:
    written = tmp_path / "written"

    def poisoned(name: str, content: bytes) -> bytes:
        if name != "policy.pth":
            return content
        file = io.BytesIO()
        torch.save({"weights": Payload(written)}, file)
        return file.getvalue()

    path = rewritten(model, tmp_path / "bad.zip", poisoned)
    with pytest.raises(UnsafeFileError, match="trust"):
        rltools.load_policy(path, "CartPole-v1")
    with pytest.raises(ChecksumError):
        rltools.load_policy(path, "CartPole-v1", trust="0" * 64)
    assert not written.exists()


def test_row_16_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("data", "policy.pth"):
            file.writestr(name, b"\0" * (1 << 28))
    with pytest.raises((ModelError, UnsafeFileError), match=r"bomb\.zip"):
        rltools.load_policy(path, "CartPole-v1")


def test_row_18_another_environment_of_the_same_shape_is_written_down(tmp_path: Path) -> None:
    policy = rltools.load_policy("cartpole-ppo", "CartPole-v0")
    assert "trained on CartPole-v1, used on CartPole-v0" in policy.source.notes
    recording = rltools.record(policy, episodes=1, max_steps=3, directory=tmp_path)
    assert "trained on CartPole-v1, used on CartPole-v0" in recording.header.notes


def test_row_19_missing_statistics(tmp_path: Path) -> None:
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    small = {"n_steps": 8, "batch_size": 8, "n_epochs": 1, "policy_kwargs": {"net_arch": [4]}}
    PPO("MlpPolicy", env, device="cpu", **small).learn(8).save(tmp_path / "model.zip")
    with pytest.raises(ModelError, match="was trained on normalized observations and their statistics are missing"):
        rltools.load_policy(tmp_path / "model.zip", "CartPole-v1")
    plain = rltools.load_policy(tmp_path / "model.zip", "CartPole-v1", normalize=False)
    assert "observations are not normalized, as asked" in plain.source.notes
    env.save(str(tmp_path / "vecnormalize.pkl"))
    assert rltools.load_policy(tmp_path / "model.zip", "CartPole-v1").source.notes == ()


@pytest.mark.parametrize(
    ("shape", "dims"),
    [((6, 5, 3), ("y", "x", "channel")), ((3, 6, 5), ("channel", "y", "x")), ((4, 6, 5), ("channel", "y", "x"))],
)
def test_row_21_images_of_bytes_in_their_own_layout(shape: tuple[int, ...], dims: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(shape)), 2))
    space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
    policy = rltools.TorchPolicy(net, space, gymnasium.spaces.Discrete(2))
    assert policy.features.dims == dims
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    values = rltools.attribute(policy, image, target="logit:0").values
    np.testing.assert_allclose(values[0, 0], net[1].weight[0].detach().numpy().reshape(shape), rtol=1e-5)


def test_row_24_targets_of_discrete_actions_for_continuous_ones() -> None:
    policy = rltools.load_policy("pendulum-sac")
    with pytest.raises(TargetError, match=r"no target 'logit:chosen'.*with a score of mean, action") as refused:
        rltools.attribute(policy, np.zeros(3), target="logit:chosen")
    assert "action:all" in str(refused.value)
    with pytest.raises(MismatchError):
        rltools.load_policy("pendulum-sac", "CartPole-v1")


@pytest.mark.parametrize("name", ["../../etc", "a\0b", ".."])
def test_row_34_names_that_are_paths(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ModelError, UnknownNameError, rltools.errors.RltoolsError)):
        rltools.load_policy(name)


def test_row_35_a_module_is_not_imported_on_a_files_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text("open('imported', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = {"id": "evil:Env-v0", "kwargs": {}, "max_episode_steps": None, "additional_wrappers": []}
    with pytest.raises(SimulationError, match="--import evil"):
        spec_from_json(json.dumps(spec))
    assert not (tmp_path / "imported").exists()
