"""Hostile checkpoints of RLlib: none runs anything, and each is refused quickly and in little memory."""

import base64
import io
import json
import os
import pickle
import pickletools
import struct
import zlib
from collections import OrderedDict

import msgpack
import numpy as np
import pytest

MODULE = "learner_group/learner/rl_module/default_policy"
ENV = "CartPole-v1"


def weights(**more):
    """An honest module's weights."""
    rng = np.random.default_rng(0)
    shapes = {"encoder.encoder.net.mlp.0": (8, 4), "pi.net.mlp.0": (2, 8), "vf.net.mlp.0": (1, 8)}
    arrays = OrderedDict()
    for name, shape in shapes.items():
        arrays[f"{name}.weight"] = rng.standard_normal(shape).astype(np.float32)
        arrays[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return arrays | more


@pytest.fixture
def checkpoint(tmp_path):
    """Writes the state of a module, and whatever else, as a checkpoint."""

    def write(state=None, name="module_state.pkl", **files):
        root = tmp_path / "checkpoint"
        content = pickle.dumps(weights()) if state is None else state
        for path, part in ({f"{MODULE}/{name}": content, "rllib_checkpoint.json": b"{}"} | files).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(part)
        return root

    return write


def test_the_honest_one_is_read(checkpoint, harmless):
    assert harmless(checkpoint(), env=ENV)["error"] is None


def test_pickles_of_classes_are_never_opened(checkpoint, payload, harmless, tmp_path):
    hostile = pickle.dumps(payload)
    names = ["class_and_ctor_args.pkl", "algorithm_state.pkl", f"{MODULE}/class_and_ctor_args.pkl"]
    root = checkpoint(**dict.fromkeys(names, hostile))
    (root / "learner_group" / "state.pkl").symlink_to("/dev/zero")
    assert harmless(root, env=ENV)["error"] is None


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload(protocol, checkpoint, payload, refused):
    refused(checkpoint(pickle.dumps(payload, protocol)), r"wants (posix|nt)\.mkdir.*NOT run", env=ENV)


PAYLOADS = {
    "os.system": b"cos\nsystem\n(S'true'\ntR.",
    "an instance": b"(S'true'\nios\nsystem\n.",
    "eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "a name out of two texts": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "getattr": b"cbuiltins\ngetattr\n(cos\nsystem\nS'x'\ntR.",
    "NumPy's own loader": b"cnumpy\nload\n(S'x'\ntR.",
    "NumPy's test runner": b"cnumpy.testing._private.utils\nrunstring\n(S'1'\n}tR.",
    "torch": b"ctorch\nload\n(S'x'\ntR.",
    "ray": b"cray.cloudpickle\nloads\n(S'x'\ntR.",
    "an object of RLlib": b"cray.rllib.core.rl_module.rl_module\nRLModule\n)R.",
}


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_name_that_weights_do_not_need(kind, checkpoint, refused):
    refused(checkpoint(PAYLOADS[kind]), r"wants [\w.]+, and the weights of an RLModule are NumPy arrays", env=ENV)


def test_a_payload_deep_inside(checkpoint, payload, refused):
    state = pickle.dumps(weights(more=[{"x": (1, [payload])}]))
    refused(checkpoint(state), r"wants (posix|nt)\.mkdir", env=ENV)


def test_a_payload_in_a_persistent_id(checkpoint, payload, refused):
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            return payload if isinstance(thing, np.ndarray) else None

    stream = io.BytesIO()
    Pickler(stream, 4).dump({"x": np.zeros(2)})
    refused(checkpoint(stream.getvalue()), r"wants (posix|nt)\.mkdir", env=ENV)


DAMAGED = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "text": lambda whole: b"hello",
    "a memo bomb": lambda whole: b"\x80\x04](" + b"\x94h\x00" * 60_000 + b"e.",
    "lists in lists": lambda whole: b"\x80\x04]" + b"\x94](h\x00" * 100 + b"e" * 100 + b".",
    "a billion laughs": lambda whole: (
        b"\x80\x04(l" + b"".join(b"\x94(" + b"h" + bytes([level]) * 1 + b"l" for level in range(60)) + b"."
    ),
    "a million levels": lambda whole: b"\x80\x04" + b"(" * 40_000 + b".",
    "a huge memo index": lambda whole: b"\x80\x04]r\xff\xff\xff\x7f.",
    "a huge text": lambda whole: b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.",
    "huge bytes": lambda whole: b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"x.",
    "a huge number": lambda whole: b"\x80\x04\x8b" + struct.pack("<i", 2**30) + b"\x01.",
    "nothing on the stack": lambda whole: b"\x80\x04.",
    "an old opcode": lambda whole: b"\x80\x02}\x82\x01.",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_pickle(kind, checkpoint, refused):
    state = DAMAGED[kind](pickle.dumps(weights()))
    refused(checkpoint(state), "is damaged|no arrays by name|is not an array", "ModelError", env=ENV)


def test_a_dict_in_itself(checkpoint, refused):
    cyclic = weights()
    cyclic["self"] = cyclic
    refused(checkpoint(pickle.dumps(cyclic)), "expands far beyond its size", "ModelError", env=ENV)


STATES = {
    "a list": [np.zeros(3)],
    "nothing": {},
    "numbers for names": {1: np.zeros(3)},
    "a text for an array": weights(x="text"),
    "a dict for an array": weights(x={"y": np.zeros(2)}),
    "None for an array": weights(x=None),
    "complex numbers": weights(x=np.zeros(2, complex)),
    "dates": weights(x=np.zeros(2, "datetime64[s]")),
    "texts": weights(x=np.array(["a"])),
    "records": weights(x=np.zeros(2, [("a", "f4")])),
    "objects": weights(x=np.array([1, "a"], object)),
}


@pytest.mark.parametrize("kind", STATES)
def test_a_state_that_is_no_weights(kind, checkpoint, refused):
    refused(
        checkpoint(pickle.dumps(STATES[kind])), "no arrays by name|is not an array of numbers", "ModelError", env=ENV
    )


def test_objects_that_would_run(checkpoint, payload, refused):
    state = pickle.dumps(weights(x=np.array([payload], object)))
    refused(checkpoint(state), r"wants (posix|nt)\.mkdir", env=ENV)


@pytest.mark.parametrize("shape", [(2**40,), (2**31, 2**31), (-1, 8), (2**62, 4)])
def test_a_shape_that_its_bytes_do_not_have(shape, checkpoint, refused):
    array = pickle.dumps({"x": np.zeros((1, 8), np.float32)}, 4)
    honest, hostile = (pickletools.optimize(pickle.dumps(each, 4))[2:-1] for each in ((1, 8), shape))
    honest, hostile = (part[9:] if part[:1] == b"\x95" else part for part in (honest, hostile))
    position = array.rindex(b"K\x01K\x08\x86") if b"K\x01K\x08\x86" in array else array.index(honest)
    length = 5 if array[position : position + 5] == b"K\x01K\x08\x86" else len(honest)
    state = array[:position] + hostile + array[position + length :]
    frame = state.index(b"\x95")
    state = state[:frame] + state[frame + 9 :]  # its length is another one now
    refused(checkpoint(state), "bytes for an array|array of shape|is damaged", "ModelError", env=ENV)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value, checkpoint, refused):
    state = weights()
    state["pi.net.mlp.0.bias"][:] = value
    refused(checkpoint(pickle.dumps(state)), "NaN or infinity", "ModelError", env=ENV)


# -- msgpack


def packed(arrays):
    """Arrays as msgpack_numpy packs them."""

    def encode(array):
        shape = list(array.shape)
        return {b"nd": True, b"type": array.dtype.str, b"kind": b"", b"shape": shape, b"data": array.tobytes()}

    return msgpack.packb({name: encode(array) for name, array in arrays.items()})


def entry(**changes):
    array = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2], b"data": b"\0" * 8}
    return msgpack.packb({"x": array | {key.encode(): value for key, value in changes.items()}})


def test_the_honest_msgpack_is_read(checkpoint, harmless):
    assert harmless(checkpoint(packed(weights()), "module_state.msgpack"), env=ENV)["error"] is None


MSGPACK = {
    "levels without end": b"\x91" * 100_000 + b"\xc0",
    "maps without end": b"\x81\xa1a" * 100_000 + b"\xc0",
    "a list of 2**32": b"\xdd\xff\xff\xff\xff",
    "a map of 2**32": b"\xdf\xff\xff\xff\xff",
    "lists of a million in each other": b"\xdd\x00\x0f\xff\xff" * 400,
    "bytes of 2**32": b"\xc6\xff\xff\xff\xff\x00",
    "an unknown extension": msgpack.packb({"x": msgpack.ExtType(77, b"x")}),
    "a timestamp": b"\x81\xa1x\xd6\xff\0\0\0\0",
    "a key twice": b"\x82\xa1a\x01\xa1a\x02",
    "a list as a key": b"\x81\x91\x01\x01",
    "text that is not UTF-8": b"\x81\xa1\xff\x01",
    "cut": packed(weights())[:50],
    "more behind it": packed(weights()) + b"\xc0",
    "objects": entry(type="|O"),
    "an array of another type": entry(type="<M8[s]"),
    "a type that is code": entry(type="__import__('os')"),
    "a shape of 2**62": entry(shape=[2**62]),
    "a negative shape": entry(shape=[-2]),
    "a shape of a thousand axes": entry(shape=[1] * 1000),
    "text in place of bytes": entry(data="x"),
    "fewer bytes": entry(data=b"\0"),
}


@pytest.mark.parametrize("kind", MSGPACK)
def test_hostile_msgpack(kind, checkpoint, refused):
    root = checkpoint(MSGPACK[kind], "module_state.msgpack")
    refused(root, "is not the msgpack of a model's arrays|no arrays by name|not an array", "ModelError", env=ENV)


# -- the folder


def moments(**changes):
    """The state of a filter, as RLlib has it."""

    def text(array):
        stream = io.BytesIO()
        np.save(stream, array)
        return base64.b64encode(zlib.compress(stream.getvalue())).decode()

    running = {"num_pushes": 9, "mean_array": text(np.zeros(4)), "sum_sq_diff_array": text(np.ones(4))}
    running |= {key: value for key, value in changes.items() if key in running}
    state = {"clip_by_value": 10.0, "de_mean_to_zero": True, "de_std_to_one": True, "running_stats": [running]}
    return pickle.dumps({None: state | {key: value for key, value in changes.items() if key in state}})


FILTER = "env_runner/env_to_module_connector/MeanStdFilter/state.pkl"


def test_the_honest_filter_is_read(checkpoint, harmless):
    assert harmless(checkpoint(**{FILTER: moments()}), env=ENV)["error"] is None


def inflated(content):
    return base64.b64encode(zlib.compress(content)).decode()


def header(shape, descr="'<f8'"):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


MOMENTS = {
    "a bomb": inflated(b"\0" * 2**28),
    "a shape of terabytes": inflated(header(f"({10**12},)") + b"\0" * 64),
    "objects": inflated(header("(4,)", "'|O'") + pickle.dumps([os.getcwd] * 4)),
    "a header that is code": inflated(header("__import__('os').mkdir('ran')")),
    "no base 64": "???",
    "no zlib": base64.b64encode(b"x" * 40).decode(),
    "texts": inflated(header("(4,)", "'<U9'") + b"\0" * 144),
    "NaN": inflated(header("(4,)") + np.full(4, np.nan).tobytes()),
    "other sizes": inflated(header("(3,)") + np.zeros(3).tobytes()),
}


@pytest.mark.parametrize("kind", MOMENTS)
def test_hostile_moments(kind, checkpoint, refused):
    root = checkpoint(**{FILTER: moments(mean_array=MOMENTS[kind])})
    refused(root, "is not the state of a filter", "ModelError", env=ENV)


def test_a_filter_that_would_run(checkpoint, payload, refused):
    refused(checkpoint(**{FILTER: pickle.dumps({None: payload})}), r"wants (posix|nt)\.mkdir", env=ENV)


@pytest.mark.parametrize("metadata", [b"\xff\xfe", b"[" * 100_000, b'{"ray_version": ', b"3", b"{}"])
def test_hostile_metadata(metadata, checkpoint, refused):
    root = checkpoint(**{f"{MODULE}/metadata.json": metadata})
    refused(root, "metadata.json is not as RLlib writes it", "ModelError", env=ENV)


def test_control_characters_of_metadata_are_not_printed(checkpoint, harmless):
    root = checkpoint(**{f"{MODULE}/metadata.json": json.dumps({"ray_version": "\x1b[31m" * 9}).encode()})
    report = harmless(root, env=ENV)
    assert all(note.isprintable() for note in report["notes"])


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/hostname", "module_state.pkl", "elsewhere"])
def test_links(target, checkpoint, refused, tmp_path):
    (tmp_path / "elsewhere").write_bytes(pickle.dumps(weights()))
    root = checkpoint()
    state = root / MODULE / "module_state.pkl"
    state.unlink()
    state.symlink_to(tmp_path / target if target == "elsewhere" else target)
    refused(root, "is a link to|cannot be read|pipe or a device", "(UnsafeFile|Model)Error", env=ENV)


def test_a_folder_that_is_a_link_out_of_it(checkpoint, refused, tmp_path):
    root = checkpoint()
    (root / "learner_group").rename(tmp_path / "outside")
    (root / "learner_group").symlink_to(tmp_path / "outside")
    refused(root, "is a link to", env=ENV)


def test_a_pipe(checkpoint, refused):
    root = checkpoint()
    (root / MODULE / "module_state.pkl").unlink()
    os.mkfifo(root / MODULE / "module_state.pkl")
    refused(root, "pipe or a device", env=ENV)


def test_a_file_of_a_terabyte(checkpoint, refused):
    root = checkpoint()
    with (root / MODULE / "module_state.pkl").open("wb") as file:
        file.truncate(2**40)
    refused(root, "is larger than 192 MiB", env=ENV)


def test_a_thousand_modules(checkpoint, refused):
    root = checkpoint()
    for number in range(1200):
        (root / f"learner_group/learner/rl_module/m{number}").mkdir()
        (root / f"learner_group/learner/rl_module/m{number}/module_state.pkl").touch()
    refused(root, r"has \d+ RLModules.*give the folder of one", "ModelError", env=ENV)
