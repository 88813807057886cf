"""How d3rlpy scales observations and actions, by the statistics in its settings."""

from __future__ import annotations

import torch
from torch import Tensor

from rltools.errors import ArgumentError, ModelError, argument
from rltools.policies._normalization import Normalization
from rltools.policies.actions import count_actions
from rltools.policies.saved.continuous import clipped
from rltools.policies.saved.rebuilt import Contents, Wanted
from rltools.policies.saved.scalers import own_normalization
from rltools.policies.saved.settings import number_in
from rltools.policies.vjp._chain import Chain as Calls
from rltools.policies.vjp._layers import RescaleLayer, TanhLayer


def actions_received(contents: Contents, wanted: Wanted) -> Calls:
    """From means to what the environment receives: tanh, and back through the scaler of actions."""
    kind, bounds = _scaler(contents, "action_scaler", ("minimum", "maximum"))
    if kind == "none":
        return Calls(TanhLayer(), *clipped(wanted.action_space).parts)
    if kind != "min_max" or bounds is None:
        raise ModelError(f"{contents.path} scales actions by {kind!a:.40}; only min_max is known. {_LOADED}")
    if len(bounds[0]) != count_actions(wanted.action_space):
        raise ArgumentError(
            f"{contents.path} scales actions of {len(bounds[0])} dimensions, and those of the environment are "
            f"{wanted.action_space}; give the one it was trained in as {argument('env')}"
        )
    return Calls(TanhLayer(), RescaleLayer(*(bound.float() for bound in bounds)))


def observations_scaled(contents: Contents, wanted: Wanted) -> Normalization | None:
    """The normalization of observations that the settings say; None without any, and for bytes of images."""
    kind, pair = _scaler(contents, "observation_scaler", ("mean", "std"))
    if kind in ("none", "pixel"):
        return None
    if kind == "standard" and pair is not None:
        eps = number_in(dict(contents.values), "params.config.params.observation_scaler.params.eps", 1e-3)
        return own_normalization(wanted, pair[0], pair[1] + eps)
    low_high = _scaler(contents, "observation_scaler", ("minimum", "maximum"))[1]
    if kind == "min_max" and low_high is not None:
        low, high = low_high
        return own_normalization(wanted, (low + high) / 2, (high - low) / 2)
    raise ModelError(
        f"{contents.path} scales observations by {kind!a:.40}; standard, min_max and pixel are known. {_LOADED}"
    )


_LOADED = "Give rltools.TorchPolicy around the network of a loaded model"


def _scaler(contents: Contents, name: str, keys: tuple[str, str]) -> tuple[str, tuple[Tensor, Tensor] | None]:
    """The kind of a scaler, and two of its statistics; None if they are not there."""
    place = f"params.config.params.{name}"
    kind = str(contents.values.get(f"{place}.type", "none"))
    lists = [contents.values.get(f"{place}.params.{key}") for key in keys]
    if not all(isinstance(each, list) and all(type(number) in (int, float) for number in each) for each in lists):
        return kind, None
    first, second = (torch.tensor(each, dtype=torch.float64) for each in lists)
    return kind, (first, second) if len(first) == len(second) else None
