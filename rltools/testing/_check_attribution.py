"""Checks an attribution method against the contract of all methods, and against what it declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor

from rltools.attributions import Method, Result, find_method
from rltools.testing._axioms import AXIOMS
from rltools.testing._networks import (
    ACTIONS,
    IMAGE,
    ROWS,
    VECTOR,
    Case,
    convolutional_network,
    make_case,
    relu_network,
    tanh_network,
)


def check_attribution(method: Method | str, *, seed: int = 0, **parameters: Any) -> None:
    """Check an attribution method against the contract of all methods, and against the axioms that it declares.

    On small random networks in float64, with vectors and images, one target and several, it checks: the shape; rows in
    another order, alone or none at all; each of several targets alone; that nothing is changed (inputs, modes,
    gradients, buffers, torch's random state); equal values when repeated, to the last bit; and every declared axiom.

    Args:
        method: made by `@rltools.attributions.method`, or the name of an installed one.
        seed: the seed of the networks and observations.
        parameters: the parameters of the method.

    Raises:
        AssertionError: the method fails one of these checks; the message says which, and by how much.
        MethodError: it returns another type or shape, or writes into its input.
        UnknownNameError: no method has this name.

    Example:
        >>> from rltools.testing import check_attribution
        >>> check_attribution("gradient")
    """
    declared = find_method(method) if isinstance(method, str) else method
    unknown = sorted(declared.axioms - set(AXIOMS))
    if unknown:
        raise AssertionError(
            f"{declared.name} declares unknown axioms {', '.join(unknown)}; there are {', '.join(AXIOMS)}"
        )
    run = partial(explain_case, declared, parameters)
    for case in _cases(declared, seed):
        _check_repeatable(run, case)
        _check_rows(run, case)
        _check_nothing_changed(run, case)
        _check_residual(declared, run, case)
    for case in () if "decision" in declared.needs else _cases(declared, seed, targets=("logit:all",)):
        _check_targets(run, case)
    for axiom in sorted(declared.axioms):
        for shape in _shapes(declared):
            AXIOMS[axiom](declared, run, shape, seed)


Run = Callable[[Case], Result]


def explain_case(method: Method, parameters: dict[str, Any], case: Case) -> Result:
    """A method's result for a case, with references only if it needs them."""
    references = case.references if "references" in method.needs else None
    return method(case.target_function, case.x, references=references, **parameters)


def _shapes(method: Method) -> list[tuple[int, ...]]:
    most = method.largest or prod(IMAGE)
    vectors: list[tuple[int, ...]] = [] if method.needs & {"image", "convolution"} else [(min(VECTOR[0], most),)]
    return [*vectors, IMAGE] if prod(IMAGE) <= most else vectors


def _cases(method: Method, seed: int, targets: tuple[str, ...] = ("logit:all", "centered:chosen")) -> Iterator[Case]:
    if "decision" in method.needs:
        targets = ("decision",)
    for shape in _shapes(method):
        layered = [] if "convolution" in method.needs else [tanh_network, relu_network]
        for build in [*layered, *([convolutional_network] if shape == IMAGE else [])]:
            for target in targets:
                yield make_case(build, shape, target, seed)


def _check_repeatable(run: Run, case: Case) -> None:
    first, second = run(case), run(case)
    for name, part in _parts(first).items():
        _check_equal(f"{name} of the same rows a second time", _parts(second)[name], part, tolerance=0.0)


def _check_rows(run: Run, case: Case) -> None:
    result = run(case)
    orders = {"in another order": torch.arange(ROWS).flip(0), "not at all": torch.arange(0)}
    orders |= {"alone": torch.tensor([1]), "in a smaller chunk": torch.tensor([0, 3])}
    for order, index in orders.items():
        parts = _parts(run(replace(case, x=case.x[index], action=case.action[index])))
        for name, part in _parts(result).items():
            _check_equal(f"{name} of rows that come {order}", parts[name], part[index])


def _check_residual(method: Method, run: Run, case: Case) -> None:
    """The residual is what the values leave of the target value's difference from its mean over the references."""
    result = run(case)
    if result.residual is None or "references" not in method.needs:
        return
    with torch.no_grad():
        baseline_outputs = case.target_function(case.references.expand(len(case.x), *case.references.shape))
        unexplained = case.target_function(case.x) - baseline_outputs.mean(1) - result.values.flatten(2).sum(2)
    _check_equal(
        "the residual, and what the values leave of the target value's difference from the references,",
        result.residual,
        unexplained,
    )


def _check_targets(run: Run, case: Case) -> None:
    values = run(case).values
    for action in range(ACTIONS):
        single = run(replace(case, target=f"logit:{action}")).values[:, 0]
        # More than rounding: integrated gradients take more nodes if any of the targets needs them.
        _check_equal("values of a single target of several, explained alone", single, values[:, action], tolerance=0.02)


def _check_nothing_changed(run: Run, case: Case) -> None:
    module = case.module.train()
    case = replace(case, x=case.x.clone(), references=case.references.clone())
    parameters, random_state = list(module.parameters()), torch.get_rng_state()
    before = [tensor.detach().clone() for tensor in (case.x, case.references, *parameters)]
    with torch.no_grad():
        run(case)
    changed = {
        "its input, its reference or the network's parameters": any(
            not torch.equal(tensor, copy)
            for tensor, copy in zip((case.x, case.references, *parameters), before, strict=True)
        ),
        "requires_grad or .grad of its input": case.x.requires_grad or case.x.grad is not None,
        "requires_grad or .grad of its reference": case.references.requires_grad or case.references.grad is not None,
        "the .grad of the network's parameters": any(parameter.grad is not None for parameter in parameters),
        "requires_grad of the network's parameters": not all(parameter.requires_grad for parameter in parameters),
        "the network's mode": not all(part.training for part in module.modules()),
        "torch's random state, instead of drawing from a seed": not torch.equal(random_state, torch.get_rng_state()),
    }
    for name, is_changed in changed.items():
        if is_changed:
            raise AssertionError(f"the method changes {name}; it must leave everything as it was")


def _parts(result: Result) -> dict[str, Tensor]:
    """The arrays of a result, rows first."""
    parts = {name: part for name, part in vars(result).items() if part is not None}
    return parts | ({} if result.without is None else {"without": result.without.transpose(0, 1)})


def _check_equal(name: str, actual: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    if actual.shape != expected.shape:
        raise AssertionError(f"{name}: shape {list(actual.shape)} instead of {list(expected.shape)}")
    difference = (actual.double() - expected.double()).abs()
    scale = expected.double().abs().max() if expected.numel() else torch.zeros(())
    if not (difference <= tolerance * (1 + scale)).all():
        raise AssertionError(f"{name} differ by {float(difference.max()):.3g}; they must be the same")
