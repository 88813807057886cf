# /// script
# requires-python = ">=3.11"
# dependencies = ["tianshou==1.2.0", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy"]
# ///
"""Tianshou before version 2: state dicts of policies, which hold their critics and older copies, too."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from library_cases import write_case
from tianshou.data import Batch, Collector, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.policy import DQNPolicy, PPOPolicy, SACPolicy
from tianshou.trainer import OffpolicyTrainer, OnpolicyTrainer
from tianshou.utils.net.common import ActorCritic, Net
from tianshou.utils.net.continuous import ActorProb
from tianshou.utils.net.continuous import Critic as ContinuousCritic
from tianshou.utils.net.discrete import Actor, Critic

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"


def main(out: Path) -> None:
    """Write all cases into `out`."""
    for name, env_id, build in (("ppo", CARTPOLE, ppo), ("dqn", CARTPOLE, dqn), ("sac", PENDULUM, sac)):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 - the library draws from it
        env = gymnasium.make(env_id)
        policy = build(env.observation_space, env.action_space)
        train(policy, env_id)
        (out / name).mkdir(parents=True)
        torch.save(policy.state_dict(), out / name / "policy.pth")
        write(out / name, env_id, policy)


def adam(module: Any) -> torch.optim.Adam:
    """The optimizer of a network."""
    return torch.optim.Adam(module.parameters(), lr=3e-3)


def ppo(observations: Any, actions: Any) -> Any:
    """Actor and critic with a common trunk, which the state dict has four times."""
    net = Net(observations.shape, hidden_sizes=[8, 8])
    actor, critic = Actor(net, actions.n, softmax_output=False), Critic(net)
    return PPOPolicy(
        actor=actor,
        critic=critic,
        optim=adam(ActorCritic(actor, critic)),
        dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
        action_space=actions,
        action_scaling=False,
        deterministic_eval=True,
    )


def dqn(observations: Any, actions: Any) -> Any:
    """Q-values of a vector."""
    net = Net(observations.shape, actions.n, hidden_sizes=[8, 8])
    return DQNPolicy(model=net, optim=adam(net), action_space=actions, target_update_freq=50)


def sac(observations: Any, actions: Any) -> Any:
    """A squashed Gaussian, whose std depends on the observation."""
    net = Net(observations.shape, hidden_sizes=[8, 8])
    actor = ActorProb(net, actions.shape, unbounded=True, conditioned_sigma=True)
    critics = [
        ContinuousCritic(Net(observations.shape, actions.shape, hidden_sizes=[8], concat=True)) for _ in range(2)
    ]
    return SACPolicy(
        actor=actor,
        actor_optim=adam(actor),
        critic=critics[0],
        critic_optim=adam(critics[0]),
        critic2=critics[1],
        critic2_optim=adam(critics[1]),
        action_space=actions,
    )


def train(policy: Any, env_id: str) -> None:
    """A few hundred steps by the library's own trainer."""
    envs = DummyVectorEnv([lambda: gymnasium.make(env_id) for _ in range(2)])
    collector = Collector(policy, envs, VectorReplayBuffer(2000, 2))
    common: dict[str, Any] = {
        "policy": policy,
        "max_epoch": 1,
        "batch_size": 32,
        "train_collector": collector,
        "test_collector": None,
        "episode_per_test": 1,
        "step_per_epoch": 400,
        "verbose": False,
    }
    if isinstance(policy, PPOPolicy):
        OnpolicyTrainer(**common, repeat_per_collect=2, step_per_collect=100).run()
        return
    collector.reset()
    collector.collect(n_step=100, random=True)
    OffpolicyTrainer(**common, step_per_collect=10, update_per_step=0.2).run()


@torch.no_grad()
def write(folder: Path, env_id: str, policy: Any) -> None:
    """What the policy makes of some observations."""
    policy.eval()
    envs = gymnasium.make_vec(env_id, num_envs=3, vectorization_mode="sync")
    envs.action_space.seed(1)
    seen, _ = envs.reset(seed=1)
    steps, scores, actions, values = [], [], [], []
    for _ in range(5):
        result = policy(Batch(obs=seen, info=Batch()))
        if isinstance(policy, SACPolicy):
            raw, head = policy.actor(seen)[0][0], "mean"
        elif isinstance(policy, PPOPolicy):
            raw, head = policy.actor(seen)[0], "logit"
            values.append(policy.critic(seen).squeeze(1).numpy())
        else:
            raw, head = policy.model(seen)[0], "q_value"
        steps.append(seen)
        scores.append(raw.numpy())
        actions.append(np.asarray(policy.map_action(result.act)))
        seen = envs.step(envs.action_space.sample())[0]
    write_case(
        folder,
        library="tianshou",
        version=version("tianshou"),
        file="policy.pth",
        layout="tianshou",
        head=head,
        env=env_id,
        observations=np.concatenate(steps),
        scores=np.concatenate(scores),
        actions=np.concatenate(actions),
        value=np.concatenate(values) if values else None,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
