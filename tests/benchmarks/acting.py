"""The overhead of acting through a policy over its bare network, and of the live wrapper over `env.step`."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import gymnasium
import torch
from timing import Row, medians
from torch import nn

import rltools
from rltools.policies.base import Context

STEPS = 3000


def measure() -> list[Row]:
    """Batches of states on lunarlander-ppo and on hopper-ppo, whose observations are normalized; one step at a time."""
    rows = []
    for name, head in (("lunarlander-ppo", "action_net"), ("hopper-ppo", "action_net")):
        policy = rltools.load_policy(name)
        visited = rltools.record(policy, episodes=1, max_steps=300).episode(0).observations
        network: Any = policy.module
        net = nn.Sequential(*network.mlp_extractor.policy_net, getattr(network, head))
        for batch, bar in ((16, 2.0), (64, 1.5), (256, 1.5)):
            observations = visited[:batch].copy()
            x = torch.as_tensor(observations, dtype=torch.float32)
            times = medians(
                {"bare": _bare(net, x), "act": lambda o=observations, p=policy: p.act(o, Context())},
                rounds=31,
                calls=50,
            )
            rows.append(
                Row(
                    f"{name}: act, times its bare network, batch {batch}",
                    f"{times['act'] / times['bare']:.2f} x",
                    f"<= {bar} x",
                )
            )
    rows.append(_noticing())
    added, acting = _live()
    rows.append(
        Row("live wrapper: what it adds to a step, times act, batch 1, MLP", f"{added / acting:.2f} x", "<= 3.2 x")
    )
    return rows


def _noticing() -> Row:
    """The cost of checking at every call that nothing in the network was changed, hooked or replaced."""
    policy = rltools.load_policy("lunarlander-ppo")
    observations = rltools.record(policy, episodes=1, max_steps=300).episode(0).observations[:16].copy()
    plan = policy._plan(policy.heads[0])
    assert plan is not None

    def noticing() -> None:  # too short to be timed by itself
        for _ in range(20):
            plan.holds()

    times = medians({"act": lambda: policy.act(observations, Context()), "noticing": noticing}, rounds=61, calls=50)
    label = "lunarlander-ppo: noticing what was changed in the network, as a share of act, batch 16"
    return Row(label, f"{times['noticing'] / 20 / times['act']:.1%}", "<= 5 %")


def _bare(net: nn.Module, x: torch.Tensor) -> Callable[[], object]:
    def forward() -> object:
        with torch.no_grad():
            return net(x)

    return forward


def _live() -> tuple[float, float]:
    """Seconds that `step_policy` takes beyond `env.step`, and that `act` takes; medians over steps in turn."""
    policy = rltools.load_policy("cartpole-ppo")
    plain, live = gymnasium.make("CartPole-v1"), rltools.AttributionWrapper(gymnasium.make("CartPole-v1"), policy)
    observation, _ = plain.reset(seed=0)
    live.reset(seed=0)
    acting, stepping, explaining = [], [], []
    for _ in range(STEPS):
        start = perf_counter()
        action = policy.act(observation[None], Context()).actions[0]
        acted = perf_counter()
        observation, _, terminated, truncated, _ = plain.step(action)
        stepped = perf_counter()
        if terminated or truncated:
            observation, _ = plain.reset()
        begun = perf_counter()
        _, _, live_terminated, live_truncated, _ = live.step_policy()
        explained = perf_counter()
        if live_terminated or live_truncated:
            live.reset()
        acting.append(acted - start)
        stepping.append(stepped - acted)
        explaining.append(explained - begun)
    return median(explaining) - median(stepping), median(acting)
