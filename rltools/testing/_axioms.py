"""Checks the axioms that attribution methods may declare, on small random networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from rltools.attributions import Method, Result, is_per_feature_unit
from rltools.testing._networks import Case, linear, make_case, relu_network, tanh_network

Run = Callable[[Case], Result]
Axiom = Callable[[Method, Run, tuple[int, ...], int], None]
BUILDS = (tanh_network, relu_network)


def check_linear(method: Method, run: Run, shape: tuple[int, ...], seed: int) -> None:
    """Check that a linear network gets its weights, or weights times the difference from the references (or zero)."""
    case = make_case(linear, shape, "logit:all", seed)
    weights = _first_layer(case.module).weight.detach().reshape(1, -1, *shape)
    if is_per_feature_unit(method.unit):
        expected = weights.expand(len(case.x), *weights.shape[1:])
    else:
        origin = case.references.mean(0) if "references" in method.needs else torch.zeros(shape, dtype=case.x.dtype)
        expected = weights * (case.x - origin)[:, None]
    _check_close(f"linear: {method.name} of a linear network", run(case).values, expected)


def check_dummy(method: Method, run: Run, shape: tuple[int, ...], seed: int) -> None:
    """Check that a feature that the network ignores gets exactly 0."""
    for build in BUILDS:
        case = make_case(build, shape, "logit:all", seed)
        with torch.no_grad():
            _first_layer(case.module).weight[:, 0] = 0
        ignored = run(case).values.flatten(2)[:, :, 0]
        if ignored.any():
            raise AssertionError(
                f"dummy: {method.name} gives up to {float(ignored.abs().max()):.3g} to a feature that the network "
                f"ignores; it must give 0"
            )


def check_complete(method: Method, run: Run, shape: tuple[int, ...], seed: int) -> None:
    """Check that values and residual sum to the target value's difference from its mean over the references."""
    for build in BUILDS:
        case = make_case(build, shape, "logit:all", seed)
        result = run(case)
        with torch.no_grad():
            baseline_outputs = case.target_function(case.references.expand(len(case.x), *case.references.shape))
            difference = case.target_function(case.x) - baseline_outputs.mean(1)
        unexplained = difference - result.values.flatten(2).sum(2)
        residual = torch.zeros_like(unexplained) if result.residual is None else result.residual
        _check_close(f"complete: the stated residual of {method.name}", residual, unexplained)
        # Kinks are hard to integrate over; a smooth function is not.
        if build is tanh_network and (residual.abs() > 0.01 * baseline_outputs.std(1)).any():
            raise AssertionError(
                f"complete: {method.name} leaves a residual of up to {float(residual.abs().max()):.3g} unexplained, "
                f"more than 1 % of the target value's standard deviation over the references"
            )


def check_symmetric(method: Method, run: Run, shape: tuple[int, ...], seed: int) -> None:
    """Check that two features that are always equal and used equally get equal values."""
    if torch.Size(shape).numel() < 2:
        return
    for build in BUILDS:
        case = make_case(build, shape, "logit:all", seed)
        with torch.no_grad():
            weight = _first_layer(case.module).weight
            weight[:, 1] = weight[:, 0]
        values = run(replace(case, x=_twin(case.x), references=_twin(case.references))).values.flatten(2)
        _check_close(f"symmetric: {method.name} of one of two equal features", values[:, :, 0], values[:, :, 1])


def check_invariant(method: Method, run: Run, shape: tuple[int, ...], seed: int) -> None:
    """Check that two implementations of the same function get the same values."""
    case = make_case(relu_network, shape, "logit:all", seed)
    _check_close(
        f"invariant: {method.name} of another network that computes the same function",
        run(replace(case, module=_SameFunction(case.module))).values,
        run(case).values,
    )


class _SameFunction(nn.Module):
    """The same function as a ReLU network, with hidden units reordered and scaled, and functional activations."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        first, second = (part for part in module.modules() if isinstance(part, nn.Linear))
        scale = torch.linspace(0.5, 4, first.out_features, dtype=first.weight.dtype)
        self.first_weight = nn.Parameter((first.weight * scale[:, None]).detach().flip(0))
        self.first_bias = nn.Parameter((first.bias * scale).detach().flip(0))
        self.second_weight = nn.Parameter((second.weight / scale).detach().flip(1))
        self.second_bias = nn.Parameter(second.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        hidden = nn.functional.linear(x.flatten(1), self.first_weight, self.first_bias)
        positive = (hidden + hidden.abs()) / 2
        return nn.functional.linear(positive, self.second_weight, self.second_bias)


AXIOMS: dict[str, Axiom] = {
    "linear": check_linear,
    "dummy": check_dummy,
    "complete": check_complete,
    "symmetric": check_symmetric,
    "invariant": check_invariant,
}


def _first_layer(module: nn.Module) -> nn.Linear:
    return next(part for part in module.modules() if isinstance(part, nn.Linear))


def _twin(x: Tensor) -> Tensor:
    """Observations whose first two features are equal."""
    flat = x.flatten(1).clone()
    flat[:, 1] = flat[:, 0]
    return flat.reshape(x.shape)


def _check_close(name: str, actual: Tensor, expected: Tensor, tolerance: float = 1e-8) -> None:
    difference = float((actual - expected).abs().max())
    if not difference <= tolerance * (1 + float(expected.abs().max())):
        raise AssertionError(f"{name} is wrong by {difference:.3g}")
