"""Weights of one's own network, in every format that holds them: the policy computes what the network does."""

from __future__ import annotations

import io
from collections import defaultdict, deque
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import rltools
from rltools.errors import ArgumentError, ModelError, RltoolsError, UnknownNameError
from rltools.policies.base import Context
from rltools.policies.load import load_policy


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


class Agent(nn.Module):
    """An actor and a critic side by side, as many scripts have them."""

    def __init__(self) -> None:
        super().__init__()
        self.actor, self.critic = mlp(4, 8, 8, 2), mlp(4, 8, 1)


def checkpoint(agent: Agent) -> dict[str, Any]:
    """Weights among an optimizer, a log and NumPy's numbers."""
    optimizer = torch.optim.Adam(agent.parameters())
    agent.actor(torch.zeros(1, 4)).sum().backward()
    optimizer.step()
    log: defaultdict[str, list[float]] = defaultdict(list)
    log["return"].append(3.0)
    return {
        "agent": agent.state_dict(),
        "optimizer": optimizer.state_dict(),
        "best": np.float32(3.0),
        "mean": np.arange(3.0),
        "log": log,
        "last": deque([1, 2], maxlen=5),
        "class": Agent,
    }


def zipped(agent: Agent) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{key: value.numpy() for key, value in agent.state_dict().items()})
    return file.getvalue()


FORMATS: dict[str, Callable[[Agent, Path], Any]] = {
    "state dict": lambda agent, path: torch.save(agent.state_dict(), path),
    "old state dict": lambda agent, path: torch.save(agent.state_dict(), path, _use_new_zipfile_serialization=False),
    "parameters": lambda agent, path: torch.save(dict(agent.named_parameters()), path),
    "checkpoint": lambda agent, path: torch.save(checkpoint(agent), path),
    "old checkpoint": lambda agent, path: torch.save(checkpoint(agent), path, _use_new_zipfile_serialization=False),
    "whole module": torch.save,
    "old whole module": lambda agent, path: torch.save(agent, path, _use_new_zipfile_serialization=False),
    "safetensors": lambda agent, path: save_file(agent.state_dict(), path),
    "npz": lambda agent, path: path.write_bytes(zipped(agent)),
}


@pytest.mark.parametrize("name", ["agent.pt", "agent.zip", "ppo_0.99", "run.cleanrl_model", "weights.bin"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_weights_is_recognized_by_its_content(kind: str, name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    agent, path = Agent(), tmp_path / name
    FORMATS[kind](agent, path)
    policy = load_policy(path, "CartPole-v1", activation="tanh")
    x = torch.randn(5, 4)
    assert policy.heads == ("logit", "value")
    for head, network in (("logit", agent.actor), ("value", agent.critic)):
        assert torch.allclose(policy.head(head, x, Context()), network(x), rtol=1e-6)
    assert (policy.act(x.numpy(), Context()).actions == agent.actor(x).argmax(1).numpy()).all()
    assert policy.vjp("logit", x, Context()) is not None
    assert policy.action_names == ("push left", "push right")
    assert "tanh" in policy.source.notes[0]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(Agent().state_dict(), tmp_path / "agent.pt")
    return tmp_path / "agent.pt"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"activation": None}, ArgumentError, r"not guessed; give it as activation='tanh'"),
        ({"activation": "tahn"}, UnknownNameError, "did you mean tanh"),
        ({"layout": "plane"}, UnknownNameError, "did you mean plain"),
        ({"head": "mean"}, ArgumentError, "head='logit' or head='q_value'"),
        ({"env": None}, ArgumentError, r"actor\.\{0,2,4\}: 4 -> linear -> 8 .*as env="),
        ({"env": "Pendulum-v1"}, ArgumentError, r"no network in it takes 3 features and returns 1 number,.*actor"),
        ({"trust": "0" * 64}, ArgumentError, "trust"),
        ({"normalize": {"mean": [0.0]}}, ModelError, "no var"),
        ({"normalize": {"mean": [0.0], "var": [1.0]}}, RltoolsError, "1 means.*4 elements"),
    ],
)
def test_what_is_missing_or_wrong_is_said(saved: Path, arguments: Any, error: type[Exception], message: str) -> None:
    arguments = {"activation": "tanh", "env": "CartPole-v1"} | arguments
    with pytest.raises(error, match=message):
        load_policy(saved, **arguments)


def test_the_sha256_tells_activations_apart(saved: Path) -> None:
    hashes = {load_policy(saved, "CartPole-v1", activation=name).source.sha256 for name in ("tanh", "relu", "tanh")}
    assert len(hashes) == 2


def test_a_rebuilt_policy_is_recorded_and_explained(saved: Path, tmp_path: Path) -> None:
    policy = load_policy(saved, "CartPole-v1", activation="tanh")
    recording = rltools.record(policy, episodes=1, max_steps=5, directory=tmp_path / "run")
    explained = rltools.explain(recording, load_policy(saved, "CartPole-v1", activation="tanh"), method="gradient")
    assert explained.header.policy_sha256 == policy.source.sha256
    other = load_policy(saved, "CartPole-v1", activation="relu")
    with pytest.raises(RltoolsError, match="is not the policy that was recorded"):
        rltools.explain(recording, other, method="gradient")


def test_statistics_beside_a_file(saved: Path, tmp_path: Path) -> None:
    mean, var = np.arange(4.0), np.full(4, 4.0)
    np.savez(tmp_path / "statistics.npz", mean=mean, var=var, epsilon=0.0)
    plain = load_policy(saved, "CartPole-v1", activation="tanh")
    for normalize in (tmp_path / "statistics.npz", {"mean": mean, "var": var, "epsilon": 0.0}):
        policy = load_policy(saved, "CartPole-v1", activation="tanh", normalize=normalize)
        x = torch.randn(3, 4)
        scaled = ((x - torch.as_tensor(mean)) / 2).float()
        assert torch.allclose(policy.head("logit", x, Context()), plain.head("logit", scaled, Context()))
        assert policy.source.sha256 != plain.source.sha256


@pytest.mark.parametrize("name", ["evaluations.npz", "log.pt"])
def test_a_file_without_layers_is_no_network(name: str, tmp_path: Path) -> None:
    content = {"timesteps": torch.arange(3), "results": torch.zeros(3, 2)}
    if name.endswith(".npz"):
        np.savez(tmp_path / name, **{key: value.numpy() for key, value in content.items()})
    else:
        torch.save(content, tmp_path / name)
    with pytest.raises(ModelError, match=r"holds no network.*EvalCallback"):
        load_policy(tmp_path / name, "CartPole-v1")


def test_what_compiling_and_data_parallel_add_to_keys_is_taken_off(tmp_path: Path) -> None:
    network = mlp(4, 8, 2)
    options: dict[str, Any] = {"activation": "tanh", "head": "logit"}
    torch.save(network.state_dict(), tmp_path / "plain.pt")
    plain = load_policy(tmp_path / "plain.pt", "CartPole-v1", **options)
    x = np.full((1, 4), 0.5, np.float32)
    for prefix in ("module.net.", "_orig_mod.net.", "module._orig_mod.net."):
        torch.save({f"{prefix}{key}": value for key, value in network.state_dict().items()}, tmp_path / "wrapped.pt")
        with pytest.raises(ArgumentError, match=r"the network net\.\{0,2\}"):
            load_policy(tmp_path / "wrapped.pt", "CartPole-v1")
        wrapped = load_policy(tmp_path / "wrapped.pt", "CartPole-v1", **options)
        assert np.array_equal(wrapped.act(x, Context()).scores, plain.act(x, Context()).scores)
