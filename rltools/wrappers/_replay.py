"""A wrapper that writes replay pages while an agent acts, for instance in training."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from rltools._util.files import numbered, os_errors_as
from rltools._util.lock import folder_lock
from rltools.envs import environment_spec
from rltools.errors import ArgumentError, ConflictError, argument
from rltools.pages.replay import replay
from rltools.recording import Recording, open_recording
from rltools.rollout.env_check import layers_of
from rltools.rollout.observations import CurrentObservations
from rltools.rollout.render import draw, frames_per_second
from rltools.rollout.settings import header_of, settle
from rltools.wrappers._attribution import AttributionWrapper, Step
from rltools.wrappers._live_episode import Columns, LiveEpisode, columns_before, spec_of, write_episode

NO_SEED = -1
"""Recorded as the seed of an episode that was reset without one."""
_ONLY = np.ones(1, bool)


class ReplaySkippedWarning(UserWarning):
    """A replay could not be written; the environment continued.

    Example:
        >>> import warnings
        >>> from rltools.wrappers import ReplaySkippedWarning
        >>> warnings.simplefilter("ignore", ReplaySkippedWarning)
    """


def capped_cubic_schedule(number: int) -> bool:
    """Episodes 0, 1, 8, 27, ... up to 1000, then every thousandth, as Gymnasium's `RecordVideo` chooses.

    The same as `gymnasium.utils.save_video.capped_cubic_video_schedule`, which cannot be imported without moviepy.
    """
    return round(number ** (1 / 3)) ** 3 == number if number < 1000 else number % 1000 == 0


class ReplayWrapper(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Writes a replay page of chosen episodes, from what the attribution wrapper inside computes at each step.

    Steps are passed on unchanged; an error with a page becomes a `ReplaySkippedWarning`. The folder is a recording of
    these episodes, which `open_recording` opens and every plot takes; the pages are `replays/episode-000012.html`. They
    show frames if the environment has `render_mode="rgb_array"`. An episode that ends early, by a reset, by `close` or
    by an error of the environment, is recorded up to that step and marked. An episode that was reset without a seed has
    the seed -1.

    Args:
        env: an `AttributionWrapper`.
        folder: the folder of the recording; made if it does not exist.
        episode_trigger: whether to write the episode of this number, counted by resets from 0; None takes episodes 0,
            1, 8, 27, ... 1000, 2000, ..., as Gymnasium's `RecordVideo` does.
        title: the title of the pages; None is the policy's name.
        overwrite: delete the episodes, attributions and pages that `folder` holds.

    Attributes:
        pages: the paths of the pages written so far.

    Raises:
        ArgumentError: the environment is no `AttributionWrapper`.
        ConflictError: the folder already has episodes, or another wrapper that is not closed, or another process,
            writes there.
        RecordingError: the folder cannot be written to.

    Example:
        >>> import gymnasium, rltools, tempfile
        >>> env = gymnasium.make("CartPole-v1", render_mode="rgb_array", max_episode_steps=20)
        >>> env = rltools.AttributionWrapper(env, rltools.load_policy("cartpole-ppo"))
        >>> env = rltools.ReplayWrapper(env, tempfile.mkdtemp(), episode_trigger=lambda number: number == 1)
        >>> for episode in range(2):
        ...     observation, info = env.reset(seed=episode)
        ...     done = False
        ...     while not done:
        ...         observation, reward, terminated, truncated, info = env.step_policy()
        ...         done = terminated or truncated
        >>> [page.name for page in env.pages]
        ['episode-000001.html']
    """

    def __init__(
        self,
        env: AttributionWrapper,
        folder: str | Path,
        episode_trigger: Callable[[int], bool] | None = None,
        *,
        title: str | None = None,
        overwrite: bool = False,
    ) -> None:
        if not isinstance(env, AttributionWrapper):
            raise ArgumentError(
                f"{env} explains nothing; pass an rltools.AttributionWrapper(env, policy), and put further wrappers "
                f"around this one"
            )
        super().__init__(env)
        self.pages: tuple[Path, ...] = ()
        self._inner, self._explainer = env, env._explainer
        self._trigger, self._title = episode_trigger or capped_cubic_schedule, title
        self._spec = spec_of(self._explainer)
        # Held as long as the wrapper is open: all of its episodes go into the same folder.
        self._claim: ExitStack | None = _claimed(Path(folder))
        self._recording = self._settled(Path(folder), overwrite)
        self._number = -1
        self._episode: LiveEpisode | None = None

    def __getstate__(self) -> dict[str, Any]:
        """A copy claims the folder at its first reset; until then the original has it."""
        return vars(self) | {"_claim": None}

    @property
    def spec(self) -> EnvSpec | None:  # type: ignore[override]  # a property in Gymnasium's Wrapper, too
        """The wrapped environment's specification; this wrapper changes nothing in it."""
        return self.env.spec

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment, and start a page if the trigger says so."""
        self._leave("reset before its end")
        if self._claim is None:
            self._claim = _claimed(self._recording.directory)
        observation, info = self.env.reset(seed=seed, options=options)
        self._number += 1
        with self._harmless():
            if self._trigger(self._number):
                observed = CurrentObservations(self._explainer.policy.observation_space, 1)
                observed.receive(0, observation)
                frames: list[bytes] | None = [] if self.env.render_mode == "rgb_array" else None
                self._episode = LiveEpisode(self._number, NO_SEED if seed is None else seed, observed, frames)
        return observation, info

    def step(self, action: Any) -> Step:
        """Step the environment."""
        return self._watched(lambda: self._inner.step(action), lambda _: action)

    def step_policy(self, deterministic: bool = True, rng: np.random.Generator | None = None) -> Step:
        """Let the policy act; see `AttributionWrapper.step_policy`."""
        return self._watched(lambda: self._inner.step_policy(deterministic, rng), lambda info: info["action"])

    def close(self) -> None:
        """Close the environment; the page of an episode that has not ended is written."""
        self._leave("closed before its end")
        with self._harmless():
            if self._claim is not None:
                self._claim.close()
        super().close()

    def _watched(self, step: Callable[[], Step], action_in: Callable[[dict[str, Any]], Any]) -> Step:
        if self._episode is None:
            return step()
        columns: Columns | None = None
        with self._harmless():
            columns = self._columns(self._episode)
        try:
            result = step()
        except Exception as error:
            self._leave(f"a step failed: {type(error).__name__}: {error}")
            raise
        with self._harmless():
            if self._episode is not None and columns is not None:
                space = self._explainer.policy.action_space
                action = np.array(action_in(result[4]), space.dtype).reshape(space.shape or ())
                self._episode.add(columns, action, result, several=len(self._explainer.labels) > 1)
                if result[2] or result[3]:
                    self._write(self._episode, "terminated" if result[2] else "truncated")
        return result

    def _columns(self, episode: LiveEpisode) -> Columns:
        """The columns of the observation before a step; adds its frame to the episode."""
        if episode.frames is not None:
            try:
                episode.frames.append(draw(self.env))
            except Exception as error:
                _warn(f"no frames of episode {episode.number}", error)
                episode.frames = None
        observations, context = self._inner._last.inputs(_ONLY)
        return columns_before(self._explainer.policy, episode.observed, observations, context)

    def _leave(self, why: str) -> None:
        """End the current episode, if any."""
        with self._harmless():
            if self._episode is not None and self._episode.steps:
                self._write(self._episode, "fault", why)
        self._episode = None

    def _write(self, episode: LiveEpisode, ended: str, fault: str = "") -> None:
        self._episode = None
        recording, number = self._recording, episode.number
        with folder_lock(recording.directory), os_errors_as(recording.directory):
            write_episode(recording, self._spec, episode, episode.outcome(ended, fault), frames_per_second(self.env))
        page = recording.directory / "replays" / f"episode-{number:06d}.html"
        self.pages += (replay(recording, number, page, title=self._title),)

    def _settled(self, folder: Path, overwrite: bool) -> Recording:
        policy, spec = self._explainer.policy, environment_spec(self.env)
        limit = (spec and spec.max_episode_steps) or 0
        header = header_of(policy, spec, NO_SEED, False, limit, layers=layers_of(self._inner.env))
        header = dataclasses.replace(header, notes=(*header.notes, "seen live: some episodes, and whatever acted"))
        with folder_lock(folder), os_errors_as(folder):
            if (existing := numbered(folder / "episodes")) and not overwrite:
                raise ConflictError(
                    f"{folder} holds {len(existing)} episodes already; choose another folder, or delete them with "
                    f"{argument('overwrite', True)}"
                )
            settle(folder, header, overwrite=overwrite)
            return open_recording(folder)

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """An error while writing a page costs the page, never the step."""
        try:
            yield
        except Exception as error:
            _warn(f"no replay of episode {self._number}", error)
            self._episode = None


def _claimed(folder: Path) -> ExitStack:
    """A lock that keeps other wrappers out of a folder, until it is closed or collected."""
    claim = ExitStack()
    claim.enter_context(folder_lock(folder, ".lock-replays"))
    return claim


def _warn(loss: str, error: Exception) -> None:
    warnings.warn(f"{loss}: {type(error).__name__}: {error}", ReplaySkippedWarning, stacklevel=5)
