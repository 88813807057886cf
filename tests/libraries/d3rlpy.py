# /// script
# requires-python = ">=3.11"
# dependencies = ["d3rlpy==2.8.1", "gymnasium[classic-control]==1.0.0", "torch", "numpy"]
# ///
"""d3rlpy: its discrete and continuous algorithms, with scalers and other encoders; `save_model` and `save`."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import d3rlpy
import gymnasium
import numpy as np
import torch
from d3rlpy.models.encoders import VectorEncoderFactory
from d3rlpy.preprocessing import MinMaxActionScaler, MinMaxObservationScaler, StandardObservationScaler
from library_cases import write_case

SMALL = VectorEncoderFactory([8, 8])
TANH = VectorEncoderFactory([8, 8], activation="tanh", use_layer_norm=True)
DATA: dict[str, Any] = {"batch_size": 32}
CONTINUOUS: dict[str, Any] = DATA | {"actor_encoder_factory": SMALL, "critic_encoder_factory": SMALL}


def main(out: Path) -> None:
    """Write all cases into `out`."""
    algorithms = d3rlpy.algos
    quantiles = d3rlpy.models.QRQFunctionFactory(n_quantiles=4)
    cases: dict[str, tuple[str, Any, str]] = {
        "dqn": ("CartPole-v1", algorithms.DQNConfig(encoder_factory=SMALL, **DATA), "pt"),
        "discrete_cql": (
            "CartPole-v1",
            algorithms.DiscreteCQLConfig(
                encoder_factory=TANH,
                q_func_factory=quantiles,
                n_critics=2,
                observation_scaler=StandardObservationScaler(),
                **DATA,
            ),
            "pt",
        ),
        "discrete_sac": ("CartPole-v1", algorithms.DiscreteSACConfig(**CONTINUOUS), "pt"),
        "discrete_bc": ("CartPole-v1", algorithms.DiscreteBCConfig(encoder_factory=SMALL, **DATA), "pt"),
        "sac": (
            "Pendulum-v1",
            algorithms.SACConfig(
                action_scaler=MinMaxActionScaler(), observation_scaler=MinMaxObservationScaler(), **CONTINUOUS
            ),
            "pt",
        ),
        "td3_plus_bc": (
            "Pendulum-v1",
            algorithms.TD3PlusBCConfig(
                observation_scaler=StandardObservationScaler(), action_scaler=MinMaxActionScaler(), **CONTINUOUS
            ),
            "pt",
        ),
        "iql": (
            "Pendulum-v1",
            algorithms.IQLConfig(action_scaler=MinMaxActionScaler(), value_encoder_factory=SMALL, **CONTINUOUS),
            "d3",
        ),
    }
    for name, (env_id, config, ending) in cases.items():
        d3rlpy.seed(1)
        run(out / name, env_id, config, ending)


def episodes(env_id: str, count: int = 6, steps: int = 60) -> d3rlpy.dataset.MDPDataset:
    """Episodes of random actions."""
    env = gymnasium.make(env_id)
    env.action_space.seed(1)
    observations, actions, rewards, terminals, timeouts = [], [], [], [], []
    for seed in range(count):
        observation, _ = env.reset(seed=seed)
        for step in range(steps):
            action = env.action_space.sample()
            observations.append(observation)
            actions.append(np.atleast_1d(action))
            observation, reward, terminated, truncated, _ = env.step(action)
            rewards.append([reward])
            terminals.append(terminated)
            timeouts.append(not terminated and (truncated or step == steps - 1))
            if terminated or truncated:
                break
    columns = [np.array(each) for each in (observations, actions, rewards, terminals, timeouts)]
    return d3rlpy.dataset.MDPDataset(*columns)


def run(folder: Path, env_id: str, config: Any, ending: str) -> None:
    """Train an agent, and write its case."""
    data = episodes(env_id)
    algorithm = config.create(device="cpu")
    logs = d3rlpy.logging.FileAdapterFactory(root_dir="logs")
    algorithm.fit(
        data,
        n_steps=300,
        n_steps_per_epoch=300,
        experiment_name=folder.name,
        with_timestamp=False,
        logger_adapter=logs,
        show_progress=False,
    )
    folder.mkdir(parents=True)
    file = f"model.{ending}"
    if ending == "pt":
        algorithm.save_model(str(folder / file))
        shutil.copy(Path("logs") / folder.name / "params.json", folder)
    else:
        algorithm.save(str(folder / file))
    write(folder, env_id, file, algorithm, np.asarray(data.episodes[0].observations[:12], np.float32))


@torch.no_grad()
def write(folder: Path, env_id: str, file: str, algorithm: Any, observations: np.ndarray) -> None:
    """What the networks make of some observations."""
    x = torch.from_numpy(observations)
    if algorithm.observation_scaler is not None:
        x = algorithm.observation_scaler.transform(x)
    modules = algorithm.impl.modules
    value = None
    if env_id == "CartPole-v1":
        policy = getattr(modules, "policy", None) or getattr(modules, "imitator", None)
        if policy is not None:
            scores, head = policy(x).logits, "logit"
        else:
            scores, head = algorithm.impl._q_func_forwarder.compute_expected_q(x), "q_value"
    else:
        scores, head = modules.policy(x).mu, "mean"
        if hasattr(modules, "value_func"):
            value = modules.value_func(x).squeeze(1).numpy()
    if head == "logit":
        scores = policy._fc(policy._encoder(x))  # Categorical subtracts their logsumexp
    write_case(
        folder,
        library="d3rlpy",
        version=version("d3rlpy"),
        file=file,
        layout="d3rlpy",
        head=head,
        env=env_id,
        observations=observations,
        scores=scores.numpy(),
        actions=algorithm.predict(observations),
        value=value,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
