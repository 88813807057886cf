"""Publishes a trained model as an agent: a folder with the model, and a card with its training and return."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rltools.envs import with_arguments, wrapped_spec
from rltools.policies.load import load_policy
from rltools.rollout import record

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

MEASURED_EPISODES = 100
MEASURED_SEED = 1000
"""The first seed of the evaluation, far from the seeds that training uses."""


def publish_agent(
    model: BaseAlgorithm,
    folder: str | Path,
    *,
    environment: str,
    wrappers: Sequence[Mapping[str, Any]] = (),
    description: str,
    hyperparameters: Mapping[str, Any],
    steps: int,
    seed: int,
) -> Path:
    """Save a Stable-Baselines3 model as `model.zip`, measure its return, and write its card `agent.yaml`.

    The model is saved without the state of its optimizer, which halves its size; Stable-Baselines3 still loads it.
    Statistics of normalized observations are saved as `vecnormalize.pkl`.

    Args:
        model: the trained model; it is not changed.
        folder: `agents/<name>`; its name is that of the agent.
        environment: id of the environment it was trained on.
        wrappers: the wrappers of the environment, from the inside outwards, each `{"name": ..., "kwargs": {...}}` with
            a name of `rltools.envs.wrapper_names()`; omit those that matter in training only, such as a Monitor.
        description: one line for `rltools list`.
        hyperparameters: numbers and texts for the card.
        steps: number of training steps.
        seed: the seed of the training.

    Returns:
        The path of the card.

    Example:
        >>> from stable_baselines3 import PPO
        >>> from rltools.experiments.publish import publish_agent
        >>> model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, seed=0).learn(64)
        >>> publish_agent(
        ...     model,
        ...     "agents/poles",
        ...     environment="CartPole-v1",
        ...     description="A beginner.",
        ...     hyperparameters={"n_steps": 64},
        ...     steps=64,
        ...     seed=0,
        ... ).name
        'agent.yaml'
    """
    from ruamel.yaml import YAML

    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    files = {"model": path / "model.zip"}
    with _without_optimizer(model):
        model.save(files["model"])
    statistics = model.get_vec_normalize_env()
    if statistics is not None:
        files["normalize"] = path / "vecnormalize.pkl"
        statistics.save(str(files["normalize"]))
    wrapper_specs = [(wrapper["name"], wrapper.get("kwargs", {})) for wrapper in wrappers]
    spec = wrapped_spec(with_arguments(environment, {}), wrapper_specs)
    policy = load_policy(files["model"], spec, normalize=files.get("normalize"))
    recording = record(policy, spec, episodes=MEASURED_EPISODES, seed=MEASURED_SEED, progress=True)
    returns = np.array([outcome.total_reward for outcome in recording.outcomes()])
    card = {
        "name": path.resolve().name,
        "description": description,
        "library": f"{_library(model)} {version(_library(model))}",
        "algorithm": type(model).__name__,
        "environment": {"id": environment}
        | ({"wrappers": [dict(wrapper) for wrapper in wrappers]} if wrappers else {}),
        "model": _files_with_sha256(files),
        "training": {
            "steps": steps,
            "seed": seed,
            "hyperparameters": dict(hyperparameters),
            "versions": {name: version(name) for name in ("gymnasium", "numpy", "torch")}
            | {"python": platform.python_version()},
        },
        "returns": {
            "mean": round(float(returns.mean()), 2),
            "std": round(float(returns.std(ddof=1)), 2),
            "episodes": MEASURED_EPISODES,
            "seed": MEASURED_SEED,
        },
    }
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, False  # type: ignore[assignment]
    with (path / "agent.yaml").open("w", encoding="utf-8", newline="\n") as file:
        yaml.dump(card, file)
    return path / "agent.yaml"


def _library(model: BaseAlgorithm) -> str:
    return "sb3-contrib" if type(model).__module__.startswith("sb3_contrib.") else "stable-baselines3"


def _files_with_sha256(files: Mapping[str, Path]) -> dict[str, str]:
    """The files of a card, each with its sha256."""
    fields: dict[str, str] = {}
    for role, path in files.items():
        prefix = "" if role == "model" else f"{role}_"
        fields |= {"file" if role == "model" else role: path.name}
        fields |= {f"{prefix}sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return fields


@contextmanager
def _without_optimizer(model: BaseAlgorithm) -> Iterator[None]:
    """Empty the state of a model's optimizers inside the block, and restore it afterwards."""
    parts = (model.policy, getattr(model.policy, "actor", None), getattr(model.policy, "critic", None))
    optimizers = [optimizer for part in parts if (optimizer := getattr(part, "optimizer", None)) is not None]
    before = [dict(optimizer.state) for optimizer in optimizers]
    try:
        for optimizer in optimizers:
            optimizer.state.clear()
        yield
    finally:
        for optimizer, state in zip(optimizers, before, strict=True):
            optimizer.state.update(state)
