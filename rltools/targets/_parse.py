"""From what a user writes to the target that is asked of a policy, or to what can be asked instead."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection

from rltools._util.limits import MAX_TARGETS
from rltools.errors import TargetError
from rltools.policies.base import Policy
from rltools.targets._decision import DECISION, unbounded_action, written_bounds
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

_MOST_NAMED = 20
"""So many actions are named in an error."""
_OF_PROBABILITIES = ("log_probability", "probability", "entropy", "kl")


def parse_target(text: str | Target | None, policy: Policy) -> Target:
    """A target as text, checked against what this policy has; None is the default one.

    An exact action name wins over a keyword or a position, and a name may itself contain ` - ` or ` & `.

    Raises:
        TargetError: no such score, or no such action; the message lists those the policy has. Or more than 100 scores.
    """
    if text is None:
        return default_target(policy)
    if isinstance(text, Target):
        _check_length(text)
    asked = str(text)
    if asked.count(AND) >= MAX_TARGETS and asked not in policy.action_names:
        raise TargetError(_too_long(asked.count(AND) + 1))
    found = read_target(asked, policy) or read_target(asked.strip(), policy)  # a name may begin or end with a space
    if found is None:
        raise TargetError(_refusal(asked, policy))
    # Files and folders know a target by its text, so no other target may have the same.
    if read_target(str(found), policy) != found or (isinstance(text, Target) and found != text):
        raise TargetError(
            f"the target {asked!r} can be read in two ways, because of the names of the actions of "
            f"{policy.source.name} ({_named(policy)}); name the actions by their positions, "
            f"for instance {found.score}:0 - 1"
        )
    twice = [label for label, times in Counter(target_labels(found, policy)).items() if times > 1]
    if twice and found.also is not None:
        raise TargetError(f"the target {asked!r} asks for {', '.join(twice)} more than once; leave one of them out")
    return found


def fitting_target(method: str, needs: Collection[str], target: str | Target | None, policy: Policy) -> Target:
    """The target that a method is asked about; None is its default: the decision for methods that are about it.

    Args:
        method: its name.
        needs: what it declares to need.
        target: as `parse_target` takes it.
        policy: that is asked.

    Raises:
        TargetError: the policy has no such target, or the method cannot be asked about it.
    """
    about_decision = DECISION in needs
    found = parse_target(DECISION if target is None and about_decision else target, policy)
    if about_decision and found.score != DECISION:
        raise TargetError(
            f"{method} is about what {policy.source.name} decides, and {str(found)!r} is a score of it; leave the "
            f"target out or give 'decision', or ask another method, for instance shapley"
        )
    if found.score == DECISION and not about_decision:
        raise TargetError(
            f"'decision' can only be compared, not differentiated or shared out, so {method} has nothing to say of it; "
            f"ask decision_change, or give the target {str(default_target(policy))!r}"
        )
    return found


def _refusal(text: str, policy: Policy) -> str:
    scores = available_scores(policy)
    of_actions = [score for score in scores if not is_of_state(score, policy)]
    names = _named(policy)
    of_states = ", ".join(score for score in scores if is_of_state(score, policy)) or "none"
    decision = "" if unbounded_action(policy) else "; or decision"
    return (
        f"{policy.source.name} has no target {_shortened(text)!r}"
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
        f"the target asks for {count} scores in one pass, and up to {MAX_TARGETS} are explained together; take one "
        f"for every action, for instance logit:all, or ask for some of them at a time"
    )


def _named(policy: Policy) -> str:
    """The names of the actions, or some of many."""
    names = ", ".join(map(repr, policy.action_names[:_MOST_NAMED]))
    more = len(policy.action_names) - _MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}..."


def _reason(text: str, policy: Policy) -> str:
    """Why this policy lacks what others have; "" where there is no reason to give."""
    asked = {re.split(" |:", part.strip())[0] for part in re.split(f"{LESS}|{AND}", text)}
    missing_members = [score for score in _OF_PROBABILITIES if score in asked - {*available_scores(policy)}]
    if missing_members and "logit" not in policy.heads:
        return f": {missing_members[0]} is about the probabilities of actions, and it has none, because no head gives logits."
    if missing_members:
        return f": {missing_members[0]} compares with the recorded logits, and what it is recorded with is {policy.heads[0]}."
    if "advantage" in asked and "advantage" not in policy.heads:
        return ": only duelling networks with an 'advantage' head have one."
    if text.strip() == DECISION:
        unbounded = unbounded_action(policy)
        return (
            f": a change of its action is measured by how far it can range, and "
            f"{unbounded!r}{written_bounds(policy, unbounded)} has no bounds; give the policy an action_space with "
            f"bounds, or explain action:all."
        )
    if DECISION in asked:
        return ": a decision is asked for alone, as 'decision'."
    return ""


def _suggestion(text: str, policy: Policy) -> str:
    """What may have been meant, with the nearest scores and actions there are; "." where nothing is near."""
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


def _nearest(name: str, known: Collection[str]) -> str:
    """The known one that is written most alike; the name itself where none is."""
    if name in known:
        return name
    lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return lower[close[0]] if close else name
