"""A policy around any PyTorch module or function."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete
from torch import Tensor, nn

from rltools.errors import ArgumentError, MismatchError
from rltools.features import Features, observation_features
from rltools.policies import Known
from rltools.policies._chain import chain
from rltools.policies._choosing import categorical, greedy
from rltools.policies._encoding import check_dtype, encode_box
from rltools.policies._modes import evaluating
from rltools.policies._surroundings import count_actions
from rltools.policy import Acted, Context, Source, decide

if TYPE_CHECKING:
    from gymnasium import Space
    from gymnasium.envs.registration import EnvSpec

Head = Callable[[Tensor], Tensor]
Choose = Callable[[Tensor, bool, Sequence[np.random.Generator] | None], np.ndarray]
HEADS = ("logit", "q_value", "mean", "action", "value")


class TorchPolicy:
    """A policy around any PyTorch module or function; see `rltools.policy.Policy` for its methods.

    The module is never changed: it is scored in eval mode, and each submodule has its own mode back afterwards.

    Args:
        module: `x [batch, *observation] -> [batch, k]`. x is float, in the environment's own layout and units: an image
            comes as 0..255, and scaling it is the module's business.
        observation_space: a Box.
        action_space: a Discrete or a Box.
        heads: name -> function `x -> [batch, k]`, with the names "logit", "q_value", "mean", "action" and "value"; the
            first one decides. The module itself by default, as "logit" for Discrete and as "action" for Box.
        name: what to call it on pages and in files; the name of the module's class by default.
        action_names: one per discrete action, or per dimension of a continuous one; "action 0", ... by default.
        features: names and units of the observation's entries; numbered by default.
        environment: the specification it was trained on.
        dtype: torch.float32 or torch.float64, which the module must compute in.
        choose: (scores `[batch, k]` of the first head, deterministic, rngs) -> positions `[batch]` from 0 for Discrete,
            values `[batch, k]` for Box. By default the highest score or a draw from the logits; the bounded score.
        source: replaces name and environment where more is known.

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
        source: Source | None = None,
    ) -> None:
        check_dtype(dtype)
        count = count_actions(action_space)
        self._modules = tuple(module.modules()) if isinstance(module, nn.Module) else ()
        itself = chain(module) if isinstance(module, nn.Module) else module
        self._heads = dict(heads or {"logit" if isinstance(action_space, Discrete) else "action": itself})
        unknown = [head for head in self._heads if head not in HEADS]
        if unknown or next(iter(self._heads)) == "value":
            raise ArgumentError(
                f"heads are {', '.join(HEADS)}, the deciding one first; given: {', '.join(self._heads)}"
            )
        self._choose = choose or self._choose_plainly
        self.features = features or observation_features(observation_space)
        self.observation_space = observation_space
        self.action_space = action_space
        # Looked up once: a space's own attributes are properties, and acting is a matter of microseconds.
        self._action = (
            int(getattr(action_space, "start", 0)),
            np.dtype(action_space.dtype or np.float32),
            tuple(action_space.shape or ()),
        )
        self.action_names = tuple(action_names or (f"action {position}" for position in range(count)))
        if len(self.action_names) != count:
            raise ArgumentError(f"{len(self.action_names)} action names for {count} actions: {self.action_names}")
        self.heads = tuple(self._heads)
        self.source = source or _source(module, name, environment)
        self.dtype = dtype
        self.device = _device(module)

    def encode(self, observations: np.ndarray) -> Tensor:
        """See `Policy.encode`."""
        shape = self.observation_space.shape or ()
        return encode_box(observations, shape, self.dtype, self.device, self.source.name)

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`.

        Raises:
            ArgumentError: no such head.
            MismatchError: the network cannot take x, or its output is not `[batch, k]`.
        """
        if name not in self._heads:
            raise ArgumentError(f"{self.source.name} has no head {name!r}; it has {', '.join(self.heads)}")
        try:
            with evaluating(self._modules):
                scores = self._heads[name](x)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, IndexError) as error:
            raise MismatchError(
                f"the {name} head of {self.source.name} cannot take observations {list(x.shape)} of {x.dtype}: {error}"
            ) from error
        expected = (len(x), 1 if name == "value" else len(self.action_names))
        if not isinstance(scores, Tensor) or scores.shape != expected:
            found = f"shape {list(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise MismatchError(
                f"the {name} head of {self.source.name} must give shape {list(expected)}, [batch, k], for observations "
                f"{list(x.shape)}; it gives {found}"
            )
        return scores

    def choose(
        self, scores: Tensor, *, deterministic: bool = True, rngs: Sequence[np.random.Generator] | None = None
    ) -> np.ndarray:
        """See `Policy.choose`.

        Raises:
            ArgumentError: random actions without a generator for each row, or from scores that have no distribution.
        """
        actions = self._choose(scores.detach() if scores.requires_grad else scores, deterministic, rngs)
        start, dtype, shape = self._action
        if start:
            actions = actions + start
        if actions.dtype != dtype:
            actions = actions.astype(dtype)
        return actions.reshape(-1, *shape) if actions.shape[1:] != shape else actions

    def act(
        self,
        observations: np.ndarray,
        context: Context,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> Acted:
        """See `Policy.act`."""
        with torch.no_grad():
            scores = self.head(self.heads[0], self.encode(observations), context)
        return decide(self, scores, context, deterministic=deterministic, rngs=rngs)

    def _choose_plainly(
        self, scores: Tensor, deterministic: bool, rngs: Sequence[np.random.Generator] | None
    ) -> np.ndarray:
        if not deterministic and self.heads[0] != "logit":
            raise ArgumentError(f"{self.source.name} has no distribution to draw from, only a {self.heads[0]} head")
        if isinstance(self.action_space, Box):
            low, high = self.action_space.low.reshape(-1), self.action_space.high.reshape(-1)
            return np.asarray(np.clip(scores.cpu().numpy(), low, high))
        return greedy(scores) if deterministic else categorical(scores, rngs)


def claims(source: object) -> bool:
    """Any module; libraries with modules of their own come before this one."""
    return isinstance(source, nn.Module)


def load(source: nn.Module, known: Known) -> TorchPolicy:
    """A policy around a module, with the spaces of its environment.

    Raises:
        ArgumentError: no environment given, or statistics, which a plain module has none of.
    """
    around = known.environment
    if around is None:
        raise ArgumentError(
            f"a {type(source).__name__} does not say what it observes; give env=, or make a TorchPolicy with its spaces"
        )
    if known.normalize not in (None, False):
        raise ArgumentError("normalize is for models of libraries that keep statistics; put it into the module itself")
    return TorchPolicy(
        source,
        around.observation_space,
        around.action_space,
        name=known.name,
        features=around.features,
        action_names=around.action_names,
        environment=around.spec,
        dtype=known.dtype or torch.float32,
    )


def fingerprint(module: nn.Module) -> str:
    """The sha256 of a module's parameters and buffers: their names, types, shapes and bytes."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor):
            digest.update(f"{name} {value.dtype} {list(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _source(module: object, name: str | None, environment: EnvSpec | None) -> Source:
    spec = None if environment is None else environment.to_json()
    if isinstance(module, nn.Module):
        return Source(name or type(module).__name__, fingerprint(module), spec)
    qualified = str(getattr(module, "__qualname__", type(module).__qualname__))
    note = "a function cannot be fingerprinted: the sha256 is that of its name only"
    return Source(name or qualified, hashlib.sha256(qualified.encode()).hexdigest(), spec, notes=(note,))


def _device(module: object) -> torch.device:
    parameter = next(module.parameters(), None) if isinstance(module, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device
