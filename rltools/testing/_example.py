"""A recording around given attributions, with made-up episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rltools.axes import image_axes
from rltools.features import Features
from rltools.recording import Attribution, Episode, Header, Outcome, Question, Recording
from rltools.testing._recordings import Explained, write_recording


def example_recording(
    directory: Path,
    values: Sequence[np.ndarray],
    *,
    features: Features | None = None,
    observations: Sequence[np.ndarray] | None = None,
    actions: Sequence[np.ndarray] | None = None,
    action_names: Sequence[str] = ("left", "right"),
    action_start: int | None = 0,
    method: str = "gradient",
    labels: Sequence[str] = ("centred:chosen",),
    unit: str = "score per unit",
    every: int = 1,
    residuals: Sequence[np.ndarray] | None = None,
    seed: int = 0,
) -> Recording:
    """Write a recording with these attributions; what is not given is drawn from the seed. Rewards are 1 a step.

    Args:
        directory: an empty or missing folder.
        values: for each episode, `[step, target, *feature]`; scores are NaN where all values of a step are.
        features: names of the entries; numbered by default.
        observations: for each episode, `[step, *feature]`.
        actions: for each episode, `[step]` or, for continuous ones, `[step, k]`.
        action_names: of discrete actions, or of the dimensions of a continuous one.
        action_start: the value of the first discrete action; None for continuous ones.
        method: the attribution's.
        labels: one per target; the target as text is the only one, else `centred:all`.
        unit: of the values.
        every: one of so many steps is said to be explained.
        residuals: for each episode, `[step, target]`.
        seed: of the draws.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from rltools.testing import example_recording
        >>> values = np.zeros((10, 1, 2))
        >>> values[:, :, 1] = 3.0
        >>> recording = example_recording(Path("example"), [values, values], unit="score")
        >>> len(recording), recording.attribution().values.shape
        (2, (20, 1, 2))
    """
    rng = np.random.default_rng(seed)
    shape = values[0].shape[2:] if values else (2,)
    features = features or Features(shape, image_axes(shape) or ("feature",))
    target = labels[0] if len(labels) == 1 else f"{labels[0].split(':')[0]}:all"
    question = Question(method, target, tuple(labels), unit, {}, "0" * 64, every)
    episodes, explained = [], []
    for number, part in enumerate(values):
        steps = len(part)
        drawn = rng.normal(size=(steps, *shape)).astype(np.float32)
        continuous = rng.uniform(-1, 1, (steps, len(action_names))).astype(np.float32)
        discrete = rng.integers(0, len(action_names), steps) + (action_start or 0)
        done = continuous if action_start is None else discrete
        scores = rng.normal(size=(steps, len(labels))).astype(np.float32)
        scores[np.isnan(part).all(axis=tuple(range(2, part.ndim)))] = np.nan
        flags = np.zeros(steps, dtype=bool)
        episode = Episode(
            outcome=Outcome(number, number, steps, float(steps), "terminated"),
            observations=drawn if observations is None else observations[number],
            actions=done if actions is None else actions[number],
            rewards=np.ones(steps),
            scores=rng.normal(size=(steps, len(action_names))).astype(np.float32),
            terminated=flags,
            truncated=flags,
            final_observation=None,
            features=features,
        )
        episodes.append(episode)
        residual = None if residuals is None else residuals[number]
        explained.append(Attribution(part.astype(np.float32), scores, question, features, residual=residual))
    header = Header(
        policy="example",
        policy_sha256="0" * 64,
        library="none",
        environment="",
        features=features,
        action_names=tuple(action_names),
        action_start=action_start,
        score="action" if action_start is None else "logit",
        seed=seed,
        deterministic=True,
        max_steps=10_000,
    )
    return write_recording(directory, header, episodes, {f"{method}-example": Explained(question, explained)})
