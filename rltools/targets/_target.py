"""The text of a target, and what it means for a policy."""

from __future__ import annotations

from dataclasses import dataclass

from rltools.errors import TargetError
from rltools.policy import Policy

DISCRETE_SCORES = ("logit", "q_value", "centred", "log_probability", "probability")
CONTINUOUS_SCORES = ("action", "mean")
STATE_SCORES = ("value", "entropy")
SCORES = DISCRETE_SCORES + CONTINUOUS_SCORES + STATE_SCORES
KEYWORDS = ("chosen", "runner_up", "all")


@dataclass(frozen=True)
class Target:
    """A scalar, or several, that a policy computes from one observation.

    As text: `centred:chosen`, `logit:left`, `action:all`, `value`, `logit:chosen - runner_up`.

    Attributes:
        score: one of `SCORES`.
        action: "chosen", "runner_up" (the best other than the chosen one), "all", an action's name or its position;
            "" for the scores of a state ("value", "entropy"). Where several choices are made at once, "chosen" and
            "runner_up" are one scalar for each, and `chosen[1]` is that of one.
        minus: what is subtracted; None for a plain score.
    """

    score: str
    action: str = ""
    minus: Target | None = None

    def __str__(self) -> str:
        text = f"{self.score}:{self.action}" if self.action else self.score
        if self.minus is None:
            return text
        same = self.minus.score == self.score and self.minus.action
        return f"{text} - {self.minus.action if same else self.minus}"


def default_target(policy: Policy) -> Target:
    """`centred:chosen` for discrete actions; `action:all`, what the environment receives, for continuous ones.

    The offset that all actions share decides nothing, and measured on real agents centred attributions agree better
    with what an agent loses when a feature is taken away.
    """
    return Target("centred", "chosen") if is_discrete(policy) else Target("action", "all")


def parse_target(text: str | Target | None, policy: Policy) -> Target:
    """A target as text, checked against what this policy has; None is the default one.

    An exact action name wins over a keyword or a position, and a name may itself contain ` - `.

    Raises:
        TargetError: no such score, or no such action; the message lists those the policy has.
    """
    if text is None:
        return default_target(policy)
    asked = str(text)
    found = _parse(asked, policy) or _parse(asked.strip(), policy)  # a name may begin or end with a space
    if found is None:
        raise TargetError(_refusal(asked, policy))
    # Files and folders know a target by its text, so no other target may have the same.
    if _parse(str(found), policy) != found or (isinstance(text, Target) and found != text):
        raise TargetError(
            f"the target {asked!r} can be read in two ways, because of the names of the actions of "
            f"{policy.source.name} ({', '.join(map(repr, policy.action_names))}); name the actions by their positions, "
            f"for instance {found.score}:0 - 1"
        )
    return found


def _parse(text: str, policy: Policy) -> Target | None:
    plain = _parse_plain(text, policy, inherited=None)
    if plain is not None:
        return plain
    for at in (i for i in range(len(text)) if text.startswith(" - ", i)):
        first = _parse_plain(text[:at], policy, inherited=None)
        second = _parse_plain(text[at + 3 :], policy, first.score) if first else None
        if first is None or second is None or is_several(first, policy) or is_several(second, policy):
            continue
        if count_scalars(first, policy) == count_scalars(second, policy):
            return Target(first.score, first.action, second)
    return None


def is_several(target: Target, policy: Policy) -> bool:
    """Whether a target stands for one scalar per action."""
    return target.action == "all" and "all" not in policy.action_names


def branch_of(action: str, policy: Policy) -> tuple[str, int | None]:
    """A keyword, and which choice it is of where several are made at once: `chosen[1]`; None for all of them.

    ("", None) where it is none of "chosen" and "runner_up".
    """
    keyword, bracket, rest = action.partition("[")
    if action in policy.action_names or keyword not in ("chosen", "runner_up"):
        return "", None
    if not bracket:
        return keyword, None
    inside = rest.removesuffix("]")
    if rest != f"{inside}]" or len(policy.branches) < 2 or not _is_position(inside, len(policy.branches)):
        return "", None
    return keyword, int(inside)


def count_scalars(target: Target, policy: Policy) -> int:
    """How many scalars a target stands for."""
    if is_several(target, policy):
        return len(policy.action_names)
    keyword, branch = branch_of(target.action, policy)
    return len(policy.branches) if keyword and branch is None else 1


def _parse_plain(text: str, policy: Policy, inherited: str | None) -> Target | None:
    score, colon, action = text.partition(":")
    if inherited is not None and not is_of_state(inherited, policy) and _is_action(text, policy):
        score, action = inherited, text
    elif not colon and is_of_state(score, policy) and score in available_scores(policy):
        return Target(score)
    if is_of_state(score, policy) or score not in available_scores(policy) or not _is_action(action, policy):
        return None
    return Target(score, action)


def _is_action(text: str, policy: Policy) -> bool:
    keywords = KEYWORDS if is_discrete(policy) else ("all",)
    known = text in policy.action_names or text in keywords or _is_position(text, len(policy.action_names))
    return known or (is_discrete(policy) and branch_of(text, policy)[0] != "")


def _is_position(text: str, count: int) -> bool:
    return text.isascii() and text.isdigit() and int(text) < count


def is_discrete(policy: Policy) -> bool:
    """Whether the policy chooses among several actions by their scores."""
    return bool(policy.branches)


def available_scores(policy: Policy) -> tuple[str, ...]:
    """The scores a target of this policy can name."""
    centred = ("centred",) if is_discrete(policy) else ()
    of_logits = ("log_probability", "probability", "entropy") if "logit" in policy.heads else ()
    return (*policy.heads, *centred, *of_logits)


def is_of_state(score: str, policy: Policy) -> bool:
    """Whether a score is one number for a state: its value, its entropy, or the value of a continuous action in it."""
    return score in STATE_SCORES or (score == "q_value" and not is_discrete(policy))


def _refusal(text: str, policy: Policy) -> str:
    scores = available_scores(policy)
    of_actions = [score for score in scores if not is_of_state(score, policy)]
    keywords = ", ".join(KEYWORDS if is_discrete(policy) else ("all",))
    names = ", ".join(map(repr, policy.action_names))
    of_states = ", ".join(score for score in scores if is_of_state(score, policy)) or "none"
    return (
        f"{policy.source.name} has no target {text!r}. A target is SCORE:ACTION, with a score of "
        f"{', '.join(of_actions)} and an action of {keywords}, a position below {len(policy.action_names)} or a name "
        f"({names}); or a score of the state ({of_states}); or the difference of two single ones, for instance "
        f"{default_target(policy)}" + (f" or {of_actions[0]}:chosen - runner_up" if is_discrete(policy) else "")
    )


def target_labels(target: Target, policy: Policy) -> tuple[str, ...]:
    """A label for each scalar of a target, always resolved: `action:all` -> `action:main engine`, ..."""
    if is_several(target, policy):
        return tuple(f"{target.score}:{name}" for name in policy.action_names)
    if count_scalars(target, policy) == 1:
        return (str(target),)
    return tuple(str(_of_branch(target, branch, policy)) for branch in range(len(policy.branches)))


def _of_branch(target: Target, branch: int, policy: Policy) -> Target:
    """A target of every choice as that of one of them."""
    action = f"{target.action}[{branch}]" if branch_of(target.action, policy)[0] else target.action
    minus = target.minus and _of_branch(target.minus, branch, policy)
    return Target(target.score, action, minus)
