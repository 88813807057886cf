"""The numbers that a video shows of an episode."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from rltools._util.glossary import method_title
from rltools.attributions import is_per_feature_unit
from rltools.pages.replay.rows import Row, at_chosen, rows_of, summed, variables_of
from rltools.plots.drawing.labels import LONGEST, plain
from rltools.recording import Episode, Header, Recording, every_step_first
from rltools.spaces import Features
from rltools.spaces.image import pixel_elements
from rltools.summary import unit_words
from rltools.summary.episodes import std as std_of
from rltools.targets.scores import target_name

LONGEST_TARGET = 60
"""Characters of the name of a target."""


class ExplainedScalar(NamedTuple):
    """A scalar `[step]`, its attributions `[step, row]`, and a map `[step, y, x]` per image; NaN if unexplained."""

    target: str
    method: str
    notes: list[str]
    scores: np.ndarray
    values: np.ndarray
    maps: list[np.ndarray]


class Actions(NamedTuple):
    """The scores of discrete actions `[step, k]`, NaN if not allowed, or the values of continuous ones.

    `taken` is -1 for continuous actions; `drawn` holds the positions of the actions taken most often.
    """

    returns: np.ndarray
    names: list[str]
    taken: np.ndarray
    what: str
    values: np.ndarray
    drawn: list[int]


def shown_episode(recording: Recording, number: int, method: str | None, target: str | None) -> Episode:
    """The episode, with choices as factors if the attribution is of these; raises as `explained_of` does."""
    episode = recording.episode(number)
    if method is target is None and all(spec.window for spec in recording.specs.values()):
        return episode
    return episode.decoded() if recording.spec(every_step_first(recording, method, target)).decoded else episode


def shown_rows(features: Features) -> list[Row]:
    """A row for each number and each region of an image, and for each choice, whatever its value."""
    rows, wholes = rows_of(features), list[Row]()
    for variable in variables_of(features):
        own = [rows[position] for position in variable.rows]
        entries = np.concatenate([row.entries for row in own])
        whole = Row(variable.name, "", "choice", entries, variable.options)
        wholes += [whole] if variable.options else own
    return wholes


def explained_of(
    recording: Recording, number: int, rows: list[Row], method: str | None, target: str | None
) -> ExplainedScalar | None:
    """The explained scalar with the largest attributions (gradients times std), or None if nothing was explained.

    If only a sample of the steps was explained, each explained step stands for the steps up to the next one. Raises a
    RecordingError if no attribution fits, or if this episode is not explained yet.
    """
    if method is target is None and all(spec.window for spec in recording.specs.values()):
        return None
    key = every_step_first(recording, method, target)
    episode = shown_episode(recording, number, method, target)
    attribution = at_chosen(recording.attribution_of(key, episodes=[number]), episode)
    spec, values = attribution.spec, attribution.values.reshape(*attribution.values.shape[:2], -1)
    labels, stride = spec.labels, spec.every
    unit = unit_words(spec.unit, spec.target, recording.header.action_names, standardized=True)
    if is_per_feature_unit(spec.unit):
        std = std_of((e.states for e in recording), values.shape[-1])
        values = values if std is None else values * std.astype(values.dtype)
    strongest, steps = int(np.nansum(np.abs(values), axis=(0, 2)).argmax()), np.arange(len(values))
    last = np.maximum.accumulate(np.where(np.isfinite(attribution.scores).all(axis=1), steps, -1))
    held = np.where((last >= 0) & (steps - last < stride), last, steps)
    values, images = values[held, strongest], [part for part in episode.features.parts if part.is_image]
    notes = [f"strongest of {len(labels)} targets"] if len(labels) > 1 else []
    notes += [f"1 of {stride} steps explained, and held until the next"] if stride > 1 else []
    return ExplainedScalar(
        plain(target_name(labels[strongest]), LONGEST_TARGET),
        plain(method_title(spec.method)),
        [unit, *notes],
        attribution.scores[held, strongest],
        summed(values, rows),
        [values[:, image.start : image.stop][:, pixel_elements(image)].sum(axis=-1) for image in images],
    )


def drawn_rows(episode: Episode, rows: list[Row], explained: ExplainedScalar | None) -> tuple[np.ndarray, ...]:
    """Positions `[drawn]` of the rows that matter most, and their values and attributions `[step, drawn]`.

    Rows keep their order. The value of a choice is its position among the options; image regions have NaN.
    """
    states = episode.states.reshape(len(episode), -1).astype(np.float64)
    observed = np.full((len(states), len(rows)), np.nan)
    for position, row in enumerate(rows):
        if row.options:
            observed[:, position] = states[:, row.entries].argmax(axis=1)
        elif row.kind != "region":
            observed[:, position] = states[:, row.entries[0]]
    values = np.full(observed.shape, np.nan) if explained is None else explained.values
    sizes = np.nansum(np.abs(values), axis=0)
    if explained is None:  # numbers first, then the most frequent choices
        first = [row.kind == "number" or bool(row.options) for row in rows]
        sizes = np.nan_to_num(np.where(first, np.inf, observed.mean(axis=0)), nan=-1)
    room = 7 if any(len(row.name) + len(row.unit) > LONGEST for row in rows) else 11  # names on two lines
    drawn = np.sort(np.argsort(-sizes, kind="stable")[:room])
    return drawn, observed[:, drawn], values[:, drawn]


def actions_of(header: Header, episode: Episode) -> Actions:
    """The actions taken in an episode, and the scores of the alternatives."""
    discrete = header.action_start is not None and episode.actions.ndim == 1
    values = (episode.scores if discrete else episode.actions).reshape(len(episode), -1).astype(np.float64)
    count, what, taken = values.shape[1], header.score.replace("_", " "), np.full(len(episode), -1)
    names = [*map(plain, header.action_names), *(f"action {k}" for k in range(len(header.action_names), count))]
    if not discrete:
        return Actions(np.cumsum(episode.rewards), names, taken, "action taken", values, list(range(count))[:8])
    taken = episode.actions.astype(np.int64) - (header.action_start or 0)
    if episode.masks is not None:
        values = np.where(episode.masks, values, np.nan)
    if what == "logit":
        allowed = ~np.isnan(values)
        probabilities = softmax(np.where(allowed, values, -np.inf), axis=1)
        values, what = np.where(allowed, probabilities, np.nan), "probability"
    often = np.bincount(taken, minlength=count)[:count]
    drawn = np.lexsort((-np.nan_to_num(values).mean(axis=0), -often))[:8]
    return Actions(np.cumsum(episode.rewards), names, taken, what, values, sorted(drawn.tolist()))
