"""Attributions on a GPU: states per second by batch size, against the processor and against the card's limit."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import nets
import numpy as np
import torch
from timing import Row
from torch import Tensor, nn

import rltools
from rltools.attributions import find_method
from rltools.explanation.spec import with_groups
from rltools.policies.base import Policy

REFERENCES = 8
"""How many references integrated gradients and Shapley values compare with."""
FLOAT = 4
"""Bytes of a number."""


@dataclass(frozen=True)
class Case:
    """What is computed of one network.

    Attributes:
        network: "MLP" or "CNN".
        method: of attribution.
        parameters: of the method.
        rows: how many observations the GPU gets, and how many the processor.
    """

    network: str
    method: str
    parameters: dict[str, Any]
    rows: tuple[int, int]


FIXED = {"nodes": 16, "most_nodes": 16}
CASES = (
    Case("MLP", "gradient", {}, (1 << 21, 1 << 18)),
    Case("MLP", "integrated_gradients", FIXED, (1 << 17, 1 << 12)),
    Case("MLP", "shapley", {}, (1 << 15, 1 << 11)),
    Case("CNN", "gradient", {}, (1 << 14, 1 << 9)),
    Case("CNN", "integrated_gradients", FIXED, (1 << 9, 8)),
    Case("CNN", "sampled_shapley", {"groups": "variables", "permutations": 4}, (1 << 9, 8)),
)
BATCHES = {"MLP": (1 << 13, 1 << 16, 1 << 20), "CNN": (256, 1024, 8192)}
"""Rows of a pass through the network that are compared with the number that is chosen."""


def measure() -> list[Row]:
    """A row for each case; one that says so where there is no GPU."""
    if not torch.cuda.is_available():
        return [Row("attributions on a GPU", "no GPU is at hand", "")]
    operations, bandwidth = _limits()
    name = torch.cuda.get_device_name()
    rows = [Row(name, f"{operations / 1e12:.0f} TFLOP/s of float32 products, {bandwidth / 1e12:.1f} TB/s copied", "")]
    for network, make in (("MLP", nets.mlp), ("CNN", nets.nature_cnn)):
        (cpu, net), (gpu, _) = make(), make()
        gpu.module.to("cuda")
        for case in (each for each in CASES if each.network == network):
            rows.append(_row(case, cpu, gpu, _roofline(net, cpu, case, operations, bandwidth)))
    return [*rows, *_rollouts()]


def _row(case: Case, cpu: Policy, gpu: Policy, limit: float) -> Row:
    on_gpu, on_cpu = case.rows
    chosen = _rate(gpu, case, on_gpu, None)
    others = {size: _rate(gpu, case, on_gpu, size) for size in BATCHES[case.network]}
    best = max(others, key=others.__getitem__)
    single = _rate(cpu, case, on_cpu, None, threads=1)
    cores = len(os.sched_getaffinity(0))
    several = _rate(cpu, case, on_cpu, None, threads=cores)
    share = f", {chosen / limit:.1%} of the card's limit"
    sizes = ", ".join(f"{size:,}: {rate:,.0f}" for size, rate in others.items())
    return Row(
        f"{case.method}, {case.network}",
        f"{chosen:,.0f} states/s, {chosen / single:.0f} x one thread, {chosen / several:.0f} x {cores} threads{share}; "
        f"by rows of a pass {sizes} (best {best:,}); differs from the processor by {_difference(case, cpu, gpu):.1g}",
        "",
    )


def _rate(policy: Policy, case: Case, rows: int, size: int | None, threads: int | None = None) -> float:
    """Observations per second, the best of three calls after one to warm up."""
    x, references = _observations(policy, rows), _observations(policy, REFERENCES, seed=1)
    seconds = []
    for _ in range(4 if policy.device.type == "cuda" else 2):
        start = perf_counter()
        rltools.attribute(
            policy, x, method=case.method, references=references, max_batch=size, threads=threads, **case.parameters
        )
        seconds.append(perf_counter() - start)
    return rows / min(seconds[1:])


def _difference(case: Case, cpu: Policy, gpu: Policy) -> float:
    """The largest difference of values, relative to the largest value."""
    x, references = _observations(cpu, 4), _observations(cpu, REFERENCES, seed=1)
    a, b = (
        rltools.attribute(policy, x, method=case.method, references=references, **case.parameters).values
        for policy in (cpu, gpu)
    )
    return float(np.abs(a - b).max() / np.abs(a).max())


def _observations(policy: Policy, rows: int, seed: int = 0) -> np.ndarray:
    shape = policy.features.shape
    generator = torch.Generator().manual_seed(seed)
    draw: Callable[..., Tensor] = torch.randn if len(shape) == 1 else torch.rand
    return draw(rows, *shape, generator=generator).numpy()


def _limits() -> tuple[float, float]:
    """Floating-point operations per second of a large float32 product, and bytes per second of a copy, as measured."""
    a = torch.randn(8192, 8192, device="cuda")
    b, copied = torch.randn_like(a), torch.empty(1 << 29, device="cuda")
    target = torch.empty_like(copied)
    products = _seconds(lambda: a @ b)
    copies = _seconds(lambda: target.copy_(copied))
    return 2 * 8192**3 / products, 2 * copied.numel() * FLOAT / copies


def _seconds(call: Callable[[], object]) -> float:
    times = []
    for _ in range(6):
        torch.cuda.synchronize()
        start = perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(perf_counter() - start)
    return min(times[1:])


def _roofline(net: nn.Module, policy: Policy, case: Case, operations: float, bandwidth: float) -> float:
    """States per second that the card allows: by the products of the layers, or by what they read and write."""
    sizes: list[tuple[float, int]] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weights = sum(parameter.numel() for parameter in layer.parameters(recurse=False))
        positions = prod(output.shape[2:]) if isinstance(layer, nn.Conv2d) else 1
        moved = 0 if isinstance(layer, nn.Flatten) else inputs[0][0].numel() + output[0].numel()
        sizes.append((2.0 * weights * positions, moved))

    handles = [layer.register_forward_hook(note) for layer in net]
    with torch.no_grad():
        net(torch.zeros(1, *policy.features.shape))
    for handle in handles:
        handle.remove()
    method = find_method(case.method)
    settings = with_groups(method, method.settings(case.parameters), policy.features)
    passes = method.cost_of_row(policy.features.shape, policy.features.dims, REFERENCES, settings).passes
    work, moved = sum(each for each, _ in sizes), FLOAT * sum(each for _, each in sizes)
    return 1 / (passes * max(work / operations, moved / bandwidth))


def _rollouts() -> list[Row]:
    """Steps per second of `rltools.ablate`, where every step waits for the environment."""
    rates = {}
    for device in ("cpu", "cuda"):
        policy = rltools.load_policy("lunarlander-ppo", device=device)
        with TemporaryDirectory() as folder:
            start = perf_counter()
            ablation = rltools.ablate(policy, seeds=8, most=8, second=None, directory=folder)
            rates[device] = int(ablation.rollouts.steps.sum()) / (perf_counter() - start)
    figure = f"{rates['cuda']:,.0f} steps/s on the GPU, {rates['cpu']:,.0f} on the processor"
    return [Row("losses of return, lunarlander-ppo", figure, "")]
