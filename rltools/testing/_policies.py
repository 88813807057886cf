"""Whether a policy keeps the contract that everything else relies on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from torch import Tensor, nn

from rltools.environments import Environment
from rltools.errors import ArgumentError, MismatchError
from rltools.policies._actions import count_actions
from rltools.policies._surroundings import check_match, look_at
from rltools.policies.torch_policy import HEADS
from rltools.policy import Context, Policy, positions
from rltools.testing._derivatives import check_derivatives
from rltools.testing._observations import some_observations

ROWS = 6


@dataclass(frozen=True)
class _Looked:
    """A policy with observations `[ROWS, *observation]` to try it on, and their encoding."""

    policy: Policy
    observations: np.ndarray
    x: Tensor


def check_policy(
    policy: Policy, env: Environment | None = None, *, module: nn.Module | None = None, seed: int = 0
) -> None:
    """Hold a policy to its contract.

    Names and heads; the encoding's shape, dtype and own memory; each head's shape, rows that depend on nothing but
    themselves, and gradients against finite differences; actions that the action space contains and that follow from
    the scores; a context that is filled in; and nothing changed by any of it.

    Args:
        policy: what to check.
        env: gives the observations, by random actions; None draws them from the policy's observation space.
        module: the network whose modes, buffers and gradients must stay; None looks for modules in the policy's
            attributes.
        seed: of observations, actions and directions.

    Raises:
        AssertionError: the policy breaks one of these; the message says which, and by how much.
        MismatchError: the environment's spaces are not those of the policy.
        GradientError: a head that cannot be differentiated.

    Example:
        >>> from rltools import load_policy
        >>> from rltools.testing import check_policy
        >>> check_policy(load_policy("cartpole-ppo"))
    """
    if env is not None:
        check_match(policy.source.name, policy.observation_space, policy.action_space, look_at(env))
    rng = np.random.default_rng(seed)
    _check_names(policy)
    observations = some_observations(policy, env, ROWS, rng)
    looked = _Looked(policy, observations, policy.encode(observations))
    modules = _modules(policy) if module is None else list(module.modules())
    for check in (_check_encoding, _check_heads, _check_actions, _check_random_actions):
        _unchanged(modules, partial(check, looked))
    for name in policy.heads:
        _unchanged(modules, partial(check_derivatives, policy, name, looked.x, seed))


def _check_names(policy: Policy) -> None:
    _hold(isinstance(policy, Policy), "the policy lacks an attribute or a method of rltools.policy.Policy")
    _hold(set(policy.heads) <= set(HEADS), f"heads {policy.heads} are not all of {HEADS}")
    _hold(len(policy.heads) > 0 and policy.heads[0] != "value", f"heads {policy.heads}: the first must decide")
    discrete = isinstance(policy.action_space, Discrete)
    fitting = ("logit", "q_value") if discrete else ("action", "mean")
    _hold(
        policy.heads[0] in fitting,
        f"the deciding head is {policy.heads[0]!r} in {policy.action_space}; it must be one of {fitting}",
    )
    count = count_actions(policy.action_space)
    names = policy.action_names
    _hold(len(names) == count == len(set(names)), f"{names} must be {count} different names, one for each action")
    _hold(policy.dtype in (torch.float32, torch.float64), f"dtype {policy.dtype} must be torch.float32 or float64")
    fingerprint = policy.source.sha256
    _hold(
        len(fingerprint) == 64 and set(fingerprint) <= set("0123456789abcdef"),
        f"source.sha256 {fingerprint!r} must have 64 hexadecimal digits",
    )


def _check_encoding(looked: _Looked) -> None:
    policy, observations = looked.policy, looked.observations
    kept = observations.copy()
    x = policy.encode(observations)
    shape = (len(observations), *policy.features.shape)
    _hold(tuple(x.shape) == shape, f"encode gives shape {list(x.shape)}; it must be {list(shape)}, [batch, *feature]")
    _hold(x.dtype == policy.dtype, f"encode gives {x.dtype}, and the policy's dtype is {policy.dtype}")
    _hold(not x.requires_grad, "encode gives a tensor that requires a gradient; it must be plain")
    x.add_(1)
    _hold(np.array_equal(kept, observations), "encode shares its memory with the observations; it must copy them")
    empty = policy.encode(observations[:0])
    _hold(tuple(empty.shape) == (0, *shape[1:]), f"encode of no observations gives shape {list(empty.shape)}")
    try:
        policy.encode(np.zeros((2, *observations.shape[1:], 7), observations.dtype))
    except MismatchError:
        return
    raise AssertionError("encode takes observations of a wrong shape; it must raise MismatchError")


def _check_heads(looked: _Looked) -> None:
    policy, x = looked.policy, looked.x
    for name in policy.heads:
        expected = (len(x), 1 if name == "value" else len(policy.action_names))
        with torch.no_grad():
            given = x.clone()
            scores = policy.head(name, given, Context())
            found = tuple(scores.shape)
            _hold(found == expected, f"the {name} head gives shape {list(found)}; it must be {list(expected)}")
            _hold(scores.dtype == policy.dtype, f"the {name} head gives {scores.dtype} instead of {policy.dtype}")
            again = policy.head(name, x.clone(), Context())
            _close(f"the {name} head of the same rows a second time", again, scores, policy)
            backwards = policy.head(name, x.flip(0).clone(), Context()).flip(0)
            _close(f"the {name} head of rows in another order", backwards, scores, policy)
            alone = torch.cat([policy.head(name, row.clone(), Context()) for row in torch.split(x, 1)])
            _close(f"the {name} head of rows one at a time", alone, scores, policy)


def _check_actions(looked: _Looked) -> None:
    policy = looked.policy
    acted = policy.act(looked.observations, Context())
    rows = len(looked.observations)
    space = policy.action_space
    shape = (rows, *(space.shape or ()))
    _hold(acted.actions.shape == shape, f"actions have shape {acted.actions.shape}; they must have {shape}")
    _hold(acted.actions.dtype == space.dtype, f"actions are {acted.actions.dtype}; {space} has {space.dtype}")
    for action in acted.actions:
        _hold(space.contains(action), f"the action {action} is not in {space}")
    with torch.no_grad():
        scores = policy.head(policy.heads[0], looked.x.clone(), Context())
    _close(f"the scores of act and those of the {policy.heads[0]} head", torch.as_tensor(acted.scores), scores, policy)
    chosen = policy.choose(torch.as_tensor(acted.scores, device=policy.device))
    _hold(np.array_equal(chosen, acted.actions), "choose(scores) gives other actions than act, with the same scores")
    context = acted.context
    _hold(context.action is not None and context.scores is not None, "act leaves the context's action or scores None")
    if context.action is None or context.scores is None:
        return
    _hold(
        torch.equal(context.action, positions(policy, acted.actions)),
        f"the context's action {context.action.tolist()} is not {acted.actions.tolist()} as positions from 0",
    )
    _close("the context's scores and those of act", context.scores, torch.as_tensor(acted.scores), policy)
    if isinstance(space, Discrete):
        best = context.scores.gather(1, context.action[:, None])[:, 0]
        _hold(torch.equal(best, context.scores.amax(1)), "act does not choose the action of the highest score")


def _check_random_actions(looked: _Looked) -> None:
    policy, rows = looked.policy, len(looked.observations)

    def draw(seed: int) -> np.ndarray:
        rngs = [np.random.default_rng([seed, row]) for row in range(rows)]
        return policy.act(looked.observations, Context(), deterministic=False, rngs=rngs).actions

    try:
        first = draw(0)
    except ArgumentError:  # it has no distribution, and says so
        return
    _hold(np.array_equal(first, draw(0)), "random actions differ with the same generators")
    for action in first:
        _hold(policy.action_space.contains(action), f"the random action {action} is not in {policy.action_space}")


def _unchanged(modules: list[nn.Module], run: Callable[[], None]) -> None:
    """Run with all layers in training mode, which must neither show nor change; then put the modes back.

    What holds layers stays in eval mode, so that a policy that puts back one mode for all is found out.
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
        _hold(
            [module.training for module in modules] == layers,
            "the policy changes the train or eval mode of its network",
        )
        same = all(torch.allclose(now, before, rtol=0, atol=0, equal_nan=True) for now, before in buffers)
        _hold(same, "the policy changes buffers of its network, such as running statistics")
        for parameter, (value, gradient, required) in zip(parameters, state, strict=True):
            _hold(torch.equal(parameter, value), "the policy changes parameters of its network")
            _hold(parameter.grad is gradient, "the policy leaves .grad on its parameters; use torch.autograd.grad")
            _hold(parameter.requires_grad == required, "the policy changes requires_grad of its parameters")
        _hold(torch.equal(random_state, torch.get_rng_state()), "the policy draws from torch's global random state")
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def _modules(policy: Policy) -> list[nn.Module]:
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


def _close(what: str, found: Tensor, expected: Tensor, policy: Policy) -> None:
    tolerance = 1e-4 if policy.dtype == torch.float32 else 1e-9  # batch sizes change the order of sums, no more
    difference = float((found.cpu() - expected.cpu()).abs().max())
    scale = 1 + float(expected.abs().max())
    _hold(difference <= tolerance * scale, f"{what} differ by {difference:.3g}; they must be the same")


def _hold(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
