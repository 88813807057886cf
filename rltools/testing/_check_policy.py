"""Checks a policy against the contract that everything else relies on."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from rltools.envs import Environment
from rltools.errors import ArgumentError, MismatchError
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import ActResult, Context, Policy, is_differentiable, missing_members
from rltools.policies.decide import next_state, positions
from rltools.policies.env_info import check_match, inspect_env
from rltools.policies.torch_policy import HEADS
from rltools.spaces.leaves import leaves, pick
from rltools.testing._policy_cases import (
    ROWS,
    PolicyCase,
    branch_slices,
    check_close,
    check_derivatives,
    check_unchanged,
    make_case,
    modules_of,
    require,
)


def check_policy(
    policy: Policy, env: Environment | None = None, *, module: nn.Module | None = None, seed: int = 0
) -> None:
    """Check a policy against its contract.

    Names and heads; the encoding's shape, dtype and own memory; each head's shape, the independence of its rows, and,
    unless the policy says that it has none, its gradients against finite differences; actions that are in the action
    space, follow from the scores and are allowed by a mask; the recurrent state; the context that comes with an action;
    and that nothing is changed by any of it.

    Args:
        policy: the policy.
        env: gives the observations, by random actions; None draws them from the policy's observation space.
        module: the network whose modes, buffers and gradients must not change; None looks for modules in the policy's
            attributes.
        seed: the seed of observations, actions and directions.

    Raises:
        AssertionError: the policy fails one of these checks; the message says which, and by how much.
        MismatchError: the environment's spaces are not those of the policy.
        GradientError: a head is not differentiable.

    Example:
        >>> from rltools import load_policy
        >>> from rltools.testing import check_policy
        >>> check_policy(load_policy("cartpole-ppo"))
    """
    _check_names(policy)
    if env is not None:
        env_info = inspect_env(env, bounds=getattr(policy, "bounds", "same"))
        check_match(policy.source.name, policy.observation_space, policy.action_space, env_info)
    rng = np.random.default_rng(seed)
    case = make_case(policy, env, rng)
    modules = modules_of(policy) if module is None else list(module.modules())
    for check in (_check_encoding, _check_heads, check_actions, check_random_actions, check_recurrent_state):
        check_unchanged(modules, partial(check, case))
    for name in policy.heads if is_differentiable(policy) else ():
        check_unchanged(modules, partial(check_derivatives, policy, name, case.x, case.context, seed))


def _check_names(policy: Policy) -> None:
    missing = missing_members(policy)
    require(not missing, f"{type(policy).__name__} lacks {', '.join(missing)} of rltools.policies.base.Policy")
    require(set(policy.heads) <= set(HEADS), f"heads {policy.heads} are not all of {HEADS}")
    require(len(policy.heads) > 0 and policy.heads[0] != "value", f"heads {policy.heads}: the first must decide")
    expected = branches(policy.action_space)
    require(policy.branches == expected, f"branches {policy.branches} must be {expected}, as of {policy.action_space}")
    fitting = ("logit", "probability", "q_value") if expected else ("action", "mean")
    require(
        policy.heads[0] in fitting,
        f"the deciding head is {policy.heads[0]!r} in {policy.action_space}; it must be one of {fitting}",
    )
    count = count_actions(policy.action_space)
    names = policy.action_names
    require(len(names) == count == len(set(names)), f"{names} must be {count} different names, one for each action")
    require(policy.dtype in (torch.float32, torch.float64), f"dtype {policy.dtype} must be torch.float32 or float64")
    fingerprint = policy.source.sha256
    require(
        len(fingerprint) == 64 and set(fingerprint) <= set("0123456789abcdef"),
        f"source.sha256 {fingerprint!r} must have 64 hexadecimal digits",
    )


def _check_encoding(case: PolicyCase) -> None:
    policy, observations = case.policy, case.observations
    original = copy.deepcopy(observations)
    x = policy.encode(observations)
    shape = (ROWS, *policy.features.shape)
    require(tuple(x.shape) == shape, f"encode gives shape {list(x.shape)}; it must be {list(shape)}, [batch, *feature]")
    require(x.dtype == policy.dtype, f"encode gives {x.dtype}, and the policy's dtype is {policy.dtype}")
    require(not x.requires_grad, "encode gives a tensor that requires a gradient; it must be plain")
    x.add_(1)
    parts = leaves(policy.observation_space)
    same = all(np.array_equal(pick(original, leaf), pick(observations, leaf)) for leaf in parts)
    require(same, "encode shares its memory with the observations; it must copy them")
    empty = policy.encode(case.changed(lambda value: value[:0]))
    require(tuple(empty.shape) == (0, *shape[1:]), f"encode of no observations gives shape {list(empty.shape)}")
    wrong = {"of a wrong shape": case.changed(lambda value: np.zeros((2, *value.shape[1:], 7), value.dtype))}
    if parts[0].path:
        wrong["with nothing in them"] = type(observations)()
    for kind, wrong_observations in wrong.items():
        try:
            policy.encode(wrong_observations)
        except MismatchError:
            continue
        raise AssertionError(f"encode takes observations {kind}; it must raise MismatchError")


def _check_heads(case: PolicyCase) -> None:
    policy, x, context = case.policy, case.x, case.context
    for name in policy.heads:
        single = name == "value" or (name == "q_value" and not policy.branches)
        expected = (ROWS, 1 if single else len(policy.action_names))
        with torch.no_grad():
            scores = policy.head(name, x.clone(), context)
            shape = tuple(scores.shape)
            require(shape == expected, f"the {name} head gives shape {list(shape)}; it must be {list(expected)}")
            require(scores.dtype == policy.dtype, f"the {name} head gives {scores.dtype} instead of {policy.dtype}")
            again = policy.head(name, x.clone(), context)
            check_close(f"the {name} head of the same rows a second time", again, scores, policy)
            order = torch.arange(ROWS, device=x.device).flip(0)
            backwards = policy.head(name, x[order], context.rows(order))[order]
            check_close(f"the {name} head of rows in another order", backwards, scores, policy)
            rows = [slice(row, row + 1) for row in range(ROWS)]
            alone = torch.cat([policy.head(name, x[row].clone(), context.rows(row)) for row in rows])
            check_close(f"the {name} head of rows one at a time", alone, scores, policy)


def check_actions(case: PolicyCase) -> None:
    """Check that actions are in their space, follow from the scores, and come with a complete context.

    Raises:
        AssertionError: one of these does not hold.
    """
    policy, before = case.policy, case.without_action()
    acted = policy.act(case.observations, before)
    space = policy.action_space
    shape = (ROWS, *(space.shape or ()))
    require(acted.actions.shape == shape, f"actions have shape {acted.actions.shape}; they must have {shape}")
    require(acted.actions.dtype == space.dtype, f"actions are {acted.actions.dtype}; {space} has {space.dtype}")
    for action in acted.actions:
        require(space.contains(action), f"the action {action} is not in {space}")
    with torch.no_grad():
        scores = policy.head(policy.heads[0], case.x.clone(), before)
    check_close(
        f"the scores of act and those of the {policy.heads[0]} head", torch.as_tensor(acted.scores), scores, policy
    )
    chosen = policy.choose(torch.as_tensor(acted.scores, device=policy.device), mask=before.mask)
    require(np.array_equal(chosen, acted.actions), "choose(scores) gives other actions than act, with the same scores")
    context = acted.context
    require(context.action is not None and context.scores is not None, "act leaves the context's action or scores None")
    if context.action is None or context.scores is None:
        return
    require(
        torch.equal(context.action, positions(policy, acted.actions)),
        f"the context's action {context.action.tolist()} is not {acted.actions.tolist()} as positions from 0",
    )
    check_close("the context's scores and those of act", context.scores, torch.as_tensor(acted.scores), policy)
    require(
        _same(context.mask, before.mask) and _same(context.state, before.state),
        "act changes the context's mask or state",
    )
    _check_best(case, context.action, context.scores)


def _check_best(case: PolicyCase, action: Tensor, scores: Tensor) -> None:
    mask = case.context.mask
    allowed = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    for branch, chosen in zip(branch_slices(case.policy), action.reshape(len(action), -1).T, strict=False):
        best = allowed[:, branch].gather(1, chosen[:, None])[:, 0]
        among = " of those allowed" if mask is not None else ""
        require(
            torch.equal(best, allowed[:, branch].amax(1)), f"act does not choose the action of the highest score{among}"
        )


def check_random_actions(case: PolicyCase) -> None:
    """Check that random actions depend on the generators alone, are in their space, and are allowed.

    Raises:
        AssertionError: one of these does not hold.
    """
    policy, context = case.policy, case.without_action()

    def draw(seed: int) -> ActResult:
        rngs = [np.random.default_rng([seed, row]) for row in range(ROWS)]
        return policy.act(case.observations, context, deterministic=False, rngs=rngs)

    try:
        first = draw(0)
    except ArgumentError:  # it has no distribution to draw from
        return
    require(np.array_equal(first.actions, draw(0).actions), "random actions differ with the same generators")
    for action in first.actions:
        require(policy.action_space.contains(action), f"the random action {action} is not in {policy.action_space}")
    taken = first.context.action
    if context.mask is not None and taken is not None:
        for branch, chosen in zip(branch_slices(policy), taken.reshape(ROWS, -1).T, strict=True):
            allowed = context.mask[:, branch].gather(1, chosen[:, None])
            require(bool(allowed.all()), "a random action is one that its mask does not allow")
    greedy = policy.act(case.observations, context)
    scores, greedy_scores = torch.as_tensor(first.scores), torch.as_tensor(greedy.scores)
    check_close("the scores of a random decision and of a deterministic one", scores, greedy_scores, policy)
    same_state = _same(first.state, greedy.state, policy.dtype)
    require(same_state, "a random decision leads to another state than a deterministic one")


def check_recurrent_state(case: PolicyCase) -> None:
    """Check that the recurrent state depends on the observation and on the state before, and on nothing else.

    Raises:
        AssertionError: it does not; or a policy that is not recurrent returns a state.
    """
    policy, context = case.policy, case.without_action()
    state = policy.act(case.observations, context).state
    if not policy.state_size:
        require(state is None, "state_size is 0, and act returns a state; state_size must say how many numbers it has")
        return
    shape = (ROWS, policy.state_size)
    require(state is not None and tuple(state.shape) == shape, f"the state after act must have shape {list(shape)}")
    if state is None:
        return
    require(bool(torch.isfinite(state).all()), "the state after act is not finite")
    with torch.no_grad():
        after = next_state(policy, case.x.clone(), context)
        check_close("the state after act and that of advance", state, after, policy)
        alone = [
            next_state(policy, case.x[row : row + 1].clone(), context.rows(slice(row, row + 1))) for row in range(ROWS)
        ]
        check_close("the states of rows one at a time", torch.cat(alone), after, policy)
        zeros = Context(state=torch.zeros(shape, dtype=policy.dtype, device=policy.device), mask=context.mask)
        first = next_state(policy, case.x.clone(), zeros)
        check_close(
            "the states after no state and after zeros", next_state(policy, case.x.clone(), Context()), first, policy
        )
    require(not torch.equal(first, after), "the state before does not change the state after")


def _same(actual: Tensor | None, expected: Tensor | None, dtype: torch.dtype | None = None) -> bool:
    if actual is None or expected is None:
        return actual is expected
    return torch.equal(actual, expected) if dtype is None else torch.allclose(actual.to(dtype), expected.to(dtype))
