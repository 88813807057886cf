# /// script
# requires-python = ">=3.11"
# dependencies = ["torchrl==0.14.1", "gymnasium[classic-control]>=1.2,<2", "torch", "numpy"]
# ///
"""TorchRL: state dicts of actors, of losses and of checkpoints, with its own networks and distributions."""

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
from tensordict import TensorDict
from tensordict.nn import AddStateIndependentNormalScale, NormalParamExtractor, TensorDictModule, TensorDictSequential
from torch import nn
from torchrl.checkpoint import Checkpoint
from torchrl.collectors import Collector
from torchrl.envs import Compose, GymEnv, InitTracker, StepCounter, TransformedEnv
from torchrl.modules import (
    MLP,
    EGreedyModule,
    LSTMModule,
    ProbabilisticActor,
    QValueActor,
    QValueModule,
    TanhModule,
    TanhNormal,
    ValueOperator,
)
from torchrl.objectives import ClipPPOLoss, DQNLoss, SACLoss
from torchrl.objectives.value import GAE

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"
SIZES = {CARTPOLE: (4, 2), PENDULUM: (3, 1)}


def main(out: Path) -> None:
    """Write all cases into `out`."""
    cases: dict[str, Callable[[Path], None]] = {
        "ppo": ppo,
        "ppo_continuous": ppo_continuous,
        "sac": sac,
        "deterministic": deterministic,
        "dqn": dqn,
        "dqn_lstm": dqn_lstm,
    }
    for name, case in cases.items():
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 - the library draws from it
        (out / name).mkdir(parents=True)
        case(out / name)


def network(env_id: str, outputs: int, **settings: Any) -> MLP:
    """The library's own network."""
    return MLP(in_features=SIZES[env_id][0], out_features=outputs, num_cells=[8, 8], **settings)


def train(loss: Any, env: Any, policy: Any, advantage: Any = None, steps: int = 400) -> None:
    """A few hundred steps by the library's collector and loss."""
    optimizer = torch.optim.Adam(loss.parameters(), lr=3e-3)
    collector = Collector(env, policy, frames_per_batch=100, total_frames=steps)
    for batch in collector:
        if advantage is not None:
            advantage(batch)
        data = batch if policy_is_recurrent(policy) else batch.reshape(-1)
        losses = loss(data)
        optimizer.zero_grad()
        sum(value for key, value in losses.items() if key.startswith("loss")).backward()
        optimizer.step()
    collector.shutdown()


def policy_is_recurrent(policy: Any) -> bool:
    """Whether there is an LSTM in it."""
    return any(isinstance(module, nn.LSTM) for module in policy.modules())


def env_of(env_id: str, *transforms: Any) -> Any:
    """An environment of Gymnasium in the library's manner."""
    return TransformedEnv(GymEnv(env_id, categorical_action_encoding=True), Compose(StepCounter(), *transforms))


def ppo(folder: Path) -> None:
    """Logits; the file is the state dict of the whole loss, with actor and critic."""
    env = env_of(CARTPOLE)
    logits = TensorDictModule(network(CARTPOLE, 2), in_keys=["observation"], out_keys=["logits"])
    actor = ProbabilisticActor(
        logits,
        in_keys=["logits"],
        spec=env.action_spec,
        distribution_class=torch.distributions.Categorical,
        return_log_prob=True,
    )
    critic = ValueOperator(network(CARTPOLE, 1), in_keys=["observation"])
    loss = ClipPPOLoss(actor, critic)
    train(loss, env, actor, GAE(gamma=0.99, lmbda=0.95, value_network=critic))
    torch.save(loss.state_dict(), folder / "loss.pt")
    write(folder, CARTPOLE, "loss.pt", "logit", actor, "logits", critic=critic)


def ppo_continuous(folder: Path) -> None:
    """A mean and a std that does not depend on the observation, as in the library's own PPO for MuJoCo."""
    env = env_of(PENDULUM)
    net = nn.Sequential(network(PENDULUM, 1, activation_class=nn.ReLU), AddStateIndependentNormalScale(1))
    actor = gaussian(env, net)
    critic = ValueOperator(network(PENDULUM, 1, activation_class=nn.ReLU), in_keys=["observation"])
    loss = ClipPPOLoss(actor, critic)
    train(loss, env, actor, GAE(gamma=0.99, lmbda=0.95, value_network=critic))
    torch.save({"actor": actor.state_dict(), "critic": critic.state_dict()}, folder / "agent.pt")
    write(folder, PENDULUM, "agent.pt", "mean", actor, "loc", critic=critic, options={"activation": "relu"})


def gaussian(env: Any, net: nn.Module) -> ProbabilisticActor:
    """An actor with a squashed Gaussian within the bounds of the actions."""
    return ProbabilisticActor(
        TensorDictModule(net, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        spec=env.action_spec,
        distribution_class=TanhNormal,
        distribution_kwargs={"low": env.action_spec.space.low, "high": env.action_spec.space.high},
        return_log_prob=True,
    )


def sac(folder: Path) -> None:
    """A mean and a std from one network; the file is a checkpoint folder of the library's."""
    env = env_of(PENDULUM)
    actor = gaussian(env, nn.Sequential(network(PENDULUM, 2), NormalParamExtractor()))
    critic = ValueOperator(MLP(in_features=4, out_features=1, num_cells=[8]), in_keys=["observation", "action"])
    loss = SACLoss(actor, critic, num_qvalue_nets=2)
    train(loss, env, actor)
    torch.save(actor.state_dict(), folder / "actor.pt")
    write(folder, PENDULUM, "actor.pt", "mean", actor, "loc")
    saved = folder.with_name("checkpoint")
    saved.mkdir()
    Checkpoint(policy=actor).save(saved / "checkpoint")
    write(saved, PENDULUM, "checkpoint", "mean", actor, "loc")


def deterministic(folder: Path) -> None:
    """A deterministic actor within bounds."""
    env = env_of(PENDULUM)
    actor = TensorDictSequential(
        TensorDictModule(network(PENDULUM, 1), in_keys=["observation"], out_keys=["param"]),
        TanhModule(in_keys=["param"], out_keys=["action"], spec=env.action_spec),
    )
    optimizer = torch.optim.Adam(actor.parameters(), lr=1e-2)
    for _ in range(20):  # behavior cloning of a rule
        data = TensorDict({"observation": 2 * torch.rand(64, 3) - 1}, [64])
        loss = (actor(data)["action"] + data["observation"][:, 1:2]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(actor.state_dict(), folder / "actor.pt")
    write(folder, PENDULUM, "actor.pt", "mean", actor, "param", synthetic=True)


def dqn(folder: Path) -> None:
    """Q-values of a vector."""
    env = env_of(CARTPOLE)
    actor = QValueActor(network(CARTPOLE, 2), in_keys=["observation"], spec=env.action_spec, action_space="categorical")
    loss = DQNLoss(actor, action_space="categorical", delay_value=True)
    train(loss, env, TensorDictSequential(actor, EGreedyModule(env.action_spec)))
    torch.save(actor.state_dict(), folder / "actor.pt")
    write(folder, CARTPOLE, "actor.pt", "q_value", actor, "action_value", options={"head": "q_value"})


def dqn_lstm(folder: Path) -> None:
    """Q-values with an LSTM between two networks."""
    lstm = LSTMModule(input_size=8, hidden_size=6, in_key="embedded", out_key="embedded")
    env = env_of(CARTPOLE, InitTracker(), lstm.make_tensordict_primer())
    embed = TensorDictModule(
        MLP(in_features=4, out_features=8, num_cells=[8], activate_last_layer=True),
        in_keys=["observation"],
        out_keys=["embedded"],
    )
    last = TensorDictModule(MLP(in_features=6, out_features=2, num_cells=[8]), ["embedded"], ["action_value"])
    actor = TensorDictSequential(embed, lstm, last, QValueModule(action_space="categorical", spec=env.action_spec))
    loss = DQNLoss(actor, action_space="categorical")
    train(loss, env, TensorDictSequential(actor, EGreedyModule(env.action_spec)))
    torch.save(actor.state_dict(), folder / "actor.pt")
    write(folder, CARTPOLE, "actor.pt", "q_value", actor, "action_value", options={"head": "q_value"}, lstm=lstm)


@torch.no_grad()
def write(
    folder: Path,
    env_id: str,
    file: str,
    head: str,
    actor: Any,
    key: str,
    *,
    critic: Any = None,
    options: dict[str, Any] | None = None,
    lstm: Any = None,
    synthetic: bool = False,
) -> None:
    """What the actor makes of some observations."""
    actor.eval()
    envs = gymnasium.make_vec(env_id, num_envs=3, vectorization_mode="sync")
    envs.action_space.seed(1)
    seen, _ = envs.reset(seed=1)
    steps, scores, actions, values = [], [], [], []
    states = {} if lstm is None else {name: torch.zeros(3, 1, 6) for name in ("recurrent_state_h", "recurrent_state_c")}
    for step in range(5):
        data = {"observation": torch.from_numpy(seen).float(), "is_init": torch.full((3, 1), step == 0)}
        with torch.no_grad(), deterministic_actions():
            result = actor(TensorDict(data | states, [3]))
        states = {name: result["next", name] for name in states}
        steps.append(seen)
        scores.append(result[key].numpy())
        actions.append(result["action"].numpy())
        if critic is not None:
            values.append(critic(TensorDict(data, [3]))["state_value"].squeeze(1).numpy())
        seen = envs.step(envs.action_space.sample())[0]
    join = np.concatenate if lstm is None else np.stack
    write_case(
        folder,
        library="torchrl",
        version=version("torchrl"),
        file=file,
        layout="torchrl",
        head=head,
        env=env_id,
        observations=join(steps),
        scores=join(scores),
        actions=join(actions),
        value=join(values) if values else None,
        options=options,
        synthetic=synthetic,
    )


def deterministic_actions() -> Any:
    """The library's way to have the actions that a distribution deems the best."""
    from torchrl.envs.utils import ExplorationType, set_exploration_type

    return set_exploration_type(ExplorationType.DETERMINISTIC)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
