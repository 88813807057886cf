# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "gymnasium[classic-control]==0.29.1",
#     "torch",
#     "numpy",
#     "tyro>=0.9",
#     "tensorboard",
#     "opencv-python-headless",
# ]
# ///
"""CleanRL: its own scripts, with narrow networks, so that the files are small.

The scripts are on no package index; they are cloned from GitHub, or taken from the folder that the environment
variable CLEANRL names. Where a script saves its model, that file is taken; else the agent is saved as those that do.
Agents for Atari are not trained, and their convolutions have few channels.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from library_cases import write_case

REPOSITORY = "https://github.com/vwxyzjn/cleanrl"
COMMIT = "fe8d8a03c41a7ef5b523e2e354bd01c363e786bb"
CLASSES = r"(?ms)^class (?:Agent|QNetwork|Actor|SoftQNetwork)\(nn\.Module\):.*?(?=^\S)"
NARROW = (
    (r"3136|64 \* 7 \* 7", "4 * 7 * 7"),
    (r"Conv2d\(([\w\[\]]+), 32", r"Conv2d(\1, 4"),
    (r"Conv2d\(32, 64", "Conv2d(4, 4"),
    (r"Conv2d\(64, 64", "Conv2d(4, 4"),
    (r"\b(?:64|120|84|256|512)\b(?! \*)", "16"),
    (r"\b128\b", "8"),
)


def main(out: Path) -> None:
    """Write all cases into `out`."""
    folder = Path(os.environ["CLEANRL"]) if "CLEANRL" in os.environ else cloned()
    sys.path.insert(0, str(folder))
    for name in ("ppo", "dqn", "c51", "td3", "ddpg"):  # evaluation after training records videos, and is left out
        module = types.ModuleType(f"cleanrl_utils.evals.{name}_eval")
        module.evaluate = lambda *_, **__: []  # type: ignore[attr-defined]
        sys.modules[module.__name__] = module
    scripts = folder / "cleanrl"
    for case in (discrete_ppo, continuous_ppo, dqn, c51, td3, ddpg, sac, pqn):
        torch.manual_seed(1)
        case(scripts, out)
    torch.manual_seed(1)
    atari(scripts, out)


def cloned() -> Path:
    """The scripts, in a folder beside the working directory's other files."""
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, "repository"], check=True)
    subprocess.run(["git", "-C", "repository", "checkout", "--quiet", COMMIT], check=True)
    return Path("repository").resolve()


def script(scripts: Path, name: str, *arguments: str, main: bool = True) -> dict[str, Any]:
    """The names of a script after it ran, with the networks of its classes made narrow."""

    def narrow(match: re.Match[str]) -> str:
        text = match[0]
        for pattern, replacement in NARROW:
            text = re.sub(pattern, replacement, text)
        return text

    path = Path(f"{name}.py")
    path.write_text(re.sub(CLASSES, narrow, (scripts / path.name).read_text(encoding="utf-8")), encoding="utf-8")
    sys.argv = [path.name, "--no-cuda", *arguments]
    with torch.enable_grad():
        return runpy.run_path(str(path), run_name="__main__" if main else name)


def saved(out: Path, name: str, model: Any = None) -> tuple[Path, str]:
    """The folder of a case with the file that a script saved, or with a model that is saved as scripts do."""
    folder = out / name
    folder.mkdir(parents=True)
    if model is None:
        shutil.copy(next(Path("runs").glob(f"*__{name}__*/*.cleanrl_model")), folder)
    else:
        torch.save(model, folder / f"{name}.cleanrl_model")
    return folder, f"{name}.cleanrl_model"


def case(folder: Path, file: str, **expected: Any) -> None:
    """Write a case of this library."""
    plain = {key: each.detach().numpy() if isinstance(each, torch.Tensor) else each for key, each in expected.items()}
    write_case(folder, library="cleanrl", version=COMMIT[:8], file=file, layout="cleanrl", **plain)


def states(env_id: str, rows: int = 16) -> np.ndarray:
    """Observations of an environment under random actions."""
    env = gymnasium.make(env_id)
    env.action_space.seed(1)
    env.reset(seed=1)
    steps = [env.step(env.action_space.sample()) for _ in range(rows)]
    return np.stack([step[0] for step in steps])


@torch.no_grad()
def discrete_ppo(scripts: Path, out: Path) -> None:
    """Actor and critic of a vector, Categorical: the script saves nothing."""
    names = script(scripts, "ppo", "--env-id", "CartPole-v1", "--total-timesteps", "2048", "--num-steps", "64")
    agent, observations = names["agent"], states("CartPole-v1")
    x = torch.Tensor(observations)
    logits = agent.actor(x)
    value = agent.get_value(x).squeeze(1)
    here = saved(out, "ppo", agent.state_dict())
    case(
        *here,
        env="CartPole-v1",
        head="logit",
        observations=observations,
        scores=logits,
        actions=logits.argmax(1),
        value=value,
    )


@torch.no_grad()
def continuous_ppo(scripts: Path, out: Path) -> None:
    """A mean and a log std; observations were normalized by a wrapper, whose statistics are saved beside."""
    name = "ppo_continuous_action"
    names = script(scripts, name, "--env-id", "Pendulum-v1", "--total-timesteps", "4096", "--save-model")
    agent, env, observations = names["agent"], names["envs"].envs[0], states("Pendulum-v1")
    while not isinstance(env, gymnasium.wrappers.NormalizeObservation):
        env = env.env
    rms = env.obs_rms
    folder, file = saved(out, name)
    np.savez(folder / "obs_rms.npz", mean=rms.mean, var=rms.var, count=rms.count, epsilon=env.epsilon, clip=10.0)
    x = torch.Tensor(np.clip((observations - rms.mean) / np.sqrt(rms.var + env.epsilon), -10, 10))
    mean = agent.actor_mean(x)
    space = gymnasium.make("Pendulum-v1").action_space
    case(
        folder,
        file,
        env="Pendulum-v1",
        head="mean",
        observations=observations,
        scores=mean,
        actions=np.clip(mean.numpy(), space.low, space.high),
        value=agent.get_value(x).squeeze(1),
        options={"normalize": "obs_rms.npz"},
    )


@torch.no_grad()
def dqn(scripts: Path, out: Path) -> None:
    """Q-values of a vector."""
    settings = ("--total-timesteps", "1000", "--learning-starts", "200", "--buffer-size", "1000", "--save-model")
    names = script(scripts, "dqn", "--env-id", "CartPole-v1", *settings)
    observations = states("CartPole-v1")
    q_values = names["q_network"](torch.Tensor(observations))
    here = saved(out, "dqn")
    case(
        *here,
        env="CartPole-v1",
        head="q_value",
        observations=observations,
        scores=q_values,
        actions=q_values.argmax(1),
    )


@torch.no_grad()
def c51(scripts: Path, out: Path) -> None:
    """A distribution over atoms for each action; the file is a dict of the weights and the arguments."""
    settings = ("--total-timesteps", "1000", "--learning-starts", "200", "--buffer-size", "1000", "--save-model")
    names = script(scripts, "c51", "--env-id", "CartPole-v1", "--n-atoms", "11", *settings)
    network, observations = names["q_network"], states("CartPole-v1")
    actions, q_values = expected_values(network, torch.Tensor(observations))
    here = saved(out, "c51")
    case(*here, env="CartPole-v1", head="q_value", observations=observations, scores=q_values, actions=actions)


def expected_values(network: Any, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The actions that a distributional network takes, and its Q-value for each, read action by action."""
    q_values = [
        (network.get_action(x, torch.full((len(x),), action))[1] * network.atoms).sum(1) for action in range(network.n)
    ]
    return network.get_action(x)[0], torch.stack(q_values, 1)


OFF_POLICY = ("--total-timesteps", "500", "--learning-starts", "100", "--buffer-size", "1000", "--batch-size", "16")


@torch.no_grad()
def td3(scripts: Path, out: Path) -> None:
    """A deterministic actor within bounds, and two critics: a tuple of three state dicts."""
    deterministic(scripts, out, "td3_continuous_action")


@torch.no_grad()
def ddpg(scripts: Path, out: Path) -> None:
    """A deterministic actor within bounds, and a critic: a tuple of two state dicts."""
    deterministic(scripts, out, "ddpg_continuous_action")


def deterministic(scripts: Path, out: Path, name: str) -> None:
    """The case of TD3 or DDPG."""
    names = script(scripts, name, "--env-id", "Pendulum-v1", "--save-model", *OFF_POLICY)
    actor, observations = names["actor"], states("Pendulum-v1")
    x, before = torch.Tensor(observations), []
    with actor.fc_mu.register_forward_hook(lambda _, __, output: before.append(output)):
        actions = actor(x)
    here = saved(out, name)
    case(*here, env="Pendulum-v1", head="mean", observations=observations, scores=before[0], actions=actions)


@torch.no_grad()
def sac(scripts: Path, out: Path) -> None:
    """A squashed Gaussian; the script saves nothing."""
    name = "sac_continuous_action"
    names = script(scripts, name, "--env-id", "Pendulum-v1", *OFF_POLICY)
    actor, observations = names["actor"], states("Pendulum-v1")
    x = torch.Tensor(observations)
    here = saved(out, name, actor.state_dict())
    case(
        *here,
        env="Pendulum-v1",
        head="mean",
        observations=observations,
        scores=actor(x)[0],
        actions=actor.get_action(x)[2],
    )


@torch.no_grad()
def pqn(scripts: Path, out: Path) -> None:
    """Q-values of a vector with layer normalization; the script saves nothing."""
    names = script(scripts, "pqn", "--env-id", "CartPole-v1", "--total-timesteps", "2048")
    observations = states("CartPole-v1")
    q_values = names["q_network"](torch.Tensor(observations))
    here = saved(out, "pqn", names["q_network"].state_dict())
    case(
        *here,
        env="CartPole-v1",
        head="q_value",
        observations=observations,
        scores=q_values,
        actions=q_values.argmax(1),
    )


class Frames:
    """What the agents for Atari need to know of their environments."""

    single_action_space = gymnasium.spaces.Discrete(4)

    def __init__(self, frames: int) -> None:
        self.single_observation_space = gymnasium.spaces.Box(0, 255, (frames, 84, 84), np.uint8)

    def states(self, *leading: int) -> np.ndarray:
        """Images of blocks, which are small when they are compressed."""
        blocks = np.random.default_rng(1).integers(0, 256, (*leading, self.single_observation_space.shape[0], 6, 6))
        return blocks.repeat(14, -1).repeat(14, -2).astype(np.uint8)


@torch.no_grad()
def atari(scripts: Path, out: Path) -> None:
    """Networks for Atari, untrained: the PPO agent with and without an LSTM, DQN, C51 and the actor of SAC."""
    envs, single = Frames(4), Frames(1)
    spaces = {"observation_space": envs.single_observation_space, "action_space": envs.single_action_space}
    common = spaces | {"synthetic": True, "observations": envs.states(4)}
    x = torch.Tensor(common["observations"])

    agent = script(scripts, "ppo_atari", main=False)["Agent"](envs)
    agent.actor.weight *= 100  # as small as they begin, all actions are nearly alike
    logits = agent.actor(agent.network(x / 255.0))
    value = agent.get_value(x).squeeze(1)
    here = saved(out, "ppo_atari", agent.state_dict())
    case(*here, head="logit", scores=logits, actions=logits.argmax(1), value=value, **common)

    network = script(scripts, "dqn_atari", main=False)["QNetwork"](envs)
    q_values = network(x)
    here = saved(out, "dqn_atari", network.state_dict())
    case(*here, head="q_value", scores=q_values, actions=q_values.argmax(1), **common)

    network = script(scripts, "c51_atari", main=False)["QNetwork"](envs, n_atoms=5, v_min=-10, v_max=10)
    actions, q_values = expected_values(network, x)
    here = saved(out, "c51_atari", {"model_weights": network.state_dict(), "args": {"n_atoms": 5}})
    case(*here, head="q_value", scores=q_values, actions=actions, **common)

    actor = script(scripts, "sac_atari", main=False)["Actor"](envs)
    logits = actor(x / 255.0)
    here = saved(out, "sac_atari", actor.state_dict())
    case(*here, head="logit", scores=logits, actions=actor.get_action(x)[2].argmax(1), **common)

    agent = script(scripts, "ppo_atari_lstm", main=False)["Agent"](single)
    agent.actor.weight *= 100
    observations = single.states(3, 2)
    state, logits, value = (torch.zeros(1, 2, 8), torch.zeros(1, 2, 8)), [], []
    for step in torch.Tensor(observations):
        hidden, state = agent.get_states(step, state, torch.zeros(2))
        logits.append(agent.actor(hidden))
        value.append(agent.critic(hidden).squeeze(1))
    scores = torch.stack(logits)
    here = saved(out, "ppo_atari_lstm", agent.state_dict())
    common |= {"observation_space": single.single_observation_space, "observations": observations}
    case(*here, head="logit", scores=scores, actions=scores.argmax(-1), value=torch.stack(value), **common)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
