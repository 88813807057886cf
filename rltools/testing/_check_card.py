"""Checks a card against the agent or environment that it describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rltools._util.text import did_you_mean
from rltools.cards import EnvironmentCard, ObservationCard, read_agent_card, read_environment_card
from rltools.cards.content import content_path, list_content
from rltools.envs import make_environment, registered_ids, with_arguments
from rltools.envs.names import action_names
from rltools.errors import UnknownNameError
from rltools.policies.actions import count_actions
from rltools.policies.load import load_policy
from rltools.rollout import record
from rltools.spaces.leaves import Leaf, leaves, pick

STEPS = 200
MATCHING_IDS = 2


def check_card(card: str | Path, *, episodes: int = 3, seed: int = 0) -> None:
    """Compare a card with the agent or environment that it describes.

    For an agent: the model can be loaded and has the sha256 in the card, the folder has the agent's name, and the
    returns of a few episodes agree with the card. For an environment: in each environment that the card lists (a few
    for a pattern), kinds and numbers of elements and actions are right (of actions only if any are named), and
    observations visited by random actions are in the ranges.

    Args:
        card: the name of an environment's card or of an agent, as in `rltools list`; or the path of the .yaml file of
            the one, or of the folder of the other.
        episodes: how many episodes an agent is recorded for.
        seed: the seed of the random actions.

    Raises:
        UnknownNameError: there is neither such a path nor such a name.
        ConfigError: the card cannot be read, or is invalid.
        ModelError: the model cannot be read; ChecksumError if it is not the one that the card names.
        SimulationError: an environment that the card lists cannot be made.
        AssertionError: the card says something that is not true.

    Example:
        >>> from rltools.testing import check_card
        >>> check_card("cartpole")
    """
    location = _location(card)
    if location.is_dir():
        _check_agent(location, episodes)
        return
    content = read_environment_card(location)
    for choice in content.environments:
        for env_id in _some_ids(choice.id):
            _check_environment(content, env_id, choice.kwargs, seed)


def _location(card: str | Path) -> Path:
    """The path of a card by its path or its name."""
    path = Path(card)
    if path.exists() or isinstance(card, Path):
        return path
    by_name = content_path("envs", card) or content_path("agents", card)
    if by_name is None and ("/" in card or path.suffix):
        return path  # the reader says that there is nothing
    if by_name is None:
        names = [*list_content("envs"), *list_content("agents")]
        raise UnknownNameError(f"no card of an environment or an agent is called {card!r}; {did_you_mean(card, names)}")
    return by_name


def _some_ids(pattern: str) -> tuple[str, ...]:
    """The id itself; for a pattern a few ids that match it, because there may be hundreds."""
    if "*" not in pattern:
        return (pattern,)
    ids = registered_ids(pattern)
    assert ids, f"no environment is registered whose id matches {pattern!r}"
    return tuple(
        dict.fromkeys(ids[index] for index in np.linspace(0, len(ids), MATCHING_IDS, endpoint=False).astype(int))
    )


def _check_agent(folder: Path, episodes: int) -> None:
    card = read_agent_card(folder)
    name = folder.resolve().name
    assert card.name == name, f"the card calls the agent {card.name!r}, and its folder is {name!r}"
    policy = load_policy(folder)
    if card.returns is None:
        return
    outcomes = record(policy, episodes=episodes, seed=card.returns.seed).outcomes()
    mean = float(np.mean([outcome.total_reward for outcome in outcomes]))
    # Four standard errors, from the card's std: a correct card fails once in thousands of times.
    allowed = 4 * card.returns.std / episodes**0.5 + 1e-2 * abs(card.returns.mean)
    assert abs(mean - card.returns.mean) <= allowed, (
        f"{card.name} reaches {mean:.1f} in {episodes} episodes from seed {card.returns.seed}, and its card says "
        f"{card.returns.mean} ± {card.returns.std}"
    )


def _check_environment(card: EnvironmentCard, env_id: str, kwargs: dict[str, Any], seed: int) -> None:
    env = make_environment(with_arguments(env_id, kwargs))
    try:
        count, names = count_actions(env.action_space), action_names(env, card).names
        # A card may describe observations only.
        assert len(names) in (0, count), f"{env_id} has {count} actions, and its card names {len(names)}"
        parts = leaves(env.observation_space)
        unknown = sorted(set(card.parts) - {leaf.name for leaf in parts})
        assert not unknown, f"{env_id} has no {', '.join(map(repr, unknown))} to observe, which its card describes"
        for leaf in parts:
            _check_kind(card.leaf(leaf.name), leaf, env_id)
        env.action_space.seed(seed)
        observation, _ = env.reset(seed=seed)
        for step in range(STEPS):
            for leaf in parts:
                _check_ranges(card.leaf(leaf.name), pick(observation, leaf), env_id)
            observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                observation, _ = env.reset(seed=seed + step + 1)
    finally:
        env.close()


def _check_kind(card: ObservationCard | None, leaf: Leaf, env_id: str) -> None:
    where = f"{env_id}: {leaf.name!r}" if leaf.name else env_id
    assert card is not None, f"{where} is observed, and the card does not describe it"
    if leaf.kind == "text":
        assert card.text is not None, f"{where} is a text, and the card describes something else"
    elif leaf.kind == "choice":
        sizes = tuple(len(choice.value_names) for choice in card.choices)
        assert sizes == leaf.sizes, f"{where} is a choice among {list(leaf.sizes)} values; the card says {list(sizes)}"
    elif card.image is not None:
        axes = card.image.layout.split(",")
        named = card.image.channels and "channel" in axes and len(axes) == len(leaf.shape)
        channels = leaf.shape[axes.index("channel")] if named else len(card.image.channels)
        fits = len(axes) == len(leaf.shape) and channels == len(card.image.channels)
        assert fits, (
            f"{where} has shape {list(leaf.shape)}; the card says {axes} with {len(card.image.channels)} channels"
        )
    else:
        assert len(card.observation) == leaf.size, (
            f"{where} gives {leaf.size} elements, and its card names {len(card.observation)}"
        )


def _check_ranges(card: ObservationCard | None, values: Any, env_id: str) -> None:
    if card is None or card.text is not None or card.choices:
        return
    if card.image is not None:
        for value in (values.min(), values.max()):
            _check_range("a pixel", card.image.range, float(value), env_id)
        return
    for element, value in zip(card.observation, np.asarray(values, float).ravel(), strict=True):
        _check_range(repr(element.name), element.range, value, env_id)


def _check_range(name: str, within: tuple[float | None, float | None], value: float, env_id: str) -> None:
    low, high = within
    slack = 1e-5 * max(1.0, abs(value))
    inside = (low is None or value >= low - slack) and (high is None or value <= high + slack)
    assert inside, f"{env_id}: {name} is {value:.6g}, outside of the card's range {list(within)}"
