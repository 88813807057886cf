"""Shows some steps of an episode as images: the observed images, or the rendered frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from rltools._util.files import numbered
from rltools._util.short_repr import short_repr
from rltools.errors import ArgumentError
from rltools.recording import Episode, Recording, median_episode
from rltools.spaces.image import image_parts, pixel_elements, visible
from rltools.spaces.parts import Part
from rltools.summary._actions import action_positions, named_actions
from rltools.summary._summarize import summarize
from rltools.summary.episodes import EpisodeSteps, episode_steps, flat

Choosing = Literal["largest", "even"]


@dataclass(frozen=True)
class ImageSteps:
    """Some steps of one episode, as images.

    Attributes:
        number: the number of the episode.
        steps: which of its steps, in order.
        pictures: float images `[y, x, 3]` from 0 to 1, one for each step; empty if there are neither images nor frames.
        maps: float `[step, y, x]`, the attributions of each pixel over channels and lags; None if the images are frames
            and not what the policy observed.
        actions: the names of the actions taken; "" for actions without a name.
        scores: float `[step]`, the explained scalar.
        values: float `[step, group]`, the observed values.
        attributions: float `[step, group]`.
        note: what the images show if that is not everything.
        region: bool `[y, x]`, the pixels of the region with the largest attributions over all episodes; None if the
            images are frames.
        region_name: its name.
        region_share: its share of the importance of all features, from 0 to 1.
    """

    number: int
    steps: tuple[int, ...]
    pictures: tuple[np.ndarray, ...]
    maps: np.ndarray | None
    actions: tuple[str, ...]
    scores: np.ndarray
    values: np.ndarray
    attributions: np.ndarray
    note: str = ""
    region: np.ndarray | None = None
    region_name: str = ""
    region_share: float = float("nan")

    __repr__ = short_repr


def steps_as_images(
    recording: Recording,
    key: str,
    *,
    label: int = 0,
    scale: np.ndarray | None = None,
    episode: int | None = None,
    steps: Choosing | Sequence[int] = "largest",
    most: int = 6,
) -> ImageSteps | None:
    """Steps of one episode as images; None without explained steps.

    Args:
        recording: the recording of the episode.
        key: the folder name of an attribution in it.
        label: position of the label whose attributions are taken.
        scale: `[element]`, a factor for the attribution of each element; None for 1.
        episode: its number; by default the episode of median return, among those with frames if observations are no
            images.
        steps: positions of steps; or "largest" for the step of largest attribution in each of `most` stretches; or
            "even".
        most: the number of stretches or steps.

    Raises:
        UnknownNameError: there is no such episode.
        ArgumentError: there is no such step, or `steps` is another text.
    """
    part = next(iter(image_parts(recording.features_of(key))), None)
    number = _default_episode(recording, seen=part is not None) if episode is None else episode
    if number is None:
        return None
    every = episode_steps(recording, key, number, label=label, scale=scale)
    chosen = _chosen(every, steps, most)
    if len(chosen) == 0:
        return None
    recorded = recording.episode(number)
    pictures, maps, note = _frames(recording, number, chosen), None, ""
    region, region_name, region_share = None, "", float("nan")
    if part is not None:
        states = flat(recording.encoded_observations(key, recorded), 1)[:, part.start : part.stop]
        pixels, note = visible(states.reshape(len(states), *part.shape), part)
        pictures = list((pixels if pixels.ndim == 4 else np.stack([pixels] * 3, axis=-1))[chosen] / 255)
        values = flat(recording.attribution_of(key, episodes=[number]).values[:, label], 1)[chosen]
        entries = (values if scale is None else values * scale)[:, part.start : part.stop]
        maps = entries[:, pixel_elements(part)].sum(axis=-1, dtype=np.float64)
        region, region_name, region_share = _leading_region(recording, key, part)
    return ImageSteps(
        number=number,
        steps=tuple(chosen.tolist()),
        pictures=tuple(pictures),
        maps=maps,
        actions=tuple(_action(recording, recorded, step) for step in chosen.tolist()),
        scores=every.scores[chosen],
        values=every.values[chosen],
        attributions=every.attributions[chosen],
        note=note,
        region=region,
        region_name=region_name,
        region_share=region_share,
    )


def _leading_region(recording: Recording, key: str, part: Part) -> tuple[np.ndarray | None, str, float]:
    """The pixels of the region of an image with the largest share, its name, and its share."""
    summary = summarize(recording, method=key, detail="regions")
    elements = dict(summary.rows)
    pixels = pixel_elements(part) + part.start
    for ranked in summary.top():
        inside = np.isin(pixels, elements[ranked.feature]).any(axis=-1)
        if inside.any() and np.isfinite(ranked.share):
            return np.asarray(inside), ranked.feature, ranked.share
    return None, "", float("nan")


def _default_episode(recording: Recording, *, seen: bool) -> int | None:
    outcomes = recording.readable_outcomes()
    framed = set(numbered(recording.directory / "frames"))
    if not seen and framed:
        outcomes = [outcome for outcome in outcomes if outcome.number in framed]
    return median_episode(outcomes)


def _chosen(every: EpisodeSteps, steps: Choosing | Sequence[int], most: int) -> np.ndarray:
    if isinstance(steps, str) and steps not in get_args(Choosing):
        raise ArgumentError(
            f"steps={steps!r} is none of {', '.join(get_args(Choosing))}, and no list of steps; give one of these"
        )
    usable = np.flatnonzero(np.isfinite(every.attributions).all(axis=1))
    if not isinstance(steps, str):
        if wrong := [step for step in steps if not 0 <= step < len(every.scores)]:
            raise ArgumentError(f"steps={list(steps)}: there is no step {wrong[0]}; there are {len(every.scores)}")
        return np.array(sorted(set(steps)), dtype=np.int64)
    if steps == "even" or len(usable) <= most:
        places = np.linspace(0, max(len(usable) - 1, 0), min(most, len(usable)))
        return usable[places.round().astype(np.int64)]
    strength = np.abs(every.attributions).sum(axis=1)
    return np.array([stretch[strength[stretch].argmax()] for stretch in np.array_split(usable, most)])


def _frames(recording: Recording, number: int, steps: np.ndarray) -> list[np.ndarray]:
    from PIL import Image

    drawn = recording.frames(number) or []
    return [np.asarray(Image.open(io.BytesIO(drawn[step])).convert("RGB")) / 255 for step in steps.tolist() if drawn]


def _action(recording: Recording, episode: Episode, step: int) -> str:
    names = named_actions(recording)
    return names[int(action_positions(recording, episode.actions)[step])] if names else ""
