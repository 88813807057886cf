"""The kinds of files and folders that are mistaken for models, and what to do with each."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rltools.errors import argument
from rltools.policies.kinds_of_folders import OF_TENSORFLOW

OWN_NETWORK = (
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
PICKLE = Kind(
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
SB2 = Kind(
    "a model of Stable-Baselines 2, which uses TensorFlow",
    "train it again with Stable-Baselines3, or port its weights and give rltools.TorchPolicy around the network",
)
SAFETENSORS = Kind("a safetensors file: weights without a description of their network", _WEIGHTS)
ARRAYS = Kind("NumPy arrays (an .npz)", _WEIGHTS)
IN_FOLDER = Kind(
    "a model of Stable-Baselines3 whose files are in a folder inside the zip",
    "zip the files themselves, not their folder",
)
ONNX = Kind("an ONNX network", "give its file, with .onnx at the end of its name")
EXPORTED = Kind("a torch.export program (.pt2)", "give its file, with .pt2 at the end of its name")
OF_SB3 = {"data", "policy.pth", "pytorch_variables.pth", "policy.optimizer.pth", "_stable_baselines3_version"}
# First bytes of a file, its kind, and advice.
MAGIC = (
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
ENDINGS = (
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
PICKLED = (
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
PICKLED_OTHERWISE = re.compile(
    rb"\(dp\d|\(lp\d|c(copy_reg|numpy|sklearn|torch|__builtin__)[\w.]*\n|[}\]]q\x00|x[\x01\x5e\x9c\xda]"
)
