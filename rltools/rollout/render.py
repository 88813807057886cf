"""Frames of an episode, drawn while its recorded actions are taken again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from rltools._util.files import numbered_path, os_errors_as
from rltools._util.lock import folder_lock
from rltools.envs import make_environment
from rltools.errors import FaultError, RltoolsError, SimulationError, argument
from rltools.recording import Episode, Recording
from rltools.recording.episode import recorded_leaves
from rltools.recording.writers import BlockFile
from rltools.rollout.faults import as_reward
from rltools.spaces.leaves import pick

if TYPE_CHECKING:
    import gymnasium

    from rltools.envs import Environment


BLOCK = 32
"""So many frames are held before they are written."""


@contextmanager
def drawing_in(folder: Path) -> Iterator[None]:
    """Nobody else writes into the recording meanwhile; a folder that cannot be written to is named."""
    with folder_lock(folder), os_errors_as(folder):
        yield


def draw_episode(recording: Recording, number: int, env: Environment, advance: Callable[[int], None]) -> None:
    """Keep `frames/000012.parquet`: what the environment looks like before each recorded action is taken again.

    No policy is needed, so an agent that draws its actions by chance is drawn as it acted.

    Args:
        recording: where the episode is.
        number: of the episode.
        env: what makes the environment.
        advance: called with the number of steps drawn since the last call.

    Raises:
        SimulationError: the environment cannot be made, stepped or drawn.
        FaultError: it went another way than it was recorded, so its frames would show something else.
    """
    episode = recording.episode(number)
    if len(episode) == 0:
        return
    file = BlockFile(numbered_path(recording.directory / "frames", number))
    made = make_environment(env, render_mode="rgb_array")
    with ExitStack() as at_end:
        at_end.callback(_close, made)
        try:
            for frames in _blocks(episode, made):
                file.write({"frame": frames})
                advance(len(frames))
            file.finish({"frames_per_second": str(frames_per_second(made)), **recording.identity(number)})
        except BaseException:
            file.abandon()
            raise


def _blocks(episode: Episode, env: gymnasium.Env[Any, Any]) -> Iterator[np.ndarray]:
    """Frames `[step]`, each of them WebP, block by block."""
    frames = np.empty(min(BLOCK, len(episode)), dtype=object)
    observation = _tried(0, lambda: env.reset(seed=episode.outcome.seed))[0]
    for t, action in enumerate(episode.actions):
        if not _same(observation, episode, t):
            raise _another_way(episode)
        frames[t % BLOCK] = _tried(t, lambda: draw(env))
        if t % BLOCK == BLOCK - 1 or t == len(episode) - 1:
            yield frames[: t % BLOCK + 1]
        if t == len(episode) - 1:
            return  # a fault in the last step was recorded as one; nothing of it is drawn
        observation, reward, *_ = _tried(t, lambda action=action: env.step(action))
        if as_reward(reward) != episode.rewards[t]:
            raise _another_way(episode)


def _tried(t: int, act: Any) -> Any:
    try:
        return act()
    except RltoolsError:
        raise
    except Exception as error:
        said = f": {error}" if str(error) else ""
        raise SimulationError(f"{type(error).__name__} at step {t}{said}") from error


def _same(observation: Any, episode: Episode, t: int) -> bool:
    """Whether the environment gives what it gave before action `t`, in each part of the observation."""
    for leaf in recorded_leaves(episode.features):
        recorded = pick(episode.observations, leaf)[t]
        given = pick(observation, leaf)
        if leaf.kind == "text":
            if given != recorded:
                return False
        elif not np.array_equal(np.asarray(given, recorded.dtype), recorded, equal_nan=recorded.dtype.kind == "f"):
            return False
    return True


def _another_way(episode: Episode) -> FaultError:
    return FaultError(
        f"episode {episode.outcome.number} went another way when it was stepped again with seed "
        f"{episode.outcome.seed}: the environment is not reproducible from its seed, so frames can only be kept while "
        f"recording ({argument('frames', True)} from the start)"
    )


def _close(env: gymnasium.Env[Any, Any]) -> None:
    with suppress(Exception):
        env.close()


WIDEST = 400
"""Pixels; wider frames are made smaller."""


def draw(env: gymnasium.Env[Any, Any]) -> bytes:
    """What the environment shows now, as WebP.

    Raises:
        SimulationError: it draws nothing.
    """
    from PIL import Image

    pixels = env.render()
    if not isinstance(pixels, np.ndarray):
        raise SimulationError(
            f"{env} drew {type(pixels).__name__} where a picture is needed; make it with render_mode='rgb_array', or "
            f"record without frames"
        )
    picture = Image.fromarray(pixels)
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.BILINEAR)
    file = BytesIO()
    picture.save(file, "WEBP", quality=70, method=1)
    return file.getvalue()


def frames_per_second(env: gymnasium.Env[Any, Any]) -> float:
    """At which the environment's frames are real time; 30 where it does not say."""
    said = (env.metadata or {}).get("render_fps")
    return float(said) if isinstance(said, int | float) and said > 0 else 30.0
