"""Guesses what kind of file or folder failed to load, from its first bytes and the names in it.

Nothing is unpacked or decoded: the guess is advice in an error message, and nothing else depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from rltools._util.foreign_files import ends_of
from rltools.errors import argument
from rltools.policies.kinds_of_folders import OF_TENSORFLOW, folder_kind

HEAD = 1 << 16
"""Bytes that are read at the start and the end of a file."""
_MAX_LISTED = 2000
_LONGEST_HEADER = 1 << 10
_OWN_NETWORK = (
    "build its network, load the weights into it, and give rltools.TorchPolicy(network, observation_space, "
    "action_space)"
)


@dataclass(frozen=True)
class Kind:
    """A kind of file or folder, and what to do with it.

    Attributes:
        name: with its article, for instance "a web page".
        advice: the next step, beginning with a verb in lower case.
    """

    name: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}; {self.advice}"


_WEIGHTS = (
    f"give the environment as {argument('env')}, and what is missing of {argument('layout')}, "
    f"{argument('activation')}, {argument('strides')} and {argument('head')}; `rltools inspect` says what it holds"
)
STATE_DICT = Kind(
    "a file written by torch.save (weights, or a checkpoint of CleanRL, RSL-RL, skrl, Tianshou, Sample Factory or the "
    "like), which does not describe its network",
    _WEIGHTS,
)
TORCHSCRIPT = Kind(
    "a TorchScript program, which is code",
    "give its file with .pt at the end of its name, or better save the network as ONNX or with torch.export.save",
)
_PICKLE = Kind(
    "a pickle, which can run code when it is read; it was not read",
    "load it yourself if you trust it, and give the live model or rltools.TorchPolicy around its network",
)
POLICY_ALONE = Kind(
    "a policy without its algorithm, as policy.save() of Stable-Baselines3 writes it",
    "give the model's own .zip, written by model.save()",
)
_STATISTICS = Kind(
    "VecNormalize statistics, not a model",
    f"give the model's .zip, and this file as {argument('normalize', 'PATH')}",
)
_BUFFER = Kind("a replay buffer of Stable-Baselines3, not a model", "give the model's .zip, written by model.save()")

_SB2 = Kind(
    "a model of Stable-Baselines 2, which uses TensorFlow",
    "train it again with Stable-Baselines3, or port its weights and give rltools.TorchPolicy around the network",
)
SAFETENSORS = Kind("a safetensors file: weights without a description of their network", _WEIGHTS)
ARRAYS = Kind("NumPy arrays (an .npz)", _WEIGHTS)
_IN_FOLDER = Kind(
    "a model of Stable-Baselines3 whose files are in a folder inside the zip",
    "zip the files themselves, not their folder",
)

_ONNX = Kind("an ONNX network", "give its file, with .onnx at the end of its name")
_EXPORTED = Kind("a torch.export program (.pt2)", "give its file, with .pt2 at the end of its name")
_OF_SB3 = {"data", "policy.pth", "pytorch_variables.pth", "policy.optimizer.pth", "_stable_baselines3_version"}

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_OF_MODELS = ("", ".zip", ".pt", ".pth", ".pkl", ".cleanrl_model", ".onnx", ".pt2", ".safetensors")
_STATE_DICT_KEY = re.compile(rb"(X\n\0\0\0|\x8c\n)state_dict")
_OLD_TORCH = re.compile(rb"\x80[\x02-\x05]\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.")  # torch.save before version 1.6
# First bytes of a file, its kind, and advice.
_MAGIC = (
    (b"version https://git-lfs", "a Git LFS pointer in place of the file", "run `git lfs pull` in its repository"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras and TensorFlow write weights", OF_TENSORFLOW),
    (b"\x1f\x8b", "a gzip archive", "unpack it, and give the model in it"),
    (b"BZh", "a bzip2 archive", "unpack it, and give the model in it"),
    (b"\xfd7zXZ\0", "an xz archive", "unpack it, and give the model in it"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it, and give the model in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and give the model in it"),
    (b"Rar!", "a rar archive", "unpack it, and give the model in it"),
    (b"\x93NUMPY", "a NumPy array (.npy), not a model", "give the model's .zip"),
    (b"\x04\x22\x4d\x18", "an lz4 archive", "unpack it, and give the model in it"),
    (b"\x1f\x9d", "a compressed file (.Z)", "unpack it, and give the model in it"),
    (b"\x5d\0\0", "an lzma archive", "unpack it, and give the model in it"),
    (b"\x89PNG", "a PNG image, not a model", "give the model's .zip"),
    (b"\xff\xd8\xff", "a JPEG image, not a model", "give the model's .zip"),
    (b"GIF8", "a GIF image, not a model", "give the model's .zip"),
    (b"RIFF", "an image or a sound, not a model", "give the model's .zip"),
    (b"%PDF", "a PDF document, not a model", "give the model's .zip"),
    (b"SQLite format 3", "a database (SQLite), not a model", "give the model's .zip"),
    (b"ARROW1", "an Arrow file, not a model", "give the model's .zip"),
    (b"MATLAB 5.0", "a file of MATLAB", "export the network as ONNX (exportONNXNetwork), and give that"),
    (b"GGUF", "a language model (GGUF), not a policy", "give the policy's own file"),
    (b"MZ", "an executable program, not a model", "give the model's .zip"),
    (
        b"PAR1",
        "a Parquet file, not a model",
        "give the model's .zip; `rltools inspect` takes the folder of a recording",
    ),
    (b"\x7fELF", "an executable program, not a model", "give the model's .zip"),
)
# Endings of names for what no bytes tell, and the kind.
_ENDINGS = (
    (re.compile(r"\.(pb|meta|index|data-\d+-of-\d+)"), "a part of a TensorFlow model", OF_TENSORFLOW),
    (re.compile(r"\.tflite"), "a TensorFlow Lite model", OF_TENSORFLOW),
    (
        re.compile(r"\.(nn|sentis)"),
        "a network of ML-Agents for Unity's runtime",
        "give the .onnx that ML-Agents writes beside it",
    ),
    (re.compile(r"\.(engine|plan|trt)"), "a TensorRT engine", "give the ONNX file that it was built from"),
    (re.compile(r"\.msgpack"), "a msgpack file that holds no parameters of flax", "save them with flax.serialization"),
    (re.compile(r"\.(mp4|avi|mov|webm|mkv)"), "a video, not a model", "give the model's .zip"),
)
# Names inside a pickle and its kind, the most specific first.
_PICKLED = (
    (b"VecNormalize", _STATISTICS),
    (b"stable_baselines3.common.buffers", _BUFFER),
    (b"stable_baselines3.her", _BUFFER),
    (
        b"ray.rllib",
        Kind(
            "a pickled RLlib checkpoint; it was not read",
            "give the folder that save_to_path() of an Algorithm or an RLModule wrote, with its environment",
        ),
    ),
    (
        b"tianshou",
        Kind(
            "a pickled Tianshou policy; it was not read",
            "save its weights with torch.save(policy.state_dict(), PATH), and give that with its environment",
        ),
    ),
    (
        b"d3rlpy",
        Kind("a d3rlpy pickle; it was not read", "give what save() or save_model() of d3rlpy wrote"),
    ),
    (
        b"sklearn",
        Kind(
            "a pickled model of scikit-learn; it was not read",
            "load it yourself if you trust it, and give rltools.FunctionPolicy(model.predict, env)",
        ),
    ),
)
# The first bytes of pickles of protocols 0 and 1, and of what joblib compresses with zlib.
_PICKLED_OTHERWISE = re.compile(
    rb"\(dp\d|\(lp\d|c(copy_reg|numpy|sklearn|torch|__builtin__)[\w.]*\n|[}\]]q\x00|x[\x01\x5e\x9c\xda]"
)


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
    if kind := next((Kind(name, advice) for magic, name, advice in _MAGIC if head.startswith(magic)), None):
        return kind
    if head.startswith(b"PK"):
        return _zip_kind(head, names)
    if _OLD_TORCH.match(head):
        return STATE_DICT
    if re.match(rb"\x80[\x02-\x05]", head):
        return next((kind for name, kind in _PICKLED if name in head), _PICKLE)
    return _binary_kind(head, suffix) or _text_kind(head, suffix) or _by_ending(suffix)


def _binary_kind(head: bytes, suffix: str) -> Kind | None:
    if head[257:262] == b"ustar":
        return Kind("a tar archive", "unpack it, and give the model in it")
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32:
        return SAFETENSORS
    if suffix == ".onnx" or re.match(rb"\x08[\x01-\x20]\x12", head):
        return _ONNX
    return _PICKLE if _PICKLED_OTHERWISE.match(head) else None


def _by_ending(suffix: str) -> Kind | None:
    return next((Kind(name, advice) for ending, name, advice in _ENDINGS if ending.fullmatch(suffix)), None)


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
        (bool({"parameters", "parameter_list"} & set(names)), _SB2),
        (script, TORCHSCRIPT),
        (bool({"archive_format", "archive_version"} & plain), _EXPORTED),
        (_first_member(head).endswith("/data.pkl"), torch_alone),
        (
            "manifest.json" in names and any(name.startswith("components/") for name in names),
            Kind("a checkpoint of TorchRL in an archive", "unpack it, and give its folder"),
        ),
        ("model.weights.h5" in names, Kind("a Keras model", OF_TENSORFLOW)),
        (bool(inner), Kind(f"a zip of {_few(inner)}", "unpack it, and give one of them")),
        (all(name.endswith(".npy") for name in names), ARRAYS),
        ({"data", "policy.pth"} <= plain, _IN_FOLDER),
        (
            bool({"rllib_checkpoint.json", "algorithm_state.pkl"} & plain),
            Kind("an RLlib checkpoint", "unpack it, and give the folder"),
        ),
        (any(name.endswith(".onnx") for name in names), _ONNX),
        (any(name.endswith(".safetensors") for name in names), Kind("a zip of safetensors weights", _OWN_NETWORK)),
        (not any(name in _OF_SB3 for name in plain), Kind(f"a zip of {_listed(names)}", "give the model's own .zip")),
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
