# /// script
# requires-python = ">=3.11"
# dependencies = ["skrl[torch]==2.1.1", "gymnasium[classic-control]>=1.2,<2", "numpy"]
# ///
"""skrl: PPO with a policy and a value network, separate or shared, DQN, SAC and TD3, as its own `agent_N.pt`."""

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
from skrl.agents.torch.dqn import DQN
from skrl.agents.torch.ppo import PPO
from skrl.agents.torch.sac import SAC
from skrl.agents.torch.td3 import TD3
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import GaussianMixin, Model
from skrl.resources.noises.torch import GaussianNoise
from skrl.resources.preprocessors.torch import RunningStandardScaler
from skrl.trainers.torch import SequentialTrainer
from skrl.utils.model_instantiators.torch import categorical_model, deterministic_model, gaussian_model, shared_model

LAYERS = [{"name": "net", "input": "OBSERVATIONS", "layers": [8, 8], "activations": "elu"}]
CRITIC = [{**LAYERS[0], "input": "concatenate([OBSERVATIONS, ACTIONS])", "activations": "relu"}]


def main(out: Path) -> None:
    """Write all cases into `out`."""
    for case in (ppo_pendulum, ppo_shared, ppo_cartpole, own_network, dqn, sac, td3):
        torch.manual_seed(1)
        case(out)


def environment(env_id: str) -> Any:
    """An environment as skrl takes it."""
    return wrap_env(gymnasium.make_vec(env_id, num_envs=4, vectorization_mode="sync"))


def spaces(env: Any) -> dict[str, Any]:
    """What models and agents need to know of it."""
    return {"observation_space": env.observation_space, "action_space": env.action_space, "device": "cpu"}


def train(kind: Any, env: Any, models: dict[str, Any], settings: dict[str, Any], name: str, steps: int = 64) -> Any:
    """Train an agent; its checkpoints are in a folder of this name."""
    memory = RandomMemory(memory_size=settings.get("rollouts", steps), num_envs=env.num_envs, device="cpu")
    experiment = {"directory": ".", "experiment_name": name, "write_interval": 0, "checkpoint_interval": steps}
    agent = kind(models=models, memory=memory, cfg=settings | {"experiment": experiment}, **spaces(env))
    trainer = SequentialTrainer(env=env, agents=agent, cfg={"timesteps": steps, "headless": True})
    trainer.train()
    agent.enable_training_mode(False)
    return agent


def ppo_settings(env: Any, preprocessed: bool = True) -> dict[str, Any]:
    """Those of PPO."""
    settings: dict[str, Any] = {"rollouts": 16, "learning_epochs": 2, "mini_batches": 2}
    if preprocessed:
        settings |= {
            "observation_preprocessor": RunningStandardScaler,
            "observation_preprocessor_kwargs": {"size": env.observation_space, "device": "cpu"},
            "value_preprocessor": RunningStandardScaler,
            "value_preprocessor_kwargs": {"size": 1, "device": "cpu"},
        }
    return settings


@torch.no_grad()
def write(out: Path, name: str, env_id: str, agent: Any, policy: str, head: str, activation: str | None) -> None:
    """What an agent's networks make of some observations."""
    folder = out / name
    folder.mkdir(parents=True)
    saved = max(Path(name).glob("checkpoints/agent_*.pt"), key=lambda path: int(path.stem.removeprefix("agent_")))
    shutil.copy(saved, folder)
    env = gymnasium.make(env_id)
    env.action_space.seed(1)
    env.reset(seed=1)
    observations = np.stack([env.step(env.action_space.sample())[0] for _ in range(16)])
    x = torch.from_numpy(observations)
    inputs = {"observations": agent._observation_preprocessor(x)}
    scores = agent.models[policy].compute(inputs, policy)[0].numpy()
    value = None
    if "value" in agent.models:
        value = agent._value_preprocessor(agent.models["value"].act(inputs, role="value")[0], inverse=True).squeeze(1)
    space = env.action_space
    actions = scores.argmax(1) if hasattr(space, "n") else scores.clip(space.low, space.high)
    write_case(
        folder,
        library="skrl",
        version=version("skrl"),
        file=saved.name,
        layout="skrl",
        head=head,
        env=env_id,
        observations=observations,
        scores=scores,
        actions=actions,
        value=value,
        options={} if activation is None else {"activation": activation},
    )


def ppo_pendulum(out: Path) -> None:
    """Networks of their own, standardized observations and values."""
    env = environment("Pendulum-v1")
    models = {
        "policy": gaussian_model(**spaces(env), network=LAYERS, output="ACTIONS"),
        "value": deterministic_model(**spaces(env), network=LAYERS, output="ONE"),
    }
    agent = train(PPO, env, models, ppo_settings(env), "ppo")
    write(out, "ppo", "Pendulum-v1", agent, "policy", "mean", "elu")


def ppo_shared(out: Path) -> None:
    """Policy and value share their layers."""
    env = environment("Pendulum-v1")
    both = [{"network": LAYERS, "output": "ACTIONS"}, {"network": LAYERS, "output": "ONE"}]
    model = shared_model(
        **spaces(env), structure=["GaussianMixin", "DeterministicMixin"], roles=["policy", "value"], parameters=both
    )
    agent = train(PPO, env, {"policy": model, "value": model}, ppo_settings(env), "ppo_shared")
    write(out, "ppo_shared", "Pendulum-v1", agent, "policy", "mean", "elu")


def ppo_cartpole(out: Path) -> None:
    """Discrete actions, without preprocessors."""
    env = environment("CartPole-v1")
    network = [LAYERS[0] | {"activations": "tanh"}]
    models = {
        "policy": categorical_model(**spaces(env), network=network, output="ACTIONS"),
        "value": deterministic_model(**spaces(env), network=network, output="ONE"),
    }
    agent = train(PPO, env, models, ppo_settings(env, preprocessed=False), "ppo_discrete")
    write(out, "ppo_discrete", "CartPole-v1", agent, "policy", "logit", "tanh")


class Own(GaussianMixin, Model):
    """A policy as the documentation shows it, with names of its own."""

    def __init__(self, **spaces: Any) -> None:
        Model.__init__(self, **spaces)
        GaussianMixin.__init__(self)
        self.linear_layer_1 = torch.nn.Linear(self.num_observations, 8)
        self.linear_layer_2 = torch.nn.Linear(8, 8)
        self.mean_action_layer = torch.nn.Linear(8, self.num_actions)
        self.log_std_parameter = torch.nn.Parameter(torch.zeros(self.num_actions))

    def compute(self, inputs: dict[str, Any], role: str) -> tuple[torch.Tensor, dict[str, Any]]:
        """See the library."""
        x = torch.relu(self.linear_layer_1(inputs["observations"]))
        x = torch.relu(self.linear_layer_2(x))
        return self.mean_action_layer(x), {"log_std": self.log_std_parameter}


def own_network(out: Path) -> None:
    """Layers with names of their own."""
    env = environment("Pendulum-v1")
    network = [LAYERS[0] | {"activations": "relu"}]
    models = {"policy": Own(**spaces(env)), "value": deterministic_model(**spaces(env), network=network, output="ONE")}
    agent = train(PPO, env, models, ppo_settings(env), "own_network")
    write(out, "own_network", "Pendulum-v1", agent, "policy", "mean", "relu")


def dqn(out: Path) -> None:
    """Q-values."""
    env = environment("CartPole-v1")
    network = [LAYERS[0] | {"activations": "relu"}]
    names = ("q_network", "target_q_network")
    models = {name: deterministic_model(**spaces(env), network=network, output="ACTIONS") for name in names}
    agent = train(DQN, env, models, {"batch_size": 8, "learning_starts": 8, "random_timesteps": 4}, "dqn")
    write(out, "dqn", "CartPole-v1", agent, "q_network", "q_value", "relu")


def sac(out: Path) -> None:
    """A Gaussian, and critics."""
    env = environment("Pendulum-v1")
    names = ("critic_1", "critic_2", "target_critic_1", "target_critic_2")
    network = [LAYERS[0] | {"activations": "relu"}]
    models = {name: deterministic_model(**spaces(env), network=CRITIC, output="ONE") for name in names}
    models["policy"] = gaussian_model(**spaces(env), clip_actions=True, network=network, output="ACTIONS")
    agent = train(SAC, env, models, {"batch_size": 8, "learning_starts": 8, "random_timesteps": 4}, "sac")
    write(out, "sac", "Pendulum-v1", agent, "policy", "mean", "relu")


def td3(out: Path) -> None:
    """A deterministic policy whose last layer might squash, which the file does not say."""
    env = environment("Pendulum-v1")
    names = ("critic_1", "critic_2", "target_critic_1", "target_critic_2")
    network = [LAYERS[0] | {"activations": "relu"}]
    models = {name: deterministic_model(**spaces(env), network=CRITIC, output="ONE") for name in names}
    for name in ("policy", "target_policy"):
        models[name] = deterministic_model(**spaces(env), clip_actions=True, network=network, output="ACTIONS")
    settings = {
        "batch_size": 8,
        "learning_starts": 8,
        "random_timesteps": 4,
        "smooth_regularization_noise": GaussianNoise,
        "smooth_regularization_noise_kwargs": {"mean": 0, "std": 0.2, "device": "cpu"},
    }
    agent = train(TD3, env, models, settings, "td3")
    write(out, "td3", "Pendulum-v1", agent, "policy", "mean", "relu")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
