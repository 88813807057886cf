"""Renders frames: images of the environment before each recorded action.

Frames are added to a recording in one way, `add_frames`: a freshly made environment is stepped through the recorded
actions in a child process, because a renderer without a display can end its whole process. An environment that only a
function of this process makes, or that is only registered here, is unknown to a child; it is stepped in this process.
An environment that is not reproducible from its seed cannot be stepped again at all: its frames are rendered by `draw`
while it is recorded, by `record(..., frames=...)`, or by a wrapper in a loop of the user's own.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from io import BytesIO
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import load_env_creator

from rltools._util.files import numbered, numbered_path, os_errors_as
from rltools._util.lock import folder_lock
from rltools._util.progress import progress_bar
from rltools.envs import Environment, environment_spec, make_environment, spec_from_json
from rltools.errors import FaultError, RltoolsError, SimulationError, argument
from rltools.recording import Episode, Recording, recorded_leaves
from rltools.recording.writers import BlockFile
from rltools.rollout.faults import as_flag, as_reward
from rltools.rollout.render_process import draw_in_child
from rltools.spaces.leaves import pick

BLOCK = 32
"""Frames per block of a file."""


class NoFramesWarning(UserWarning):
    """An environment cannot be rendered; replays show everything else."""


def add_frames(
    recording: Recording,
    numbers: Sequence[int],
    env: Environment | None = None,
    modules: Sequence[str] = (),
    *,
    progress: bool = False,
) -> None:
    """Add frames to some episodes of a recording; if they cannot be rendered, one warning says why.

    Episodes of a data set, which were never stepped here, keep the frames that were read with them. There is no warning
    if the environment declares that it has no images.

    Args:
        recording: the recording.
        numbers: the numbers of the episodes; those that have frames are left alone.
        env: the environment as it was passed to `record`; None is the recorded specification.
        modules: modules to import because they register environments.
        progress: show a progress bar.
    """
    if recording.header.data:
        return
    existing = set(numbered(recording.directory / "frames"))
    missing = [number for number in numbers if number not in existing]
    if missing and _has_no_images(recording.header.environment if env is None else env, modules):
        return
    try:
        draw_episodes(recording, missing, env, modules, progress=progress)
    except RltoolsError as error:
        # The numbers were recorded before, so that a replay has everything else to show.
        warnings.warn(f"frames could not be drawn ({error})", NoFramesWarning, stacklevel=3)


def _has_no_images(env: Environment, modules: Sequence[str]) -> bool:
    """Whether an environment, or one whose recorded specification this is, certainly renders no image."""
    try:
        if isinstance(env, str) and env.startswith("{"):
            env = spec_from_json(env, allowed_modules=modules)
        spec = environment_spec(env)
        if spec is None or spec.entry_point is None:
            made_env = make_environment(env)
            with suppress(Exception):
                made_env.close()
            return made_env.render_mode is None and type(made_env.unwrapped).render is gymnasium.Env.render
        creator = spec.entry_point if callable(spec.entry_point) else load_env_creator(spec.entry_point)
        parameters = inspect.signature(creator).parameters
        has_mode = "render_mode" in parameters or any(
            parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
        )
    except Exception:  # what is wrong is said when it is rendered
        return False
    declared = getattr(creator, "metadata", None) or {}
    return "rgb_array" not in (declared.get("render_modes") or ()) and (
        not has_mode or (getattr(creator, "render", None) is gymnasium.Env.render and not spec.additional_wrappers)
    )


def draw_episodes(
    recording: Recording,
    numbers: Sequence[int],
    env: Environment | None = None,
    modules: Sequence[str] = (),
    *,
    progress: bool = False,
) -> None:
    """Write the frames of some episodes, in a child process if it can make the environment; as `add_frames`.

    Raises:
        SimulationError: the environment cannot be made, stepped or rendered, or the child process ended.
        FaultError: an episode diverged from the recorded one, so that its frames would be wrong.
    """
    steps = sum(recording.outcome(number).steps for number in numbers)
    if not steps:
        return
    with progress_bar(f"draw {recording.header.policy}", steps, show=progress) as advance:
        if recording.header.environment and draw_in_child(recording.directory, numbers, modules, advance):
            return
        if env is None and not recording.header.environment:
            raise SimulationError("the environment was made by a function, which a recording cannot hold")
        draw_here(
            recording, numbers, env or spec_from_json(recording.header.environment, allowed_modules=modules), advance
        )


def draw_here(recording: Recording, numbers: Sequence[int], env: Environment, advance: Callable[[int], None]) -> None:
    """Write the frames of some episodes in this process; no other process may write to the recording meanwhile."""
    with folder_lock(recording.directory), os_errors_as(recording.directory):
        for number in numbers:
            draw_episode(recording, number, env, advance)


def draw_episode(recording: Recording, number: int, env: Environment, advance: Callable[[int], None]) -> None:
    """Write `frames/000012.parquet`: the environment before each recorded action, by taking these actions again.

    No policy is needed, so that an agent that samples its actions is shown as it acted.

    Args:
        recording: the recording.
        number: the number of the episode.
        env: what makes the environment.
        advance: called with the number of steps rendered since the last call.

    Raises:
        SimulationError: the environment cannot be made, stepped or rendered.
        FaultError: the episode diverged from the recorded one, so that its frames would be wrong.
    """
    episode = recording.episode(number)
    if len(episode) == 0:
        return
    file = BlockFile(numbered_path(recording.directory / "frames", number))
    made_env = make_environment(env, render_mode="rgb_array")
    with ExitStack() as stack:
        stack.callback(_close, made_env)
        try:
            for frames in _blocks(episode, made_env):
                file.write({"frame": frames})
                advance(len(frames))
            file.finish({"frames_per_second": str(frames_per_second(made_env)), **recording.identity(number)})
        except BaseException:
            file.abandon()
            raise


def _blocks(episode: Episode, env: gymnasium.Env[Any, Any]) -> Iterator[np.ndarray]:
    """Frames `[step]`, each as WebP, block by block."""
    frames = np.empty(min(BLOCK, len(episode)), dtype=object)
    last = len(episode) - 1
    observation = _attempt(0, lambda: env.reset(seed=episode.outcome.seed))[0]
    for t, action in enumerate(episode.actions):
        if not _is_recorded(observation, episode, t):
            raise _other_course(episode)
        frames[t % BLOCK] = _attempt(t, lambda: draw(env))
        if t < last or episode.outcome.ended != "fault":  # a last step that failed fails again
            observation, reward, *flags, _ = _attempt(t, lambda action=action: env.step(action))
            terminated, truncated = map(as_flag, flags, ("terminated", "truncated"))
            now = (as_reward(reward), terminated, truncated)
            if now != (episode.rewards[t], episode.terminated[t], episode.truncated[t]):
                raise _other_course(episode)
        if t % BLOCK == BLOCK - 1 or t == last:
            yield frames[: t % BLOCK + 1]


def _attempt(t: int, act: Any) -> Any:
    try:
        return act()
    except RltoolsError:
        raise
    except Exception as error:
        message = f": {error}" if str(error) else ""
        raise SimulationError(f"{type(error).__name__} at step {t}{message}") from error


def _is_recorded(observation: Any, episode: Episode, t: int) -> bool:
    """Whether an observation equals the recorded one before action `t`, in each of its leaves."""
    for leaf in recorded_leaves(episode.features):
        recorded = pick(episode.observations, leaf)[t]
        value = pick(observation, leaf)
        if leaf.kind == "text":
            if value != recorded:
                return False
        elif not np.array_equal(np.asarray(value, recorded.dtype), recorded, equal_nan=recorded.dtype.kind == "f"):
            return False
    return True


def _other_course(episode: Episode) -> FaultError:
    return FaultError(
        f"episode {episode.outcome.number} diverged when it was stepped again with seed "
        f"{episode.outcome.seed}: the environment is not reproducible from its seed, so frames must be recorded with "
        f"the episode ({argument('frames', True)} from the start)"
    )


def _close(env: gymnasium.Env[Any, Any]) -> None:
    with suppress(Exception):
        env.close()


MAX_WIDTH = 400
"""The largest width in pixels; wider frames are scaled down."""


def draw(env: gymnasium.Env[Any, Any]) -> bytes:
    """Render the environment as it is now, as WebP.

    Raises:
        SimulationError: it renders no image.
    """
    pixels = env.render()
    if not isinstance(pixels, np.ndarray):
        raise SimulationError(
            f"{env} drew {type(pixels).__name__} instead of an image; make it with render_mode='rgb_array', or "
            f"record without frames"
        )
    return as_webp(pixels)


def as_webp(pixels: np.ndarray) -> bytes:
    """An image `[y, x, channel]` of uint8 as WebP, at most `MAX_WIDTH` wide."""
    from PIL import Image

    image = Image.fromarray(pixels)
    if image.width > MAX_WIDTH:
        image = image.resize((MAX_WIDTH, round(image.height * MAX_WIDTH / image.width)), Image.Resampling.BILINEAR)
    file = BytesIO()
    image.save(file, "WEBP", quality=70, method=1)
    return file.getvalue()


def frames_per_second(env: gymnasium.Env[Any, Any]) -> float:
    """The rate at which the environment's frames are real time; 30 if it declares none."""
    declared = (env.metadata or {}).get("render_fps")
    return float(declared) if isinstance(declared, int | float) and declared > 0 else 30.0
