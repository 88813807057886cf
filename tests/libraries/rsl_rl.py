# /// script
# requires-python = ">=3.11"
# dependencies = ["rsl-rl-lib==5.5.1", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy"]
#
# [tool.rltools]
# also = ["rsl-rl-lib==4.0.1", "rsl-rl-lib==3.1.3", "rsl-rl-lib==2.3.3"]
# ///
"""RSL-RL, as Isaac Lab trains with it: networks with and without normalization and memory, of four major versions."""

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
from rsl_rl.env import VecEnv
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict

ENVIRONMENT = "Pendulum-v1"
VERSION = version("rsl-rl-lib")
MAJOR = int(VERSION.split(".")[0])


class Pendulums(VecEnv):
    """Several pendulums, as the library's runner wants them."""

    def __init__(self, count: int = 4) -> None:
        self.envs = gymnasium.make_vec(ENVIRONMENT, num_envs=count, vectorization_mode="sync")
        self.num_envs, self.num_actions, self.device, self.cfg = count, 1, "cpu", {}
        self.num_obs = self.num_privileged_obs = 3
        self.max_episode_length = 200
        self.episode_length_buf = torch.zeros(count)
        self.observations = self.seen(self.envs.reset(seed=1)[0])

    def seen(self, observations: np.ndarray) -> Any:
        """Observations as this version of the library takes them."""
        array = torch.from_numpy(observations).float()
        return array if MAJOR < 3 else TensorDict({"policy": array}, batch_size=[self.num_envs])

    def get_observations(self) -> Any:
        """See `VecEnv`."""
        return self.observations if MAJOR >= 3 else (self.observations, {"observations": {}})

    def reset(self) -> Any:
        """See `VecEnv` of older versions."""
        return self.get_observations()

    def step(self, actions: torch.Tensor) -> tuple[Any, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """See `VecEnv`."""
        observations, rewards, terminated, truncated, _ = self.envs.step(actions.clamp(-2, 2).numpy())
        self.observations = self.seen(observations)
        extras = {"time_outs": torch.from_numpy(truncated), "observations": {}}
        return self.observations, torch.from_numpy(rewards).float(), torch.from_numpy(terminated | truncated), extras


def main(out: Path) -> None:
    """Write all cases into `out`."""
    cases: dict[str, dict[str, Any]] = {
        "mlp": {},
        "normalized": {"normalized": True, "log_std": True},
        "lstm": {"normalized": True, "memory": {"rnn_type": "lstm", "rnn_hidden_dim": 6}},
    }
    if MAJOR == 5:
        cases["gru"] = {"memory": {"rnn_type": "gru", "rnn_hidden_dim": 6, "rnn_num_layers": 2}}
        cases["tanh"] = {"activation": "tanh"}
        cases["state_dependent"] = {"state_dependent": True}
    if MAJOR == 4:  # saves as version 5 does, but for the name of the standard deviation
        del cases["mlp"], cases["lstm"]
    for name, settings in cases.items():
        torch.manual_seed(1)
        run(out / f"v{MAJOR}_{name}", **settings)


def run(folder: Path, *, activation: str = "elu", **settings: Any) -> None:
    """Train an actor, and write its case."""
    algorithm = {"class_name": "PPO", "num_learning_epochs": 2, "num_mini_batches": 2}
    common = {"num_steps_per_env": 32, "save_interval": 100, "algorithm": algorithm}
    networks = separate if MAJOR >= 4 else joint
    runner = OnPolicyRunner(Pendulums(), common | networks(activation, **settings), log_dir=folder.name, device="cpu")
    runner.learn(num_learning_iterations=4)
    folder.mkdir(parents=True)
    saved = max(Path(folder.name).glob("model_*.pt"), key=lambda path: int(path.stem.removeprefix("model_")))
    shutil.copy(saved, folder)
    options = {} if activation == "elu" else {"activation": activation}
    write(folder, saved.name, runner, "memory" in settings, options)


def separate(
    activation: str,
    normalized: bool = False,
    log_std: bool = False,
    memory: dict[str, Any] | None = None,
    state_dependent: bool = False,
) -> dict[str, Any]:
    """The configuration of an actor and a critic of their own: since version 4."""
    critic = {"class_name": "RNNModel" if memory else "MLPModel", "hidden_dims": [8, 8], "activation": activation}
    critic |= {"obs_normalization": normalized, **(memory or {})}
    std_type = "log" if log_std else "scalar"
    if MAJOR == 4:
        noise = {"init_noise_std": 0.5, "noise_std_type": std_type, "state_dependent_std": state_dependent}
        actor = critic | {"stochastic": True, **noise}
    else:
        kind = "HeteroscedasticGaussianDistribution" if state_dependent else "GaussianDistribution"
        actor = critic | {"distribution_cfg": {"class_name": kind, "init_std": 0.5, "std_type": std_type}}
    return {"actor": actor, "critic": critic, "obs_groups": {"actor": ["policy"], "critic": ["policy"]}}


def joint(
    activation: str,
    normalized: bool = False,
    log_std: bool = False,
    memory: dict[str, Any] | None = None,
    state_dependent: bool = False,
) -> dict[str, Any]:
    """The configuration of an actor and a critic in one module: until version 3."""
    policy = {"class_name": "ActorCriticRecurrent" if memory else "ActorCritic", "activation": activation}
    policy |= {"actor_hidden_dims": [8, 8], "critic_hidden_dims": [8, 8], "init_noise_std": 0.5, **(memory or {})}
    if log_std:
        policy["noise_std_type"] = "log"
    if MAJOR == 2:
        return {"policy": policy, "empirical_normalization": normalized}
    policy |= {"actor_obs_normalization": normalized, "critic_obs_normalization": normalized}
    policy["state_dependent_std"] = state_dependent
    return {"policy": policy, "obs_groups": {"policy": ["policy"], "critic": ["policy"]}}


@torch.no_grad()
def write(folder: Path, file: str, runner: Any, recurrent: bool, options: dict[str, Any]) -> None:
    """What the networks make of some observations."""
    env, steps, means, values = Pendulums(), [], [], []
    act, evaluate = networks_of(runner)
    for _ in range(5):
        means.append(act(env.observations))
        values.append(evaluate(env.observations).squeeze(-1))
        steps.append(env.observations if MAJOR < 3 else env.observations["policy"])
        env.step(4 * torch.rand(env.num_envs, 1) - 2)
    join = torch.stack if recurrent else torch.cat
    observations, mean, value = (join(each).numpy() for each in (steps, means, values))
    write_case(
        folder,
        library="rsl-rl-lib",
        version=VERSION,
        file=file,
        layout="rsl_rl",
        head="mean",
        env=ENVIRONMENT,
        observations=observations,
        scores=mean,
        actions=mean.clip(-2, 2),
        value=value,
        options=options,
    )


def networks_of(runner: Any) -> tuple[Any, Any]:
    """The actor's mean and the critic, as functions of observations, at the start of an episode."""
    if MAJOR >= 4:
        actor, critic = runner.alg.actor.eval(), runner.alg.critic.eval()
        actor.reset()
        critic.reset()
        return actor, critic
    policy = runner.alg.policy.eval()
    policy.reset()
    if MAJOR == 3:
        return policy.act_inference, policy.evaluate
    normalize = runner.obs_normalizer.eval()  # of the critic, too, unless the environment has observations for it alone
    return lambda seen: policy.act_inference(normalize(seen)), lambda seen: policy.evaluate(normalize(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
