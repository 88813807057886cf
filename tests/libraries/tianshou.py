# /// script
# requires-python = ">=3.11"
# dependencies = ["tianshou==2.0.1", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy"]
# ///
"""Tianshou: state dicts of whole algorithms, and of policies alone as version 1 has them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from library_cases import write_case
from tianshou.algorithm import C51, DQN, PPO, QRDQN, SAC, TD3
from tianshou.algorithm.modelfree.c51 import C51Policy
from tianshou.algorithm.modelfree.ddpg import ContinuousDeterministicPolicy
from tianshou.algorithm.modelfree.dqn import DiscreteQLearningPolicy
from tianshou.algorithm.modelfree.qrdqn import QRDQNPolicy
from tianshou.algorithm.modelfree.reinforce import DiscreteActorPolicy, ProbabilisticActorPolicy
from tianshou.algorithm.modelfree.sac import SACPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, Collector, CollectStats, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.exploration import GaussianNoise
from tianshou.trainer import OffPolicyTrainerParams, OnPolicyTrainerParams
from tianshou.utils.net.common import Net, Recurrent
from tianshou.utils.net.continuous import ContinuousActorDeterministic, ContinuousActorProbabilistic, ContinuousCritic
from tianshou.utils.net.discrete import DiscreteActor, DiscreteCritic
from torch import nn
from torch.distributions import Independent, Normal

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"
OPTIMIZER = AdamOptimizerFactory(lr=3e-3)


def main(out: Path) -> None:
    """Write all cases into `out`."""
    cases: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
        "ppo": (CARTPOLE, ppo),
        "ppo_continuous": (PENDULUM, ppo_continuous),
        "dqn": (CARTPOLE, dqn),
        "dqn_dueling": (CARTPOLE, dqn_dueling),
        "dqn_lstm": (CARTPOLE, dqn_lstm),
        "c51": (CARTPOLE, c51),
        "qrdqn": (CARTPOLE, qrdqn),
        "sac": (PENDULUM, sac),
        "td3": (PENDULUM, td3),
    }
    for name, (env_id, build) in cases.items():
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 - the library draws from it
        env = gymnasium.make(env_id)
        algorithm, options = build(env.observation_space, env.action_space)
        train(algorithm, env_id)
        folder = out / name
        folder.mkdir(parents=True)
        torch.save(algorithm.state_dict(), folder / "algorithm.pth")
        write(folder, env_id, "algorithm.pth", algorithm, options)
        if name in ("ppo", "sac"):
            alone = out / f"{name}_policy"
            alone.mkdir(parents=True)
            torch.save(algorithm.policy.state_dict(), alone / "policy.pth")
            write(alone, env_id, "policy.pth", algorithm, options, alone=True)
        if name == "dqn":
            whole = out / "dqn_whole"
            whole.mkdir(parents=True)
            torch.save(algorithm.policy, whole / "policy.pth")
            write(whole, env_id, "policy.pth", algorithm, options)


def ppo(observations: Any, actions: Any) -> Any:
    """Actor and critic with a common trunk, which is in the file twice."""
    net = Net(state_shape=observations.shape, hidden_sizes=[8, 8])
    actor = DiscreteActor(preprocess_net=net, action_shape=actions.n, softmax_output=False)
    critic = DiscreteCritic(preprocess_net=net)
    policy = DiscreteActorPolicy(actor=actor, action_space=actions, deterministic_eval=True)
    return PPO(policy=policy, critic=critic, optim=OPTIMIZER), {}


def ppo_continuous(observations: Any, actions: Any) -> Any:
    """A mean without bounds and a parameter for the std, with Tanh."""
    nets = [Net(state_shape=observations.shape, hidden_sizes=[8, 8], activation=nn.Tanh) for _ in range(2)]
    actor = ContinuousActorProbabilistic(preprocess_net=nets[0], action_shape=actions.shape, unbounded=True)
    policy = ProbabilisticActorPolicy(
        actor=actor,
        dist_fn=lambda parameters: Independent(Normal(*parameters), 1),
        deterministic_eval=True,
        action_space=actions,
        action_scaling=True,
        action_bound_method="clip",
    )
    return PPO(policy=policy, critic=ContinuousCritic(preprocess_net=nets[1]), optim=OPTIMIZER), {"activation": "tanh"}


def q_learning(model: Any, observations: Any, actions: Any) -> Any:
    """DQN with a network."""
    policy = DiscreteQLearningPolicy(model=model, action_space=actions, observation_space=observations)
    return DQN(policy=policy, optim=OPTIMIZER, target_update_freq=50), {}


def dqn(observations: Any, actions: Any) -> Any:
    """Q-values of a vector, with layer normalization."""
    net = Net(state_shape=observations.shape, action_shape=actions.n, hidden_sizes=[8, 8], norm_layer=nn.LayerNorm)
    return q_learning(net, observations, actions)


def dqn_dueling(observations: Any, actions: Any) -> Any:
    """A value and advantages."""
    heads = ({"hidden_sizes": [8]}, {"hidden_sizes": [8]})
    net = Net(state_shape=observations.shape, action_shape=actions.n, hidden_sizes=[8], dueling_param=heads)
    return q_learning(net, observations, actions)


def dqn_lstm(observations: Any, actions: Any) -> Any:
    """Q-values with an LSTM."""
    net = Recurrent(layer_num=1, state_shape=observations.shape, action_shape=actions.n, hidden_layer_size=6)
    return q_learning(net, observations, actions)


def c51(observations: Any, actions: Any) -> Any:
    """A distribution over atoms for each action."""
    net = Net(state_shape=observations.shape, action_shape=actions.n, hidden_sizes=[8], softmax=True, num_atoms=5)
    policy = C51Policy(
        model=net, action_space=actions, observation_space=observations, num_atoms=5, v_min=0.0, v_max=20.0
    )
    return C51(policy=policy, optim=OPTIMIZER, target_update_freq=50), {}


def qrdqn(observations: Any, actions: Any) -> Any:
    """Quantiles for each action."""
    net = Net(state_shape=observations.shape, action_shape=actions.n, hidden_sizes=[8], num_atoms=5)
    policy = QRDQNPolicy(model=net, action_space=actions, observation_space=observations)
    return QRDQN(policy=policy, optim=OPTIMIZER, num_quantiles=5, target_update_freq=50), {}


def critics(observations: Any, actions: Any) -> list[ContinuousCritic]:
    """Two of them."""
    nets = [
        Net(state_shape=observations.shape, action_shape=actions.shape, hidden_sizes=[8], concat=True) for _ in range(2)
    ]
    return [ContinuousCritic(preprocess_net=net) for net in nets]


def sac(observations: Any, actions: Any) -> Any:
    """A squashed Gaussian, whose std depends on the observation."""
    net = Net(state_shape=observations.shape, hidden_sizes=[8, 8])
    actor = ContinuousActorProbabilistic(
        preprocess_net=net, action_shape=actions.shape, unbounded=True, conditioned_sigma=True
    )
    policy = SACPolicy(actor=actor, action_space=actions)
    first, second = critics(observations, actions)
    optimizers = {"policy_optim": OPTIMIZER, "critic_optim": OPTIMIZER, "critic2_optim": OPTIMIZER}
    return SAC(policy=policy, critic=first, critic2=second, **optimizers), {}


def td3(observations: Any, actions: Any) -> Any:
    """A deterministic actor within bounds."""
    net = Net(state_shape=observations.shape, hidden_sizes=[8, 8])
    actor = ContinuousActorDeterministic(preprocess_net=net, action_shape=actions.shape)
    policy = ContinuousDeterministicPolicy(
        actor=actor, action_space=actions, exploration_noise=GaussianNoise(sigma=0.1)
    )
    first, second = critics(observations, actions)
    optimizers = {"policy_optim": OPTIMIZER, "critic_optim": OPTIMIZER, "critic2_optim": OPTIMIZER}
    return TD3(policy=policy, critic=first, critic2=second, **optimizers), {}


def train(algorithm: Any, env_id: str) -> None:
    """A few hundred steps by the library's own trainer."""
    envs = DummyVectorEnv([lambda: gymnasium.make(env_id) for _ in range(2)])
    stack = {"stack_num": 4} if isinstance(getattr(algorithm.policy, "model", None), Recurrent) else {}
    collector = Collector[CollectStats](algorithm, envs, VectorReplayBuffer(2000, 2, **stack))
    common: dict[str, Any] = {
        "training_collector": collector,
        "test_collector": None,
        "max_epochs": 1,
        "epoch_num_steps": 400,
        "batch_size": 32,
    }
    if isinstance(algorithm, PPO):
        steps = {"collection_step_num_env_steps": 100, "update_step_num_repetitions": 2}
        algorithm.run_training(OnPolicyTrainerParams(**common, **steps))
    else:
        collector.reset()
        collector.collect(n_step=100, random=True)
        steps = {"collection_step_num_env_steps": 10, "update_step_num_gradient_steps_per_sample": 0.2}
        algorithm.run_training(OffPolicyTrainerParams(**common, **steps))


@torch.no_grad()
def write(
    folder: Path, env_id: str, file: str, algorithm: Any, options: dict[str, Any], *, alone: bool = False
) -> None:
    """What the policy makes of some observations."""
    policy = algorithm.policy.eval()
    envs = gymnasium.make_vec(env_id, num_envs=3, vectorization_mode="sync")
    envs.action_space.seed(1)
    seen, _ = envs.reset(seed=1)
    state = None
    steps, scores, actions, values = [], [], [], []
    for _ in range(5):
        result = policy(Batch(obs=seen, info=Batch()), state=state)
        state = result.state if isinstance(getattr(policy, "model", None), Recurrent) else None
        if isinstance(policy, DiscreteQLearningPolicy):
            raw, head = policy.compute_q_value(result.logits, None), "q_value"
        elif env_id == CARTPOLE:
            raw, head = policy.actor(seen)[0], "logit"
        elif isinstance(policy.actor, ContinuousActorProbabilistic):
            raw, head = policy.actor(seen)[0][0], "mean"
        else:  # before it is squashed
            raw, head = policy.actor.last(policy.actor.preprocess(seen)[0]), "mean"
        steps.append(seen)
        scores.append(raw.numpy())
        actions.append(policy.map_action(result.act))
        if isinstance(algorithm, PPO) and not alone:
            values.append(algorithm.critic(seen).squeeze(1).numpy())
        seen = envs.step(envs.action_space.sample())[0]
    join = np.stack if state is not None else np.concatenate
    write_case(
        folder,
        library="tianshou",
        version=version("tianshou"),
        file=file,
        layout="tianshou",
        head=head,
        env=env_id,
        observations=join(steps),
        scores=join(scores),
        actions=join([np.asarray(action) for action in actions]),
        value=join(values) if values else None,
        options=options,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
