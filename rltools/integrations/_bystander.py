"""Looking at a training without a trace in it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def bystander() -> Iterator[None]:
    """The global random streams of Python, NumPy and torch, on every device, go on afterwards where they were.

    What is recorded draws from generators of its own; an environment of somebody else may not.
    """
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    began = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # asking a device for its stream would begin it
    devices = torch.cuda.get_rng_state_all() if began else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if devices is not None:
            torch.cuda.set_rng_state_all(devices)
