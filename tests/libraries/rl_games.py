# /// script
# requires-python = ">=3.11"
# dependencies = ["rl-games==1.6.5", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy"]
# ///
"""rl-games: shared and separate networks, discrete and continuous, with normalization, with an LSTM or a GRU."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from library_cases import write_case
from rl_games.algos_torch import model_builder  # noqa: F401 - the runner expects it
from rl_games.algos_torch.players import rescale_actions
from rl_games.common import env_configurations, vecenv
from rl_games.common.ivecenv import IVecEnv
from rl_games.torch_runner import Runner

ACTORS = 4


class Environments(IVecEnv):
    """Several environments of Gymnasium, as the library's runner wants them."""

    def __init__(self, config_name: str, num_actors: int, **kwargs: Any) -> None:
        self.env_id = config_name
        self.envs = gymnasium.make_vec(config_name, num_envs=num_actors, vectorization_mode="sync")

    def step(self, actions: Any) -> Any:
        """See `IVecEnv`."""
        observations, rewards, terminated, truncated, _ = self.envs.step(np.asarray(actions))
        return observations, rewards.astype(np.float32), terminated | truncated, {"time_outs": truncated}

    def reset(self) -> Any:
        """See `IVecEnv`."""
        return self.envs.reset(seed=1)[0]

    def get_number_of_agents(self) -> int:
        """See `IVecEnv`."""
        return 1

    def get_env_info(self) -> dict[str, Any]:
        """See `IVecEnv`."""
        return {
            "action_space": self.envs.single_action_space,
            "observation_space": self.envs.single_observation_space,
            "agents": 1,
            "value_size": 1,
        }


def main(out: Path) -> None:
    """Write all cases into `out`."""
    vecenv.register("GYMNASIUM", Environments)
    for env_id in ("Pendulum-v1", "CartPole-v1"):
        env_configurations.register(env_id, {"vecenv_type": "GYMNASIUM", "env_creator": lambda **_: None})
    memory = {"units": 6, "layers": 1, "before_mlp": True}
    cases: dict[str, tuple[str, dict[str, Any], bool]] = {
        "shared": ("Pendulum-v1", {}, True),
        "separate": ("Pendulum-v1", {"separate": True}, False),
        "discrete": ("CartPole-v1", {"separate": True}, True),
        "lstm_before": ("Pendulum-v1", {"rnn": memory | {"name": "lstm", "layer_norm": True}}, True),
        "gru_after": ("Pendulum-v1", {"rnn": memory | {"name": "gru", "before_mlp": False}}, True),
        "lstm_separate": (
            "Pendulum-v1",
            {"separate": True, "rnn": memory | {"name": "lstm", "concat_output": True}},
            False,
        ),
    }
    for name, (env_id, network, normalized) in cases.items():
        run(out / name, env_id, network, normalized)


def run(folder: Path, env_id: str, network: dict[str, Any], normalized: bool) -> None:
    """Train an agent, and write its case."""
    kind = "discrete" if env_id.startswith("CartPole") else "continuous"
    initializer = {"name": "const_initializer", "val": -0.5}
    continuous = {
        "mu_activation": "None",
        "sigma_activation": "None",
        "mu_init": {"name": "default"},
        "sigma_init": initializer,
        "fixed_sigma": True,
    }
    mlp = {"units": [8, 8], "activation": "elu", "initializer": {"name": "default"}}
    config = {
        "name": folder.name,
        "env_name": env_id,
        "reward_shaper": {"scale_value": 0.1},
        "num_actors": ACTORS,
        "horizon_length": 16,
        "minibatch_size": 64,
        "mini_epochs": 2,
        "max_epochs": 4,
        "save_best_after": 100,
        "score_to_win": 1e6,
        "gamma": 0.99,
        "tau": 0.95,
        "learning_rate": 1e-3,
        "lr_schedule": "None",
        "kl_threshold": 0.01,
        "e_clip": 0.2,
        "critic_coef": 1,
        "entropy_coef": 0.0,
        "grad_norm": 1.0,
        "truncate_grads": True,
        "clip_value": True,
        "bounds_loss_coef": 0.0,
        "normalize_advantage": True,
        "normalize_input": normalized,
        "normalize_value": normalized,
        "seq_length": 4,
        "device": "cpu",
        "device_name": "cpu",
        "use_diagnostics": False,
    }
    space = {"discrete": {}} if kind == "discrete" else {"continuous": continuous}
    params = {
        "seed": 1,
        "algo": {"name": f"a2c_{kind}"},
        "model": {"name": "discrete_a2c" if kind == "discrete" else "continuous_a2c_logstd"},
        "network": {"name": "actor_critic", "separate": False, "space": space, "mlp": mlp} | network,
        "config": config,
    }
    runner = Runner()
    runner.load({"params": params})
    agent = runner.algo_factory.create(runner.algo_name, base_name="run", params=runner.params)
    agent.train()
    folder.mkdir(parents=True)
    agent.save(str(folder / folder.name))
    write(folder, env_id, agent)


@torch.no_grad()
def write(folder: Path, env_id: str, agent: Any) -> None:
    """What the network makes of some observations."""
    model = agent.model.eval()
    envs = gymnasium.make_vec(env_id, num_envs=3, vectorization_mode="sync")
    envs.action_space.seed(1)
    seen, _ = envs.reset(seed=1)
    state = None
    if model.is_rnn():
        state = [torch.zeros(each.shape[0], 3, each.shape[2]) for each in model.get_default_rnn_state()]
    steps, scores, actions, values = [], [], [], []
    space = envs.single_action_space
    for _ in range(5):
        x = torch.from_numpy(seen).float()
        inputs = {"is_train": False, "obs": x, "rnn_states": state}
        result = model(dict(inputs))
        raw = model.a2c_network({"obs": model.norm_obs(x), "rnn_states": state})[0]
        state = result["rnn_states"]
        steps.append(seen)
        scores.append(raw)
        values.append(result["values"].squeeze(1))
        if hasattr(space, "n"):
            actions.append(raw.argmax(1))
        else:
            assert torch.equal(raw, result["mus"])
            low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
            actions.append(rescale_actions(low, high, torch.clamp(raw, -1.0, 1.0)))
        seen = envs.step(envs.action_space.sample())[0]
    join = np.stack if model.is_rnn() else np.concatenate
    write_case(
        folder,
        library="rl-games",
        version=version("rl-games"),
        file=f"{folder.name}.pth",
        layout="rl_games",
        head="logit" if hasattr(space, "n") else "mean",
        env=env_id,
        observations=join(steps),
        scores=join([each.numpy() for each in scores]),
        actions=join([each.numpy() for each in actions]),
        value=join([each.numpy() for each in values]),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
    shutil.rmtree("runs", ignore_errors=True)
