"""Reads targets that users write, with errors that name the targets a policy has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np

from rltools._util.limits import MAX_TARGETS
from rltools._util.text import cut, nearest_names
from rltools.errors import GradientError, TargetError
from rltools.policies.base import Policy, is_differentiable
from rltools.targets._target import (
    AND,
    LESS,
    Target,
    available_scores,
    default_target,
    is_discrete,
    is_of_state,
    keywords,
    read_target,
    target_labels,
)
from rltools.targets.scores import find_score
from rltools.targets.scores.decision import DECISION, unbounded_action

_MOST_NAMED = 20
"""The most actions that an error names."""


def parse_target(text: str | Target | None, policy: Policy) -> Target:
    """Read a target that users write, and check that this policy has it; None is the default target.

    An exact action name wins over a keyword or a position, and a name may itself contain `-` or `&`.

    Raises:
        TargetError: no such score or action; the message lists those the policy has. Or more than 100 scores.
    """
    if text is None:
        return default_target(policy)
    if isinstance(text, Target):
        _check_length(text)
    written = str(text)
    if written.count(AND) >= MAX_TARGETS and written not in policy.action_names:
        raise TargetError(_too_long(written.count(AND) + 1))
    target = read_target(written, policy) or read_target(
        written.strip(), policy
    )  # a name may begin or end with a space
    if target is None:
        raise TargetError(_refusal(written, policy))
    # Files and folders know a target by its text, so no other target may have the same.
    if read_target(str(target), policy) != target or (isinstance(text, Target) and target != text):
        raise TargetError(
            f"the target {written!r} can be read in two ways, because of the names of the actions of "
            f"{policy.source.name} ({_named(policy)}); name the actions by their positions, "
            f"for instance {target.score}:0 - 1"
        )
    twice = [label for label, times in Counter(target_labels(target, policy)).items() if times > 1]
    if twice and target.also is not None:
        raise TargetError(f"the target {written!r} names {', '.join(twice)} more than once; leave one of them out")
    return target


def fitting_target(method: str, needs: Collection[str], target: str | Target | None, policy: Policy) -> Target:
    """The target that a method explains; None is its default: "decision" for methods that need it.

    Args:
        method: its name.
        needs: the method's declared needs.
        target: as `parse_target` takes it.
        policy: whose target it is.

    Raises:
        TargetError: the policy has no such target, or the method cannot explain it.
        GradientError: the method differentiates, and the policy has no gradients.
    """
    if "gradient" in needs and not is_differentiable(policy):
        raise GradientError(
            f"{method} differentiates, and {policy.source.name} has no gradients; take one that replaces features, for "
            f"instance shapley, sampled_shapley, occlusion or decision_change"
        )
    needs_decision = DECISION in needs
    parsed = parse_target(DECISION if target is None and needs_decision else target, policy)
    if needs_decision and parsed.score != DECISION:
        raise TargetError(
            f"{method} explains the decision of {policy.source.name}, not a score such as {str(parsed)!r}; leave the "
            f"target out or give 'decision', or take another method, for instance shapley"
        )
    if parsed.score == DECISION and not needs_decision:
        raise TargetError(
            f"'decision' can only be compared, not differentiated or shared out, so {method} cannot explain it; "
            f"take decision_change, or give the target {str(default_target(policy))!r}"
        )
    return parsed


def _refusal(text: str, policy: Policy) -> str:
    scores = available_scores(policy)
    of_actions = [score for score in scores if not is_of_state(score, policy)]
    names = _named(policy)
    of_states = ", ".join(score for score in scores if is_of_state(score, policy)) or "none"
    decision = "" if unbounded_action(policy) else "; or decision"
    return (
        f"{policy.source.name} has no target {cut(text, 200)!r}"
        f"{_reason(text, policy) or _suggestion(text, policy)} A target is "
        f"SCORE:ACTION, with a score of {', '.join(of_actions)} and an action of {', '.join(keywords(policy))}, a "
        f"position below {len(policy.action_names)} or a name ({names}); or a score of the state ({of_states}); or the "
        f"difference of two single ones; or several of these in one pass{decision}; for instance "
        f"{default_target(policy)}, {default_target(policy)} & {of_actions[0]}:0"
        + (f" or {of_actions[0]}:chosen - runner_up" if is_discrete(policy) else "")
    )


def _check_length(target: Target) -> None:
    count, last = 1, target
    while last.also is not None:
        count, last = count + 1, last.also
    if count > MAX_TARGETS:
        raise TargetError(_too_long(count))


def _too_long(count: int) -> str:
    return (
        f"the target names {count} scores in one pass, and up to {MAX_TARGETS} are explained together; take one "
        f"for every action, for instance logit:all, or explain some of them at a time"
    )


def _named(policy: Policy) -> str:
    """The names of the actions, shortened if there are many."""
    names = ", ".join(map(repr, policy.action_names[:_MOST_NAMED]))
    more = len(policy.action_names) - _MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names


def _reason(text: str, policy: Policy) -> str:
    """Why this policy lacks a score that others have; "" if there is no reason to give."""
    parts = [re.split(" |:", part.strip())[0] for part in re.split(f"{LESS}|{AND}", text)]
    for name in parts:
        if not find_score(name).is_available(policy) and (missing := find_score(name).missing):
            return f": {missing.format(deciding=policy.heads[0])}."
    if text.strip() == DECISION:
        unbounded = unbounded_action(policy)
        return (
            f": a change of its action is measured by how far it can range, and "
            f"{unbounded!r}{_written_bounds(policy, unbounded)} has no bounds; give the policy an action_space with "
            f"bounds, or explain action:all."
        )
    if DECISION in parts:
        return ": 'decision' cannot be combined with other targets."
    return ""


def _written_bounds(policy: Policy, name: str) -> str:
    """`, from -3.4e+38 to 3.4e+38,`: the bounds of an action that count as none; "" for infinite ones."""
    space: Any = policy.action_space
    position = policy.action_names.index(name)
    low, high = (float(bound.reshape(-1)[position]) for bound in (space.low, space.high))
    return f", from {low:.3g} to {high:.3g}," if np.isfinite([low, high]).all() else ""


def _suggestion(text: str, policy: Policy) -> str:
    """A question with the nearest target that the policy has; "." if none is near."""
    actions = [*policy.action_names, *keywords(policy)]
    mended, score = "", ""
    for part in re.split(f"({LESS}|{AND})", text.strip()):
        head, colon, action = part.partition(":")
        if part in (LESS, AND):
            mended += part
        elif colon:
            score = _nearest(head, available_scores(policy))
            mended += f"{score}:{_nearest(action, actions)}"
        else:  # after a difference, an action of the same score
            mended += _nearest(part, actions if mended.endswith(LESS) and score else available_scores(policy))
    return f"; did you mean {mended!r}?" if mended != text and read_target(mended, policy) else "."


def _nearest(name: str, names: Collection[str]) -> str:
    """The name with the most similar spelling; the given name itself if none is close."""
    if name in names:
        return name
    return next(iter(nearest_names(name, names, count=1)), name)
