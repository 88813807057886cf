"""What the checks of a policy look at, and how they complain."""

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
from rltools.spaces.leaves import Leaf, blank_observations, leaves, map_leaves, pick
from rltools.targets.derivative import input_gradient

ROWS = 6


@dataclass(frozen=True)
class Looked:
    """A policy with observations to try it on.

    Attributes:
        policy: what is checked.
        observations: each array `[ROWS, ...]`.
        x: their encoding `[ROWS, *feature]`.
        context: of a moment in the middle: a state and a mask where the policy has any, a continuous action.
    """

    policy: Policy
    observations: Any
    x: Tensor
    context: Context

    def without_action(self) -> Context:
        """What is known before the policy acts."""
        return replace(self.context, action=None)

    def changed(self, change: Any) -> Any:
        """The observations with each array changed."""
        return map_leaves(lambda _, value: change(value), self.observations, leaves(self.policy.observation_space))


def look(policy: Policy, env: Environment | None, rng: np.random.Generator) -> Looked:
    """Observations for a policy, and a context with everything it can need."""
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
        for branch in branch_slices(policy):  # one of each choice must be left
            allowed[np.arange(ROWS), rng.integers(branch.start, branch.stop, ROWS)] = True
        mask = torch.from_numpy(allowed).to(policy.device)
    return Looked(policy, observations, policy.encode(observations), Context(action=action, mask=mask, state=state))


def branch_slices(policy: Policy) -> list[slice]:
    """Where the scores of each choice are."""
    ends = np.cumsum(policy.branches)
    return [slice(int(end) - size, int(end)) for size, end in zip(policy.branches, ends, strict=True)]


def close(what: str, found: Tensor, expected: Tensor, policy: Policy) -> None:
    """Two tensors are the same but for the order of sums, which depends on the size of a batch.

    Raises:
        AssertionError: they are not.
    """
    tolerance = 1e-4 if policy.dtype == torch.float32 else 1e-9
    difference = float((found.cpu() - expected.cpu()).abs().max())
    scale = 1 + float(expected.abs().max())
    hold(difference <= tolerance * scale, f"{what} differ by {difference:.3g}; they must be the same")


def hold(condition: bool, message: str) -> None:
    """What must be so.

    Raises:
        AssertionError: it is not; with the message.
    """
    if not condition:
        raise AssertionError(message)


def some_observations(policy: Policy, env: Environment | None, rows: int, rng: np.random.Generator) -> Any:
    """Each array `[rows, ...]`: visited by random actions in `env`, or drawn where there is none."""
    space = policy.observation_space
    return drawn_observations(space, rows, rng) if env is None else _visited(env, leaves(space), rows, rng)


def _visited(env: Environment, of: tuple[Leaf, ...], rows: int, rng: np.random.Generator) -> Any:
    live = make_environment(env)
    found = []
    try:
        live.action_space.seed(int(rng.integers(2**31)))
        observation, _ = live.reset(seed=int(rng.integers(2**31)))
        while True:
            found.append(map_leaves(lambda _, value: np.array(value), observation, of))
            if len(found) == rows:
                return map_leaves(lambda leaf, _: np.stack([pick(one, leaf) for one in found]), found[0], of)
            observation, _, terminated, truncated, _ = live.step(live.action_space.sample())
            if terminated or truncated:
                observation, _ = live.reset()
    finally:
        live.close()


def drawn_observations(space: Space[Any], rows: int, rng: np.random.Generator) -> Any:
    """Each array `[rows, ...]`: numbers around 0 within their bounds, any choice, empty texts."""

    def draw(leaf: Leaf, blank: np.ndarray) -> np.ndarray:
        if leaf.kind == "text":
            return blank
        if leaf.kind == "choice":
            lows = np.array(leaf.starts)
            chosen = rng.integers(lows, lows + np.array(leaf.sizes), size=(rows, len(lows)))
            return chosen.reshape(rows, *leaf.shape).astype(leaf.dtype)
        return _numbers(_at(space, leaf), leaf, rows, rng)

    return map_leaves(draw, blank_observations(space, rows), leaves(space))


def _numbers(space: Space[Any], leaf: Leaf, rows: int, rng: np.random.Generator) -> np.ndarray:
    # Not space.sample(): a bound such as 3e38 would be drawn up to.
    shape, dtype = (rows, *leaf.shape), np.dtype(leaf.dtype)
    low, high = (space.low, space.high) if isinstance(space, Box) else (0, 1)  # the bits of a MultiBinary
    if dtype.kind in "biu":
        bounds = np.clip(low, 0, 255).astype(np.int64), np.clip(high, 0, 255).astype(np.int64)
        return rng.integers(*bounds, size=shape, endpoint=True).astype(dtype)
    return np.clip(rng.standard_normal(shape), low, high).astype(dtype)


def _at(space: Any, leaf: Leaf) -> Space[Any]:
    for key in leaf.path:
        space = space[key]
    found: Space[Any] = space
    return found


def unchanged(modules: list[nn.Module], run: Callable[[], None]) -> None:
    """Run with all layers in training mode, which must neither show nor change; then put the modes back.

    What holds layers stays in eval mode, so that a policy that puts back one mode for all is found out.

    Raises:
        AssertionError: modes, buffers, parameters, gradients or torch's random state are others afterwards.
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
        hold(
            [module.training for module in modules] == layers,
            "the policy changes the train or eval mode of its network",
        )
        same = all(torch.allclose(now, before, rtol=0, atol=0, equal_nan=True) for now, before in buffers)
        hold(same, "the policy changes buffers of its network, such as running statistics")
        for parameter, (value, gradient, required) in zip(parameters, state, strict=True):
            hold(torch.equal(parameter, value), "the policy changes parameters of its network")
            hold(parameter.grad is gradient, "the policy leaves .grad on its parameters; use torch.autograd.grad")
            hold(parameter.requires_grad == required, "the policy changes requires_grad of its parameters")
        hold(torch.equal(random_state, torch.get_rng_state()), "the policy draws from torch's global random state")
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def modules_of(policy: Policy) -> list[nn.Module]:
    """The modules in a policy's attributes, and all that is in them."""
    found: dict[int, nn.Module] = {}
    pending: list[Any] = [policy, *vars(policy).values()]
    for value in pending:
        if isinstance(value, nn.Module):
            found |= {id(part): part for part in value.modules()}
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
    return list(found.values())


DIRECTIONS = 8


def check_derivatives(policy: Policy, name: str, x: Tensor, context: Context, seed: int) -> None:
    """Compare the slope of a head along random directions with what its gradient says of it.

    The middle one of many comparisons counts: at a kink, or where rounding is all there is, single ones may differ.

    Args:
        policy: has the head.
        name: of the head.
        x: `[batch, *feature]`, encoded observations.
        context: of these rows.
        seed: of the directions.

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
        seen = ((ahead - behind) * weights).sum(1)
        noise = 20 * eps * (ahead.abs() * weights.abs()).sum(1)
        excess = ((predicted - seen).abs() - noise).clamp(min=0)
        errors.append(excess / (predicted.abs() + seen.abs()).clamp(min=torch.finfo(x.dtype).tiny))
    middle = float(torch.cat(errors).median())
    allowed = 0.05 if policy.dtype == torch.float32 else 1e-3
    if not middle <= allowed:
        raise AssertionError(
            f"the gradient of the {name} head differs from finite differences, in half of the rows by more than "
            f"{middle:.1%}; allowed is {allowed:.1%}"
        )


def _weighted(weights: Tensor, output: Tensor) -> Tensor:
    return (output * weights).sum()
