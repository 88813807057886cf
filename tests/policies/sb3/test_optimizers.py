"""How a model was trained is never needed: optimizers and schedules of any kind stay undecoded."""

from __future__ import annotations

import base64
import functools
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike

from rltools.errors import ModelError, UnsafeFileError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


class Importable(torch.optim.SGD):
    """A user's own, which a pickle names."""


def by_value() -> dict[str, Any]:
    """A user's own of a script or a notebook, which a pickle holds with its code."""

    class Extra:
        def __init__(self, number: int) -> None:
            self.number = number

    class Own(torch.optim.Adam):
        factor = 3

        def __init__(self, parameters: Any, lr: float = 1e-3, extra: Any = None, betas: Any = (0.9, 0.9)) -> None:
            super().__init__(parameters, lr=lr, betas=betas, eps=Own.factor * 1e-8)

        @property
        def twice(self) -> int:
            return 2 * self.factor

    return {"optimizer_class": Own, "optimizer_kwargs": {"extra": Extra(3), "betas": (0.8, 0.9)}}


TRAINED: dict[str, dict[str, Any]] = {
    "as Stable-Baselines3 advises for A2C": {"optimizer_class": RMSpropTFLike, "optimizer_kwargs": {"eps": 1e-5}},
    "of torch": {"optimizer_class": torch.optim.AdamW, "optimizer_kwargs": {"betas": (0.9, 0.99)}},
    "of a module": {"optimizer_class": Importable},
    "partial": {"optimizer_class": functools.partial(torch.optim.Adam, eps=1e-3)},
    "a lambda": {"optimizer_class": lambda parameters, lr, **rest: torch.optim.Adam(parameters, lr)},
    "of a script": by_value(),
}


@pytest.mark.parametrize("algorithm", [A2C, PPO, DQN])
@pytest.mark.parametrize("trained", TRAINED)
def test_any_optimizer(algorithm: Any, trained: str, tmp_path: Path) -> None:
    options = {"buffer_size": 10} if algorithm is DQN else {}
    kwargs = {"net_arch": [4], "activation_fn": torch.nn.ReLU, **TRAINED[trained]}
    model = algorithm("MlpPolicy", "CartPole-v1", seed=0, device="cpu", policy_kwargs=kwargs, **options)
    model.save(tmp_path / "model")
    policy = load_policy(tmp_path / "model.zip", "CartPole-v1", normalize=False)
    observations = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    expected, _ = model.predict(observations, deterministic=True)
    np.testing.assert_array_equal(policy.act(observations, Context()).actions, expected)


def test_any_schedule(tmp_path: Path) -> None:
    factor = 3e-4

    def schedule(left: float) -> float:
        return factor * left

    model = PPO("MlpPolicy", "CartPole-v1", learning_rate=schedule, clip_range=lambda left: left, device="cpu")
    model.save(tmp_path / "model")
    assert load_policy(tmp_path / "model.zip", "CartPole-v1").heads == ("logit", "value")
    noisy = SAC(
        "MlpPolicy", "Pendulum-v1", learning_rate=schedule, buffer_size=10, device="cpu", policy_kwargs=by_value()
    )
    noisy.save(tmp_path / "noisy")
    assert load_policy(tmp_path / "noisy.zip", "Pendulum-v1", normalize=False).heads[0] == "mean"


def test_a_network_of_a_script_is_still_refused(tmp_path: Path) -> None:
    class Mine(torch.nn.Tanh):
        pass

    kwargs = {"net_arch": [4], "activation_fn": Mine, **by_value()}
    PPO("MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs=kwargs).save(tmp_path / "model")
    with pytest.raises(UnsafeFileError, match=r"policy_kwargs wants Mine with its own code.*NOT run.*trust="):
        load_policy(tmp_path / "model.zip", "CartPole-v1")


PLAIN = b"X\x08\x00\x00\x00net_arch](K\x04e"
OPTIMIZER = b"X\x0f\x00\x00\x00optimizer_class"


@pytest.mark.parametrize(
    ("pickled", "fault"),
    [
        (b"\x80\x02}(" + PLAIN + OPTIMIZER + b"cwherever\nthing\nu.", None),
        (b"\x80\x02}(" + PLAIN + OPTIMIZER + b"cposix\nsystem\nu.", r"posix\.system"),
        (b"\x80\x02}(" + PLAIN + OPTIMIZER + b"cbuiltins\neval\nX\x01\x00\x00\x001\x85Ru.", r"builtins\.eval"),
        # Called, and thrown away before the end.
        (b"\x80\x02cwherever\nthing\n)R0}(" + PLAIN + b"u.", r"wherever\.thing"),
        (b"\x80\x02}(" + PLAIN + b"X\x08\x00\x00\x00use_explcwherever\nthing\nu.", r"wherever\.thing"),
        # The same object beside what is left out.
        (
            b"\x80\x02}(" + PLAIN + OPTIMIZER + b"cwherever\nthing\nq\x05X\x08\x00\x00\x00use_explh\x05u.",
            r"wherever\.thing",
        ),
        (b"\x80\x02cwherever\nthing\n.", r"wherever\.thing"),
    ],
)
def test_what_is_not_left_out_is_as_before(pickled: bytes, fault: str | None, tmp_path: Path) -> None:
    PPO("MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs={"net_arch": [4]}).save(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(members["data"])
    data["policy_kwargs"] = {":type:": "x", ":serialized:": base64.b64encode(pickled).decode()}
    members["data"] = json.dumps(data).encode()
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    if fault is None:
        assert load_policy(tmp_path / "other.zip", "CartPole-v1").heads == ("logit", "value")
        return
    with pytest.raises(UnsafeFileError, match=rf"policy_kwargs wants {fault}, which .*NOT run"):
        load_policy(tmp_path / "other.zip", "CartPole-v1")


def test_a_model_of_sbx_is_named(tmp_path: Path) -> None:
    PPO("MlpPolicy", "CartPole-v1", device="cpu", policy_kwargs={"net_arch": [4]}).save(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        data = json.loads(archive.read("data"))
    named = b"\x80\x04csbx.ppo.policies\nPPOPolicy\n."
    data["policy_class"] = {":type:": "x", ":serialized:": base64.b64encode(named).decode()}
    for members in ({"data"}, {"data", "policy.pth"}):
        with zipfile.ZipFile(tmp_path / "sbx.zip", "w") as archive:
            for name in sorted(members):
                archive.writestr(name, json.dumps(data) if name == "data" else b"")
        with pytest.raises(ModelError, match="is a model of SBX, whose networks use JAX") as refusal:
            load_policy(tmp_path / "sbx.zip", "CartPole-v1")
        assert "trust" not in str(refusal.value)
