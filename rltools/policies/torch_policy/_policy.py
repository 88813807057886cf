"""A policy around any PyTorch module or function."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError
from rltools.features import Features, space_features
from rltools.policies._actions import branches, count_actions, default_names
from rltools.policies._chain import Chain
from rltools.policies._choosing import clipping, gaussian, in_branches
from rltools.policies._encoding import check_dtype, encode
from rltools.policies._identity import device_of, source_of
from rltools.policies._memory import Memory
from rltools.policies._modes import evaluating
from rltools.policies._normalization import Normalization
from rltools.policies._surroundings import names_in
from rltools.policy import Acted, Back, Context, Source, decide

if TYPE_CHECKING:
    from gymnasium import Space
    from gymnasium.envs.registration import EnvSpec

Head = Callable[..., Tensor]
Choose = Callable[[Tensor, bool, Sequence[np.random.Generator] | None], np.ndarray]
HEADS = ("logit", "q_value", "advantage", "mean", "action", "value")


class TorchPolicy:
    """A policy around any PyTorch module or function; see `rltools.policy.Policy` for its methods.

    The module is never changed: it is scored in eval mode, and each submodule has its own mode back afterwards.

    Args:
        module: `x [batch, *observation] -> [batch, k]`. x is float, in the environment's own layout and units: an image
            comes as 0..255, and scaling it is the module's business. A choice (Discrete, MultiDiscrete) comes one-hot.
            Of a Dict or Tuple, x is a dict or tuple of such tensors, without its texts.
        observation_space: a Box, Discrete, MultiDiscrete or MultiBinary, or a Dict or Tuple of these and of Text.
        action_space: a Discrete, MultiDiscrete, MultiBinary or Box.
        heads: name -> function `x -> [batch, k]`, with the names "logit", "q_value", "advantage" of duelling networks,
            "mean", "action" and "value"; the first one decides. The module itself by default, as "action" for Box and
            as "logit" for others, where k is the number of values of all choices, one choice after another; a bit of a
            MultiBinary has two, off and on. Beside the actions of a Box, "q_value" is a function of
            `(x, action [batch, dimension])`, with k = 1.
        name: what to call it on pages and in files; the name of the module's class by default.
        action_names: one per discrete action, or per dimension of a continuous one, or per value of each choice;
            "action 0", ... or "action[0]=2", ... by default.
        features: names and units of the observation's entries; by default those of the environment, else numbered.
        environment: the specification it was trained on.
        dtype: torch.float32 or torch.float64, which the module must compute in.
        choose: (scores `[batch, k]` of the first head, deterministic, rngs) -> positions `[batch]` from 0 for Discrete,
            values `[batch, k]` for Box. By default the highest score or a draw from the logits; the bounded score.
        deviation: x -> `[batch, k]`, of the first head's scores, for random actions of a Box.
        memory: of a recurrent network; heads are then functions of what it recalls, and so is the deviation.
        normalization: of observations, before anything else the network does; None where it takes them as they are.
        masked: whether it was trained to choose among those actions only that are allowed.
        source: replaces name and environment where more is known.

    Attributes:
        module: as given; parameters that are changed in it are used from the next call on.

    Raises:
        ArgumentError: spaces other than these, an unknown head, or another number of names than actions.
    """

    def __init__(
        self,
        module: nn.Module | Callable[[Tensor], Tensor],
        observation_space: Space[Any],
        action_space: Space[Any],
        heads: Mapping[str, Head] | None = None,
        *,
        name: str | None = None,
        action_names: Sequence[str] | None = None,
        features: Features | None = None,
        environment: EnvSpec | None = None,
        dtype: torch.dtype = torch.float32,
        choose: Choose | None = None,
        deviation: Head | None = None,
        memory: Memory | None = None,
        normalization: Normalization | None = None,
        masked: bool = False,
        source: Source | None = None,
    ) -> None:
        check_dtype(dtype)
        count = count_actions(action_space)
        self.branches = branches(action_space)
        self.module = module
        self._modules = tuple(module.modules()) if isinstance(module, nn.Module) else ()
        itself = Chain(module) if isinstance(module, nn.Module) else module
        self._heads = dict(heads or {"logit" if self.branches else "action": itself})
        unknown = [head for head in self._heads if head not in HEADS]
        if unknown or next(iter(self._heads)) == "value":
            raise ArgumentError(
                f"heads are {', '.join(HEADS)}, the deciding one first; given: {', '.join(self._heads)}"
            )
        self._choose, self._deviation, self._memory = choose, deviation, memory
        self._normalization, self.units = normalization, "environment"
        self.state_size = 0 if memory is None else memory.size
        self.masked = masked
        if environment is not None and (features is None or action_names is None):
            named, actions = names_in(environment, observation_space, action_space)
            features, action_names = features or named, action_names or actions
        self.features = features or space_features(observation_space)
        self.observation_space = observation_space
        self.action_space = action_space
        # Looked up once: a space's own attributes are properties, and acting is a matter of microseconds.
        self._action = (
            getattr(action_space, "start", None) if np.any(getattr(action_space, "start", 0)) else None,
            np.dtype(action_space.dtype or np.float32),
            tuple(action_space.shape or ()),
        )
        self.action_names = tuple(action_names or default_names(action_space))
        if len(self.action_names) != count:
            raise ArgumentError(f"{len(self.action_names)} action names for {count} actions: {self.action_names}")
        self.heads = tuple(self._heads)
        self.source = source or source_of(module, name, environment)
        self.dtype = dtype
        self.device = device_of(module)

    def __repr__(self) -> str:
        """Its name, and what goes in and comes out."""
        return (
            f"{type(self).__name__}({self.source.name!r}, {self.features.size} features, {len(self.action_names)} "
            f"actions, heads {', '.join(self.heads)})"
        )

    def encode(self, observations: Any) -> Tensor:
        """See `Policy.encode`."""
        values = encode(observations, self.features, self.dtype, self.source.name)
        if self._normalization is not None and self.units == "network":
            values = self._normalization.apply_to_array(values)
        return self._tensor(values)

    def _tensor(self, values: np.ndarray) -> Tensor:
        x = torch.from_numpy(values)
        return x if self.device.type == "cpu" else x.to(self.device)

    def in_network_units(self) -> TorchPolicy:
        """The same policy with observations normalised where they are encoded: their unit is the network's.

        Raises:
            ArgumentError: it normalises nothing, so that its network's units are the environment's.
        """
        if self._normalization is None:
            raise ArgumentError(
                f"{self.source.name} takes observations as the environment gives them; its network has no other units"
            )
        if self.units == "network":
            return self
        same = copy.copy(self)
        same.units, same.features = "network", self._normalization.units(self.features)
        return same

    def compiled(self) -> TorchPolicy:
        """The same policy with its heads compiled by torch: some seconds for each shape, then a faster forward."""
        same = copy.copy(self)
        same._heads = {
            name: head.compiled() if isinstance(head, Chain) else torch.compile(head)
            for name, head in self._heads.items()
        }
        return same

    def clipped(self, x: Tensor) -> Tensor | None:
        """`x [batch, *feature]` -> bool of that shape, the entries that normalisation clips; None without any."""
        if self._normalization is None:
            return None
        return self._normalization.clipped(x) if self.units == "environment" else self._normalization.reached(x)

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`.

        Raises:
            ArgumentError: no such head, or one that needs what the context does not hold.
            MismatchError: the network cannot take x, or its output is not `[batch, k]`.
        """
        if name not in self._heads:
            raise ArgumentError(f"{self.source.name} has no head {name!r}; it has {', '.join(self.heads)}")
        return self._scored(name, x.shape, lambda: self._heads[name](*self._given(name, x, context)))

    def pull(self, name: str, x: Tensor, context: Context) -> tuple[Tensor, Back] | None:
        """See `rltools.policy.Pulling`; None where the head is not made of known layers."""
        head = self._heads.get(name)
        if not isinstance(head, Chain) or not head.is_known or self._memory is not None or self.features.is_nested:
            return None
        normalization = self._normalization if self.units == "environment" else None
        ways: list[Back] = []

        def compute() -> Tensor:
            output, way = head.pull(x if normalization is None else normalization.apply(x))
            ways.append(way)
            return output

        output, (back,) = self._scored(name, x.shape, compute), ways
        return output, back if normalization is None else lambda g: normalization.back(x, back(g))

    def _given(self, name: str, x: Tensor, context: Context) -> tuple[Any, ...]:
        """What a head is a function of."""
        inputs = self._inputs(x)
        if self._memory is not None:
            return (self._memory.recall(name, inputs, self._remembered(len(x), context)),)
        if name != "q_value" or self.branches:
            return (inputs,)
        if context.action is None:
            raise ArgumentError(f"the q_value of {self.source.name} is that of an action, and none is known here")
        return inputs, context.action

    def _inputs(self, x: Tensor) -> Any:
        """What the network takes for x."""
        if self._normalization is not None and self.units == "environment":
            x = self._normalization.apply(x)
        return self.features.unflatten(x) if self.features.is_nested else x

    def _observed(self, observations: Any) -> tuple[Any, Sequence[int]]:
        """What the network takes for observations, and the shape of x."""
        values = encode(observations, self.features, self.dtype, self.source.name)
        if self._normalization is not None:
            values = self._normalization.apply_to_array(values)
        x = self._tensor(values)
        return self.features.unflatten(x) if self.features.is_nested else x, values.shape

    def _remembered(self, rows: int, context: Context) -> Tensor:
        if context.state is not None:
            return context.state
        return torch.zeros(rows, self.state_size, dtype=self.dtype, device=self.device)

    def _scored(self, name: str, shape: Sequence[int], compute: Callable[..., Tensor], *given: Any) -> Tensor:
        """What a head gives for an x of this shape, in eval mode and checked."""
        try:
            with evaluating(self._modules):
                scores = compute(*given)
        except (torch.OutOfMemoryError, ArgumentError):
            raise
        except (RuntimeError, ValueError, IndexError, TypeError, KeyError) as error:
            raise MismatchError(
                f"the {name} head of {self.source.name} cannot take observations {list(shape)} of {self.dtype}: {error}"
            ) from error
        single = name == "value" or (name == "q_value" and not self.branches)
        expected = (shape[0], 1 if single else len(self.action_names))
        if not isinstance(scores, Tensor) or scores.shape != expected:
            found = f"shape {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise MismatchError(
                f"the {name} head of {self.source.name} must give shape {list(expected)}, [batch, k], for observations "
                f"{list(shape)}; it gives {found}"
            )
        return scores

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
            ArgumentError: random actions without a generator for each row, or from scores that have no distribution.
        """
        scores = scores.detach() if scores.requires_grad else scores
        if self._choose is not None:
            actions = self._choose(scores, deterministic, rngs)
        else:
            actions = self._choose_plainly(scores, deterministic, rngs, mask if self.masked else None)
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
    ) -> Acted:
        """See `Policy.act`."""
        with torch.no_grad():
            given, shape = self._observed(observations)
            state = None
            if self._memory is not None:
                given, state = self._advance(given, shape[0], context)
            scores = self._scored(self.heads[0], shape, self._heads[self.heads[0]], given)
            if not deterministic and self._deviation is not None:
                return self._draw(given, scores, context, rngs, state)
        return decide(self, scores, context, deterministic=deterministic, rngs=rngs, state=state)

    def _advance(self, inputs: Any, rows: int, context: Context) -> tuple[Tensor, Tensor]:
        """What the first head is a function of, and the next state."""
        assert self._memory is not None
        with evaluating(self._modules):
            return self._memory.advance(inputs, self._remembered(rows, context))

    def advance(self, x: Tensor, context: Context) -> Tensor:
        """`x [batch, *feature]` -> the state `[batch, state]` after it, differentiable; of a recurrent policy only.

        Raises:
            ArgumentError: the policy remembers nothing.
        """
        if self._memory is None:
            raise ArgumentError(f"{self.source.name} is not recurrent; it remembers nothing from step to step")
        return self._advance(self._inputs(x), len(x), context)[1]

    def _draw(
        self,
        given: Any,
        scores: Tensor,
        context: Context,
        rngs: Sequence[np.random.Generator] | None,
        state: Tensor | None,
    ) -> Acted:
        """A decision by scores drawn around those of the first head, which are the ones that are kept."""
        assert self._deviation is not None
        with evaluating(self._modules):
            drawn = gaussian(scores, self._deviation(given), rngs)
        decided = decide(self, drawn, context, state=state)
        kept = dataclasses.replace(decided.context, scores=scores)
        return Acted(decided.actions, scores.numpy(force=True), kept, state)

    def _choose_plainly(
        self,
        scores: Tensor,
        deterministic: bool,
        rngs: Sequence[np.random.Generator] | None,
        mask: Tensor | None,
    ) -> np.ndarray:
        if not deterministic and self.heads[0] != "logit":
            raise ArgumentError(f"{self.source.name} has no distribution to draw from, only a {self.heads[0]} head")
        if isinstance(self.action_space, Box):
            return clipping(self.action_space)(scores)
        return in_branches(scores, self.branches, deterministic, rngs, mask)
