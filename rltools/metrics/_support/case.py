"""One attribution, or a control in its place, with everything that metrics look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from rltools._util.text import plural
from rltools.attributions import is_per_feature_unit
from rltools.errors import RecordingError
from rltools.metrics._support.compared import Compared, paired_losses
from rltools.metrics._support.controls import Control
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.recording import AttributionSpec, Recording
from rltools.stats import Jackknife
from rltools.summary.episodes import feature_std
from rltools.summary.player_sizes import PlayerSizes, player_sizes, tells_factors_apart

if TYPE_CHECKING:
    from torch import Tensor

    from rltools.ablation import Ablation
    from rltools.explanation.sampled import SampledSteps
    from rltools.policies.base import Policy
    from rltools.spaces import Features

T = TypeVar("T")
REDRAWN = 1_000_003
"""The distance between the seeds of one draw and of the next one."""
LARGE, FEWER = 1024, 4
"""The most elements of an observation that is not large; of a large one, so many times fewer steps are explained."""


@dataclass(frozen=True)
class Case:
    """One attribution of a recording that is judged, or a control in its place.

    A control is a map that is the same at every step and knows nothing of the policy: "random" numbers, the "std" of
    the features, or a "constant".

    Attributes:
        recording: the recording.
        key: the folder name of the attribution.
        policy: the recorded policy; None if it was not passed.
        ablation: the measured losses; None if nothing was measured.
        steps: about how many recorded steps a metric explains again.
        seed: of everything that is drawn.
        control: which control takes the place of the attribution; "" for the attribution itself.
        draw: the number of the random map.
        shared: what several cases of a recording need, computed once.

    Example:
        >>> import rltools
        >>> from rltools.metrics import Case
        >>> policy = rltools.load_policy("cartpole-ppo")
        >>> recording = rltools.explain(rltools.record(policy, episodes=2, max_steps=30), policy, method="gradient")
        >>> case = Case(recording, recording.find(), policy, steps=10)
        >>> case.players[case.sizes.sizes.value.argmax()]
        'pole angular velocity'
        >>> case.values().shape, case.as_control("std").values().shape
        ((10, 1, 4), (10, 1, 4))
    """

    recording: Recording
    key: str
    policy: Policy | None = None
    ablation: Ablation | None = None
    steps: int = 64
    seed: int = 0
    control: Control | str = ""
    draw: int = 0
    shared: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def as_control(self, control: Control, draw: int = 0) -> Case:
        """The same case with a control in place of the attribution."""
        return replace(self, control=control, draw=draw)

    @cached_property
    def spec(self) -> AttributionSpec:
        """The specification of the attribution."""
        return self.recording.spec(self.key)

    @cached_property
    def _variables(self) -> tuple[tuple[str, ...], tuple[np.ndarray, ...]]:
        if self.ablation is not None and tells_factors_apart(self.recording, self.key):
            return tuple(self.ablation.players), tuple(self.ablation.positions)
        groups = self.observed.variables("regions")
        return tuple(name for name, _ in groups), tuple(elements for _, elements in groups)

    @property
    def players(self) -> tuple[str, ...]:
        """The names of the variables: those of the ablation, else each choice, region of an image and other element.

        An attribution that does not tell the factors of a choice apart has the choice, whatever the ablation has.
        """
        return self._variables[0]

    @property
    def positions(self) -> tuple[np.ndarray, ...]:
        """The positions of the elements of each player in an encoded observation, int64 `[element]` each."""
        return self._variables[1]

    @property
    def sizes(self) -> PlayerSizes:
        """How large each player is in the map; see `rltools.summary.player_sizes`.

        Raises:
            NotApplicableError: no step was explained.
        """
        if self.control:
            value = np.abs(self.control_map())
            return PlayerSizes(self.players, Jackknife(value, ()), (), 0)
        arguments = (self.recording, self.key, self.players, self.positions)
        sizes = self.once(("sizes", self.key), lambda: player_sizes(*arguments))
        if not sizes.steps:
            raise NotApplicableError("no step was explained")
        return sizes

    @property
    def has_steps(self) -> bool:
        """Whether the attribution has a step with values."""
        try:
            return self.sizes.steps > 0
        except NotApplicableError:
            return False

    @cached_property
    def compared(self) -> Compared:
        """The sizes of the players beside their measured losses.

        Raises:
            NotApplicableError: nothing was measured, no step was explained, or fewer than two players were measured,
                which have no order.
        """
        if self.ablation is None:
            raise NotApplicableError("no losses were measured")
        if not tells_factors_apart(self.recording, self.key):
            raise NotApplicableError("the losses are those of factors of a choice, which it does not tell apart")
        ablation = self.ablation
        measured, losses = self.once("losses", lambda: paired_losses(ablation.losses().differences))
        if len(measured) < 2:
            raise NotApplicableError(f"the loss of {plural(len(measured), 'feature')} was measured, which has no order")
        sizes = self.sizes
        of_measured = sizes.sizes.map(lambda numbers: numbers[..., measured])
        return Compared(of_measured, losses, (*sizes.sources, "seeds"))

    @cached_property
    def explained_policy(self) -> Policy:
        """The policy; only metrics that declare this need ask for it.

        Raises:
            NotApplicableError: it was not passed.
        """
        if self.policy is None:
            raise NotApplicableError("it explains the policy again, and none was given")
        return self.policy

    @cached_property
    def sample(self) -> SampledSteps:
        """About `steps` recorded steps, spread evenly over the episodes, as the attribution explains them.

        Of large observations there are a quarter of them.

        Raises:
            NotApplicableError: there is none.
            MismatchError: the policy is not the one that was recorded.
        """
        from rltools.explanation.sampled import of_attribution, sample_steps

        policy, units = self.explained_policy, self.spec.parameters.get("units")
        steps = self.steps if self.recording.features.size <= LARGE else max(1, self.steps // FEWER)
        name = ("sample", self.spec.window, units, self.spec.decoded)
        try:
            sample = self.once(name, lambda: sample_steps(self.recording, self.key, policy, steps))
        except RecordingError as error:
            raise NotApplicableError("there is no step to explain again") from error
        return of_attribution(sample, self.recording, self.key, policy)

    @cached_property
    def elements(self) -> tuple[np.ndarray, ...]:
        """The positions of the elements of each player in what is explained: over a window, of every lag."""
        size, lags = self.observed.size, np.arange(max(1, self.spec.window))
        return tuple((lags[:, None] * size + elements).reshape(-1) for elements in self.positions)

    @cached_property
    def std(self) -> np.ndarray:
        """The std of each element of what is explained, over the recorded observations: float64 `[element]`."""
        window, decoded = self.spec.window, self.spec.decoded
        key = self.key if window or decoded else None
        std = self.once(("std", window, decoded), lambda: feature_std(self.recording, key))
        return np.asarray(np.nan_to_num(std))

    @property
    def input_std(self) -> np.ndarray:
        """The std of each element in the units of what is explained, over visited states: float64 `[element]`."""
        from rltools.explanation.sampled import input_std

        name = ("input std", self.spec.window, self.spec.parameters.get("units"), self.spec.decoded)
        return self.once(name, lambda: input_std(self.recording, self.sample, self.explained_policy))

    def values(
        self, *, x: Tensor | None = None, redraw: int = 0, when: Any = None, policy: Policy | None = None
    ) -> np.ndarray:
        """The map at the steps of the sample: float64 `[step, target, player]`, summed over the player's elements.

        Values per unit of a feature are multiplied by its std. A control is the same at every step.

        Args:
            x: other observations of the same steps; None for the recorded ones.
            redraw: above 0, the number of another draw of references and of whatever the method draws.
            when: a name for the state of the policy, if its network was changed: nothing is kept for later then.
            policy: another policy that explains the steps; None for the recorded one.
        """
        if self.control:
            number = self.draw + REDRAWN * redraw
            return np.broadcast_to(self.control_map(number), (len(self.sample.x), 1, len(self.players)))
        if x is not None or when is not None or policy is not None:
            return self._explained(x, redraw, policy)
        return self.once(("values", self.key, redraw), lambda: self._explained(None, redraw, None))

    def _explained(self, x: Tensor | None, redraw: int, policy: Policy | None) -> np.ndarray:
        from rltools.explanation.sampled import explain_sample, other_references

        policy, seed = policy or self.explained_policy, None
        references = None
        if redraw:
            seed = self.seed + REDRAWN * redraw
            references = other_references(self.recording, self.sample, policy, seed)
        values = explain_sample(self.sample, policy, x=x, references=references, seed=seed)
        flat = values.reshape(*values.shape[:2], -1).astype(np.float64)
        if is_per_feature_unit(self.spec.unit):
            flat = flat * self.std
        return np.stack([flat[..., elements].sum(axis=-1) for elements in self.elements], axis=-1)

    def magnitudes(self, values: np.ndarray) -> np.ndarray:
        """How large each player is at each step, over all targets: `[step, target, player]` -> `[step, player]`."""
        return np.asarray(np.abs(values).sum(axis=1))

    def control_map(self, draw: int | None = None) -> np.ndarray:
        """The values of the control: float64 `[player]`; `draw` is the number of another random map."""
        if self.control == "random":
            number = self.draw if draw is None else draw
            return np.random.default_rng((self.seed, number)).normal(size=len(self.players))
        if self.control == "std":
            std = np.nan_to_num(self._observed_std)
            return np.array([std[elements].sum() for elements in self.positions])
        return np.ones(len(self.players))

    @property
    def observed(self) -> Features:
        """The features of a single observation as the attribution explains it."""
        return self.recording.features.decoded if self.spec.decoded else self.recording.features

    @property
    def _observed_std(self) -> np.ndarray:
        """The std of each of its elements, over the recorded observations."""
        if not self.spec.decoded:
            return self.once(("std", 0, False), lambda: feature_std(self.recording))
        if not self.spec.window:
            return self.std
        return self.std[-self.observed.size :]

    def once(self, name: Any, compute: Callable[[], T]) -> T:
        """What several cases share, computed at the first call."""
        if name not in self.shared:
            self.shared[name] = compute()
        result: T = self.shared[name]
        return result
