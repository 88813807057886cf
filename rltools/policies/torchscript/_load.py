"""Runs a trusted TorchScript program as a policy, and refuses any other."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from gymnasium.spaces import Box
from torch import Tensor, nn

from rltools._util.foreign_files import MIB, read_foreign
from rltools.errors import ArgumentError, ChecksumError, ModelError, UnsafeFileError, argument
from rltools.policies.base import Source
from rltools.policies.library import LoadOptions
from rltools.policies.torch_policy import TorchPolicy
from rltools.policies.untrusted.messages import how_to_trust, printable

MAX_FILE = 256 * MIB
_OF_RECURRENT = ("hidden_state", "cell_state")  # what RSL-RL calls them


class Program(nn.Module):
    """A trusted program, of whose outputs a policy takes one; pickles hold the program itself.

    Args:
        program: that was loaded.
        index: of the output, if it returns several; None for its only one.
    """

    def __init__(self, program: nn.Module, index: int | None) -> None:
        super().__init__()
        self.program, self._index = program, index

    def forward(self, x: Any) -> Tensor:
        """The output for `x [batch, *feature]`."""
        outputs: Any = self.program(x)
        chosen: Tensor = outputs if self._index is None else outputs[self._index]
        return chosen

    def __getstate__(self) -> dict[str, Any]:
        """With the program as a file, because TorchScript cannot be pickled."""
        saved = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.save(self.program, saved)
        return vars(self) | {"_modules": {}, "saved": saved.getvalue()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load the program again, which was trusted when it was loaded first."""
        content = state.pop("saved")
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.program = _loaded(content)


def load_file(path: Path, options: LoadOptions) -> TorchPolicy:
    """See `rltools.policies.torchscript.load`."""
    content = read_foreign(path, MAX_FILE, unreadable=ModelError, unfit=UnsafeFileError)
    sha256 = hashlib.sha256(content).hexdigest()
    _check_trust(path, sha256, options)
    environment = options.environment
    if environment is None:
        raise ArgumentError(
            f"{path} does not say what it observes; give the environment it was trained in as {argument('env')}"
        )
    if options.normalize not in (None, False):
        raise ArgumentError(
            f"normalize is for models of libraries that keep statistics; save {path.name} with the normalization "
            f"inside, and give no {argument('normalize')}"
        )
    head, index, assumed = _head(path, isinstance(environment.action_space, Box), options.head)
    try:
        program = _loaded(content)
    except Exception as error:  # a trusted file's own code runs here, and may raise anything
        reason = printable(f"{type(error).__name__}: {' '.join(str(error).split())}", 300)
        raise ModelError(f"{path} is trusted, and TorchScript cannot load it ({reason}); save it again") from error
    if state := next((name for name, _ in program.named_buffers() if name.endswith(_OF_RECURRENT)), None):
        raise ModelError(
            f"{path} keeps its recurrent state inside ({printable(state)}), where it cannot be set; export the network "
            f"as ONNX with its states as inputs and outputs, and give that"
        )
    dtype = options.dtype or torch.float32
    network = Program(program.to(dtype), index).eval().requires_grad_(False)
    note = f"{path.name} was run by TorchScript itself, trusted by its sha256 {sha256}"
    notes = dict.fromkeys([*options.notes, *environment.notes, note, *assumed])
    return TorchPolicy(
        network,
        environment.observation_space,
        environment.action_space,
        {head: network},
        features=environment.features,
        action_names=environment.action_names,
        environment=environment.spec,
        dtype=dtype,
        source=Source(
            options.name_of(path),
            sha256,
            environment.spec_json,
            library="TorchScript",
            notes=tuple(dict.fromkeys(text.encode("utf-8", "backslashreplace").decode() for text in notes)),
        ),
    )


def sha256_of(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        ModelError: it cannot be read.
        UnsafeFileError: it is too large, or a pipe or a device.
    """
    return hashlib.sha256(read_foreign(path, MAX_FILE, unreadable=ModelError, unfit=UnsafeFileError)).hexdigest()


def _check_trust(path: Path, sha256: str, options: LoadOptions) -> None:
    """Refuse a file that is not trusted, and a trusted sha256 that is of no file."""
    if unmatched := sorted(options.trust - {sha256}):
        raise ChecksumError(
            f"no file has the trusted sha256 {', '.join(unmatched)}: {path} has the sha256 {sha256}; nothing was "
            f"loaded. If another file was meant, give its path; trust this one only if you know who made it"
        )
    if not options.trust:
        raise UnsafeFileError(
            f"{path} is a TorchScript program, which is code; it was NOT run. Save the network as ONNX or with "
            f"torch.export.save instead, which need no trust. {how_to_trust(sha256)}"
        )


def _head(path: Path, is_continuous: bool, wanted: str | None) -> tuple[str, int | None, list[str]]:
    """The head that the program is, the position of its output if it has several, and a caveat if it was assumed."""
    kinds = ("action", "mean") if is_continuous else ("logit", "q_value")
    head, colon, position = (wanted or "").partition(":")
    if (head and head not in kinds) or (
        colon and not (position.isascii() and position.isdigit() and len(position) < 4)
    ):
        raise ArgumentError(
            f"head is {printable(wanted)!r}; give {' or '.join(map(repr, kinds))} for these actions, alone or with the "
            f"position of an output, as in {argument('head', f'{kinds[0]}:0')}"
        )
    assumed = (
        [] if head else [f"what {path.name} returns was taken for the {kinds[0]} head, which the file does not say"]
    )
    return head or kinds[0], int(position) if colon else None, assumed


def _loaded(content: bytes) -> Any:
    """The program in a trusted file; this runs code of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content), map_location="cpu")  # type: ignore[no-untyped-call]
