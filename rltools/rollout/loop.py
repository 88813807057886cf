"""Runs the stepping loop: single environments side by side, one call of the policy per round."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from math import isfinite
from typing import Any

import gymnasium
import numpy as np

from rltools.policies.base import Policy
from rltools.recording import Outcome
from rltools.recording.writers import EpisodeWriter
from rltools.rollout.act import act
from rltools.rollout.faults import as_flag, as_reward, checked_step, error_text, score_fault
from rltools.rollout.render import draw
from rltools.rollout.running_episodes import RunningEpisode, RunningEpisodes

Decision = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""Actions `[episode, ...]`, scores `[episode, k]` and next recurrent states `[episode, state]`, in order of slots."""
Decide = Callable[[Policy, RunningEpisodes, list[np.random.Generator] | None], Decision]


def act_on_observations(policy: Policy, running: RunningEpisodes, rngs: list[np.random.Generator] | None) -> Decision:
    """The decision on the observations as the environments returned them."""
    return act(policy, running.observations, running.slots, rngs, running.extras)


def run_episodes(
    policy: Policy,
    numbers: Sequence[int],
    open_env: Callable[[bool], gymnasium.Env[Any, Any]],
    open_writer: Callable[[int], tuple[EpisodeWriter, bool]],
    *,
    seed_of: Callable[[int], int],
    num_envs: int,
    deterministic: bool,
    max_steps: int,
    decide: Decide = act_on_observations,
    value_head: str = "",
) -> Generator[Outcome, None, None]:
    """Run episodes, each the same whatever runs beside it, and yield the outcome of each once it is written.

    A round is one decision of the policy for all running episodes, and one step of each.

    Args:
        policy: the policy that acts.
        numbers: the numbers of the episodes, in the order in which they begin.
        open_env: makes an environment, with frames or without.
        open_writer: returns an episode's writer, and whether it has frames.
        seed_of: returns an episode's seed.
        num_envs: the most episodes that run side by side.
        deterministic: whether to take the policy's best action, and not sample from its distribution.
        max_steps: the number of steps after which an episode is ended.
        decide: the policy's decision for all running episodes; by default on their observations as they are.
        value_head: the head that gives the values of states; "" to compute none.
    """
    waiting = iter(numbers)
    with closing(RunningEpisodes(policy, open_env, open_writer, seed_of, num_envs, value_head)) as running:
        receive = running.receive
        yield from running.begin(waiting)
        while running.episodes:
            rngs = None if deterministic else [episode.rng for episode in running.episodes]
            actions, scores, state = decide(policy, running, rngs)
            running.store_decision(actions, scores, state)
            endings = _score_faults(policy, running.episodes, scores)
            failed = set(endings)
            rewards: list[float] = []
            for episode, action in zip(running.episodes, actions, strict=True):
                if failed and episode.slot in failed:
                    rewards.append(0.0)
                    continue
                try:
                    if episode.has_frames:
                        episode.frames.append(draw(episode.env))
                    result = episode.step(action)
                    if type(result) is not tuple or len(result) != 5:
                        result = checked_step(result)
                    observation, reward, terminated, truncated, info = result
                    if type(reward) is not float:
                        reward = as_reward(reward)
                    if type(terminated) is not bool or type(truncated) is not bool:
                        terminated, truncated = as_flag(terminated, "terminated"), as_flag(truncated, "truncated")
                    receive(episode, observation, info)
                except Exception as error:
                    rewards.append(0.0)
                    del episode.frames[episode.steps - episode.flushed :]
                    endings[episode.slot] = ("fault", f"step {episode.steps} failed: {error_text(error)}")
                    continue
                rewards.append(reward)
                episode.steps += 1
                episode.total_reward += reward
                if terminated or truncated:
                    episode.terminated, episode.truncated = terminated, truncated
                    endings[episode.slot] = ("terminated" if terminated else "truncated", "")
                elif episode.steps >= max_steps:
                    endings[episode.slot] = ("limit", "")
            running.store_rewards(rewards)
            endings |= _faults(running, rewards, endings)
            if endings:
                running.end(endings)
                # After a fault the caller may stop, which must not depend on the speed of the disk.
                yield from running.written(every=any(kind == "fault" for kind, _ in endings.values()))
                yield from running.begin(waiting)
        yield from running.written()


Endings = dict[int, tuple[str, str]]
"""By slot, how an episode ended, and its fault."""


def _score_faults(policy: Policy, episodes: Sequence[RunningEpisode], scores: np.ndarray) -> Endings:
    """The episodes whose scores `[episode, k]` are not finite; their actions are not taken."""
    if isfinite(scores.sum()):
        return {}
    faults = (score_fault(policy, row, episode.steps) for row, episode in zip(scores, episodes, strict=True))
    return {episode.slot: ("fault", fault) for episode, fault in zip(episodes, faults, strict=True) if fault}


def _faults(running: RunningEpisodes, rewards: Sequence[float], endings: Endings) -> Endings:
    """The episodes whose observation or reward is not finite, unless they ended by a fault already."""
    # A sum is finite if all its terms are, or nearly so; only otherwise each is checked.
    if isfinite(sum(rewards)) and running.observations.seem_finite():
        return {}
    faults: Endings = {}
    for episode, reward in zip(running.episodes, rewards, strict=True):
        if endings.get(episode.slot, ("", ""))[0] == "fault":
            continue
        if fault := running.observation_fault(episode):
            faults[episode.slot] = ("fault", fault)
        elif not isfinite(reward):
            faults[episode.slot] = ("fault", f"reward {reward} at step {episode.steps - 1}")
    return faults
