"""Policies of every kind of observation and action, with a memory, with masks; and what each can get wrong."""

import dataclasses

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Text, Tuple
from torch import nn

import rltools
from rltools.policies.base import RecurrentState
from rltools.testing import check_policy

STATES = Box(-5, 5, (4,), np.float32)
ARM = Box(np.array([-1, 3], np.float32), np.array([2, 9], np.float32))
HOUSE = Dict(
    camera=Box(0, 255, (4, 5, 3), np.uint8),
    inside=Tuple(
        [Discrete(3, start=-1), MultiBinary(2), Dict(walls=MultiDiscrete([[2, 3], [2, 2]], start=[[1, 0], [0, 0]]))]
    ),
    mission=Text(9),
)
BLACKJACK = Tuple([Discrete(32), Discrete(11), Discrete(2)])
SPACES = [STATES, Discrete(4, start=2), MultiDiscrete([3, 2]), MultiBinary((2, 2)), HOUSE, Tuple([STATES, Discrete(2)])]
ACTIONS = [Discrete(3), MultiDiscrete([3, 2]), MultiDiscrete([2, 2], start=[5, -1]), MultiBinary(2), ARM]


def tensors(x):
    if isinstance(x, torch.Tensor):
        return [x]
    return [part for entry in (x.values() if isinstance(x, dict) else x) for part in tensors(entry)]


class Anything(nn.Module):
    """A layer of whatever it is given."""

    def __init__(self, inputs, outputs):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(inputs, 6), nn.Tanh(), nn.Linear(6, outputs))

    def forward(self, x):
        return self.layers(torch.cat([part.flatten(1) / 10 for part in tensors(x)], dim=1))


def size(space):
    return rltools.TorchPolicy(lambda x: x, space, Discrete(2)).features.size


def outputs(space):
    return len(rltools.TorchPolicy(lambda x: x, STATES, space).action_names)


@pytest.mark.parametrize("acted", ACTIONS, ids=str)
@pytest.mark.parametrize("observed", SPACES, ids=str)
def test_every_space(observed, acted):
    module = Anything(size(observed), outputs(acted))
    check_policy(rltools.TorchPolicy(module, observed, acted))


def test_the_value_of_a_continuous_action():
    net, value = Anything(4, 2), Anything(6, 1)
    heads = {"action": net, "q_value": lambda x, action: value([x, action])}
    check_policy(rltools.TorchPolicy(nn.ModuleList([net, value]), STATES, ARM, heads))


class Remembering(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.cell, self.top, self.value = nn.GRUCell(4, 5), nn.Linear(5, 3), nn.Linear(5, 1)


def with_memory(change=None):
    module = Remembering()

    def remember(x, state):
        return module.cell(x, state)

    def advance(x, state):
        recalled = remember(x, state)
        return (recalled, recalled) if change is None else change(x, state, recalled)

    memory = RecurrentState(5, lambda name, x, state: remember(x, state), advance)
    heads = {"logit": module.top, "value": module.value}
    return rltools.TorchPolicy(module, STATES, Discrete(3), heads, memory=memory)


def test_a_memory():
    check_policy(with_memory())


def test_a_memory_and_a_deviation():
    module, top = Remembering(), nn.Linear(5, 2)
    memory = RecurrentState(
        5, lambda name, x, state: module.cell(x, state), lambda x, state: (module.cell(x, state),) * 2
    )
    heads = {"mean": top, "value": module.value}
    both = nn.ModuleList([module, top])
    check_policy(
        rltools.TorchPolicy(both, STATES, ARM, heads, memory=memory, std=lambda recalled: recalled[:, :2].exp())
    )


@pytest.mark.parametrize("acted", ACTIONS[:4], ids=str)
def test_masks(acted):
    check_policy(rltools.TorchPolicy(Anything(4, outputs(acted)), STATES, acted, masked=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, state, after: (after, after.mean(0, keepdim=True).expand_as(after)), "rows one at a time"),
        (lambda x, state, after: (after, x[:, [0, 1, 2, 3, 0]]), "the state before does not change the state after"),
        (lambda x, state, after: (after, after[:, :4]), r"must have shape \[6, 5\]"),
        (lambda x, state, after: (after, after * torch.inf), "is not finite"),
        (lambda x, state, after: (after + 1, after), "the scores of act and those of the logit head"),
    ],
)
def test_a_memory_that_is_not_the_rows_own(change, message):
    with pytest.raises(AssertionError, match=message):
        check_policy(with_memory(change))


class Altered(rltools.TorchPolicy):
    """A policy with one method replaced."""

    def __init__(self, name, replacement, observed=STATES, acted=None, **options):
        acted = MultiDiscrete([3, 2]) if acted is None else acted
        super().__init__(Anything(size(observed), outputs(acted)), observed, acted, **options)
        original = getattr(self, name)
        setattr(self, name, lambda *arguments, **named: replacement(self, original, *arguments, **named))


def without_masks(policy, original, scores, *, deterministic=True, rngs=None, mask=None):
    return original(scores, deterministic=deterministic, rngs=rngs)


def certain_masks_only(policy, original, scores, *, deterministic=True, rngs=None, mask=None):
    return original(scores, deterministic=deterministic, rngs=rngs, mask=mask if deterministic else None)


def another_mask(policy, original, observations, context, **options):
    acted = original(observations, context, **options)
    return dataclasses.replace(acted, context=dataclasses.replace(acted.context, mask=~context.mask))


def forgetting_the_state(policy, original, observations, context, *, deterministic=True, rngs=None):
    acted = original(observations, context, deterministic=deterministic, rngs=rngs)
    return acted if deterministic else dataclasses.replace(acted, state=None)


def second_branch_reversed(policy, original, scores, **options):
    actions = original(scores, **options)
    actions[:, 1] = 1 - actions[:, 1]
    return actions


def some_keys(policy, original, observations):
    return original({"a": np.zeros((0, 4), np.float32), "b": np.zeros(0, np.int64)} | observations)


@pytest.mark.parametrize(
    ("name", "replacement", "options", "message"),
    [
        ("choose", second_branch_reversed, {}, "does not choose the action of the highest score"),
        ("choose", without_masks, {"masked": True}, "highest score of those allowed"),
        ("choose", certain_masks_only, {"masked": True}, "one that its mask does not allow"),
        ("act", another_mask, {"masked": True}, "changes the context's mask or state"),
        ("encode", some_keys, {"observed": Dict(a=STATES, b=Discrete(2))}, "observations with nothing in them"),
    ],
)
def test_what_breaks_the_contract_is_found(name, replacement, options, message):
    with pytest.raises(AssertionError, match=message):
        check_policy(Altered(name, replacement, **options))


def test_a_random_decision_that_forgets():
    policy = with_memory()
    original = policy.act
    policy.act = lambda *args, **named: forgetting_the_state(policy, original, *args, **named)
    with pytest.raises(AssertionError, match="leads to another state than a deterministic one"):
        check_policy(policy)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("branches", (5,), r"branches \(5,\) must be \(3, 2\)"),
        ("heads", ("action",), "the deciding head is 'action' in MultiDiscrete"),
        ("state_size", 4, r"the state after act must have shape \[6, 4\]"),
    ],
)
def test_attributes(attribute, value, message):
    policy = rltools.TorchPolicy(Anything(4, 5), STATES, MultiDiscrete([3, 2]))
    setattr(policy, attribute, value)
    with pytest.raises(AssertionError, match=message):
        check_policy(policy)


def test_a_memory_that_is_not_announced():
    policy = with_memory()
    original = policy.act
    policy.state_size = 0
    policy._state_before = lambda rows, context: torch.zeros(rows, 5)
    assert original is not None
    with pytest.raises(AssertionError, match="state_size is 0, and act returns a state"):
        check_policy(policy)


def test_observations_of_an_environment_with_a_tuple():
    policy = rltools.TorchPolicy(Anything(size(BLACKJACK), 2), BLACKJACK, Discrete(2))
    check_policy(policy, "Blackjack-v1")
