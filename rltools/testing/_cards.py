"""Whether a card says what is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rltools.cards import EnvironmentCard, EnvironmentChoice, read_agent_card, read_environment_card
from rltools.environments import make_environment
from rltools.loading import load_policy
from rltools.policies._actions import count_actions
from rltools.policies._surroundings import with_arguments
from rltools.rollout import record

STEPS = 200


def check_card(path: str | Path, *, episodes: int = 3, seed: int = 0) -> None:
    """Compare a card with what it describes.

    An agent's: its model has the sha256 it names and is read, the folder has the agent's name, and the returns of a few
    episodes are as the card says. An environment's: for each environment it lists the numbers of entries and actions,
    and states visited by random actions lie in the ranges.

    Args:
        path: the folder of an agent, or the .yaml file of an environment's card.
        episodes: of an agent.
        seed: of the random actions.

    Raises:
        ConfigError: the card cannot be read, or has faults.
        ModelError: the model cannot be read; ChecksumError where it is not the one that the card names.
        SimulationError: an environment that the card lists cannot be made.
        AssertionError: the card says something else than what is there.

    Example:
        >>> from rltools.content import find_content
        >>> from rltools.testing import check_card
        >>> check_card(find_content("envs", "cartpole"))
    """
    place = Path(path)
    if place.is_dir():
        _check_agent(place, episodes)
        return
    card = read_environment_card(place)
    for choice in card.environments:
        _check_environment(card, choice, seed)


def _check_agent(folder: Path, episodes: int) -> None:
    card = read_agent_card(folder)
    found = folder.resolve().name
    assert card.name == found, f"the card calls the agent {card.name!r}, and its folder is {found!r}"
    policy = load_policy(folder)
    outcomes = record(policy, episodes=episodes, seed=card.returns.seed).outcomes()
    mean = float(np.mean([outcome.total_reward for outcome in outcomes]))
    # Four standard errors of the card's own deviation: wrong one time in thousands, and only for a wrong card.
    allowed = 4 * card.returns.deviation / episodes**0.5 + 1e-2 * abs(card.returns.mean)
    assert abs(mean - card.returns.mean) <= allowed, (
        f"{card.name} reaches {mean:.1f} in {episodes} episodes from seed {card.returns.seed}, and its card says "
        f"{card.returns.mean} ± {card.returns.deviation}"
    )


def _check_environment(card: EnvironmentCard, choice: EnvironmentChoice, seed: int) -> None:
    env = make_environment(with_arguments(choice.id, choice.kwargs))
    try:
        count = count_actions(env.action_space)
        assert len(card.actions) == count, f"{choice.id} has {count} actions, and its card names {len(card.actions)}"
        if card.image is not None:
            return
        entries = int(np.prod(env.observation_space.shape or ()))
        assert len(card.observation) == entries, (
            f"{choice.id} gives {entries} entries, and its card names {len(card.observation)}"
        )
        env.action_space.seed(seed)
        observation, _ = env.reset(seed=seed)
        for step in range(STEPS):
            _check_ranges(card, choice.id, np.asarray(observation, float).ravel())
            observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                observation, _ = env.reset(seed=seed + step + 1)
    finally:
        env.close()


def _check_ranges(card: EnvironmentCard, env_id: str, values: np.ndarray) -> None:
    for entry, value in zip(card.observation, values, strict=True):
        low, high = entry.range
        slack = 1e-5 * max(1.0, abs(value))
        inside = (low is None or value >= low - slack) and (high is None or value <= high + slack)
        assert inside, f"{env_id}: {entry.name!r} is {value:.6g}, outside of the card's range {list(entry.range)}"
