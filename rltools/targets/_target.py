"""The text of a target, and what it means for a policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rltools.policies.base import Policy
from rltools.targets.scores import find_score, score_names
from rltools.targets.scores._score import PROBABILITY
from rltools.targets.scores.decision import DECISION, decision_labels

SCORES = score_names()
KEYWORDS = ("chosen", "runner_up", "all")
LESS, AND = " - ", " & "


@dataclass(frozen=True)
class Target:
    """One or several scalars that a policy computes from an observation.

    As text: `centered:chosen`, `logit:left`, `action:all`, `value`, `logit:chosen - runner_up`, `logit:all & value`.

    Attributes:
        score: one of `SCORES`.
        action: "chosen", "runner_up" (the best other than the chosen one), "all", an action's name or its position;
            "" for the scores of a state ("value", "entropy", "kl") and for "decision". If several choices are made
            together, "chosen" and "runner_up" are one scalar for each, and `chosen[1]` is that of the second.
        minus: the target that is subtracted; None for a plain score.
        also: a further target, whose scalars follow in the same pass; None for none.

    Example:
        >>> import rltools
        >>> str(rltools.Target("logit", "chosen", minus=rltools.Target("logit", "runner_up")))
        'logit:chosen - runner_up'
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> target = rltools.Target("logit", "push left", also=rltools.Target("value"))
        >>> rltools.attribute(policy, [[0.0, 0.0, 0.1, 0.0]], target=target).labels
        ('logit:push left', 'value')
    """

    score: str
    action: str = ""
    minus: Target | None = None
    also: Target | None = None

    def __str__(self) -> str:
        text = f"{self.score}:{self.action}" if self.action else self.score
        if self.minus is not None:
            same = self.minus.score == self.score and self.minus.action
            text = f"{text}{LESS}{self.minus.action if same else self.minus}"
        return text if self.also is None else f"{text}{AND}{self.also}"

    @property
    def parts(self) -> tuple[Target, ...]:
        """The targets that ` & ` joins, each by itself."""
        return (self,) if self.also is None else (replace(self, also=None), *self.also.parts)


def default_target(policy: Policy) -> Target:
    """`centered:chosen` for discrete actions; `action:all`, what the environment receives, for continuous ones.

    It is `probability:chosen` if the policy computes probabilities and no logits.

    A policy with continuous actions and no "action" head has `mean:all`, or the target of its deciding head.

    The offset that all actions share decides nothing, and on real agents centered attributions were measured to agree
    better with the return that an agent loses when a feature is taken away.
    """
    if is_discrete(policy):
        return Target(PROBABILITY if policy.heads[0] == PROBABILITY else "centered", "chosen")
    head = next((name for name in ("action", "mean") if name in policy.heads), policy.heads[0])
    return Target(head, "" if is_of_state(head, policy) else "all")


def read_target(text: str, policy: Policy) -> Target | None:
    """The target that a text names for this policy; None if it is not a target.

    An exact action name wins over a keyword or a position, and a name may itself contain ` - ` or ` & `.
    """
    if text == DECISION:
        return Target(DECISION) if find_score(DECISION).is_available(policy) else None
    return _read_joint(text, policy)


def _read_joint(text: str, policy: Policy) -> Target | None:
    single = _read_single(text, policy)
    if single is not None:
        return single
    for first, second in _halves(text, AND):
        single = _read_single(first, policy)
        also = _read_joint(second, policy) if single else None
        if single is not None and also is not None:
            return replace(single, also=also)
    return None


def _read_single(text: str, policy: Policy) -> Target | None:
    plain = _read_plain(text, policy, inherited=None)
    if plain is not None:
        return plain
    for left, right in _halves(text, LESS):
        first = _read_plain(left, policy, inherited=None)
        second = _read_plain(right, policy, first.score) if first else None
        if first is None or second is None or is_several(first, policy) or is_several(second, policy):
            continue
        if count_scalars(first, policy) == count_scalars(second, policy):
            return Target(first.score, first.action, second)
    return None


def _halves(text: str, separator: str) -> Iterator[tuple[str, str]]:
    """The text before and after each occurrence of a separator."""
    for position in range(len(text)):
        if text.startswith(separator, position):
            yield text[:position], text[position + len(separator) :]


def _read_plain(text: str, policy: Policy, inherited: str | None) -> Target | None:
    score, colon, action = text.partition(":")
    if inherited is not None and not is_of_state(inherited, policy) and _is_action(text, policy):
        score, action = inherited, text
    elif not colon and is_of_state(score, policy) and score in available_scores(policy):
        return Target(score)
    if is_of_state(score, policy) or score not in available_scores(policy) or not _is_action(action, policy):
        return None
    return Target(score, action)


def _is_action(text: str, policy: Policy) -> bool:
    if text in policy.action_names or text in keywords(policy) or _is_position(text, len(policy.action_names)):
        return True
    return is_discrete(policy) and branch_of(text, policy)[0] != ""


def _is_position(text: str, count: int) -> bool:
    short = len(text) <= len(str(count))  # Python refuses to read numbers of thousands of digits
    return short and text.isascii() and text.isdigit() and int(text) < count


def keywords(policy: Policy) -> tuple[str, ...]:
    """The words that stand for actions of this policy without naming them."""
    return KEYWORDS if is_discrete(policy) else ("all",)


def is_several(target: Target, policy: Policy) -> bool:
    """Whether a target stands for one scalar per action."""
    return target.action == "all" and "all" not in policy.action_names


def branch_of(action: str, policy: Policy) -> tuple[str, int | None]:
    """Split `chosen[1]` into its keyword and the position of its choice, which is None for all choices.

    ("", None) for anything but "chosen" and "runner_up".
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
    """How many scalars a single target, plain or a difference, stands for."""
    if is_several(target, policy):
        return len(policy.action_names)
    keyword, branch = branch_of(target.action, policy)
    return len(policy.branches) if keyword and branch is None else 1


def is_discrete(policy: Policy) -> bool:
    """Whether the policy chooses among several actions by their scores."""
    return bool(policy.branches)


def available_scores(policy: Policy) -> tuple[str, ...]:
    """The scores that targets of this policy can name, its heads first; not "decision", which is a target by itself."""
    names = (name for name in SCORES if name not in policy.heads)
    scores = (find_score(name) for name in names)
    return (*policy.heads, *(score.name for score in scores if not score.alone and score.is_available(policy)))


def is_of_state(name: str, policy: Policy) -> bool:
    """Whether a score is one number for a state: its value, its entropy, or the value of a continuous action in it."""
    return find_score(name).of_state(policy)


def target_labels(target: Target, policy: Policy) -> tuple[str, ...]:
    """A label for each scalar of a target, resolved to names: `action:all` -> `action:main engine`, ..."""
    return tuple(label for part in target.parts for label in _labels(part, policy))


def _labels(target: Target, policy: Policy) -> tuple[str, ...]:
    if target.score == DECISION:
        return decision_labels(policy)
    if is_several(target, policy):
        return tuple(f"{target.score}:{name}" for name in policy.action_names)
    if count_scalars(target, policy) == 1:
        return (str(_named(target, policy)),)
    return tuple(str(_of_branch(target, branch, policy)) for branch in range(len(policy.branches)))


def _named(target: Target, policy: Policy) -> Target:
    """A target with its actions' names instead of positions, unless that text would be read as another target."""
    named = _with_names(target, policy)
    return target if named == target or read_target(str(named), policy) != named else named


def _with_names(target: Target, policy: Policy) -> Target:
    names, action = policy.action_names, target.action
    by_position = action not in names and _is_position(action, len(names))
    minus = target.minus and _with_names(target.minus, policy)
    return Target(target.score, names[int(action)] if by_position else action, minus)


def _of_branch(target: Target, branch: int, policy: Policy) -> Target:
    """The target of every choice, restricted to one of them."""
    action = f"{target.action}[{branch}]" if branch_of(target.action, policy)[0] else target.action
    minus = target.minus and _of_branch(target.minus, branch, policy)
    return Target(target.score, action, minus)
