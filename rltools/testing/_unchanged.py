"""Whether a network is after a call as it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rltools.policy import Policy
from rltools.testing._looked import hold


def unchanged(modules: list[nn.Module], run: Callable[[], None]) -> None:
    """Run with all layers in training mode, which must neither show nor change; then put the modes back.

    What holds layers stays in eval mode, so that a policy that puts back one mode for all is found out.

    Raises:
        AssertionError: modes, buffers, parameters, gradients or torch's random state are others afterwards.
    """
    modes = [module.training for module in modules]
    layers = [not any(module.children()) for module in modules]
    for module, training in zip(modules, layers, strict=True):
        module.training = training
    buffers = [(buffer, buffer.clone()) for module in modules for buffer in module.buffers(recurse=False)]
    parameters = [parameter for module in modules for parameter in module.parameters(recurse=False)]
    state = [(parameter.detach().clone(), parameter.grad, parameter.requires_grad) for parameter in parameters]
    random_state = torch.get_rng_state()
    try:
        run()
        hold(
            [module.training for module in modules] == layers,
            "the policy changes the train or eval mode of its network",
        )
        same = all(torch.allclose(now, before, rtol=0, atol=0, equal_nan=True) for now, before in buffers)
        hold(same, "the policy changes buffers of its network, such as running statistics")
        for parameter, (value, gradient, required) in zip(parameters, state, strict=True):
            hold(torch.equal(parameter, value), "the policy changes parameters of its network")
            hold(parameter.grad is gradient, "the policy leaves .grad on its parameters; use torch.autograd.grad")
            hold(parameter.requires_grad == required, "the policy changes requires_grad of its parameters")
        hold(torch.equal(random_state, torch.get_rng_state()), "the policy draws from torch's global random state")
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def modules_of(policy: Policy) -> list[nn.Module]:
    """The modules in a policy's attributes, and all that is in them."""
    found: dict[int, nn.Module] = {}
    pending: list[Any] = [policy, *vars(policy).values()]
    for value in pending:
        if isinstance(value, nn.Module):
            found |= {id(part): part for part in value.modules()}
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
    return list(found.values())
