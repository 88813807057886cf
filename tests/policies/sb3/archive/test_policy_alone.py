"""What `policy.save()` writes: the same policy as the live one, and nothing in the file is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from rltools.cli.commands.inspect import inspection
from rltools.errors import ArgumentError, ModelError, RltoolsError, UnsafeFileError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


def test_every_algorithm(model: Any, draw: Callable[..., Any], tmp_path: Path) -> None:
    model.policy.save(str(tmp_path / "policy.pt"))
    if type(model).__name__ in ("RecurrentPPO", "ARS"):  # such a file does not say all of them
        with pytest.raises(ModelError, match=r"policy (of ARS )?alone, which does not say .*the model's own \.zip"):
            load_policy(tmp_path / "policy.pt")
        return
    # Of the network alone too: the environment's images have their channels elsewhere.
    live, read = (load_policy(source, normalize=False) for source in (model.policy, tmp_path / "policy.pt"))
    assert read.heads == live.heads
    assert read.action_names == live.action_names
    observations = draw(read.observation_space)
    x = read.encode(observations)
    context = Context(action=read.act(observations, Context()).context.action)
    for head in read.heads:
        torch.testing.assert_close(read.head(head, x, context), live.head(head, x, context), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["policy.zip", "policy.pkl", "policy.pt", "policy", "bc_policy"])
def test_under_any_name(name: str, tmp_path: Path) -> None:
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu", policy_kwargs={"net_arch": [4]})
    model.policy.save(str(tmp_path / name))
    policy = load_policy(tmp_path / name, "CartPole-v1")
    assert "whether it was trained on normalized observations is unknown; none are normalized" in policy.source.notes
    observations = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    np.testing.assert_array_equal(
        policy.act(observations, Context()).actions, model.predict(observations, deterministic=True)[0]
    )
    text, saved_data = inspection(str(tmp_path / name))
    assert saved_data
    assert "ActorCriticPolicy" in text


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def saved(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file of a policy alone, of which something was changed before it was saved."""
    model = PPO("MlpPolicy", "CartPole-v1", seed=0, device="cpu", policy_kwargs={"net_arch": [4]})
    saved_data = {"state_dict": model.policy.state_dict(), "data": model.policy._get_constructor_parameters()}
    change(saved_data)
    torch.save(saved_data, tmp_path / "policy.pt")
    return tmp_path / "policy.pt"


@pytest.mark.parametrize("place", ["data", "state_dict", "optimizer", "top"])
def test_a_payload_is_not_run(place: str, tmp_path: Path) -> None:
    payload = Payload(tmp_path / "ran")

    def change(saved_data: dict[str, Any]) -> None:
        if place == "optimizer":
            saved_data["data"]["optimizer_class"] = payload
        elif place == "top":
            saved_data["more"] = payload
        else:
            saved_data[place]["more"] = payload

    path = saved(tmp_path, change)
    with pytest.raises(UnsafeFileError, match=r"wants posix\.mkdir, which .*NOT run.*trust="):
        load_policy(path, "CartPole-v1")
    assert not (tmp_path / "ran").exists()


def widened(saved_data: dict[str, Any]) -> None:
    weights = saved_data["state_dict"]
    name = next(iter(weights))
    weights[name] = torch.zeros(1).expand(4000, 4000)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda saved_data: saved_data["state_dict"].update(extra=torch.zeros(3)), "unexpected .*extra"),
        (lambda saved_data: saved_data["state_dict"].popitem(), "missing"),
        (lambda saved_data: saved_data["state_dict"].update(action_net=3), "something other than weights"),
        (lambda saved_data: saved_data["state_dict"]["action_net.bias"].fill_(torch.nan), "NaN or infinity"),
        (lambda saved_data: saved_data["data"].pop("observation_space"), "it holds .*mlp_extractor"),
        (lambda saved_data: saved_data["data"].update(net_arch=[10**9]), "more than it has weights for"),
        (
            lambda saved_data: saved_data.update(data=["observation_space", "action_space"]),
            "not as Stable-Baselines3 writes it",
        ),
        (lambda saved_data: saved_data["data"].update(observation_space=3), "not a space"),
        (lambda saved_data: saved_data.update(data=3), "it holds .*mlp_extractor"),
        (widened, "larger than its"),
    ],
)
def test_what_is_wrong_is_one_error(change: Callable[[dict[str, Any]], None], fault: str, tmp_path: Path) -> None:
    with pytest.raises((ModelError, ArgumentError), match=fault):
        load_policy(saved(tmp_path, change), "CartPole-v1")


def test_damage_is_noticed(tmp_path: Path) -> None:
    content = saved(tmp_path, lambda saved_data: None).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(content)
        damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
        (tmp_path / "policy.pt").write_bytes(damaged)
        try:
            policy = load_policy(tmp_path / "policy.pt", "CartPole-v1")
        except RltoolsError:
            continue
        assert policy.heads == ("logit", "value")  # the flipped bit was of no consequence, or of an optimizer's
    for cut in rng.integers(1, len(content), 20):
        (tmp_path / "policy.pt").write_bytes(content[:cut])
        with pytest.raises(RltoolsError):
            load_policy(tmp_path / "policy.pt", "CartPole-v1")


def test_a_checkpoint_with_the_same_keys_is_no_policy(tmp_path: Path) -> None:
    file = io.BytesIO()
    torch.save({"state_dict": {}, "data": {"observation_space": 1, "action_space": 2}}, file)
    (tmp_path / "model.pt").write_bytes(file.getvalue())
    with pytest.raises(ModelError):
        load_policy(tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(["state_dict", "observation_space", "action_space"]))
    with pytest.raises(ModelError):
        load_policy(tmp_path / "model.pt")
