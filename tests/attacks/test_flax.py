"""Hostile parameters of flax, in msgpack and in zips of SBX: nothing runs, and each is refused quickly."""

import base64
import json
import pickle
import struct
import zipfile
from pathlib import Path

import msgpack
import numpy as np
import pytest

LIBRARIES = Path(__file__).parents[1] / "golden" / "libraries"
ENV = "CartPole-v1"


def array(shape=(4, 2), dtype="float32", data=None):
    """An array as flax packs it."""
    content = np.ones(shape, np.float32).tobytes() if data is None else data
    return msgpack.ExtType(1, msgpack.packb((list(shape), dtype, content)))


def parameters(**more):
    """The parameters of an honest network of one layer."""
    return {"params": {"Dense_0": {"kernel": array(), "bias": array((2,))} | more}}


def write(tmp_path, content, name="agent.cleanrl_model"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else msgpack.packb(content))
    return path


def test_the_honest_one_is_read(harmless, tmp_path):
    assert harmless(write(tmp_path, parameters()), env=ENV)["error"] is None


HONEST = msgpack.packb(parameters())
NESTED = {"a": array()}
for _ in range(20):
    NESTED = {"a": NESTED}

MSGPACK = {
    "levels without end": HONEST[:-1] + b"\x81\xa1a" * 100_000,
    "lists without end": HONEST[:1] + b"\xa6params" + b"\x91" * 100_000 + b"\xc7\x01\x01\x93",
    "twenty levels": msgpack.packb(parameters(deep=NESTED)),
    "a map of 2**32": b"\xdf\xff\xff\xff\xff\xa1a" + HONEST,
    "a list of 2**32": b"\x82\xa1a\xdd\xff\xff\xff\xff" + HONEST,
    "lists of a million in each other": b"\x82\xa1a" + b"\xdd\x00\x0f\xff\xff" * 500 + HONEST,
    "an array of 2**32 bytes": b"\x81\xa1a\xc9\xff\xff\xff\xff\x01\x93" + b"x" * 20,
    "cut": HONEST[:-20],
    "more behind it": HONEST + HONEST,
    "a key twice": b"\x82" + HONEST[1:] + HONEST[1:],
    "another extension": msgpack.packb(parameters(other=msgpack.ExtType(77, b"x"))),
    "complex numbers": msgpack.packb(parameters(other=msgpack.ExtType(2, b"x"))),
    "a pickle as an extension": msgpack.packb(parameters(other=msgpack.ExtType(4, pickle.dumps(print)))),
    "an extension in an extension": msgpack.packb(
        parameters(other=msgpack.ExtType(1, msgpack.packb(([2], "float32", array()))))
    ),
    "objects": msgpack.packb(parameters(other=array((1,), "object", b"\0" * 8))),
    "a type that is code": msgpack.packb(parameters(other=array((1,), "__import__('os').mkdir('ran')", b"\0" * 8))),
    "a record type": msgpack.packb(parameters(other=array((1,), "f4,O", b"\0" * 12))),
    "a shape of terabytes": msgpack.packb(parameters(other=array((2**40,), "float32", b"\0" * 8))),
    "a shape that overflows": msgpack.packb(parameters(other=array((2**32, 2**32), "float32", b"\0" * 8))),
    "a negative shape": msgpack.packb(parameters(other=array((-1,), "float32", b"\0" * 8))),
    "a hundred axes": msgpack.packb(parameters(other=array((1,) * 60, "float32", b"\0" * 4))),
    "a shape of texts": msgpack.packb(parameters(other=array(("4",), "float32", b"\0" * 16))),
    "bytes among parameters": msgpack.packb(parameters(other=b"x")),
    "a million names": msgpack.packb({"params": {f"{n}": 0 for n in range(30_000)} | parameters()["params"]}),
}


@pytest.mark.parametrize("kind", MSGPACK)
def test_hostile_msgpack(kind, refused, tmp_path):
    match = "is not the msgpack of a model's arrays|no array|levels deep|which is not a layer|neither PyTorch's nor"
    refused(write(tmp_path, MSGPACK[kind]), match, "(Model|Argument)Error", env=ENV)


LAYERS = {
    "NaN": ({"kernel": array(data=np.full((4, 2), np.nan, np.float32).tobytes())}, "NaN or infinity"),
    "a kernel of three axes": ({"kernel": array((4, 2, 1))}, "must have 2 axes"),
    "an empty kernel": ({"kernel": array((4, 0))}, "must have 2 axes"),
    "another bias": ({"bias": array((7,))}, "does not have the weights of one layer"),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_that_are_none(kind, refused, tmp_path):
    changes, match = LAYERS[kind]
    refused(write(tmp_path, parameters(**changes)), match, "ModelError", env=ENV)


ODD = {
    "another class": {"params": {"Attention_0": {"kernel": array()}, **parameters()["params"]}},
    "a gap": {"params": {"Dense_7": {"kernel": array()}, **parameters()["params"]}},
    "a million layers": {"params": {"Dense_9999999": {"kernel": array()}, **parameters()["params"]}},
    "atoms without end": {
        "model_weights": parameters(),
        "args": {"n_atoms": 10**15, "v_min": 0.0, "v_max": 1.0},
    },
    "no actor": {"1": {"0": parameters(), "1": {"params": {}}}},
}


@pytest.mark.parametrize("kind", ODD)
def test_networks_that_are_none(kind, harmless, tmp_path):
    report = harmless(write(tmp_path, ODD[kind]), env=ENV)
    assert report["error"] in ("ModelError", "MismatchError"), report


def test_a_link_to_a_device(harmless, tmp_path):
    (tmp_path / "agent.cleanrl_model").symlink_to("/dev/zero")
    assert harmless(tmp_path / "agent.cleanrl_model", env=ENV)["error"] is not None


# -- zips of SBX


@pytest.fixture(scope="module")
def honest():
    """The members of an honest zip of SBX."""
    with zipfile.ZipFile(LIBRARIES / "sbx" / "ppo" / "model.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def sbx(honest, tmp_path):
    """Writes a zip of SBX whose policy is another pickle, or with other settings."""

    def write(policy=None, settings=None):
        data = json.loads(honest["data"]) | (settings or {})
        if policy is not None:
            data["policy"][":serialized:"] = base64.b64encode(policy).decode()
        path = tmp_path / "model.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in honest.items():
                archive.writestr(name, json.dumps(data, indent=4) if name == "data" else content)
        return path

    return write


@pytest.fixture(scope="module")
def policy(honest):
    """The pickle of an honest policy."""
    return base64.b64decode(json.loads(honest["data"])["policy"][":serialized:"])


def test_the_honest_zip_is_read(sbx, harmless):
    assert harmless(sbx(), env=ENV)["error"] is None


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_payload_in_place_of_a_policy(protocol, sbx, payload, refused):
    refused(sbx(pickle.dumps(payload, protocol)), r"wants (posix|nt)\.mkdir.*NOT run", env=ENV)


COMMANDS = {
    "os.system": b"cos\nsystem\n(S'true'\ntR.",
    "eval": b"c__builtin__\neval\n(S'1'\ntR.",
    "subprocess": b"csubprocess\nPopen\n(S'true'\ntR.",
    "pickle.loads": b"c_pickle\nloads\n(S'x'\ntR.",
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command(kind, sbx, refused):
    refused(sbx(COMMANDS[kind]), "wants .*NOT run", env=ENV)


def test_a_command_beside_an_honest_policy(sbx, policy, refused):
    refused(sbx(policy[:-1] + b"cos\nsystem\n(S'true'\ntR0."), r"wants os\.system.*NOT run", env=ENV)


PICKLES = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "nothing": lambda whole: b"",
    "a number": lambda whole: b"\x80\x04K\x01.",
    "a dict": lambda whole: pickle.dumps({"actor_state": 1}),
    "a memo bomb": lambda whole: b"\x80\x04](" + b"\x94h\x00" * 80_000 + b"e.",
    "levels without end": lambda whole: b"\x80\x04" + b"(" * 40_000 + b".",
    "huge bytes": lambda whole: b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"x.",
    "a huge memo index": lambda whole: b"\x80\x04]r\xff\xff\xff\x7f.",
    "a class in place of the policy": lambda whole: b"\x80\x04csbx.ppo.policies\nPPOPolicy\n.",
    "a policy without a state": lambda whole: b"\x80\x04csbx.ppo.policies\nPPOPolicy\n)R.",
    "a policy in itself": lambda whole: b"\x80\x04csbx.ppo.policies\nPPOPolicy\n)R\x94}\x8c\x0bactor_stateh\x00sb.",
}


@pytest.mark.parametrize("kind", PICKLES)
def test_a_damaged_policy(kind, sbx, policy, refused):
    match = "is damaged|no policy of SBX|no parameters|is not as SBX saves it"
    refused(sbx(PICKLES[kind](policy)), match, "ModelError", env=ENV)


def with_state(params):
    """A policy whose actor has these parameters, as a pickle of records."""
    inner = pickle.dumps({"params": params}, 3)[2:-1]
    policy = b"\x80\x03csbx.ppo.policies\nPPOPolicy\n)R}X\x0b\x00\x00\x00actor_state"
    return policy + b"cflax.training.train_state\nTrainState\n)R" + inner + b"bsb."


CYCLE = {}
CYCLE["a"] = CYCLE
STATES = {
    "a cycle": CYCLE,
    "a name that is a path": {"../x": np.zeros(2)},
    "numbers for names": {3: np.zeros(2)},
    "objects": {"Dense_0": {"kernel": np.array([None])}},
    "texts": {"Dense_0": {"kernel": np.array(["a"])}},
    "lists": {"Dense_0": [1, 2]},
    "thousands of arrays": {f"Dense_{number}": {"kernel": np.zeros(1)} for number in range(3000)},
}


@pytest.mark.parametrize("kind", STATES)
def test_hostile_parameters(kind, sbx, refused):
    refused(sbx(with_state(STATES[kind])), "is not as SBX saves it|is damaged|no parameters", "ModelError", env=ENV)


@pytest.mark.parametrize("text", [3, None, "???", "A" * 7, ["x"]])
def test_an_entry_that_is_no_base_64(text, sbx, refused, honest):
    entry = json.loads(honest["data"])["policy"] | {":serialized:": text}
    refused(sbx(settings={"policy": entry}), "has no policy|is damaged", "ModelError", env=ENV)


def test_a_bomb_among_its_members(honest, tmp_path, refused):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", honest["data"])
        archive.writestr("other", b"\0" * 2**25)
    refused(path, "would unpack from", env=ENV)
