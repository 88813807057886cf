"""A policy around any PyTorch module or function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium import Space
from gymnasium.spaces import Box
from torch import Tensor, nn

from rltools._util.text import plural
from rltools.envs import is_old_space
from rltools.errors import ArgumentError, argument
from rltools.policies._identity import source_of
from rltools.policies._modes import evaluating
from rltools.policies._normalization import Normalization
from rltools.policies.actions import as_logits, branches, clipping, count_actions, gaussian, in_branches
from rltools.policies.base import ActResult, Context, Discounting, RecurrentState, Source
from rltools.policies.decide import decide
from rltools.policies.env_info import EnvInfo, inspect_env, names_in
from rltools.policies.library import LoadOptions
from rltools.policies.naming import Naming
from rltools.policies.torch_policy._network import Head, Network
from rltools.policies.torch_policy._refusals import check_given, without_forward
from rltools.policies.vjp._layers import ClipLayer
from rltools.policies.vjp._plan import Plan
from rltools.spaces import Features, space_features
from rltools.spaces.leaves import leaves

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

    from rltools.envs import Environment
    from rltools.spaces.rename import Names


Choose = Callable[[Tensor, bool, Sequence[np.random.Generator] | None], np.ndarray]


class TorchPolicy(Network):
    """A policy around any PyTorch module or function; see `rltools.policies.base.Policy` for its methods.

    The module is never changed: it computes in eval mode, and each submodule gets its own mode back afterwards.

    Args:
        module: `x [batch, *observation] -> [batch, k]`. x is float, in the environment's own layout and units: an image
            comes as 0..255, and the module has to scale it. A choice (Discrete, MultiDiscrete) comes one-hot. For a
            Dict or Tuple, x is a dict or tuple of such tensors, without its texts.
        env: where it acts: an id, a specification, an environment or a function that makes one, which also names the
            features and actions. Or its observation space alone: a Box, Discrete, MultiDiscrete or MultiBinary, or a
            Dict or Tuple of these and of Text.
        action_space: a Discrete, MultiDiscrete, MultiBinary or Box; left out unless `env` is a space.
        heads: name -> function `x -> [batch, k]`, with the names "logit", "probability", "q_value", "advantage" of
            dueling networks, "mean", "action" and "value"; the first one decides. By default the module itself, as
            "action" for Box and as "logit" for others, where k is the number of values of all choices, one choice after
            another; a bit of a MultiBinary has two, off and on. The outputs of "action" are clipped to the bounds of
            the Box, as the environment receives them (and cut to integers if it takes these), unless `choose` does
            something else; where they decide and there is a `std`, they are a "mean", which is not clipped. For the
            actions of a Box, "q_value" is a function of `(x, action [batch, dimension])`, with k = 1.
        name: its name on pages and in files; that of the module's class by default.
        action_names: one per discrete action, or per dimension of a continuous one, or per value of each choice;
            "action 0", ... or "action[0]=2", ... by default.
        names: of features, in place of those of the environment; see `load_policy`.
        units: of features, in the forms that `names` takes.
        features: names and units of the observation's elements; by default those of the environment, else numbered.
        environment: the specification it was trained on; by default that of `env`.
        dtype: torch.float32 or torch.float64, which the module must compute in.
        choose: (scores `[batch, k]` of the first head, deterministic, rngs) -> positions `[batch]` from 0 for Discrete,
            values `[batch, k]` for Box. By default the highest score or a draw from the logits; for Box the scores
            within its bounds.
        std: x -> `[batch, k]`, the standard deviation around the first head's scores, for random actions of a Box.
        memory: the state of a recurrent network; heads and `std` are then functions of `RecurrentState.head_input`.
        normalization: of observations, before anything else the network does; None if it takes them as they are. A
            function returns the current one at each call.
        masked: whether it chooses among the allowed actions only.
        source: replaces name and environment if more is known.
        discounting: of the returns that "value" or "q_value" estimate; unknown by default. A function returns the
            current one at each call.
        sha256_of: from the network's current fingerprint to the source's sha256. None keeps the sha256 of the source
            until the network changes, and then derives another one from it.

    Attributes:
        module: the module itself; changes to its parameters, layers and hooks take effect from the next call on.

    Raises:
        ArgumentError: other spaces, an unknown head, or not as many names as features or actions.
        SimulationError: the environment cannot be made.

    Example:
        >>> import rltools
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
        >>> policy = rltools.TorchPolicy(net, "CartPole-v1")
        >>> policy
        TorchPolicy('Sequential', 4 features, 2 actions, heads logit)
        >>> rltools.record(policy, episodes=1).header.action_names
        ('push left', 'push right')
        >>> rltools.TorchPolicy(net, "CartPole-v1", names=["x", "speed", "tilt", "spin"]).features.names
        ('x', 'speed', 'tilt', 'spin')
    """

    def __init__(
        self,
        module: nn.Module | Callable[[Tensor], Tensor],
        env: Environment | Space[Any],
        action_space: Space[Any] | None = None,
        heads: Mapping[str, Head] | None = None,
        *,
        name: str | None = None,
        action_names: Sequence[str] | None = None,
        names: Names | None = None,
        units: Names | None = None,
        features: Features | None = None,
        environment: EnvSpec | None = None,
        dtype: torch.dtype = torch.float32,
        choose: Choose | None = None,
        std: Head | None = None,
        memory: RecurrentState | None = None,
        normalization: Normalization | Callable[[], Normalization | None] | None = None,
        masked: bool = False,
        source: Source | None = None,
        discounting: Discounting | Callable[[], Discounting] | None = None,
        sha256_of: Callable[[str], str] | None = None,
    ) -> None:
        check_given(module, heads, features, environment, action_names)
        env_info = _acts_in(env, action_space)
        observation_space, action_space = env_info.observation_space, env_info.action_space
        count = count_actions(action_space)
        deciding = "logit" if branches(action_space) else "action"
        if not heads and isinstance(module, nn.Module) and (refusal := without_forward(module, deciding)):
            raise ArgumentError(refusal)
        features, actions = features or env_info.features, env_info.action_names
        environment = environment or env_info.spec
        if environment is not None and environment is not env_info.spec and (features is None or action_names is None):
            named, other_actions = names_in(environment, observation_space, action_space)
            features, actions = features or named, actions or other_actions
        naming = Naming(names, units, action_names)
        features = naming.features(features or space_features(observation_space))
        self.action_names: tuple[str, ...] = naming.actions(actions, action_space)
        if env_info.env is not None:
            self.environment: Environment = env_info.env
        heads = heads or {deciding: module}
        if std is not None and choose is None and next(iter(heads)) == "action":
            heads = {"mean": heads["action"], **heads}
        super().__init__(
            module,
            heads,
            source=source or source_of(module, name, environment),
            features=features,
            branches=branches(action_space),
            width=count,
            dtype=dtype,
            memory=memory,
            normalization=normalization,
            sha256_of=str if source is None else sha256_of,
            received=_clipped(action_space) if choose is None else None,
        )
        self._choose, self._std = choose, std
        self._discounting_or_function = discounting or Discounting()
        self.masked = masked
        self.observation_space = observation_space
        self.action_space = action_space
        # Looked up once: a space's attributes are properties, and acting takes microseconds.
        self._action = (
            getattr(action_space, "start", None) if np.any(getattr(action_space, "start", 0)) else None,
            np.dtype(action_space.dtype or np.float32),
            tuple(action_space.shape or ()),
        )

    @property
    def discounting(self) -> Discounting:
        """See `HasDiscounting`."""
        current = self._discounting_or_function
        return current() if callable(current) else current

    def __repr__(self) -> str:
        """Its name, and what goes in and comes out."""
        return (
            f"{type(self).__name__}({self.source.name!r}, {plural(self.features.size, 'feature')}, "
            f"{plural(len(self.action_names), 'action')}, heads {', '.join(self.heads)})"
        )

    def choose(
        self,
        scores: Tensor,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
        mask: Tensor | None = None,
    ) -> np.ndarray:
        """See `Policy.choose`.

        Raises:
            ArgumentError: random actions without a generator for each row, or without a distribution to draw from.
        """
        scores = scores.detach() if scores.requires_grad else scores
        if self._choose is not None:
            actions = self._choose(scores, deterministic, rngs)
        else:
            actions = self._choose_by_scores(scores, deterministic, rngs, mask if self.masked else None)
        start, dtype, shape = self._action
        if actions.shape[1:] != shape:
            actions = actions.reshape(-1, *shape)
        if start is not None:
            actions = actions + start
        return actions if actions.dtype == dtype else actions.astype(dtype)

    def act(
        self,
        observations: Any,
        context: Context,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
        block: int | None = None,
    ) -> ActResult:
        """See `Policy.act`.

        With `block`, for a policy that observes one array and remembers nothing, so many rows go through the network
        together, and everything else is done once for all rows.
        """
        first, state = self.heads[0], None
        with torch.no_grad():
            plan = self._plan(first, gradients=False)
            weight = None if plan is None else plan.first_weight
            inputs, shape = self._observed(observations, weight)
            if self._memory is not None:
                inputs, state = self._advance(inputs, shape[0], context)
            if block is None or shape[0] <= block:
                scores = self._scores(plan, inputs, shape)
            else:
                scores = torch.cat([self._scores(plan, part, part.shape) for part in inputs.split(block)])
            if not deterministic and self._std is not None:
                return self._draw(inputs, scores, context, rngs, state)
        return decide(self, scores, context, deterministic=deterministic, rngs=rngs, state=state)

    def _scores(self, plan: Plan | None, inputs: Any, shape: Sequence[int]) -> Tensor:
        """The scores of the first head, by its plan if it has one, for an x of this shape."""
        first = self.heads[0]
        if plan is None:
            return self._called(first, shape, self._heads[first], inputs)
        run = self._heads[first] if self._is_compiled else plan
        return self._checked(first, shape, self._guarded(first, shape, lambda: run(inputs)))

    def _draw(
        self,
        inputs: Any,
        scores: Tensor,
        context: Context,
        rngs: Sequence[np.random.Generator] | None,
        state: Tensor | None,
    ) -> ActResult:
        """A decision by scores drawn around those of the first head; the result has the latter."""
        assert self._std is not None
        with evaluating(self._modules):
            drawn = gaussian(scores, self._std(inputs), rngs)
        decided = decide(self, drawn, context, state=state)
        context = dataclasses.replace(decided.context, scores=scores)
        return ActResult(decided.actions, scores.numpy(force=True), context, state)

    def _choose_by_scores(
        self,
        scores: Tensor,
        deterministic: bool,
        rngs: Sequence[np.random.Generator] | None,
        mask: Tensor | None,
    ) -> np.ndarray:
        if not deterministic and self.heads[0] not in ("logit", "probability"):
            raise ArgumentError(f"{self.source.name} has no distribution to draw from, only a {self.heads[0]} head")
        if isinstance(self.action_space, Box):
            return clipping(self.action_space)(scores)
        logits = as_logits(scores) if self.heads[0] == "probability" else scores
        return in_branches(logits, self.branches, deterministic, rngs, mask)


def _clipped(space: Space[Any]) -> ClipLayer | None:
    """What a Box makes of the outputs of a network; None if it has no bounds."""
    if not isinstance(space, Box) or not np.isfinite([space.low, space.high]).any():
        return None
    low, high = (torch.as_tensor(bound.reshape(-1)) for bound in (space.low, space.high))
    return ClipLayer(low, high, is_whole=space.low.dtype.kind in "iu")


def _acts_in(env: Any, action_space: Any) -> EnvInfo:
    """The environment that a policy is made for, or its spaces alone."""
    if action_space is not None:
        if not isinstance(env, Space) and not is_old_space(env):
            leaves(env)  # says what to give
        return EnvInfo(env, action_space)
    if isinstance(env, Space) or is_old_space(env):
        raise ArgumentError(
            f"the second argument is the observation space {env!r:.80}, and there is no action space after it; give "
            f"the environment itself, its id, or both of its spaces"
        )
    return inspect_env(env)


def claims(source: object) -> bool:
    """Whether the source is a PyTorch module; every other library is asked before this one, see `CLAIMS_LAST`."""
    return isinstance(source, nn.Module)


def load(source: nn.Module, options: LoadOptions) -> TorchPolicy:
    """A policy around a module, with the spaces of its environment.

    Raises:
        ArgumentError: no environment, or statistics, which a plain module does not have.
    """
    env_info = options.environment
    if env_info is None:
        raise ArgumentError(
            f"a {type(source).__name__} does not say what it observes; give {argument('env')}, or make a TorchPolicy "
            f"with its spaces"
        )
    if options.normalize not in (None, False):
        raise ArgumentError("normalize is for models of libraries that keep statistics; put it into the module itself")
    return TorchPolicy(
        source,
        env_info.observation_space,
        env_info.action_space,
        name=options.name,
        features=env_info.features,
        action_names=env_info.action_names,
        environment=env_info.spec,
        dtype=options.dtype or torch.float32,
    )
