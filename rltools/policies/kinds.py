"""Guesses what kind of file or folder failed to load, from its first bytes and the names in it.

Nothing is unpacked or decoded: the guess is advice in an error message, and nothing else depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from rltools._util.foreign_files import ends_of
from rltools.policies._known_kinds import (
    ARRAYS,
    ENDINGS,
    EXPORTED,
    IN_FOLDER,
    MAGIC,
    OF_SB3,
    ONNX,
    OWN_NETWORK,
    PICKLE,
    PICKLED,
    PICKLED_OTHERWISE,
    POLICY_ALONE,
    SAFETENSORS,
    SB2,
    STATE_DICT,
    TORCHSCRIPT,
    Kind,
)
from rltools.policies.kinds_of_folders import OF_TENSORFLOW, folder_kind

HEAD = 1 << 16
"""Bytes that are read at the start and the end of a file."""
_MAX_LISTED = 2000
_LONGEST_HEADER = 1 << 10
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_OF_MODELS = ("", ".zip", ".pt", ".pth", ".pkl", ".cleanrl_model", ".onnx", ".pt2", ".safetensors")
_STATE_DICT_KEY = re.compile(rb"(X\n\0\0\0|\x8c\n)state_dict")
_OLD_TORCH = re.compile(rb"\x80[\x02-\x05]\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.")  # torch.save before version 1.6


def holds_weights(path: Path) -> bool:
    """Whether a file holds weights or arrays by key and nothing else, whatever its name says."""
    head, tail = ends_of(path, HEAD)
    return bool(head) and kind_in(head, tail, path.suffix.lower()) in (STATE_DICT, SAFETENSORS, ARRAYS)


def described(path: Path) -> str:
    """A path's kind and advice, for the end of an error message about a path that no library claims."""
    if path.is_dir():
        return str(Kind(*folder_kind(path)))
    head, tail = ends_of(path, HEAD)
    if kind := kind_in(head, tail, path.suffix.lower()):
        return str(kind)
    if "tfevents" in path.name:
        return str(Kind("a log of TensorBoard, not a model", "give the model's .zip"))
    ending = f"with the extension {path.suffix!r}" if path.suffix else "without an extension"
    return (
        f"a file {ending} that no library knows; give the name of an agent, its folder, a model's .zip, a "
        f"live model, or a TorchPolicy around your own network"
    )


def kind_in(head: bytes, tail: bytes, suffix: str) -> Kind | None:
    """The kind of a file that begins and ends with these bytes; see `kind_of`."""
    return kind_of(head, _names(head + tail), suffix)


def kind_of(head: bytes, names: Collection[str] = (), suffix: str = "") -> Kind | None:
    """The kind of a file that begins with these bytes; None if unknown.

    Args:
        head: its first bytes, up to `HEAD` of them.
        names: of the members of a zip.
        suffix: of its name, in lower case; it decides if the bytes do not.
    """
    if not head:
        return Kind("an empty file: copying or saving it was cut short", "fetch or save it again")
    if kind := next((Kind(name, advice) for magic, name, advice in MAGIC if head.startswith(magic)), None):
        return kind
    if head.startswith(b"PK"):
        return _zip_kind(head, names)
    if _OLD_TORCH.match(head):
        return STATE_DICT
    if re.match(rb"\x80[\x02-\x05]", head):
        return next((kind for name, kind in PICKLED if name in head), PICKLE)
    return _binary_kind(head, suffix) or _text_kind(head, suffix) or _by_ending(suffix)


def _binary_kind(head: bytes, suffix: str) -> Kind | None:
    if head[257:262] == b"ustar":
        return Kind("a tar archive", "unpack it, and give the model in it")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return SAFETENSORS
    if suffix == ".onnx" or re.match(rb"\x08[\x01-\x20]\x12", head):
        return ONNX
    return PICKLE if PICKLED_OTHERWISE.match(head) else None


def _by_ending(suffix: str) -> Kind | None:
    return next((Kind(name, advice) for ending, name, advice in ENDINGS if ending.fullmatch(suffix)), None)


def _text_kind(head: bytes, suffix: str) -> Kind | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    again = "fetch or save the model's .zip again" if suffix in _OF_MODELS else "give the model's .zip"
    kinds = (
        (
            start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")),
            Kind(
                "a web page, which servers send in place of a file that is missing or needs a login",
                "fetch the file itself (its raw or download link)",
            ),
        ),
        (suffix in (".py", ".ipynb"), Kind("the code of a training, not its model", "give what it saved")),
        (
            start.startswith(b'#{"t_start"'),
            Kind("the returns of a training, as Monitor writes them, not a model", "give the model's .zip"),
        ),
        (start.startswith((b"{", b"[")), Kind("a JSON text, not a model", "give the model's .zip")),
        (not start, Kind("a blank text: copying or saving it went wrong", "fetch or save it again")),
        (
            not _CONTROL.search(head) and _is_text(head),
            Kind(f"a text that begins with {_quoted(head)}, not a model", again),
        ),
        (
            suffix == ".cleanrl_model",
            Kind("a file of CleanRL that is neither PyTorch's nor JAX's", "fetch or save it again"),
        ),
    )
    return next((kind for fits, kind in kinds if fits), None)


def _is_text(head: bytes) -> bool:
    try:
        head[: len(head) - 4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _quoted(head: bytes) -> str:
    return repr(" ".join(head[:200].decode("utf-8", "replace").split())[:40])


def _zip_kind(head: bytes, names: Collection[str]) -> Kind | None:
    plain = {name.partition("/")[2] or name for name in names}  # without the folder that torch.save puts them in
    inner = sorted(name for name in names if name.endswith(".zip"))
    script = "constants.pkl" in plain or any(name.startswith("code/") for name in plain)
    torch_alone = POLICY_ALONE if _is_policy_alone(head) else STATE_DICT
    kinds = (
        (not names, Kind("an empty zip", "fetch or save it again")),
        (bool({"parameters", "parameter_list"} & set(names)), SB2),
        (script, TORCHSCRIPT),
        (bool({"archive_format", "archive_version"} & plain), EXPORTED),
        (_first_member(head).endswith("/data.pkl"), torch_alone),
        (
            "manifest.json" in names and any(name.startswith("components/") for name in names),
            Kind("a checkpoint of TorchRL in an archive", "unpack it, and give its folder"),
        ),
        ("model.weights.h5" in names, Kind("a Keras model", OF_TENSORFLOW)),
        (bool(inner), Kind(f"a zip of {_few(inner)}", "unpack it, and give one of them")),
        (all(name.endswith(".npy") for name in names), ARRAYS),
        ({"data", "policy.pth"} <= plain, IN_FOLDER),
        (
            bool({"rllib_checkpoint.json", "algorithm_state.pkl"} & plain),
            Kind("an RLlib checkpoint", "unpack it, and give the folder"),
        ),
        (any(name.endswith(".onnx") for name in names), ONNX),
        (any(name.endswith(".safetensors") for name in names), Kind("a zip of safetensors weights", OWN_NETWORK)),
        (not any(name in OF_SB3 for name in plain), Kind(f"a zip of {_listed(names)}", "give the model's own .zip")),
    )
    return next((kind for fits, kind in kinds if fits), None)


def _first_member(head: bytes) -> str:
    """The name of a zip's first member: names further on may be those of a zip inside it."""
    return next(_names_after(head[:_LONGEST_HEADER], b"PK\x03\x04", 26, 30), "")


def _is_policy_alone(head: bytes) -> bool:
    # The pickle comes first and is not compressed. State dicts alone do not name spaces, and policies that other
    # libraries pickle whole have no key of this name.
    return _STATE_DICT_KEY.search(head) is not None and b"observation_space" in head and b"action_space" in head


def _few(names: list[str]) -> str:
    return f"zips: {_listed(names)}"


def _listed(names: Collection[str]) -> str:
    listed = ", ".join(ascii(name[:60]) for name in sorted(names)[:3])
    return listed + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _names(ends: bytes) -> set[str]:
    """The names of a zip's members, as far as they are in these bytes."""
    return set(_names_after(ends, b"PK\x03\x04", 26, 30)) | set(_names_after(ends, b"PK\x01\x02", 28, 46))


def _names_after(ends: bytes, mark: bytes, length: int, start: int) -> Iterator[str]:
    position = ends.find(mark)
    for _ in range(_MAX_LISTED):
        if position < 0:
            return
        size = int.from_bytes(ends[position + length : position + length + 2], "little")
        yield ends[position + start : position + start + size].decode("utf-8", "replace")
        position = ends.find(mark, position + start)
