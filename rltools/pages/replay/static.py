"""What a replay shows without scripts: the facts of an episode, and a table of its highlights."""

from __future__ import annotations

from typing import Any

import numpy as np

from rltools._util.glossary import method_title
from rltools._util.text import number as number_text
from rltools.attributions import is_per_feature_unit
from rltools.pages.replay._highlights import highlights
from rltools.pages.replay.data import USUAL_SPEED, frames_per_second, outcome_data
from rltools.pages.replay.rows import rows_of, summed, variables_of
from rltools.recording import Attribution, Episode, Header, Recording
from rltools.summary.episodes import std

LARGEST = 3
"""How many features a moment is described by."""


def static_data(recording: Recording, number: int, keys: list[str]) -> dict[str, Any]:
    """The facts of an episode, and its highlights with the action and the largest attributions of the first key."""
    header, episode, outcome = recording.header, recording.episode(number), outcome_data(recording, number)
    attribution = recording.attribution_of(keys[0], episodes=[number]) if keys and len(episode) else None
    scaled = attribution is not None and is_per_feature_unit(attribution.unit)
    spread = std((each.states for each in recording), recording.features.size) if scaled else None
    speed = frames_per_second(recording, number) or USUAL_SPEED
    moments = highlights(episode, header, attribution, spread, speed)
    ended = f"{outcome['ended']}: {outcome['fault']}" if outcome["fault"] else outcome["ended"]
    total = outcome["total_reward"]
    facts = {
        "environment": header.environment_id,
        "episode": str(number),
        "seed": str(outcome["seed"]),
        "steps": str(outcome["steps"]),
        "return": "–" if total is None else number_text(total),
        "ended": ended,
    }
    return {
        "policy": header.policy,
        "facts": [(term, value) for term, value in facts.items() if value],
        "explained": "" if attribution is None else f"largest by {method_title(attribution.method)}",
        "moments": [
            {
                "step": moment.step,
                "text": moment.text,
                "action": _action(episode, header, moment.step),
                "attributions": "" if attribution is None else _largest(attribution, spread, moment.step),
            }
            for moment in moments
        ],
    }


def _action(episode: Episode, header: Header, step: int) -> str:
    """The action of a step: its name, or its elements as numbers."""
    taken = np.asarray(episode.actions[step]).reshape(-1)
    if header.action_start is None or len(taken) > 1:
        return ", ".join(number_text(float(element)) for element in taken)
    position = int(taken[0]) - header.action_start
    return header.action_names[position] if position < len(header.action_names) else f"action {position}"


def _largest(attribution: Attribution, spread: np.ndarray | None, step: int) -> str:
    """The variables of the largest attributions to the first label at a step, in words; "" if it is not explained."""
    values = attribution.values[step, 0].reshape(-1).astype(np.float64)
    rows = summed(values if spread is None else values * spread, rows_of(attribution.features))
    variables = variables_of(attribution.features)
    sizes = np.array([rows[list(each.rows)].sum() for each in variables])
    if not np.isfinite(sizes).any():
        return ""
    ranked = np.argsort(-np.abs(np.nan_to_num(sizes)), kind="stable")[:LARGEST]
    return ", ".join(f"{variables[k].name} {'+' if sizes[k] > 0 else ''}{number_text(sizes[k], 3)}" for k in ranked)
