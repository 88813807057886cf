"""A policy around any function from observations to actions or scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.spaces import Box, Space
from torch import Tensor

from rltools._util.text import plural
from rltools.envs import vector_statistics
from rltools.errors import ArgumentError, MismatchError, argument
from rltools.policies._encoding import encode
from rltools.policies.actions import as_logits, branches, clipping, in_branches
from rltools.policies.base import ActResult, Context, Source
from rltools.policies.decide import decide
from rltools.policies.env_info import EnvInfo, inspect_env
from rltools.policies.function_policy._calls import Caller
from rltools.policies.function_policy._observations import decoded
from rltools.policies.function_policy._outputs import HEADS, Reader, Returns, check_returns
from rltools.policies.function_policy._probe import probes, tried
from rltools.policies.naming import Naming
from rltools.spaces import Features, space_features
from rltools.spaces.leaves import leaves, map_leaves

if TYPE_CHECKING:
    from rltools.envs import Environment
    from rltools.spaces.rename import Names


class FunctionPolicy:
    """A policy around any function: a decision tree, a rule, a table, a remote call; see `Policy` for its methods.

    It has no gradients: methods that replace features explain it (`shapley`, `sampled_shapley`, `occlusion`,
    `decision_change`), and those that differentiate refuse. A choice (Discrete, MultiDiscrete) is replaced as a whole.

    The function gets NumPy arrays `[batch, *observation]` as the environment gives them, in its dtypes; a Dict is a
    dict of such arrays, without its texts. What it returns may be anything that `numpy.asarray` takes.

    Args:
        function: from observations to what `returns` says.
        env: where it acts: an id, a specification, an environment or a function that makes one.
        returns: "actions", `[batch, *action]` as `env.step` takes them; "probabilities" of the actions, `[batch, k]`;
            or scores of them, "logits" or "q_values", `[batch, k]`, of which the highest decides. For several choices
            (MultiDiscrete, MultiBinary) k counts the values of all, one choice after another. A function to discrete
            actions counts as one to probabilities that are 1 for the action and 0 for the others; continuous actions
            are "actions".
        name: its name on pages and in files; that of the function by default.
        action_names: one per discrete action, or per dimension of a continuous one; by default those of the
            environment.
        names: of features, in place of those of the environment; see `load_policy`.
        units: of features, in the forms that `names` takes.
        batch: exactly how many rows each call gets, the last call's padded with repeated ones, for functions that are
            compiled for a shape (JAX) or have a limit (a service). None gives each call all rows there are.
        batched: whether the function takes a batch. If not, it gets single observations, `[*observation]`, and returns
            a single action, or the scores `[k]` of each. With `batch`, or if not batched, equal rows are asked once.

    Attributes:
        function: the function itself.
        differentiable: False.

    Raises:
        ArgumentError: no function, or arguments that do not fit the actions of the environment.
        MismatchError: the function fails at observations of the environment, or returns anything else than it should.
        SimulationError: the environment cannot be made, or fails in its first steps.

    Example:
        >>> import rltools
        >>> def rule(observations):
        ...     return (observations[:, 2] + observations[:, 3] > 0).astype(int)
        >>> policy = rltools.FunctionPolicy(rule, "CartPole-v1")
        >>> policy
        FunctionPolicy('rule', 4 features, 2 actions, from actions)
        >>> states = rltools.record(policy, episodes=1).episode(0).observations
        >>> explained = rltools.attribute(policy, states, method="shapley", references=states[::20])
        >>> bool(abs(explained["cart position"]).max() == 0), bool(abs(explained["pole angle"]).max() > 0)
        (True, True)
    """

    differentiable = False
    mixes_choices = False
    state_size = 0
    masked = False
    dtype: torch.dtype = torch.float64
    """Holds every observation exactly, so that the function gets what the environment gave."""
    device: torch.device = torch.device("cpu")

    def __init__(
        self,
        function: Callable[[Any], Any],
        env: Environment,
        *,
        returns: Returns = "actions",
        name: str | None = None,
        action_names: Sequence[str] | None = None,
        names: Names | None = None,
        units: Names | None = None,
        batch: int | None = None,
        batched: bool = True,
    ) -> None:
        _check_arguments(function, batch, batched)
        if vector_statistics(env) is not None:
            raise ArgumentError(
                "the environments are in VecNormalize, and a function takes observations as they are; normalize inside "
                f"the function, and give what is in the VecNormalize (.venv) as {argument('env')}"
            )
        naming = Naming(names, units, action_names)
        env_info = naming.env_info(inspect_env(env))
        self.returns: Returns = returns
        self.observation_space: Space[Any] = env_info.observation_space
        self.action_space: Space[Any] = env_info.action_space
        check_returns(returns, self.action_space)
        self.features: Features = env_info.features or space_features(self.observation_space)
        self.branches: tuple[int, ...] = branches(self.action_space)
        self.heads: tuple[str, ...] = (HEADS[returns] if self.branches else "action",)
        self.action_names: tuple[str, ...] = naming.actions(env_info.action_names, self.action_space)
        self.environment: Environment | None = env_info.env
        self.rounds_by_batch: bool = batched and batch is None
        arrays = leaves(self.observation_space)
        name = name or _name_of(function)
        self._single = arrays[0]
        self._caller = Caller(function, name, [leaf for leaf in arrays if leaf.kind != "text"], batch, batched)
        classes = _classes(function, self.action_space) if returns == "probabilities" else None
        self._read = Reader(name, returns, self.action_space, classes)
        self.source: Source = self._tried(name, env, env_info)

    @property
    def function(self) -> Callable[[Any], Any]:
        """The function itself.

        Raises:
            ArgumentError: another one is assigned, which would not have been tried.
        """
        return self._caller.function

    @function.setter
    def function(self, other: object) -> None:
        raise ArgumentError(
            f"{self.source.name} is a policy of its own function, and cannot take another one; make a "
            f"FunctionPolicy of that {type(other).__name__}"
        )

    def _tried(self, name: str, env: Environment, env_info: EnvInfo) -> Source:
        """The source, after the function was tried at some observations."""
        arrays = leaves(self.observation_space)

        def encode_single(observation: Any) -> np.ndarray:
            batch = map_leaves(lambda _, value: np.asarray(value)[None], observation, arrays)
            return encode(batch, self.features, self.dtype, name)

        x = probes(env, self.features, encode_single)
        sha256, notes = tried(name, self._scores, x)
        return Source(name, sha256, env_info.spec_json, library="function", notes=env_info.notes + notes)

    def __repr__(self) -> str:
        """Its name, and what goes in and comes out."""
        return (
            f"FunctionPolicy({self.source.name!r}, {plural(self.features.size, 'feature')}, "
            f"{plural(len(self.action_names), 'action')}, from {self.returns})"
        )

    def encode(self, observations: Any) -> Tensor:
        """See `Policy.encode`; the result is float64."""
        return torch.from_numpy(encode(observations, self.features, self.dtype, self.source.name))

    def head(self, name: str, x: Tensor, context: Context) -> Tensor:
        """See `Policy.head`; without a gradient.

        Raises:
            ArgumentError: no such head; or a choice in x that is none of its values.
            MismatchError: x has another shape, or the function fails, or returns anything else than it should.
        """
        if name not in self.heads:
            raise ArgumentError(f"{self.source.name} has no head {name!r}; it has {', '.join(self.heads)}")
        if tuple(x.shape[1:]) != self.features.shape or not x.ndim:
            shape = ", ".join(map(str, ("batch", *self.features.shape)))
            raise MismatchError(f"{self.source.name} takes encoded observations [{shape}], not {list(x.shape)}")
        return torch.from_numpy(self._scores(x.detach().cpu().to(self.dtype).numpy()))

    def _scores(self, x: np.ndarray) -> np.ndarray:
        """Encoded observations float64 `[batch, *feature]` -> scores float64 `[batch, k]`; those of a Box in bounds."""
        if not len(x):
            return np.zeros((0, len(self.action_names)))
        name = self._caller.name
        scores = self._caller.scores(x, decoded(x, self.features, self._single, name), self._read)
        space = self.action_space
        if isinstance(space, Box):
            scores = np.clip(scores, space.low.reshape(-1), space.high.reshape(-1))
            if space.low.dtype.kind in "iu":
                scores = np.trunc(scores)  # as `choose` does
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
            ArgumentError: random actions of a function that has no distribution, or without a generator for each row.
        """
        if not deterministic and self.returns not in ("probabilities", "logits"):
            raise ArgumentError(f"{self.source.name} has no distribution to draw from, only {self.returns}")
        if isinstance(self.action_space, Box):
            actions = clipping(self.action_space)(scores.detach())
        else:
            logits = as_logits(scores) if self.returns == "probabilities" else scores
            actions = in_branches(logits, self.branches, deterministic, rngs, None)
        space: Any = self.action_space
        placed: np.ndarray = actions.reshape(-1, *(space.shape or ())) + getattr(space, "start", 0)
        return placed.astype(space.dtype)

    def act(
        self,
        observations: Any,
        context: Context,
        *,
        deterministic: bool = True,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> ActResult:
        """See `Policy.act`."""
        scores = self.head(self.heads[0], self.encode(observations), context)
        return decide(self, scores, context, deterministic=deterministic, rngs=rngs)


def _check_arguments(function: object, batch: object, batched: object) -> None:
    if not callable(function):
        way = next((way for way in ("predict", "act", "__getitem__") if hasattr(function, way)), "")
        fitting = {
            "predict": "give its method, for instance model.predict, or model.predict_proba with "
            "returns='probabilities'",
            "act": "give its method act",
            "__getitem__": "give a function that looks observations up in it: lambda observations: table[observations]",
        }
        raise ArgumentError(
            f"a FunctionPolicy takes a function, and {function!r:.80} is a {type(function).__name__}; "
            f"{fitting.get(way, 'give a function from observations to actions')}"
        )
    if isinstance(function, torch.nn.Module):
        raise ArgumentError(
            f"{type(function).__name__} is a PyTorch module, which has gradients; give it to rltools.load_policy or "
            f"rltools.TorchPolicy"
        )
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        raise ArgumentError(f"batch is {batch!r:.80}; it must be a number of rows, at least 1, or None")
    if batch is not None and not batched:
        raise ArgumentError(
            f"batch is {batch}, and a function that is not batched takes one row; leave one of them out"
        )


def _name_of(function: Any) -> str:
    """A name for pages and files: that of the function, or of the class of a method's object."""
    while isinstance(function, partial):
        function = function.func
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, type) and type(owner).__module__ != "builtins":
        return type(owner).__name__
    name = str(getattr(function, "__name__", type(function).__name__))
    return "function" if name == "<lambda>" else name


def _classes(function: Any, space: Any) -> tuple[int, ...] | None:
    """The positions of the actions that an estimator of scikit-learn has seen, for its `predict_proba`."""
    values = getattr(getattr(function, "__self__", None), "classes_", None)
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iuf":
        return None
    sizes = branches(space)
    positions = values - int(np.reshape(getattr(space, "start", 0), -1)[0])
    fits = len(sizes) == 1 and ((positions == np.rint(positions)) & (positions >= 0) & (positions < sizes[0])).all()
    return tuple(map(int, positions)) if fits else None
