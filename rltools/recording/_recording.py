"""A folder of immutable episodes and attributions, opened lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rltools._util.console import as_text
from rltools._util.files import numbered, numbered_path
from rltools._util.notebook import notebook_html
from rltools._util.text import plural
from rltools.errors import ArgumentError, CorruptError, UnknownNameError
from rltools.recording._damage import check_episode, damage_in
from rltools.recording._header import Header
from rltools.recording.attribution import Attribution, AttributionSpec
from rltools.recording.batches import windows_of
from rltools.recording.episode import PLACES, Episode, Outcome, episode_called, read_episode, read_outcome
from rltools.recording.parquet import CONTENT, read_file, read_metadata
from rltools.recording.read_attribution import read_attribution
from rltools.recording.seal import EPISODE_ROWS, NUMBER, RECORDING, check_identity, warn_of_damage
from rltools.recording.specs import (
    description,
    differing_settings,
    matching_keys,
    read_spec,
    selected_key,
    spec_path,
)
from rltools.spaces import Features
from rltools.spaces.factors import decode
from rltools.spaces.layout import Rows
from rltools.spaces.variables import Detail

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


_DIGITS = 10
"""A number of so many digits is that of no episode."""


@dataclass(frozen=True, repr=False)
class Recording:
    """A folder of immutable episodes and attributions, opened lazily: nothing is read before it is needed.

    Attributes:
        directory: its folder.
        header: policy, environment, features and seeds.
        keep_alive: an object that must live as long as the recording, such as its temporary folder.
        seal: the seal of its `recording.json`, which its files name; "" for an older one.
        requested: the keys of the attributions that `explain` returned it with: among several that match equally,
            `find` selects the latest.
        show_frames: whether `frames` returns the stored frames; see `without_frames`.
        visible: the keys of the attributions that it shows; None for all; see `only`.

    Iterating yields the episodes; a damaged file is named in a warning and left out.

    Example:
        >>> import rltools
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.record(policy, episodes=3, max_steps=40, directory="runs/poles")
        >>> recording.numbers
        (0, 1, 2)
        >>> recording = rltools.explain(recording, policy, method="gradient")
        >>> recording.attribution("gradient").values.shape
        (120, 1, 4)
        >>> rltools.open_recording("runs/poles")
        Recording('runs/poles': 3 episodes of cartpole-ppo in CartPole-v1, explained: gradient of centered:chosen)
    """

    directory: Path
    header: Header
    keep_alive: object = field(default=None, repr=False, compare=False)
    seal: str = field(default="", repr=False, compare=False)
    requested: tuple[str, ...] = field(default=(), repr=False, compare=False)
    show_frames: bool = field(default=True, repr=False, compare=False)
    visible: frozenset[str] | None = field(default=None, repr=False, compare=False)

    @property
    def features(self) -> Features:
        """Names, units and shape of an encoded observation."""
        return self.header.features

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the recorded episodes."""
        return numbered(self.directory / "episodes")

    def __repr__(self) -> str:
        """Folder, policy, environment and attributions, in one line."""
        return as_text(f"Recording({str(self.directory)!r}: {self.content})")

    @property
    def content(self) -> str:
        """What it holds, in words: `2 episodes of cartpole-ppo in CartPole-v1, explained: gradient of logit:chosen`."""
        explained = ", ".join(self.descriptions.values()) or "nothing"
        episodes, header = plural(len(self), "episode"), self.header
        where = header.environment_id or "an environment made by a function"
        held = f"{header.data}, as {header.policy} sees them" if header.data else f"{header.policy} in {where}"
        return f"{episodes} of {held}, explained: {explained}"

    def _repr_html_(self) -> str | None:
        """The card that notebooks display."""
        return notebook_html(self)

    def __len__(self) -> int:
        """How many episodes there are."""
        return len(self.numbers)

    def __iter__(self) -> Iterator[Episode]:
        """The episodes that can be read, in order."""
        for number in self.numbers:
            try:
                yield self.episode(number)
            except CorruptError as error:
                warn_of_damage(error)

    def episode_path(self, number: int) -> Path:
        """The file of an episode.

        Raises:
            ArgumentError: `number` is not an integer.
            UnknownNameError: there is no such episode.
        """
        if not hasattr(number, "__index__"):
            raise ArgumentError(f"the number of an episode is an integer from 0, not {number!r:.80}")
        path = numbered_path(self.directory / "episodes", number)
        if not path.is_file():
            existing = (
                f"it has {len(self)}, numbered {self.numbers[0]} to {self.numbers[-1]}" if len(self) else "it is empty"
            )
            raise UnknownNameError(f"no episode {number} in {self.directory}; {existing}")
        return path

    def number_of(self, episode: int | str) -> int:
        """The number of an episode: itself, or that of the "worst", "best" or "median" one by its return.

        Args:
            episode: a number, also as text, or a name.

        Raises:
            ArgumentError: it is neither, or no episode has steps.

        Example:
            >>> import rltools
            >>> recording = rltools.record(rltools.load_policy("cartpole-ppo"), episodes=3, max_steps=40)
            >>> recording.number_of("worst"), recording.number_of("best"), recording.number_of(1)
            (0, 2, 1)
        """
        if not isinstance(episode, str):
            return episode
        if episode.isascii() and episode.isdigit() and len(episode) < _DIGITS:
            return int(episode)
        if episode not in PLACES:
            raise ArgumentError(f"{episode!r:.80} is no episode: give a number from 0, or {', '.join(PLACES)}")
        number = episode_called(self.readable_outcomes(), episode)
        if number is None:
            raise ArgumentError(f"{self.directory} has no episode with steps, so none is the {episode} one")
        return number

    def episode(self, number: int) -> Episode:
        """One episode with all its steps."""
        return read_episode(self.episode_path(number), self.features, self.seal)

    def outcome(self, number: int) -> Outcome:
        """How one episode went, without reading its rows."""
        return read_outcome(self.episode_path(number), self.seal)

    def identity(self, number: int, rows: str | None = None) -> dict[str, str]:
        """The metadata that identifies an episode in files made from it; see `check_identity`.

        Args:
            number: of the episode.
            rows: the checksum of its rows, `CONTENT` in its file's metadata, for callers that have the file open.
        """
        if rows is None:
            rows = read_metadata(self.episode_path(number)).get(CONTENT, "")
        return {RECORDING: self.seal, NUMBER: f"{number:06d}", EPISODE_ROWS: rows}

    def outcomes(self) -> list[Outcome]:
        """How each episode went; a damaged file is named in a warning and left out.

        Only metadata is read, and so damage in the rows goes unnoticed; see `readable_outcomes`.
        """
        return self._outcomes(lambda number: None)

    def readable_outcomes(self) -> list[Outcome]:
        """How each episode went, after reading all its rows; a damaged file is named in a warning and left out."""
        return self._outcomes(lambda number: check_episode(self, number))

    def _outcomes(self, check: Callable[[int], None]) -> list[Outcome]:
        outcomes = []
        for number in self.numbers:
            try:
                outcome = self.outcome(number)
                check(number)
                outcomes.append(outcome)
            except CorruptError as error:
                warn_of_damage(error, stacklevel=4)
        return outcomes

    def frames(self, number: int) -> list[bytes] | None:
        """The frames of an episode as WebP, one before each action; None if it has none."""
        path = numbered_path(self.directory / "frames", number)
        if not self.show_frames or not path.is_file():
            return None
        columns, metadata = read_file(path)
        check_identity(path, metadata, self.identity(number))
        steps = self.outcome(number).steps
        if len(columns["frame"]) != steps:
            raise CorruptError(
                f"{path} is damaged (it has {len(columns['frame'])} frames for {steps} steps); delete it and "
                f"render again"
            )
        return list(columns["frame"])

    def without_frames(self) -> Recording:
        """The same recording as if it had no frames, for pages that leave them out."""
        return replace(self, show_frames=False)

    def only(self, keys: Iterable[str]) -> Recording:
        """The same recording as if it had no other attributions than those with these keys."""
        return replace(self, visible=frozenset(keys))

    def damaged(self) -> dict[Path, str]:
        """Every file that cannot be read, and why; reads all of them."""
        return damage_in(self)

    @property
    def specs(self) -> dict[str, AttributionSpec]:
        """The spec of each attribution, by its key; a damaged file is named in a warning and left out."""
        specs = {}
        for path in sorted((self.directory / "attributions").glob("*/attribution.json")):
            if self.visible is not None and path.parent.name not in self.visible:
                continue
            try:
                specs[path.parent.name] = read_spec(path)[0]
            except CorruptError as error:
                warn_of_damage(error)
        return specs

    def spec(self, key: str) -> AttributionSpec:
        """The spec of the attribution with this key.

        Raises:
            UnknownNameError: there is none.
            CorruptError: its `attribution.json` is damaged.
        """
        return self._sealed_spec(key)[0]

    def spec_seal(self, key: str) -> str:
        """The seal of an attribution's spec, which its files name; "" for an older one."""
        spec, seal = self._sealed_spec(key)
        return spec.fingerprint if seal else ""

    def _sealed_spec(self, key: str) -> tuple[AttributionSpec, str]:
        path = spec_path(self.directory, key)
        if not path.is_file():
            keys = ", ".join(self.specs) or "none"
            raise UnknownNameError(f"no attribution {key!r} in {self.directory}; there are {keys}")
        return read_spec(path)

    def distinguishing_settings(self, key: str) -> str:
        """The settings that tell an attribution from others of the same method and target; "" if there are none."""
        return differing_settings(self.specs, key)

    @property
    def descriptions(self) -> dict[str, str]:
        """A description of each attribution, by its key; no two are alike."""
        specs = self.specs
        return {key: description(specs, key) for key in specs}

    def features_of(self, key: str) -> Features:
        """The features of one attribution: of an observation, decoded if it explains factors, or of a window."""
        spec = self.spec(key)
        features = self.features.decoded if spec.decoded else self.features
        return features.windowed(spec.window) if spec.window else features

    def rows(self, key: str, detail: Detail = "variables") -> Rows:
        """The rows of one attribution, from coarse to fine; see `AttributionSpec.rows`."""
        return self.spec(key).rows(self.features_of(key), detail)

    def encoded_observations(self, key: str, episode: Episode) -> np.ndarray:
        """The encoded observations that one attribution explains in an episode: `[step, *feature]`.

        Over a window they are `[step, lag, *feature]`, padded with the first observation at the beginning.
        """
        spec = self.spec(key)
        states, window = decode(self.features, episode.states) if spec.decoded else episode.states, spec.window
        if not window:
            return states
        return windows_of(states, window, np.array([0, len(states)]))

    def is_complete(self, key: str) -> bool:
        """Whether an attribution covers every readable episode: more may have been recorded since."""
        missing = set(self.numbers) - set(numbered(self.directory / "attributions" / key))
        return not any(self._readable(number) for number in missing)

    def _readable(self, number: int) -> bool:
        try:
            self.outcome(number)
        except CorruptError:
            return False
        return True

    def find(self, method: str | None = None, target: str | None = None, window: int = 0) -> str:
        """The key of one attribution: the only one that matches, or the first in order of precedence.

        Args:
            method: its name; or the key itself, if several have the same method and target.
            target: as text.
            window: how many observations of a recurrent policy it covers; 0 for the current one alone.

        Raises:
            RecordingError: nothing matches, or several match that differ in other settings, for instance their
                references, and `explain` returned this recording with none of them; the message lists them.
            ArgumentError: the window is not a whole number of observations.
        """
        return selected_key(self.directory, self.specs, self.is_complete, self.requested, method, target, window)

    def find_all(self, method: str | None = None, target: str | None = None, window: int = 0) -> list[str]:
        """The keys of all attributions that match, in order of precedence; the arguments are those of `find`."""
        return matching_keys(self.specs, self.is_complete, self.requested, method, target, window)

    def attribution(
        self,
        method: str | None = None,
        target: str | None = None,
        *,
        window: int = 0,
        episodes: Sequence[int] | None = None,
    ) -> Attribution:
        """Attributions `[step, target, *feature]`, the episodes one after another.

        Over a window they are `[step, target, lag, *feature]`.

        Args:
            method: as for `find`; None selects the best predictor (`specs.HEADLINE`).
            target: as text, for instance "centered:chosen"; as for `find`.
            window: how many observations of a recurrent policy it covers; 0 for the current one alone.
            episodes: their numbers; all by default.

        Raises:
            RecordingError: nothing matches.
        """
        return self.attribution_of(self.find(method, target, window), episodes=episodes)

    def attribution_of(self, key: str, *, episodes: Sequence[int] | None = None) -> Attribution:
        """The attributions with this key, for all episodes or for those with the given numbers.

        A damaged file is named in a warning: without `episodes` a damaged episode is left out, and damaged attributions
        are NaN.
        """
        return read_attribution(self, key, self.numbers if episodes is None else episodes, skip=episodes is None)

    def to_xarray(self, method: str | None = None, target: str | None = None) -> xr.Dataset:
        """Everything as one labeled Dataset, or one attribution of it; see `rltools.recording._export.to_xarray`."""
        from rltools.recording._export import to_xarray

        return to_xarray(self, method, target)

    def to_pandas(self, method: str | None = None, target: str | None = None) -> pd.DataFrame:
        """One row per step, one column per number; see `rltools.recording._export.to_pandas`."""
        from rltools.recording._export import to_pandas

        return to_pandas(self, method, target)
