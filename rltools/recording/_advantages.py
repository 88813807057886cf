"""How much better actions turned out than the policy expected, and by how much each was preferred to the next best."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from rltools._util.short_repr import short_repr
from rltools.recording._folder import RecordingFolder
from rltools.recording._header import Header
from rltools.recording.episode import Episode

GAMMA, GAE_LAMBDA = 0.99, 0.95
"""The discount and the decay that are assumed where the model does not say: the defaults of PPO."""
ROWS = 1 << 16
"""How many steps are converted to float64 at a time, because a long episode has many scores."""


@dataclass(frozen=True)
class Advantages:
    """How much better each action of an episode turned out than the policy expected.

    Attributes:
        values: float64 `[step]`, in discounted return; NaN where a reward or a value is not a number.
        method: "GAE", generalized advantage estimation, or "TD error", of a Q-network.
        gamma: the discount of a reward one step later.
        gae_lambda: the decay with which later TD errors count; None for TD errors, which look one step ahead.
        assumed: which of "gamma" and "gae_lambda" the model does not say.
        reward_scale: rewards were divided by it, as in the training of the values; None if they were not.

    Example:
        >>> import rltools
        >>> from rltools.recording import advantages
        >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=1, max_steps=40)
        >>> estimated = advantages(recording, 0)
        >>> estimated.values.shape, estimated.assumed
        ((40,), ())
        >>> estimated.description
        'GAE, gamma 0.98, lambda 0.8'
    """

    values: np.ndarray
    method: str
    gamma: float
    gae_lambda: float | None
    assumed: tuple[str, ...] = ()
    reward_scale: float | None = None

    __repr__ = short_repr

    @property
    def unit(self) -> str:
        """What the values are in."""
        return "discounted return" if self.reward_scale is None else "normalized discounted return"

    @property
    def description(self) -> str:
        """The method with its parameters in words: those assumed are marked."""
        numbers = {"gamma": ("gamma", self.gamma), "gae_lambda": ("lambda", self.gae_lambda)}
        parts = [
            f"{word} {number:g}{' (assumed)' if name in self.assumed else ''}"
            for name, (word, number) in numbers.items()
            if number is not None
        ]
        return ", ".join([self.method, *parts])


def advantages(recording: RecordingFolder, number: int) -> Advantages | None:
    """The advantage of each action of an episode over what its policy expected; None if the policy has no values.

    With values V of states, generalized advantage estimation: the sum of `(gamma * lambda)^k` times the TD error
    `r + gamma V(s') - V(s)` of the k-th step after it. With a Q-network, the TD error itself,
    `r + gamma max Q(s', .) - Q(s, a)`; for continuous actions that of the action taken next stands in for the maximum.
    After a termination there is nothing to expect; after a truncation or a step limit it is the value of the final
    observation; and after a fault the last step has no advantage.

    Gamma and lambda are those of the training where the model says them, and else assumed. Rewards are scaled as in the
    training (see `Header.reward_scale`), because values estimate those.

    Args:
        recording: the recording.
        number: the number of the episode.

    Raises:
        UnknownNameError: there is no such episode.
        CorruptError: its file is damaged.

    Reference:
        Schulman, Moritz, Levine, Jordan and Abbeel: High-Dimensional Continuous Control Using Generalized Advantage
        Estimation, ICLR 2016.

    Example:
        >>> import numpy as np, rltools
        >>> from rltools.recording import advantages
        >>> policy = rltools.load_policy("lunarlander-dqn")
        >>> recording = rltools.record(policy, episodes=1, max_steps=40)
        >>> errors = advantages(recording, 0)
        >>> errors.description
        'TD error, gamma 0.99'
        >>> episode = recording.episode(0)
        >>> expected = episode.rewards + 0.99 * episode.values[1:] - episode.scores.max(axis=1)
        >>> bool(np.allclose(errors.values, expected, atol=1e-3))
        True
    """
    return episode_advantages(recording.episode(number), recording.header)


def episode_advantages(episode: Episode, header: Header) -> Advantages | None:
    """The same as `advantages`, of an episode that is in memory, with the header of its recording."""
    if episode.values is None:
        return None
    gamma = GAMMA if header.gamma is None else header.gamma
    assumed: tuple[str, ...] = ("gamma",) if header.gamma is None else ()
    rewards, values = episode.rewards.astype(np.float64), episode.values.astype(np.float64)
    if header.reward_scale is not None:
        rewards = rewards / header.reward_scale
        if header.reward_clip is not None:
            rewards = rewards.clip(-header.reward_clip, header.reward_clip)
    after = np.where(episode.terminated, 0.0, values[1:])
    if header.value_head == "q_value":
        errors = rewards + gamma * after - _taken(episode, header, values[:-1])
        return Advantages(errors, "TD error", gamma, None, assumed, header.reward_scale)
    gae_lambda = GAE_LAMBDA if header.gae_lambda is None else header.gae_lambda
    assumed += ("gae_lambda",) if header.gae_lambda is None else ()
    sums = _decayed_sums(rewards + gamma * after - values[:-1], gamma * gae_lambda)
    return Advantages(sums, "GAE", gamma, gae_lambda, assumed, header.reward_scale)


def _taken(episode: Episode, header: Header, values: np.ndarray) -> np.ndarray:
    """The Q-value of the action taken at each step: a score, or with continuous actions the recorded value."""
    if header.score != "q_value" or header.action_start is None:
        return values
    positions = episode.actions.astype(np.int64) - header.action_start
    taken: np.ndarray = episode.scores[np.arange(len(positions)), positions].astype(np.float64)
    return taken


def _decayed_sums(errors: np.ndarray, decay: float) -> np.ndarray:
    """Each of `errors [step]` plus `decay` times the sum that follows; it begins anew before one that is not finite."""
    sums = np.full(len(errors), np.nan)
    following = 0.0
    for step, error in reversed(list(enumerate(errors.tolist()))):
        following = error + decay * following
        if isfinite(following):
            sums[step] = following
        else:
            following = 0.0
    return sums


def margins(recording: RecordingFolder, number: int) -> np.ndarray | None:
    """By how much the score of the action taken is above that of the runner-up, at each step: float64 `[step]`.

    The runner-up is the best of the other allowed actions; a margin is below 0 if an action was taken that is not the
    best, and NaN if no other was allowed. None for continuous actions and for several choices at once.

    Args:
        recording: the recording.
        number: the number of the episode.

    Raises:
        UnknownNameError: there is no such episode.
        CorruptError: its file is damaged.

    Example:
        >>> import rltools
        >>> from rltools.recording import margins
        >>> recording = rltools.record(rltools.load_policy("lunarlander-ppo"), episodes=1, max_steps=40)
        >>> bool((margins(recording, 0) > 0).all())
        True
    """
    return episode_margins(recording.episode(number), recording.header)


def episode_margins(episode: Episode, header: Header) -> np.ndarray | None:
    """The same as `margins`, of an episode that is in memory, with the header of its recording."""
    scores = episode.scores
    if header.action_start is None or scores.ndim != 2 or scores.shape[1] < 2:
        return None
    positions = episode.actions.astype(np.int64).reshape(len(scores)) - header.action_start
    result = np.empty(len(scores))
    for start in range(0, len(scores), ROWS):
        part = slice(start, start + ROWS)
        others, taken = scores[part].astype(np.float64), positions[part]
        rows = np.arange(len(others))
        own = others[rows, taken].copy()
        others[rows, taken] = -np.inf
        if episode.masks is not None and episode.masks.shape == scores.shape:
            others[~episode.masks[part]] = -np.inf
        runner_up = others.max(axis=1)
        result[part] = np.where(np.isfinite(runner_up) & np.isfinite(own), own - runner_up, np.nan)
    return result
