"""Whether a policy keeps the contract that everything else relies on."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import torch
from torch import nn

from rltools.environments import Environment
from rltools.errors import MismatchError
from rltools.observations import leaves, pick
from rltools.policies._actions import branches, count_actions
from rltools.policies._surroundings import check_match, look_at
from rltools.policies.torch_policy import HEADS
from rltools.policy import Policy, lacking
from rltools.testing._acting import check_actions, check_memory, check_random_actions
from rltools.testing._derivatives import check_derivatives
from rltools.testing._looked import ROWS, Looked, close, hold, look
from rltools.testing._unchanged import modules_of, unchanged


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
        around = look_at(env, bounds=getattr(policy, "bounds", "same"))
        check_match(policy.source.name, policy.observation_space, policy.action_space, around)
    rng = np.random.default_rng(seed)
    looked = look(policy, env, rng)
    modules = modules_of(policy) if module is None else list(module.modules())
    for check in (_check_encoding, _check_heads, check_actions, check_random_actions, check_memory):
        unchanged(modules, partial(check, looked))
    for name in policy.heads:
        unchanged(modules, partial(check_derivatives, policy, name, looked.x, looked.context, seed))


def _check_names(policy: Policy) -> None:
    missing = lacking(policy)
    hold(not missing, f"{type(policy).__name__} lacks {', '.join(missing)} of rltools.policy.Policy")
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
