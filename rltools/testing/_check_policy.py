"""Whether a policy keeps the contract that everything else relies on."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from rltools.envs import Environment
from rltools.errors import ArgumentError, MismatchError
from rltools.policies.actions import branches, count_actions
from rltools.policies.base import ActResult, Context, Policy, missing_members, next_state, positions
from rltools.policies.env_info import check_match, inspect_env
from rltools.policies.torch_policy import HEADS
from rltools.spaces.leaves import leaves, pick
from rltools.testing._policy_cases import (
    ROWS,
    Looked,
    branch_slices,
    check_derivatives,
    close,
    hold,
    look,
    modules_of,
    unchanged,
)


def check_policy(
    policy: Policy, env: Environment | None = None, *, module: nn.Module | None = None, seed: int = 0
) -> None:
    """Hold a policy to its contract.

    Names and heads; the encoding's shape, dtype and own memory; each head's shape, rows that depend on nothing but
    themselves, and gradients against finite differences; actions that the action space contains, that follow from the
    scores and that a mask allows; what is remembered; a context that is filled in; and nothing changed by any of it.

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
    _check_names(policy)
    if env is not None:
        around = inspect_env(env, bounds=getattr(policy, "bounds", "same"))
        check_match(policy.source.name, policy.observation_space, policy.action_space, around)
    rng = np.random.default_rng(seed)
    looked = look(policy, env, rng)
    modules = modules_of(policy) if module is None else list(module.modules())
    for check in (_check_encoding, _check_heads, check_actions, check_random_actions, check_memory):
        unchanged(modules, partial(check, looked))
    for name in policy.heads:
        unchanged(modules, partial(check_derivatives, policy, name, looked.x, looked.context, seed))


def _check_names(policy: Policy) -> None:
    missing = missing_members(policy)
    hold(not missing, f"{type(policy).__name__} lacks {', '.join(missing)} of rltools.policies.base.Policy")
    hold(set(policy.heads) <= set(HEADS), f"heads {policy.heads} are not all of {HEADS}")
    hold(len(policy.heads) > 0 and policy.heads[0] != "value", f"heads {policy.heads}: the first must decide")
    expected = branches(policy.action_space)
    hold(policy.branches == expected, f"branches {policy.branches} must be {expected}, as of {policy.action_space}")
    fitting = ("logit", "q_value") if expected else ("action", "mean")
    hold(
        policy.heads[0] in fitting,
        f"the deciding head is {policy.heads[0]!r} in {policy.action_space}; it must be one of {fitting}",
    )
    count = count_actions(policy.action_space)
    names = policy.action_names
    hold(len(names) == count == len(set(names)), f"{names} must be {count} different names, one for each action")
    hold(policy.dtype in (torch.float32, torch.float64), f"dtype {policy.dtype} must be torch.float32 or float64")
    fingerprint = policy.source.sha256
    hold(
        len(fingerprint) == 64 and set(fingerprint) <= set("0123456789abcdef"),
        f"source.sha256 {fingerprint!r} must have 64 hexadecimal digits",
    )


def _check_encoding(looked: Looked) -> None:
    policy, observations = looked.policy, looked.observations
    kept = copy.deepcopy(observations)
    x = policy.encode(observations)
    shape = (ROWS, *policy.features.shape)
    hold(tuple(x.shape) == shape, f"encode gives shape {list(x.shape)}; it must be {list(shape)}, [batch, *feature]")
    hold(x.dtype == policy.dtype, f"encode gives {x.dtype}, and the policy's dtype is {policy.dtype}")
    hold(not x.requires_grad, "encode gives a tensor that requires a gradient; it must be plain")
    x.add_(1)
    of = leaves(policy.observation_space)
    same = all(np.array_equal(pick(kept, leaf), pick(observations, leaf)) for leaf in of)
    hold(same, "encode shares its memory with the observations; it must copy them")
    empty = policy.encode(looked.changed(lambda value: value[:0]))
    hold(tuple(empty.shape) == (0, *shape[1:]), f"encode of no observations gives shape {list(empty.shape)}")
    wrong = {"of a wrong shape": looked.changed(lambda value: np.zeros((2, *value.shape[1:], 7), value.dtype))}
    if of[0].path:
        wrong["with nothing in them"] = type(observations)()
    for said, given in wrong.items():
        try:
            policy.encode(given)
        except MismatchError:
            continue
        raise AssertionError(f"encode takes observations {said}; it must raise MismatchError")


def _check_heads(looked: Looked) -> None:
    policy, x, context = looked.policy, looked.x, looked.context
    for name in policy.heads:
        single = name == "value" or (name == "q_value" and not policy.branches)
        expected = (ROWS, 1 if single else len(policy.action_names))
        with torch.no_grad():
            scores = policy.head(name, x.clone(), context)
            found = tuple(scores.shape)
            hold(found == expected, f"the {name} head gives shape {list(found)}; it must be {list(expected)}")
            hold(scores.dtype == policy.dtype, f"the {name} head gives {scores.dtype} instead of {policy.dtype}")
            again = policy.head(name, x.clone(), context)
            close(f"the {name} head of the same rows a second time", again, scores, policy)
            order = torch.arange(ROWS, device=x.device).flip(0)
            backwards = policy.head(name, x[order], context.rows(order))[order]
            close(f"the {name} head of rows in another order", backwards, scores, policy)
            rows = [slice(row, row + 1) for row in range(ROWS)]
            alone = torch.cat([policy.head(name, x[row].clone(), context.rows(row)) for row in rows])
            close(f"the {name} head of rows one at a time", alone, scores, policy)


def check_actions(looked: Looked) -> None:
    """Actions are in their space, follow from the scores, and the context that comes with them is filled in.

    Raises:
        AssertionError: one of these is not so.
    """
    policy, given = looked.policy, looked.without_action()
    acted = policy.act(looked.observations, given)
    space = policy.action_space
    shape = (ROWS, *(space.shape or ()))
    hold(acted.actions.shape == shape, f"actions have shape {acted.actions.shape}; they must have {shape}")
    hold(acted.actions.dtype == space.dtype, f"actions are {acted.actions.dtype}; {space} has {space.dtype}")
    for action in acted.actions:
        hold(space.contains(action), f"the action {action} is not in {space}")
    with torch.no_grad():
        scores = policy.head(policy.heads[0], looked.x.clone(), given)
    close(f"the scores of act and those of the {policy.heads[0]} head", torch.as_tensor(acted.scores), scores, policy)
    chosen = policy.choose(torch.as_tensor(acted.scores, device=policy.device), mask=given.mask)
    hold(np.array_equal(chosen, acted.actions), "choose(scores) gives other actions than act, with the same scores")
    context = acted.context
    hold(context.action is not None and context.scores is not None, "act leaves the context's action or scores None")
    if context.action is None or context.scores is None:
        return
    hold(
        torch.equal(context.action, positions(policy, acted.actions)),
        f"the context's action {context.action.tolist()} is not {acted.actions.tolist()} as positions from 0",
    )
    close("the context's scores and those of act", context.scores, torch.as_tensor(acted.scores), policy)
    hold(_is(context.mask, given.mask) and _is(context.state, given.state), "act changes the context's mask or state")
    _check_best(looked, context.action, context.scores)


def _check_best(looked: Looked, action: Tensor, scores: Tensor) -> None:
    mask = looked.context.mask
    allowed = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    for branch, chosen in zip(branch_slices(looked.policy), action.reshape(len(action), -1).T, strict=False):
        best = allowed[:, branch].gather(1, chosen[:, None])[:, 0]
        said = " of those allowed" if mask is not None else ""
        hold(
            torch.equal(best, allowed[:, branch].amax(1)), f"act does not choose the action of the highest score{said}"
        )


def check_random_actions(looked: Looked) -> None:
    """Random actions come from the generators alone, and are in their space and allowed.

    Raises:
        AssertionError: one of these is not so.
    """
    policy, given = looked.policy, looked.without_action()

    def draw(seed: int) -> ActResult:
        rngs = [np.random.default_rng([seed, row]) for row in range(ROWS)]
        return policy.act(looked.observations, given, deterministic=False, rngs=rngs)

    try:
        first = draw(0)
    except ArgumentError:  # it has no distribution, and says so
        return
    hold(np.array_equal(first.actions, draw(0).actions), "random actions differ with the same generators")
    for action in first.actions:
        hold(policy.action_space.contains(action), f"the random action {action} is not in {policy.action_space}")
    taken = first.context.action
    if given.mask is not None and taken is not None:
        for branch, chosen in zip(branch_slices(policy), taken.reshape(ROWS, -1).T, strict=True):
            there = given.mask[:, branch].gather(1, chosen[:, None])
            hold(bool(there.all()), "a random action is one that its mask does not allow")
    certain = policy.act(looked.observations, given)
    close("the scores of a random decision and of a certain one", _of(first.scores), _of(certain.scores), policy)
    hold(_is(first.state, certain.state, policy.dtype), "a random decision leaves another state than a certain one")


def check_memory(looked: Looked) -> None:
    """What is remembered depends on the observation and on what was remembered before, and on nothing else.

    Raises:
        AssertionError: it does not; or a policy without a memory remembers something.
    """
    policy, given = looked.policy, looked.without_action()
    state = policy.act(looked.observations, given).state
    if not policy.state_size:
        hold(state is None, "state_size is 0, and act remembers something; it must say how many numbers")
        return
    shape = (ROWS, policy.state_size)
    hold(state is not None and tuple(state.shape) == shape, f"the state after act must have shape {list(shape)}")
    if state is None:
        return
    hold(bool(torch.isfinite(state).all()), "the state after act is not finite")
    with torch.no_grad():
        after = next_state(policy, looked.x.clone(), given)
        close("the state after act and that of advance", state, after, policy)
        alone = [
            next_state(policy, looked.x[row : row + 1].clone(), given.rows(slice(row, row + 1))) for row in range(ROWS)
        ]
        close("the states of rows one at a time", torch.cat(alone), after, policy)
        zeros = Context(state=torch.zeros(shape, dtype=policy.dtype, device=policy.device), mask=given.mask)
        first = next_state(policy, looked.x.clone(), zeros)
        close(
            "the states after no state and after zeros", next_state(policy, looked.x.clone(), Context()), first, policy
        )
    hold(not torch.equal(first, after), "what was remembered before changes nothing of what is remembered")


def _is(found: Tensor | None, expected: Tensor | None, dtype: torch.dtype | None = None) -> bool:
    if found is None or expected is None:
        return found is expected
    return torch.equal(found, expected) if dtype is None else torch.allclose(found.to(dtype), expected.to(dtype))


def _of(scores: np.ndarray) -> Tensor:
    return torch.as_tensor(scores)
