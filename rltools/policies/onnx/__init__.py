"""Networks saved as ONNX: a file, or a folder with one such file.

Nothing in a file is executed, and neither onnx nor onnxruntime is needed: `_protobuf.py` reads the format, `_model.py`
makes a graph of it, and `_dialect.py` computes the graph with differentiable functions of torch. Start with
`_model.py`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rltools._util.foreign_files import ends_of, is_file, is_folder

if TYPE_CHECKING:
    from rltools.policies.library import LoadOptions
    from rltools.policies.torch_policy import TorchPolicy

_HEAD = re.compile(rb"\x08[\x01-\x20]\x12", re.DOTALL)  # the version of the format, then who wrote the file
TAKES = ("head",)


def claims(source: object) -> bool:
    """Whether it is an ONNX file, or a folder with one and no other model."""
    return isinstance(source, Path) and _file(source) is not None


def load(source: Path, options: LoadOptions) -> TorchPolicy:
    """The policy of a network that was saved as ONNX.

    Raises:
        ArgumentError: no environment, or a head that it does not have.
        MismatchError: it does not take the environment's observations.
        ModelError: damaged, not supported, or without a clear output; the message says what to give.
        UnsafeFileError: it would exhaust the machine, or keeps weights elsewhere than beside it.

    Example:
        >>> import rltools
        >>> from pathlib import Path
        >>> size = Path("policy.onnx").write_bytes(b"cut short")
        >>> rltools.load_policy("policy.onnx", "CartPole-v1")
        Traceback (most recent call last):
            ...
        rltools.errors.ModelError: policy.onnx is damaged, or not an ONNX network: ...
    """
    from rltools.policies.graphs.policy import make_policy
    from rltools.policies.onnx._dialect import DIALECT
    from rltools.policies.onnx._model import read_graph

    return make_policy(read_graph(_file(source) or source), DIALECT, options)


def inspection(source: Path) -> list[tuple[str, str]]:
    """What an ONNX file holds, as rows of a term and a text; nothing is computed.

    Raises:
        ModelError: damaged.
        UnsafeFileError: far larger than policies are.
    """
    from rltools.policies.graphs.inspection import rows
    from rltools.policies.onnx._dialect import DIALECT
    from rltools.policies.onnx._model import read_graph

    return [*rows(read_graph(_file(source) or source), DIALECT), ("load it", f"rltools analyze {source} --env ID")]


def _file(source: Path) -> Path | None:
    """The ONNX file that a path leads to, if it does."""
    if is_file(source):
        ending = source.suffix.lower()
        is_network = ending == ".onnx" or (ending != ".zip" and _HEAD.match(ends_of(source, 3)[0]))
        return source if is_network else None
    if not is_folder(source):
        return None
    try:
        files = [*source.iterdir()]
    except OSError:
        return None
    networks = [path for path in files if path.suffix.lower() == ".onnx" and is_file(path)]
    others = any(path.suffix == ".zip" or path.name in ("agent.yaml", "recording.json") for path in files)
    return networks[0] if len(networks) == 1 and not others else None
