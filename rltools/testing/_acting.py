"""Whether a policy acts by its scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rltools.errors import ArgumentError
from rltools.policy import Acted, Context, advanced, positions
from rltools.testing._looked import ROWS, Looked, branch_slices, close, hold


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

    def draw(seed: int) -> Acted:
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
        after = advanced(policy, looked.x.clone(), given)
        close("the state after act and that of advance", state, after, policy)
        alone = [
            advanced(policy, looked.x[row : row + 1].clone(), given.rows(slice(row, row + 1))) for row in range(ROWS)
        ]
        close("the states of rows one at a time", torch.cat(alone), after, policy)
        zeros = Context(state=torch.zeros(shape, dtype=policy.dtype, device=policy.device), mask=given.mask)
        first = advanced(policy, looked.x.clone(), zeros)
        close("the states after no state and after zeros", advanced(policy, looked.x.clone(), Context()), first, policy)
    hold(not torch.equal(first, after), "what was remembered before changes nothing of what is remembered")


def _is(found: Tensor | None, expected: Tensor | None, dtype: torch.dtype | None = None) -> bool:
    if found is None or expected is None:
        return found is expected
    return torch.equal(found, expected) if dtype is None else torch.allclose(found.to(dtype), expected.to(dtype))


def _of(scores: np.ndarray) -> Tensor:
    return torch.as_tensor(scores)
