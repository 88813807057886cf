"""What the checks of a policy share: observations and a context to test it with, comparisons, derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box
from torch import Tensor, nn

from rltools.envs import Environment, make_environment
from rltools.policies.base import Context, Policy
from rltools.spaces.leaves import Leaf, leaves, map_leaves, pick, placeholder_observations
from rltools.targets.derivative import input_gradient

ROWS = 6


@dataclass(frozen=True)
class PolicyCase:
    """A policy with observations to test it on.

    Attributes:
        policy: the policy.
        observations: each array `[ROWS, ...]`.
        x: their encoding `[ROWS, *feature]`.
        context: a context as in mid-episode: with a state and a mask if the policy uses them, and a continuous action.
    """

    policy: Policy
    observations: Any
    x: Tensor
    context: Context

    def without_action(self) -> Context:
        """The context before the policy acts."""
        return replace(self.context, action=None)

    def changed(self, change: Any) -> Any:
        """The observations with each array changed."""
        return map_leaves(lambda _, value: change(value), self.observations, leaves(self.policy.observation_space))


def make_case(policy: Policy, env: Environment | None, rng: np.random.Generator) -> PolicyCase:
    """Observations for a policy, and a context with everything it may need."""
    observations = some_observations(policy, env, ROWS, rng)

    def numbers(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(policy.device, policy.dtype)

    action = state = mask = None
    if isinstance(policy.action_space, Box):
        low, high = policy.action_space.low.reshape(-1), policy.action_space.high.reshape(-1)
        action = numbers(np.clip(rng.standard_normal((ROWS, len(low))), low, high))
    if policy.state_size:
        state = numbers(rng.standard_normal((ROWS, policy.state_size)))
    if policy.masked:
        allowed = rng.random((ROWS, sum(policy.branches))) < 0.5
        for branch in branch_slices(policy):  # one value of each choice must be allowed
            allowed[np.arange(ROWS), rng.integers(branch.start, branch.stop, ROWS)] = True
        mask = torch.from_numpy(allowed).to(policy.device)
    return PolicyCase(policy, observations, policy.encode(observations), Context(action=action, mask=mask, state=state))


def branch_slices(policy: Policy) -> list[slice]:
    """The positions of each choice's scores."""
    ends = np.cumsum(policy.branches)
    return [slice(int(end) - size, int(end)) for size, end in zip(policy.branches, ends, strict=True)]


def check_close(name: str, actual: Tensor, expected: Tensor, policy: Policy) -> None:
    """Check that two tensors are equal up to rounding, which depends on the batch size.

    Raises:
        AssertionError: they are not.
    """
    tolerance = 1e-4 if policy.dtype == torch.float32 else 1e-9
    difference = float((actual.cpu() - expected.cpu()).abs().max())
    scale = 1 + float(expected.abs().max())
    require(difference <= tolerance * scale, f"{name} differ by {difference:.3g}; they must be the same")


def require(condition: bool, message: str) -> None:
    """Check a condition.

    Raises:
        AssertionError: it does not hold; with the message.
    """
    if not condition:
        raise AssertionError(message)


def some_observations(policy: Policy, env: Environment | None, rows: int, rng: np.random.Generator) -> Any:
    """Each array `[rows, ...]`: visited by random actions in `env`, or drawn if it is None."""
    space = policy.observation_space
    return drawn_observations(space, rows, rng) if env is None else _visited(env, leaves(space), rows, rng)


def _visited(env: Environment, parts: tuple[Leaf, ...], rows: int, rng: np.random.Generator) -> Any:
    live = make_environment(env)
    visited: list[Any] = []
    try:
        live.action_space.seed(int(rng.integers(2**31)))
        observation, _ = live.reset(seed=int(rng.integers(2**31)))
        while True:
            visited.append(map_leaves(lambda _, value: np.array(value), observation, parts))
            if len(visited) == rows:
                return map_leaves(
                    lambda leaf, _: np.stack([pick(observed, leaf) for observed in visited]), visited[0], parts
                )
            observation, _, terminated, truncated, _ = live.step(live.action_space.sample())
            if terminated or truncated:
                observation, _ = live.reset()
    finally:
        live.close()


def drawn_observations(space: Space[Any], rows: int, rng: np.random.Generator) -> Any:
    """Each array `[rows, ...]`: numbers around 0 within their bounds, random choices, empty texts."""

    def draw(leaf: Leaf, blank: np.ndarray) -> np.ndarray:
        if leaf.kind == "text":
            return blank
        if leaf.kind == "choice":
            lows = np.array(leaf.starts)
            chosen = rng.integers(lows, lows + np.array(leaf.sizes), size=(rows, len(lows)))
            return chosen.reshape(rows, *leaf.shape).astype(leaf.dtype)
        return _numbers(_space_of(space, leaf), leaf, rows, rng)

    return map_leaves(draw, placeholder_observations(space, rows), leaves(space))


def _numbers(space: Space[Any], leaf: Leaf, rows: int, rng: np.random.Generator) -> np.ndarray:
    # Not space.sample(): a bound such as 3e38 would be drawn up to.
    shape, dtype = (rows, *leaf.shape), np.dtype(leaf.dtype)
    low, high = (space.low, space.high) if isinstance(space, Box) else (0, 1)  # the bits of a MultiBinary
    if dtype.kind in "biu":
        bounds = np.clip(low, 0, 255).astype(np.int64), np.clip(high, 0, 255).astype(np.int64)
        return rng.integers(*bounds, size=shape, endpoint=True).astype(dtype)
    return np.clip(rng.standard_normal(shape), low, high).astype(dtype)


def _space_of(space: Any, leaf: Leaf) -> Space[Any]:
    for key in leaf.path:
        space = space[key]
    nested: Space[Any] = space
    return nested


def check_unchanged(modules: list[nn.Module], run: Callable[[], None]) -> None:
    """Run with all layers in training mode, which must neither matter nor change; then restore the modes.

    Modules that contain layers stay in eval mode, to detect a policy that restores the same mode for all.

    Raises:
        AssertionError: modes, buffers, parameters, gradients or torch's random state have changed.
    """
    modes = [module.training for module in modules]
    layers = [not any(module.children()) for module in modules]
    for module, training in zip(modules, layers, strict=True):
        module.training = training
    buffers = [(buffer, buffer.clone()) for module in modules for buffer in module.buffers(recurse=False)]
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    state = [(parameter.detach().clone(), parameter.grad, parameter.requires_grad) for parameter in parameters]
    random_state = torch.get_rng_state()
    try:
        run()
        require(
            [module.training for module in modules] == layers,
            "the policy changes the train or eval mode of its network",
        )
        same = all(torch.allclose(now, before, rtol=0, atol=0, equal_nan=True) for now, before in buffers)
        require(same, "the policy changes buffers of its network, such as running statistics")
        for parameter, (value, gradient, required) in zip(parameters, state, strict=True):
            require(torch.equal(parameter, value), "the policy changes parameters of its network")
            require(parameter.grad is gradient, "the policy leaves .grad on its parameters; use torch.autograd.grad")
            require(parameter.requires_grad == required, "the policy changes requires_grad of its parameters")
        require(torch.equal(random_state, torch.get_rng_state()), "the policy draws from torch's global random state")
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def modules_of(policy: Policy) -> list[nn.Module]:
    """The modules in a policy's attributes, and all that is in them."""
    modules: dict[int, nn.Module] = {}
    pending: list[Any] = [policy, *vars(policy).values()]
    for value in pending:
        if isinstance(value, nn.Module):
            modules |= {id(part): part for part in value.modules()}
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
    return list(modules.values())


DIRECTIONS = 8


def check_derivatives(policy: Policy, name: str, x: Tensor, context: Context, seed: int) -> None:
    """Compare a head's finite differences along random directions with its gradient.

    The median of many comparisons counts: single ones may differ at a kink, or by rounding.

    Args:
        policy: the policy.
        name: the name of the head.
        x: `[batch, *feature]`, encoded observations.
        context: the context of these rows.
        seed: the seed of the directions.

    Raises:
        AssertionError: they differ.
        GradientError: the head does not depend on x in a differentiable way.
    """
    generator = torch.Generator().manual_seed(seed)
    eps = torch.finfo(policy.dtype).eps
    size = prod(x.shape[1:])
    scale = x.abs().reshape(len(x), size).amax(1).clamp(min=1).reshape(-1, *[1] * (x.ndim - 1))
    errors = []
    for _ in range(DIRECTIONS):
        drawn = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x)
        step = drawn / drawn.reshape(len(x), size).norm(dim=1).reshape(scale.shape) * scale * eps ** (1 / 3)
        with torch.no_grad():
            ahead = policy.head(name, x + step, context)
            behind = policy.head(name, x - step, context)
        weights = torch.randn(ahead.shape[1], generator=generator, dtype=torch.float64).to(x)
        gradient = input_gradient(
            lambda inputs: policy.head(name, inputs, context), x, reduce=partial(_weighted, weights)
        )
        predicted = 2 * (gradient * step).reshape(len(x), size).sum(1)
        measured = ((ahead - behind) * weights).sum(1)
        noise = 20 * eps * (ahead.abs() * weights.abs()).sum(1)
        excess = ((predicted - measured).abs() - noise).clamp(min=0)
        errors.append(excess / (predicted.abs() + measured.abs()).clamp(min=torch.finfo(x.dtype).tiny))
    median = float(torch.cat(errors).median())
    allowed = 0.05 if policy.dtype == torch.float32 else 1e-3
    if not median <= allowed:
        raise AssertionError(
            f"the gradient of the {name} head differs from finite differences, in half of the rows by more than "
            f"{median:.1%}; allowed is {allowed:.1%}"
        )


def _weighted(weights: Tensor, output: Tensor) -> Tensor:
    return (output * weights).sum()
