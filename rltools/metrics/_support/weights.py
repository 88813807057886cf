"""Draws the weights of a policy's network anew, for a while, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rltools.explanation.views import Decoded
from rltools.metrics._support.case import Case
from rltools.metrics._support.not_applicable import NotApplicableError
from rltools.metrics._support.similarity import check_ordered, same_order
from rltools.metrics._support.value import Value, value_of_rows
from rltools.policies.base import Policy

NETWORKS = 4
"""How many times every layer is drawn anew."""


@dataclass(frozen=True)
class Layer:
    """The parameters of one layer, and what they were.

    Attributes:
        parameters: of the network itself.
        before: copies of them.
    """

    parameters: tuple[Tensor, ...]
    before: tuple[Tensor, ...]


def order_kept(case: Case, *, cascading: bool) -> Value:
    """How alike the order of the features stays as layers are drawn anew: the mean over layers, networks and steps.

    Args:
        case: an attribution of a policy with a network.
        cascading: draw each layer and all layers above it; otherwise each layer alone.

    Raises:
        NotApplicableError: the policy is a plain function, or its heads do not run its module.
    """
    check_ordered(case)
    before = case.magnitudes(case.values())
    if case.control:  # it never looks at the network
        return value_of_rows(np.tile(same_order(before, before)[:, None], NETWORKS), case.sample.episodes)
    policy = case.explained_policy
    layers = case.once("layers", lambda: layers_from_top(policy, case))
    alike = np.zeros((len(before), NETWORKS))
    for network in range(NETWORKS):
        with restored(layers):
            for index, layer in enumerate(layers):
                draw_anew(layer, np.random.default_rng((case.seed, network, index)))
                alike[:, network] += same_order(before, case.magnitudes(case.values(when=(network, index))))
                if not cascading:
                    _restore(layer)
    return value_of_rows(alike / len(layers), case.sample.episodes)


def layers_from_top(policy: Policy, case: Case) -> list[Layer]:
    """The layers with parameters on which the output of the deciding head depends, the last one to run first.

    Raises:
        NotApplicableError: the policy is a plain function, or its heads do not run its module.
    """
    module = getattr(policy, "module", None)
    if not isinstance(module, nn.Module):
        raise NotApplicableError(f"{policy.source.name} is a plain function, whose weights cannot be drawn anew")
    holders = [each for each in module.modules() if any(True for _ in each.parameters(recurse=False))]
    order: dict[int, int] = {}

    def note(called: nn.Module, *_: object) -> None:
        order.setdefault(id(called), len(order))

    handles = [each.register_forward_hook(note) for each in holders]
    sample, policy = case.sample, Decoded(policy) if case.spec.decoded else policy
    x = sample.x[:1] if not case.spec.window else sample.x[:1, -1]
    try:
        with torch.no_grad():
            output = policy.head(policy.heads[0], x, sample.context.rows(slice(0, 1)))
    finally:
        for handle in handles:
            handle.remove()
    # A layer whose weights its owner uses itself is not called, and comes last.
    holders.sort(key=lambda each: -order.get(id(each), -1))
    layers = [_layer(each) for each in holders]
    used = []
    for index, layer in enumerate(layers):
        with restored([layer]), torch.no_grad():
            draw_anew(layer, np.random.default_rng((case.seed, index)))
            changed = policy.head(policy.heads[0], x, sample.context.rows(slice(0, 1)))
        if not torch.equal(output, changed):
            used.append(layer)
    if not used:
        raise NotApplicableError(f"no layer of the module of {policy.source.name} changes what its heads return")
    return used


def _layer(module: nn.Module) -> Layer:
    parameters = tuple(module.parameters(recurse=False))
    return Layer(parameters, tuple(parameter.detach().clone() for parameter in parameters))


@contextmanager
def restored(layers: Sequence[Layer]) -> Iterator[None]:
    """Give the layers their weights back, bit by bit, also after an error."""
    try:
        yield
    finally:
        for layer in layers:
            _restore(layer)


def draw_anew(layer: Layer, rng: np.random.Generator) -> None:
    """Draw every parameter from a normal distribution with the mean and the std that its elements had.

    So a layer keeps its scale, whatever it was initialized by, and nothing of what it learned.
    """
    with torch.no_grad():
        for parameter, before in zip(layer.parameters, layer.before, strict=True):
            values = before.double().numpy(force=True)
            spread = values.std() if values.size > 1 else np.abs(values).mean()
            drawn = rng.normal(values.mean(), spread or 1.0, values.shape)
            parameter.copy_(torch.as_tensor(drawn, dtype=parameter.dtype, device=parameter.device))


def _restore(layer: Layer) -> None:
    with torch.no_grad():
        for parameter, before in zip(layer.parameters, layer.before, strict=True):
            parameter.copy_(before)
